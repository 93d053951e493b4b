//! Hands libFuzzer's bytes to [`properties::stream`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| properties::stream::check(data));
