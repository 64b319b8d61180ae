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
    keep: impl Fn(&'t str) -> Text<'a>,
    heap: &mut Heap<'a>,
) -> Result<Read<'a>, JsonFault> {
    let mut reader =
        Reader { text, at: 0, keep, heap, keys: Vec::new(), values: Vec::new(), count: 0, depth: 0 };
    reader.value()?;
    match (reader.next(), reader.values.pop()) {
        (None, Some(root)) => Ok(Read { root, values: reader.count }),
        _ => Err(JsonFault::NotJson),
    }
}

struct Reader<'t, 'a, 'heap, K> {
    text: &'t str,
    at: usize,
    keep: K,
    heap: &'heap mut Heap<'a>,
    /// What the open objects and arrays hold so far, so that each gets exactly the room it needs. A value
    /// is written here and nowhere else before: handing it from function to function costs more than
    /// reading it.
    keys: Vec<Text<'a>>,
    values: Vec<Value<'a>>,
    count: u32,
    depth: u32,
}

impl<'t, 'a, K: Fn(&'t str) -> Text<'a>> Reader<'t, 'a, '_, K> {
    /// Reads a value onto the end of `values`.
    fn value(&mut self) -> Result<(), JsonFault> {
        self.count += 1;
        if self.count > JSON_VALUES_MAX {
            return Err(JsonFault::TooLarge);
        }
        match self.next().ok_or(JsonFault::NotJson)? {
            b'{' => return self.nested(Self::object),
            b'[' => return self.nested(Self::array),
            b'"' => {
                let text = self.string()?;
                self.values.push(Value::Text(text));
            }
            b't' => self.word("rue", Value::boolean(true))?,
            b'f' => self.word("alse", Value::boolean(false))?,
            b'n' => self.word("ull", Value::Null)?,
            _ => self.number()?,
        }
        Ok(())
    }

    fn nested(&mut self, read: fn(&mut Self) -> Result<(), JsonFault>) -> Result<(), JsonFault> {
        self.depth += 1;
        if self.depth > JSON_DEPTH_MAX {
            return Err(JsonFault::TooLarge);
        }
        read(self)?;
        self.depth -= 1;
        Ok(())
    }

    /// The rest of an object, after its brace.
    fn object(&mut self) -> Result<(), JsonFault> {
        let (first_key, first_value) = (self.keys.len(), self.values.len());
        let mut next = self.next();
        while next != Some(b'}') {
            if next != Some(b'"') {
                return Err(JsonFault::NotJson);
            }
            let key = self.string()?;
            self.keys.push(key);
            if self.next() != Some(b':') {
                return Err(JsonFault::NotJson);
            }
            self.value()?;
            match self.next() {
                Some(b'}') => break,
                Some(b',') => next = self.next().filter(|byte| *byte != b'}'),
                _ => return Err(JsonFault::NotJson),
            }
        }
        let members = self.keys.drain(first_key..).zip(self.values.drain(first_value..));
        let pairs = members.map(|(key, value)| Pair::new(key, value)).collect();
        let map = self.heap.map_of(Map::of_pairs(pairs));
        self.values.push(map);
        Ok(())
    }

    /// The rest of an array, after its bracket.
    fn array(&mut self) -> Result<(), JsonFault> {
        let first = self.values.len();
        let before = self.at;
        if self.next() != Some(b']') {
            self.at = before;
            loop {
                self.value()?;
                match self.next() {
                    Some(b']') => break,
                    Some(b',') => {}
                    _ => return Err(JsonFault::NotJson),
                }
            }
        }
        let items = self.values.split_off(first);
        let list = self.heap.list_of(items, Style::Json);
        self.values.push(list);
        Ok(())
    }

    /// The rest of a string, after its quote. Inlined, since most of a body is strings.
    #[inline(always)]
    fn string(&mut self) -> Result<Text<'a>, JsonFault> {
        let plain = self.plain_text()?;
        if self.take(b'"') {
            return Ok((self.keep)(plain));
        }
        self.escaped_string(plain)
    }

    /// The rest of a string that is more than plain text.
    #[inline(never)]
    fn escaped_string(&mut self, plain: &str) -> Result<Text<'a>, JsonFault> {
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
    #[inline]
    fn plain_text(&mut self) -> Result<&'t str, JsonFault> {
        let rest = self.text.get(self.at..).ok_or(JsonFault::NotJson)?;
        let length = special_position(rest.as_bytes()).ok_or(JsonFault::NotJson)?;
        self.at += length;
        rest.get(..length).ok_or(JsonFault::NotJson)
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
    fn number(&mut self) -> Result<(), JsonFault> {
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
            self.values.push(Value::Integer(number));
        } else {
            self.values.push(Value::Digits((self.keep)(digits)));
        }
        Ok(())
    }

    fn digits(&mut self) -> Result<(), JsonFault> {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        if self.at == start { Err(JsonFault::NotJson) } else { Ok(()) }
    }

    /// The rest of a word, after its first letter.
    fn word(&mut self, rest: &str, value: Value<'a>) -> Result<(), JsonFault> {
        let end = self.at + rest.len();
        if self.text.get(self.at..end) != Some(rest) {
            return Err(JsonFault::NotJson);
        }
        self.at = end;
        self.values.push(value);
        Ok(())
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

/// Where the plain text of a string ends. Eight bytes are looked at together.
#[inline]
fn special_position(bytes: &[u8]) -> Option<usize> {
    let mut at = 0;
    while let Some(word) = bytes.get(at..).and_then(|rest| rest.first_chunk()) {
        let specials = specials_in(u64::from_le_bytes(*word));
        if specials != 0 {
            return Some(at + specials.trailing_zeros() as usize / 8);
        }
        at += 8;
    }
    special_position_from(bytes, at)
}

/// The same for the last bytes of a text, one by one.
#[cold]
fn special_position_from(bytes: &[u8], at: usize) -> Option<usize> {
    let position = bytes.get(at..)?.iter().position(|byte| is_special(*byte))?;
    Some(at + position)
}

/// The high bits of the bytes in `word` that are special. The lowest of them is right; one above it may be
/// set for a byte that is not, where a subtraction has borrowed from it.
const fn specials_in(word: u64) -> u64 {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    const HIGH_BITS: u64 = ONES << 7;
    let quotes = word ^ (ONES * b'"' as u64);
    let backslashes = word ^ (ONES * b'\\' as u64);
    let is_quote = quotes.wrapping_sub(ONES) & !quotes;
    let is_backslash = backslashes.wrapping_sub(ONES) & !backslashes;
    let is_control = word.wrapping_sub(ONES * 0x20) & !word;
    (is_quote | is_backslash | is_control) & HIGH_BITS
}

/// Whether a byte inside a string ends its plain text.
const fn is_special(byte: u8) -> bool {
    matches!(byte, b'"' | b'\\' | 0..=0x1F)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

        #[test]
        fn the_end_of_plain_text_is_found_as_byte_by_byte(
            bytes in proptest::collection::vec(prop_oneof![any::<u8>(), Just(b'"'), Just(0x20), Just(0x1F), Just(0x80)], 0..40),
        ) {
            let slowly = bytes.iter().position(|byte| is_special(*byte));
            prop_assert_eq!(special_position(&bytes), slowly);
        }
    }
}
