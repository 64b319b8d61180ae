//! Writing messages: field blocks, first lines, chunks.

/// A name or value that may not stand in a field line. The value is not told: it may be a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvalidField {
    /// The name is not a token.
    Name,
    /// The value has a control character other than HTAB.
    Value,
}

/// A method or target that may not stand in a request line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidRequestLine;

/// Field lines (`Name: value CRLF`) in one reusable buffer, in order, spelled as they were pushed.
/// INVARIANT: each line is `token ": " value CRLF`, and no value holds CR, LF or NUL.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldBlock {
    lines: Vec<u8>,
}

impl FieldBlock {
    /// An empty block with room for `bytes`.
    #[must_use]
    pub fn with_capacity(bytes: usize) -> Self {
        Self { lines: Vec::with_capacity(bytes) }
    }

    /// Empties the block and keeps its memory.
    pub fn clear(&mut self) {
        self.lines.clear();
    }

    /// Whether there is no line.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// The lines as they go to the wire, without the empty line that ends a head.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.lines
    }

    /// Adds a line. White space around the value is not written.
    ///
    /// # Errors
    ///
    /// When the name is no token or the value has a control character other than HTAB.
    pub fn push(&mut self, _name: &[u8], _value: &[u8]) -> Result<(), InvalidField> {
        todo!()
    }

    /// Adds a line of a name and value that were read by this module or are constants.
    pub fn push_trusted(&mut self, _name: &[u8], _value: &[u8]) {
        todo!()
    }

    /// Adds a line whose value is a number.
    pub fn push_number(&mut self, _name: &[u8], _value: u64) {
        todo!()
    }

    /// Removes all lines of a name, in any letter case, and adds one at the end.
    ///
    /// # Errors
    ///
    /// As [`FieldBlock::push`]; nothing is removed then.
    pub fn replace(&mut self, _name: &[u8], _value: &[u8]) -> Result<(), InvalidField> {
        todo!()
    }

    /// Removes all lines of a name, in any letter case, and says whether there was one.
    pub fn remove(&mut self, _name: &[u8]) -> bool {
        todo!()
    }

    /// Whether there is a line of this name, in any letter case.
    #[must_use]
    pub fn contains(&self, _name: &[u8]) -> bool {
        todo!()
    }

    /// The value of the first line of this name, in any letter case.
    #[must_use]
    pub fn get(&self, _name: &[u8]) -> Option<&[u8]> {
        todo!()
    }

    /// Names and values in order, as HTTP/2 wants them.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        std::iter::empty()
    }
}

/// The reason phrase of a status (RFC 9110 section 15, RFC 6585); empty for others.
#[must_use]
pub const fn reason_phrase(_status: u16) -> &'static str {
    ""
}

/// Writes `HTTP/1.1 status reason CRLF`.
pub fn write_status_line(_output: &mut Vec<u8>, _status: u16) {
    todo!()
}

/// Writes `method target HTTP/1.1 CRLF`. The field block and an empty line (`CRLF`) follow.
///
/// # Errors
///
/// When the method is no token, or the target is empty or has bytes outside 0x21 to 0x7e or `#`;
/// nothing is written then.
pub fn write_request_line(
    _output: &mut Vec<u8>,
    _method: &[u8],
    _target: &[u8],
) -> Result<(), InvalidRequestLine> {
    todo!()
}

/// What stands before a chunk's data: its length in hexadecimal and a line end. `length` is not 0,
/// which would end the body.
pub fn write_chunk_head(_output: &mut Vec<u8>, _length: usize) {
    todo!()
}

/// What stands behind a chunk's data.
pub const CHUNK_END: &[u8] = b"\r\n";

/// The last chunk, without trailers.
pub const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

/// Writes a number in decimal, without the formatting machinery.
pub fn push_number(_output: &mut Vec<u8>, _number: u64) {
    todo!()
}
