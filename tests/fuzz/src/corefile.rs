//! Any text as a Corefile: refused with a place and a reason, or compiled to a configuration that the first front end takes.

use nodens::config::{Config, Environment};
use nodens::corefile::{Nothing, compile, parse};

/// Parses and compiles it on no machine in particular.
pub fn check(text: &str) {
    let made = parse(text, "Corefile", &Nothing).and_then(|tree| compile(&tree, &Nothing));
    match made {
        Err(mistakes) => {
            assert!(!mistakes.is_empty(), "refused without a reason");
            let lines = u32::try_from(text.lines().count()).expect("the fuzzer's texts are short");
            for mistake in mistakes {
                assert!((1..=lines.max(1)).contains(&mistake.place.line), "{mistake}: there are {lines} lines");
                assert!(!mistake.wrong.is_empty() && !mistake.right.is_empty(), "{mistake}");
            }
        }
        Ok(compiled) => {
            let loaded = Config::parse(&compiled.toml, "document", &Environment::neutral());
            assert!(loaded.is_ok(), "{loaded:?}\n{}", compiled.toml);
            for notice in compiled.notices {
                assert!(!notice.differs.is_empty() && !notice.instead.is_empty(), "{notice}");
            }
        }
    }
}
