//! One connection: frames in and out, the states of its streams, and how much either side may send.

mod answering;
mod blocks;
mod hearing;

use std::collections::VecDeque;

use self::{answering::LENGTH_NAME, blocks::Continued, hearing::LEAVING_PING};
use super::encode::Encoder;
use super::frame::{self, setting};
use super::noise::Noise;
use super::request::BlockReader;
use super::streams::{Receiving, Stream, Streams};
use super::words::{Block, Heard, Opened, Place, SessionFault, SessionLimits};
use super::{ErrorCode, HeadMemory};
use crate::http1;

/// One connection, as the server sees it.
#[derive(Debug)]
pub struct Session {
    limits: SessionLimits,
    stage: Stage,
    reader: BlockReader,
    encoder: Encoder,
    /// The last `content-length: N`.
    length_line: Vec<u8>,
    noise: Noise,
    output: Vec<u8>,
    /// Bytes of the output that were sent.
    sent: usize,
    streams: Streams,
    last_stream: u32,
    /// The last stream that is served although the connection is left.
    last_served: u32,
    /// Streams that were given up while the client was still sending.
    abandoned: VecDeque<u32>,
    continued: Option<Continued>,
    /// What the client may send.
    receiving: Receiving,
    /// What the client takes of all bodies.
    send_window: i64,
    /// What it takes of one at first.
    first_send_window: i64,
    /// Who waits for room, in order.
    blocked: VecDeque<Place>,
    may_unblock: bool,
    /// Grows with each look at what has come.
    turn: u64,
}

/// How far a connection has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// The client's preface has not come.
    Preface,
    /// The client's settings have not come.
    Settings,
    Serving,
    /// The client was asked to open no more streams, and to answer.
    Leaving,
    /// No more streams are served.
    Last,
}

impl Session {
    /// A connection of which nothing was heard. Its settings lie in the output.
    #[must_use]
    pub fn new(limits: &SessionLimits) -> Self {
        let mut output = Vec::new();
        frame::write_settings(
            &mut output,
            &[
                (setting::MAX_CONCURRENT_STREAMS, limits.streams),
                (setting::INITIAL_WINDOW_SIZE, limits.stream_window),
                (setting::MAX_FRAME_SIZE, limits.frame_bytes),
                (setting::MAX_HEADER_LIST_SIZE, limits.header_list_bytes),
            ],
        );
        let opened = limits.connection_window.saturating_sub(frame::FIRST_WINDOW);
        if opened > 0 {
            frame::write_window_update(&mut output, 0, opened);
        }
        let window = limits.connection_window.max(frame::FIRST_WINDOW);
        Self {
            limits: *limits,
            stage: Stage::Preface,
            reader: BlockReader::new(to_usize(limits.header_list_bytes)),
            encoder: Encoder::new(),
            length_line: [LENGTH_NAME, b": "].concat(),
            noise: Noise::new(limits.noise),
            output,
            sent: 0,
            streams: Streams::default(),
            last_stream: 0,
            last_served: frame::STREAM_BITS,
            abandoned: VecDeque::new(),
            continued: None,
            receiving: Receiving::new(window, window),
            send_window: i64::from(frame::FIRST_WINDOW),
            first_send_window: i64::from(frame::FIRST_WINDOW),
            blocked: VecDeque::new(),
            may_unblock: false,
            turn: 0,
        }
    }

    /// How many streams are open.
    #[must_use]
    pub const fn open_streams(&self) -> usize {
        self.streams.open()
    }

    /// Whether a header block may have begun that is not whole, or the client has yet to say what every
    /// connection begins with. `rest` is what [`Session::hear`] left of its input.
    #[must_use]
    pub fn has_begun_block(&self, rest: &[u8]) -> bool {
        let has_begun_frame = match rest.get(3) {
            Some(kind) => *kind == frame::HEADERS,
            None => !rest.is_empty(),
        };
        has_begun_frame || self.continued.is_some() || matches!(self.stage, Stage::Preface | Stage::Settings)
    }

