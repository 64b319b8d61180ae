//! How much noise a client may make: requests that it gives up at once, and frames that carry no request
//! (hardening.md section 5).

use postern_model::Limits;
use postern_protocol::http2_frames::{FrameMeaning, FrameScanner, enhance_your_calm};

use crate::SECOND_NANOSECONDS;

/// The frames of one connection, counted in both directions.
#[derive(Debug)]
pub(super) struct Noise {
    incoming: FrameScanner,
    outgoing: FrameScanner,
    resets: Window,
    resets_max: u64,
    control_frames: Window,
    control_frames_max: u64,
    last_stream: u32,
}

/// What was counted since a window of time began.
#[derive(Debug, Default)]
struct Window {
    began: u64,
    count: u64,
}

impl Noise {
    /// Nothing was heard yet.
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            incoming: FrameScanner::new(true),
            outgoing: FrameScanner::new(false),
            resets: Window::default(),
            resets_max: limits.h2_resets_per_second,
            control_frames: Window::default(),
            control_frames_max: limits.h2_control_frames,
            last_stream: 0,
        }
    }

    /// Hears what the client sends. Says which limit it exceeds, if it does.
    pub(super) fn hear(&mut self, bytes: &[u8], now: u64) -> Option<&'static str> {
        let Self { incoming, resets, control_frames, last_stream, .. } = self;
        incoming.scan(bytes, |frame| match frame.meaning {
            FrameMeaning::Begins => {
                *last_stream = frame.stream;
                control_frames.forgive();
            }
            FrameMeaning::CarriesOn => control_frames.forgive(),
            FrameMeaning::Resets => resets.count(now, SECOND_NANOSECONDS),
            FrameMeaning::Nothing => control_frames.count(now, 10 * SECOND_NANOSECONDS),
        });
        match () {
            () if self.resets.count > self.resets_max => Some("h2ResetsPerSecond"),
            () if self.control_frames.count > self.control_frames_max => Some("h2ControlFrames"),
            () => None,
        }
    }

    /// Notes what is sent to the client. What carries an answer on may be answered by windows that open.
    pub(super) fn say(&mut self, bytes: &[u8]) {
        let Self { outgoing, control_frames, .. } = self;
        outgoing.scan(bytes, |frame| {
            if matches!(frame.meaning, FrameMeaning::Begins | FrameMeaning::CarriesOn) {
                control_frames.forgive();
            }
        });
    }

    /// What the client is told in the end; nothing in the middle of a frame.
    pub(super) fn farewell(&self) -> Option<[u8; 17]> {
        self.outgoing.is_between_frames().then(|| enhance_your_calm(self.last_stream))
    }
}

impl Window {
    /// Counts one, in a window of so many nanoseconds.
    fn count(&mut self, now: u64, length: u64) {
        if now.saturating_sub(self.began) >= length {
            (self.began, self.count) = (now, 0);
        }
        self.count += 1;
    }

    /// A frame of a request has its share of others: a window that opens for the stream, and one for the
    /// connection.
    fn forgive(&mut self) {
        self.count = self.count.saturating_sub(2);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frames(kind: u8, length: u8, count: usize) -> Vec<u8> {
        let frame = [&[0, 0, length, kind, 0, 0, 0, 0, 1][..], &vec![0; length.into()]].concat();
        frame.repeat(count)
    }

    fn heard() -> Noise {
        let mut limits = Limits::default();
        limits.set("h2ResetsPerSecond", 3).unwrap();
        limits.set("h2ControlFrames", 10).unwrap();
        let mut noise = Noise::new(&limits);
        assert_eq!(noise.hear(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 0), None);
        noise
    }

    #[test]
    fn resets_are_counted_for_a_second() {
        let mut noise = heard();
        assert_eq!(noise.hear(&frames(3, 4, 3), 0), None);
        assert_eq!(noise.hear(&frames(3, 4, 3), SECOND_NANOSECONDS), None);
        assert_eq!(noise.hear(&frames(3, 4, 1), SECOND_NANOSECONDS + 1), Some("h2ResetsPerSecond"));
    }

    #[test]
    fn frames_without_a_request_are_counted_for_ten_seconds() {
        for (kind, length) in [(4, 0), (6, 8), (2, 5), (8, 4), (0, 0), (0x20, 1)] {
            let mut noise = heard();
            assert_eq!(noise.hear(&frames(kind, length, 10), 0), None, "{kind}");
            assert_eq!(noise.hear(&frames(kind, length, 1), 9 * SECOND_NANOSECONDS), Some("h2ControlFrames"));
            assert_eq!(heard().hear(&frames(kind, length, 10), 10 * SECOND_NANOSECONDS), None);
        }
    }

    #[test]
    fn what_carries_a_request_or_an_answer_pays_for_two_others() {
        let mut noise = heard();
        for _ in 0..100 {
            assert_eq!(noise.hear(&frames(0, 5, 1), 0), None);
            assert_eq!(noise.hear(&frames(8, 4, 2), 0), None);
            noise.say(&frames(0, 5, 1));
            assert_eq!(noise.hear(&frames(8, 4, 2), 0), None);
        }
    }

    #[test]
    fn nobody_is_interrupted_in_the_middle_of_a_frame() {
        let mut noise = heard();
        assert!(noise.farewell().is_some());
        noise.say(&frames(0, 5, 1)[..7]);
        assert!(noise.farewell().is_none());
    }
}
