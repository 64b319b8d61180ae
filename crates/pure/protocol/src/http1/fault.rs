//! Everything that can be wrong with a message, and what a client is told.

/// What is wrong with a message. A request that has it is answered with [`Fault::status`] and the
/// connection closes, always; a response that has it is a 502 and its connection is never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Fault {
    /// The first bytes cannot start a message: TLS, a PROXY header, a second empty line.
    NotHttp,
}

impl Fault {
    /// The status that answers a request with this fault: 400, 405, 414, 417, 431, 501 or 505.
    #[must_use]
    pub const fn status(self) -> u16 {
        400
    }

    /// What was wrong, for logs: words without the peer's bytes.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        ""
    }

    /// The limit that was hit, by its configuration key, for its metric.
    #[must_use]
    pub const fn limit(self) -> Option<&'static str> {
        None
    }
}
