//! What an authorizer said, kept for a while (authorization.md section 3.5).
//!
//! One table for all workers, of a fixed number of places: sets of eight, found by the hash of the identity.
//! Looking up takes no lock and writes nothing, but for a mark of use once a second. A miss puts its place
//! into the table before the function is called, so that whoever comes in the meantime waits for the same
//! answer, on whichever worker (AU-69). Where a set is full, the place is taken that was not used for the
//! longest time; places that are waited for are never taken, and where all eight are, the call is made
//! without a place: it is neither shared nor kept. So no number of identities makes the table grow.

use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll, Waker},
};

use arc_swap::{ArcSwap, ArcSwapOption, Guard};

use super::AuthorizerOutput;
use crate::Refusal;

/// The hash of an identity.
pub(crate) type Key = [u8; 32];

/// Sets of a table: with [`WAYS`] places each they are 10,000 (AU-70).
const SETS: u64 = 1_250;

/// Places of a set.
const WAYS: usize = 8;

/// The bytes that the answers in a set may have, as they came: 40 MB in a table. A larger answer counts for
/// its request and is not kept.
const SET_BYTES_MAX: usize = 32 << 10;

/// How far a mark of use may lag behind, in nanoseconds.
const USE_RESOLUTION: u64 = 1_000_000_000;

/// What one authorizer said in one stage.
pub(crate) struct AnswerCache {
    secret: [u8; 32],
    /// Made when the first identity comes.
    sets: OnceLock<Box<[Set]>>,
}

/// Where a few identities may stand.
#[derive(Default)]
struct Set {
    ways: [ArcSwapOption<Entry>; WAYS],
}

/// An identity in its place.
struct Entry {
    key: Key,
    /// When it was asked for, on the monotonic clock, in nanoseconds; up to [`USE_RESOLUTION`] too early.
    used_at: AtomicU64,
    progress: ArcSwap<Progress>,
}

/// How far the call for an identity has come.
enum Progress {
    /// The function is being called, and these wait.
    Asked(Option<Arc<Waiting>>),
    /// It has answered.
    Answered(Answer),
    /// It gave no usable answer: those that wait are told, and nobody else.
    Failed(Refusal),
    /// Who called it went away: those that wait ask anew.
    GivenUp,
}

/// What a function answered.
struct Answer {
    output: Arc<AuthorizerOutput>,
    /// How many bytes it had as it came.
    bytes: usize,
    /// Until when it holds, on the monotonic clock, in nanoseconds.
    until: u64,
}

/// Somebody who waits, and whoever came before.
struct Waiting {
    waker: Waker,
    earlier: Option<Arc<Self>>,
}

/// What a table has of an identity.
pub(crate) enum Found<'c> {
    /// What the function has answered.
    Answer(Arc<AuthorizerOutput>),
    /// It is being called already.
    Asked(Wait),
    /// Nothing: it is to be called, and the lead told what comes of it.
    Nothing(Lead<'c>),
}

impl AnswerCache {
    /// An empty table. The secret keys the hashes of identities.
    pub(crate) const fn new(secret: [u8; 32]) -> Self {
        Self { secret, sets: OnceLock::new() }
    }

    /// What identities are hashed with.
    pub(crate) const fn secret(&self) -> &[u8; 32] {
        &self.secret
    }

    /// What is known of an identity at a moment, in nanoseconds; where that is nothing, it is given a place.
    pub(crate) fn find(&self, key: &Key, now: u64) -> Found<'_> {
        let Some(set) = self.set_of(key) else { return Found::Nothing(Lead::of(*key, now, None)) };
        loop {
            match set.look(key, now) {
                Look::Found(found) => return found,
                Look::Full => return Found::Nothing(Lead::of(*key, now, None)),
                Look::Place(place, before) => {
                    let lead = Lead::of(*key, now, Some(set));
                    if replace(place, &before, Some(Arc::clone(&lead.entry))) {
                        return Found::Nothing(lead);
                    }
                    // Somebody else took the place, perhaps for the same identity.
                }
            }
        }
    }

    fn set_of(&self, key: &Key) -> Option<&Set> {
        let sets = self.sets.get_or_init(|| (0..SETS).map(|_| Set::default()).collect());
        let number = key.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes));
        sets.get(usize::try_from(number % SETS).ok()?)
    }
}

