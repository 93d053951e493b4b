//! Hands libFuzzer's bytes to [`properties::validate`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| properties::validate::check(data));
