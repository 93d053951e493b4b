//! Hands libFuzzer's bytes to [`properties::snapshot`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| properties::snapshot::check(data));
