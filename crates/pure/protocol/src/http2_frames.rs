//! The frames of an HTTP/2 connection as they go by: told apart and counted, not read (RFC 9113 section 4.1).
//!
//! Whoever reads the frames themselves says nothing of those that make work and carry nothing, so this follows
//! the bytes beside them.

#![deny(clippy::arithmetic_side_effects, clippy::as_conversions)]

/// Follows the frames of one direction, in pieces of any size.
#[derive(Debug)]
pub struct FrameScanner {
    head: [u8; HEAD_BYTES],
    /// Bytes of the next head that have come.
    filled: usize,
    /// Bytes that still belong to something that is no head.
    left: usize,
}

/// One frame, by its head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SeenFrame {
    /// What it does for a request.
    pub meaning: FrameMeaning,
    /// Its stream; 0 for the connection.
    pub stream: u32,
}

/// What a frame does for a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameMeaning {
    /// It begins one: HEADERS.
    Begins,
    /// It carries one on: DATA that is not empty or ends a stream, CONTINUATION, PUSH_PROMISE.
    CarriesOn,
    /// It gives one up: RST_STREAM.
    Resets,
    /// It carries none: SETTINGS, PING, PRIORITY, WINDOW_UPDATE, GOAWAY, empty DATA, kinds that nobody knows.
    Nothing,
}

impl FrameScanner {
    /// At the start of a direction: a client's begins with a preface, a server's does not.
    ///
    /// ```
    /// use postern_protocol::http2_frames::{FrameMeaning, FrameScanner};
    ///
    /// let mut scanner = FrameScanner::new(false);
    /// let mut meanings = Vec::new();
    /// // A PING, and the head of DATA of one byte.
    /// let bytes = b"\0\0\x08\x06\0\0\0\0\0pingping\0\0\x01\0\0\0\0\0\x01";
    /// scanner.scan(bytes, |frame| meanings.push(frame.meaning));
    /// assert_eq!(meanings, [FrameMeaning::Nothing, FrameMeaning::CarriesOn]);
    /// assert!(!scanner.is_between_frames());
    /// ```
    #[must_use]
    pub const fn new(has_preface: bool) -> Self {
        Self { head: [0; HEAD_BYTES], filled: 0, left: if has_preface { PREFACE_BYTES } else { 0 } }
    }

    /// Takes what comes next, and tells of each frame whose head is whole with it.
    pub fn scan(&mut self, mut bytes: &[u8], mut tell: impl FnMut(SeenFrame)) {
        while !bytes.is_empty() {
            let skipped = self.left.min(bytes.len());
            self.left = self.left.saturating_sub(skipped);
            bytes = bytes.get(skipped..).unwrap_or_default();
            let missing = self.head.get_mut(self.filled..).unwrap_or_default();
            let taken = missing.len().min(bytes.len());
            let (head, rest) = bytes.split_at(taken);
            if let Some(room) = missing.get_mut(..taken) {
                room.copy_from_slice(head);
            }
            self.filled = self.filled.saturating_add(taken);
            bytes = rest;
            if self.filled == HEAD_BYTES {
                let (length, frame) = read_head(self.head);
                (self.filled, self.left) = (0, length);
                tell(frame);
            }
        }
    }

    /// Whether the last frame is whole and no other has begun.
    #[must_use]
    pub const fn is_between_frames(&self) -> bool {
        self.left == 0 && self.filled == 0
    }
}

/// A GOAWAY frame that asks a client to calm down (RFC 9113 sections 6.8 and 7). `last_stream` is the last one
/// that was begun.
#[must_use]
pub fn enhance_your_calm(last_stream: u32) -> [u8; 17] {
    let [a, b, c, d] = (last_stream & STREAM_BITS).to_be_bytes();
    [0, 0, 8, GOAWAY, 0, 0, 0, 0, 0, a, b, c, d, 0, 0, 0, ENHANCE_YOUR_CALM]
}

