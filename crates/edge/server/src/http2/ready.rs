//! Which streams of a connection want to be polled: one bit for each, so that whatever wakes many of them
//! wakes their connection once.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::{Wake, Waker},
};

/// The streams of one connection that were woken.
#[derive(Debug)]
pub(super) struct Ready {
    words: Box<[AtomicU64]>,
    /// The connection was woken and has not looked yet.
    is_told: AtomicBool,
    /// Its task. Nobody else takes this lock but the task itself, and who wakes it.
    connection: Mutex<Option<Waker>>,
}

impl Ready {
    /// For places below a number.
    pub(super) fn new(places: usize) -> Arc<Self> {
        let words = (0..places.div_ceil(PLACES_OF_WORD)).map(|_| AtomicU64::new(0)).collect();
        Arc::new(Self { words, is_told: AtomicBool::new(false), connection: Mutex::new(None) })
    }

    /// Whom to wake from now on.
    pub(super) fn listen(&self, waker: &Waker) {
        self.is_told.store(false, Ordering::Release);
        let mut connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        if !connection.as_ref().is_some_and(|known| known.will_wake(waker)) {
            *connection = Some(waker.clone());
        }
    }

    /// Marks a stream without waking anybody.
    pub(super) fn mark(&self, place: usize) {
        if let Some(word) = self.words.get(place / PLACES_OF_WORD) {
            word.fetch_or(1 << (place % PLACES_OF_WORD), Ordering::AcqRel);
        }
    }

    /// The streams that are marked, which then are no longer.
    pub(super) fn take(&self) -> impl Iterator<Item = usize> {
        self.words.iter().enumerate().flat_map(|(number, word)| {
            // Most of the time most words are empty, and a look is cheaper than an exchange.
            let marks = if word.load(Ordering::Acquire) == 0 { 0 } else { word.swap(0, Ordering::AcqRel) };
            Bits(marks).map(move |bit| number * PLACES_OF_WORD + bit)
        })
    }

    /// Whether any stream is marked.
    pub(super) fn is_any(&self) -> bool {
        self.words.iter().any(|word| word.load(Ordering::Acquire) != 0)
    }

    /// What wakes a stream.
    pub(super) fn waker(self: &Arc<Self>, place: usize) -> Waker {
        Waker::from(Arc::new(StreamWaker { ready: Arc::clone(self), place }))
    }

    fn wake(&self, place: usize) {
        self.mark(place);
        if !self.is_told.swap(true, Ordering::AcqRel) {
            let connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(waker) = &*connection {
                waker.wake_by_ref();
            }
        }
    }
}

const PLACES_OF_WORD: usize = 64;

/// The numbers of the bits that are set, lowest first.
struct Bits(u64);

impl Iterator for Bits {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        let bit = usize::try_from(self.0.trailing_zeros()).ok().filter(|bit| *bit < PLACES_OF_WORD)?;
        self.0 &= self.0 - 1;
        Some(bit)
    }
}

struct StreamWaker {
    ready: Arc<Ready>,
    place: usize,
}

impl Wake for StreamWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.ready.wake(self.place);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Counted(AtomicU64);

    impl Wake for Counted {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn many_streams_wake_their_connection_once_for_each_look() {
        let ready = Ready::new(100);
        let connection = Arc::new(Counted::default());
        let wakers: Vec<Waker> = (0..100).map(|place| ready.waker(place)).collect();
        for round in 1..4 {
            ready.listen(&Waker::from(Arc::clone(&connection)));
            for place in [99, 3, 63, 64, 3] {
                wakers[place].wake_by_ref();
            }
            assert_eq!(connection.0.load(Ordering::Relaxed), round);
            assert!(ready.is_any());
            assert_eq!(ready.take().collect::<Vec<_>>(), [3, 63, 64, 99]);
            assert!(!ready.is_any());
        }
    }

    #[test]
    fn a_mark_wakes_nobody() {
        let ready = Ready::new(1);
        let connection = Arc::new(Counted::default());
        ready.listen(&Waker::from(Arc::clone(&connection)));
        ready.mark(0);
        assert_eq!((connection.0.load(Ordering::Relaxed), ready.take().count()), (0, 1));
    }
}
