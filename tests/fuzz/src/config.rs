//! Any text as a configuration: it is refused with a reason, or it prints and reads back as the same.

use nodens::config::{Config, Environment};

/// Reads it, and what it prints, and what that prints.
pub fn check(text: &str) {
    // Files that a configuration names are looked at; the fuzzer's shall not be.
    if text.contains('/') && ["ca", "hosts", "block-file"].iter().any(|key| text.contains(key)) {
        return;
    }
    let environment = Environment::neutral();
    match Config::parse(text, "text", &environment) {
        Err(mistakes) => {
            assert!(!mistakes.is_empty(), "refused without a reason");
            for mistake in mistakes {
                assert!(!mistake.to_string().trim().is_empty());
            }
        }
        Ok(loaded) => {
            let printed = loaded.config.to_string();
            match Config::parse(&printed, "printed", &environment) {
                Ok(again) => assert_eq!(again.config, loaded.config, "printed as\n{printed}"),
                Err(mistakes) => panic!("{mistakes:?} in\n{printed}"),
            }
        }
    }
}
