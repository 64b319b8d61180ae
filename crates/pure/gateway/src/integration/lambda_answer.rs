//! The answer of a Lambda proxy integration (lambda-events.md section 3): read without a tree, and made
//! the client's.

use std::borrow::Cow;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use postern_protocol::{
    http1::{FieldBlock, KnownName},
    integration_response::Metadata,
};

use super::forwarding::{push_function_field, write_trace_id};
use crate::{Record, Refusal, content, response::push_ids};

/// What a function says that the client is to see.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct ProxyAnswer<'t> {
    pub(crate) status: Option<u16>,
    pub(crate) headers: Vec<(Cow<'t, str>, Cow<'t, str>)>,
    pub(crate) multi_value_headers: Vec<(Cow<'t, str>, Vec<Cow<'t, str>>)>,
    body: Cow<'t, str>,
    is_base64_encoded: bool,
}

/// Why an answer is malformed, for an operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed(&'static str);

/// Writes fields and body of a function's answer for the client, and gives back the status.
pub(crate) fn write_function_answer(
    record: &Record<'_>,
    payload: &[u8],
    fields: &mut FieldBlock,
    body: &mut Vec<u8>,
) -> Result<u16, Refusal> {
    let answer = read(payload).map_err(|Malformed(reason)| Refusal::malformed_answer(reason))?;
    write_fields(record, &answer, fields)?;
    body.clear();
    let (Some(located), Some(arrival)) = (record.located.as_ref(), record.arrival) else {
        return Err(Refusal::Overloaded);
    };
    if answer.is_base64_encoded && content::accepts_binary(located.api, arrival) {
        BASE64_STANDARD.decode_vec(&*answer.body, body).map_err(|_| {
            Refusal::Configuration("the function's answer says that it is base64, and it is not".into())
        })?;
    } else {
        body.extend_from_slice(answer.body.as_bytes());
    }
    Ok(answer.status.unwrap_or(200))
}

/// Writes the fields of an answer, and the gateway's own.
pub(crate) fn write_fields(
    record: &Record<'_>,
    answer: &ProxyAnswer<'_>,
    fields: &mut FieldBlock,
) -> Result<(), Refusal> {
    fields.clear();
    let mut has_type = false;
    let mut push = |name: &str, value: &str| {
        has_type |= KnownName::of(name.as_bytes()) == KnownName::ContentType;
        let refused =
            |_| Refusal::malformed_answer("a header of the function's answer may not stand in HTTP");
        push_function_field(name, value, fields).map_err(refused)
    };
    answer.each_field(&mut push)?;
    if !has_type {
        fields.push_trusted(b"Content-Type", b"application/json");
    }
    let mut trace_id = Vec::new();
    write_trace_id(record, &mut trace_id);
    fields.push_trusted(b"X-Amzn-Trace-Id", &trace_id);
    push_ids(&record.ids, fields);
    Ok(())
}

impl<'t> ProxyAnswer<'t> {
    /// What stands before a streamed body says the same (lambda-events.md section 7).
    pub(crate) fn of_metadata(metadata: &'t Metadata) -> Result<Self, &'static str> {
        let pair = |name: &'t String, value: &'t String| (Cow::Borrowed(&**name), Cow::Borrowed(&**value));
        let several = |(name, values): &'t (String, Vec<String>)| {
            (Cow::Borrowed(&**name), values.iter().map(|value| Cow::Borrowed(&**value)).collect())
        };
        let (one, more): (Vec<_>, Vec<_>) =
            metadata.headers.iter().partition(|(_, values)| values.len() == 1);
        let headers =
            one.into_iter().flat_map(|(name, values)| values.iter().map(move |value| pair(name, value)));
        let cookies =
            metadata.cookies.iter().map(|cookie| ("Set-Cookie".into(), vec![Cow::Borrowed(&**cookie)]));
        if !(200..600).contains(&metadata.status) {
            return Err("`statusCode` of the streamed answer is no status");
        }
        Ok(Self {
            status: Some(metadata.status),
            headers: headers.collect(),
            multi_value_headers: more
                .into_iter()
                .chain(&metadata.multi_value_headers)
                .map(several)
                .chain(cookies)
                .collect(),
            ..Self::default()
        })
    }

