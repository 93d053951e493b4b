//! Tests of whole texts: what a file becomes, and what is said about it.

use super::{Config, Environment, Loaded};

mod bounds;
mod defaults;
mod forwarding;
mod mistakes;

/// What a text becomes on no machine in particular.
fn load(text: &str) -> Loaded {
    let loaded = Config::parse(text, "f.toml", &Environment::neutral());
    loaded.unwrap_or_else(|mistakes| {
        let lines: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
        panic!("{text}\n{}", lines.join("\n"))
    })
}

/// All that is said about a wrong text, a line each.
fn mistakes(text: &str) -> Vec<String> {
    let mistakes = Config::parse(text, "f.toml", &Environment::neutral()).expect_err(text);
    mistakes.iter().map(ToString::to_string).collect()
}

/// A group and a zone, for texts about something else.
const ROOT: &str =
    "[[upstream]]\nname = \"u\"\nservers = [\"udp://192.0.2.1\"]\n[[zone]]\nname = \".\"\nupstream = \"u\"\n";
