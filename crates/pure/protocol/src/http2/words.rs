//! What a session and whoever feeds it say to each other.

use std::borrow::Cow;

use super::{ErrorCode, HeadRefusal, NoiseLimits};
use crate::http1::FieldBlock;

/// What a session announces, and what it bears.
#[derive(Clone, Copy, Debug)]
pub struct SessionLimits {
    /// `h2Streams`: streams that are open at a time.
    pub streams: u32,
    /// `h2StreamWindow`: bytes of one body that are not taken yet.
    pub stream_window: u32,
    /// `h2ConnectionWindow`: bytes of all bodies.
    pub connection_window: u32,
    /// `h2FrameBytes`: the payload of a frame.
    pub frame_bytes: u32,
    /// `h2HeaderListBytes`: the fields of a request, as RFC 9113 section 6.5.2 counts them.
    pub header_list_bytes: u32,
    /// How much noise a client may make.
    pub noise: NoiseLimits,
}

/// Why a connection is over. GOAWAY lies in the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionFault {
    /// What the client is told.
    pub code: ErrorCode,
    /// The limit that it has exceeded, by its key under `limits:`.
    pub limit: Option<&'static str>,
}

impl From<ErrorCode> for SessionFault {
    fn from(code: ErrorCode) -> Self {
        Self { code, limit: None }
    }
}

/// A stream that is open, by a small number that the next one has again.
pub type Place = usize;

/// What the client said.
#[derive(Debug, PartialEq, Eq)]
pub enum Heard<'bytes> {
    /// Nothing that is whole: more bytes are needed.
    Nothing,
    /// A header block, to be opened by [`Session::open`](super::Session::open) before anything else is heard.
    Block(Block<'bytes>),
    /// A part of a request's body, possibly empty. [`Session::release`](super::Session::release) makes room for more.
    Body {
        /// Of which stream.
        place: Place,
        /// The part.
        bytes: &'bytes [u8],
        /// Nothing follows.
        ends: bool,
    },
    /// A stream is over, by the client's will or by its fault. Its place is free.
    Gone {
        /// Which one.
        place: Place,
    },
}

/// A header block.
#[derive(Debug, PartialEq, Eq)]
pub struct Block<'bytes> {
    pub(super) stream: u32,
    pub(super) ends: bool,
    pub(super) bytes: Cow<'bytes, [u8]>,
}

/// What a header block was.
#[derive(Debug, PartialEq, Eq)]
pub enum Opened {
    /// A request began.
    Request {
        /// The stream's place.
        place: Place,
        /// Why it is answered without being looked at.
        refusal: Option<HeadRefusal>,
        /// It has no body.
        ends: bool,
    },
    /// The trailers of a request, which are dropped: its body is over.
    Trailers {
        /// Of which stream.
        place: Place,
    },
    /// A stream is over by the client's fault, as in [`Heard::Gone`].
    Gone {
        /// Which one.
        place: Place,
    },
    /// Nothing that concerns anybody.
    Nothing,
}

/// The head of an answer.
#[derive(Clone, Copy, Debug)]
pub struct AnswerHead<'answer> {
    /// The status, 100 to 599.
    pub status: u16,
    /// The date as a line of HTTP/1.1.
    pub date_line: &'answer [u8],
    /// The fields; those about an HTTP/1.1 connection are left out.
    pub fields: &'answer FieldBlock,
    /// How long the body is, or would be.
    pub length: Option<u64>,
    /// Nothing follows.
    pub ends: bool,
}
