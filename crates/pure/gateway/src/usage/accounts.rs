//! What has happened to keys in plans: one account for each key in each plan. All snapshots of a process
//! share the accounts, and find them by numbers that are never given twice.
//!
//! An account that has changed since it was last written out stands in a list, so that writing costs
//! what has changed and not what there is. The list is linked through the accounts: a request whose
//! account stands in it already reads one number and writes none; another one pushes it, without a
//! lock.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use postern_model::Quota;

use super::{DayUse, QuotaLevel, day_of, days::DayCounter, quota::QuotaCounter};
use crate::throttle::Bucket;

/// What has happened to a key in a plan.
#[derive(Debug, Default)]
pub(crate) struct Account {
    pub(crate) bucket: Bucket,
    quota: QuotaCounter,
    days: DayCounter,
    /// Its place in the list of what has changed: the number of the next account there, plus two.
    next: AtomicU32,
}

/// An account that does not stand in the list.
const NOT_LISTED: u32 = 0;
/// The end of the list.
const END: u32 = 1;

/// What a key has used of a plan, as plain data: what is written out and read back (TH-37).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UsageLevel {
    /// What is used of the plan's quota.
    pub quota: QuotaLevel,
    /// What was counted on the last two days on which the key was used, the earlier one first.
    pub days: [DayUse; 2],
}

impl Account {
    /// An account that goes on from what was used.
    fn restored(level: UsageLevel) -> Self {
        let [_, last] = level.days;
        Self {
            quota: QuotaCounter::restored(level.quota),
            days: DayCounter::restored(last),
            ..Self::default()
        }
    }

    pub(crate) fn level(&self) -> UsageLevel {
        UsageLevel { days: self.days.days(), quota: self.quota.level() }
    }
}

/// The accounts that a snapshot knows: all that were opened before it, and its own.
#[derive(Clone, Debug)]
pub(crate) struct Accounts {
    chunks: Vec<Arc<[Account]>>,
    /// How many there are.
    count: u32,
    /// The first of those that have changed.
    changed: Arc<AtomicU32>,
}

/// Accounts are opened in chunks of so many, so that a snapshot shares them by a few references.
const CHUNK: usize = 1 << CHUNK_BITS;
const CHUNK_BITS: u32 = 12;

impl Default for Accounts {
    fn default() -> Self {
        Self { chunks: Vec::new(), count: 0, changed: Arc::new(AtomicU32::new(END)) }
    }
}

impl Accounts {
    pub(crate) fn get(&self, number: u32) -> Option<&Account> {
        let chunk = self.chunks.get((number >> CHUNK_BITS) as usize)?;
        chunk.get(number as usize & (CHUNK - 1))
    }

    /// Counts a request, if the quota has one left.
    pub(crate) fn count(&self, number: u32, quota: Option<Quota>, epoch_milliseconds: u64) -> bool {
        let Some(account) = self.get(number) else { return true };
        if !quota.is_none_or(|quota| account.quota.spend(quota, epoch_milliseconds)) {
            return false;
        }
        account.days.count(day_of(epoch_milliseconds), 1);
        self.list(number, account);
        true
    }

    /// Leaves so many requests of a quota's period (TH-36).
    pub(crate) fn leave(&self, number: u32, quota: Quota, epoch_milliseconds: u64, left: u64) {
        if let Some(account) = self.get(number) {
            account.quota.leave(quota, epoch_milliseconds, left);
            account.days.count(day_of(epoch_milliseconds), 0);
            self.list(number, account);
        }
    }

    /// Has an account written out again.
    pub(crate) fn touch(&self, number: u32) {
        if let Some(account) = self.get(number) {
            self.list(number, account);
        }
    }

    /// Puts an account into the list of what has changed.
    ///
    /// INVARIANT (no change is lost): whoever changes an account looks at `next` after that, and whoever
    /// takes it from the list reads it after `next` was cleared. All of these are `SeqCst`, so one of
    /// the two sees the other: either the change is read, or the account stands in the list again.
    fn list(&self, number: u32, account: &Account) {
        if account.next.load(Ordering::SeqCst) != NOT_LISTED {
            return;
        }
        let claim = account.next.compare_exchange(NOT_LISTED, END, Ordering::SeqCst, Ordering::SeqCst);
        if claim.is_err() {
            return;
        }
        let mut first = self.changed.load(Ordering::SeqCst);
        loop {
            account.next.store(first, Ordering::SeqCst);
            let pushed =
                self.changed.compare_exchange_weak(first, number + 2, Ordering::SeqCst, Ordering::SeqCst);
            match pushed {
                Ok(_) => return,
                Err(other) => first = other,
            }
        }
    }

