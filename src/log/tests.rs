//! Lines as they come out, in both forms.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::metrics::WorkerMetrics;
use crate::sys::clock::Moment;

/// A writer that keeps what is written.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<u8>>>);

impl Kept {
    /// Everything written so far.
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl io::Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Kept {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

/// What `speak` logs.
fn logged(level: Level, format: Format, speak: impl FnOnce()) -> String {
    let kept = Kept::default();
    tracing::subscriber::with_default(subscriber(&Log { level, format }, kept.clone()).0, speak);
    kept.text()
}

/// A line without its time, which must be RFC 3339 in UTC.
fn without_time<'a>(line: &'a str, before: &str, after: &str) -> &'a str {
    let (time, rest) = line.strip_prefix(before).unwrap().split_once(after).unwrap();
    let shape: String = time.chars().map(|c| if c.is_ascii_digit() { '9' } else { c }).collect();
    assert_eq!(shape, "9999-99-99T99:99:99.999999Z", "{line}");
    rest
}

#[test]
fn a_text_line_is_time_level_message_and_keys() {
    let line = logged(Level::Info, Format::Text, || {
        tracing::info!(service = "metrics", address = %"127.0.0.1:9253", tries = 3, up = true, "listening");
    });
    assert_eq!(
        without_time(&line, "time=", " "),
        "level=info msg=\"listening\" service=metrics address=127.0.0.1:9253 tries=3 up=true\n"
    );
}

#[test]
fn a_json_line_has_the_same_keys() {
    let line = logged(Level::Info, Format::Json, || {
        tracing::warn!(service = "metrics", tries = 3, ratio = 0.5, odd = f64::NAN, "not \"listening\"");
    });
    assert_eq!(
        without_time(&line, "{\"time\":\"", "\","),
        "\"level\":\"warn\",\"msg\":\"not \\\"listening\\\"\",\"service\":\"metrics\",\"tries\":3,\"ratio\":0.5,\"odd\":\"NaN\"}\n"
    );
}

#[test]
fn a_level_hides_what_is_below_it() {
    let speak = || {
        tracing::error!("e");
        tracing::warn!("w");
        tracing::info!("i");
        tracing::debug!("d");
    };
    for (level, lines) in [(Level::Error, 1), (Level::Warn, 2), (Level::Info, 3), (Level::Debug, 4)] {
        assert_eq!(logged(level, Format::Text, speak).lines().count(), lines, "{level:?}");
    }
}

#[test]
fn libraries_are_heard_at_level_debug_only() {
    let speak = || tracing::error!(target: "a_library", "request handled");
    assert_eq!(logged(Level::Info, Format::Text, speak), "");
    assert!(logged(Level::Debug, Format::Text, speak).ends_with("msg=\"request handled\" target=a_library\n"));
}

#[test]
fn held_back_lines_are_announced() {
    let limiter = LogLimiter::new(Arc::new(WorkerMetrics::default()));
    let start = Moment::from_secs(1);
    let lines = logged(Level::Info, Format::Text, || {
        for now in [start; 47].into_iter().chain([start + Duration::from_secs(60)]) {
            if limiter.admits(Topic::Upstream, now) {
                tracing::warn!("handshake failed");
            }
        }
    });
    assert_eq!(lines.lines().count(), 10 + 2);
    assert!(lines.contains("level=warn msg=\"37 similar lines suppressed\" topic=upstream\n"));
}

/// N32
#[test]
fn the_level_can_be_changed_while_the_log_is_written() {
    let kept = Kept::default();
    let (subscriber, control) = subscriber(&Log { level: Level::Error, format: Format::Text }, kept.clone());
    tracing::subscriber::with_default(subscriber, || {
        for (level, text) in [(Level::Warn, "one"), (Level::Error, "two"), (Level::Info, "three")] {
            control.set(level);
            tracing::warn!("{text}");
        }
    });
    let text = kept.text();
    assert!(text.contains("one") && !text.contains("two") && text.contains("three"), "{text}");
}

proptest! {
    #[test]
    fn no_value_leaves_its_line(value in any::<String>(), json in any::<bool>()) {
        let format = if json { Format::Json } else { Format::Text };
        let line = logged(Level::Info, format, || tracing::info!(value, "{value}"));
        prop_assert_eq!(line.matches('\n').count(), 1);
        prop_assert!(line.ends_with('\n'));
        let content = line.trim_end_matches('\n');
        prop_assert!(!content.chars().any(char::is_control));
        let misleading = content.contains(['\u{2028}', '\u{2029}', '\u{202e}', '\u{feff}']);
        prop_assert!(!misleading);
        // Quotes that are not escaped come in pairs, so that no value ends another's.
        let mut open = 0;
        let mut characters = content.chars();
        while let Some(character) = characters.next() {
            match character {
                '\\' => prop_assert!(characters.next().is_some()),
                '"' => open += 1,
                _ => {}
            }
        }
        prop_assert_eq!(open % 2, 0);
    }
}
