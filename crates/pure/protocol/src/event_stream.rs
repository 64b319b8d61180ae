//! `application/vnd.amazon.eventstream`: the framed messages in which the answer of InvokeWithResponseStream comes.
//!
//! Source: "Event stream encoding" (Amazon Lex V2 and Amazon Transcribe developer guides), the same for every
//! service. All numbers are big-endian. A message is: its whole length (4 bytes), the length of its headers (4),
//! the CRC-32 of these eight bytes (4), the headers, the payload, and the CRC-32 of all before it (4).

#![deny(clippy::arithmetic_side_effects, clippy::as_conversions)]

use std::{error::Error, fmt};

use crate::cyclic_redundancy::CRC_32;

/// The media type of such a body.
pub const MEDIA_TYPE: &str = "application/vnd.amazon.eventstream";

/// What the bytes at hand gave.
#[derive(Clone, Debug, PartialEq)]
pub enum Progress<'bytes> {
    /// A whole message.
    Done {
        /// The message, over the bytes that were given.
        message: Message<'bytes>,
        /// What follows it.
        rest: &'bytes [u8],
    },
    /// Well formed so far; at least this many more bytes are needed.
    NeedsMore(usize),
}

/// One message. Its headers are well formed and none comes twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message<'bytes> {
    headers: &'bytes [u8],
    payload: &'bytes [u8],
}

impl<'bytes> Message<'bytes> {
    /// The payload.
    #[must_use]
    pub const fn payload(self) -> &'bytes [u8] {
        self.payload
    }

    /// The headers in the order in which they came.
    pub fn headers(self) -> impl Iterator<Item = (&'bytes str, Value<'bytes>)> {
        let mut rest = self.headers;
        std::iter::from_fn(move || {
            let (name, value, after) = read_header(rest).ok()?;
            rest = after;
            Some((name, value))
        })
    }

    /// The text of a header. `None` when it is not there or not text.
    #[must_use]
    pub fn text(self, name: &str) -> Option<&'bytes str> {
        self.headers().find_map(|(other, value)| match value {
            Value::Text(text) if other == name => Some(text),
            _ => None,
        })
    }
}

/// What a header can hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value<'bytes> {
    /// Types 0 (true) and 1 (false).
    Boolean(bool),
    /// Type 2.
    Byte(i8),
    /// Type 3.
    Short(i16),
    /// Type 4.
    Integer(i32),
    /// Type 5.
    Long(i64),
    /// Type 6: at most 65,535 bytes.
    Bytes(&'bytes [u8]),
    /// Type 7: at most 65,535 bytes of UTF-8.
    Text(&'bytes str),
    /// Type 8: milliseconds since 1970.
    Timestamp(i64),
    /// Type 9.
    Uuid([u8; 16]),
}

/// Reads one message. `length_max` bounds a whole message, in bytes.
///
/// ```
/// use postern_protocol::event_stream::{Progress, read, write};
///
/// let bytes = write(&[], b"{'foo':'bar'}");
/// let Ok(Progress::Done { message, rest: b"" }) = read(&bytes, 1024) else { panic!() };
/// assert_eq!(message.payload(), b"{'foo':'bar'}");
/// assert_eq!(read(&bytes[..4], 1024), Ok(Progress::NeedsMore(8)));
/// ```
///
/// # Errors
///
/// [`Malformed`] says what is wrong. The stream cannot be read on after it.
pub fn read(bytes: &[u8], length_max: u32) -> Result<Progress<'_>, Malformed> {
    let Some((prelude, _)) = bytes.split_first_chunk::<PRELUDE_BYTES>() else {
        return Ok(Progress::NeedsMore(PRELUDE_BYTES.saturating_sub(bytes.len())));
    };
    let [t1, t2, t3, t4, h1, h2, h3, h4, checksum @ ..] = *prelude;
    if CRC_32.of(&[&[t1, t2, t3, t4, h1, h2, h3, h4]]) != u32::from_be_bytes(checksum) {
        return Err(Malformed::PreludeChecksum);
    }
    let (length, headers_length) =
        (u32::from_be_bytes([t1, t2, t3, t4]), u32::from_be_bytes([h1, h2, h3, h4]));
    if length > length_max {
        return Err(Malformed::TooLong { length, length_max });
    }
    let whole = usize::try_from(length).unwrap_or(usize::MAX);
    let Some((message, rest)) = bytes.split_at_checked(whole) else {
        return Ok(Progress::NeedsMore(whole.saturating_sub(bytes.len())));
    };
    let message = read_message(message, usize::try_from(headers_length).unwrap_or(usize::MAX))?;
    Ok(Progress::Done { message, rest })
}

