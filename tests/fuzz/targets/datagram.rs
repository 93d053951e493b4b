//! Hands libFuzzer's bytes to [`properties::datagram`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| properties::datagram::check(data));
