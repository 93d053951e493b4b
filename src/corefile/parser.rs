//! Words to a tree: server blocks, snippets `(name) { … }`, `import`, variables `{$NAME}` and `{%NAME%}`.
//!
//! Imports are put in the place of the line that names them, before anybody looks at what they hold, as with CoreDNS: a file may bring
//! whole server blocks or some lines of a plugin.

use std::collections::BTreeMap;
use std::io;
use std::net::{SocketAddr, SocketAddrV6};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nix::ifaddrs::getifaddrs;
use nix::sys::socket::SockaddrStorage;

use super::key;
use super::lexer::{Token, tokens};
use super::tree::{Corefile, Directive, Mistake, Notice, Place, ServerBlock};

/// Most imports of one Corefile, those within imports included: what imports itself ends here.
const MOST_IMPORTS: usize = 1_000;

/// Most words of one Corefile with all its imports.
const MOST_WORDS: usize = 200_000;

/// Deepest braces within braces. The deepest of any plugin are two.
const DEEPEST: usize = 16;

/// What a Corefile sees of the machine.
pub trait Surroundings {
    /// The value of an environment variable.
    fn variable(&self, name: &str) -> Option<String>;

    /// The text of a file.
    ///
    /// # Errors
    ///
    /// As reading it does.
    fn read(&self, path: &Path) -> io::Result<String>;

    /// The paths in a folder, sorted.
    ///
    /// # Errors
    ///
    /// As reading the folder does.
    fn entries(&self, folder: &Path) -> io::Result<Vec<PathBuf>>;

    /// The addresses of an interface, with port 0; none if there is no such interface.
    fn addresses(&self, interface: &str) -> Vec<SocketAddr> {
        let _ = interface;
        Vec::new()
    }
}

/// This machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct Machine;

impl Surroundings for Machine {
    fn variable(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }

    fn read(&self, path: &Path) -> io::Result<String> {
        std::fs::read_to_string(path)
    }

    fn entries(&self, folder: &Path) -> io::Result<Vec<PathBuf>> {
        let mut paths: Vec<_> = std::fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<io::Result<_>>()?;
        paths.sort();
        Ok(paths)
    }

    fn addresses(&self, interface: &str) -> Vec<SocketAddr> {
        let found = getifaddrs().into_iter().flatten().filter(|found| found.interface_name == interface);
        let address = |address: SockaddrStorage| {
            let v4 = address.as_sockaddr_in().map(|v4| SocketAddr::new(v4.ip().into(), 0));
            v4.or_else(|| address.as_sockaddr_in6().map(|v6| SocketAddrV6::new(v6.ip(), 0, 0, v6.scope_id()).into()))
        };
        found.filter_map(|found| found.address).filter_map(address).collect()
    }
}

/// No machine: no variables, no files. For texts of strangers.
#[derive(Clone, Copy, Debug, Default)]
pub struct Nothing;

impl Surroundings for Nothing {
    fn variable(&self, _: &str) -> Option<String> {
        None
    }

    fn read(&self, _: &Path) -> io::Result<String> {
        Err(io::ErrorKind::NotFound.into())
    }

    fn entries(&self, _: &Path) -> io::Result<Vec<PathBuf>> {
        Err(io::ErrorKind::NotFound.into())
    }
}

/// Reads a Corefile; `origin` is what messages call it, and imports are looked for beside it.
///
/// # Errors
///
/// What is wrong with it; never an empty list. Behind a mistake in the braces nothing can be said of the rest.
pub fn parse(text: &str, origin: &str, surroundings: &dyn Surroundings) -> Result<Corefile, Vec<Mistake>> {
    let mut words = tokens(text, &origin.into());
    words.reverse();
    let start = Place { file: origin.into(), line: 1 };
    let mut parser = Parser {
        words,
        last: start,
        line_end: (Arc::from(""), 0),
        snippets: BTreeMap::new(),
        imports: 0,
        surroundings,
        result: Corefile::default(),
        mistakes: Vec::new(),
    };
    if let Err(mistake) = parser.blocks() {
        parser.mistakes.push(mistake);
    }
    if parser.mistakes.is_empty() { Ok(parser.result) } else { Err(parser.mistakes) }
}

