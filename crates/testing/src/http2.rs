//! A client that speaks HTTP/2 frame by frame, in plain text by prior knowledge.

use std::net::SocketAddr;

use crate::Wire;

/// One connection.
#[derive(Debug)]
pub struct Http2 {
    wire: Wire,
}

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum FrameKind {
    /// DATA
    Data = 0,
    /// HEADERS
    Headers = 1,
    /// PRIORITY
    Priority = 2,
    /// RST_STREAM
    Reset = 3,
    /// SETTINGS
    Settings = 4,
    /// PING
    Ping = 6,
    /// GOAWAY
    GoAway = 7,
    /// WINDOW_UPDATE
    WindowUpdate = 8,
    /// CONTINUATION
    Continuation = 9,
    /// A kind that nobody knows.
    Unknown = 0x20,
}

/// One frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// The number of its kind.
    pub kind: u8,
    /// Its flags.
    pub flags: u8,
    /// Its stream; 0 for the connection.
    pub stream: u32,
    /// What it carries.
    pub payload: Vec<u8>,
}

impl Frame {
    /// Whether it is of this kind.
    #[must_use]
    pub fn is(&self, kind: FrameKind) -> bool {
        self.kind == kind as u8
    }

    /// The error code of a RST_STREAM or GOAWAY frame.
    #[must_use]
    pub fn error_code(&self) -> u32 {
        let at = if self.is(FrameKind::GoAway) { 4 } else { 0 };
        u32::from_be_bytes(self.payload[at..at + 4].try_into().unwrap())
    }

    /// The settings of a SETTINGS frame, as number and value.
    #[must_use]
    pub fn settings(&self) -> Vec<(u16, u32)> {
        let pair = |six: &[u8]| {
            (u16::from_be_bytes([six[0], six[1]]), u32::from_be_bytes([six[2], six[3], six[4], six[5]]))
        };
        self.payload.chunks_exact(6).map(pair).collect()
    }
}

impl Http2 {
    /// Connects and sends the preface with these settings.
    #[must_use]
    pub fn to(address: SocketAddr, settings: &[(u16, u32)]) -> Self {
        let mut wire = Wire::to(address);
        wire.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
        let mut http2 = Self { wire };
        let payload: Vec<u8> = settings
            .iter()
            .flat_map(|(name, value)| [&name.to_be_bytes()[..], &value.to_be_bytes()[..]].concat())
            .collect();
        http2.send(FrameKind::Settings, 0, 0, &payload);
        http2
    }

    /// Sends one frame.
    pub fn send(&mut self, kind: FrameKind, flags: u8, stream: u32, payload: &[u8]) {
        self.wire.send_anyway(frame_bytes(kind, flags, stream, payload));
    }

    /// Sends bytes that need not be a whole frame.
    pub fn send_bytes(&mut self, bytes: &[u8]) {
        self.wire.send_anyway(bytes);
    }

    /// Opens a stream with a GET that ends it.
    pub fn get(&mut self, stream: u32, host: &str, path: &str) {
        let fields = [(":method", "GET"), (":scheme", "http"), (":authority", host), (":path", path)];
        self.send(FrameKind::Headers, END_STREAM | END_HEADERS, stream, &block(&fields));
    }

    /// Opens a stream with these fields; the stream ends with them if `end` is said.
    pub fn headers(&mut self, stream: u32, fields: &[(&str, &str)], end: bool) {
        let flags = if end { END_STREAM | END_HEADERS } else { END_HEADERS };
        self.send(FrameKind::Headers, flags, stream, &block(fields));
    }

    /// Opens a stream with these fields and ends it with this data, all in one piece.
    pub fn headers_and(&mut self, stream: u32, fields: &[(&str, &str)], data: &[u8]) {
        let head = frame_bytes(FrameKind::Headers, END_HEADERS, stream, &block(fields));
        let data = frame_bytes(FrameKind::Data, END_STREAM, stream, data);
        self.wire.send_anyway([head, data].concat());
    }

    /// Reads one frame.
    pub fn frame(&mut self) -> Frame {
        let head = self.wire.take(9);
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]) & 0x7fff_ffff;
        let payload = self.wire.take(usize::try_from(length).unwrap());
        Frame { kind: head[3], flags: head[4], stream, payload }
    }

    /// Reads frames until one of this kind that is no acknowledgement.
    pub fn frame_of(&mut self, kind: FrameKind) -> Frame {
        loop {
            let frame = self.frame();
            if frame.is(kind) && (kind != FrameKind::Settings || frame.flags & 1 == 0) {
                return frame;
            }
        }
    }

    /// Waits for the peer to end.
    pub fn ends(&mut self) {
        let _ = self.wire.rest();
    }
}

const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// A frame as it is sent.
fn frame_bytes(kind: FrameKind, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut frame = vec![length[1], length[2], length[3], kind as u8, flags];
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// A header block of literals without an index and without Huffman codes (RFC 7541 section 6.2.2).
fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        block.push(0);
        for text in [name, value] {
            text_to(&mut block, text);
        }
    }
    block
}

/// A string literal: its length with a prefix of seven bits, then its bytes.
fn text_to(block: &mut Vec<u8>, text: &str) {
    let mut rest = text.len();
    if rest < 127 {
        block.push(u8::try_from(rest).unwrap());
    } else {
        block.push(127);
        rest -= 127;
        while rest >= 128 {
            block.push(u8::try_from(rest % 128 + 128).unwrap());
            rest /= 128;
        }
        block.push(u8::try_from(rest).unwrap());
    }
    block.extend(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_literals_have_lengths_of_several_bytes() {
        let mut written = Vec::new();
        text_to(&mut written, &"a".repeat(1337));
        assert_eq!(written[..3], [127, 0b1011_1010, 9]);
    }
}
