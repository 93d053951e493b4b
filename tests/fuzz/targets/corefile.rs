//! Hands libFuzzer's text to [`properties::corefile`].
#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| properties::corefile::check(text));
