//! The TOML document, written line by line; each line knows the place of the Corefile that it comes from, so that what the first front end has
//! to say about a line of the document is said about the Corefile.

use crate::config::quote;
use crate::corefile::Place;

/// Columns after which a comment goes on in the next line.
const WIDTH: usize = 100;

/// A document that grows.
#[derive(Debug, Default)]
pub(super) struct Document {
    /// Its text.
    text: String,
    /// Where each line comes from.
    places: Vec<Option<Place>>,
}

impl Document {
    /// One line.
    fn line(&mut self, line: &str, place: Option<&Place>) {
        self.text.push_str(line);
        self.text.push('\n');
        self.places.push(place.cloned());
    }

    /// An empty line, unless the document is empty.
    pub(super) fn gap(&mut self) {
        if !self.text.is_empty() {
            self.line("", None);
        }
    }

    /// A comment, in as many lines as it takes.
    pub(super) fn comment(&mut self, text: &str) {
        let mut line = String::from("#");
        for word in text.split_whitespace() {
            if line.chars().count() + 1 + word.chars().count() > WIDTH && line.len() > 1 {
                self.line(&line, None);
                line = String::from("#");
            }
            line.push(' ');
            // A Corefile's words may hold anything; a comment of TOML may not.
            line.extend(word.chars().map(|letter| if letter.is_control() { '?' } else { letter }));
        }
        self.line(&line, None);
    }

    /// The headline of a section.
    pub(super) fn headline(&mut self, header: &str, place: Option<&Place>) {
        self.line(header, place);
    }

    /// An option and its value, in TOML.
    pub(super) fn set(&mut self, key: &str, value: &str, place: Option<&Place>) {
        self.line(&format!("{key} = {value}"), place);
    }

    /// An option that is a list, an element a line if it is long; each element with the place it comes from.
    pub(super) fn list(&mut self, key: &str, elements: &[(String, Option<Place>)]) {
        let values: Vec<&str> = elements.iter().map(|(value, _)| value.as_str()).collect();
        let first = elements.first().and_then(|(_, place)| place.as_ref());
        let short = format!("{key} = [{}]", values.join(", "));
        if short.chars().count() <= WIDTH && elements.iter().all(|(_, place)| place.as_ref() == first) {
            self.line(&short, first);
            return;
        }
        self.line(&format!("{key} = ["), first);
        for (value, place) in elements {
            self.line(&format!("    {value},"), place.as_ref());
        }
        self.line("]", first);
    }

    /// Where the line of that number comes from: its own place, or that of the nearest line before it that has one.
    pub(super) fn place(&self, line: usize) -> Option<&Place> {
        let upto = self.places.get(..line.min(self.places.len()))?;
        upto.iter().rev().find_map(Option::as_ref)
    }

    /// Where the headlines of this kind come from, in their order.
    pub(super) fn headlines(&self, header: &str) -> Vec<Place> {
        let lines = self.text.lines().zip(&self.places).filter(|(line, _)| *line == header);
        lines.filter_map(|(_, place)| place.clone()).collect()
    }

    /// The text.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// The text, at the end.
    pub(super) fn finish(self) -> String {
        self.text
    }
}

/// Texts in quotes, as a list of TOML.
pub(super) fn quoted<'a>(texts: impl IntoIterator<Item = &'a str>) -> String {
    let texts: Vec<String> = texts.into_iter().map(quote).collect();
    format!("[{}]", texts.join(", "))
}

#[cfg(test)]
mod tests {
    use super::Document;
    use crate::corefile::Place;

    #[test]
    fn every_line_knows_where_it_comes_from() {
        let place = |line| Place { file: "Corefile".into(), line };
        let mut document = Document::default();
        document.gap();
        document.comment("a\u{1}b c");
        document.headline("[[zone]]", Some(&place(3)));
        document.set("name", "\".\"", None);
        document.list("acl", &[("\"a\"".into(), Some(place(4))), ("\"b\"".into(), Some(place(5)))]);
        assert_eq!(document.text(), "# a?b c\n[[zone]]\nname = \".\"\nacl = [\n    \"a\",\n    \"b\",\n]\n");
        let lines: Vec<_> = (1..=7).map(|line| document.place(line).map(|place| place.line)).collect();
        assert_eq!(lines, [None, Some(3), Some(3), Some(4), Some(4), Some(5), Some(4)]);
        assert_eq!(document.place(100).map(|place| place.line), Some(4));
    }

    #[test]
    fn a_long_comment_goes_on_in_the_next_line() {
        let mut document = Document::default();
        document.comment(&"word ".repeat(60));
        assert!(document.text().lines().all(|line| line.len() <= 100 && line.starts_with("# ")));
        assert_eq!(document.text().matches("word").count(), 60);
    }
}
