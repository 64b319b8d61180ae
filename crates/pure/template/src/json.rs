//! JSON texts as values: strict, source digits and key order kept, the last of equal keys wins.

use crate::{
    limits::{JSON_DEPTH_MAX, JSON_VALUES_MAX},
    text::Text,
    value::{Heap, Map, Pair, Style, Value},
};

/// A parsed JSON text, for parameter mapping (statement PM4).
///
/// ```
/// use postern_template::{Json, JsonPath};
///
/// let json = Json::parse(r#"{"pet": {"id": 7}}"#).unwrap();
/// assert_eq!(JsonPath::parse("$.pet.id").unwrap().text_in(&json).as_deref(), Some("7"));
/// ```
#[derive(Debug)]
pub struct Json<'text> {
    pub(crate) heap: Heap<'text>,
    pub(crate) root: Value<'text>,
}

/// A text that is not JSON, or too deep or too large a one to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotJson;

impl<'text> Json<'text> {
    /// Reads a JSON text.
    ///
    /// # Errors
    /// Where the text is not JSON (RFC 8259), is nested more than 64 deep, or holds more than a
    /// million values.
    pub fn parse(text: &'text str) -> Result<Self, NotJson> {
        let mut heap = Heap::default();
        let read = read_json(text, Text::Borrowed, &mut heap).map_err(|_| NotJson)?;
        Ok(Self { heap, root: read.root })
    }
}

/// Why a text was not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum JsonFault {
    NotJson,
    /// More values, or more deeply nested ones, than are allowed.
    TooLarge,
}

/// What [`read_json`] found.
pub(crate) struct Read<'a> {
    pub(crate) root: Value<'a>,
    /// How many values the text holds.
    pub(crate) values: u32,
}

/// Reads a JSON text into `heap`. `keep` makes a text of a part of the source: borrowed where the
/// source stays, copied where it does not.
pub(crate) fn read_json<'t, 'a>(
    text: &'t str,
    keep: fn(&'t str) -> Text<'a>,
    heap: &mut Heap<'a>,
) -> Result<Read<'a>, JsonFault> {
    let mut reader =
        Reader { text, at: 0, keep, heap, pairs: Vec::new(), items: Vec::new(), values: 0, depth: 0 };
    let root = reader.value()?;
    match reader.next() {
        None => Ok(Read { root, values: reader.values }),
        Some(_) => Err(JsonFault::NotJson),
    }
}

struct Reader<'t, 'a, 'heap> {
    text: &'t str,
    at: usize,
    keep: fn(&'t str) -> Text<'a>,
    heap: &'heap mut Heap<'a>,
    /// What the open objects and arrays hold so far, so that each gets exactly the room it needs.
    pairs: Vec<Pair<'a>>,
    items: Vec<Value<'a>>,
    values: u32,
    depth: u32,
}

