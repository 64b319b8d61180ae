//! What the edge hands in with a request.

use postern_protocol::http1::RequestHead;

use crate::Connection;

/// Both clocks, read at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// Nanoseconds on a clock that never goes back; where it starts does not matter.
    pub monotonic_nanoseconds: u64,
    /// Milliseconds since 1970-01-01T00:00:00Z.
    pub epoch_milliseconds: u64,
}

impl Now {
    /// The same clocks at another moment of the monotonic one, in nanoseconds; one before this is this.
    #[must_use]
    pub const fn moved_to(self, monotonic_nanoseconds: u64) -> Self {
        let passed = monotonic_nanoseconds.saturating_sub(self.monotonic_nanoseconds);
        Self {
            monotonic_nanoseconds: self.monotonic_nanoseconds.saturating_add(passed),
            epoch_milliseconds: self.epoch_milliseconds.saturating_add(passed / 1_000_000),
        }
    }
}

/// Which version of HTTP a request came by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HttpVersion {
    /// HTTP/1.0 or HTTP/1.1.
    Http1,
    /// HTTP/2. Its head is written as an HTTP/1.1 head and read like one, so that every version
    /// passes one grammar.
    Http2,
}

/// One request as it came in: its connection, its head, the time and a random number.
#[derive(Clone, Copy, Debug)]
pub struct Arrival<'a> {
    /// The connection that it came by.
    pub connection: &'a Connection,
    /// The bytes that the head's spans point into.
    pub bytes: &'a [u8],
    /// The head.
    pub head: &'a RequestHead,
    /// Which version of HTTP it came by.
    pub version: HttpVersion,
    /// When its head was complete.
    pub now: Now,
    /// Random bits: the request's ids are made of them.
    pub random: u128,
}
