//! Columns, each as wide as what is in it.

/// A table with a head; numbers stand to the right.
pub(super) fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let cell = |row: &[String], column: usize| row.get(column).cloned().unwrap_or_default();
    let head: Vec<String> = head.iter().map(|&word| word.to_owned()).collect();
    let is_number = |column: usize| {
        let all = || rows.iter().map(|row| cell(row, column)).filter(|text| text != "-");
        let begins = |text: String| text.starts_with(|first: char| first.is_ascii_digit());
        all().next().is_some()
            && all().all(|text| begins(text.clone()) && !text.contains("://") && text.matches('.').count() < 2)
    };
    let width =
        |column: usize| rows.iter().chain([&head]).map(|row| cell(row, column).chars().count()).max().unwrap_or(0);
    let columns: Vec<(usize, bool)> = (0..head.len()).map(|column| (width(column), is_number(column))).collect();
    let line = |row: &Vec<String>| {
        let mut text = String::new();
        for (column, (width, to_the_right)) in columns.iter().enumerate() {
            let cell = cell(row, column);
            let padding = " ".repeat(width - cell.chars().count());
            text += &if *to_the_right { format!("{padding}{cell}  ") } else { format!("{cell}{padding}  ") };
        }
        text.trim_end().to_owned() + "\n"
    };
    [&head].into_iter().chain(rows).map(line).collect()
}

/// Names with values, a line each; one without a value is left out.
pub(super) fn list(pairs: &[(&str, String)]) -> String {
    let pairs = || pairs.iter().filter(|(_, value)| !value.is_empty());
    let width = pairs().map(|(name, _)| name.len()).max().unwrap_or(0);
    pairs()
        .map(|(name, value)| format!("{name:width$}  {}\n", value.replace('\n', &format!("\n{:width$}  ", ""))))
        .collect()
}

/// A part of something in hundredths.
pub(super) fn percent(part: u64, of: u64) -> String {
    if of == 0 { "-".to_owned() } else { format!("{:.1} %", part as f64 / of as f64 * 100.0) }
}

/// Bytes in words.
pub(super) fn bytes(count: u64) -> String {
    match count {
        0..1024 => format!("{count} B"),
        1024..0x10_0000 => format!("{:.1} KiB", count as f64 / 1024.0),
        _ => format!("{:.1} MiB", count as f64 / 1_048_576.0),
    }
}

/// A time in words.
pub(super) fn time(seconds: u64) -> String {
    match (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60, seconds % 60) {
        (0, 0, 0, seconds) => format!("{seconds} s"),
        (0, 0, minutes, seconds) => format!("{minutes} min {seconds} s"),
        (0, hours, minutes, _) => format!("{hours} h {minutes} min"),
        (days, hours, ..) => format!("{days} d {hours} h"),
    }
}

/// Milliseconds, or that they are not known.
pub(super) fn milliseconds(time: Option<f64>) -> String {
    time.map_or_else(|| "-".to_owned(), |time| format!("{time:.1}"))
}
