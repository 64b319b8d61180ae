//! Response heads of backends: hardening section 8.

use super::{Fault, FieldSection, Fields, Limits, Progress, ResponseFraming, Span};

/// How many interim responses (1xx) a backend may send before its answer.
pub const INTERIM_RESPONSES_MAX: usize = 16;

/// A response head: spans over the buffer that it was read from. Reused, as a
/// [`RequestHead`](super::RequestHead) is.
#[derive(Debug, Default)]
pub struct ResponseHead {
    fields: FieldSection,
    status: u16,
    reason: Span,
    framing: ResponseFraming,
    keep_alive: bool,
    length: usize,
}

impl ResponseHead {
    /// Forgets the head and keeps the memory. Call it before the next head, an interim one's
    /// successor included.
    pub fn clear(&mut self) {
        todo!()
    }

    /// The head over the bytes that it was read from.
    #[must_use]
    pub const fn over<'head>(&'head self, bytes: &'head [u8]) -> Response<'head> {
        Response { head: self, bytes }
    }

    /// The fields.
    #[must_use]
    pub const fn fields(&self) -> &FieldSection {
        &self.fields
    }

    /// The status, 100 to 599, never 101.
    #[must_use]
    pub const fn status(&self) -> u16 {
        self.status
    }

    /// Whether the answer itself is still to come: a 1xx.
    #[must_use]
    pub const fn is_interim(&self) -> bool {
        self.status < 200
    }

    /// How the body is delimited.
    #[must_use]
    pub const fn framing(&self) -> ResponseFraming {
        self.framing
    }

    /// Whether the connection may be used again after the body. Never with
    /// [`ResponseFraming::UntilClose`].
    #[must_use]
    pub const fn keep_alive(&self) -> bool {
        self.keep_alive
    }

    /// How many bytes the head took.
    #[must_use]
    pub const fn length(&self) -> usize {
        self.length
    }
}

/// A response head together with its bytes.
#[derive(Clone, Copy, Debug)]
pub struct Response<'head> {
    head: &'head ResponseHead,
    bytes: &'head [u8],
}

impl<'head> Response<'head> {
    /// The head without the bytes.
    #[must_use]
    pub const fn head(self) -> &'head ResponseHead {
        self.head
    }

    /// The reason phrase, often empty.
    #[must_use]
    pub fn reason(self) -> &'head [u8] {
        self.head.reason.of(self.bytes)
    }

    /// The fields.
    #[must_use]
    pub const fn fields(self) -> Fields<'head> {
        self.head.fields.over(self.bytes)
    }
}

/// Reads a response head from the start of `bytes` into `head`. `answers_head` says that the
/// request was a HEAD, so that no body follows. Incremental as
/// [`read_request`](super::read_request) is.
///
/// # Errors
///
/// What hardening section 8 calls a bad answer: the client gets 502 whatever the fault, and the
/// connection is closed.
pub fn read_response(
    _bytes: &[u8],
    _limits: &Limits,
    _answers_head: bool,
    _head: &mut ResponseHead,
) -> Result<Progress, Fault> {
    todo!()
}