/// The length of a frame's payload, and what the frame is.
fn read_head(head: [u8; HEAD_BYTES]) -> (usize, SeenFrame) {
    let [high, middle, low, kind, flags, stream @ ..] = head;
    let length = u32::from_be_bytes([0, high, middle, low]);
    let meaning = match kind {
        HEADERS => FrameMeaning::Begins,
        RST_STREAM => FrameMeaning::Resets,
        DATA if length > 0 || flags & END_STREAM != 0 => FrameMeaning::CarriesOn,
        PUSH_PROMISE | CONTINUATION => FrameMeaning::CarriesOn,
        _ => FrameMeaning::Nothing,
    };
    let stream = u32::from_be_bytes(stream) & STREAM_BITS;
    (usize::try_from(length).unwrap_or(usize::MAX), SeenFrame { meaning, stream })
}

/// `PRI * HTTP/2.0` and what follows it to the first frame.
const PREFACE_BYTES: usize = 24;
/// Length, kind, flags and stream.
const HEAD_BYTES: usize = 9;
/// The bits of a stream's number; the one above them is reserved.
const STREAM_BITS: u32 = 0x7fff_ffff;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const PUSH_PROMISE: u8 = 5;
const GOAWAY: u8 = 7;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const ENHANCE_YOUR_CALM: u8 = 0xb;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn frame(kind: u8, flags: u8, stream: u32, length: usize) -> Vec<u8> {
        let [_, a, b, c] = u32::try_from(length).unwrap().to_be_bytes();
        [&[a, b, c, kind, flags][..], &stream.to_be_bytes(), &vec![0xff; length]].concat()
    }

    fn seen(scanner: &mut FrameScanner, bytes: &[u8]) -> Vec<SeenFrame> {
        let mut seen = Vec::new();
        scanner.scan(bytes, |frame| seen.push(frame));
        seen
    }

    #[test]
    fn every_kind_has_its_meaning() {
        use FrameMeaning::{Begins, CarriesOn, Nothing, Resets};
        for (kind, flags, length, expected) in [
            (0, 0, 1, CarriesOn),
            (0, 0, 0, Nothing),
            (0, 1, 0, CarriesOn),
            (1, 4, 20, Begins),
            (2, 0, 5, Nothing),
            (3, 0, 4, Resets),
            (4, 0, 6, Nothing),
            (4, 1, 0, Nothing),
            (6, 0, 8, Nothing),
            (7, 0, 8, Nothing),
            (8, 0, 4, Nothing),
            (9, 0, 10, CarriesOn),
            (0x20, 0, 0, Nothing),
        ] {
            let seen = seen(&mut FrameScanner::new(false), &frame(kind, flags, 0x8000_0005, length));
            assert_eq!(seen, [SeenFrame { meaning: expected, stream: 5 }], "kind {kind}");
        }
    }

    #[test]
    fn goaway_is_itself_a_frame() {
        let mut scanner = FrameScanner::new(false);
        assert_eq!(seen(&mut scanner, &enhance_your_calm(7)).len(), 1);
        assert!(scanner.is_between_frames());
    }

    proptest! {
        #[test]
        fn pieces_do_not_matter(
            frames in proptest::collection::vec((0..12_u8, 0..2_u8, 0..9_u32, 0..40_usize), 0..12),
            cuts in proptest::collection::vec(1..30_usize, 1..20),
        ) {
            let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
            for (kind, flags, stream, length) in &frames {
                bytes.extend(frame(*kind, *flags, *stream, *length));
            }
            let whole = seen(&mut FrameScanner::new(true), &bytes);
            prop_assert_eq!(whole.len(), frames.len());
            let mut scanner = FrameScanner::new(true);
            let mut in_pieces = Vec::new();
            let mut rest = &bytes[..];
            for cut in cuts.iter().cycle() {
                let (piece, after) = rest.split_at(rest.len().min(*cut));
                in_pieces.extend(seen(&mut scanner, piece));
                rest = after;
                if rest.is_empty() {
                    break;
                }
            }
            prop_assert_eq!(in_pieces, whole);
            prop_assert!(scanner.is_between_frames());
        }
    }
}
