//! The request that a process is at, told from its home to the thread that logs what it writes.

use std::sync::atomic::{AtomicU64, Ordering, fence};

/// The id of a request, written by one thread and read by another without either waiting for the other.
///
/// A count is odd while the id is written: who reads it between two equal even counts has read one id.
#[derive(Debug, Default)]
pub(crate) struct SharedRequestId {
    count: AtomicU64,
    words: [AtomicU64; WORDS],
}

/// A UUID has 36 bytes. What is longer is cut.
const WORDS: usize = 5;

impl SharedRequestId {
    /// Says which request it is from now on. To be called by one thread only.
    pub(crate) fn set(&self, id: &str) {
        let count = self.count.load(Ordering::Relaxed);
        self.count.store(count.wrapping_add(1), Ordering::Relaxed);
        fence(Ordering::Release);
        let mut pieces = id.as_bytes().chunks(8);
        for word in &self.words {
            let mut bytes = [0; 8];
            for (byte, given) in bytes.iter_mut().zip(pieces.next().unwrap_or_default()) {
                *byte = *given;
            }
            word.store(u64::from_le_bytes(bytes), Ordering::Relaxed);
        }
        self.count.store(count.wrapping_add(2), Ordering::Release);
    }

    /// Which request it is, if there was one.
    pub(crate) fn get(&self) -> Option<String> {
        loop {
            let before = self.count.load(Ordering::Acquire);
            let bytes: Vec<u8> =
                self.words.iter().flat_map(|word| word.load(Ordering::Relaxed).to_le_bytes()).collect();
            fence(Ordering::Acquire);
            if before == self.count.load(Ordering::Relaxed) && before.is_multiple_of(2) {
                let text = String::from_utf8_lossy(&bytes);
                let text = text.trim_end_matches('\0');
                return (!text.is_empty()).then(|| text.to_owned());
            }
            std::thread::yield_now();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, thread};

    use super::*;

    #[test]
    fn the_last_id_is_told() {
        let shared = SharedRequestId::default();
        assert_eq!(shared.get(), None);
        for id in ["8476a536-e9f4-11e8-9739-2dfe598c3fcd", "short", "c6af9ac6-7b61-11e6-9a41-93e8deadbeef"] {
            shared.set(id);
            assert_eq!(shared.get().as_deref(), Some(id));
        }
    }

    #[test]
    fn no_id_is_made_of_two() {
        let shared = Arc::new(SharedRequestId::default());
        let written = Arc::clone(&shared);
        let writing = thread::spawn(move || {
            for turn in 0..20_000 {
                written.set(if turn % 2 == 0 { A } else { B });
            }
        });
        while !writing.is_finished() {
            let read = shared.get();
            assert!(read.is_none() || read.as_deref() == Some(A) || read.as_deref() == Some(B), "{read:?}");
        }
        writing.join().unwrap();
    }

    const A: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    const B: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";
}
