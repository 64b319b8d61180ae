//! Header blocks: requests that begin, and their trailers.

use std::borrow::Cow;

use super::super::frame::{self, FrameHead};
use super::super::request::{BlockFault, FAR};
use super::super::words::{Block, Heard, Opened, SessionFault};
use super::{ErrorCode, HeadMemory, Receiving, Session, Stream, to_usize};
use crate::http1::{self, BodyFraming};

/// A header block that is not whole.
#[derive(Debug)]
pub(super) struct Continued {
    pub(super) stream: u32,
    ends: bool,
    bytes: Vec<u8>,
    frames: u32,
}

impl Session {
    pub(super) fn hear_headers<'bytes>(
        &mut self,
        head: FrameHead,
        payload: &'bytes [u8],
    ) -> Result<Option<Heard<'bytes>>, SessionFault> {
        if head.stream & 1 == 0 {
            return Err(ErrorCode::Protocol.into());
        }
        let mut bytes = frame::without_padding(head, payload)?;
        if head.has(frame::WITH_PRIORITY) {
            bytes = bytes.get(5..).ok_or(ErrorCode::FrameSize)?;
        }
        let (stream, ends) = (head.stream, head.has(frame::END_STREAM));
        if head.has(frame::END_HEADERS) {
            return Ok(Some(Heard::Block(Block { stream, ends, bytes: Cow::Borrowed(bytes) })));
        }
        self.continued = Some(Continued { stream, ends, bytes: bytes.to_vec(), frames: 0 });
        Ok(None)
    }

    pub(super) fn hear_continuation<'bytes>(
        &mut self,
        head: FrameHead,
        payload: &[u8],
    ) -> Result<Option<Heard<'bytes>>, SessionFault> {
        let mut continued = self.continued.take().ok_or(ErrorCode::Protocol)?;
        continued.bytes.extend_from_slice(payload);
        continued.frames = continued.frames.saturating_add(1);
        let bytes_max = to_usize(self.limits.header_list_bytes).saturating_mul(FAR);
        if continued.frames > CONTINUATIONS_MAX || continued.bytes.len() > bytes_max {
            return Err(ErrorCode::EnhanceYourCalm.into());
        }
        if !head.has(frame::END_HEADERS) {
            self.continued = Some(continued);
            return Ok(None);
        }
        let Continued { stream, ends, bytes, .. } = continued;
        Ok(Some(Heard::Block(Block { stream, ends, bytes: Cow::Owned(bytes) })))
    }

    pub(super) fn open_block(
        &mut self,
        block: &Block<'_>,
        limits: &http1::Limits,
        memory: &mut HeadMemory,
        now: u64,
    ) -> Result<Opened, SessionFault> {
        let Block { stream, ends, ref bytes } = *block;
        if !self.is_idle(stream) {
            return self.open_trailers(stream, bytes, ends, now);
        }
        self.last_stream = stream;
        let outcome = match self.reader.request(bytes, limits, memory) {
            Ok(outcome) => Ok(outcome),
            Err(BlockFault::Malformed) => Err(ErrorCode::Protocol),
            Err(fault) => return Err(fatal(fault)),
        };
        if stream > self.last_served {
            self.noise.control_frame(now)?;
            return Ok(Opened::Nothing);
        }
        let length = match (&outcome, memory.head.framing()) {
            (Ok(Ok(())), BodyFraming::Length(length)) => Some(length),
            _ => None,
        };
        let refusal = match outcome {
            _ if self.streams.open() >= to_usize(self.limits.streams) => Err(ErrorCode::RefusedStream),
            Ok(_) if ends && length.is_some_and(|length| length > 0) => Err(ErrorCode::Protocol),
            outcome => outcome,
        };
        match refusal {
            Err(code) => {
                self.noise.reset(now)?;
                frame::write_reset(&mut self.output, stream, code);
                self.abandon(stream);
                Ok(Opened::Nothing)
            }
            Ok(refusal) => {
                let place = self.streams.add(stream, self.begin_stream(length, ends));
                self.noise.forgive();
                Ok(Opened::Request { place, refusal: refusal.err(), ends })
            }
        }
    }

    pub(super) fn open_trailers(
        &mut self,
        number: u32,
        block: &[u8],
        ends: bool,
        now: u64,
    ) -> Result<Opened, SessionFault> {
        let outcome = match self.reader.trailers(block) {
            Err(BlockFault::Malformed) => Err(ErrorCode::Protocol),
            Err(fault) => return Err(fatal(fault)),
            Ok(()) => Ok(()),
        };
        let Some((place, stream)) = self.streams.find(number) else {
            // A number that was passed over or used before (RFC 9113 section 5.1.1).
            let is_late = self.abandoned.contains(&number) || number > self.last_served;
            if !is_late {
                return Err(ErrorCode::Protocol.into());
            }
            self.noise.control_frame(now)?;
            return Ok(Opened::Nothing);
        };
        let code = match outcome {
            _ if stream.is_heard => ErrorCode::StreamClosed,
            Err(code) => code,
            Ok(()) if !ends || stream.missing.is_some_and(|missing| missing > 0) => ErrorCode::Protocol,
            Ok(()) => {
                stream.is_heard = true;
                self.noise.forgive();
                return Ok(Opened::Trailers { place });
            }
        };
        self.fail_stream(number, code, now)?;
        Ok(Opened::Gone { place })
    }

    /// A stream of which the head has come.
    fn begin_stream(&self, missing: Option<u64>, is_heard: bool) -> Stream {
        let window = self.limits.stream_window;
        Stream {
            send_window: self.first_send_window,
            receiving: Receiving::new(window, window),
            missing,
            is_heard,
            turn: self.turn,
            ..Stream::default()
        }
    }
}

/// What is wrong with a block that ends the connection.
fn fatal(fault: BlockFault) -> SessionFault {
    match fault {
        BlockFault::TooLarge => {
            SessionFault { code: ErrorCode::EnhanceYourCalm, limit: Some("h2HeaderListBytes") }
        }
        BlockFault::Compression | BlockFault::Malformed => ErrorCode::Compression.into(),
    }
}

/// CONTINUATION frames of one block (hardening section 5).
const CONTINUATIONS_MAX: u32 = 8;