impl<'t, 'a> Reader<'t, 'a, '_> {
    fn value(&mut self) -> Result<Value<'a>, JsonFault> {
        self.values += 1;
        if self.values > JSON_VALUES_MAX {
            return Err(JsonFault::TooLarge);
        }
        match self.next().ok_or(JsonFault::NotJson)? {
            b'{' => self.nested(Self::object),
            b'[' => self.nested(Self::array),
            b'"' => self.string().map(Value::Text),
            b't' => self.word("rue", Value::Boolean(true)),
            b'f' => self.word("alse", Value::Boolean(false)),
            b'n' => self.word("ull", Value::Null),
            _ => self.number(),
        }
    }

    fn nested(
        &mut self,
        read: fn(&mut Self) -> Result<Value<'a>, JsonFault>,
    ) -> Result<Value<'a>, JsonFault> {
        self.depth += 1;
        if self.depth > JSON_DEPTH_MAX {
            return Err(JsonFault::TooLarge);
        }
        let value = read(self);
        self.depth -= 1;
        value
    }

    /// The rest of an object, after its brace.
    fn object(&mut self) -> Result<Value<'a>, JsonFault> {
        let start = self.pairs.len();
        let mut next = self.next();
        while next != Some(b'}') {
            if next != Some(b'"') {
                return Err(JsonFault::NotJson);
            }
            let key = self.string()?;
            if self.next() != Some(b':') {
                return Err(JsonFault::NotJson);
            }
            let value = self.value()?;
            self.pairs.push(Pair::new(key, value));
            match self.next() {
                Some(b'}') => break,
                Some(b',') => next = self.next().filter(|byte| *byte != b'}'),
                _ => return Err(JsonFault::NotJson),
            }
        }
        let pairs = self.pairs.drain(start..).collect();
        Ok(self.heap.map_of(Map::of_pairs(pairs)))
    }

    /// The rest of an array, after its bracket.
    fn array(&mut self) -> Result<Value<'a>, JsonFault> {
        let start = self.items.len();
        let before = self.at;
        if self.next() != Some(b']') {
            self.at = before;
            loop {
                let item = self.value()?;
                self.items.push(item);
                match self.next() {
                    Some(b']') => break,
                    Some(b',') => {}
                    _ => return Err(JsonFault::NotJson),
                }
            }
        }
        let items = self.items.drain(start..).collect();
        Ok(self.heap.list_of(items, Style::Json))
    }

    /// The rest of a string, after its quote.
    fn string(&mut self) -> Result<Text<'a>, JsonFault> {
        let plain = self.plain_text()?;
        if self.take(b'"') {
            return Ok((self.keep)(plain));
        }
        let mut built = plain.to_owned();
        while !self.take(b'"') {
            match self.peek() {
                Some(b'\\') => self.escape(&mut built)?,
                Some(0x20..) => built.push_str(self.plain_text()?),
                _ => return Err(JsonFault::NotJson),
            }
        }
        Ok(built.into())
    }

    /// The text up to the next quote, backslash or control character.
    fn plain_text(&mut self) -> Result<&'t str, JsonFault> {
        let bytes = self.text.as_bytes().get(self.at..).ok_or(JsonFault::NotJson)?;
        let length = bytes.iter().position(|byte| is_special(*byte)).ok_or(JsonFault::NotJson)?;
        let plain = self.text.get(self.at..self.at + length).ok_or(JsonFault::NotJson)?;
        self.at += length;
        Ok(plain)
    }

    fn escape(&mut self, built: &mut String) -> Result<(), JsonFault> {
        self.at += 1;
        let escaped = self.peek().ok_or(JsonFault::NotJson)?;
        self.at += 1;
        built.push(match escaped {
            b'"' | b'\\' | b'/' => char::from(escaped),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => self.escaped_character()?,
            _ => return Err(JsonFault::NotJson),
        });
        Ok(())
    }

    /// A character written as `\uXXXX`, after the `u`; half of a pair alone is no character.
    fn escaped_character(&mut self) -> Result<char, JsonFault> {
        let first = self.four_digits()?;
        if (0xD800..0xDC00).contains(&first) && self.text.get(self.at..self.at + 2) == Some("\\u") {
            let before = self.at;
            self.at += 2;
            let second = self.four_digits()?;
            if (0xDC00..0xE000).contains(&second) {
                let code = 0x1_0000 + ((first - 0xD800) << 10) + (second - 0xDC00);
                return Ok(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
            }
            self.at = before;
        }
        Ok(char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER))
    }

    fn four_digits(&mut self) -> Result<u32, JsonFault> {
        let digits = self.text.get(self.at..self.at + 4).ok_or(JsonFault::NotJson)?;
        self.at += 4;
        if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(JsonFault::NotJson);
        }
        u32::from_str_radix(digits, 16).map_err(|_| JsonFault::NotJson)
    }

    /// A number, whose first byte was read.
    fn number(&mut self) -> Result<Value<'a>, JsonFault> {
        self.at -= 1;
        let start = self.at;
        let _ = self.take(b'-');
        if !self.take(b'0') {
            self.digits()?;
        }
        let mut whole = true;
        if self.take(b'.') {
            whole = false;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            whole = false;
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        let digits = self.text.get(start..self.at).ok_or(JsonFault::NotJson)?;
        // `-0` and what does not fit would print differently from their source.
        if whole
            && digits != "-0"
            && let Ok(number) = digits.parse()
        {
            return Ok(Value::Integer(number));
        }
        Ok(Value::Digits((self.keep)(digits)))
    }

    fn digits(&mut self) -> Result<(), JsonFault> {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        if self.at == start { Err(JsonFault::NotJson) } else { Ok(()) }
    }

    /// The rest of a word, after its first letter.
    fn word(&mut self, rest: &str, value: Value<'a>) -> Result<Value<'a>, JsonFault> {
        let end = self.at + rest.len();
        if self.text.get(self.at..end) != Some(rest) {
            return Err(JsonFault::NotJson);
        }
        self.at = end;
        Ok(value)
    }

    /// Reads the next byte that is not white space.
    fn next(&mut self) -> Option<u8> {
        loop {
            let byte = self.peek()?;
            self.at += 1;
            if !matches!(byte, b' ' | b'\t' | b'\n' | b'\r') {
                return Some(byte);
            }
        }
    }

    fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }
}

/// Whether a byte inside a string ends its plain text.
const fn is_special(byte: u8) -> bool {
    matches!(byte, b'"' | b'\\' | 0..=0x1F)
}
