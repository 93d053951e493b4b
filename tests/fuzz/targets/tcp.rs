//! Hands libFuzzer's bytes to [`properties::tcp`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| properties::tcp::check(data));
