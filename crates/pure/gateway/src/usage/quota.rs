//! Quotas: so many requests in a day, week or month, UTC (throttling-and-usage-plans.md section 4).

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use postern_model::{Quota, QuotaPeriod};

use super::day_of;
use crate::calendar::Date;

/// How many low bits of a counter hold the requests; the period's number stands above them.
const USED_BITS: u32 = 40;
const USED_MAX: i64 = (1 << (USED_BITS - 1)) - 1;

/// The period that a moment lies in, by its first day, counted from 1970-01-01: so periods of every
/// kind can be compared, and a plan whose period changes goes on counting. Weeks start on Sunday
/// (TH-35).
///
/// ```
/// use postern_gateway::period_of;
/// use postern_model::QuotaPeriod;
///
/// let saturday = 1_795_305_600_000 - 86_400_000; // 2026-11-21
/// assert_eq!(period_of(QuotaPeriod::Week, saturday) + 7, period_of(QuotaPeriod::Week, saturday + 86_400_000));
/// ```
#[must_use]
pub fn period_of(period: QuotaPeriod, epoch_milliseconds: u64) -> u32 {
    first_day_of(period, day_of(epoch_milliseconds))
}

/// The first day of the period that a day lies in, both counted from 1970-01-01.
#[must_use]
pub fn first_day_of(period: QuotaPeriod, day: u32) -> u32 {
    match period {
        QuotaPeriod::Day => day,
        // 1970-01-01 was a Thursday, four days after a Sunday.
        QuotaPeriod::Week => day.saturating_sub((day + 4) % 7),
        QuotaPeriod::Month => {
            let day_of_month = u32::try_from(Date::of_days(day.into()).day).unwrap_or_default();
            day.saturating_sub(day_of_month.saturating_sub(1))
        }
    }
}

/// What a key has used of a quota: one atomic, so that all workers count together.
#[derive(Debug, Default)]
pub(crate) struct QuotaCounter {
    /// The period's first day above the requests counted in it.
    level: AtomicU64,
    /// The first period in which the key was seen, plus one; 0: not yet (TH-32).
    first_period: AtomicU32,
}

/// A counter as plain data: what is written out and read back (TH-37).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QuotaLevel {
    /// The first day of the period that was counted last, counted from 1970-01-01.
    pub period: u32,
    /// Requests counted in it; below zero where more was granted than the limit is (TH-36).
    pub used: i64,
    /// The first period in which the key was seen; absent: never.
    pub first_period: Option<u32>,
}

impl QuotaLevel {
    /// What is used of a quota in the period that a moment lies in, and what is left.
    #[must_use]
    pub fn used_and_left(&self, quota: Quota, epoch_milliseconds: u64) -> (u64, u64) {
        // A wall clock that was set back is still in the period that was counted last.
        let period = period_of(quota.period, epoch_milliseconds).max(self.period);
        let used = if self.period < period { 0 } else { self.used };
        let left = self.limit_in(quota, period).saturating_sub(used);
        (u64::try_from(used).unwrap_or_default(), u64::try_from(left).unwrap_or_default())
    }

    /// The allowance of a period, by its first day: the first one in which the key was seen has `offset`
    /// requests less (TH-31).
    #[must_use]
    pub fn limit_in(&self, quota: Quota, period: u32) -> i64 {
        limit_in(quota, self.first_period.is_none_or(|first| first == period))
    }
}

impl QuotaCounter {
    /// A counter that goes on from a level.
    pub(crate) fn restored(level: QuotaLevel) -> Self {
        Self {
            level: AtomicU64::new(pack(level.period, level.used)),
            first_period: AtomicU32::new(level.first_period.map_or(0, |period| period.saturating_add(1))),
        }
    }

    /// Counts one request, if the quota has one left.
    pub(crate) fn spend(&self, quota: Quota, epoch_milliseconds: u64) -> bool {
        let period = period_of(quota.period, epoch_milliseconds);
        let limit = limit_in(quota, self.see(period) == period);
        // SeqCst: see `Accounts`.
        self.level
            .fetch_update(Ordering::SeqCst, Ordering::Relaxed, |level| {
                let (counted, used) = unpack(level);
                // A wall clock that was set back does not open a new allowance.
                let used = if counted < period { 0 } else { used };
                (used < limit).then(|| pack(counted.max(period), used + 1))
            })
            .is_ok()
    }

    /// Leaves so many requests of the period that a moment lies in (TH-36).
    pub(crate) fn leave(&self, quota: Quota, epoch_milliseconds: u64, left: u64) {
        let period = period_of(quota.period, epoch_milliseconds);
        let limit = limit_in(quota, self.see(period) == period);
        let used = limit.saturating_sub(i64::try_from(left).unwrap_or(i64::MAX));
        let leave = |level| Some(pack(unpack(level).0.max(period), used));
        // The closure always gives a value, so this cannot fail.
        let _ = self.level.fetch_update(Ordering::SeqCst, Ordering::Relaxed, leave);
    }

    /// The first period in which the key was seen, which is this one if there was none before.
    fn see(&self, period: u32) -> u32 {
        let seen = period.saturating_add(1);
        match self.first_period.compare_exchange(0, seen, Ordering::Relaxed, Ordering::Relaxed) {
            Ok(_) => period,
            Err(first) => first - 1,
        }
    }

    pub(crate) fn level(&self) -> QuotaLevel {
        let (period, used) = unpack(self.level.load(Ordering::SeqCst));
        let first_period = self.first_period.load(Ordering::Relaxed).checked_sub(1);
        QuotaLevel { period, used, first_period }
    }
}

