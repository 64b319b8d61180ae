//! `application/vnd.awslambda.http-integration-response`: JSON about an answer, eight NUL bytes, the answer's body.
//!
//! Source: "Response streaming for Lambda functions" (AWS Lambda developer guide) and "Set up a Lambda proxy
//! integration with payload response streaming" (API Gateway developer guide); `lambda-events.md` section 7.

#![deny(clippy::arithmetic_side_effects, clippy::as_conversions)]

use std::{error::Error, fmt};

use memchr::memmem;
use serde_json::{Map, Value, json};

/// The media type of such a body.
pub const MEDIA_TYPE: &str = "application/vnd.awslambda.http-integration-response";

/// What the first bytes of a body gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress<'bytes> {
    /// All about the answer.
    Done {
        /// What it says.
        metadata: Metadata,
        /// The first bytes of the answer's body.
        rest: &'bytes [u8],
    },
    /// Well formed so far. A body that ends here has no delimiter, and is malformed too.
    NeedsMore,
}

/// What a function says about its answer. How the two kinds of headers are put together is the gateway's affair.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metadata {
    /// The status; 200 when none is given. Any number of 16 bits.
    pub status: u16,
    /// `headers`: names with one value, or with several where the function gave a list.
    pub headers: Vec<(String, Vec<String>)>,
    /// `multiValueHeaders`.
    pub multi_value_headers: Vec<(String, Vec<String>)>,
    /// `cookies`: each is one `Set-Cookie` field.
    pub cookies: Vec<String>,
}

/// Reads what comes before the body (rules L1 to L3).
///
/// ```
/// use postern_protocol::integration_response::{Progress, read};
///
/// let Ok(Progress::Done { metadata, rest: b"pets" }) = read(b"{\"statusCode\":201}\0\0\0\0\0\0\0\0pets") else {
///     panic!()
/// };
/// assert_eq!(metadata.status, 201);
/// ```
///
/// # Errors
///
/// [`Malformed`] says what is wrong; nothing has been answered yet then.
pub fn read(bytes: &[u8]) -> Result<Progress<'_>, Malformed> {
    let start = bytes.get(..PRELUDE_BYTES_MAX).unwrap_or(bytes);
    let Some(length) = memmem::find(start, &DELIMITER) else {
        return if start.len() < PRELUDE_BYTES_MAX {
            Ok(Progress::NeedsMore)
        } else {
            Err(Malformed::DelimiterMissing)
        };
    };
    let (metadata, rest) = bytes.split_at(length);
    let metadata = read_metadata(metadata)?;
    Ok(Progress::Done { metadata, rest: rest.strip_prefix(&DELIMITER).unwrap_or_default() })
}

/// Writes what comes before the body. For demonstrations and tests.
#[must_use]
pub fn write(metadata: &Metadata) -> Vec<u8> {
    let one_or_more = |(name, values): &(String, Vec<String>)| match values.as_slice() {
        [value] => (name.clone(), json!(value)),
        values => (name.clone(), json!(values)),
    };
    let all = |(name, values): &(String, Vec<String>)| (name.clone(), json!(values));
    let written = json!({
        "statusCode": metadata.status,
        "headers": metadata.headers.iter().map(one_or_more).collect::<Map<_, _>>(),
        "multiValueHeaders": metadata.multi_value_headers.iter().map(all).collect::<Map<_, _>>(),
        "cookies": metadata.cookies,
    });
    [written.to_string().as_bytes(), &DELIMITER].concat()
}

/// Why the first bytes of a body are not what they should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// No eight NUL bytes within the first 16 KiB.
    DelimiterMissing,
    /// What is before them is not a JSON object.
    NotAnObject,
    /// A member of the object is of another kind than it must be.
    Member(&'static str),
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DelimiterMissing => {
                f.write_str("the streamed answer has no eight NUL bytes within its first 16 KiB")
            }
            Self::NotAnObject => f.write_str("the streamed answer does not start with a JSON object"),
            Self::Member(name) => write!(f, "`{name}` of the streamed answer is of the wrong kind"),
        }
    }
}

impl Error for Malformed {}

fn read_metadata(bytes: &[u8]) -> Result<Metadata, Malformed> {
    let Ok(Value::Object(members)) = serde_json::from_slice(bytes) else {
        return Err(Malformed::NotAnObject);
    };
    let member = |name| members.get(name).filter(|value| !value.is_null());
    let status = member("statusCode").map_or(Some(200), |status| u16::try_from(status.as_u64()?).ok());
    let headers = member("headers").map_or(Some(Vec::new()), |value| read_headers(value, one_or_more));
    let multi_value_headers =
        member("multiValueHeaders").map_or(Some(Vec::new()), |value| read_headers(value, several));
    let cookies = member("cookies").map_or(Some(Vec::new()), several);
    Ok(Metadata {
        status: status.ok_or(Malformed::Member("statusCode"))?,
        headers: headers.ok_or(Malformed::Member("headers"))?,
        multi_value_headers: multi_value_headers.ok_or(Malformed::Member("multiValueHeaders"))?,
        cookies: cookies.ok_or(Malformed::Member("cookies"))?,
    })
}

fn read_headers(
    value: &Value,
    values: impl Fn(&Value) -> Option<Vec<String>>,
) -> Option<Vec<(String, Vec<String>)>> {
    value.as_object()?.iter().map(|(name, value)| Some((name.clone(), values(value)?))).collect()
}

fn one_or_more(value: &Value) -> Option<Vec<String>> {
    several(value).or_else(|| Some(vec![text(value)?]))
}

fn several(value: &Value) -> Option<Vec<String>> {
    value.as_array()?.iter().map(text).collect()
}

/// Text, or the text of a number or boolean, as in buffered answers.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(boolean) => Some(boolean.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

const DELIMITER: [u8; 8] = [0; 8];

/// The delimiter must end within so many bytes (L1).
const PRELUDE_BYTES_MAX: usize = 16_384;

#[cfg(test)]
mod tests;
