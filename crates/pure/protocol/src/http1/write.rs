//! Writing messages: field blocks, first lines, chunks.

use std::{error, fmt, iter};

use memchr::memchr;

use super::FieldView;
use crate::bytes::{find_control, find_outside_target, is_token, trim};

/// A name or value that may not stand in a field line. The value is not told: it may be a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvalidField {
    /// The name is not a token.
    Name,
    /// The value has a control character other than HTAB.
    Value,
}

impl fmt::Display for InvalidField {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Name => "the field name is not a token",
            Self::Value => "the field value has a control character",
        })
    }
}

impl error::Error for InvalidField {}

/// A method or target that may not stand in a request line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidRequestLine;

impl fmt::Display for InvalidRequestLine {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the method is not a token, or the target has a byte that may not stand there")
    }
}

impl error::Error for InvalidRequestLine {}

/// Field lines (`Name: value CRLF`) in one reusable buffer, in order, spelled as they were pushed.
/// INVARIANT: each line is `token ": " value CRLF`, and no value holds CR, LF or NUL.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldBlock {
    lines: Vec<u8>,
}

impl FieldBlock {
    /// An empty block with room for `bytes`.
    #[must_use]
    pub fn with_capacity(bytes: usize) -> Self {
        Self { lines: Vec::with_capacity(bytes) }
    }

    /// Empties the block and keeps its memory.
    pub fn clear(&mut self) {
        self.lines.clear();
    }

    /// Whether there is no line.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// The lines as they go to the wire, without the empty line that ends a head.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.lines
    }

    /// Adds a line. White space around the value is not written.
    ///
    /// # Errors
    ///
    /// When the name is no token or the value has a control character other than HTAB.
    pub fn push(&mut self, name: &[u8], value: &[u8]) -> Result<(), InvalidField> {
        check(name, value)?;
        self.write(name, trim(value));
        Ok(())
    }

    /// Adds a line of a name and a value that were read by this module or are constants: nothing
    /// is checked again.
    #[inline]
    pub fn push_trusted(&mut self, name: &[u8], value: &[u8]) {
        debug_assert_eq!(check(name, value), Ok(()));
        self.write(name, value);
    }

    /// Adds a field that was read: nothing is checked again. Most lines are copied as they came.
    pub fn push_read(&mut self, field: &FieldView<'_>) {
        self.push_read_as(b"", field);
    }

    /// Adds a field that was read, with a token of the house before its name.
    #[inline]
    pub fn push_read_as(&mut self, prefix: &'static [u8], field: &FieldView<'_>) {
        debug_assert_eq!(check(field.name, field.value), Ok(()));
        self.lines.extend_from_slice(prefix);
        match field.written_line() {
            Some(line) => self.lines.extend_from_slice(line),
            None => self.write(field.name, field.value),
        }
    }

    /// Adds a line whose value is a number. The name is trusted as in
    /// [`FieldBlock::push_trusted`].
    pub fn push_number(&mut self, name: &[u8], value: u64) {
        debug_assert!(is_token(name));
        self.lines.extend_from_slice(name);
        self.lines.extend_from_slice(b": ");
        push_number(&mut self.lines, value);
        self.lines.extend_from_slice(LINE_END);
    }

    /// Adds all lines of another block.
    pub fn append(&mut self, other: &Self) {
        self.lines.extend_from_slice(&other.lines);
    }

    /// Removes all lines of a name, in any letter case, and adds one at the end.
    ///
    /// # Errors
    ///
    /// As [`FieldBlock::push`]; nothing is removed then.
    pub fn replace(&mut self, name: &[u8], value: &[u8]) -> Result<(), InvalidField> {
        check(name, value)?;
        self.remove(name);
        self.write(name, trim(value));
        Ok(())
    }

    /// Removes all lines of a name, in any letter case, and says whether there was one.
    pub fn remove(&mut self, name: &[u8]) -> bool {
        let before = self.lines.len();
        let mut start = 0_usize;
        while let Some(line) = self.lines.get(start..).and_then(Line::first) {
            let end = start.saturating_add(line.length);
            if line.name.eq_ignore_ascii_case(name) {
                self.lines.drain(start..end);
            } else {
                start = end;
            }
        }
        self.lines.len() != before
    }

    /// Whether there is a line of this name, in any letter case.
    #[must_use]
    pub fn contains(&self, name: &[u8]) -> bool {
        self.get(name).is_some()
    }

    /// The value of the first line of this name, in any letter case.
    #[must_use]
    pub fn get(&self, name: &[u8]) -> Option<&[u8]> {
        self.iter().find(|(it, _)| it.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// Names and values in order, as HTTP/2 wants them.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let mut rest = self.lines.as_slice();
        iter::from_fn(move || {
            let line = Line::first(rest)?;
            rest = rest.get(line.length..).unwrap_or_default();
            Some((line.name, line.value))
        })
    }

    // Where name or value are constants, most of this is gone once it stands in its caller.
    #[inline(always)]
    fn write(&mut self, name: &[u8], value: &[u8]) {
        self.lines.extend_from_slice(name);
        self.lines.extend_from_slice(b": ");
        self.lines.extend_from_slice(value);
        self.lines.extend_from_slice(LINE_END);
    }
}

