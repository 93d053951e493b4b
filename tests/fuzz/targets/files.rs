//! Hands libFuzzer's bytes to [`properties::files`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| properties::files::check(data));
