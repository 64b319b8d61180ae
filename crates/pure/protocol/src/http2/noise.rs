//! How much noise a client may make: requests that it gives up at once, and frames that carry no request
//! (hardening section 5).

use super::{ErrorCode, SessionFault};

/// How much of it.
#[derive(Clone, Copy, Debug)]
pub struct NoiseLimits {
    /// `h2ResetsPerSecond`: resets of a client, and resets that it provokes, in one second.
    pub resets_per_second: u64,
    /// `h2ResetsPending`: requests that are given up before the gateway comes to them, at a time.
    pub resets_pending: u64,
    /// `h2ControlFrames`: frames in ten seconds that carry no request.
    pub control_frames: u64,
}

/// What was counted of it.
#[derive(Debug)]
pub(super) struct Noise {
    limits: NoiseLimits,
    resets: Window,
    resets_pending: u64,
    control_frames: Window,
}

/// What was counted since a window of time began.
#[derive(Debug, Default)]
struct Window {
    began: u64,
    count: u64,
}

impl Noise {
    pub(super) fn new(limits: NoiseLimits) -> Self {
        Self { limits, resets: Window::default(), resets_pending: 0, control_frames: Window::default() }
    }

    /// A stream was reset, by the client or because of what it sent.
    pub(super) fn reset(&mut self, now: u64) -> Result<(), SessionFault> {
        self.resets.count(now, SECOND_NANOSECONDS);
        check(self.resets.count, self.limits.resets_per_second, "h2ResetsPerSecond")
    }

    /// A request was given up before anybody came to it.
    pub(super) fn reset_unseen(&mut self) -> Result<(), SessionFault> {
        self.resets_pending = self.resets_pending.saturating_add(1);
        check(self.resets_pending, self.limits.resets_pending, "h2ResetsPending")
    }

    /// All requests that came have been looked at.
    pub(super) const fn all_is_seen(&mut self) {
        self.resets_pending = 0;
    }

    /// A frame came that carries no request.
    pub(super) fn control_frame(&mut self, now: u64) -> Result<(), SessionFault> {
        self.control_frames.count(now, SECOND_NANOSECONDS.saturating_mul(10));
        check(self.control_frames.count, self.limits.control_frames, "h2ControlFrames")
    }

    /// A frame of a request or an answer has its share of others: a window that opens for the stream, and one
    /// for the connection.
    pub(super) const fn forgive(&mut self) {
        self.control_frames.count = self.control_frames.count.saturating_sub(2);
    }
}

const fn check(count: u64, max: u64, limit: &'static str) -> Result<(), SessionFault> {
    if count <= max {
        return Ok(());
    }
    Err(SessionFault { code: ErrorCode::EnhanceYourCalm, limit: Some(limit) })
}

impl Window {
    /// Counts one, in a window of so many nanoseconds.
    const fn count(&mut self, now: u64, length: u64) {
        if now.saturating_sub(self.began) >= length {
            (self.began, self.count) = (now, 0);
        }
        self.count = self.count.saturating_add(1);
    }
}

const SECOND_NANOSECONDS: u64 = 1_000_000_000;
