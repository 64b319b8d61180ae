//! A place in a buffer, kept as offsets so that the buffer may move.

/// Bytes `start..start + length` of the buffer that a head was read from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    start: u32,
    length: u32,
}

impl Span {
    /// The bytes from `start` up to `end`. INVARIANT (places fit): heads are read from at most the
    /// first 4 GiB of a buffer, see `HeadLines::read`.
    #[expect(clippy::as_conversions, clippy::cast_possible_truncation, reason = "places fit")]
    #[inline]
    pub(crate) const fn new(start: usize, end: usize) -> Self {
        Self { start: start as u32, length: end.wrapping_sub(start) as u32 }
    }

    /// The same bytes in a buffer where what stood at `from` stands at `to`.
    #[expect(clippy::as_conversions, clippy::cast_possible_truncation, reason = "places fit")]
    #[inline]
    pub(crate) const fn moved(self, from: usize, to: usize) -> Self {
        let Self { start, length } = self;
        Self { start: start.wrapping_add(to.wrapping_sub(from) as u32), length }
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
        self.start().wrapping_add(self.length())
    }
}
