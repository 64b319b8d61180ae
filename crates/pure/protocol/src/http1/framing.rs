//! Where a message ends: RFC 9112 section 6, and nothing that has two readings.

use super::{Fault, Fields, KnownName};
use crate::bytes::trim;

/// How the body of a request is delimited.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BodyFraming {
    /// There is no body.
    #[default]
    None,
    /// Exactly so many bytes, at most 2^63 - 1.
    Length(u64),
    /// Chunks, to be read by [`ChunkedReader`](super::ChunkedReader).
    Chunked,
}

/// How the body of a response is delimited.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ResponseFraming {
    /// There is no body: HEAD, 1xx, 204 and 304, whatever the fields say.
    #[default]
    None,
    /// Exactly so many bytes, at most 2^63 - 1.
    Length(u64),
    /// Chunks, to be read by [`ChunkedReader`](super::ChunkedReader).
    Chunked,
    /// All bytes until the backend closes. A reset is then a body cut short.
    UntilClose,
}

/// The framing that the fields of a message declare, if any; the same for both directions.
pub(crate) fn declared(fields: Fields<'_>, version_minor: u8) -> Result<Option<BodyFraming>, Fault> {
    let coding = fields.value(KnownName::TransferEncoding);
    let length = fields.value(KnownName::ContentLength);
    match (coding, length) {
        (None, None) => Ok(None),
        (Some(_), Some(_)) => Err(Fault::LengthAndCoding),
        (None, Some(_)) if fields.is_repeated(KnownName::ContentLength) => Err(Fault::ContentLengthRepeated),
        (None, Some(value)) => Ok(Some(BodyFraming::Length(content_length(value)?))),
        (Some(_), None) if version_minor == 0 => Err(Fault::TransferEncodingInOldVersion),
        (Some(_), None) if fields.is_repeated(KnownName::TransferEncoding) => {
            Err(Fault::TransferEncodingRepeated)
        }
        (Some(value), None) if value.eq_ignore_ascii_case(b"chunked") => Ok(Some(BodyFraming::Chunked)),
        (Some(value), None) => Err(unsupported(value)),
    }
}

/// `1*DIGIT`, at most 2^63 - 1.
fn content_length(value: &[u8]) -> Result<u64, Fault> {
    let number = value.iter().try_fold(0_u64, |number, byte| {
        let digit = byte.is_ascii_digit().then(|| u64::from(byte.wrapping_sub(b'0')))?;
        number.checked_mul(10)?.checked_add(digit)
    });
    number.filter(|number| !value.is_empty() && i64::try_from(*number).is_ok()).ok_or(Fault::ContentLength)
}

/// Known codings and then `chunked` are well formed but not served; all else is malformed.
fn unsupported(value: &[u8]) -> Fault {
    const CODINGS: [&[u8]; 5] = [b"gzip", b"x-gzip", b"deflate", b"compress", b"x-compress"];
    let mut is_chunked = false;
    let mut has_known = false;
    for coding in value.split(|byte| *byte == b',').map(trim) {
        if is_chunked {
            return Fault::TransferEncoding;
        }
        if coding.eq_ignore_ascii_case(b"chunked") {
            is_chunked = true;
        } else if CODINGS.iter().any(|known| known.eq_ignore_ascii_case(coding)) {
            has_known = true;
        } else {
            return Fault::TransferEncoding;
        }
    }
    if is_chunked && has_known { Fault::TransferCodingUnsupported } else { Fault::TransferEncoding }
}
