//! Configurations that are made from something else than a TOML file: what makes them, and what it says.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use super::environment::read_bounded;
use super::mistake::Report;
use super::raw::File;
use crate::error::{ExitCode, Failure};
use crate::sys::watch::Stamp;

/// The largest configuration file, in bytes: thousands of zones fit, and nothing that is read by accident does.
pub const LONGEST_FILE: u64 = 1 << 20;

/// What a configuration is made from, if that is no TOML file. The process that watches over the one that answers, and that one, each have one and
/// read the same.
pub trait Source: fmt::Debug + Send + Sync {
    /// What messages call it: the file that an operator would look at first.
    fn name(&self) -> String;

    /// Files that are read, those included that are not there; the first is the one of the name.
    fn paths(&self) -> Vec<PathBuf>;

    /// Reads it all.
    ///
    /// # Errors
    ///
    /// When there is no configuration to be made of it; the message has a mistake a line, each with its file.
    fn read(&self) -> Result<Written, Failure>;

    /// Writes what was read last to a file for others to look at, if it is there to be looked at; where that is.
    ///
    /// # Errors
    ///
    /// When the file cannot be written; nothing depends on it.
    fn show(&self) -> io::Result<Option<&Path>> {
        Ok(None)
    }
}

/// A configuration as a TOML document, and what it was made of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// The document.
    pub text: String,
    /// What is odd about what it was made of; each names its file.
    pub warnings: Vec<String>,
    /// Parts that were not taken because of a mistake: what they said before holds, or nothing. Each names its file.
    pub refused: Vec<String>,
    /// The files, each as it was before it was read.
    pub files: Vec<(PathBuf, Stamp)>,
}

/// The whole text of a file.
///
/// # Errors
///
/// [`ExitCode::NoInput`] if it cannot be read, [`ExitCode::Config`] if it is too large or not UTF-8.
pub fn read_text(path: &Path) -> Result<String, Failure> {
    let shown = path.display();
    let bytes = read_bounded(path, LONGEST_FILE + 1)
        .map_err(|error| Failure::new(ExitCode::NoInput, format!("{shown}: cannot be read: {error}")))?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > LONGEST_FILE {
        return Err(Failure::new(
            ExitCode::Config,
            format!("{shown}: is larger than 1MiB; is it a configuration file?"),
        ));
    }
    String::from_utf8(bytes).map_err(|error| {
        let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = valid.iter().filter(|byte| **byte == b'\n').count() + 1;
        Failure::new(ExitCode::Config, format!("{shown}:{line}: syntax: is not UTF-8; save the file as UTF-8"))
    })
}

/// Checks a document that is only a part of a configuration: its options and their values, not what must be there or only makes sense together.
///
/// # Errors
///
/// All its mistakes, one a line.
pub fn check_part(text: &str, origin: &str) -> Result<(), Failure> {
    let mut report = Report::new(origin, text).of_a_part();
    File::read(text, &mut report);
    report.finish().map(|_| ()).map_err(|mistakes| Failure::of_mistakes(&mistakes))
}

#[cfg(test)]
mod tests {
    use super::check_part;

    #[test]
    fn a_part_needs_nothing_but_must_be_right_as_far_as_it_goes() {
        assert!(check_part("[[zone]]\nname = \".\"\nrebinding.mode = \"block\"\n", "a.toml").is_ok());
        let failure = check_part("[cache]\nsize = \"32\"\n[[zone]]\nrebound = 1\n", "a.toml").unwrap_err();
        let lines: Vec<&str> = failure.message.lines().collect();
        assert_eq!(lines.len(), 2, "{failure}");
        assert!(lines[0].starts_with("a.toml:2:8: cache.size: ") && lines[1].starts_with("a.toml:4:1: zone.rebound: "));
    }
}
