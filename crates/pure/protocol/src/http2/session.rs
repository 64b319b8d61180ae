//! One connection: frames in and out, the states of its streams, and how much either side may send.

use std::{borrow::Cow, collections::VecDeque};

use super::encode::Encoder;
use super::frame::{self, FrameHead, setting};
use super::noise::Noise;
use super::request::{BlockFault, BlockReader, FAR};
use super::words::{AnswerHead, Block, Heard, Opened, Place, SessionFault, SessionLimits};
use super::{ErrorCode, HeadMemory};
use crate::http1::{self, BodyFraming, push_number};

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
    /// The stream at each place; 0 where there is none.
    numbers: Vec<u32>,
    streams: Vec<Stream>,
    free: Vec<Place>,
    open: usize,
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

/// A header block that is not whole.
#[derive(Debug)]
struct Continued {
    stream: u32,
    ends: bool,
    bytes: Vec<u8>,
    frames: u32,
}

/// One stream.
#[derive(Debug, Default)]
struct Stream {
    send_window: i64,
    receiving: Receiving,
    /// Bytes of the body that nobody has taken.
    held: u64,
    /// What must still come, where the length is known.
    missing: Option<u64>,
    /// The client has said all.
    is_heard: bool,
    /// The answer is all said.
    is_said: bool,
    is_blocked: bool,
    /// The turn that it began in.
    turn: u64,
}

/// A window of the client.
#[derive(Clone, Copy, Debug, Default)]
struct Receiving {
    /// What it may send.
    window: i64,
    /// What was taken and not announced yet.
    taken: u32,
    /// Half of what it may send at most.
    step: u32,
}

impl Receiving {
    fn new(window: u32, size: u32) -> Self {
        Self { window: i64::from(window), taken: 0, step: size >> 1 }
    }

    fn receive(&mut self, bytes: usize) -> Result<(), ErrorCode> {
        self.window = self.window.saturating_sub(i64::try_from(bytes).unwrap_or(i64::MAX));
        if self.window < 0 { Err(ErrorCode::FlowControl) } else { Ok(()) }
    }

    /// Takes bytes; says by how much the window is opened, once that is worth a frame.
    fn take(&mut self, bytes: u64) -> Option<u32> {
        self.taken = self.taken.saturating_add(u32::try_from(bytes).unwrap_or(u32::MAX));
        if self.taken == 0 || self.taken < self.step {
            return None;
        }
        self.window = self.window.saturating_add(i64::from(self.taken));
        Some(std::mem::take(&mut self.taken))
    }
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
            numbers: Vec::new(),
            streams: Vec::new(),
            free: Vec::new(),
            open: 0,
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
        self.open
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