    /// Each line: of a name in both maps first all values of the second and then that of the first, each
    /// once, in the spelling of the second.
    fn each_field(&self, push: &mut impl FnMut(&str, &str) -> Result<(), Refusal>) -> Result<(), Refusal> {
        let several =
            |name: &str| self.multi_value_headers.iter().any(|(other, _)| other.eq_ignore_ascii_case(name));
        for (name, value) in self.headers.iter().filter(|(name, _)| !several(name)) {
            push(name, value)?;
        }
        for (name, values) in &self.multi_value_headers {
            for value in values {
                push(name, value)?;
            }
            let single = self.headers.iter().filter(|(other, _)| other.eq_ignore_ascii_case(name));
            for (_, value) in single.filter(|(_, value)| !values.contains(value)) {
                push(name, value)?;
            }
        }
        Ok(())
    }
}

/// Reads the payload of a function: one object with five keys and no others.
pub(crate) fn read(payload: &[u8]) -> Result<ProxyAnswer<'_>, Malformed> {
    let text = std::str::from_utf8(payload).map_err(|_| Malformed("the function's answer is not UTF-8"))?;
    let mut reader = Reader { rest: text };
    let mut answer = ProxyAnswer::default();
    if !reader.take(b'{') {
        return Err(Malformed("the function's answer is not a JSON object"));
    }
    reader.members(|reader, key| match &*key {
        "statusCode" => {
            answer.status = reader.status()?;
            Ok(())
        }
        "headers" => reader.headers(&mut answer.headers),
        "multiValueHeaders" => reader.multi_value_headers(&mut answer.multi_value_headers),
        "body" => {
            answer.body = match reader.scalar()? {
                Scalar::Null => Cow::Borrowed(""),
                Scalar::Text(text) | Scalar::Word(text) | Scalar::Number(text) => text,
            };
            Ok(())
        }
        "isBase64Encoded" => {
            answer.is_base64_encoded = match reader.scalar()? {
                Scalar::Word(word) => word == "true",
                Scalar::Null => false,
                _ => return Err(Malformed("`isBase64Encoded` of the function's answer is no boolean")),
            };
            Ok(())
        }
        _ => Err(Malformed("the function's answer has a key that it may not have")),
    })?;
    reader.skip_space();
    if reader.rest.is_empty() { Ok(answer) } else { Err(NOT_JSON) }
}

const NOT_JSON: Malformed = Malformed("the function's answer is not JSON");

struct Reader<'t> {
    rest: &'t str,
}

