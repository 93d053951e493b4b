//! The reference file: every option with its default, and above it what it is for, its unit and its range.
//!
//! Made from the table of options. A line that begins with "#" and no space is TOML as it holds without the file: with these signs
//! removed the file says the same as an empty one. A line that begins with "# " is for people.

use std::fmt::Write;

use super::options::{Section, Setting, Silent};

/// The longest line, in characters.
const WIDTH: usize = 100;

/// What the file begins with.
const INTRODUCTION: &str = "nodens reference configuration: every option, its default, range and unit. \
    Made by \"nodens generate config\"; do not edit it, write a file with the few lines that differ.";
/// How to read it.
const LEGEND: &str = "A line that begins with # and no space is an option with its default: remove the # and change the value. \
    For [[upstream]] and [[zone]], remove it from their headline, too. [[rewrite]] and [[template]] hold only where they are written: examples. Where a default depends on the machine, a line with \"# \" shows an example. Durations carry a unit: ms, s, m, h, d. \
    So do sizes: B, kB, MB, GB, KiB, MiB, GiB. \"nodens check FILE\" names every mistake of a file, or prints all that holds.";

/// The reference file.
#[must_use]
pub fn reference() -> String {
    let mut text = String::new();
    paragraph(&mut text, INTRODUCTION);
    text.push_str("#\n");
    paragraph(&mut text, LEGEND);
    for section in Section::ALL {
        text.push('\n');
        paragraph(&mut text, section.doc());
        // An empty section says nothing, and whoever sets an option in it cannot forget its headline. A second `[[zone]]` would say a lot.
        let sign = match (section.is_repeated(), section.is_forwarding()) {
            (false, _) => "",
            (true, true) => "#",
            // There is none by itself.
            (true, false) => "# ",
        };
        line(&mut text, format_args!("{sign}{}", section.header()));
        for setting in section.settings() {
            text.push('\n');
            option(&mut text, setting);
        }
    }
    text
}

/// An option: what it is for, what may be written, what holds.
fn option(text: &mut String, setting: &Setting) {
    let key = setting.key;
    paragraph(text, setting.doc);
    let kind = format!("Value: {}", setting.kind);
    let sign = if setting.section.is_repeated() && !setting.section.is_forwarding() { "# " } else { "#" };
    match setting.silent {
        Silent::Value(value) => {
            paragraph(text, &format!("{kind}."));
            line(text, format_args!("{sign}{key} = {value}"));
        }
        Silent::Derived { words, example } => {
            paragraph(text, &format!("{kind}. Default: {words}."));
            line(text, format_args!("# {key} = {example}"));
        }
        Silent::Required { example } => {
            paragraph(text, &format!("{kind}. Must be there."));
            line(text, format_args!("{sign}{key} = {example}"));
        }
    }
}

/// Writes one line.
fn line(text: &mut String, content: std::fmt::Arguments<'_>) {
    writeln!(text, "{content}").expect("a String takes everything");
}

/// Writes words as comment lines that are not too long.
fn paragraph(text: &mut String, words: &str) {
    let mut column = 0;
    for word in words.split(' ') {
        let length = word.chars().count() + 1;
        if column == 0 || column + length > WIDTH {
            if column > 0 {
                text.push('\n');
            }
            text.push('#');
            column = 1;
        }
        text.push(' ');
        text.push_str(word);
        column += length;
    }
    text.push('\n');
}
