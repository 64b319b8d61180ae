//! HTTP/1.1 as RFC 9112 has it, read strictly and written from structure: heads, framing, chunks.
//!
//! Sans-io: functions are fed the bytes that arrived and answer with [`Progress`]. A head is read
//! once, in place, into [`Span`]s over the buffer that holds it. Towards clients and backends the
//! same grammar holds, and what has two readings is a [`Fault`].

#![deny(clippy::arithmetic_side_effects, clippy::as_conversions)]

mod authority;
mod chunked;
mod fault;
mod field;
mod framing;
mod limits;
mod lines;
mod name;
pub mod path;
mod request;
mod response;
mod span;
mod write;

pub use authority::Authority;
pub use chunked::{ChunkStep, ChunkedReader};
pub use fault::Fault;
pub(crate) use field::KnownLine;
pub use field::{Field, FieldSection, FieldView, Fields};
pub use framing::{BodyFraming, ResponseFraming};
pub use limits::Limits;
pub use name::{KnownMethod, KnownName};
pub(crate) use request::read_known_request;
pub use request::{Request, RequestHead, TargetForm, read_request};
pub use response::{INTERIM_RESPONSES_MAX, Response, ResponseHead, read_response};
pub use span::Span;
pub(crate) use write::first_line;
pub use write::{
    CHUNK_END, FieldBlock, InvalidField, InvalidRequestLine, LAST_CHUNK, push_number, reason_phrase,
    write_chunk_head, write_request_line, write_status_line,
};

/// How far the reading of a head has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// The head is whole; its `length()` says how many bytes it took.
    Complete,
    /// Well formed so far. Read on with the same bytes and more behind them.
    Partial,
}
