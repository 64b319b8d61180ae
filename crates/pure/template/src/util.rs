//! `$util`: the six functions of API Gateway (section 6 of the semantics page).

use std::fmt::Write;

use base64::{
    Engine,
    alphabet::STANDARD,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};

use crate::{
    FailureReason,
    interpreter::{Interpreter, Running},
    json::{JsonFault, read_json},
    method::{Arguments, Method},
    text::Text,
    value::Value,
};

impl<'a> Interpreter<'a, '_> {
    /// A method of `$util`; what does not exist gives the empty value, and so does an empty argument.
    pub(crate) fn call_util(&mut self, method: Method, arguments: &Arguments<'a>) -> Running<Value<'a>> {
        let [argument] = arguments.as_slice() else { return Ok(Value::Empty) };
        if argument.is_nothing() {
            return Ok(Value::Empty);
        }
        let text = self.text_of(argument)?;
        self.meter.spend_bytes(text.len())?;
        let built = match method {
            Method::EscapeJavaScript => match escape_java_script(&text) {
                Some(escaped) => escaped,
                None => return Ok(Value::Text(text)),
            },
            Method::UrlEncode => url_encode(&text),
            Method::UrlDecode => {
                url_decode(&text).ok_or_else(|| bad("urlDecode", "text with a bad `%` escape"))?
            }
            Method::Base64Encode => BASE64.encode(&*text),
            Method::Base64Decode => {
                let bytes =
                    BASE64.decode(&*text).map_err(|_| bad("base64Decode", "text that is not base64"))?;
                String::from_utf8_lossy(&bytes).into_owned()
            }
            Method::ParseJson => return self.parse_json(&text),
            _ => return Ok(Value::Empty),
        };
        self.built(built).map(Value::Text)
    }

    fn parse_json(&mut self, text: &Text<'a>) -> Running<Value<'a>> {
        if text.is_empty() {
            return Ok(Value::Empty);
        }
        let read = match text {
            Text::Borrowed(text) => read_json(text, Text::Borrowed, &mut self.heap),
            Text::Shared(text) => read_json(text, Text::copied, &mut self.heap),
        };
        let read = read.map_err(|fault| match fault {
            JsonFault::NotJson => bad("parseJson", "text that is not JSON"),
            JsonFault::TooLarge => FailureReason::JsonTooLarge,
        })?;
        self.meter.spend(read.values as usize)?;
        Ok(read.root.or_empty())
    }
}

fn bad(function: &str, what: &str) -> FailureReason {
    FailureReason::bad(format!("`$util.{function}` was given {what}"))
}

/// Standard base64; what a client wrote may lack its padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The escapes of Commons Lang 2, which the service uses: also of `'` and `/`, and every character
/// outside ASCII as `\uXXXX`. `None` where there is nothing to escape.
fn escape_java_script(text: &str) -> Option<String> {
    let is_plain = |byte: u8| matches!(byte, b' '..=0x7F) && !matches!(byte, b'\'' | b'"' | b'\\' | b'/');
    let plain = text.bytes().position(|byte| !is_plain(byte))?;
    let mut built = String::with_capacity(text.len() + text.len() / 8 + 8);
    built.push_str(text.get(..plain).unwrap_or_default());
    for character in text.get(plain..).unwrap_or_default().chars() {
        match character {
            '\u{8}' => built.push_str("\\b"),
            '\n' => built.push_str("\\n"),
            '\t' => built.push_str("\\t"),
            '\u{c}' => built.push_str("\\f"),
            '\r' => built.push_str("\\r"),
            '\'' | '"' | '\\' | '/' => {
                built.push('\\');
                built.push(character);
            }
            ' '..='\u{7F}' => built.push(character),
            _ => {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    let _ = write!(built, "\\u{unit:04X}");
                }
            }
        }
    }
    Some(built)
}

/// Form encoding as Java's `URLEncoder` does it.
fn url_encode(text: &str) -> String {
    let mut built = String::with_capacity(text.len() + text.len() / 2);
    for byte in text.bytes() {
        match byte {
            b' ' => built.push('+'),
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'-' | b'*' | b'_' => {
                built.push(char::from(byte))
            }
            _ => {
                let _ = write!(built, "%{byte:02X}");
            }
        }
    }
    built
}

/// The inverse; `None` where a `%` is not followed by two hexadecimal digits.
fn url_decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let mut digit = || char::from(rest.next()?).to_digit(16);
                u8::try_from(digit()? * 16 + digit()?).ok()?
            }
            byte => byte,
        });
    }
    Some(
        String::from_utf8(bytes)
            .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()),
    )
}
