//! Frames: their heads, and those that carry no request (RFC 9113 sections 4.1 and 6).

/// The first bytes of a client (RFC 9113 section 3.4).
pub(super) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// The head of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FrameHead {
    pub(super) length: usize,
    pub(super) kind: u8,
    pub(super) flags: u8,
    /// 0 for the connection.
    pub(super) stream: u32,
}

impl FrameHead {
    /// Reads a head and gives what stands behind it; `None` while it is not whole.
    pub(super) fn read(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let ([high, middle, low, kind, flags, stream @ ..], rest) =
            bytes.split_first_chunk::<HEAD_BYTES>()?;
        let length = u32::from_be_bytes([0, *high, *middle, *low]);
        let head = Self {
            length: usize::try_from(length).unwrap_or(usize::MAX),
            kind: *kind,
            flags: *flags,
            stream: u32::from_be_bytes(*stream) & STREAM_BITS,
        };
        Some((head, rest))
    }

    pub(super) const fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    /// The head as it is sent.
    pub(super) fn bytes(self) -> [u8; HEAD_BYTES] {
        let [_, high, middle, low] = u32::try_from(self.length).unwrap_or(u32::MAX).to_be_bytes();
        let [a, b, c, d] = self.stream.to_be_bytes();
        [high, middle, low, self.kind, self.flags, a, b, c, d]
    }
}

/// Length, kind, flags and stream.
pub(super) const HEAD_BYTES: usize = 9;
/// The bits of a stream's number; the one above them is reserved.
pub(super) const STREAM_BITS: u32 = 0x7fff_ffff;
/// No window may be larger.
pub(super) const WINDOW_MAX: i64 = 0x7fff_ffff;
/// What every connection's and stream's window is at first.
pub(super) const FIRST_WINDOW: u32 = 65_535;
/// Frames of this size every peer takes; we send no larger ones.
pub(super) const FRAME_BYTES: usize = 16_384;

pub(super) const DATA: u8 = 0;
pub(super) const HEADERS: u8 = 1;
pub(super) const PRIORITY: u8 = 2;
pub(super) const RST_STREAM: u8 = 3;
pub(super) const SETTINGS: u8 = 4;
pub(super) const PUSH_PROMISE: u8 = 5;
pub(super) const PING: u8 = 6;
pub(super) const GOAWAY: u8 = 7;
pub(super) const WINDOW_UPDATE: u8 = 8;
pub(super) const CONTINUATION: u8 = 9;

/// Of DATA and HEADERS.
pub(super) const END_STREAM: u8 = 1;
/// Of SETTINGS and PING.
pub(super) const ACK: u8 = 1;
/// Of HEADERS and CONTINUATION.
pub(super) const END_HEADERS: u8 = 4;
/// Of DATA and HEADERS.
pub(super) const PADDED: u8 = 8;
/// Of HEADERS: five bytes of it come first.
pub(super) const WITH_PRIORITY: u8 = 0x20;

/// Why a stream or a connection ends (RFC 9113 section 7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum ErrorCode {
    /// NO_ERROR
    No = 0,
    /// PROTOCOL_ERROR
    Protocol = 1,
    /// INTERNAL_ERROR
    Internal = 2,
    /// FLOW_CONTROL_ERROR
    FlowControl = 3,
    /// STREAM_CLOSED
    StreamClosed = 5,
    /// FRAME_SIZE_ERROR
    FrameSize = 6,
    /// REFUSED_STREAM
    RefusedStream = 7,
    /// COMPRESSION_ERROR
    Compression = 9,
    /// ENHANCE_YOUR_CALM
    EnhanceYourCalm = 11,
}

impl ErrorCode {
    const fn bytes(self) -> [u8; 4] {
        #[expect(clippy::as_conversions, reason = "its number")]
        (self as u32).to_be_bytes()
    }
}

/// Writes a frame on the connection or on a stream.
pub(super) fn write(output: &mut Vec<u8>, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
    output.extend_from_slice(&FrameHead { length: payload.len(), kind, flags, stream }.bytes());
    output.extend_from_slice(payload);
}

pub(super) fn write_reset(output: &mut Vec<u8>, stream: u32, code: ErrorCode) {
    write(output, RST_STREAM, 0, stream, &code.bytes());
}

pub(super) fn write_window_update(output: &mut Vec<u8>, stream: u32, bytes: u32) {
    write(output, WINDOW_UPDATE, 0, stream, &bytes.to_be_bytes());
}

pub(super) fn write_goaway(output: &mut Vec<u8>, last_stream: u32, code: ErrorCode) {
    let ([a, b, c, d], [e, f, g, h]) = (last_stream.to_be_bytes(), code.bytes());
    write(output, GOAWAY, 0, 0, &[a, b, c, d, e, f, g, h]);
}

/// Writes SETTINGS of these numbers and values.
pub(super) fn write_settings(output: &mut Vec<u8>, settings: &[(u16, u32)]) {
    let mut payload = Vec::new();
    for (number, value) in settings {
        payload.extend_from_slice(&number.to_be_bytes());
        payload.extend_from_slice(&value.to_be_bytes());
    }
    write(output, SETTINGS, 0, 0, &payload);
}

/// The payload of DATA or HEADERS without its padding (RFC 9113 section 6.1).
pub(super) fn without_padding(head: FrameHead, payload: &[u8]) -> Result<&[u8], ErrorCode> {
    if !head.has(PADDED) {
        return Ok(payload);
    }
    let (padding, rest) = payload.split_first().ok_or(ErrorCode::FrameSize)?;
    let length = rest.len().checked_sub(usize::from(*padding)).ok_or(ErrorCode::Protocol)?;
    Ok(rest.get(..length).unwrap_or_default())
}

/// Puts the head before a header block that lies at the end of the output, and the heads of its
/// continuations into it.
pub(super) fn finish_block(output: &mut Vec<u8>, start: usize, stream: u32, flags: u8) {
    let body_start = start.saturating_add(HEAD_BYTES);
    let length = output.len().saturating_sub(body_start);
    if length <= FRAME_BYTES {
        let head = FrameHead { length, kind: HEADERS, flags: flags | END_HEADERS, stream };
        if let Some(place) = output.get_mut(start..body_start) {
            place.copy_from_slice(&head.bytes());
        }
        return;
    }
    let block = output.split_off(body_start);
    output.truncate(start);
    let mut parts = block.chunks(FRAME_BYTES).peekable();
    let (mut kind, mut flags) = (HEADERS, flags);
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            flags |= END_HEADERS;
        }
        write(output, kind, flags, stream, part);
        (kind, flags) = (CONTINUATION, 0);
    }
}

/// RFC 9113 section 6.5.2.
pub(super) mod setting {
    pub(in super::super) const HEADER_TABLE_SIZE: u16 = 1;
    pub(in super::super) const ENABLE_PUSH: u16 = 2;
    pub(in super::super) const MAX_CONCURRENT_STREAMS: u16 = 3;
    pub(in super::super) const INITIAL_WINDOW_SIZE: u16 = 4;
    pub(in super::super) const MAX_FRAME_SIZE: u16 = 5;
    pub(in super::super) const MAX_HEADER_LIST_SIZE: u16 = 6;
}
