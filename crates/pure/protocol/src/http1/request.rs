//! Request heads: read once, judged by the tables of hardening sections 1 and 2.

use super::{Authority, BodyFraming, Fault, FieldSection, Fields, KnownMethod, Limits, Progress, Span};

/// In which form of RFC 9112 section 3.2 the target came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TargetForm {
    /// `/path?query`.
    #[default]
    Origin,
    /// `http://host/path?query`; its authority agrees with `Host`.
    Absolute,
    /// `*`, with OPTIONS only. The path is `*` too.
    Asterisk,
}

/// A request head: spans over the buffer that it was read from. Reused from request to request:
/// [`RequestHead::clear`] keeps its memory, so that a second head allocates nothing.
#[derive(Debug, Default)]
pub struct RequestHead {
    fields: FieldSection,
    method: Span,
    known_method: KnownMethod,
    target: Span,
    form: TargetForm,
    path: Span,
    query: Option<Span>,
    host: Option<(Span, Option<u16>)>,
    framing: BodyFraming,
    version_minor: u8,
    keep_alive: bool,
    expect_continue: bool,
    length: usize,
}

impl RequestHead {
    /// Forgets the head and keeps the memory. Call it before the next request of a connection.
    pub fn clear(&mut self) {
        todo!()
    }

    /// The head over the bytes that it was read from. The bytes may have moved or have grown
    /// behind the head since.
    #[must_use]
    pub const fn over<'head>(&'head self, bytes: &'head [u8]) -> Request<'head> {
        Request { head: self, bytes }
    }

    /// The fields.
    #[must_use]
    pub const fn fields(&self) -> &FieldSection {
        &self.fields
    }

    /// The method as a number.
    #[must_use]
    pub const fn known_method(&self) -> KnownMethod {
        self.known_method
    }

    /// The form of the target.
    #[must_use]
    pub const fn target_form(&self) -> TargetForm {
        self.form
    }

    /// How the body is delimited.
    #[must_use]
    pub const fn framing(&self) -> BodyFraming {
        self.framing
    }

    /// The minor version: 0 for HTTP/1.0, 1 for HTTP/1.1 to 1.9.
    #[must_use]
    pub const fn version_minor(&self) -> u8 {
        self.version_minor
    }

    /// Whether the client wants the connection kept: HTTP/1.1 without `close`, HTTP/1.0 with
    /// `keep-alive`.
    #[must_use]
    pub const fn keep_alive(&self) -> bool {
        self.keep_alive
    }

    /// Whether the client waits for a 100 before it sends its body. Never for HTTP/1.0.
    #[must_use]
    pub const fn expect_continue(&self) -> bool {
        self.expect_continue
    }

    /// How many bytes the head took, an empty line before it included.
    #[must_use]
    pub const fn length(&self) -> usize {
        self.length
    }
}

/// A request head together with its bytes.
#[derive(Clone, Copy, Debug)]
pub struct Request<'head> {
    head: &'head RequestHead,
    bytes: &'head [u8],
}

impl<'head> Request<'head> {
    /// The head without the bytes.
    #[must_use]
    pub const fn head(self) -> &'head RequestHead {
        self.head
    }

    /// The method as it was sent: a token of 1 to 32 bytes.
    #[must_use]
    pub fn method(self) -> &'head [u8] {
        self.head.method.of(self.bytes)
    }

    /// The whole target as it was sent: bytes 0x21 to 0x7e without `#`.
    #[must_use]
    pub fn target(self) -> &'head [u8] {
        self.head.target.of(self.bytes)
    }

    /// The path as it was sent: starts with `/`, or is `*`. Not yet normalised.
    #[must_use]
    pub fn path(self) -> &'head [u8] {
        self.head.path.of(self.bytes)
    }

    /// The query as it was sent, without its `?`; `None` when there is no `?`.
    #[must_use]
    pub fn query(self) -> Option<&'head [u8]> {
        self.head.query.map(|query| query.of(self.bytes))
    }

    /// The value of `Host`. `None` only for HTTP/1.0 requests without one.
    #[must_use]
    pub fn authority(self) -> Option<Authority<'head>> {
        todo!()
    }

    /// The fields.
    #[must_use]
    pub const fn fields(self) -> Fields<'head> {
        self.head.fields.over(self.bytes)
    }
}

/// Reads a request head from the start of `bytes` into `head`.
///
/// On [`Progress::Partial`] call again with the same bytes and more behind them, and the same
/// head: what was read is not read again. After [`Progress::Complete`] the rest of the bytes,
/// behind [`RequestHead::length`], are body or the next request.
///
/// # Errors
///
/// What the tables of hardening sections 1 and 2 refuse; [`Fault::status`] answers it. The head is
/// then unusable until it is cleared.
pub fn read_request(_bytes: &[u8], _limits: &Limits, _head: &mut RequestHead) -> Result<Progress, Fault> {
    todo!()
}
