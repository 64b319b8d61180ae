//! How fast a client must send a body (hardening section 9).

use postern_model::Limits;

use crate::SECOND_NANOSECONDS;

/// Times and amounts that a body must keep.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BodyPace {
    idle_nanoseconds: u64,
    bytes_per_second: u64,
    /// When the whole request must be there, on the monotonic clock.
    request_deadline: u64,
}

impl BodyPace {
    /// The pace of a request that began at a moment.
    pub(crate) const fn new(limits: &Limits, began_nanoseconds: u64) -> Self {
        let whole = limits.request_seconds.saturating_mul(SECOND_NANOSECONDS);
        Self {
            idle_nanoseconds: limits.body_idle_seconds.saturating_mul(SECOND_NANOSECONDS),
            bytes_per_second: limits.body_bytes_per_second,
            request_deadline: began_nanoseconds.saturating_add(whole),
        }
    }

    /// Until when the next byte must come, after so many bytes and so long a wait in all, and the limit
    /// that is hit then.
    pub(crate) fn deadline(&self, now: u64, received: u64, waited: u64) -> (u64, &'static str) {
        let idle = now.saturating_add(self.idle_nanoseconds);
        let paid_for = match self.bytes_per_second {
            0 => u64::MAX,
            rate => (received / rate).saturating_mul(SECOND_NANOSECONDS).max(GRACE_NANOSECONDS),
        };
        let too_slow = now.saturating_add(paid_for.saturating_sub(waited));
        let mut nearest = (idle, "bodyIdleSeconds");
        for other in [(too_slow, "bodyBytesPerSecond"), (self.request_deadline, "requestSeconds")] {
            if other.0 < nearest.0 {
                nearest = other;
            }
        }
        nearest
    }
}

/// The average is looked at after ten seconds only.
const GRACE_NANOSECONDS: u64 = 10 * SECOND_NANOSECONDS;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slow_the_nearest_of_three_deadlines_counts() {
        let limits = Limits {
            body_idle_seconds: 10,
            body_bytes_per_second: 500,
            request_seconds: 60,
            ..Limits::default()
        };
        let pace = BodyPace::new(&limits, SECOND_NANOSECONDS);
        let second = SECOND_NANOSECONDS;
        for (now, received, waited, expected) in [
            // Between two pieces.
            (second, 0, 0, (11 * second, "bodyIdleSeconds")),
            // Ten seconds of waiting are free, whatever came.
            (5 * second, 100, 6 * second, (9 * second, "bodyBytesPerSecond")),
            // Then 500 bytes buy one more second each.
            (20 * second, 10_000, 19 * second, (21 * second, "bodyBytesPerSecond")),
            (20 * second, 100_000, 19 * second, (30 * second, "bodyIdleSeconds")),
            // The whole request.
            (55 * second, 1_000_000, 0, (61 * second, "requestSeconds")),
        ] {
            assert_eq!(pace.deadline(now, received, waited), expected, "{now} {received} {waited}");
        }
        let patient = BodyPace::new(&Limits { body_bytes_per_second: 0, ..limits }, 0);
        assert_eq!(patient.deadline(second, 0, 100 * second).0, 11 * second);
    }
}