/// A value that holds no others.
enum Scalar<'t> {
    Null,
    /// `true` or `false`.
    Word(Cow<'t, str>),
    Number(Cow<'t, str>),
    Text(Cow<'t, str>),
}

impl<'t> Reader<'t> {
    fn status(&mut self) -> Result<Option<u16>, Malformed> {
        const WRONG: Malformed = Malformed("`statusCode` of the function's answer is no status");
        let text = match self.scalar()? {
            Scalar::Null => return Ok(None),
            Scalar::Text(text) | Scalar::Number(text) => text,
            Scalar::Word(_) => return Err(WRONG),
        };
        let number: f64 = text.trim().parse().map_err(|_| WRONG)?;
        let status = (200..600_u16).find(|status| f64::from(*status) == number);
        status.map(Some).ok_or(WRONG)
    }

    fn headers(&mut self, headers: &mut Vec<(Cow<'t, str>, Cow<'t, str>)>) -> Result<(), Malformed> {
        headers.clear();
        if self.null() {
            return Ok(());
        }
        if !self.take(b'{') {
            return Err(Malformed("`headers` of the function's answer is no object"));
        }
        self.members(|reader, name| {
            match reader.scalar()? {
                Scalar::Null => {}
                Scalar::Text(value) | Scalar::Word(value) | Scalar::Number(value) => {
                    headers.push((name, value));
                }
            }
            Ok(())
        })
    }

    fn multi_value_headers(
        &mut self,
        headers: &mut Vec<(Cow<'t, str>, Vec<Cow<'t, str>>)>,
    ) -> Result<(), Malformed> {
        headers.clear();
        if self.null() {
            return Ok(());
        }
        if !self.take(b'{') {
            return Err(Malformed("`multiValueHeaders` of the function's answer is no object"));
        }
        self.members(|reader, name| {
            if !reader.null() {
                headers.push((name, reader.list()?));
            }
            Ok(())
        })
    }

    /// Reads the members of an object that is open already.
    fn members(
        &mut self,
        mut member: impl FnMut(&mut Self, Cow<'t, str>) -> Result<(), Malformed>,
    ) -> Result<(), Malformed> {
        if self.take(b'}') {
            return Ok(());
        }
        loop {
            self.skip_space();
            let name = self.string()?;
            if !self.take(b':') {
                return Err(NOT_JSON);
            }
            self.skip_space();
            member(self, name)?;
            if self.take(b'}') {
                return Ok(());
            }
            if !self.take(b',') {
                return Err(NOT_JSON);
            }
        }
    }

    fn list(&mut self) -> Result<Vec<Cow<'t, str>>, Malformed> {
        if !self.take(b'[') {
            return Err(Malformed("a header of `multiValueHeaders` is no list"));
        }
        let mut values = Vec::new();
        if self.take(b']') {
            return Ok(values);
        }
        loop {
            self.skip_space();
            match self.scalar()? {
                Scalar::Null => {}
                Scalar::Text(value) | Scalar::Word(value) | Scalar::Number(value) => values.push(value),
            }
            if self.take(b']') {
                return Ok(values);
            }
            if !self.take(b',') {
                return Err(NOT_JSON);
            }
        }
    }

    fn scalar(&mut self) -> Result<Scalar<'t>, Malformed> {
        match self.rest.as_bytes().first() {
            Some(b'"') => self.string().map(Scalar::Text),
            Some(b'{' | b'[') => Err(Malformed("a value of the function's answer is no text")),
            _ if self.null() => Ok(Scalar::Null),
            _ => self.word_or_number(),
        }
    }

    fn word_or_number(&mut self) -> Result<Scalar<'t>, Malformed> {
        let is_part = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
        let end = self.rest.bytes().position(|byte| !is_part(byte)).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        match word {
            "true" | "false" => Ok(Scalar::Word(word.into())),
            _ if word.parse::<serde_json::Number>().is_ok() => Ok(Scalar::Number(word.into())),
            _ => Err(NOT_JSON),
        }
    }

    fn string(&mut self) -> Result<Cow<'t, str>, Malformed> {
        let inside = self.rest.strip_prefix('"').ok_or(NOT_JSON)?;
        let mut end = 0;
        let mut is_escaped = false;
        loop {
            let behind = inside.as_bytes().get(end..).unwrap_or_default();
            let more =
                behind.iter().position(|byte| matches!(byte, b'"' | b'\\' | ..0x20)).ok_or(NOT_JSON)?;
            match behind.get(more) {
                Some(b'"') => {
                    end += more;
                    break;
                }
                Some(b'\\') => {
                    is_escaped = true;
                    end += more + 2;
                }
                _ => return Err(NOT_JSON),
            }
        }
        let quoted = self.rest.get(..end + 2).ok_or(NOT_JSON)?;
        self.rest = self.rest.get(end + 2..).unwrap_or_default();
        if is_escaped {
            return serde_json::from_str(quoted).map(Cow::Owned).map_err(|_| NOT_JSON);
        }
        Ok(Cow::Borrowed(inside.get(..end).unwrap_or_default()))
    }

    /// Takes `null`, if it stands here.
    fn null(&mut self) -> bool {
        let rest = self.rest.strip_prefix("null");
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    /// Takes white space and then a byte, if it is there.
    fn take(&mut self, byte: u8) -> bool {
        self.skip_space();
        let rest = self.rest.strip_prefix(char::from(byte));
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn skip_space(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t', '\n', '\r']);
    }
}
