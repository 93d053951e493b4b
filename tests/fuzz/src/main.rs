//! Hands libFuzzer's bytes to the property that the environment's FUZZ_TARGET names.
//!
//!     fuzz list                              names all targets
//!     fuzz seeds FOLDER                      writes their first inputs below it
//!     FUZZ_TARGET=NAME fuzz FOLDER|FILE...   what libFuzzer does with any target

#![no_main]

use std::sync::OnceLock;
use std::{env, process};

use properties::{ALL, Property, seeds};

/// What is run.
static PROPERTY: OnceLock<Property> = OnceLock::new();

libfuzzer_sys::fuzz_target!(
    init: choose(),
    |data: &[u8]| if let Some(property) = PROPERTY.get() { property(data) }
);

/// Does what the command line asks for, or chooses the target before libFuzzer has the first input.
fn choose() {
    let arguments: Vec<_> = env::args().skip(1).collect();
    match &arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["list"] => ALL.iter().for_each(|(name, _)| println!("{name}")),
        ["seeds", folder] => seeds::write_all(folder.as_ref()),
        _ => {
            let wanted = env::var("FUZZ_TARGET").unwrap_or_default();
            let Some((_, property)) = ALL.iter().find(|(name, _)| *name == wanted) else {
                eprintln!("fuzz: FUZZ_TARGET is {wanted:?}, which is none of those that `fuzz list` names");
                process::exit(64);
            };
            PROPERTY.get_or_init(|| *property);
            return;
        }
    }
    process::exit(0);
}
