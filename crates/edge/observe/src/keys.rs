//! Counters by the names of API keys: of a bounded number of keys, the first that are refused. Who
//! comes later is counted with the others.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU32, Ordering},
    },
};

use crate::{
    counter::Counters,
    table::{OF_KEY, OfKey},
};

/// The names that have series of their own: an open table that only grows, shared by all workers and
/// read without a lock.
#[derive(Debug, Default)]
pub(crate) struct KeySeries {
    /// Twice as many as may be taken, so that a look soon meets a free one.
    names: Box<[OnceLock<Box<str>>]>,
    left: AtomicU32,
}

impl KeySeries {
    /// Series for so many names.
    pub(crate) fn new(count: u32) -> Self {
        Self { names: (0..count * 2).map(|_| OnceLock::new()).collect(), left: AtomicU32::new(count) }
    }

    /// Whether keys have series at all.
    pub(crate) fn is_wanted(&self) -> bool {
        !self.names.is_empty()
    }

    /// The place of a name; that of all others where every place is taken.
    fn place(&self, name: &str) -> usize {
        let others = self.names.len();
        let mut hasher = DefaultHasher::new();
        name.hash(&mut hasher);
        let first = usize::try_from(hasher.finish() >> 1).unwrap_or_default();
        for step in 0..others {
            let place = (first % others + step) % others;
            let Some(slot) = self.names.get(place) else { return others };
            if slot.get().is_none() {
                if !self.take_one() {
                    return others;
                }
                if slot.set(name.into()).is_err() {
                    // Somebody else was quicker, perhaps with the same name.
                    self.left.fetch_add(1, Ordering::Relaxed);
                }
            }
            if slot.get().is_some_and(|own| &**own == name) {
                return place;
            }
        }
        others
    }

    fn take_one(&self) -> bool {
        let less = |left: u32| left.checked_sub(1);
        self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).is_ok()
    }

    /// The names with their places, and that of all others.
    pub(crate) fn names(&self) -> impl Iterator<Item = (usize, &str)> {
        let taken = self.names.iter().enumerate();
        let taken = taken.filter_map(|(place, name)| Some((place, &**name.get()?)));
        taken.chain([(self.names.len(), OTHERS)])
    }
}

/// The `key` of those that have no series of their own. No key has an empty name.
const OTHERS: &str = "";

/// What one worker counts of keys.
#[derive(Debug, Default)]
pub(crate) struct KeyMeters {
    series: Arc<KeySeries>,
    counters: OnceLock<Box<[KeyCounters]>>,
}

/// The counters of one key.
pub(crate) type KeyCounters = Counters<{ OF_KEY.len() }>;

impl KeyMeters {
    pub(crate) fn new(series: Arc<KeySeries>) -> Self {
        Self { series, counters: OnceLock::new() }
    }

    /// Counts a refusal. To be called by the worker alone.
    pub(crate) fn count(&self, name: &str, what: OfKey) {
        if !self.series.is_wanted() {
            return;
        }
        let make = || (0..=self.series.names.len()).map(|_| KeyCounters::default()).collect();
        if let Some(counters) = self.counters.get_or_init(make).get(self.series.place(name)) {
            counters.add(what.place(), 1);
        }
    }

    /// The counters of a place; `None` where the worker has never counted a key.
    pub(crate) fn of_place(&self, place: usize) -> Option<&KeyCounters> {
        self.counters.get()?.get(place)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn so_many_names_have_places_and_all_others_one() {
        let series = KeySeries::new(3);
        let places: Vec<usize> =
            ["a", "b", "a", "c", "d", "b", "e"].iter().map(|name| series.place(name)).collect();
        let [a, b, again, c, d, b_again, e] = *places.as_slice() else { panic!("{places:?}") };
        assert_eq!((a, b, d, e), (again, b_again, 6, 6));
        assert_eq!(BTreeSet::from([a, b, c, d]).len(), 4);
        let names: BTreeSet<&str> = series.names().map(|(_, name)| name).collect();
        assert_eq!(names, BTreeSet::from(["a", "b", "c", ""]));
    }

    #[test]
    fn nothing_is_counted_unless_it_is_wanted() {
        let meters = KeyMeters::new(Arc::new(KeySeries::new(0)));
        meters.count("a", OfKey::Throttled);
        assert!(meters.of_place(0).is_none());
    }

    #[test]
    fn workers_agree_about_places() {
        let series = Arc::new(KeySeries::new(200));
        std::thread::scope(|scope| {
            let of_worker = || {
                let series = &series;
                scope.spawn(move || (0..50).map(|name| series.place(&name.to_string())).collect::<Vec<_>>())
            };
            let workers = [of_worker(), of_worker(), of_worker()].map(|worker| worker.join().unwrap());
            assert!(workers.iter().all(|places| *places == workers[0]));
        });
        assert_eq!(series.names().count(), 51);
    }
}
