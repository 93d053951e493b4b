//! Hands libFuzzer's bytes to [`properties::local`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| properties::local::check(data));
