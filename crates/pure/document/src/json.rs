//! JSON text to [`Node`] and back, places kept, duplicate keys refused.

use std::{borrow::Cow, str::Chars, sync::Arc};

use crate::{Entry, MAXIMUM_DEPTH, Mapping, Node, Place, Problem, Problems, Severity, Value, node::Layout};

/// Reads one JSON document, strictly as RFC 8259 defines it; a byte order mark is tolerated.
///
/// Columns count characters; numbers keep the text that was written.
///
/// # Errors
/// All problems that were found: duplicate keys with both places, and the first breach of the
/// syntax, behind which nothing is read. Unpaired surrogates and more than [`MAXIMUM_DEPTH`]
/// levels are refused too.
pub fn parse_json(file: &str, text: &str) -> Result<Node, Problems> {
    read(file, text).map_err(|unreadable| unreadable.problems)
}

/// Why a text gave no node.
pub(crate) struct Unreadable {
    /// Everything that was found.
    pub(crate) problems: Problems,
    /// Whether the text is not of the language at all.
    pub(crate) breaks_syntax: bool,
}

pub(crate) fn read(file: &str, text: &str) -> Result<Node, Unreadable> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut reader =
        Reader { rest: text.chars(), file: file.into(), line: 1, column: 1, problems: Problems::default() };
    match reader.document() {
        Ok(node) if reader.problems.is_empty() => Ok(node),
        Ok(_) => Err(Unreadable { problems: reader.problems, breaks_syntax: false }),
        Err(problem) => {
            reader.problems.push(problem);
            Err(Unreadable { problems: reader.problems, breaks_syntax: true })
        }
    }
}

struct Reader<'text> {
    rest: Chars<'text>,
    file: Arc<str>,
    line: u32,
    column: u32,
    problems: Problems,
}

impl<'text> Reader<'text> {
    fn document(&mut self) -> Result<Node, Problem> {
        self.skip_whitespace();
        let node = self.value(0)?;
        self.skip_whitespace();
        match self.peek() {
            None => Ok(node),
            Some(_) => Err(self.unexpected("the end of the document")),
        }
    }

    fn value(&mut self, depth: usize) -> Result<Node, Problem> {
        let place = self.place();
        match self.peek() {
            Some('{' | '[') if depth == MAXIMUM_DEPTH => {
                Err(self.problem(format!("lists and mappings stand more than {MAXIMUM_DEPTH} deep")))
            }
            Some('{') => Ok(Node::new(place, self.object(depth + 1)?)),
            Some('[') => Ok(Node::new(place, self.array(depth + 1)?)),
            Some('"') => {
                let (text, layout) = self.string()?;
                Ok(Node::with_layout(place, Value::Text(text), layout))
            }
            Some('-' | '0'..='9') => Ok(Node::new(place, Value::Number(self.number()?))),
            Some('a'..='z') => Ok(Node::new(place, self.literal()?)),
            _ => Err(self.unexpected("a value")),
        }
    }

    fn object(&mut self, depth: usize) -> Result<Value, Problem> {
        let mut entries = Vec::new();
        self.take();
        self.skip_whitespace();
        if !self.take_if('}') {
            loop {
                self.skip_whitespace();
                entries.push(self.entry(depth)?);
                self.skip_whitespace();
                match self.peek() {
                    Some(',') => self.take(),
                    Some('}') => break,
                    _ => return Err(self.unexpected("`,` or `}`")),
                };
            }
            self.take();
        }
        Ok(Value::Mapping(Mapping::of_unique(entries, &mut self.problems)))
    }

    fn entry(&mut self, depth: usize) -> Result<Entry, Problem> {
        let place = self.place();
        if self.peek() != Some('"') {
            return Err(self.unexpected("a key in quotation marks"));
        }
        let (key, _) = self.string()?;
        self.skip_whitespace();
        if !self.take_if(':') {
            return Err(self.unexpected("`:`"));
        }
        self.skip_whitespace();
        Ok(Entry { key, place, value: self.value(depth)? })
    }

    fn array(&mut self, depth: usize) -> Result<Value, Problem> {
        let mut items = Vec::new();
        self.take();
        self.skip_whitespace();
        if !self.take_if(']') {
            loop {
                self.skip_whitespace();
                items.push(self.value(depth)?);
                self.skip_whitespace();
                match self.peek() {
                    Some(',') => self.take(),
                    Some(']') => break,
                    _ => return Err(self.unexpected("`,` or `]`")),
                };
            }
            self.take();
        }
        Ok(Value::Sequence(items))
    }

