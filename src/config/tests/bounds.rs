//! The bounds of every option that has some, driven by the table; and texts that nobody would write.

use std::time::Duration;

use proptest::prelude::*;

use super::{ROOT, load, mistakes};
use crate::config::options::{Kind, Section, Setting, settings};
use crate::config::units::{print_duration, print_size};
use crate::config::{Config, Environment, reference};

/// A text in which one option has this value, and the line it is in.
fn with(setting: &Setting, value: &str) -> (String, usize) {
    let line = format!("{} = {value}\n", setting.key);
    let text = match setting.section {
        Section::Upstream => ROOT.replacen("[[zone]]", &format!("{line}[[zone]]"), 1),
        Section::Zone => format!("{ROOT}{line}"),
        section => format!("{}\n{line}{ROOT}", section.header()),
    };
    let number = text.lines().position(|other| other == line.trim_end()).unwrap() + 1;
    (text, number)
}

/// Checks that a value is taken, as it is.
fn accept(setting: &Setting, value: &str) {
    let (text, _) = with(setting, value);
    let printed = load(&text).config.to_string();
    assert!(
        printed.contains(&format!("\n{} = {value}\n", setting.key)),
        "{} = {value} became\n{printed}",
        setting.path()
    );
}

/// Checks that a value is refused, with the range.
fn refuse(setting: &Setting, value: &str) {
    let (text, line) = with(setting, value);
    let column = setting.key.len() + 4;
    let wrong = format!("f.toml:{line}:{column}: {}: {value} is out of range; {}", setting.path(), setting.kind);
    assert_eq!(mistakes(&text), [wrong]);
}

#[test]
fn every_bound_is_inclusive_and_nothing_is_clamped() {
    let mut count = 0;
    for setting in settings() {
        let (inside, outside) = match setting.kind {
            Kind::Integer { minimum, maximum, .. } => {
                let below = minimum.checked_sub(1).map_or_else(|| "-1".to_owned(), |below| below.to_string());
                ([minimum.to_string(), maximum.to_string()], [Some(below), Some((maximum + 1).to_string())])
            }
            Kind::Duration { minimum, maximum } => durations(minimum, maximum, Duration::from_millis(1)),
            Kind::Ttl { minimum, maximum } => durations(minimum, maximum, Duration::from_secs(1)),
            Kind::Size { minimum, maximum } => {
                let quoted = |bytes| format!("\"{}\"", print_size(bytes));
                ([quoted(minimum), quoted(maximum)], [minimum.checked_sub(1).map(quoted), Some(quoted(maximum + 1))])
            }
            _ => continue,
        };
        inside.iter().for_each(|value| accept(setting, value));
        outside.iter().flatten().for_each(|value| refuse(setting, value));
        count += 1;
    }
    assert!(count > 20, "only {count} options have bounds");
}

/// The bounds of a duration, and what lies just outside of them. There is nothing below zero to write.
fn durations(minimum: Duration, maximum: Duration, step: Duration) -> ([String; 2], [Option<String>; 2]) {
    let quoted = |duration| format!("\"{}\"", print_duration(duration));
    ([quoted(minimum), quoted(maximum)], [minimum.checked_sub(step).map(quoted), Some(quoted(maximum + step))])
}

#[test]
fn numbers_beyond_all_bounds_are_out_of_range() {
    let setting = Section::Listen.setting("workers").unwrap();
    for value in ["-9223372036854775809", "18446744073709551616", "999999999999999999999999999999999999999999"] {
        refuse(setting, value);
    }
    assert_eq!(load(&with(setting, "0x10").0).config.listen.workers, 16);
}

proptest! {
    #[test]
    fn no_text_panics(text in ".{0,200}") {
        let _ = Config::parse(&text, "f.toml", &Environment::neutral());
    }

    #[test]
    fn no_text_that_looks_like_toml_panics(text in r#"(\[\[?(listen|upstream|zone|cache|x)\]?\]|name|servers|size|addresses|=| |\n|"|'|,|\[|\]|\{|\}|#|tls://|[0-9a-z.:/é]{1,4}){0,60}"#) {
        let _ = Config::parse(&text, "f.toml", &Environment::neutral());
    }

    #[test]
    fn no_damage_to_the_reference_panics(at in 0_usize..16_384, length in 0_usize..40, patch in ".{0,6}") {
        let mut text: Vec<char> = reference().replace("\n#", "\n").chars().collect();
        let start = at.min(text.len());
        let end = (start + length).min(text.len());
        text.splice(start..end, patch.chars());
        let text: String = text.into_iter().collect();
        if let Ok(loaded) = Config::parse(&text, "f.toml", &Environment::neutral()) {
            let printed = loaded.config.to_string();
            prop_assert_eq!(load(&printed).config, loaded.config);
        }
    }

    #[test]
    fn every_mistake_has_a_line_of_the_file(text in "(\\[(listen|cache)\\]\n|(workers|size|rotat|allow) ?= ?(\"[0-9]{1,3}[a-zA-Z]{0,3}\"|[0-9]{1,4}|\\[\"x\",\n 1\\]|true)\n){0,12}") {
        if let Err(mistakes) = Config::parse(&text, "f.toml", &Environment::neutral()) {
            prop_assert!(!mistakes.is_empty());
            for mistake in mistakes {
                prop_assert!(mistake.line.is_some_and(|line| line >= 1 && line <= text.lines().count() + 1), "{}", mistake);
            }
        }
    }
}
