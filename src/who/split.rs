//! Cuts JSON that arrives in pieces into its elements, so that neither a long list nor an endless one is ever in memory as a whole.
//!
//! An element is an object of an array in the outermost object (a list), or an outermost object (a stream of events). Only brackets and
//! strings are looked at here: whoever is given an element parses it, and what is left of a list without its elements is parsed, too, so
//! that no mistake passes.

use super::Failure;

/// Bytes of one element. A pod has some 20 kB; what the API server keeps of an object is at most 1.5 MiB, in a shorter form than JSON.
const MOST_ELEMENT_BYTES: usize = 4 << 20;

/// Bytes of a list without its elements: its kind and version.
const MOST_REST_BYTES: usize = 64 << 10;

/// Bytes of all: 250 pods, far more than a node has as a rule, are about 5 MB.
const MOST_BYTES: usize = 64 << 20;

/// Cuts one list or stream.
#[derive(Debug, Default)]
pub(super) struct Splitter {
    /// Whether there is an outermost object with a list in it.
    is_list: bool,
    /// Brackets that are open.
    depth: usize,
    /// Whether the second of them opened an array.
    in_array: bool,
    /// Within a string.
    in_string: bool,
    /// Behind a backslash in a string.
    escaped: bool,
    /// Within an element.
    inside: bool,
    /// Just behind an element, where a comma says nothing.
    behind: bool,
    /// The beginning of the element that is under way, from earlier pieces.
    element: Vec<u8>,
    /// What is in no element.
    rest: Vec<u8>,
    /// Bytes so far.
    bytes: usize,
}

impl Splitter {
    /// Cuts the list in an outermost object.
    pub(super) fn list() -> Self {
        Self { is_list: true, ..Self::default() }
    }

    /// Cuts outermost objects from each other, without end.
    pub(super) fn stream() -> Self {
        Self::default()
    }

    /// Takes the next piece and gives `each` every element that ends in it.
    ///
    /// # Errors
    ///
    /// What `each` says; and when it is too long, or no JSON.
    pub(super) fn feed(
        &mut self,
        piece: &[u8],
        mut each: impl FnMut(&[u8]) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        self.bytes += piece.len();
        if self.is_list && self.bytes > MOST_BYTES {
            return Err(too_long("answer", MOST_BYTES));
        }
        let mut start = 0;
        for (at, &byte) in piece.iter().enumerate() {
            if self.in_string {
                match byte {
                    _ if self.escaped => self.escaped = false,
                    b'\\' => self.escaped = true,
                    b'"' => self.in_string = false,
                    _ => {}
                }
            } else {
                match byte {
                    b'"' => self.in_string = true,
                    b'{' | b'[' => {
                        if !self.inside && byte == b'{' && self.among_elements() {
                            (self.inside, start) = (true, at);
                        }
                        self.depth += 1;
                        if self.depth == 2 {
                            self.in_array = byte == b'[';
                        }
                    }
                    b'}' | b']' => {
                        self.depth = self.depth.checked_sub(1).ok_or_else(no_json)?;
                        if self.inside && self.among_elements() {
                            self.end(&piece[start..=at], &mut each)?;
                            continue;
                        }
                    }
                    _ => {}
                }
            }
            if !self.inside {
                self.keep(byte)?;
            }
        }
        if self.inside {
            self.grow(&piece[start..])?;
        }
        Ok(())
    }

    /// Whether an object that begins or has just ended here is an element.
    const fn among_elements(&self) -> bool {
        if self.is_list { self.depth == 2 && self.in_array } else { self.depth == 0 }
    }

    /// An element ends with these bytes.
    fn end(&mut self, last: &[u8], each: &mut impl FnMut(&[u8]) -> Result<(), Failure>) -> Result<(), Failure> {
        (self.inside, self.behind) = (false, true);
        if self.element.is_empty() {
            return each(last);
        }
        self.grow(last)?;
        each(&self.element)?;
        // A large one does not stay for ever.
        self.element = Vec::new();
        Ok(())
    }

    /// An element goes on with these bytes.
    fn grow(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        if self.element.len() + bytes.len() > MOST_ELEMENT_BYTES {
            return Err(too_long("object", MOST_ELEMENT_BYTES));
        }
        self.element.extend_from_slice(bytes);
        Ok(())
    }

    /// A byte that is in no element.
    fn keep(&mut self, byte: u8) -> Result<(), Failure> {
        if byte.is_ascii_whitespace() && !self.in_string {
            return Ok(());
        }
        let comma = std::mem::take(&mut self.behind) && byte == b',';
        match (self.is_list, comma) {
            (true, true) => Ok(()),
            (true, false) if self.rest.len() == MOST_REST_BYTES => Err(too_long("head", MOST_REST_BYTES)),
            (true, false) => {
                self.rest.push(byte);
                Ok(())
            }
            (false, _) => Err(no_json()),
        }
    }

    /// All has been fed; what is left without the elements.
    ///
    /// # Errors
    ///
    /// When something is still open.
    pub(super) fn finish(self) -> Result<Vec<u8>, Failure> {
        if self.depth == 0 && !self.in_string && !self.inside {
            Ok(self.rest)
        } else {
            Err(Failure::Garbled("the answer ended early".to_owned()))
        }
    }
}

