//! Hands libFuzzer's bytes to [`properties::edns`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| properties::edns::check(data));
