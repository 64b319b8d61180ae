//! A body as JSON: strict (RFC 8259), at most 64 deep, of equal names the last. A body of many small
//! values is refused before it takes more memory than [`WEIGHT_MAX`] tells.
//!
//! `serde_json` reads an object with one certain private name in it as a number, so that a client
//! could have an object taken for a number. It is given names and numbers one by one here, never a
//! whole body.

use serde_json::{Map, Number, Value};

/// Reads a body; `None` where it is not JSON, too deep, or of too many values.
pub(crate) fn read(body: &[u8]) -> Option<Value> {
    read_within(body, WEIGHT_MAX)
}

fn read_within(body: &[u8], weight_left: u32) -> Option<Value> {
    let mut reader = Reader { rest: std::str::from_utf8(body).ok()?, depth: 0, weight_left };
    let value = reader.value()?;
    reader.skip_space();
    reader.rest.is_empty().then_some(value)
}

struct Reader<'b> {
    rest: &'b str,
    depth: usize,
    weight_left: u32,
}

impl Reader<'_> {
    fn value(&mut self) -> Option<Value> {
        self.weigh(1)?;
        self.skip_space();
        match self.rest.bytes().next()? {
            b'{' => self.nested(Self::object),
            b'[' => self.nested(Self::array),
            b'"' => self.string().map(Value::String),
            b't' => self.word("true", Value::Bool(true)),
            b'f' => self.word("false", Value::Bool(false)),
            b'n' => self.word("null", Value::Null),
            _ => self.number(),
        }
    }

    fn nested(&mut self, read: fn(&mut Self) -> Option<Value>) -> Option<Value> {
        self.depth += 1;
        self.weigh(PARTS_WEIGHT)?;
        if self.depth > DEPTH_MAX {
            return None;
        }
        self.advance(1);
        let value = read(self);
        self.depth -= 1;
        value
    }

    fn object(&mut self) -> Option<Value> {
        let mut members = Map::new();
        if self.take(b'}') {
            return Some(Value::Object(members));
        }
        loop {
            self.skip_space();
            let name = self.string()?;
            if !self.take(b':') {
                return None;
            }
            let value = self.value()?;
            members.insert(name, value);
            if self.take(b'}') {
                return Some(Value::Object(members));
            }
            if !self.take(b',') {
                return None;
            }
        }
    }

    fn array(&mut self) -> Option<Value> {
        let mut items = Vec::new();
        if self.take(b']') {
            return Some(Value::Array(items));
        }
        loop {
            items.push(self.value()?);
            if self.take(b']') {
                return Some(Value::Array(items));
            }
            if !self.take(b',') {
                return None;
            }
        }
    }

    fn string(&mut self) -> Option<String> {
        let inside = self.rest.strip_prefix('"')?;
        let end = inside.bytes().position(|byte| matches!(byte, b'"' | b'\\' | ..0x20))?;
        if inside.as_bytes().get(end) == Some(&b'"') {
            let text = inside.get(..end)?.to_owned();
            self.advance(end + 2);
            return Some(text);
        }
        let length = quoted_length(self.rest)?;
        let text = serde_json::from_str(self.rest.get(..length)?).ok()?;
        self.advance(length);
        Some(text)
    }

    fn number(&mut self) -> Option<Value> {
        let is_part = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'+' | b'-' | b'.' | b'e' | b'E');
        let end = self.rest.bytes().position(|byte| !is_part(byte)).unwrap_or(self.rest.len());
        let number: Number = self.rest.get(..end)?.parse().ok()?;
        self.advance(end);
        Some(Value::Number(number))
    }

    fn word(&mut self, word: &str, value: Value) -> Option<Value> {
        self.rest = self.rest.strip_prefix(word)?;
        Some(value)
    }

    fn weigh(&mut self, more: u32) -> Option<()> {
        self.weight_left = self.weight_left.checked_sub(more)?;
        Some(())
    }

    /// Takes white space and then a byte, if it is there.
    fn take(&mut self, byte: u8) -> bool {
        self.skip_space();
        let is_there = self.rest.as_bytes().first() == Some(&byte);
        if is_there {
            self.advance(1);
        }
        is_there
    }

    fn skip_space(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t', '\n', '\r']);
    }

    fn advance(&mut self, bytes: usize) {
        self.rest = self.rest.get(bytes..).unwrap_or_default();
    }
}

