//! Hands libFuzzer's bytes to [`properties::hit`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| properties::hit::check(data));
