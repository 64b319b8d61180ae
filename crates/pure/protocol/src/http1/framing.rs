//! Where a message ends: RFC 9112 section 6, and nothing that has two readings.

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
