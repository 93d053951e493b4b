//! The manual pages of the commands, section 1: what clap knows of each, and what all of them share.
//!
//! clap_mangen writes what is clap's; texts behind the options are tables and examples, which keep their lines here and would be
//! filled by it. The page of the configuration file, section 5, is made where the table of options is.

use std::collections::BTreeMap;

use clap::Command;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

use crate::config::manual_page;
use crate::error::ExitCode;

/// The day of the pages, which all have in common. A constant, so that the same source makes the same pages on any day.
pub(super) const DAY: &str = "2026-11-27";

/// What stands at the foot of each page.
pub(super) const SOURCE: &str = concat!("nodens ", env!("CARGO_PKG_VERSION"));

/// Files that the program knows without being told.
const FILES: &[(&str, &str)] = &[
    ("/etc/nodens/nodens.toml", "The configuration of the service that packages install; see nodens.toml(5)."),
    ("/etc/resolv.conf", "Where cluster.local is asked if no configuration says it."),
    ("/run/nodens/control", "The socket of nodens-ctl(1) and nodens-top(1), where the configuration asks for it."),
    ("/var/lib/nodens/cache", "The answers that outlast a restart, where the configuration asks for it."),
];

/// What a running daemon is told by signals.
const SIGNALS: &[(&str, &str)] = &[
    ("SIGTERM, SIGINT", "Finish the queries in hand, give back what was changed on the node, and end."),
    ("SIGHUP", "Read the configuration again; one with a mistake changes nothing."),
];

/// All pages, by file name, without the commands that are hidden from people.
pub(super) fn pages(mut root: Command) -> BTreeMap<String, String> {
    root.build();
    let mut pages = BTreeMap::from([("nodens.toml.5".to_owned(), manual_page(DAY, SOURCE))]);
    add(&root, &mut pages, true);
    pages
}

/// Adds the page of a command and those of the commands below it.
fn add(command: &Command, pages: &mut BTreeMap<String, String>, is_root: bool) {
    let commands: Vec<&Command> =
        command.get_subcommands().filter(|sub| !sub.is_hide_set() && sub.get_name() != "help").collect();
    let name = command.get_display_name().unwrap_or_else(|| command.get_name()).to_owned();
    pages.insert(format!("{name}.1"), page(command, &name, &commands, is_root));
    for sub in commands {
        add(sub, pages, false);
    }
}

/// The page of one command.
fn page(command: &Command, name: &str, commands: &[&Command], is_root: bool) -> String {
    let man = Man::new(command.clone()).title(name).section("1").date(DAY).source(SOURCE).manual("nodens manual");
    let mut bytes = Vec::new();
    let parts =
        [Man::render_title, Man::render_name_section, Man::render_synopsis_section, Man::render_description_section];
    for part in parts {
        part(&man, &mut bytes).expect("a Vec takes everything");
    }
    if command.get_arguments().any(|argument| !argument.is_hide_set()) {
        man.render_options_section(&mut bytes).expect("a Vec takes everything");
    }
    let mut rest = Roff::new();
    if !commands.is_empty() {
        rest.control("SH", ["COMMANDS"]);
        let about = |sub: &Command| sub.get_about().map(ToString::to_string).unwrap_or_default();
        for sub in commands {
            entry(&mut rest, &format!("{name}-{}(1)", sub.get_name()), &about(sub));
        }
    }
    if let Some(text) = command.get_after_long_help().or_else(|| command.get_after_help()) {
        rest.control("SH", ["NOTES"]).control("EX", []);
        for line in text.to_string().lines() {
            rest.text([roman(line)]);
        }
        rest.control("EE", []);
    }
    if is_root {
        shared(&mut rest);
    }
    rest.control("SH", ["SEE ALSO"]);
    rest.text([roman(if is_root { "nodens.toml(5), resolv.conf(5)" } else { "nodens(1), nodens.toml(5)" })]);
    once(&format!("{}{}", String::from_utf8_lossy(&bytes), rest.render()))
}

/// What only the first page says: signals, exit codes, files.
fn shared(page: &mut Roff) {
    page.control("SH", ["SIGNALS"]);
    for (signal, meaning) in SIGNALS {
        entry(page, signal, meaning);
    }
    page.control("SH", ["EXIT STATUS"]);
    entry(page, "0", "Done, or ended as it was told to.");
    for code in ExitCode::ALL {
        entry(page, &(code as u8).to_string(), code.meaning());
    }
    page.control("SH", ["FILES"]);
    for (file, meaning) in FILES {
        entry(page, file, meaning);
    }
}

/// A word and what it means.
fn entry(page: &mut Roff, word: &str, meaning: &str) {
    page.control("TP", []).text([bold(word)]).text([roman(meaning)]);
}

/// A page whose parts were rendered one by one, each with the same lines on how to print apostrophes, with these lines once.
fn once(text: &str) -> String {
    let preamble = Roff::new().render();
    let body: String = text.replace(&preamble, "").lines().map(|line| format!("{}\n", line.trim_end())).collect();
    // clap_mangen's space before the values of an option, in the one command that means it.
    preamble + &body.replace("\n.br\n\n.br\n", "\n.sp\n")
}
