//! Requests by day, as the service's usage call tells them.

use std::sync::atomic::{AtomicU64, Ordering};

/// Milliseconds of a day.
pub(super) const MILLISECONDS_OF_DAY: u64 = 86_400_000;
/// How many low bits of a counter hold the requests; the day stands above them.
const USED_BITS: u32 = 40;

/// The day of a moment (UTC), counted from 1970-01-01.
#[must_use]
pub fn day_of(epoch_milliseconds: u64) -> u32 {
    u32::try_from((epoch_milliseconds / MILLISECONDS_OF_DAY) & 0xff_ffff).unwrap_or_default()
}

/// What was counted on one day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DayUse {
    /// The day, counted from 1970-01-01; 0: none yet.
    pub day: u32,
    /// Requests that were counted on it.
    pub used: u64,
}

/// The requests of the last two days on which there were any: of even days and of odd ones, so that a
/// day's last requests stand until the day after the next one begins, and can be written out.
#[derive(Debug, Default)]
pub(crate) struct DayCounter([AtomicU64; 2]);

impl DayCounter {
    /// A counter that goes on from what was counted on a day.
    pub(crate) fn restored(last: DayUse) -> Self {
        let counter = Self::default();
        counter.of(last.day).store(pack(last), Ordering::Relaxed);
        counter
    }

    /// Counts so many requests.
    pub(crate) fn count(&self, day: u32, more: u64) {
        let counted = |level| {
            let last = unpack(level);
            // A clock that was set back counts on in the day that it was in.
            let used = if last.day < day { 0 } else { last.used };
            Some(pack(DayUse { day: last.day.max(day), used: used + more }))
        };
        // The closure always gives a value, so this cannot fail.
        let _ = self.of(day).fetch_update(Ordering::SeqCst, Ordering::Relaxed, counted);
    }

    /// The two days, the earlier one first.
    pub(crate) fn days(&self) -> [DayUse; 2] {
        let [even, odd] = &self.0;
        let mut days = [even, odd].map(|level| unpack(level.load(Ordering::SeqCst)));
        days.sort_unstable_by_key(|day| day.day);
        days
    }

    const fn of(&self, day: u32) -> &AtomicU64 {
        let [even, odd] = &self.0;
        if day.is_multiple_of(2) { even } else { odd }
    }
}

fn pack(DayUse { day, used }: DayUse) -> u64 {
    u64::from(day) << USED_BITS | used.min((1 << USED_BITS) - 1)
}

fn unpack(level: u64) -> DayUse {
    let day = u32::try_from(level >> USED_BITS).unwrap_or_default();
    DayUse { day, used: level & ((1 << USED_BITS) - 1) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_days_are_known_at_a_time() {
        let counter = DayCounter::default();
        let used = |day, used| DayUse { day, used };
        assert_eq!(counter.days(), [used(0, 0), used(0, 0)]);
        for day in [20_000, 20_000, 20_001, 20_000, 20_001, 20_001] {
            counter.count(day, 1);
        }
        assert_eq!(counter.days(), [used(20_000, 3), used(20_001, 3)]);
        counter.count(20_002, 1);
        assert_eq!(counter.days(), [used(20_001, 3), used(20_002, 1)]);
        counter.count(20_000, 1);
        assert_eq!(counter.days(), [used(20_001, 3), used(20_002, 2)], "a clock that was set back");
    }

    #[test]
    fn a_day_goes_on_after_it_was_read_back() {
        let counter = DayCounter::restored(DayUse { day: 20_001, used: 7 });
        counter.count(20_001, 1);
        assert_eq!(counter.days(), [DayUse::default(), DayUse { day: 20_001, used: 8 }]);
    }

    #[test]
    fn days_begin_at_midnight() {
        assert_eq!(day_of(20_454 * MILLISECONDS_OF_DAY - 1), 20_453);
        assert_eq!(day_of(20_454 * MILLISECONDS_OF_DAY), 20_454);
    }
}