fn check(name: &[u8], value: &[u8]) -> Result<(), InvalidField> {
    if !is_token(name) {
        return Err(InvalidField::Name);
    }
    if find_control(value).is_some() {
        return Err(InvalidField::Value);
    }
    Ok(())
}

/// A line of a block.
struct Line<'block> {
    name: &'block [u8],
    value: &'block [u8],
    /// With its line end.
    length: usize,
}

impl<'block> Line<'block> {
    /// The first line of what is left of a block. It is found by the block's invariant: the first
    /// LF ends it, and the first colon ends its name.
    fn first(lines: &'block [u8]) -> Option<Self> {
        let end = memchr(b'\n', lines)?;
        let (name, rest) = lines.get(..end)?.split_at_checked(memchr(b':', lines)?)?;
        let value = rest.strip_prefix(b": ")?.strip_suffix(b"\r")?;
        Some(Self { name, value, length: end.saturating_add(1) })
    }
}

/// Name and value of the first line of what is left of a block, and the line's length with its end.
pub(crate) fn first_line(lines: &[u8]) -> Option<(&[u8], &[u8], usize)> {
    Line::first(lines).map(|line| (line.name, line.value, line.length))
}

/// The reason phrase of a status (RFC 9110 section 15, RFC 6585 and others of the IANA registry);
/// empty for statuses that are not registered.
#[must_use]
pub const fn reason_phrase(status: u16) -> &'static str {
    match status {
        100 => "Continue",
        101 => "Switching Protocols",
        102 => "Processing",
        103 => "Early Hints",
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        203 => "Non-Authoritative Information",
        204 => "No Content",
        205 => "Reset Content",
        206 => "Partial Content",
        207 => "Multi-Status",
        208 => "Already Reported",
        226 => "IM Used",
        300 => "Multiple Choices",
        301 => "Moved Permanently",
        302 => "Found",
        303 => "See Other",
        304 => "Not Modified",
        305 => "Use Proxy",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        _ => error_phrase(status),
    }
}