    fn hear_frames<'bytes>(
        &mut self,
        input: &mut &'bytes [u8],
        now: u64,
    ) -> Result<Heard<'bytes>, SessionFault> {
        if self.stage == Stage::Preface {
            let Some((preface, rest)) = input.split_at_checked(frame::PREFACE.len()) else {
                let is_start = frame::PREFACE.starts_with(input);
                return if is_start { Ok(Heard::Nothing) } else { Err(ErrorCode::Protocol.into()) };
            };
            if preface != frame::PREFACE {
                return Err(ErrorCode::Protocol.into());
            }
            *input = rest;
            self.stage = Stage::Settings;
        }
        while let Some((head, rest)) = FrameHead::read(input) {
            if head.length > to_usize(self.limits.frame_bytes) {
                return Err(ErrorCode::FrameSize.into());
            }
            let Some((payload, rest)) = rest.split_at_checked(head.length) else { break };
            *input = rest;
            if let Some(heard) = self.hear_frame(head, payload, now)? {
                return Ok(heard);
            }
        }
        Ok(Heard::Nothing)
    }

    fn hear_frame<'bytes>(
        &mut self,
        head: FrameHead,
        payload: &'bytes [u8],
        now: u64,
    ) -> Result<Option<Heard<'bytes>>, SessionFault> {
        let is_awaited = match (&self.continued, self.stage) {
            (Some(continued), _) => head.kind == frame::CONTINUATION && head.stream == continued.stream,
            (None, Stage::Settings) => head.kind == frame::SETTINGS,
            (None, _) => true,
        };
        if !is_awaited {
            return Err(ErrorCode::Protocol.into());
        }
        match head.kind {
            // What they are is known once their stream is.
            frame::HEADERS | frame::CONTINUATION | frame::DATA => {}
            frame::RST_STREAM => self.noise.reset(now)?,
            _ => self.noise.control_frame(now)?,
        }
        match head.kind {
            frame::DATA => return self.hear_data(head, payload, now),
            frame::HEADERS => return self.hear_headers(head, payload),
            frame::CONTINUATION => return self.hear_continuation(head, payload),
            frame::RST_STREAM => return self.hear_reset(head),
            frame::WINDOW_UPDATE => return self.hear_window_update(head, payload, now),
            frame::SETTINGS => self.hear_settings(head, payload)?,
            frame::PING => self.hear_ping(head, payload)?,
            frame::PRIORITY if head.stream == 0 => return Err(ErrorCode::Protocol.into()),
            // No stream that is idle is reset (RFC 9113 section 6.4).
            frame::PRIORITY if head.length != 5 && self.is_idle(head.stream) => {
                return Err(ErrorCode::FrameSize.into());
            }
            frame::PRIORITY if head.length != 5 => {
                return self.fail_stream(head.stream, ErrorCode::FrameSize, now);
            }
            frame::GOAWAY if head.stream != 0 => return Err(ErrorCode::Protocol.into()),
            frame::PUSH_PROMISE => return Err(ErrorCode::Protocol.into()),
            // Priorities and the client's leave change nothing here; other kinds are for others.
            _ => {}
        }
        Ok(None)
    }

    fn hear_data<'bytes>(
        &mut self,
        head: FrameHead,
        payload: &'bytes [u8],
        now: u64,
    ) -> Result<Option<Heard<'bytes>>, SessionFault> {
        if head.stream == 0 || self.is_idle(head.stream) {
            return Err(ErrorCode::Protocol.into());
        }
        self.receiving.receive(head.length)?;
        let bytes = frame::without_padding(head, payload)?;
        let Some((place, stream)) = self.find(head.stream) else {
            self.take_from_connection(head.length);
            return self.hear_late(head.stream, now);
        };
        if stream.is_heard {
            self.take_from_connection(head.length);
            return self.fail_stream(head.stream, ErrorCode::StreamClosed, now);
        }
        if let Err(code) = stream.receiving.receive(head.length) {
            self.take_from_connection(head.length);
            return self.fail_stream(head.stream, code, now);
        }
        let length = to_u64(bytes.len());
        let ends = head.has(frame::END_STREAM);
        let missing = stream.missing.map(|missing| missing.checked_sub(length));
        // What differs from its announced length is no request (RFC 9113 section 8.1.1).
        if missing == Some(None) || (ends && missing.flatten().is_some_and(|missing| missing > 0)) {
            self.take_from_connection(head.length);
            return self.fail_stream(head.stream, ErrorCode::Protocol, now);
        }
        stream.missing = missing.flatten();
        stream.is_heard = ends;
        stream.held = stream.held.saturating_add(to_u64(head.length));
        if bytes.is_empty() && !ends {
            self.noise.control_frame(now)?;
        } else {
            self.noise.forgive();
        }
        // Nobody takes padding.
        self.release(place, head.length.saturating_sub(bytes.len()));
        Ok(Some(Heard::Body { place, bytes, ends }))
    }

    /// Something for a stream that is over. One that was given up may not know it yet.
    fn hear_late<'bytes>(&mut self, stream: u32, now: u64) -> Result<Option<Heard<'bytes>>, SessionFault> {
        if self.abandoned.contains(&stream) || stream > self.last_served {
            self.noise.control_frame(now)?;
            return Ok(None);
        }
        self.fail_stream(stream, ErrorCode::StreamClosed, now)
    }

    fn hear_headers<'bytes>(
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

    fn hear_continuation<'bytes>(
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

    fn open_block(
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
            _ if self.open >= to_usize(self.limits.streams) => Err(ErrorCode::RefusedStream),
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
                let place = self.add(stream, length, ends);
                self.noise.forgive();
                Ok(Opened::Request { place, refusal: refusal.err(), ends })
            }
        }
    }

    fn open_trailers(
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
        let Some((place, stream)) = self.find(number) else {
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

    fn hear_reset<'bytes>(&mut self, head: FrameHead) -> Result<Option<Heard<'bytes>>, SessionFault> {
        if head.length != 4 {
            return Err(ErrorCode::FrameSize.into());
        }
        if self.is_idle(head.stream) {
            return Err(ErrorCode::Protocol.into());
        }
        let turn = self.turn;
        let Some((place, stream)) = self.find(head.stream) else { return Ok(None) };
        if stream.turn == turn {
            self.noise.reset_unseen()?;
        }
        self.remove(place);
        Ok(Some(Heard::Gone { place }))
    }

    fn hear_window_update<'bytes>(
        &mut self,
        head: FrameHead,
        payload: &[u8],
        now: u64,
    ) -> Result<Option<Heard<'bytes>>, SessionFault> {
        let bytes = <[u8; 4]>::try_from(payload).map_err(|_| ErrorCode::FrameSize)?;
        let opened = i64::from(u32::from_be_bytes(bytes) & frame::STREAM_BITS);
        self.may_unblock = true;
        if head.stream == 0 {
            self.send_window = self.send_window.saturating_add(opened);
            return match () {
                () if opened == 0 => Err(ErrorCode::Protocol.into()),
                () if self.send_window > frame::WINDOW_MAX => Err(ErrorCode::FlowControl.into()),
                () => Ok(None),
            };
        }
        if self.is_idle(head.stream) {
            return Err(ErrorCode::Protocol.into());
        }
        let Some((_, stream)) = self.find(head.stream) else { return Ok(None) };
        stream.send_window = stream.send_window.saturating_add(opened);
        let code = match () {
            () if opened == 0 => ErrorCode::Protocol,
            () if stream.send_window > frame::WINDOW_MAX => ErrorCode::FlowControl,
            () => return Ok(None),
        };
        self.fail_stream(head.stream, code, now)
    }

    fn hear_settings(&mut self, head: FrameHead, payload: &[u8]) -> Result<(), SessionFault> {
        if head.stream != 0 {
            return Err(ErrorCode::Protocol.into());
        }
        if head.has(frame::ACK) {
            return if head.length == 0 { Ok(()) } else { Err(ErrorCode::FrameSize.into()) };
        }
        let (settings, []) = payload.as_chunks::<6>() else { return Err(ErrorCode::FrameSize.into()) };
        let before = self.first_send_window;
        for [a, b, c, d, e, f] in settings {
            self.set(u16::from_be_bytes([*a, *b]), u32::from_be_bytes([*c, *d, *e, *f]))?;
        }
        self.resize_windows(self.first_send_window.saturating_sub(before))?;
        if self.stage == Stage::Settings {
            self.stage = Stage::Serving;
        }
        frame::write(&mut self.output, frame::SETTINGS, frame::ACK, 0, &[]);
        Ok(())
    }

    fn set(&mut self, number: u16, value: u32) -> Result<(), ErrorCode> {
        match number {
            setting::HEADER_TABLE_SIZE => self.encoder.limit_table(to_usize(value)),
            setting::ENABLE_PUSH if value > 1 => return Err(ErrorCode::Protocol),
            setting::INITIAL_WINDOW_SIZE if i64::from(value) > frame::WINDOW_MAX => {
                return Err(ErrorCode::FlowControl);
            }
            setting::INITIAL_WINDOW_SIZE => self.first_send_window = i64::from(value),
            setting::MAX_FRAME_SIZE if !(1 << 14..1 << 24).contains(&value) => {
                return Err(ErrorCode::Protocol);
            }
            // No stream is pushed; frames are never larger than everybody takes; lists are what they are.
            _ => {}
        }
        Ok(())
    }

    /// Windows of streams change with what they are at first (RFC 9113 section 6.9.2).
    fn resize_windows(&mut self, difference: i64) -> Result<(), ErrorCode> {
        if difference == 0 {
            return Ok(());
        }
        self.may_unblock = true;
        let streams = self.streams.iter_mut().zip(&self.numbers);
        for (stream, _) in streams.filter(|(_, number)| **number != 0) {
            stream.send_window = stream.send_window.saturating_add(difference);
            if stream.send_window > frame::WINDOW_MAX {
                return Err(ErrorCode::FlowControl);
            }
        }
        Ok(())
    }

    fn hear_ping(&mut self, head: FrameHead, payload: &[u8]) -> Result<(), SessionFault> {
        match () {
            () if head.stream != 0 => Err(ErrorCode::Protocol.into()),
            () if head.length != LEAVING_PING.len() => Err(ErrorCode::FrameSize.into()),
            () if !head.has(frame::ACK) => {
                frame::write(&mut self.output, frame::PING, frame::ACK, 0, payload);
                Ok(())
            }
            () => {
                // It has seen that the connection is left, so nothing is on its way any more.
                if payload == LEAVING_PING {
                    self.leave_now();
                }
                Ok(())
            }
        }
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
        self.stage == Stage::Last && self.open == 0
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
        let number = self.numbers.get(place).copied().unwrap_or(0);
        if !stream.is_heard
            && let Some(opened) = stream.receiving.take(bytes)
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

    /// Writes the head of an answer.
    pub fn answer(&mut self, place: Place, answer: &AnswerHead<'_>) {
        let Some(number) = self.number(place) else { return };
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

    /// Writes as much of a body as the windows and the output let it, and says how much that was. Where that is
    /// not all, [`Session::next_unblocked`] tells when to go on. `ends` is said with the last byte.
    pub fn body(&mut self, place: Place, bytes: &[u8], ends: bool) -> usize {
        let Some(number) = self.number(place) else { return bytes.len() };
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
        let Some(number) = self.number(place) else { return };
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
    fn give_back_output(&mut self) {
        if self.open == 0 && self.output.is_empty() && self.output.capacity() > OUTPUT_BYTES_KEPT {
            self.output = Vec::new();
        }
    }

    fn add(&mut self, number: u32, missing: Option<u64>, is_heard: bool) -> Place {
        let window = self.limits.stream_window;
        let stream = Stream {
            send_window: self.first_send_window,
            receiving: Receiving::new(window, window),
            missing,
            is_heard,
            turn: self.turn,
            ..Stream::default()
        };
        self.open = self.open.saturating_add(1);
        let place = self.free.pop().unwrap_or(self.streams.len());
        match (self.streams.get_mut(place), self.numbers.get_mut(place)) {
            (Some(slot), Some(slot_number)) => (*slot, *slot_number) = (stream, number),
            _ => {
                self.streams.push(stream);
                self.numbers.push(number);
            }
        }
        place
    }

    fn find(&mut self, number: u32) -> Option<(Place, &mut Stream)> {
        let place = self.numbers.iter().position(|it| *it == number)?;
        Some((place, self.streams.get_mut(place)?))
    }

    fn number(&self, place: Place) -> Option<u32> {
        self.numbers.get(place).copied().filter(|number| *number != 0)
    }

    fn remove(&mut self, place: Place) {
        let held = self.streams.get_mut(place).map_or(0, |stream| std::mem::take(&mut stream.held));
        if let Some(number) = self.numbers.get_mut(place) {
            *number = 0;
            self.free.push(place);
            self.open = self.open.saturating_sub(1);
        }
        if self.streams.get(place).is_some_and(|stream| stream.is_blocked) {
            self.blocked.retain(|blocked| *blocked != place);
        }
        self.take_from_connection(usize::try_from(held).unwrap_or(usize::MAX));
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
        let Some((place, _)) = self.find(number) else { return Ok(None) };
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

/// What is wrong with a block that ends the connection.
fn fatal(fault: BlockFault) -> SessionFault {
    match fault {
        BlockFault::TooLarge => {
            SessionFault { code: ErrorCode::EnhanceYourCalm, limit: Some("h2HeaderListBytes") }
        }
        BlockFault::Compression | BlockFault::Malformed => ErrorCode::Compression.into(),
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

const LENGTH_NAME: &[u8] = b"content-length";
/// CONTINUATION frames of one block (hardening section 5).
const CONTINUATIONS_MAX: u32 = 8;
/// What is written ahead of what the client takes.
const OUTPUT_BYTES_MAX: usize = 64 << 10;
/// What a connection without streams keeps of its output's memory.
const OUTPUT_BYTES_KEPT: usize = 4 << 10;
/// Streams that were given up and are remembered, so that what is still on its way is no fault.
const ABANDONED_MAX: usize = 128;
/// The PING behind the first GOAWAY.
const LEAVING_PING: &[u8] = b"farewell";