    /// Hears what comes next, and moves `input` behind it.
    ///
    /// # Errors
    ///
    /// When the connection is over.
    pub fn hear<'bytes>(
        &mut self,
        input: &mut &'bytes [u8],
        now: u64,
    ) -> Result<Heard<'bytes>, SessionFault> {
        let heard = self.hear_frames(input, now);
        self.with_farewell(heard)
    }

    /// Opens a header block: the head of a request is put into `memory`.
    ///
    /// # Errors
    ///
    /// When the connection is over.
    pub fn open(
        &mut self,
        block: &Block<'_>,
        limits: &http1::Limits,
        memory: &mut HeadMemory,
        now: u64,
    ) -> Result<Opened, SessionFault> {
        let opened = self.open_block(block, limits, memory, now);
        self.with_farewell(opened)
    }

    fn with_farewell<T>(&mut self, outcome: Result<T, SessionFault>) -> Result<T, SessionFault> {
        if let Err(fault) = &outcome {
            self.end(fault.code);
        }
        outcome
    }

    /// Tells the client that the connection is over.
    pub fn end(&mut self, code: ErrorCode) {
        frame::write_goaway(&mut self.output, self.last_stream, code);
    }

    /// Asks the client to open no more streams. Those that it opens before it knows are served.
    pub fn leave(&mut self) {
        if !matches!(self.stage, Stage::Leaving | Stage::Last) {
            self.stage = Stage::Leaving;
            frame::write_goaway(&mut self.output, frame::STREAM_BITS, ErrorCode::No);
            frame::write(&mut self.output, frame::PING, 0, 0, LEAVING_PING);
        }
    }

    /// Serves no more streams than came, where the client was asked to open none and has answered or had its
    /// time for it (RFC 9113 section 6.8).
    pub fn leave_now(&mut self) {
        if self.stage == Stage::Leaving {
            self.stage = Stage::Last;
            self.last_served = self.last_stream;
            frame::write_goaway(&mut self.output, self.last_stream, ErrorCode::No);
        }
    }

    /// Whether the connection was left and nothing is open any more.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.stage == Stage::Last && self.streams.open() == 0
    }

    /// All that came has been looked at.
    pub const fn end_turn(&mut self) {
        self.turn = self.turn.saturating_add(1);
        self.noise.all_is_seen();
    }

    /// Makes room for as many bytes of a body as were taken.
    pub fn release(&mut self, place: Place, bytes: usize) {
        let Some(stream) = self.streams.get_mut(place) else { return };
        let bytes = to_u64(bytes).min(stream.held);
        if bytes == 0 {
            return;
        }
        stream.held = stream.held.saturating_sub(bytes);
        if !stream.is_heard
            && let Some(opened) = stream.receiving.take(bytes)
            && let Some(number) = self.streams.number(place)
        {
            frame::write_window_update(&mut self.output, number, opened);
        }
        if let Some(opened) = self.receiving.take(bytes) {
            frame::write_window_update(&mut self.output, 0, opened);
        }
    }

    fn take_from_connection(&mut self, bytes: usize) {
        if let Some(opened) = self.receiving.take(to_u64(bytes)) {
            frame::write_window_update(&mut self.output, 0, opened);
        }
    }

    fn remove(&mut self, place: Place) {
        let Some(stream) = self.streams.remove(place) else { return };
        if stream.is_blocked {
            self.blocked.retain(|blocked| *blocked != place);
        }
        self.take_from_connection(usize::try_from(stream.held).unwrap_or(usize::MAX));
        self.give_back_output();
    }

    /// Resets a stream for what the client did.
    fn fail_stream<'bytes>(
        &mut self,
        number: u32,
        code: ErrorCode,
        now: u64,
    ) -> Result<Option<Heard<'bytes>>, SessionFault> {
        self.noise.reset(now)?;
        frame::write_reset(&mut self.output, number, code);
        self.abandon(number);
        let Some((place, _)) = self.streams.find(number) else { return Ok(None) };
        self.remove(place);
        Ok(Some(Heard::Gone { place }))
    }

    fn abandon(&mut self, number: u32) {
        if self.abandoned.len() >= ABANDONED_MAX {
            self.abandoned.pop_front();
        }
        self.abandoned.push_back(number);
    }

    const fn is_idle(&self, stream: u32) -> bool {
        stream > self.last_stream || stream == 0 || stream & 1 == 0
    }
}

#[expect(clippy::as_conversions, reason = "widening: there are no targets of 16 bits")]
const fn to_usize(number: u32) -> usize {
    number as usize
}

#[expect(clippy::as_conversions, reason = "widening: there are no targets of 128 bits")]
const fn to_u64(number: usize) -> u64 {
    number as u64
}

/// Streams that were given up and are remembered, so that what is still on its way is no fault.
const ABANDONED_MAX: usize = 128;
