//! A place in a buffer, kept as offsets so that the buffer may move.

/// Bytes `start..start + length` of the buffer that a head was read from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    start: u32,
    length: u32,
}

impl Span {
    /// The bytes from `start` up to `end`. Offsets above 4 GiB do not occur: a head is at most as
    /// long as [`Limits::raw_head_bytes`](super::Limits::raw_head_bytes).
    #[inline]
    pub(crate) fn new(start: usize, end: usize) -> Self {
        let offset = |place: usize| u32::try_from(place).unwrap_or(u32::MAX);
        Self { start: offset(start), length: offset(end.saturating_sub(start)) }
    }

    /// The bytes of the span. Empty when `bytes` is not the buffer that the head was read from and
    /// is too short.
    #[inline]
    #[must_use]
    pub fn of(self, bytes: &[u8]) -> &[u8] {
        bytes.get(self.start()..).and_then(|rest| rest.get(..self.length())).unwrap_or_default()
    }

    /// Where the span starts, in bytes from the buffer's first.
    #[expect(clippy::as_conversions, reason = "widening")]
    #[inline]
    #[must_use]
    pub const fn start(self) -> usize {
        self.start as usize
    }

    /// How many bytes it has.
    #[expect(clippy::as_conversions, reason = "widening")]
    #[inline]
    #[must_use]
    pub const fn length(self) -> usize {
        self.length as usize
    }

    /// Where the span ends.
    #[inline]
    #[must_use]
    pub const fn end(self) -> usize {
        self.start().saturating_add(self.length())
    }
}