/// Where the parser is.
struct Parser<'a> {
    /// The words to come, the next one last.
    words: Vec<Token>,
    /// Where the last word was taken from.
    last: Place,
    /// File and line in which the last word ended: what begins elsewhere begins a line.
    line_end: (Arc<str>, u32),
    /// Snippets defined so far, their words in reverse order.
    snippets: BTreeMap<String, Vec<Token>>,
    /// Imports so far.
    imports: usize,
    /// The machine.
    surroundings: &'a dyn Surroundings,
    /// What was read.
    result: Corefile,
    /// What is wrong without tearing the rest.
    mistakes: Vec<Mistake>,
}

impl Parser<'_> {
    /// The whole file.
    fn blocks(&mut self) -> Result<(), Mistake> {
        while !self.words.is_empty() {
            let (place, keys) = self.keys()?;
            let has_brace = self.peek_is("{");
            if let [key] = keys.as_slice()
                && let Some(name) = key.strip_prefix('(').and_then(|rest| rest.strip_suffix(')'))
            {
                self.snippet(&place, name)?;
                continue;
            }
            if has_brace {
                self.take();
            }
            let directives = self.directives(0, has_brace)?;
            let mut block = ServerBlock { place: place.clone(), keys: Vec::new(), directives };
            for text in keys {
                match key::keys(&text) {
                    Ok(keys) => block.keys.extend(keys),
                    Err((wrong, right)) => {
                        self.mistakes.push(Mistake {
                            place: place.clone(),
                            subject: "server block".into(),
                            wrong,
                            right,
                        });
                    }
                }
            }
            if !block.keys.is_empty() {
                self.result.blocks.push(block);
            }
        }
        Ok(())
    }

    /// The keys before a server block: on one line, or on the next after a comma.
    fn keys(&mut self) -> Result<(Place, Vec<String>), Mistake> {
        let (mut keys, mut wants_more) = (Vec::new(), false);
        let mut place = None;
        loop {
            let begins_line = self.begins_line();
            let Some(next) = self.words.last() else {
                if wants_more {
                    return Err(self.syntax("the file ends after a comma", "write another zone, or remove the comma"));
                }
                break;
            };
            if next.text == "import" && begins_line && !wants_more && keys.is_empty() {
                self.import()?;
                if self.words.is_empty() {
                    break;
                }
                continue;
            }
            let next_place = next.place.clone();
            if next.text == "{" {
                if wants_more {
                    return Err(mistake(
                        next_place,
                        "a comma stands before the brace",
                        "write another zone, or remove the comma",
                    ));
                }
                if keys.is_empty() {
                    return Err(mistake(next_place, "a brace opens without a zone before it", "write \".:53 {\""));
                }
                break;
            }
            if begins_line && !wants_more && !keys.is_empty() {
                break;
            }
            if next.text == "}" {
                let right = "remove it, or look for the brace that closes too much above";
                return Err(mistake(next_place, "a brace closes what none has opened", right));
            }
            place.get_or_insert(next_place);
            let text = self.take_replaced();
            wants_more = text.ends_with(',');
            keys.extend(text.split(',').filter(|key| !key.is_empty()).map(str::to_owned));
        }
        let place = place.unwrap_or_else(|| self.last.clone());
        Ok((place, keys))
    }

    /// A snippet's body is kept as it is.
    fn snippet(&mut self, place: &Place, name: &str) -> Result<(), Mistake> {
        if !self.peek_is("{") {
            return Err(mistake(place.clone(), &format!("the snippet ({name}) has no braces"), "write \"(name) {\""));
        }
        self.take();
        let (mut body, mut depth) = (Vec::new(), 1_usize);
        while depth > 0 {
            let Some(word) = self.words.pop() else {
                return Err(mistake(
                    place.clone(),
                    &format!("the snippet ({name}) is not closed"),
                    "write \"}\" at its end",
                ));
            };
            match word.text.as_str() {
                "{" => depth += 1,
                "}" => depth -= 1,
                _ => {}
            }
            self.line_end = (Arc::clone(&word.place.file), word.end);
            self.last = word.place.clone();
            body.push(word);
        }
        body.pop();
        body.reverse();
        if self.snippets.insert(name.to_owned(), body).is_some() {
            let wrong = format!("the snippet ({name}) is there already");
            self.mistakes.push(mistake(place.clone(), &wrong, "give it another name"));
        }
        Ok(())
    }

    /// Lines up to the closing brace, or, of a file without braces, to its end.
    fn directives(&mut self, depth: usize, has_brace: bool) -> Result<Vec<Directive>, Mistake> {
        let opened = self.last.clone();
        let mut directives: Vec<Directive> = Vec::new();
        loop {
            let begins_line = self.begins_line();
            let Some(next) = self.words.last() else {
                if has_brace {
                    return Err(mistake(opened, "this brace is not closed", "write \"}\" at the end of the block"));
                }
                return Ok(directives);
            };
            match next.text.as_str() {
                "}" if has_brace => {
                    self.take();
                    return Ok(directives);
                }
                "}" => {
                    let place = next.place.clone();
                    return Err(mistake(place, "a brace closes what none has opened", "remove it"));
                }
                "{" => {
                    let place = next.place.clone();
                    if depth + 1 >= DEEPEST {
                        return Err(mistake(place, "braces are nested too deeply", "close some before"));
                    }
                    let Some(owner) = directives.last().filter(|owner| owner.block.is_none()) else {
                        return Err(mistake(
                            place,
                            "a brace opens without a plugin before it",
                            "write the plugin's name before it",
                        ));
                    };
                    let owner = owner.place.clone();
                    self.take();
                    let lines = self.directives(depth + 1, true)?;
                    if let Some(directive) = directives.last_mut().filter(|directive| directive.place == owner) {
                        directive.block = Some(lines);
                    }
                }
                "import" if begins_line || directives.is_empty() => self.import()?,
                _ if begins_line || directives.last().is_none_or(|directive| directive.block.is_some()) => {
                    let place = next.place.clone();
                    let name = self.take_replaced();
                    directives.push(Directive { place, name, arguments: Vec::new(), block: None });
                }
                _ => {
                    let argument = self.take_replaced();
                    if let Some(directive) = directives.last_mut() {
                        directive.arguments.push(argument);
                    }
                }
            }
        }
    }

    /// Puts what `import` names in its place.
    fn import(&mut self) -> Result<(), Mistake> {
        let before = self.line_end.clone();
        let place = self.words.last().map_or_else(|| self.last.clone(), |word| word.place.clone());
        self.take();
        if self.begins_line() || self.words.is_empty() {
            return Err(mistake(place, "import names nothing", "write the name of a snippet or a file after it"));
        }
        let pattern = self.take_replaced();
        if pattern.is_empty() || (!self.begins_line() && !self.words.is_empty() && !self.peek_is("}")) {
            return Err(mistake(place, "import takes one name", "write one snippet, file or pattern a line"));
        }
        self.imports += 1;
        if self.imports > MOST_IMPORTS {
            let wrong = format!("more than {MOST_IMPORTS} imports");
            return Err(mistake(place, &wrong, "look for a snippet or file that imports itself"));
        }
        let imported = match self.snippets.get(&pattern) {
            Some(body) => body.clone(),
            None => self.files(&place, &pattern)?,
        };
        // What comes from elsewhere begins a line, and so does what follows it.
        self.line_end = before;
        if self.words.len() + imported.len() > MOST_WORDS {
            return Err(mistake(place, &format!("more than {MOST_WORDS} words"), "import less"));
        }
        self.words.extend(imported);
        Ok(())
    }

    /// The words of all files that a pattern names, in reverse order.
    fn files(&mut self, place: &Place, pattern: &str) -> Result<Vec<Token>, Mistake> {
        let beside = Path::new(&*place.file).parent().unwrap_or_else(|| Path::new(""));
        let path = beside.join(pattern);
        let paths = if pattern.contains(['*', '?', '[']) {
            let matches = self.matches(place, &path)?;
            if matches.is_empty() {
                self.result.notices.push(Notice {
                    place: place.clone(),
                    subject: "import".into(),
                    differs: format!("no file is called {}", path.display()),
                    instead: "nothing is imported".into(),
                });
            }
            matches
        } else {
            vec![path]
        };
        let mut words = Vec::new();
        for path in paths.iter().rev() {
            let text = self.surroundings.read(path).map_err(|error| {
                let wrong = format!("{} cannot be read: {error}", path.display());
                mistake(place.clone(), &wrong, "name a snippet that is defined above, or a file")
            })?;
            let mut more = tokens(&text, &path.display().to_string().into());
            more.reverse();
            words.extend(more);
        }
        for path in paths {
            if !self.result.files.contains(&path) {
                self.result.files.push(path);
            }
        }
        Ok(words)
    }

    /// The files of a folder whose names fit a pattern with one `*` or `?`; more would take CoreDNS too long.
    fn matches(&self, place: &Place, path: &Path) -> Result<Vec<PathBuf>, Mistake> {
        let folder = path.parent().unwrap_or_else(|| Path::new(""));
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let is_plain = !folder.to_string_lossy().contains(['*', '?', '[']) && !name.contains('[');
        let wild = name.matches(['*', '?']).count();
        if !is_plain || wild > 1 {
            return Err(mistake(
                place.clone(),
                "the pattern has more than one wildcard",
                "use one * or ? in the file's name",
            ));
        }
        let (Some(at), Ok(entries)) = (name.find(['*', '?']), self.surroundings.entries(folder)) else {
            return Ok(Vec::new());
        };
        let (head, tail) = (&name[..at], &name[at + 1..]);
        let one = name.as_bytes()[at] == b'?';
        Ok(entries
            .into_iter()
            .filter(|entry| {
                let Some(file) = entry.file_name().and_then(|file| file.to_str()) else { return false };
                let middle = file.strip_prefix(head).and_then(|rest| rest.strip_suffix(tail));
                middle.is_some_and(|middle| !one || middle.chars().count() == 1)
            })
            .collect())
    }

    //------ Words ------------------------------------------------------------

    /// Takes the next word.
    fn take(&mut self) -> String {
        let Some(word) = self.words.pop() else { return String::new() };
        self.line_end = (Arc::clone(&word.place.file), word.end);
        self.last = word.place;
        word.text
    }

    /// Takes the next word, its variables replaced.
    fn take_replaced(&mut self) -> String {
        let text = self.take();
        replace(&replace(&text, "{%", "%}", self.surroundings), "{$", "}", self.surroundings)
    }

    /// Whether the next word is this one.
    fn peek_is(&self, text: &str) -> bool {
        self.words.last().is_some_and(|word| word.text == text)
    }

    /// Whether the next word begins a line.
    fn begins_line(&self) -> bool {
        let (file, line) = &self.line_end;
        self.words.last().is_some_and(|word| word.place.file != *file || word.place.line != *line)
    }

    /// A mistake where the last word was.
    fn syntax(&self, wrong: &str, right: &str) -> Mistake {
        mistake(self.last.clone(), wrong, right)
    }
}

/// A mistake in the language.
fn mistake(place: Place, wrong: &str, right: &str) -> Mistake {
    Mistake { place, subject: "syntax".to_owned(), wrong: wrong.to_owned(), right: right.to_owned() }
}

/// Replaces references to variables once, from left to right; what a variable holds is not looked at again. One that is not set is empty.
fn replace(text: &str, open: &str, close: &str, surroundings: &dyn Surroundings) -> String {
    let (mut result, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(begin) = rest.find(open) {
        let inner = &rest[begin + open.len()..];
        let Some(end) = inner.find(close).filter(|end| *end > 0) else { break };
        result.push_str(&rest[..begin]);
        result.push_str(&surroundings.variable(&inner[..end]).unwrap_or_default());
        rest = &inner[end + close.len()..];
    }
    result + rest
}

#[cfg(test)]
#[path = "parser_tests.rs"]
mod tests;
