//! Strangers' words, made fit for a terminal, and numbers as people read them.

use std::fmt::Write as _;
use std::time::Duration;

/// What can do nothing to a terminal: whatever is not printable ASCII becomes `\DDD`, as in the presentation form of names (RFC 1035 section
/// 5.1). Names come in that form already, so that a backslash stays what it is.
pub(super) fn safe(words: &str) -> String {
    let mut text = String::with_capacity(words.len());
    for &byte in words.as_bytes() {
        match byte {
            b' '..=b'~' => text.push(char::from(byte)),
            // Writing to memory does not fail.
            _ => drop(write!(text, "\\{byte:03}")),
        }
    }
    text
}

/// As much of a text as fits, with `mark` where something is missing. The text is safe.
pub(super) fn cut(text: &str, width: usize, mark: &str) -> String {
    if text.len() <= width {
        return text.to_owned();
    }
    let kept = width.saturating_sub(1);
    let mut short: String = text.chars().take(kept).collect();
    if width > 0 {
        short.push_str(mark);
    }
    short
}

/// The same with the gap in the middle, for what ends with what matters: names in their zone, servers in their port.
pub(super) fn cut_within(text: &str, width: usize, mark: &str) -> String {
    if text.len() <= width || width < 3 {
        return cut(text, width, mark);
    }
    let end = (width - 1) / 2;
    let (head, tail) = (text.get(..width - 1 - end), text.get(text.len() - end..));
    format!("{}{mark}{}", head.unwrap_or_default(), tail.unwrap_or_default())
}

/// A whole number with its thousands apart.
pub(super) fn number(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// The nearest whole number that is not below 0.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "what does not fit becomes the largest or 0"
)]
pub(super) fn whole(value: f64) -> u64 {
    value.round() as u64
}

/// A rate: few of them with a digit behind the point.
pub(super) fn rate(value: f64) -> String {
    match value {
        _ if !value.is_finite() || value < 0.0 => "-".to_owned(),
        0.0 => "0".to_owned(),
        _ if value < 0.05 => "<0.1".to_owned(),
        _ if value < 9.95 => format!("{value:.1}"),
        _ if value < 99_999.5 => number(whole(value)),
        _ if value < 9_999_500.0 => format!("{}k", number(whole(value / 1e3))),
        _ => format!("{}M", number(whole(value / 1e6))),
    }
}

/// A part of a whole, from 0 to 1. Not all of it is never 100 %.
pub(super) fn percent(part: f64) -> String {
    let hundredths = part * 100.0;
    match hundredths {
        _ if !hundredths.is_finite() => "-".to_owned(),
        _ if (99.95..100.0).contains(&hundredths) => "99.9%".to_owned(),
        _ if hundredths >= 99.95 => "100%".to_owned(),
        _ => format!("{hundredths:.1}%"),
    }
}

/// A time that an answer takes, in the unit that suits it; `micro` is how a millionth is written.
pub(super) fn duration(seconds: f64, micro: &str) -> String {
    match seconds {
        _ if !seconds.is_finite() || seconds < 0.0 => "-".to_owned(),
        _ if seconds < 0.000_999_5 => format!("{:.0} {micro}", seconds * 1e6),
        _ if seconds < 0.009_995 => format!("{:.2} ms", seconds * 1e3),
        _ if seconds < 0.099_95 => format!("{:.1} ms", seconds * 1e3),
        _ if seconds < 0.999_5 => format!("{:.0} ms", seconds * 1e3),
        _ => format!("{seconds:.1} s"),
    }
}

/// How long a process has been there.
pub(super) fn age(seconds: u64) -> String {
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    match days {
        0 => format!("{hours:02}:{minutes:02}:{:02}", seconds % 60),
        _ => format!("{days}d {hours:02}:{minutes:02}"),
    }
}

/// The time of day, UTC.
pub(super) fn clock(since_1970: Duration) -> String {
    let seconds = since_1970.as_secs() % 86_400;
    format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

/// Bytes.
pub(super) fn bytes(value: u64) -> String {
    match value {
        _ if value < 10 << 10 => format!("{} B", number(value)),
        _ if value < 1 << 20 => format!("{} KiB", number(value >> 10)),
        _ if value < 100 << 20 => format!("{:.1} MiB", value as f64 / f64::from(1 << 20)),
        _ => format!("{} MiB", number(value >> 20)),
    }
}
