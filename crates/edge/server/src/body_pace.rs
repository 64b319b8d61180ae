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

    /// Until when the next byte must come, after so many bytes and so long a wait in all.
    pub(crate) fn deadline(&self, now: u64, received: u64, waited: u64) -> u64 {
        let idle = now.saturating_add(self.idle_nanoseconds);
        let paid_for = match self.bytes_per_second {
            0 => u64::MAX,
            rate => (received / rate).saturating_mul(SECOND_NANOSECONDS).max(GRACE_NANOSECONDS),
        };
        let too_slow = now.saturating_add(paid_for.saturating_sub(waited));
        idle.min(too_slow).min(self.request_deadline)
    }
}

/// The average is looked at after ten seconds only.
const GRACE_NANOSECONDS: u64 = 10 * SECOND_NANOSECONDS;