/// What looking for an identity in its set comes to.
enum Look<'s> {
    Found(Found<'s>),
    /// It is not there; this place, with what stands in it, is to be its own.
    Place(&'s ArcSwapOption<Entry>, Guard<Option<Arc<Entry>>>),
    /// It is not there, and every place is waited for.
    Full,
}

impl Set {
    fn look(&self, key: &Key, now: u64) -> Look<'_> {
        let mut oldest: Option<(u64, _, _)> = None;
        for way in &self.ways {
            let before = way.load();
            let own = before.as_ref().filter(|entry| entry.key == *key).map(|entry| entry.found(now));
            match own {
                Some(Some(found)) => return Look::Found(found),
                Some(None) => return Look::Place(way, before),
                None => {}
            }
            let last_use = before.as_ref().map_or(Some(0), |entry| entry.last_use(now));
            if let Some(last_use) = last_use
                && oldest.as_ref().is_none_or(|(oldest, ..)| last_use < *oldest)
            {
                oldest = Some((last_use, way, before));
            }
        }
        oldest.map_or(Look::Full, |(_, way, before)| Look::Place(way, before))
    }

    /// Takes an entry out.
    fn remove(&self, entry: &Arc<Entry>) {
        for way in &self.ways {
            let before = way.load();
            if before.as_ref().is_some_and(|own| Arc::ptr_eq(own, entry)) {
                replace(way, &before, None);
            }
        }
    }

    /// Takes out what was not used for the longest time, until all answers together are small enough; never
    /// the newest.
    fn shrink(&self, newest: &Arc<Entry>) {
        let entries = self.ways.iter().filter_map(ArcSwapOption::load_full);
        let mut answered: Vec<(u64, usize, Arc<Entry>)> = entries
            .filter(|entry| !Arc::ptr_eq(entry, newest))
            .filter_map(|entry| Some((entry.used_at.load(Ordering::Relaxed), entry.bytes()?, entry)))
            .collect();
        answered.sort_by_key(|(used_at, ..)| std::cmp::Reverse(*used_at));
        let mut bytes = newest.bytes().unwrap_or_default();
        for (_, own, entry) in &answered {
            bytes += own;
            if bytes > SET_BYTES_MAX {
                self.remove(entry);
            }
        }
    }
}

/// Puts something into a place, if nobody else has since it was looked at.
fn replace(
    place: &ArcSwapOption<Entry>,
    before: &Guard<Option<Arc<Entry>>>,
    entry: Option<Arc<Entry>>,
) -> bool {
    let is_same = |one: &Option<Arc<Entry>>, other: &Option<Arc<Entry>>| match (one, other) {
        (None, None) => true,
        (Some(one), Some(other)) => Arc::ptr_eq(one, other),
        _ => false,
    };
    is_same(&place.compare_and_swap(before, entry), before)
}

impl Entry {
    /// What stands here, if it is of use.
    fn found(self: &Arc<Self>, now: u64) -> Option<Found<'static>> {
        match &**self.progress.load() {
            Progress::Asked(_) => Some(Found::Asked(Wait { entry: Arc::clone(self), waker: None })),
            Progress::Answered(answer) if now < answer.until => {
                // A mark at every use would have all workers write to one place.
                if self.used_at.load(Ordering::Relaxed).saturating_add(USE_RESOLUTION) <= now {
                    self.used_at.store(now, Ordering::Relaxed);
                }
                Some(Found::Answer(Arc::clone(&answer.output)))
            }
            Progress::Answered(_) | Progress::Failed(_) | Progress::GivenUp => None,
        }
    }

    /// When it was used last, the larger the later; 0 for what is over. `None`: somebody waits for it.
    fn last_use(&self, now: u64) -> Option<u64> {
        match &**self.progress.load() {
            Progress::Asked(_) => None,
            Progress::Answered(answer) if now < answer.until => {
                Some(self.used_at.load(Ordering::Relaxed).saturating_add(1))
            }
            Progress::Answered(_) | Progress::Failed(_) | Progress::GivenUp => Some(0),
        }
    }

    /// The bytes of the answer that stands here.
    fn bytes(&self) -> Option<usize> {
        match &**self.progress.load() {
            Progress::Answered(answer) => Some(answer.bytes),
            _ => None,
        }
    }

    /// Tells everybody who waits.
    fn tell(&self, progress: Progress) {
        let before = self.progress.swap(Arc::new(progress));
        let Progress::Asked(waiting) = &*before else { return };
        let mut next = waiting.as_deref();
        while let Some(waiting) = next {
            waiting.waker.wake_by_ref();
            next = waiting.earlier.as_deref();
        }
    }
}

