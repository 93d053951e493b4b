//! What is read: the file with its imports, kept line by line, and a machine that answers kindly where the real one would refuse.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use crate::corefile::{Corefile, Place, Surroundings};

/// Most bytes of a file that are read.
pub const MOST_BYTES: usize = 4 << 20;

/// Most files that are reported as missing.
const MOST_MISSING: usize = 100;

/// The texts of a Corefile and its imports, by the name that places have.
#[derive(Debug, Default)]
pub struct Texts {
    /// Each line of each file.
    lines: BTreeMap<String, Vec<String>>,
    /// Files that an import names and that cannot be read.
    missing: Vec<String>,
}

impl Texts {
    /// Keeps a file's text.
    fn keep(&mut self, name: &str, text: &str) {
        self.lines.insert(name.to_owned(), text.lines().map(str::to_owned).collect());
    }

    /// The line of a place, as it is written.
    #[must_use]
    pub fn line(&self, place: &Place) -> Option<&str> {
        let lines = self.lines.get(&*place.file)?;
        lines.get(usize::try_from(place.line).ok()?.checked_sub(1)?).map(String::as_str)
    }

    /// Each line with its place, of all files.
    pub(super) fn all(&self) -> impl Iterator<Item = (Place, &str)> {
        self.lines.iter().flat_map(|(file, lines)| {
            let file: std::sync::Arc<str> = file.as_str().into();
            let number = |at: usize| u32::try_from(at + 1).unwrap_or(u32::MAX);
            lines
                .iter()
                .enumerate()
                .map(move |(at, line)| (Place { file: std::sync::Arc::clone(&file), line: number(at) }, line.as_str()))
        })
    }

    /// Files that an import names and that cannot be read, each with the line that names it.
    pub(super) fn missing(&self, corefile: &Corefile) -> Vec<(Place, String)> {
        let first = corefile.blocks.first().map(|server| server.place.clone());
        let find = |path: &str| {
            let name = Path::new(path).file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            let is_import = |line: &str| line.trim_start().starts_with("import ") && line.contains(&name);
            self.all().find(|(_, line)| is_import(line)).map(|(place, _)| place).or_else(|| first.clone())
        };
        // Each is looked for in all lines.
        self.missing.iter().take(MOST_MISSING).filter_map(|path| Some((find(path)?, path.clone()))).collect()
    }
}

/// A machine that keeps what was read, leaves variables without a value as they are written, and goes on without files that are not there.
pub(super) struct Patient<'a> {
    /// The machine behind it.
    machine: &'a dyn Surroundings,
    /// What was read.
    texts: RefCell<Texts>,
}

impl<'a> Patient<'a> {
    /// Before that machine, with the file itself.
    pub(super) fn new(machine: &'a dyn Surroundings, origin: &str, text: &str) -> Self {
        let mut texts = Texts::default();
        texts.keep(origin, text);
        Self { machine, texts: RefCell::new(texts) }
    }

    /// What was read.
    pub(super) fn into_texts(self) -> Texts {
        self.texts.into_inner()
    }
}

impl Surroundings for Patient<'_> {
    fn variable(&self, name: &str) -> Option<String> {
        Some(self.machine.variable(name).unwrap_or_else(|| format!("{{${name}}}")))
    }

    fn read(&self, path: &Path) -> io::Result<String> {
        let name = path.display().to_string();
        match self.machine.read(path) {
            Ok(text) if text.len() <= MOST_BYTES => {
                self.texts.borrow_mut().keep(&name, &text);
                Ok(text)
            }
            _ => {
                let missing = &mut self.texts.borrow_mut().missing;
                if !missing.contains(&name) {
                    missing.push(name);
                }
                Ok(String::new())
            }
        }
    }

    fn entries(&self, folder: &Path) -> io::Result<Vec<PathBuf>> {
        self.machine.entries(folder)
    }
}
