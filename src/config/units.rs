//! Durations and sizes as text: a whole number and a unit, and nothing else.
//!
//! A number without a unit is refused rather than guessed: "30" is seconds to one operator and milliseconds to the next.

use std::time::Duration;

use super::mistake::Fault;

/// Units of time in milliseconds, the longest first.
const TIME: [(&str, u64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// Units of size in bytes; binary ones first, so that they are preferred for printing.
const SIZE: [(&str, u64); 7] = [
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("kB", 1_000),
    ("B", 1),
];

/// Reads a duration such as "250ms" or "5s".
pub(super) fn parse_duration(text: &str) -> Result<Duration, Fault> {
    parse(text, &TIME, "duration", "s").map(Duration::from_millis)
}

/// Reads a size in bytes such as "32MiB".
pub(super) fn parse_size(text: &str) -> Result<u64, Fault> {
    parse(text, &SIZE, "size", "MiB")
}

/// Prints a duration in the longest unit that loses nothing; less than a millisecond is not kept.
pub(crate) fn print_duration(duration: Duration) -> String {
    let milliseconds = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    if milliseconds == 0 {
        return "0s".to_owned();
    }
    print(milliseconds, &TIME)
}

/// Prints a size in the largest unit that loses nothing.
pub(super) fn print_size(bytes: u64) -> String {
    print(bytes, &SIZE)
}

/// Reads a number and one of the `units`; `usual` is the unit that somebody who wrote none is shown.
fn parse(text: &str, units: &[(&str, u64)], noun: &str, usual: &str) -> Result<u64, Fault> {
    let names = || units.iter().rev().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, unit) = text.split_at(end);
    if digits.is_empty() {
        let right = format!("a whole number and a unit ({}), such as \"10{usual}\"", names());
        return Err(Fault::new(format!("{text:?} is not a {noun}"), right));
    }
    if unit.is_empty() {
        return Err(Fault::new(
            format!("{text:?} has no unit"),
            format!("\"{digits}{usual}\" or another of {}", names()),
        ));
    }
    let Some((_, factor)) = units.iter().find(|(name, _)| *name == unit) else {
        let trimmed = unit.trim();
        let meant = units.iter().map(|(name, _)| *name).find(|name| name.eq_ignore_ascii_case(trimmed));
        let right = match meant {
            Some(name) => format!("\"{digits}{name}\""),
            None => format!("one of {}, such as \"{digits}{usual}\"", names()),
        };
        return Err(Fault::new(format!("{text:?} has the unknown unit {unit:?}"), right));
    };
    let number: Option<u64> = digits.parse().ok();
    number
        .and_then(|number| number.checked_mul(*factor))
        .ok_or_else(|| Fault::new(format!("{text:?} is more than can be counted"), "a smaller number".to_owned()))
}

/// Prints a number in the first of the `units` that divides it.
fn print(number: u64, units: &[(&str, u64)]) -> String {
    units
        .iter()
        .find(|(_, factor)| number >= *factor && number.is_multiple_of(*factor))
        .map_or_else(|| format!("0{}", units[units.len() - 1].0), |(name, factor)| format!("{}{name}", number / factor))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::{parse_duration, parse_size, print_duration, print_size};

    #[test]
    fn every_unit_is_read() {
        for (text, milliseconds) in
            [("250ms", 250), ("5s", 5_000), ("10m", 600_000), ("24h", 86_400_000), ("1d", 86_400_000), ("0s", 0)]
        {
            assert_eq!(parse_duration(text), Ok(Duration::from_millis(milliseconds)));
        }
        for (text, bytes) in [
            ("1KiB", 1024),
            ("1MiB", 1 << 20),
            ("1GiB", 1 << 30),
            ("1kB", 1000),
            ("2MB", 2_000_000),
            ("3GB", 3_000_000_000),
            ("7B", 7),
        ] {
            assert_eq!(parse_size(text), Ok(bytes));
        }
    }

    #[test]
    fn what_is_wrong_is_said_and_what_would_be_right() {
        for (text, wrong, right) in [
            ("30", "\"30\" has no unit", "\"30s\" or another of ms, s, m, h, d"),
            ("30S", "\"30S\" has the unknown unit \"S\"", "\"30s\""),
            ("30 s", "\"30 s\" has the unknown unit \" s\"", "\"30s\""),
            ("30sec", "\"30sec\" has the unknown unit \"sec\"", "one of ms, s, m, h, d, such as \"30s\""),
            ("1.5s", "\"1.5s\" has the unknown unit \".5s\"", "one of ms, s, m, h, d, such as \"1s\""),
            ("soon", "\"soon\" is not a duration", "a whole number and a unit (ms, s, m, h, d), such as \"10s\""),
            ("-1s", "\"-1s\" is not a duration", "a whole number and a unit (ms, s, m, h, d), such as \"10s\""),
            ("", "\"\" is not a duration", "a whole number and a unit (ms, s, m, h, d), such as \"10s\""),
            ("99999999999999999999s", "\"99999999999999999999s\" is more than can be counted", "a smaller number"),
        ] {
            let fault = parse_duration(text).unwrap_err();
            assert_eq!((fault.wrong.as_str(), fault.right.as_str()), (wrong, right));
        }
        let fault = parse_size("32mib").unwrap_err();
        assert_eq!(fault.right, "\"32MiB\"");
    }

    proptest! {
        #[test]
        fn what_is_printed_reads_back(number in 0_u64..1 << 50) {
            prop_assert_eq!(parse_duration(&print_duration(Duration::from_millis(number))), Ok(Duration::from_millis(number)));
            prop_assert_eq!(parse_size(&print_size(number)), Ok(number));
        }
    }
}
