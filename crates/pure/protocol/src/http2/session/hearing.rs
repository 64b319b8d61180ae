//! What a client says, frame by frame.

use super::super::frame::{self, FrameHead, setting};
use super::super::words::{Heard, SessionFault};
use super::{ErrorCode, Session, Stage, to_u64, to_usize};

impl Session {
    pub(super) fn hear_frames<'bytes>(
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
        let Some((place, stream)) = self.streams.find(head.stream) else {
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

    fn hear_reset<'bytes>(&mut self, head: FrameHead) -> Result<Option<Heard<'bytes>>, SessionFault> {
        if head.length != 4 {
            return Err(ErrorCode::FrameSize.into());
        }
        if self.is_idle(head.stream) {
            return Err(ErrorCode::Protocol.into());
        }
        let turn = self.turn;
        let Some((place, stream)) = self.streams.find(head.stream) else { return Ok(None) };
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
        let Some((_, stream)) = self.streams.find(head.stream) else { return Ok(None) };
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
        for stream in self.streams.iter_mut() {
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
}

/// The PING behind the first GOAWAY.
pub(super) const LEAVING_PING: &[u8] = b"farewell";
