//! Text to words. Words are parted by white space; quotes hold one together, with `\"` for a quote within it and every other backslash for
//! itself. `#` begins a comment that ends with the line, also behind letters: `a#b` is the word `a`.

use std::sync::Arc;

use super::tree::Place;

/// A word and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Token {
    /// Without its quotes.
    pub text: String,
    /// Where it begins.
    pub place: Place,
    /// The line it ends in: quotes hold line breaks, too.
    pub end: u32,
}

/// All words of a text. A quote that is never closed holds all that follows, as with CoreDNS; the parser then misses a brace.
pub(super) fn tokens(text: &str, file: &Arc<str>) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut word: Option<(String, u32)> = None;
    let (mut line, mut is_quoted, mut is_escaped, mut is_comment) = (1_u32, false, false, false);
    let mut finish = |word: &mut Option<(String, u32)>, end: u32| {
        if let Some((text, begin)) = word.take() {
            tokens.push(Token { text, place: Place { file: Arc::clone(file), line: begin }, end });
        }
    };
    for letter in text.strip_prefix('\u{feff}').unwrap_or(text).chars() {
        if is_quoted {
            let (held, _) = word.get_or_insert_with(|| (String::new(), line));
            match letter {
                '\\' if !is_escaped => {
                    is_escaped = true;
                    continue;
                }
                '"' if !is_escaped => {
                    is_quoted = false;
                    finish(&mut word, line);
                    continue;
                }
                '"' => {}
                _ if is_escaped => held.push('\\'),
                _ => {}
            }
            held.push(letter);
            is_escaped = false;
            line += u32::from(letter == '\n');
        } else if letter.is_whitespace() {
            if letter == '\r' {
                continue;
            }
            finish(&mut word, line);
            if letter == '\n' {
                line += 1;
                is_comment = false;
            }
        } else if letter == '#' || is_comment {
            is_comment = true;
        } else if letter == '"' && word.is_none() {
            word = Some((String::new(), line));
            is_quoted = true;
        } else {
            word.get_or_insert_with(|| (String::new(), line)).0.push(letter);
        }
    }
    finish(&mut word, line);
    tokens
}

#[cfg(test)]
mod tests {
    use super::tokens;

    /// Words with the lines they begin in.
    fn words(text: &str) -> Vec<(String, u32)> {
        tokens(text, &"Corefile".into()).into_iter().map(|token| (token.text, token.place.line)).collect()
    }

    /// As [`words`] gives them.
    fn expected(words: &[(&str, u32)]) -> Vec<(String, u32)> {
        words.iter().map(|(word, line)| ((*word).to_owned(), *line)).collect()
    }

    #[test]
    fn words_know_their_lines() {
        let text = ".:53 {\r\n  forward . 10.0.0.10 # comment\n\n# another {\n}\n";
        let all = [(".:53", 1), ("{", 1), ("forward", 2), (".", 2), ("10.0.0.10", 2), ("}", 5)];
        assert_eq!(words(text), expected(&all));
    }

    #[test]
    fn quotes_hold_spaces_and_lines_and_only_quotes_are_escaped() {
        let text = r#"match "^a\.b \"c\" # d" "" x"y z
"two
lines" end"#;
        let all =
            [("match", 1), (r#"^a\.b "c" # d"#, 1), ("", 1), ("x\"y", 1), ("z", 1), ("two\nlines", 2), ("end", 3)];
        assert_eq!(words(text), expected(&all));
    }

    #[test]
    fn a_comment_begins_within_a_word() {
        assert_eq!(words("tls://1.1.1.1#name more\nnext"), expected(&[("tls://1.1.1.1", 1), ("next", 2)]));
    }

    #[test]
    fn a_quote_that_is_never_closed_holds_the_rest() {
        assert_eq!(words("a \"b {\n}"), expected(&[("a", 1), ("b {\n}", 1)]));
    }
}
