//! What a client is told: heads and bodies of answers, as its windows let them, and the bytes of the connection.

use super::super::frame;
use super::super::words::{AnswerHead, Place};
use super::{ErrorCode, Session};
use crate::http1::push_number;

impl Session {
    /// Writes the head of an answer.
    pub fn answer(&mut self, place: Place, answer: &AnswerHead<'_>) {
        let Some(number) = self.streams.number(place) else { return };
        let Self { output, encoder, length_line, .. } = self;
        let start = output.len();
        output.extend_from_slice(&[0; frame::HEAD_BYTES]);
        encoder.begin(output, answer.status);
        encoder.fields(output, answer.date_line);
        encoder.fields(output, answer.fields.as_bytes());
        if let Some(length) = answer.length {
            length_line.truncate(LENGTH_NAME.len().saturating_add(2));
            push_number(length_line, length);
            length_line.extend_from_slice(b"\r\n");
            encoder.fields(output, length_line);
        }
        let flags = if answer.ends { frame::END_STREAM } else { 0 };
        frame::finish_block(output, start, number, flags);
        self.noise.forgive();
        self.say(place, answer.ends);
    }

    /// Tells a client that waits for it to send its body (RFC 9110 section 15.2.1).
    pub fn go_on(&mut self, place: Place) {
        let Some(number) = self.streams.number(place) else { return };
        let start = self.output.len();
        self.output.extend_from_slice(&[0; frame::HEAD_BYTES]);
        self.encoder.begin(&mut self.output, 100);
        frame::finish_block(&mut self.output, start, number, 0);
    }

    /// Writes as much of a body as the windows and the output let it, and says how much that was. Where that is
    /// not all, [`Session::next_unblocked`] tells when to go on. `ends` is said with the last byte.
    pub fn body(&mut self, place: Place, bytes: &[u8], ends: bool) -> usize {
        let Some(number) = self.streams.number(place) else { return bytes.len() };
        let mut rest = bytes;
        loop {
            let room = self.room(place).min(frame::FRAME_BYTES);
            let (part, behind) = rest.split_at(rest.len().min(room));
            if part.is_empty() && !rest.is_empty() {
                break;
            }
            let flags = if ends && behind.is_empty() { frame::END_STREAM } else { 0 };
            if !part.is_empty() || flags != 0 {
                frame::write(&mut self.output, frame::DATA, flags, number, part);
                self.noise.forgive();
                self.spend(place, part.len());
            }
            rest = behind;
            // Others have their turn between two frames.
            if rest.is_empty() || !self.blocked.is_empty() {
                break;
            }
        }
        if rest.is_empty() {
            self.say(place, ends);
        } else {
            self.block(place);
        }
        bytes.len().saturating_sub(rest.len())
    }

    /// What may be sent of a body now.
    fn room(&self, place: Place) -> usize {
        let window = self.streams.get(place).map_or(0, |stream| stream.send_window);
        let window = window.min(self.send_window).max(0);
        usize::try_from(window).unwrap_or(0).min(OUTPUT_BYTES_MAX.saturating_sub(self.unsent().len()))
    }

    fn spend(&mut self, place: Place, bytes: usize) {
        let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
        self.send_window = self.send_window.saturating_sub(bytes);
        if let Some(stream) = self.streams.get_mut(place) {
            stream.send_window = stream.send_window.saturating_sub(bytes);
        }
    }

    fn block(&mut self, place: Place) {
        if let Some(stream) = self.streams.get_mut(place)
            && !std::mem::replace(&mut stream.is_blocked, true)
        {
            self.blocked.push_back(place);
        }
        // It made way for others and not for want of room.
        self.may_unblock |= self.room(place) > 0;
    }

    fn say(&mut self, place: Place, ends: bool) {
        if let Some(stream) = self.streams.get_mut(place) {
            stream.is_said |= ends;
        }
    }

    /// Whether there may be room for a stream that waits for it.
    #[must_use]
    pub fn may_unblock(&self) -> bool {
        self.may_unblock && !self.blocked.is_empty()
    }

    /// How many streams wait for room that there may be now; 0 until something changes again.
    pub fn unblocked(&mut self) -> usize {
        if std::mem::take(&mut self.may_unblock) { self.blocked.len() } else { 0 }
    }

    /// The next of them.
    pub fn next_unblocked(&mut self) -> Option<Place> {
        let place = self.blocked.pop_front()?;
        if let Some(stream) = self.streams.get_mut(place) {
            stream.is_blocked = false;
        }
        Some(place)
    }

    /// Ends a stream, with a reset where its answer or its request is not over.
    pub fn close(&mut self, place: Place) {
        let Some(number) = self.streams.number(place) else { return };
        let Some(stream) = self.streams.get(place) else { return };
        let code = match (stream.is_said, stream.is_heard) {
            (true, true) => None,
            (true, false) => Some(ErrorCode::No),
            (false, _) => Some(ErrorCode::Internal),
        };
        if let Some(code) = code {
            frame::write_reset(&mut self.output, number, code);
            self.abandon(number);
        }
        self.remove(place);
    }

    /// Bytes that are not sent yet.
    #[must_use]
    pub fn unsent(&self) -> &[u8] {
        self.output.get(self.sent..).unwrap_or_default()
    }

    /// Whether so much is not sent that nothing more should be heard.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.unsent().len() >= OUTPUT_BYTES_MAX
    }

    /// So many bytes were sent.
    pub fn sent(&mut self, bytes: usize) {
        self.sent = self.sent.saturating_add(bytes);
        self.may_unblock |= bytes > 0;
        if self.sent >= self.output.len() {
            self.sent = 0;
            self.output.clear();
            self.give_back_output();
        }
    }

    /// Gives back the output's memory where all is sent and no stream is open.
    pub(super) fn give_back_output(&mut self) {
        if self.streams.open() == 0 && self.output.is_empty() && self.output.capacity() > OUTPUT_BYTES_KEPT {
            self.output = Vec::new();
        }
    }
}

pub(super) const LENGTH_NAME: &[u8] = b"content-length";
/// What is written ahead of what the client takes.
const OUTPUT_BYTES_MAX: usize = 64 << 10;
/// What a connection without streams keeps of its output's memory.
const OUTPUT_BYTES_KEPT: usize = 4 << 10;
