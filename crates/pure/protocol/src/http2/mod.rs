//! HTTP/2 towards clients as RFC 9113 and RFC 7541 have it: frames, windows, header blocks.
//!
//! Sans-io: a [`Session`] is fed the bytes that arrived and tells what was [`Heard`]; what it has to say lies in
//! its output until it is sent. A request becomes a head of HTTP/1.1 and passes the grammar of those; an answer
//! is written straight from its [`FieldBlock`](crate::http1::FieldBlock).

#![deny(clippy::arithmetic_side_effects, clippy::as_conversions)]

mod decode;
mod encode;
mod frame;
mod huffman;
mod noise;
mod request;
mod session;
mod streams;
mod table;
mod words;

use decode::CompressionFault;

pub use frame::ErrorCode;
pub use noise::NoiseLimits;
pub use request::{HeadMemory, HeadRefusal};
pub use session::Session;
pub use words::{AnswerHead, Block, Heard, Opened, Place, SessionFault, SessionLimits};
