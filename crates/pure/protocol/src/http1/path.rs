//! The one reading of a request path: hardening section 3.

/// Why a path is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PathRefusal {
    /// More segments than `pathSegments`: 414.
    TooManySegments,
}

impl PathRefusal {
    /// 400 or 414.
    #[must_use]
    pub const fn status(self) -> u16 {
        400
    }

    /// What was wrong, for logs.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        ""
    }
}

/// Normalises a path: surplus slashes before the first segment go, escaped unreserved characters
/// are decoded, all else stays. The result is part of `path` when nothing had to be decoded, else
/// it is written to `output`, which is cleared first.
///
/// # Errors
///
/// Paths that a backend could read as another one, and paths of too many segments.
pub fn normalise<'path>(
    _path: &'path [u8],
    _segments_max: usize,
    _output: &'path mut Vec<u8>,
) -> Result<&'path str, PathRefusal> {
    todo!()
}