    /// Takes the whole list. The accounts in it are those of this snapshot or of a later one: follow it
    /// in one that serves after this.
    pub(crate) fn take_changed(&self) -> Changed {
        Changed(self.changed.swap(END, Ordering::SeqCst))
    }

    /// The next account of a list that was taken.
    pub(crate) fn next_changed(&self, list: &mut Changed) -> Option<u32> {
        let number = list.0.checked_sub(2)?;
        list.0 = self.get(number)?.next.swap(NOT_LISTED, Ordering::SeqCst);
        Some(number)
    }

    /// Opens accounts.
    pub(crate) fn open(&mut self, levels: Vec<UsageLevel>) {
        let mut levels = levels.into_iter().map(Account::restored).peekable();
        while levels.peek().is_some() {
            // A chunk that was begun is shared and stays as it is: numbers go on with a chunk of their own.
            self.count = self.count.next_multiple_of(1 << CHUNK_BITS);
            let chunk: Arc<[Account]> = levels.by_ref().take(CHUNK).collect();
            self.count += u32::try_from(chunk.len()).unwrap_or_default();
            self.chunks.push(chunk);
        }
    }

    /// The number of the first account that is opened next.
    pub(crate) fn next_number(&self) -> u32 {
        self.count.next_multiple_of(1 << CHUNK_BITS)
    }
}

/// A list of accounts that have changed, taken to be written out.
#[derive(Debug)]
pub(crate) struct Changed(u32);

impl Changed {
    pub(crate) const fn is_empty(&self) -> bool {
        self.0 == END
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, thread};

    use super::*;

    const NOW: u64 = 20_454 * 86_400_000;

    fn opened(count: usize) -> Accounts {
        let mut accounts = Accounts::default();
        accounts.open(vec![UsageLevel::default(); count]);
        accounts
    }

    fn changed(accounts: &Accounts) -> Vec<u32> {
        let mut list = accounts.take_changed();
        std::iter::from_fn(|| accounts.next_changed(&mut list)).collect()
    }

    #[test]
    fn an_account_stands_in_the_list_once() {
        let accounts = opened(10_000);
        assert!(changed(&accounts).is_empty());
        for number in [3, 9_999, 3, 5_000, 9_999] {
            assert!(accounts.count(number, None, NOW));
        }
        assert_eq!(changed(&accounts), [5_000, 9_999, 3]);
        assert!(changed(&accounts).is_empty());
        accounts.touch(3);
        assert_eq!(changed(&accounts), [3]);
    }

    #[test]
    fn what_is_refused_changes_nothing() {
        let accounts = opened(1);
        let quota = Quota { limit: 0, period: postern_model::QuotaPeriod::Day, offset: 0 };
        assert!(!accounts.count(0, Some(quota), NOW));
        assert!(changed(&accounts).is_empty());
    }

    #[test]
    fn later_accounts_have_numbers_of_their_own() {
        let mut accounts = opened(3);
        let before = accounts.clone();
        assert_eq!(accounts.next_number(), 4_096);
        accounts.open(vec![UsageLevel::default(); 5_000]);
        assert!(accounts.count(4_096 + 4_999, None, NOW));
        assert!(before.count(2, None, NOW));
        assert!(before.get(4_096).is_none() && accounts.get(3).is_none());
        assert_eq!(changed(&accounts), [2, 4_096 + 4_999], "one list for all snapshots");
    }

    #[test]
    fn no_change_is_lost_between_workers_and_the_writer() {
        const ROUNDS: u64 = 20_000;
        let accounts = opened(4);
        let mut written = BTreeMap::new();
        let mut write = || {
            for number in changed(&accounts) {
                let [_, last] = accounts.get(number).unwrap().level().days;
                written.insert(number, last.used);
            }
        };
        thread::scope(|scope| {
            let workers: Vec<_> = (0..3_u32)
                .map(|worker| {
                    let accounts = &accounts;
                    scope.spawn(move || {
                        for round in 0..ROUNDS {
                            let shared = if round % 2 == 0 { 3 } else { worker };
                            accounts.count(shared, None, NOW);
                        }
                    })
                })
                .collect();
            while workers.iter().any(|worker| !worker.is_finished()) {
                write();
            }
        });
        write();
        assert_eq!(
            written,
            BTreeMap::from([(0, ROUNDS / 2), (1, ROUNDS / 2), (2, ROUNDS / 2), (3, 3 * ROUNDS / 2)])
        );
    }
}