/// One after the other: a long row would otherwise be dropped by as deep a recursion.
impl Drop for Waiting {
    fn drop(&mut self) {
        let mut next = self.earlier.take();
        while let Some(mut waiting) = next.and_then(Arc::into_inner) {
            next = waiting.earlier.take();
        }
    }
}

/// Whoever calls the function for an identity. Dropped without a word, it has given up.
pub(crate) struct Lead<'c> {
    entry: Arc<Entry>,
    /// The set that the entry stands in; absent where it had no place.
    set: Option<&'c Set>,
}

impl<'c> Lead<'c> {
    fn of(key: Key, now: u64, set: Option<&'c Set>) -> Self {
        let progress = ArcSwap::from_pointee(Progress::Asked(None));
        Self { entry: Arc::new(Entry { key, used_at: AtomicU64::new(now), progress }), set }
    }

    /// The function has answered, in so many bytes; that holds until a moment, in nanoseconds.
    pub(crate) fn answered(self, output: &Arc<AuthorizerOutput>, bytes: usize, until: u64) {
        let is_kept = bytes <= SET_BYTES_MAX;
        let until = if is_kept { until } else { 0 };
        self.entry.tell(Progress::Answered(Answer { output: Arc::clone(output), bytes, until }));
        match self.set {
            Some(set) if is_kept => set.shrink(&self.entry),
            Some(set) => set.remove(&self.entry),
            None => {}
        }
    }

    /// The function gave no usable answer.
    pub(crate) fn failed(self, refusal: &Refusal) {
        self.end(Progress::Failed(refusal.clone()));
    }

    fn end(&self, progress: Progress) {
        self.entry.tell(progress);
        if let Some(set) = self.set {
            set.remove(&self.entry);
        }
    }
}

impl Drop for Lead<'_> {
    fn drop(&mut self) {
        if matches!(**self.entry.progress.load(), Progress::Asked(_)) {
            self.end(Progress::GivenUp);
        }
    }
}

/// Waits for a call that somebody else makes. Gives its outcome; `None` where that went away.
pub(crate) struct Wait {
    entry: Arc<Entry>,
    /// Who is woken already.
    waker: Option<Waker>,
}

impl Future for Wait {
    type Output = Option<Result<Arc<AuthorizerOutput>, Refusal>>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        loop {
            let before = self.entry.progress.load_full();
            let waiting = match &*before {
                Progress::Answered(answer) => return Poll::Ready(Some(Ok(Arc::clone(&answer.output)))),
                Progress::Failed(refusal) => return Poll::Ready(Some(Err(refusal.clone()))),
                Progress::GivenUp => return Poll::Ready(None),
                Progress::Asked(waiting) => waiting,
            };
            let waker = context.waker();
            if self.waker.as_ref().is_some_and(|known| known.will_wake(waker)) {
                return Poll::Pending;
            }
            let waiting = Waiting { waker: waker.clone(), earlier: waiting.clone() };
            let after = Arc::new(Progress::Asked(Some(Arc::new(waiting))));
            if Arc::ptr_eq(&self.entry.progress.compare_and_swap(&before, after), &before) {
                self.waker = Some(waker.clone());
                return Poll::Pending;
            }
        }
    }
}

/// Says nothing of what is kept.
impl std::fmt::Debug for AnswerCache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AnswerCache")
    }
}

#[cfg(test)]
mod tests;