/// Something is longer than it may be.
fn too_long(what: &str, limit: usize) -> Failure {
    Failure::Garbled(format!("its {what} is longer than {limit} bytes"))
}

/// Brackets that do not belong together.
fn no_json() -> Failure {
    Failure::Garbled("its answer is no JSON".to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    /// Feeds `text` in pieces of `size`; the elements, and what is left.
    fn cut(mut splitter: Splitter, text: &[u8], size: usize) -> Result<(Vec<String>, String), Failure> {
        let mut elements = Vec::new();
        for piece in text.chunks(size.max(1)) {
            splitter.feed(piece, |element| {
                elements.push(String::from_utf8_lossy(element).into_owned());
                Ok(())
            })?;
        }
        Ok((elements, String::from_utf8_lossy(&splitter.finish()?).into_owned()))
    }

    /// Any JSON that is not too large.
    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            ".{0,12}".prop_map(Value::from),
            r#"[\\"{}\[\],]{0,8}"#.prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                prop::collection::btree_map(".{0,4}", inner, 0..5).prop_map(|map| json!(map)),
            ]
        })
    }

    proptest! {
        #[test]
        fn a_list_is_cut_as_a_parser_of_the_whole_would(
            objects in prop::collection::vec(prop::collection::btree_map(".{0,6}", any_json(), 0..4), 0..6),
            version in ".{0,12}",
            size in 1..40_usize,
            pretty in any::<bool>(),
        ) {
            let whole = json!({ "kind": "PodList", "metadata": { "resourceVersion": version }, "items": objects });
            let text = if pretty { serde_json::to_string_pretty(&whole) } else { serde_json::to_string(&whole) }.unwrap();
            let (elements, rest) = cut(Splitter::list(), text.as_bytes(), size).unwrap();
            let elements: Vec<Value> = elements.iter().map(|element| serde_json::from_str(element).unwrap()).collect();
            prop_assert_eq!(json!(elements), json!(objects));
            let rest: Value = serde_json::from_str(&rest).unwrap();
            prop_assert_eq!(rest, json!({ "kind": "PodList", "metadata": { "resourceVersion": version }, "items": [] }));
        }

        #[test]
        fn a_stream_is_cut_wherever_it_is_broken(
            objects in prop::collection::vec(prop::collection::btree_map(".{0,6}", any_json(), 0..4), 0..6),
            size in 1..40_usize,
        ) {
            let text: String = objects.iter().map(|object| json!(object).to_string() + "\n").collect();
            let (elements, rest) = cut(Splitter::stream(), text.as_bytes(), size).unwrap();
            let elements: Vec<Value> = elements.iter().map(|element| serde_json::from_str(element).unwrap()).collect();
            prop_assert_eq!(json!(elements), json!(objects));
            prop_assert_eq!(rest, "");
        }

        #[test]
        fn any_bytes_are_taken_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200), size in 1..40_usize) {
            let _ = cut(Splitter::list(), &bytes, size);
            let _ = cut(Splitter::stream(), &bytes, size);
        }

        #[test]
        fn any_brackets_are_taken_or_refused(text in r#"[{}\[\]",:a\\ ]{0,80}"#, size in 1..40_usize) {
            let _ = cut(Splitter::list(), text.as_bytes(), size);
            let _ = cut(Splitter::stream(), text.as_bytes(), size);
        }
    }

    #[test]
    fn what_is_too_long_is_refused() {
        let refused = |splitter: Splitter, text: &str| cut(splitter, text.as_bytes(), 1 << 16).unwrap_err().to_string();
        let long = "x".repeat(MOST_ELEMENT_BYTES);
        assert_eq!(
            refused(Splitter::stream(), &format!("{{\"a\":\"{long}\"}}")),
            "its object is longer than 4194304 bytes"
        );
        let list = format!("{{\"items\":[{{\"a\":\"{long}\"}}]}}");
        assert_eq!(refused(Splitter::list(), &list), "its object is longer than 4194304 bytes");
        assert_eq!(refused(Splitter::list(), &format!("{{\"a\":\"{long}\"}}")), "its head is longer than 65536 bytes");
        let many = format!("{{\"items\":[{}{{}}]}}", "{\"a\":1},".repeat(MOST_BYTES / 8));
        assert_eq!(refused(Splitter::list(), &many), "its answer is longer than 67108864 bytes");
    }

    #[test]
    fn what_ends_early_or_is_no_object_is_refused() {
        for text in ["{\"items\":[{}", "{\"items\":[{}]", "{\"a", "{"] {
            assert_eq!(cut(Splitter::list(), text.as_bytes(), 3).unwrap_err().to_string(), "the answer ended early");
        }
        assert_eq!(cut(Splitter::stream(), b"404 page not found", 5).unwrap_err().to_string(), "its answer is no JSON");
        assert_eq!(cut(Splitter::list(), b"]", 5).unwrap_err().to_string(), "its answer is no JSON");
    }
}
