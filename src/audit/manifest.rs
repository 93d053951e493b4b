//! Corefiles in what is given: a Corefile as it is, or ConfigMaps in YAML or JSON, which is YAML, too.
//!
//! In a ConfigMap the keys `Corefile`, `Corefile.*`, `*.Corefile` and `*.server` of `data` are Corefiles. `*.override`, as AKS has them, are
//! pieces of somebody else's server: they are looked at where they are imported, or not at all.

use saphyr_parser::{Event, Parser, ScalarStyle};

/// A Corefile in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// The key of `data` that holds it; `None` is the whole file.
    pub key: Option<String>,
    /// Its text. In a literal block it begins with an empty line for each line before it, so that lines are those of the file.
    pub text: String,
    /// Whether lines of the text are lines of the file.
    pub is_exact: bool,
}

/// Most Corefiles that one file may hold.
const MOST_PARTS: usize = 1_000;
/// Deepest that values may lie in each other.
const DEEPEST: usize = 256;

/// Whether a text is a manifest rather than a Corefile: by the end of its name, or by its first words.
#[must_use]
pub fn is_manifest(name: &str, text: &str) -> bool {
    if [".yaml", ".yml", ".json"].iter().any(|end| name.ends_with(end)) {
        return true;
    }
    let first = text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('#')).unwrap_or_default();
    let begins = ["apiVersion:", "kind:", "metadata:", "data:", "items:", "%YAML"];
    first == "---" || first.starts_with('{') || begins.iter().any(|word| first.starts_with(word))
}

/// Whether a key of `data` holds a Corefile.
fn is_corefile(key: &str) -> bool {
    key == "Corefile" || key.starts_with("Corefile.") || key.ends_with(".Corefile") || key.ends_with(".server")
}

/// The Corefiles of a file.
///
/// # Errors
///
/// Why a manifest cannot be read, as a clause without a full stop.
pub fn parts(name: &str, text: &str) -> Result<Vec<Part>, String> {
    if !is_manifest(name, text) {
        return Ok(vec![Part { key: None, text: text.to_owned(), is_exact: true }]);
    }
    let (mut found, mut levels): (Vec<Part>, Vec<Level>) = (Vec::new(), Vec::new());
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| format!("it is no YAML or JSON: {error}"))?;
        match event {
            Event::MappingStart(..) | Event::SequenceStart(..) => {
                if levels.len() >= DEEPEST {
                    return Err(format!("values lie deeper than {DEEPEST} in each other"));
                }
                let is_map = matches!(event, Event::MappingStart(..));
                levels.push(if is_map { Level::Key } else { Level::List });
            }
            Event::MappingEnd | Event::SequenceEnd => {
                levels.pop();
                done(&mut levels);
            }
            Event::Alias(_) => done(&mut levels),
            Event::Scalar(value, style, ..) => match levels.last_mut() {
                Some(level @ Level::Key) => *level = Level::Value(value.into_owned()),
                Some(Level::Value(key)) => {
                    let key = key.clone();
                    let in_data = levels.len() > 1
                        && matches!(levels.get(levels.len() - 2), Some(Level::Value(outer)) if outer == "data");
                    if in_data && is_corefile(&key) && found.len() < MOST_PARTS {
                        let is_exact = style == ScalarStyle::Literal;
                        // The span begins with the first line that is not empty.
                        let empty = value.bytes().take_while(|byte| *byte == b'\n').count();
                        let before = span.start.line().saturating_sub(1 + empty);
                        let text = if is_exact { "\n".repeat(before) + &value } else { value.into_owned() };
                        found.push(Part { key: Some(key), text, is_exact });
                    }
                    done(&mut levels);
                }
                _ => {}
            },
            _ => {}
        }
    }
    Ok(found)
}

/// What the reader is within.
enum Level {
    /// A map, before a key.
    Key,
    /// A map, before the value of that key.
    Value(String),
    /// A list.
    List,
}

/// A value has ended: in a map a key comes next. A key that is no word is read as one, which no rule of ours asks for.
fn done(levels: &mut [Level]) {
    match levels.last_mut() {
        Some(level @ Level::Value(_)) => *level = Level::Key,
        Some(level @ Level::Key) => *level = Level::Value(String::new()),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::parts;

    /// A ConfigMap as people keep it.
    const YAML: &str =
        "apiVersion: v1\nkind: ConfigMap\ndata:\n  Corefile: |\n    .:53 {\n        errors\n    }\n  other: x\n";

    #[test]
    fn a_literal_block_keeps_the_lines_of_the_file() {
        let found = parts("cm.yaml", YAML).unwrap();
        assert_eq!(found.len(), 1);
        assert!(found[0].is_exact);
        assert_eq!(found[0].key.as_deref(), Some("Corefile"));
        assert_eq!(found[0].text.lines().position(|line| line.starts_with(".:53")), Some(4));
        let text = YAML.replace("Corefile: |\n", "Corefile: |2- # why\n\n\n");
        assert_eq!(parts("cm.yaml", &text).unwrap()[0].text.lines().position(|line| line.contains(".:53")), Some(6));
        // The same without a name that says what it is.
        assert_eq!(parts("standard input", YAML).unwrap(), found);
    }

    #[test]
    fn json_and_quoted_text_have_lines_of_their_own() {
        let json = r#"{"apiVersion":"v1","items":[{"data":{"Corefile":".:53 {\n  errors\n}\n"}},{"data":{"a.server":"b {\n}\n"}}]}"#;
        let found = parts("cm.json", json).unwrap();
        let keys: Vec<_> = found.iter().map(|part| (part.key.as_deref(), part.is_exact)).collect();
        assert_eq!(keys, [(Some("Corefile"), false), (Some("a.server"), false)]);
        assert_eq!(found[0].text, ".:53 {\n  errors\n}\n");
    }

    #[test]
    fn only_data_holds_corefiles() {
        let text =
            "metadata:\n  annotations: {Corefile: x}\n  data: {a: {Corefile: y}}\nspec: [Corefile, {Corefile: z}]\n";
        assert_eq!(parts("a.yaml", text).unwrap(), []);
    }

    #[test]
    fn a_corefile_is_itself() {
        let text = "# a comment\n.:53 {\n}\n";
        assert_eq!(parts("Corefile", text).unwrap()[0].text, text);
    }

    #[test]
    fn what_is_no_manifest_is_an_error_and_no_panic() {
        for text in ["{", "a: [", "a: b: c", "\"", "? [", "a: *b", &"[".repeat(100_000), "%", "---\n\t{"] {
            let _ = parts("a.yaml", text);
        }
        assert!(parts("a.json", "{\"data\": ").is_err());
        assert!(parts("a.yaml", &"- ".repeat(400)).is_err());
    }
}
