//! Regular expressions over names, and what they put in their place.
//!
//! Names are compared as CoreDNS compares them: as text, in lower case, with the last dot. Expressions are of the `regex` crate, which knows what
//! Go's know but for rarely used escapes, and takes time in proportion to the name whatever the expression; their size in memory is bounded.

use regex::bytes::{Captures, Regex, RegexBuilder};

use crate::wire::name;

/// Largest size of a compiled expression in bytes. A guess: those in use take some kilobytes.
const MAX_SIZE: usize = 256 << 10;

/// Longest expression (that of CoreDNS).
const MAX_TEXT: usize = 10_000;

/// A compiled expression.
#[derive(Clone, Debug)]
pub(super) struct Pattern(Regex);

impl Pattern {
    /// Compiles an expression.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub(super) fn new(text: &str) -> Result<Self, String> {
        if text.len() > MAX_TEXT {
            return Err(format!("the regular expression has {} bytes; at most {MAX_TEXT}", text.len()));
        }
        let built = RegexBuilder::new(text).unicode(false).size_limit(MAX_SIZE).dfa_size_limit(MAX_SIZE).build();
        built.map(Self).map_err(|error| match error {
            regex::Error::CompiledTooBig(_) => {
                format!("{text:?} becomes larger than {MAX_SIZE} bytes; write it shorter")
            }
            // The library points at the place in lines of its own; the last line says what is wrong.
            error => {
                format!("{text:?} is no regular expression: {}", error.to_string().lines().last().unwrap_or_default())
            }
        })
    }

    /// What it finds in a name.
    pub(super) fn find<'t>(&self, text: &'t str) -> Option<Captures<'t>> {
        self.0.captures(text.as_bytes())
    }

    /// Whether it finds anything.
    pub(super) fn matches(&self, text: &str) -> bool {
        self.0.is_match(text.as_bytes())
    }

    /// How many groups it has, the whole not counted.
    pub(super) fn groups(&self) -> usize {
        self.0.captures_len() - 1
    }

    /// Whether it has a group of that name or number.
    pub(super) fn has_group(&self, name: &str) -> bool {
        let number = name.parse::<usize>().is_ok_and(|number| number <= self.groups());
        number || self.0.capture_names().flatten().any(|known| known == name)
    }
}

/// What a group of that name or number found; empty if it took no part.
pub(super) fn group<'t>(found: &Captures<'t>, name: &str) -> &'t str {
    let by_number = || found.get(name.parse().ok()?);
    let group = found.name(name).or_else(by_number);
    // Names are text of ASCII alone, and so is each part of one.
    group.and_then(|group| std::str::from_utf8(group.as_bytes()).ok()).unwrap_or_default()
}

/// A replacement with what groups found in the place of "{0}", "{1}" and so on; what else stands in braces stays.
pub(super) fn fill(replacement: &str, found: &Captures<'_>) -> String {
    let (mut text, mut rest) = (String::with_capacity(replacement.len()), replacement);
    while let Some((before, behind)) = rest.split_once('{') {
        text.push_str(before);
        match behind.split_once('}') {
            Some((number, after)) if number.parse::<usize>().is_ok_and(|number| number < found.len()) => {
                text.push_str(group(found, number));
                rest = after;
            }
            _ => {
                text.push('{');
                rest = behind;
            }
        }
    }
    text + rest
}

/// The largest number in braces in a replacement; `None` without any.
pub(super) fn largest_group(replacement: &str) -> Option<usize> {
    let numbers = replacement.split('{').skip(1).filter_map(|part| part.split_once('}')?.0.parse().ok());
    numbers.max()
}

/// A name as text that rules are about; lower-case as the name is.
pub(super) fn text(name: &[u8]) -> String {
    name::display(name).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_take_the_place_of_numbers_in_braces() {
        let pattern = Pattern::new(r"^(?P<host>[a-z]+)-(us|eu)\.example\.$").unwrap();
        let found = pattern.find("ftp-eu.example.").unwrap();
        for (replacement, filled) in [
            ("{1}.service.{2}.consul.", "ftp.service.eu.consul."),
            ("{0}", "ftp-eu.example."),
            ("{3}{x}{", "{3}{x}{"),
            ("plain", "plain"),
        ] {
            assert_eq!(fill(replacement, &found), filled);
        }
        assert_eq!((group(&found, "host"), group(&found, "2"), group(&found, "none")), ("ftp", "eu", ""));
        assert!(pattern.has_group("host") && pattern.has_group("2") && !pattern.has_group("3"));
        assert_eq!((largest_group("{1}{12}{a}"), largest_group("{")), (Some(12), None));
    }

    #[test]
    fn what_is_no_expression_or_too_large_is_said() {
        for (text, wrong) in [
            ("(", "is no regular expression"),
            (r"(?=a)", "is no regular expression"),
            ("(a{1000}){1000}", "becomes larger"),
            (&"a".repeat(10_001), "has 10001 bytes"),
        ] {
            let said = Pattern::new(text).unwrap_err();
            assert!(said.contains(wrong), "{said}");
        }
    }

    #[test]
    fn nothing_takes_longer_than_the_name_is_long() {
        // Exponential in libraries that try one way after the other.
        let pattern = Pattern::new("^(a|aa)+$").unwrap();
        assert!(!pattern.matches(&format!("{}b", "a".repeat(250))));
    }
}
