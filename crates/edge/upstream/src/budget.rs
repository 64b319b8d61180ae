//! How many calls may be sent a second time.

use std::cell::Cell;

/// At most a tenth of the calls to a destination are repeated, so that a sick backend is not given
/// twice its load (hardening.md section 8).
#[derive(Debug)]
pub(crate) struct RetryBudget {
    /// In tenths of a retry.
    saved: Cell<u32>,
}

/// What a call adds.
const EARNED: u32 = 1;
const PRICE: u32 = 10;
/// A budget begins with ten retries, so that the first calls are not worse off.
const SAVED_AT_FIRST: u32 = 10 * PRICE;
/// As many retries as a target has connections (`backendConnections` where nothing is set): when it
/// dies, everything that was on its way to it can go elsewhere.
const SAVED_MAX: u32 = 512 * PRICE;

impl Default for RetryBudget {
    fn default() -> Self {
        Self { saved: Cell::new(SAVED_AT_FIRST) }
    }
}

impl RetryBudget {
    /// A call is made.
    pub(crate) fn count_call(&self) {
        self.saved.set((self.saved.get() + EARNED).min(SAVED_MAX));
    }

    /// Whether one more retry is within the budget.
    pub(crate) fn take(&self) -> bool {
        let rest = self.saved.get().checked_sub(PRICE);
        if let Some(rest) = rest {
            self.saved.set(rest);
        }
        rest.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_a_tenth_of_the_calls_and_ten_at_first() {
        let budget = RetryBudget::default();
        for _ in 0..10 {
            assert!(budget.take());
        }
        assert!(!budget.take());
        for _ in 0..9 {
            budget.count_call();
        }
        assert!(!budget.take());
        budget.count_call();
        assert!(budget.take());
        assert!(!budget.take());
    }

    #[test]
    fn retry_no_more_is_saved_than_one_target_can_lose() {
        let budget = RetryBudget::default();
        for _ in 0..100_000 {
            budget.count_call();
        }
        let taken = std::iter::repeat_with(|| budget.take()).take_while(|taken| *taken).count();
        assert_eq!(taken, 512);
    }
}
