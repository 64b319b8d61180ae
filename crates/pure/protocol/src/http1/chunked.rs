//! Chunked bodies of RFC 9112 section 7.1, read without looking at the data.

use std::ops::Range;

use super::{Fault, Limits};
use crate::bytes::{TOKEN, hexadecimal_digit, is, is_control};

/// Reads one chunked body. It keeps what it needs of a line that came in part, so every byte is
/// fed once and none has to be kept.
#[derive(Clone, Debug, Default)]
pub struct ChunkedReader {
    state: State,
    /// Of the chunk that is being read: its size, then how much of its data is still to come.
    left: u64,
    /// Extension bytes of the current chunk, and of the whole body.
    extension: usize,
    extensions: usize,
    /// What came of the trailer section: fields, bytes, and bytes of the current name.
    trailer_fields: usize,
    trailer: usize,
    trailer_name: usize,
}

/// Which byte is expected next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// The first digit of a size.
    #[default]
    Size,
    /// A digit, or what ends the size, after so many digits.
    Digits(u8),
    Extension,
    SizeLineFeed,
    Data,
    DataCarriageReturn,
    DataLineFeed,
    /// The first byte of a trailer line, or of the empty line that ends the body.
    Trailer,
    TrailerName,
    TrailerValue,
    TrailerLineFeed,
    LastLineFeed,
    Finished,
}

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
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads from `input` up to and including the next run of data, or the end of the body.
    ///
    /// Sizes have 1 to 16 hexadecimal digits. Extensions are skipped; trailers are checked as
    /// header fields are, with their limits, and dropped.
    ///
    /// ```
    /// use postern_protocol::http1::{ChunkedReader, Limits};
    ///
    /// let (mut reader, mut body) = (ChunkedReader::new(), Vec::new());
    /// for mut input in [&b"5;a=b\r\nhel"[..], b"lo\r\n0\r\n\r\nGET"] {
    ///     loop {
    ///         let step = reader.feed(input, &Limits::PRIVATE).unwrap();
    ///         body.extend_from_slice(&input[step.data]);
    ///         input = &input[step.consumed..];
    ///         if step.finished || input.is_empty() {
    ///             break;
    ///         }
    ///     }
    /// }
    /// assert_eq!(body, b"hello");
    /// ```
    ///
    /// # Errors
    ///
    /// A size, extension, line end or trailer that breaks the grammar or a limit. The reader is
    /// then of no further use.
    pub fn feed(&mut self, input: &[u8], limits: &Limits) -> Result<ChunkStep, Fault> {
        let mut consumed = 0_usize;
        while let Some((byte, rest)) = input.get(consumed..).and_then(<[u8]>::split_first) {
            match self.state {
                State::Finished => break,
                State::Data => {
                    let length = self.take(rest.len().saturating_add(1));
                    let data = consumed..consumed.saturating_add(length);
                    return Ok(ChunkStep { consumed: data.end, data, finished: false });
                }
                _ => {
                    self.state = self.step(*byte, limits)?;
                    consumed = consumed.saturating_add(1);
                }
            }
        }
        Ok(ChunkStep { consumed, data: 0..0, finished: self.state == State::Finished })
    }

    /// Takes as much data as there is, of which `available` bytes have arrived.
    fn take(&mut self, available: usize) -> usize {
        let length = usize::try_from(self.left).map_or(available, |left| left.min(available));
        self.left = self.left.saturating_sub(u64::try_from(length).unwrap_or(u64::MAX));
        if self.left == 0 {
            self.state = State::DataCarriageReturn;
        }
        length
    }

    /// Reads one byte that is not data and gives what is expected behind it.
    fn step(&mut self, byte: u8, limits: &Limits) -> Result<State, Fault> {
        match (self.state, byte) {
            (State::Size, _) => self.digit(0, byte),
            (State::Digits(_), b';') => {
                self.extension = 0;
                self.extension_byte(byte, limits)
            }
            (State::Digits(_), b'\r') => Ok(State::SizeLineFeed),
            (State::Digits(count), _) => self.digit(count, byte),
            (State::Extension, b'\r') => Ok(State::SizeLineFeed),
            (State::Extension, _) => self.extension_byte(byte, limits),
            (State::SizeLineFeed, b'\n') if self.left == 0 => Ok(State::Trailer),
            (State::SizeLineFeed, b'\n') => Ok(State::Data),
            (State::DataCarriageReturn, b'\r') => Ok(State::DataLineFeed),
            (State::DataLineFeed, b'\n') => Ok(State::Size),
            (State::Trailer, b'\r') => Ok(State::LastLineFeed),
            (State::LastLineFeed, b'\n') => Ok(State::Finished),
            (State::Trailer | State::TrailerName | State::TrailerValue | State::TrailerLineFeed, _) => {
                self.trailer_byte(byte, limits)
            }
            // `feed` never asks for a byte of data or behind the end.
            _ => Err(Fault::ChunkLineEnd),
        }
    }

    /// Reads a digit of a size after `count` others.
    fn digit(&mut self, count: u8, byte: u8) -> Result<State, Fault> {
        let digit = hexadecimal_digit(byte).filter(|_| count < SIZE_DIGITS_MAX).ok_or(Fault::ChunkSize)?;
        // After a chunk `left` is 0, and sixteen digits fit.
        self.left = self.left << 4 | u64::from(digit);
        Ok(State::Digits(count.saturating_add(1)))
    }

    fn extension_byte(&mut self, byte: u8, limits: &Limits) -> Result<State, Fault> {
        if is_control(byte) {
            return Err(Fault::ChunkExtension);
        }
        self.extension = self.extension.saturating_add(1);
        self.extensions = self.extensions.saturating_add(1);
        if self.extension > limits.chunk_extension_bytes {
            return Err(Fault::ChunkExtensionTooLong);
        }
        if self.extensions > limits.chunk_extension_total_bytes {
            return Err(Fault::ChunkExtensionsTooLong);
        }
        Ok(State::Extension)
    }

    /// Reads a byte of a trailer line: the grammar and the limits are those of a header line.
    fn trailer_byte(&mut self, byte: u8, limits: &Limits) -> Result<State, Fault> {
        self.trailer = self.trailer.saturating_add(1);
        if self.trailer > limits.head_bytes {
            return Err(Fault::FieldsTooLong);
        }
        match (self.state, byte) {
            (State::Trailer, b' ' | b'\t') => Err(Fault::FoldedLine),
            (State::Trailer, b'\n') => Err(Fault::BareLineFeed),
            (State::Trailer, _) if is(byte, TOKEN) => {
                self.trailer_name = 1;
                self.trailer_fields = self.trailer_fields.saturating_add(1);
                if self.trailer_fields > limits.header_fields {
                    return Err(Fault::TooManyFields);
                }
                Ok(State::TrailerName)
            }
            (State::TrailerName, b':') => Ok(State::TrailerValue),
            (State::TrailerName, _) if is(byte, TOKEN) => {
                self.trailer_name = self.trailer_name.saturating_add(1);
                if self.trailer_name > limits.header_name_bytes {
                    return Err(Fault::FieldNameTooLong);
                }
                Ok(State::TrailerName)
            }
            (State::TrailerValue, b'\r') => Ok(State::TrailerLineFeed),
            (State::TrailerValue, b'\n') => Err(Fault::BareLineFeed),
            (State::TrailerValue, _) if !is_control(byte) => Ok(State::TrailerValue),
            (State::TrailerValue, _) => Err(Fault::FieldValue),
            (State::TrailerLineFeed, b'\n') => Ok(State::Trailer),
            (State::TrailerLineFeed, _) => Err(Fault::BareCarriageReturn),
            _ => Err(Fault::FieldName),
        }
    }
}

/// More digits could not be told from an overflow.
const SIZE_DIGITS_MAX: u8 = 16;
