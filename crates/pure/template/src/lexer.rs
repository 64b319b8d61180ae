//! Reading a template's text piece by piece: where words, numbers, strings and escapes begin and end.
//!
//! The rules are those of Velocity 1.7's scanner, which is why a directive eats the line break after
//! its closing parenthesis, a `#set` the spaces before it, and `$a-b` is one name (statement D12).

/// A place in a text that is being read.
#[derive(Clone, Debug)]
pub(crate) struct Scanner<'t> {
    text: &'t str,
    at: usize,
}

/// The word after a `#`, and how long it is with its braces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DirectiveWord<'t> {
    pub(crate) name: &'t str,
    pub(crate) length: usize,
}

impl<'t> Scanner<'t> {
    pub(crate) const fn new(text: &'t str) -> Self {
        Self { text, at: 0 }
    }

    /// Where the scanner stands, in bytes from the start.
    pub(crate) const fn at(&self) -> usize {
        self.at
    }

    /// Goes back to a place where it stood before.
    pub(crate) const fn go_to(&mut self, at: usize) {
        self.at = at;
    }

    /// What has not been read yet.
    pub(crate) fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// What was read since `start`.
    pub(crate) fn since(&self, start: usize) -> &'t str {
        self.text.get(start..self.at).unwrap_or_default()
    }

    pub(crate) fn peek(&self) -> Option<u8> {
        self.peek_at(0)
    }

    /// The byte `distance` bytes on.
    pub(crate) fn peek_at(&self, distance: usize) -> Option<u8> {
        self.text.as_bytes().get(self.at + distance).copied()
    }

    /// Goes on by as many bytes, which must be a whole number of characters.
    pub(crate) fn advance(&mut self, bytes: usize) {
        self.at = (self.at + bytes).min(self.text.len());
    }

    /// Reads `word` if it stands here.
    pub(crate) fn take(&mut self, word: &str) -> bool {
        let found = self.rest().starts_with(word);
        if found {
            self.at += word.len();
        }
        found
    }

    /// Reads all bytes that `accept` accepts; they must be ASCII or whole characters.
    pub(crate) fn take_while(&mut self, accept: impl Fn(u8) -> bool) -> &'t str {
        let rest = self.rest();
        let length = rest.bytes().position(|byte| !accept(byte)).unwrap_or(rest.len());
        let taken = rest.get(..length).unwrap_or_default();
        self.at += taken.len();
        taken
    }

    /// Reads text up to the next character that can mean something, or to the end.
    pub(crate) fn take_plain_text(&mut self) -> &'t str {
        self.take_while(|byte| !matches!(byte, b'$' | b'#' | b'\\'))
    }

    /// Skips spaces, tabs and line breaks.
    pub(crate) fn skip_space(&mut self) {
        self.take_while(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r'));
    }

    /// Skips spaces and tabs with the line break after them, if there is one.
    pub(crate) fn skip_rest_of_line(&mut self) {
        let start = self.at;
        self.take_while(|byte| matches!(byte, b' ' | b'\t'));
        if !(self.take("\r\n") || self.take("\n") || self.take("\r")) {
            self.at = start;
        }
    }

    /// Skips to the end of the line and over its line break.
    pub(crate) fn skip_line(&mut self) {
        self.take_while(|byte| !matches!(byte, b'\n' | b'\r'));
        self.skip_rest_of_line();
    }

    /// Reads up to `end` and over it; to the end of the text if `end` is missing, which is told.
    pub(crate) fn take_until(&mut self, end: &str) -> (&'t str, bool) {
        let rest = self.rest();
        let (inside, found) = rest.split_once(end).map_or((rest, false), |(inside, _)| (inside, true));
        self.advance(inside.len() + if found { end.len() } else { 0 });
        (inside, found)
    }

    /// Reads `#set(` with the spaces before it.
    pub(crate) fn take_set(&mut self) -> bool {
        let start = self.at;
        self.take_while(|byte| matches!(byte, b' ' | b'\t'));
        if self.take("#set") || self.take("#{set}") {
            self.take_while(|byte| byte == b' ');
            if self.take("(") {
                return true;
            }
        }
        self.at = start;
        false
    }

    /// The word or bracketed word that stands `distance` bytes on, after a `#`.
    pub(crate) fn directive_word(&self, distance: usize) -> Option<DirectiveWord<'t>> {
        let rest = self.rest().get(distance..)?;
        let bracketed = rest.strip_prefix('{');
        let word = bracketed.unwrap_or(rest);
        let starts =
            |byte: u8| byte.is_ascii_alphabetic() || byte == b'_' || (byte == b'@' && bracketed.is_none());
        let length = word.bytes().position(|byte| !is_word(byte)).unwrap_or(word.len());
        let name = word.get(..length).filter(|name| name.bytes().next().is_some_and(starts))?;
        match bracketed {
            None => Some(DirectiveWord { name, length }),
            Some(_) => {
                word.get(length..)?.starts_with('}').then_some(DirectiveWord { name, length: length + 2 })
            }
        }
    }

    /// Whether an opening parenthesis stands here, after any white space.
    pub(crate) fn parenthesis_follows(&self) -> bool {
        self.rest().trim_start_matches([' ', '\t', '\n', '\r']).starts_with('(')
    }

    /// Whether the name of a reference begins `distance` bytes on.
    pub(crate) fn name_starts(&self, distance: usize) -> bool {
        self.peek_at(distance).is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_')
    }

    /// Reads the name of a reference or member.
    pub(crate) fn take_name(&mut self) -> &'t str {
        self.take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
    }

    /// Reads a word of an expression: `in`, `and`, `true`.
    pub(crate) fn take_word(&mut self, word: &str) -> bool {
        let found = self.rest().starts_with(word) && !self.peek_at(word.len()).is_some_and(is_word);
        if found {
            self.at += word.len();
        }
        found
    }

    /// Reads a number, with a minus sign that touches it. A point that begins `..` is not part of it.
    pub(crate) fn take_number(&mut self) -> Option<&'t str> {
        let start = self.at;
        self.take("-");
        let whole = self.take_while(|byte| byte.is_ascii_digit()).len();
        let mut fraction = false;
        if self.peek() == Some(b'.') && self.peek_at(1) != Some(b'.') {
            let point = self.at;
            self.at += 1;
            fraction = !self.take_while(|byte| byte.is_ascii_digit()).is_empty() || whole > 0;
            if !fraction {
                self.at = point;
            }
        }
        if whole == 0 && !fraction {
            self.at = start;
            return None;
        }
        self.take_exponent();
        Some(self.since(start))
    }

    fn take_exponent(&mut self) {
        let start = self.at;
        if !(self.take("e") || self.take("E")) {
            return;
        }
        let _ = self.take("+") || self.take("-");
        if self.take_while(|byte| byte.is_ascii_digit()).is_empty() {
            self.at = start;
        }
    }

    /// Reads a string with its quotes and gives what stands between them. A doubled quote is part of
    /// the string; the longest possible string is meant, as in Velocity.
    pub(crate) fn take_string(&mut self, quote: char) -> Option<&'t str> {
        let body = self.rest().strip_prefix(quote)?;
        let mut end = None;
        let mut from = 0;
        while let Some(position) = body.get(from..).and_then(|rest| rest.find(quote)) {
            end = Some(from + position);
            from += position + 2;
            if !body.get(from - 1..).is_some_and(|rest| rest.starts_with(quote)) {
                break;
            }
        }
        let inside = body.get(..end?)?;
        self.at += inside.len() + 2;
        Some(inside)
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'@')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn d14_the_longest_string_is_meant() {
        let table = [
            (r#""a" + "b""#, Some("a")),
            (r#""{""a"": 2}")"#, Some(r#"{""a"": 2}"#)),
            (r#""", "x""#, Some("")),
            ("\"\"\"\"", Some("\"\"")),
            ("\"\"\"", Some("")),
            (r#""\"q\"""#, Some("\\")),
            (r#""a"#, None),
            // Where the longer reading never ends, the shorter one counts.
            (r#""a""b"#, Some("a")),
        ];
        for (text, expected) in table {
            assert_eq!(Scanner::new(text).take_string('"'), expected, "{text}");
        }
    }

    #[test]
    fn numbers_end_before_a_range() {
        let table = [
            ("1..3", Some("1")),
            ("-5..2", Some("-5")),
            ("1.5", Some("1.5")),
            (".5*.1", Some(".5")),
            ("1.", Some("1.")),
            ("1e3x", Some("1e3")),
            ("1ex", Some("1")),
            ("-", None),
            (".", None),
            ("-.x", None),
        ];
        for (text, expected) in table {
            assert_eq!(Scanner::new(text).take_number(), expected, "{text}");
        }
    }
}
