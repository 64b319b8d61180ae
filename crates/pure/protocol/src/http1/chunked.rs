//! Chunked bodies of RFC 9112 section 7.1, read without looking at the data.

use std::ops::Range;

use super::{Fault, Limits};

/// Reads one chunked body. It keeps what it needs of a line that came in part, so every byte is
/// fed once.
#[derive(Clone, Debug)]
pub struct ChunkedReader {}

/// What one call of [`ChunkedReader::feed`] found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChunkStep {
    /// Bytes of the input that are done with; feed the rest next. All of it, unless data or the
    /// end was found.
    pub consumed: usize,
    /// Where in the input body data lies, within `..consumed`. Empty when none was found.
    pub data: Range<usize>,
    /// Whether the body is over, trailers and last line end included. What follows belongs to the
    /// next message.
    pub finished: bool,
}

impl ChunkedReader {
    /// A reader before its first chunk.
    #[must_use]
    pub const fn new() -> Self {
        Self {}
    }

    /// Reads from `input` up to and including the next run of data, or the end of the body.
    ///
    /// # Errors
    ///
    /// A size, extension, line end or trailer that breaks the grammar or a limit.
    pub fn feed(&mut self, _input: &[u8], _limits: &Limits) -> Result<ChunkStep, Fault> {
        todo!()
    }
}

impl Default for ChunkedReader {
    fn default() -> Self {
        Self::new()
    }
}
