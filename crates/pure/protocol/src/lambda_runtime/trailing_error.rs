//! Errors that a client writes behind the body of a streamed answer, as text, instead of into trailers (rule RS2).

use std::borrow::Cow;

use memchr::memchr_iter;

use super::read_error_trailers;
use crate::function_error::StreamFailure;

/// Lets the bytes of a streamed answer through and keeps back what may be the text of an error at its end.
///
/// The Rust client of the Runtime API ends a body with two lines, `Lambda-Runtime-Function-Error-Type:
/// Runtime.StreamError` and `Lambda-Runtime-Function-Error-Body: ` and base64, when its stream fails. Only exactly
/// these, as the very last bytes, are an error. For hosted processes in streaming mode alone.
///
/// ```
/// use postern_protocol::lambda_runtime::{Ending, TrailingErrorFilter};
///
/// let mut filter = TrailingErrorFilter::default();
/// assert_eq!(&*filter.push(b"hello Lambda"), b"hello ");
/// assert_eq!(&*filter.push(b"!"), b"Lambda!");
/// assert_eq!(filter.finish(), Ending::Complete(vec![]));
/// ```
#[derive(Clone, Debug, Default)]
pub struct TrailingErrorFilter {
    held: Vec<u8>,
}

/// How a streamed answer ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Well, with these last bytes.
    Complete(Vec<u8>),
    /// With an error behind the bytes that went through.
    Failed(StreamFailure),
}

impl TrailingErrorFilter {
    /// Takes the next piece, and gives what may go on.
    pub fn push<'piece>(&mut self, piece: &'piece [u8]) -> Cow<'piece, [u8]> {
        if self.held.is_empty() {
            let (through, held) = split(piece);
            self.held.extend_from_slice(held);
            return Cow::Borrowed(through);
        }
        let mut bytes = std::mem::take(&mut self.held);
        bytes.extend_from_slice(piece);
        let length = split(&bytes).0.len();
        self.held = bytes.split_off(length);
        Cow::Owned(bytes)
    }

    /// Ends the body.
    #[must_use]
    pub fn finish(self) -> Ending {
        let body = self.held.strip_prefix(START).and_then(|rest| rest.strip_suffix(b"\r\n"));
        body.and_then(|body| read_error_trailers(Some(b"Runtime.StreamError"), Some(body)))
            .map_or(Ending::Complete(self.held), Ending::Failed)
    }
}

/// What may go on, and what may be the start of an error.
fn split(bytes: &[u8]) -> (&[u8], &[u8]) {
    let starts = memchr_iter(b'L', bytes).filter_map(|start| bytes.split_at_checked(start));
    starts.into_iter().find(|(_, rest)| may_be_error(rest)).unwrap_or((bytes, &[]))
}

/// Whether these bytes are the text of an error, or the first of it.
fn may_be_error(bytes: &[u8]) -> bool {
    let Some(body) = bytes.strip_prefix(START) else { return START.starts_with(bytes) };
    let is_base64 = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=');
    let end = body.iter().position(|byte| !is_base64(byte)).unwrap_or(body.len());
    let (body, end) = body.split_at(end);
    body.len() <= BODY_BYTES_MAX && b"\r\n".starts_with(end)
}

const START: &[u8] = b"Lambda-Runtime-Function-Error-Type: Runtime.StreamError\r\n\
    Lambda-Runtime-Function-Error-Body: ";

/// How much base64 is kept back: far above what an error says.
const BODY_BYTES_MAX: usize = 65_536;
