//! What a MOCK integration reads from its rendered request template.
//!
//! The service does not read it as strict JSON. The recorded answers are those of json-smart's
//! permissive reader: names without quotes that go up to the colon, either kind of quotes, superfluous
//! commas, and whatever follows the closing brace.

use crate::lexer::Scanner;

/// The status code that the rendered request template of a MOCK integration names, or `None` where
/// the service answers 500 (statements MK1 to MK3). Any whole number is a status here.
///
/// ```
/// use postern_template::mock_status;
///
/// assert_eq!(mock_status(r#"{"statusCode": 200}"#), Some(200));
/// assert_eq!(mock_status(r#"{statusCode: 404}"#), Some(404));
/// assert_eq!(mock_status(r#"{"statusCode": "200"}"#), None);
/// ```
#[must_use]
pub fn mock_status(text: &str) -> Option<i64> {
    let mut reader = Reader { scanner: Scanner::new(text), depth: 0 };
    reader.scanner.skip_space();
    reader.scanner.take("{").then(|| reader.object()).flatten()?.status
}

/// Nested lists and objects: far more than a status needs.
const DEPTH_MAX: u32 = 32;

struct Reader<'t> {
    scanner: Scanner<'t>,
    depth: u32,
}

/// An object that was read.
struct Object {
    /// Its last `statusCode`, where that is a whole number.
    status: Option<i64>,
}

/// A value, as far as a status is concerned.
enum Value {
    Whole(i64),
    Other,
}

impl Reader<'_> {
    /// The rest of an object, after its brace; `None` where it cannot be read.
    fn object(&mut self) -> Option<Object> {
        let mut status = None;
        loop {
            self.scanner.skip_space();
            if self.scanner.take("}") {
                return Some(Object { status });
            }
            if self.scanner.take(",") {
                continue;
            }
            let is_status = self.name()?;
            self.scanner.skip_space();
            if !self.scanner.take(":") {
                return None;
            }
            match self.value(b'}')? {
                Value::Whole(number) if is_status => status = Some(number),
                Value::Other if is_status => status = None,
                _ => {}
            }
            self.scanner.skip_space();
            if !matches!(self.scanner.peek(), Some(b',' | b'}')) {
                return None;
            }
        }
    }

    /// A name; tells whether it is `statusCode`.
    fn name(&mut self) -> Option<bool> {
        match self.scanner.peek()? {
            b'"' | b'\'' => self.quoted().map(|name| name == "statusCode"),
            b':' | b'[' | b']' | b'{' => None,
            _ => Some(self.scanner.take_while(|byte| byte != b':').trim() == "statusCode"),
        }
    }

    /// A value in an object or list that `close` ends.
    fn value(&mut self, close: u8) -> Option<Value> {
        self.scanner.skip_space();
        match self.scanner.peek()? {
            b'{' => self.nested(|reader| reader.object().map(drop)),
            b'[' => self.nested(Self::list),
            b'"' | b'\'' => self.quoted().map(|_| Value::Other),
            b':' | b'}' | b']' => None,
            _ => {
                let word = self.scanner.take_while(|byte| byte != b',' && byte != close).trim();
                let digits = word.strip_prefix('-').unwrap_or(word);
                let is_whole = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
                let number = word.parse().ok().filter(|_| is_whole);
                Some(number.map_or(Value::Other, Value::Whole))
            }
        }
    }

    fn nested(&mut self, read: impl FnOnce(&mut Self) -> Option<()>) -> Option<Value> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return None;
        }
        self.scanner.advance(1);
        read(self)?;
        self.depth -= 1;
        Some(Value::Other)
    }

    /// The rest of a list, after its bracket.
    fn list(&mut self) -> Option<()> {
        loop {
            self.scanner.skip_space();
            if self.scanner.take("]") {
                return Some(());
            }
            if !self.scanner.take(",") {
                self.value(b']')?;
            }
        }
    }

    /// A text in quotes of one kind; a backslash keeps the character after it.
    fn quoted(&mut self) -> Option<String> {
        let quote = char::from(self.scanner.peek()?);
        self.scanner.advance(1);
        let mut text = String::new();
        let mut escaped = false;
        for character in self.scanner.rest().chars() {
            self.scanner.advance(character.len_utf8());
            if !escaped && character == quote {
                return Some(text);
            }
            escaped = !escaped && character == '\\';
            if !escaped {
                text.push(character);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mk1_a_status_is_any_whole_number() {
        let table = [
            (r#"{"statusCode": 200}"#, Some(200)),
            (r#"{"statusCode": 0}"#, Some(0)),
            (r#"{"statusCode": -1000}"#, Some(-1000)),
            (r#"{"statusCode": "200"}"#, None),
            (r#"{"statusCode": 200.5}"#, None),
            (r#"{"statusCode": 2e2}"#, None),
            (r#"{"statusCode": null}"#, None),
            (r#"{"statusCode": [200]}"#, None),
            (r#"{"statusCode": 200 OK}"#, None),
            (r#"{"statusCode": 99999999999999999999}"#, None),
            (r#"{"statusCode": 200, "statusCode": 404}"#, Some(404)),
            (r#"{"status": 200}"#, None),
            (r#"{"inner": {"statusCode": 200}}"#, None),
            ("{}", None),
            ("[200]", None),
            ("200", None),
            ("", None),
        ];
        for (text, expected) in table {
            assert_eq!(mock_status(text), expected, "{text}");
        }
    }

    /// The texts that LocalStack's authors tried against the service.
    #[test]
    fn mk2_the_reader_is_lenient() {
        let accepted = [
            "{ statusCode: 200 }",
            "{statusCode: 200,super{ f}oo: [ba r]}",
            "{statusCode: 200, \"value\": 'goog'}",
            "{statusCode: 200, foo}: [ba r]}",
            "{statusCode: 200, foo'}: [ba r]}",
            "{statusCode: 200, }foo: [ba r]}",
            "{statusCode: 200, }foo: ''}",
            "{statusCode: 200, \" \": \" \"}",
            "{statusCode: 200, \"\": \"\"}",
            "{'statusCode': 200, '': ''}",
            "{\"statusCode\": 200, \"\": \"\"}",
            "{\"statusCode\": 200 , }",
            "{\"statusCode\": 200 ,, }",
            "{\"statusCode\": 200 , null: null }",
        ];
        for text in accepted {
            assert_eq!(mock_status(text), Some(200), "{text}");
        }
        let refused = [
            "{\"statusCode': 200 }",
            "{'statusCode\": 200 }",
            "{'statusCode: 200 }",
            "statusCode: 200",
            "{statusCode: 200, {foo: [ba r]}",
            "{statusCode: 200, what:{}foo: [ba r]}}",
            "{\"statusCode\": 200",
        ];
        for text in refused {
            assert_eq!(mock_status(text), None, "{text}");
        }
    }

    #[test]
    fn mk2_depth_is_bounded() {
        let nested =
            |depth: usize| format!("{{statusCode: 200, a: {}{}}}", "[".repeat(depth), "]".repeat(depth));
        assert_eq!(mock_status(&nested(32)), Some(200));
        assert_eq!(mock_status(&nested(33)), None);
        assert_eq!(mock_status(&"{a:".repeat(100_000)), None);
    }
}
