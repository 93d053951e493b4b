//! Hands libFuzzer's bytes to [`properties::query`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| properties::query::check(data));