    fn string(&mut self) -> Result<(Box<str>, Layout), Problem> {
        let mut text = String::new();
        let mut layout = Layout::Inline { quotation: 1 };
        self.take();
        loop {
            match self.peek() {
                Some('"') => break,
                Some('\\') => {
                    layout = Layout::Opaque;
                    text.push(self.escape()?);
                }
                Some('\0'..='\u{1f}') => {
                    return Err(self.problem("a control character in a string: it must be escaped".into()));
                }
                Some(_) => text.push_str(self.take_plain()),
                None => return Err(self.unexpected("`\"`")),
            }
        }
        self.take();
        Ok((text.into(), layout))
    }

    /// Takes everything up to the next character that means something inside of a string: most
    /// strings are taken whole.
    fn take_plain(&mut self) -> &'text str {
        let rest = self.rest.as_str();
        let end = rest.bytes().position(|byte| matches!(byte, b'"' | b'\\' | 0..=0x1f)).unwrap_or(rest.len());
        let (plain, rest) = rest.split_at_checked(end).unwrap_or((rest, ""));
        self.rest = rest.chars();
        let characters = if plain.is_ascii() { plain.len() } else { plain.chars().count() };
        self.column = self.column.saturating_add(u32::try_from(characters).unwrap_or(u32::MAX));
        plain
    }

    fn escape(&mut self) -> Result<char, Problem> {
        let place = self.place();
        self.take();
        let escaped = match self.take() {
            Some(character @ ('"' | '\\' | '/')) => Some(character),
            Some('b') => Some('\u{8}'),
            Some('f') => Some('\u{c}'),
            Some('n') => Some('\n'),
            Some('r') => Some('\r'),
            Some('t') => Some('\t'),
            Some('u') => self.unicode_escape(),
            _ => None,
        };
        escaped.ok_or_else(|| error(place, "not an escape sequence of JSON".into()))
    }

    /// The character of `\uXXXX`, or of a pair of them that are surrogates (RFC 8259 section 7).
    fn unicode_escape(&mut self) -> Option<char> {
        let first = self.four_digits()?;
        if !(0xd800..0xdc00).contains(&first) {
            return char::from_u32(first);
        }
        let is_pair = self.take_if('\\') && self.take_if('u');
        let second = is_pair.then(|| self.four_digits())??;
        let low = second.checked_sub(0xdc00).filter(|low| *low < 0x400)?;
        char::from_u32(0x10000 + ((first - 0xd800) << 10) + low)
    }

    fn four_digits(&mut self) -> Option<u32> {
        (0..4).try_fold(0, |number, _| Some(number * 16 + self.take()?.to_digit(16)?))
    }

    fn number(&mut self) -> Result<Box<str>, Problem> {
        let mut text = String::new();
        self.move_if('-', &mut text);
        if !self.move_if('0', &mut text) {
            self.digits(&mut text)?;
        }
        if self.move_if('.', &mut text) {
            self.digits(&mut text)?;
        }
        if self.move_if('e', &mut text) || self.move_if('E', &mut text) {
            let _signed = self.move_if('+', &mut text) || self.move_if('-', &mut text);
            self.digits(&mut text)?;
        }
        Ok(text.into())
    }

    fn digits(&mut self, text: &mut String) -> Result<(), Problem> {
        let before = text.len();
        while let Some(digit @ '0'..='9') = self.peek() {
            text.push(digit);
            self.take();
        }
        if text.len() == before { Err(self.unexpected("a digit")) } else { Ok(()) }
    }

    fn literal(&mut self) -> Result<Value, Problem> {
        let place = self.place();
        let mut word = String::new();
        while let Some(letter) = self.peek().filter(char::is_ascii_alphanumeric) {
            word.push(letter);
            self.take();
        }
        match word.as_str() {
            "true" => Ok(Value::Boolean(true)),
            "false" => Ok(Value::Boolean(false)),
            "null" => Ok(Value::Null),
            _ => Err(error(place, format!("not valid JSON: expected a value, found `{word}`"))),
        }
    }

    fn skip_whitespace(&mut self) {
        let rest = self.rest.as_str();
        let mut skipped = 0;
        for byte in rest.bytes() {
            match byte {
                b'\n' => {
                    self.line = self.line.saturating_add(1);
                    self.column = 1;
                }
                b' ' | b'\t' | b'\r' => self.column = self.column.saturating_add(1),
                _ => break,
            }
            skipped += 1;
        }
        self.rest = rest.get(skipped..).unwrap_or_default().chars();
    }

    fn peek(&self) -> Option<char> {
        self.rest.clone().next()
    }

    fn take(&mut self) -> Option<char> {
        let taken = self.rest.next()?;
        if taken == '\n' {
            self.line = self.line.saturating_add(1);
            self.column = 1;
        } else {
            self.column = self.column.saturating_add(1);
        }
        Some(taken)
    }

    fn take_if(&mut self, wanted: char) -> bool {
        let is_next = self.peek() == Some(wanted);
        if is_next {
            self.take();
        }
        is_next
    }

    fn move_if(&mut self, wanted: char, text: &mut String) -> bool {
        let is_next = self.take_if(wanted);
        if is_next {
            text.push(wanted);
        }
        is_next
    }

    fn place(&self) -> Place {
        Place::new(Arc::clone(&self.file), self.line, self.column)
    }

    fn problem(&self, message: String) -> Problem {
        error(self.place(), message)
    }

    fn unexpected(&self, expected: &str) -> Problem {
        let found =
            self.peek().map_or_else(|| "the end of the text".to_owned(), |found| format!("`{found}`"));
        self.problem(format!("not valid JSON: expected {expected}, found {found}"))
    }
}

