//! What goes back to the client.

use postern_protocol::http1::FieldBlock;

/// An answer: the edge adds what the version of HTTP needs (status line, framing, `Date`,
/// `Connection`) and writes it.
#[derive(Debug)]
pub struct Answer<'a, R> {
    /// The status, 100 to 599.
    pub status: u16,
    /// Every field but framing, `Date` and `Connection`.
    pub fields: &'a FieldBlock,
    /// The body. An answer to HEAD has the body's length and the edge sends no byte of it.
    pub body: AnswerBody<'a, R>,
    /// Whether the connection closes after this answer (HTTP/1.1).
    pub close: bool,
}

/// The body of an answer.
#[derive(Debug)]
pub enum AnswerBody<'a, R> {
    /// These bytes; none is an empty body.
    Whole(&'a [u8]),
    /// The backend's own, passed on in pieces.
    Stream(R),
}
