//! A table of suffixes, each with something to say about the names below it; one label of a suffix may be a star.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use super::name;

/// The label that stands for any.
const STAR: &[u8] = b"\x01*";

/// Values by suffix. Suffixes of the same number of labels are found by one hash, and so are those that have the star in the same place.
#[derive(Clone, Debug)]
pub struct Suffixes<T> {
    /// All of them in wire format, lower-case.
    values: HashMap<Box<[u8]>, T, RandomState>,
    /// How they look, each once, those of most labels first.
    shapes: Vec<Shape>,
}

/// How a suffix looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Shape {
    /// Its labels, the root not counted.
    labels: usize,
    /// The label that is a star, from 0.
    star: Option<usize>,
}

impl<T> Default for Suffixes<T> {
    fn default() -> Self {
        Self { values: HashMap::default(), shapes: Vec::new() }
    }
}

impl<T> Suffixes<T> {
    /// Puts a suffix in, lower-case, without the last dot; at most one of its labels is "*". Of two equal ones the later counts.
    pub fn insert(&mut self, suffix: &str, value: T) {
        let Some(wire) = name::parse(suffix) else { return };
        let star = suffix.split('.').position(|label| label == "*");
        let shape = Shape { labels: name::suffixes(&wire).count() - 1, star };
        if let Err(at) = self.shapes.binary_search_by(|known| shape.cmp(known)) {
            self.shapes.insert(at, shape);
        }
        self.values.insert(wire.into_boxed_slice(), value);
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The longest suffix of `name`, in wire format and lower-case, that is here, and what is said of it: a hash for each shape that there is.
    #[must_use]
    pub fn find<'a>(&self, name: &'a [u8]) -> Option<(&'a [u8], &T)> {
        if self.shapes.is_empty() {
            return None;
        }
        let labels = name::suffixes(name).count().saturating_sub(1);
        self.shapes.iter().find_map(|shape| {
            let suffix = name.get(name::suffixes(name).nth(labels.checked_sub(shape.labels)?)?..)?;
            let value = match shape.star {
                None => self.values.get(suffix),
                Some(star) => {
                    let mut ends = name::suffixes(suffix).skip(star);
                    let (from, to) = (ends.next()?, ends.next()?);
                    self.values.get([suffix.get(..from)?, STAR, suffix.get(to..)?].concat().as_slice())
                }
            };
            value.map(|value| (suffix, value))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_suffix_is_found_and_a_star_stands_for_one_label() {
        let mut table = Suffixes::default();
        for (suffix, value) in [("example", 1), ("b.example", 2), ("a.*.example", 3), ("*.lan", 4), ("b.example", 5)] {
            table.insert(suffix, value);
        }
        let cases = [
            ("example", Some(1)),
            ("x.example", Some(1)),
            ("b.example", Some(5)),
            ("x.b.example", Some(5)),
            ("bb.example", Some(1)),
            ("a.b.example", Some(3)),
            ("x.a.y.example", Some(3)),
            ("a.example", Some(1)),
            ("lan", None),
            ("x.lan", Some(4)),
            ("y.x.lan", Some(4)),
            ("test", None),
            (".", None),
        ];
        for (name, value) in cases {
            assert_eq!(table.find(&name::parse(name).unwrap()).map(|found| *found.1), value, "{name}");
        }
        assert!(!table.is_empty() && Suffixes::<u8>::default().is_empty());
    }
}
