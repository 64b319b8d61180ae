//! `uri-host [":" port]` of RFC 9110 section 7.2, and its normal form.

use std::borrow::Cow;

/// A host with or without a port, as in `Host` and in an absolute-form target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Authority<'bytes> {
    host: &'bytes [u8],
    port: Option<u16>,
}

impl<'bytes> Authority<'bytes> {
    /// Reads an authority. `None` for userinfo, a path, a list, white space, percent escapes, an
    /// empty host, an empty or too large port, a broken IPv6 address.
    #[must_use]
    pub fn parse(_bytes: &'bytes [u8]) -> Option<Self> {
        todo!()
    }

    /// The host as it was written, without port and without one trailing dot; an IPv6 address
    /// keeps its brackets.
    #[must_use]
    pub const fn host(&self) -> &'bytes [u8] {
        self.host
    }

    /// The port, when one was written.
    #[must_use]
    pub const fn port(&self) -> Option<u16> {
        self.port
    }

    /// The host in lower case: what tables of hosts are keyed by. Borrowed unless a letter changes.
    #[must_use]
    pub fn normalised(&self) -> Cow<'bytes, str> {
        todo!()
    }

    /// Whether both name the same host: letter case is ignored, and a port that only one of them
    /// has.
    #[must_use]
    pub fn agrees_with(&self, _other: &Authority<'_>) -> bool {
        todo!()
    }
}
