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
        let root = read_json(text, Text::Borrowed, &mut heap)?.root;
        Ok(Self { heap, root })
    }
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
) -> Result<Read<'a>, NotJson> {
    let mut reader =
        Reader { text, at: 0, keep, heap, pairs: Vec::new(), items: Vec::new(), values: 0, depth: 0 };
    reader.skip_space();
    let root = reader.value()?;
    reader.skip_space();
    if reader.at < text.len() {
        return Err(NotJson);
    }
    Ok(Read { root, values: reader.values })
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
    fn value(&mut self) -> Result<Value<'a>, NotJson> {
        self.values += 1;
        if self.values > JSON_VALUES_MAX {
            return Err(NotJson);
        }
        match self.peek().ok_or(NotJson)? {
            b'{' => self.nested(Self::object),
            b'[' => self.nested(Self::array),
            b'"' => self.string().map(Value::Text),
            b't' => self.word("true", Value::Boolean(true)),
            b'f' => self.word("false", Value::Boolean(false)),
            b'n' => self.word("null", Value::Null),
            _ => self.number(),
        }
    }

    fn nested(&mut self, read: fn(&mut Self) -> Result<Value<'a>, NotJson>) -> Result<Value<'a>, NotJson> {
        self.depth += 1;
        if self.depth > JSON_DEPTH_MAX {
            return Err(NotJson);
        }
        let value = read(self);
        self.depth -= 1;
        value
    }

    fn object(&mut self) -> Result<Value<'a>, NotJson> {
        self.at += 1;
        let start = self.pairs.len();
        self.skip_space();
        if !self.take(b'}') {
            loop {
                self.skip_space();
                if self.peek() != Some(b'"') {
                    return Err(NotJson);
                }
                let key = self.string()?;
                self.skip_space();
                self.expect(b':')?;
                self.skip_space();
                let value = self.value()?;
                self.pairs.push(Pair::new(key, value));
                self.skip_space();
                if self.take(b'}') {
                    break;
                }
                self.expect(b',')?;
            }
        }
        let pairs = self.pairs.drain(start..).collect();
        Ok(self.heap.map_of(Map::of_pairs(pairs)))
    }

    fn array(&mut self) -> Result<Value<'a>, NotJson> {
        self.at += 1;
        let start = self.items.len();
        self.skip_space();
        if !self.take(b']') {
            loop {
                self.skip_space();
                let item = self.value()?;
                self.items.push(item);
                self.skip_space();
                if self.take(b']') {
                    break;
                }
                self.expect(b',')?;
            }
        }
        let items = self.items.drain(start..).collect();
        Ok(self.heap.list_of(items, Style::Json))
    }

    fn string(&mut self) -> Result<Text<'a>, NotJson> {
        self.at += 1;
        let plain = self.plain_text()?;
        if self.take(b'"') {
            return Ok((self.keep)(plain));
        }
        let mut built = plain.to_owned();
        while !self.take(b'"') {
            match self.peek() {
                Some(b'\\') => self.escape(&mut built)?,
                Some(0x20..) => built.push_str(self.plain_text()?),
                _ => return Err(NotJson),
            }
        }
        Ok(built.into())
    }

    /// The text up to the next quote, backslash or control character.
    fn plain_text(&mut self) -> Result<&'t str, NotJson> {
        let bytes = self.text.as_bytes().get(self.at..).ok_or(NotJson)?;
        let length = bytes.iter().position(|byte| is_special(*byte)).ok_or(NotJson)?;
        let plain = self.text.get(self.at..self.at + length).ok_or(NotJson)?;
        self.at += length;
        Ok(plain)
    }

    fn escape(&mut self, built: &mut String) -> Result<(), NotJson> {
        self.at += 1;
        let escaped = self.peek().ok_or(NotJson)?;
        self.at += 1;
        built.push(match escaped {
            b'"' | b'\\' | b'/' => char::from(escaped),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => self.escaped_character()?,
            _ => return Err(NotJson),
        });
        Ok(())
    }

    /// A character written as `\uXXXX`, after the `u`; half of a pair alone is no character.
    fn escaped_character(&mut self) -> Result<char, NotJson> {
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

    fn four_digits(&mut self) -> Result<u32, NotJson> {
        let digits = self.text.get(self.at..self.at + 4).ok_or(NotJson)?;
        self.at += 4;
        if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(NotJson);
        }
        u32::from_str_radix(digits, 16).map_err(|_| NotJson)
    }

    fn number(&mut self) -> Result<Value<'a>, NotJson> {
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
        let digits = self.text.get(start..self.at).ok_or(NotJson)?;
        // `-0` and what does not fit would print differently from their source.
        if whole
            && digits != "-0"
            && let Ok(number) = digits.parse()
        {
            return Ok(Value::Integer(number));
        }
        Ok(Value::Digits((self.keep)(digits)))
    }

    fn digits(&mut self) -> Result<(), NotJson> {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        if self.at == start { Err(NotJson) } else { Ok(()) }
    }

    fn word(&mut self, word: &str, value: Value<'a>) -> Result<Value<'a>, NotJson> {
        let end = self.at + word.len();
        if self.text.get(self.at..end) != Some(word) {
            return Err(NotJson);
        }
        self.at = end;
        Ok(value)
    }

    fn expect(&mut self, byte: u8) -> Result<(), NotJson> {
        if self.take(byte) { Ok(()) } else { Err(NotJson) }
    }

    fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }
}

/// Whether a byte inside a string ends its plain text.
const fn is_special(byte: u8) -> bool {
    matches!(byte, b'"' | b'\\' | 0..=0x1F)
}
