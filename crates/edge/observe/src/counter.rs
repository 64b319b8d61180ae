//! Numbers with one writer: the worker adds with plain loads and stores, a scrape reads.

use std::sync::atomic::{AtomicU64, Ordering};

/// A number that only grows, written by one thread and read by any.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    /// Adds to it. To be called by its one writer alone.
    pub(crate) fn add(&self, more: u64) {
        // One writer, so that no read-modify-write is needed; relaxed, since nothing is published by it.
        self.0.store(self.0.load(Ordering::Relaxed).wrapping_add(more), Ordering::Relaxed);
    }

    /// How much it is.
    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Counters by their place in a table.
#[derive(Debug)]
pub(crate) struct Counters<const ROWS: usize>([Counter; ROWS]);

impl<const ROWS: usize> Default for Counters<ROWS> {
    fn default() -> Self {
        Self(std::array::from_fn(|_| Counter::default()))
    }
}

impl<const ROWS: usize> Counters<ROWS> {
    /// Adds to the counter at a place. To be called by its one writer alone.
    pub(crate) fn add(&self, place: usize, more: u64) {
        if let Some(counter) = self.0.get(place) {
            counter.add(more);
        }
    }

    /// Adds what they hold to sums over workers.
    pub(crate) fn gather(&self, sums: &mut [u64; ROWS]) {
        for (sum, counter) in sums.iter_mut().zip(&self.0) {
            *sum += counter.get();
        }
    }
}

/// How long something took, in buckets. Written by one thread and read by any.
#[derive(Debug, Default)]
pub(crate) struct Histogram {
    /// One for each bound, and one for what lies above the last.
    buckets: Counters<{ BOUNDS.len() + 1 }>,
    sum_nanoseconds: Counter,
}

/// The upper bounds of the buckets, in nanoseconds: from half a millisecond to beyond the longest
/// integration timeout, each with its text in seconds.
pub(crate) const BOUNDS: [(u64, &str); 15] = [
    (500_000, "0.0005"),
    (1_000_000, "0.001"),
    (2_500_000, "0.0025"),
    (5_000_000, "0.005"),
    (10_000_000, "0.01"),
    (25_000_000, "0.025"),
    (50_000_000, "0.05"),
    (100_000_000, "0.1"),
    (250_000_000, "0.25"),
    (500_000_000, "0.5"),
    (1_000_000_000, "1"),
    (2_500_000_000, "2.5"),
    (5_000_000_000, "5"),
    (10_000_000_000, "10"),
    (30_000_000_000, "30"),
];

impl Histogram {
    /// Notes one duration. To be called by its one writer alone.
    pub(crate) fn observe(&self, nanoseconds: u64) {
        let bucket = BOUNDS.iter().position(|(bound, _)| nanoseconds <= *bound).unwrap_or(BOUNDS.len());
        self.buckets.add(bucket, 1);
        self.sum_nanoseconds.add(nanoseconds);
    }

    /// Adds what it holds to a sum over workers.
    pub(crate) fn gather(&self, sum: &mut HistogramSum) {
        self.buckets.gather(&mut sum.buckets);
        sum.sum_nanoseconds += self.sum_nanoseconds.get();
    }
}

/// The histograms of all workers, added.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct HistogramSum {
    /// Not cumulative: each bucket without those below it.
    pub(crate) buckets: [u64; BOUNDS.len() + 1],
    pub(crate) sum_nanoseconds: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_counts_in_the_bucket_whose_bound_it_does_not_pass() {
        let histogram = Histogram::default();
        for nanoseconds in [0, 500_000, 500_001, 30_000_000_000, 30_000_000_001] {
            histogram.observe(nanoseconds);
        }
        let mut sum = HistogramSum::default();
        histogram.gather(&mut sum);
        assert_eq!(sum.buckets, [2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1]);
        assert_eq!(sum.sum_nanoseconds, 60_001_000_002);
    }

    #[test]
    fn bounds_grow_and_their_texts_agree() {
        assert!(BOUNDS.is_sorted_by(|(one, _), (other, _)| one < other));
        for (nanoseconds, seconds) in BOUNDS {
            let parsed: f64 = seconds.parse().unwrap();
            assert!((parsed * 1e9 - nanoseconds as f64).abs() < 1.0, "{seconds}");
        }
    }
}
