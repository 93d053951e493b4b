//! The manual page of the configuration file, nodens.toml(5): the same table as the reference file, as roff.

use clap_mangen::roff::{Roff, bold, italic, roman};

use super::options::{Section, Setting, Silent};

/// How a file is written and found.
const DESCRIPTION: &[&str] = &[
    "The configuration of nodens(1), in TOML. What a file is silent about has its default, so that most files have a few lines. \
     Any [[upstream]] or [[zone]] replaces the built-in ones. Unknown keys are mistakes.",
    "The daemon follows the file, and files that it names. A change, or SIGHUP, takes effect without a restart; a file with a mistake changes \
     nothing, and the log says where it is. nodens-check(1) prints all mistakes of a file, or everything that holds; nodens-generate(1) prints all \
     options as a file.",
    "Durations carry a unit: ms, s, m, h, d. So do sizes: B, kB, MB, GB, KiB, MiB, GiB.",
];

/// A file to begin with.
const EXAMPLE: &str = include_str!("../../config/minimal.toml");

/// The page; `day` and `source` stand at its foot.
#[must_use]
pub fn manual_page(day: &str, source: &str) -> String {
    let mut page = Roff::new();
    page.control("TH", ["nodens.toml", "5", day, source, "nodens manual"]);
    page.control("SH", ["NAME"]);
    page.text([roman("nodens.toml - configuration of the DNS cache nodens")]);
    page.control("SH", ["DESCRIPTION"]);
    for (number, paragraph) in DESCRIPTION.iter().enumerate() {
        if number > 0 {
            page.control("PP", []);
        }
        page.text([roman(*paragraph)]);
    }
    page.control("SH", ["OPTIONS"]);
    for section in Section::ALL {
        page.control("SS", [section.header().as_str()]);
        page.text([roman(section.doc())]);
        for setting in section.settings() {
            option(&mut page, setting);
        }
    }
    page.control("SH", ["EXAMPLES"]);
    page.control("EX", []);
    for line in EXAMPLE.lines() {
        page.text([roman(line)]);
    }
    page.control("EE", []);
    page.control("SH", ["FILES"]);
    page.control("TP", []);
    page.text([bold("/etc/nodens/nodens.toml")]);
    page.text([roman("Where the service that packages install reads it.")]);
    page.control("SH", ["SEE ALSO"]);
    page.text([roman("nodens(1), nodens-check(1), nodens-generate(1), nodens-ctl(1)")]);
    page.render()
}

/// An option: its key and default, what it is for, what may be written.
fn option(page: &mut Roff, setting: &Setting) {
    page.control("TP", []);
    let (value, words) = match setting.silent {
        Silent::Value(value) => (format!(" = {value}"), String::new()),
        Silent::Derived { words, .. } => (String::new(), format!(" Default: {words}.")),
        Silent::Required { example } => (String::new(), format!(" Must be there; for example {example}.")),
    };
    page.text([bold(setting.key), roman(value)]);
    page.text([roman(setting.doc)]);
    page.control("br", []);
    page.text([italic("Value:"), roman(format!(" {}.{words}", setting.kind))]);
}
