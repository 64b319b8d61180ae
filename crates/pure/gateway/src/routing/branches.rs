//! Which node of a tree of paths stands behind which literal part: found by hash.
//!
//! A look touches one place in memory, and the node itself, however many parts stand side by side. What was
//! asked of another API a moment ago is in none of the processor's caches, so places count.

/// An open table of which at most half is used. Whoever asks has no part in what it holds, so that its hash
/// needs no secret.
#[derive(Debug, Default)]
pub(super) struct Branches {
    /// Their number is a power of two, or 0.
    slots: Vec<Slot>,
    count: usize,
}

/// A node and the hash that it is found by. Node 0, the root, stands behind none: a free slot.
#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    hash: u32,
    child: u32,
}

impl Branches {
    /// The node behind a part, among the candidates of its hash.
    pub(super) fn find(&self, hash: u32, is_it: impl Fn(u32) -> bool) -> Option<u32> {
        let mut slots = self.probe(hash).filter_map(|place| self.slots.get(place));
        let slot = slots.find(|slot| slot.child == 0 || slot.hash == hash && is_it(slot.child))?;
        Some(slot.child).filter(|child| *child != 0)
    }

    /// Adds a node that is not found.
    pub(super) fn insert(&mut self, hash: u32, child: u32) {
        self.count += 1;
        if self.count * 2 > self.slots.len() {
            let larger = vec![Slot::default(); (self.count * 2).next_power_of_two()];
            for slot in std::mem::replace(&mut self.slots, larger) {
                self.put(slot);
            }
        }
        self.put(Slot { hash, child });
    }

    fn put(&mut self, slot: Slot) {
        let is_free = |place: &usize| self.slots.get(*place).is_some_and(|slot| slot.child == 0);
        let free = self.probe(slot.hash).find(is_free);
        if let Some(free) = free.and_then(|place| self.slots.get_mut(place)).filter(|_| slot.child != 0) {
            *free = slot;
        }
    }

    /// The slots of a hash, in the order in which they are looked at. Its upper bits tell the first: in a
    /// product, those follow from all others.
    fn probe(&self, hash: u32) -> impl Iterator<Item = usize> + use<> {
        let count = self.slots.len();
        let first = usize::try_from((u64::from(hash) * count as u64) >> 32).unwrap_or_default();
        (first..first + count).map(move |place| place & (count - 1))
    }
}

/// A quick hash of a part behind a node, whose first eight bytes are known as a number: the upper half of
/// products is as good as any.
pub(super) fn hash(parent: u32, first_eight: u64, text: &str) -> u32 {
    const FACTOR: u64 = 0x517c_c1b7_2722_0a95;
    let mix = |hash: u64, number: u64| (hash.rotate_left(5) ^ number).wrapping_mul(FACTOR);
    let bytes = text.as_bytes();
    let mut hash = mix(u64::from(parent), first_eight);
    if let Some(behind) = bytes.get(8..).filter(|behind| !behind.is_empty()) {
        let eights = behind.as_chunks().0.iter().chain(bytes.last_chunk::<8>());
        hash = eights.fold(hash, |hash, eight| mix(hash, u64::from_le_bytes(*eight)));
    }
    u32::try_from(hash >> 32).unwrap_or_default()
}
