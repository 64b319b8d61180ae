//! A token bucket in one number, so that all workers share it by one atomic (TH-63).

use std::sync::atomic::{AtomicU64, Ordering};

use postern_model::ThrottleLimit;

/// A limit in the units of a bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// Nanoseconds in which one token is added, rounded up, so that a bucket never admits more than
    /// its rate.
    token_nanoseconds: u64,
    /// Nanoseconds in which an empty bucket fills.
    capacity_nanoseconds: u64,
}

impl Pace {
    /// A limit, made ready.
    #[must_use]
    pub fn of(limit: ThrottleLimit) -> Self {
        // Far above any uptime, far below overflow when two are added.
        const NEVER: u64 = 1 << 61;
        let burst = u64::from(limit.burst());
        let nanoseconds = 1e9 / limit.rate_per_second();
        let token_nanoseconds = if nanoseconds.is_finite() && nanoseconds < (NEVER / burst.max(1)) as f64 {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "checked: finite, positive, below 2^61"
            )]
            let whole = nanoseconds.ceil() as u64;
            whole.max(1)
        } else {
            NEVER / burst.max(1)
        };
        Self { token_nanoseconds, capacity_nanoseconds: burst.saturating_mul(token_nanoseconds).min(NEVER) }
    }
}

impl Pace {
    /// Tokens a second, to three digits.
    pub(crate) fn rate_per_second(self) -> f64 {
        (1e12 / self.token_nanoseconds as f64).round() / 1e3
    }

    /// The tokens of a full bucket.
    pub(crate) const fn burst(self) -> u64 {
        self.capacity_nanoseconds / self.token_nanoseconds
    }
}

/// A token bucket: the moment at which it would be full again, in nanoseconds.
///
/// ```
/// use postern_gateway::{Bucket, Pace};
/// use postern_model::ThrottleLimit;
///
/// let (bucket, pace) = (Bucket::default(), Pace::of(ThrottleLimit::new(5.0, 2)?));
/// assert!(bucket.take(pace, 0) && bucket.take(pace, 0));
/// assert!(!bucket.take(pace, 199_999_999));
/// assert!(bucket.take(pace, 200_000_000));
/// # Ok::<(), postern_model::Malformed>(())
/// ```
#[derive(Debug, Default)]
pub struct Bucket {
    full_at: AtomicU64,
}

impl Bucket {
    /// Takes one token at a moment of the monotonic clock, in nanoseconds, if there is one.
    pub fn take(&self, pace: Pace, now: u64) -> bool {
        // Relaxed: the number is the whole of what is shared.
        self.full_at
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |full_at| {
                let full_after = full_at.max(now).saturating_add(pace.token_nanoseconds);
                (full_after.saturating_sub(now) <= pace.capacity_nanoseconds).then_some(full_after)
            })
            .is_ok()
    }

    /// How many tokens there are.
    pub(crate) fn tokens_left(&self, pace: Pace, now: u64) -> u64 {
        let missing = self.full_at.load(Ordering::Relaxed).saturating_sub(now);
        pace.capacity_nanoseconds.saturating_sub(missing) / pace.token_nanoseconds
    }

    /// Gives back a token of a request that another level refused (TH-24).
    pub(crate) fn give_back(&self, pace: Pace) {
        self.full_at.fetch_sub(pace.token_nanoseconds, Ordering::Relaxed);
    }

    /// Takes up another limit: as many tokens are gone as before, at most all of them (TH-61).
    pub(crate) fn adapt(&self, old: Pace, new: Pace, now: u64) {
        // The closure always gives a value, so this cannot fail.
        let _ = self.full_at.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |full_at| {
            let tokens = full_at.saturating_sub(now).div_ceil(old.token_nanoseconds);
            let missing = tokens.saturating_mul(new.token_nanoseconds).min(new.capacity_nanoseconds);
            Some(now.saturating_add(missing))
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn pace(rate: f64, burst: u32) -> Pace {
        Pace::of(ThrottleLimit::new(rate, burst).unwrap())
    }

    fn accepted(bucket: &Bucket, pace: Pace, moments: impl Iterator<Item = u64>) -> usize {
        moments.filter(|now| bucket.take(pace, *now)).count()
    }

    #[test]
    fn th3_rate_five_and_burst_ten() {
        let (bucket, pace) = (Bucket::default(), pace(5.0, 10));
        let start = 1_000 * SECOND;
        assert_eq!(accepted(&bucket, pace, std::iter::repeat_n(start, 11)), 10);
        assert!(!bucket.take(pace, start + 199_999_999));
        assert!(bucket.take(pace, start + 200_000_000));
        assert!(!bucket.take(pace, start + 200_000_001));
    }

    #[test]
    fn th4_zero_refuses_everything() {
        let (bucket, pace) = (Bucket::default(), pace(0.0, 0));
        assert_eq!(accepted(&bucket, pace, (0..10).map(|n| n * SECOND)), 0);
    }

    #[test]
    fn a_rate_of_zero_leaves_the_burst_alone() {
        let (bucket, pace) = (Bucket::default(), pace(0.0, 3));
        assert_eq!(accepted(&bucket, pace, (0..1_000).map(|n| n * SECOND)), 3);
    }

    #[test]
    fn th6_over_any_time_no_more_than_burst_and_rate_are_admitted() {
        for (rate, burst) in [(10.0, 1), (7.7, 3), (333.3, 20), (20_000.0, 100), (50_000.0, 5_000)] {
            let (bucket, pace) = (Bucket::default(), pace(rate, burst));
            let step = 5_000;
            let seconds = 5;
            let moments = (0..seconds * SECOND / step).map(|n| n * step);
            let accepted = accepted(&bucket, pace, moments) as f64;
            let most = f64::from(burst) + rate * seconds as f64;
            assert!(accepted <= most, "{accepted} > {most}");
            assert!(accepted + 1.0 >= 0.99 * most, "{accepted} < 0.99 * {most}");
        }
    }

    #[test]
    fn th24_a_token_that_is_given_back_can_be_taken_again() {
        let (bucket, pace) = (Bucket::default(), pace(1.0, 1));
        assert!(bucket.take(pace, SECOND));
        bucket.give_back(pace);
        assert!(bucket.take(pace, SECOND));
        assert!(!bucket.take(pace, SECOND));
    }

    #[test]
    fn th61_a_smaller_burst_is_empty_at_most() {
        let (bucket, old, new) = (Bucket::default(), pace(1.0, 100), pace(1.0, 5));
        let now = 1_000 * SECOND;
        assert_eq!(accepted(&bucket, old, std::iter::repeat_n(now, 100)), 100);
        bucket.adapt(old, new, now);
        assert!(!bucket.take(new, now));
        assert!(bucket.take(new, now + SECOND));
    }

    #[test]
    fn th61_a_changed_limit_keeps_what_was_taken() {
        let (bucket, old) = (Bucket::default(), pace(10.0, 10));
        let now = 100 * SECOND;
        assert_eq!(accepted(&bucket, old, std::iter::repeat_n(now, 8)), 8);
        let new = pace(1.0, 10);
        bucket.adapt(old, new, now);
        assert_eq!(accepted(&bucket, new, std::iter::repeat_n(now, 10)), 2);
        bucket.adapt(new, new, now);
        assert_eq!(accepted(&bucket, new, std::iter::repeat_n(now, 10)), 0);
    }
}