/// The reason phrases of classes 4 and 5.
const fn error_phrase(status: u16) -> &'static str {
    match status {
        400 => "Bad Request",
        401 => "Unauthorized",
        402 => "Payment Required",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        406 => "Not Acceptable",
        407 => "Proxy Authentication Required",
        408 => "Request Timeout",
        409 => "Conflict",
        410 => "Gone",
        411 => "Length Required",
        412 => "Precondition Failed",
        413 => "Content Too Large",
        414 => "URI Too Long",
        415 => "Unsupported Media Type",
        416 => "Range Not Satisfiable",
        417 => "Expectation Failed",
        421 => "Misdirected Request",
        422 => "Unprocessable Content",
        423 => "Locked",
        424 => "Failed Dependency",
        425 => "Too Early",
        426 => "Upgrade Required",
        428 => "Precondition Required",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        451 => "Unavailable For Legal Reasons",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        505 => "HTTP Version Not Supported",
        506 => "Variant Also Negotiates",
        507 => "Insufficient Storage",
        508 => "Loop Detected",
        511 => "Network Authentication Required",
        _ => "",
    }
}

/// Writes `HTTP/1.1 status reason CRLF`. The field block and an empty line follow. A status has three
/// digits.
pub fn write_status_line(output: &mut Vec<u8>, status: u16) {
    debug_assert!((100..=999).contains(&status));
    let mut start = *b"HTTP/1.1 000 ";
    let [.., hundreds, tens, ones, _] = &mut start;
    (*hundreds, *tens, *ones) = (digit(status / 100), digit(status / 10), digit(status));
    output.extend_from_slice(&start);
    output.extend_from_slice(reason_phrase(status).as_bytes());
    output.extend_from_slice(LINE_END);
}

/// The last decimal digit of a number.
#[expect(clippy::as_conversions, reason = "below 10")]
const fn digit(number: u16) -> u8 {
    b'0' | (number % 10) as u8
}

/// Writes `method target HTTP/1.1 CRLF`. The field block and an empty line follow.
///
/// # Errors
///
/// When the method is no token, or the target is empty or has a byte that may not stand in one;
/// nothing is written then.
pub fn write_request_line(
    output: &mut Vec<u8>,
    method: &[u8],
    target: &[u8],
) -> Result<(), InvalidRequestLine> {
    if !is_token(method) || target.is_empty() || find_outside_target(target).is_some() {
        return Err(InvalidRequestLine);
    }
    output.extend_from_slice(method);
    output.push(b' ');
    output.extend_from_slice(target);
    output.extend_from_slice(b" HTTP/1.1\r\n");
    Ok(())
}

/// Writes what stands before a chunk's data: its length in hexadecimal and a line end. The data and
/// [`CHUNK_END`] follow. `length` is not 0, which would end the body.
pub fn write_chunk_head(output: &mut Vec<u8>, length: usize) {
    debug_assert!(length > 0);
    let digits = usize::BITS.saturating_sub(length.leading_zeros()).div_ceil(4);
    for place in (0..digits).rev() {
        let digit = length >> place.saturating_mul(4) & 0xf;
        output.extend(b"0123456789abcdef".get(digit));
    }
    output.extend_from_slice(LINE_END);
}

const LINE_END: &[u8] = b"\r\n";

/// What stands behind a chunk's data.
pub const CHUNK_END: &[u8] = LINE_END;

/// The last chunk, without trailers.
pub const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

/// Writes a number in decimal, without the formatting machinery.
pub fn push_number(output: &mut Vec<u8>, number: u64) {
    match u16::try_from(number) {
        // Most numbers are lengths and statuses.
        Ok(small @ 0..10) => output.push(digit(small)),
        Ok(small @ 10..100) => output.extend_from_slice(&[digit(small / 10), digit(small)]),
        Ok(small @ 100..1_000) => {
            output.extend_from_slice(&[digit(small / 100), digit(small / 10), digit(small)]);
        }
        _ => push_long_number(output, number),
    }
}

fn push_long_number(output: &mut Vec<u8>, mut number: u64) {
    let mut digits = [0; 20];
    let mut first = digits.len();
    for place in digits.iter_mut().rev() {
        *place = b'0' | u8::try_from(number % 10).unwrap_or(0);
        first = first.saturating_sub(1);
        number /= 10;
        if number == 0 {
            break;
        }
    }
    output.extend_from_slice(digits.get(first..).unwrap_or_default());
}
