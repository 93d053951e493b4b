//! What the generated files must have in them, whatever the commands are.

use clap::{CommandFactory as _, ValueEnum as _};

use super::{Shell, completions, man};
use crate::error::ExitCode;

/// The command line.
fn command() -> clap::Command {
    super::super::Arguments::command()
}

#[test]
fn there_is_a_page_for_each_command_that_is_for_people() {
    let pages = man::pages(command());
    for name in ["nodens.1", "nodens-run.1", "nodens-ctl.1", "nodens-ctl-cache-flush.1", "nodens.toml.5"] {
        assert!(pages.contains_key(name), "{name} is not in {:?}", pages.keys());
    }
    assert!(!pages.keys().any(|name| name.contains("worker") || name.contains("help")), "{:?}", pages.keys());
    let first = &pages["nodens.1"];
    assert!(first.contains("nodens\\-check(1)") && !first.contains("worker"), "{first}");
}

#[test]
fn the_first_page_lists_all_exit_codes() {
    let page = man::pages(command()).remove("nodens.1").unwrap();
    for code in ExitCode::ALL {
        assert!(page.contains(&format!("\\fB{}\\fR", code as u8)), "{code:?}: {page}");
    }
}

#[test]
fn tables_behind_the_options_keep_their_lines() {
    let page = man::pages(command()).remove("nodens-ctl.1").unwrap();
    let notes = page.split(".SH NOTES\n").nth(1).unwrap();
    assert!(notes.starts_with(".EX\n") && notes.contains("\n  nodens ctl upstreams  "), "{notes}");
}

#[test]
fn the_page_of_the_file_has_every_option() {
    let page = man::pages(command()).remove("nodens.toml.5").unwrap();
    let reference = crate::config::reference();
    let options = reference.lines().filter(|line| line.contains(" = ") && line.starts_with('#') && !line.contains('.'));
    for key in options.filter_map(|line| line.trim_start_matches(['#', ' ']).split(" = ").next()) {
        let written = key.replace('-', "\\-");
        assert!(key.contains(' ') || page.contains(&format!("\\fB{written}\\fR")), "{key}");
    }
}

#[test]
fn shells_complete_commands_but_not_hidden_ones() {
    for shell in Shell::value_variants() {
        let text = completions(*shell, &command());
        assert!(text.contains("detections") && text.contains("no-supervisor"), "{shell:?}: {text}");
        assert!(!text.contains("worker"), "{shell:?}: {text}");
    }
}