/// Reads a whole message whose prelude is right.
fn read_message(bytes: &[u8], headers_length: usize) -> Result<Message<'_>, Malformed> {
    let (covered, checksum) = bytes.split_last_chunk::<4>().ok_or(Malformed::Lengths)?;
    let content = covered.get(PRELUDE_BYTES..).ok_or(Malformed::Lengths)?;
    let (headers, payload) = content.split_at_checked(headers_length).ok_or(Malformed::Lengths)?;
    if CRC_32.of(&[covered]) != u32::from_be_bytes(*checksum) {
        return Err(Malformed::MessageChecksum);
    }
    check_headers(headers)?;
    Ok(Message { headers, payload })
}

/// Checks that all headers can be read and that none comes twice.
fn check_headers(headers: &[u8]) -> Result<(), Malformed> {
    let mut names = Vec::new();
    let mut rest = headers;
    while !rest.is_empty() {
        let (name, _, after) = read_header(rest)?;
        if names.contains(&name) {
            return Err(Malformed::HeaderTwice);
        }
        if names.len() >= HEADERS_MAX {
            return Err(Malformed::TooManyHeaders);
        }
        names.push(name);
        rest = after;
    }
    Ok(())
}

/// Reads one header: the length of its name, the name, a type and what the type says.
fn read_header(bytes: &[u8]) -> Result<(&str, Value<'_>, &[u8]), Malformed> {
    let (length, bytes) = bytes.split_first().ok_or(Malformed::HeaderOverrun)?;
    let (name, bytes) = bytes.split_at_checked((*length).into()).ok_or(Malformed::HeaderOverrun)?;
    let name = str::from_utf8(name).map_err(|_| Malformed::HeaderNotText)?;
    let (kind, bytes) = bytes.split_first().ok_or(Malformed::HeaderOverrun)?;
    let (value, rest) = match kind {
        0 => (Value::Boolean(true), bytes),
        1 => (Value::Boolean(false), bytes),
        2 => number(bytes, |bytes| Value::Byte(i8::from_be_bytes(bytes)))?,
        3 => number(bytes, |bytes| Value::Short(i16::from_be_bytes(bytes)))?,
        4 => number(bytes, |bytes| Value::Integer(i32::from_be_bytes(bytes)))?,
        5 => number(bytes, |bytes| Value::Long(i64::from_be_bytes(bytes)))?,
        6 => read_bytes(bytes).map(|(value, rest)| (Value::Bytes(value), rest))?,
        7 => {
            let (value, rest) = read_bytes(bytes)?;
            (Value::Text(str::from_utf8(value).map_err(|_| Malformed::HeaderNotText)?), rest)
        }
        8 => number(bytes, |bytes| Value::Timestamp(i64::from_be_bytes(bytes)))?,
        9 => number(bytes, Value::Uuid)?,
        other => return Err(Malformed::HeaderType(*other)),
    };
    Ok((name, value, rest))
}

/// A value of a fixed number of bytes.
fn number<'bytes, const LENGTH: usize>(
    bytes: &'bytes [u8],
    value: impl FnOnce([u8; LENGTH]) -> Value<'bytes>,
) -> Result<(Value<'bytes>, &'bytes [u8]), Malformed> {
    let (number, rest) = bytes.split_first_chunk().ok_or(Malformed::HeaderOverrun)?;
    Ok((value(*number), rest))
}

/// A value that says how long it is.
fn read_bytes(bytes: &[u8]) -> Result<(&[u8], &[u8]), Malformed> {
    let (length, bytes) = bytes.split_first_chunk().ok_or(Malformed::HeaderOverrun)?;
    bytes.split_at_checked(u16::from_be_bytes(*length).into()).ok_or(Malformed::HeaderOverrun)
}

