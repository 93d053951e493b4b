//! Hands libFuzzer's bytes to [`properties::name`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| properties::name::check(data));
