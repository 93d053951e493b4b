//! Hands libFuzzer's text to [`properties::config`].
#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| properties::config::check(text));