const fn error(place: Place, message: String) -> Problem {
    Problem { place, severity: Severity::Error, message }
}

/// Writes a node as JSON text: compact, keys in order, numbers as they were written.
///
/// YAML knows numbers that JSON does not (`+1`, `007`, `.5`, `0x1F`); these are written as the
/// same number in JSON's form, and as text if they have more than 128 bits in hexadecimal.
///
/// ```
/// use postern_document::{parse_yaml, write_json};
///
/// let node = parse_yaml("a.yaml", "b: [1.0, 'x', ~]\na: 0x1F\n").unwrap();
/// assert_eq!(write_json(&node), r#"{"b":[1.0,"x",null],"a":31}"#);
/// ```
#[must_use]
pub fn write_json(node: &Node) -> String {
    let mut out = String::new();
    write_value(node, &mut out);
    out
}

fn write_value(node: &Node, out: &mut String) {
    match &node.value {
        Value::Null => out.push_str("null"),
        Value::Boolean(true) => out.push_str("true"),
        Value::Boolean(false) => out.push_str("false"),
        Value::Number(text) => write_number(text, out),
        Value::Text(text) => write_text(text, out),
        Value::Sequence(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                write_comma(index, out);
                write_value(item, out);
            }
            out.push(']');
        }
        Value::Mapping(mapping) => {
            out.push('{');
            for (index, entry) in mapping.iter().enumerate() {
                write_comma(index, out);
                write_text(&entry.key, out);
                out.push(':');
                write_value(&entry.value, out);
            }
            out.push('}');
        }
    }
}

fn write_comma(index: usize, out: &mut String) {
    if index > 0 {
        out.push(',');
    }
}

fn write_number(text: &str, out: &mut String) {
    let whole = |digits: Option<&str>, radix| u128::from_str_radix(digits?, radix).ok();
    if let Some(number) = whole(text.strip_prefix("0x"), 16).or_else(|| whole(text.strip_prefix("0o"), 8)) {
        out.push_str(&number.to_string());
    } else if text.starts_with("0x") || text.starts_with("0o") {
        write_text(text, out);
    } else {
        out.push_str(&decimal(text));
    }
}

/// A decimal number of YAML's core schema in JSON's form; most are written alike.
fn decimal(text: &str) -> Cow<'_, str> {
    let (sign, unsigned) = match text.strip_prefix('-') {
        Some(unsigned) => ("-", unsigned),
        None => ("", text.strip_prefix('+').unwrap_or(text)),
    };
    let exponent_at = unsigned.find(['e', 'E']).unwrap_or(unsigned.len());
    let (mantissa, exponent) = unsigned.split_at_checked(exponent_at).unwrap_or((unsigned, ""));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let significant = whole.trim_start_matches('0');
    let is_json = (whole == "0" || !whole.is_empty() && significant.len() == whole.len())
        && !text.starts_with('+')
        && !mantissa.ends_with('.');
    if is_json {
        return text.into();
    }
    let whole = if significant.is_empty() { "0" } else { significant };
    let point = if fraction.is_empty() { "" } else { "." };
    format!("{sign}{whole}{point}{fraction}{exponent}").into()
}

fn write_text(text: &str, out: &mut String) {
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\0'..='\u{1f}' => out.push_str(&format!("\\u{:04x}", u32::from(character))),
            _ => out.push(character),
        }
    }
    out.push('"');
}