/// The bytes of a text in quotes with escapes in it, its quotes included.
fn quoted_length(text: &str) -> Option<usize> {
    let mut is_escaped = false;
    let end = text.bytes().skip(1).position(|byte| {
        let is_end = byte == b'"' && !is_escaped;
        is_escaped = byte == b'\\' && !is_escaped;
        is_end
    })?;
    Some(end + 2)
}

/// Nested lists and objects (hardening.md section 7).
const DEPTH_MAX: usize = 64;

/// What all values may weigh. One of weight 1 takes up to some 120 bytes of memory beside its text, so
/// that reading a body costs at most some 240 MiB.
const WEIGHT_MAX: u32 = 2_000_000;

/// What a list or an object weighs more than other values: it takes memory ahead.
const PARTS_WEIGHT: u32 = 3;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_private_name_is_a_name() {
        for body in
            [r#"{"$serde_json::private::Number": "1"}"#, r#"{"\u0024serde_json::private::Number": "1"}"#]
        {
            assert!(read(body.as_bytes()).unwrap().is_object(), "{body}");
        }
    }

    #[test]
    fn depth_is_bounded() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(read(nested(64).as_bytes()).is_some());
        assert!(read(nested(65).as_bytes()).is_none());
        assert!(read("[{\"a\":".repeat(100_000).as_bytes()).is_none());
    }

    #[test]
    fn the_number_of_values_is_bounded() {
        let fits = |body: &str| (0..).find(|most| read_within(body.as_bytes(), *most).is_some());
        for (body, weight) in
            [("1", 1), ("\"a\"", 1), ("[]", 4), ("[1, 2]", 6), ("{}", 4), (r#"{"a": [true]}"#, 9)]
        {
            assert_eq!(fits(body), Some(weight), "{body}");
        }
    }

    #[test]
    fn the_last_of_equal_names_counts() {
        assert_eq!(read(br#"{"a": 1, "b": 2, "\u0061": 3}"#), Some(serde_json::json!({"a": 3, "b": 2})));
    }

    #[test]
    fn digits_are_kept() {
        for number in ["1.0", "-0.50", "1e+400", "123456789012345678901234567890"] {
            assert_eq!(read(number.as_bytes()).unwrap().to_string(), number);
        }
    }

    fn texts() -> impl Strategy<Value = String> {
        let leaf = prop_oneof![
            Just("null".to_owned()),
            Just("true".to_owned()),
            any::<f64>()
                .prop_filter("JSON has no such number", |it| it.is_finite())
                .prop_map(|it| format!("{it:?}")),
            any::<i64>().prop_map(|it| it.to_string()),
            any::<String>().prop_map(|it| serde_json::Value::from(it).to_string()),
            r#""(\\u[0-9a-fD]{4}|\\[nrt"/]|[a-z]){0,6}""#,
        ];
        leaf.prop_recursive(4, 32, 4, |inner| {
            let member = ("[a-c]", inner.clone()).prop_map(|(name, value)| format!(" \"{name}\"\n:{value}"));
            prop_oneof![
                prop::collection::vec(inner, 0..4).prop_map(|items| format!("[{} ]", items.join(" ,\t"))),
                prop::collection::vec(member, 0..4)
                    .prop_map(|members| format!("{{{}}}\r\n", members.join(","))),
            ]
        })
    }

    proptest! {
        #[test]
        fn it_reads_what_serde_json_reads(text in texts()) {
            prop_assert_eq!(read(text.as_bytes()), serde_json::from_str(&text).ok());
        }

        #[test]
        fn it_refuses_what_serde_json_refuses(text in texts(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
            let mut bytes = text.into_bytes();
            let at = at.index(bytes.len());
            bytes[at] = byte;
            prop_assert_eq!(read(&bytes), serde_json::from_slice(&bytes).ok());
        }
    }
}