/// Writes one message. For demonstrations and tests: names and values longer than the format allows are cut.
#[must_use]
pub fn write(headers: &[(&str, Value<'_>)], payload: &[u8]) -> Vec<u8> {
    let mut written_headers = Vec::new();
    for (name, value) in headers {
        write_header(name, *value, &mut written_headers);
    }
    let length = |bytes: usize| u32::try_from(bytes).unwrap_or(u32::MAX).to_be_bytes();
    let whole = written_headers.len().saturating_add(payload.len()).saturating_add(MESSAGE_OVERHEAD_BYTES);
    let lengths = [length(whole), length(written_headers.len())].concat();
    let prelude_checksum = CRC_32.of(&[&lengths]).to_be_bytes();
    let mut written = [&*lengths, &prelude_checksum, &written_headers, payload].concat();
    let checksum = CRC_32.of(&[&written]);
    written.extend_from_slice(&checksum.to_be_bytes());
    written
}

fn write_header(name: &str, value: Value<'_>, to: &mut Vec<u8>) {
    let name = name.as_bytes().get(..usize::from(u8::MAX)).unwrap_or(name.as_bytes());
    to.push(u8::try_from(name.len()).unwrap_or(u8::MAX));
    to.extend_from_slice(name);
    match value {
        Value::Boolean(true) => to.push(0),
        Value::Boolean(false) => to.push(1),
        Value::Byte(number) => write_value(2, &number.to_be_bytes(), to),
        Value::Short(number) => write_value(3, &number.to_be_bytes(), to),
        Value::Integer(number) => write_value(4, &number.to_be_bytes(), to),
        Value::Long(number) => write_value(5, &number.to_be_bytes(), to),
        Value::Bytes(bytes) => write_bytes(6, bytes, to),
        Value::Text(text) => write_bytes(7, text.as_bytes(), to),
        Value::Timestamp(number) => write_value(8, &number.to_be_bytes(), to),
        Value::Uuid(bytes) => write_value(9, &bytes, to),
    }
}

fn write_value(kind: u8, value: &[u8], to: &mut Vec<u8>) {
    to.push(kind);
    to.extend_from_slice(value);
}

fn write_bytes(kind: u8, bytes: &[u8], to: &mut Vec<u8>) {
    let bytes = bytes.get(..usize::from(u16::MAX)).unwrap_or(bytes);
    write_value(kind, &u16::try_from(bytes.len()).unwrap_or(u16::MAX).to_be_bytes(), to);
    to.extend_from_slice(bytes);
}

/// Why bytes are not a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// The lengths do not have the CRC-32 that follows them.
    PreludeChecksum,
    /// A message longer than is taken.
    TooLong {
        /// The length in the message, in bytes.
        length: u32,
        /// The most that is taken.
        length_max: u32,
    },
    /// A message shorter than its own frame and headers.
    Lengths,
    /// The message does not have the CRC-32 that ends it.
    MessageChecksum,
    /// A header that ends behind the headers.
    HeaderOverrun,
    /// A type of header value above 9.
    HeaderType(u8),
    /// A name or text that is not UTF-8.
    HeaderNotText,
    /// A header that comes twice.
    HeaderTwice,
    /// More than 64 headers.
    TooManyHeaders,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PreludeChecksum => f.write_str("the lengths of an event do not match their CRC-32"),
            Self::TooLong { length, length_max } => {
                write!(f, "an event of {length} bytes: at most {length_max} are accepted")
            }
            Self::Lengths => f.write_str("an event is shorter than its headers"),
            Self::MessageChecksum => f.write_str("an event does not match its CRC-32"),
            Self::HeaderOverrun => f.write_str("a header of an event ends behind the headers"),
            Self::HeaderType(kind) => write!(f, "a header of an event has type {kind}: the highest is 9"),
            Self::HeaderNotText => f.write_str("a header of an event is not UTF-8"),
            Self::HeaderTwice => f.write_str("an event has a header twice"),
            Self::TooManyHeaders => f.write_str("an event has more than 64 headers"),
        }
    }
}

impl Error for Malformed {}

/// Two lengths and their checksum.
const PRELUDE_BYTES: usize = 12;

/// The prelude, and the checksum of the message.
const MESSAGE_OVERHEAD_BYTES: usize = 16;

/// A stream of Lambda has three in each message.
const HEADERS_MAX: usize = 64;

#[cfg(test)]
mod tests;