fn limit_in(quota: Quota, is_first: bool) -> i64 {
    let limit = if is_first { quota.limit.saturating_sub(quota.offset) } else { quota.limit };
    i64::try_from(limit).unwrap_or(i64::MAX)
}

fn pack(period: u32, used: i64) -> u64 {
    let used = used.clamp(-USED_MAX, USED_MAX).cast_unsigned();
    u64::from(period) << USED_BITS | used & ((1 << USED_BITS) - 1)
}

fn unpack(level: u64) -> (u32, i64) {
    // Shifted up and down again, so that the sign of the low bits spreads.
    let used = (level << (64 - USED_BITS)).cast_signed() >> (64 - USED_BITS);
    (u32::try_from(level >> USED_BITS).unwrap_or_default(), used)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: u64 = 86_400_000;
    /// 2026-01-01T00:00:00Z, a Thursday.
    const NEW_YEAR: u64 = 20_454 * DAY;

    fn quota(limit: u64, period: QuotaPeriod, offset: u64) -> Quota {
        Quota { limit, period, offset }
    }

    fn spent(counter: &QuotaCounter, quota: Quota, at: u64, tries: usize) -> usize {
        (0..tries).filter(|_| counter.spend(quota, at)).count()
    }

    #[test]
    fn th35_a_year_of_periods() {
        for (period, periods) in [(QuotaPeriod::Day, 365), (QuotaPeriod::Week, 53), (QuotaPeriod::Month, 12)]
        {
            let counter = QuotaCounter::default();
            let quota = quota(3, period, 0);
            let total: usize = (0..365).map(|day| spent(&counter, quota, NEW_YEAR + day * DAY + 5, 5)).sum();
            assert_eq!(total, 3 * periods, "{period}");
        }
    }

    #[test]
    fn th35_a_period_ends_at_midnight() {
        let counter = QuotaCounter::default();
        let quota = quota(1, QuotaPeriod::Day, 0);
        assert!(counter.spend(quota, NEW_YEAR));
        assert!(!counter.spend(quota, NEW_YEAR + DAY - 1));
        assert!(counter.spend(quota, NEW_YEAR + DAY));
    }

    #[test]
    fn th31_offset_is_a_number_of_requests_in_the_first_period() {
        let counter = QuotaCounter::default();
        let quota = quota(10, QuotaPeriod::Month, 4);
        assert_eq!(spent(&counter, quota, NEW_YEAR + 20 * DAY, 20), 6);
        assert_eq!(spent(&counter, quota, NEW_YEAR + 31 * DAY, 20), 10);
    }

    #[test]
    fn a_changed_period_goes_on_counting_and_ends_when_it_should() {
        let counter = QuotaCounter::default();
        let at = NEW_YEAR + 10 * DAY;
        assert_eq!(spent(&counter, quota(5, QuotaPeriod::Day, 0), at, 3), 3);
        let month = quota(5, QuotaPeriod::Month, 0);
        assert_eq!(spent(&counter, month, at, 9), 2);
        assert_eq!(spent(&counter, month, NEW_YEAR + 31 * DAY, 9), 5);
        let day = quota(5, QuotaPeriod::Day, 0);
        assert_eq!(spent(&counter, day, NEW_YEAR + 40 * DAY, 9), 5);
        assert_eq!(spent(&counter, day, NEW_YEAR + 41 * DAY, 9), 5);
    }

    #[test]
    fn a_clock_that_is_set_back_opens_nothing() {
        let counter = QuotaCounter::default();
        let quota = quota(2, QuotaPeriod::Day, 0);
        assert_eq!(spent(&counter, quota, NEW_YEAR + DAY, 5), 2);
        assert_eq!(spent(&counter, quota, NEW_YEAR, 5), 0);
    }

    #[test]
    fn a_level_tells_what_is_left() {
        let counter = QuotaCounter::default();
        let quota = quota(10, QuotaPeriod::Day, 4);
        assert_eq!(counter.level().used_and_left(quota, NEW_YEAR), (0, 6));
        spent(&counter, quota, NEW_YEAR, 5);
        assert_eq!(counter.level().used_and_left(quota, NEW_YEAR), (5, 1));
        assert_eq!(counter.level().used_and_left(quota, NEW_YEAR + DAY), (0, 10));
        assert_eq!(counter.level().used_and_left(quota, NEW_YEAR - DAY), (5, 1), "a clock that was set back");
    }

    #[test]
    fn th36_what_is_left_can_be_set_also_beyond_the_limit() {
        let counter = QuotaCounter::default();
        let quota = quota(10, QuotaPeriod::Month, 4);
        for left in [0, 3, 6, 25] {
            counter.leave(quota, NEW_YEAR, left);
            assert_eq!(counter.level().used_and_left(quota, NEW_YEAR), (6_u64.saturating_sub(left), left));
            assert_eq!(QuotaCounter::restored(counter.level()).level(), counter.level());
        }
        assert_eq!(spent(&counter, quota, NEW_YEAR, 40), 25);
        assert_eq!(spent(&counter, quota, NEW_YEAR + 31 * DAY, 40), 10, "for this period alone");
    }

    #[test]
    fn th37_a_level_goes_on_after_it_was_read_back() {
        let counter = QuotaCounter::default();
        let quota = quota(5, QuotaPeriod::Week, 1);
        assert_eq!(spent(&counter, quota, NEW_YEAR, 3), 3);
        let restored = QuotaCounter::restored(counter.level());
        assert_eq!(spent(&restored, quota, NEW_YEAR, 5), 1);
    }
}
