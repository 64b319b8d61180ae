//! What is counted over all workers: connections, handshakes, requests in flight, accepts in a second.
//!
//! All of it is atomics, except the table of peers, which is touched twice in the life of a connection
//! and never by a request.

use std::{
    cell::Cell,
    collections::HashMap,
    net::IpAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use postern_gateway::Identity;

/// A number of things that may not exceed a limit.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    /// Adds one, unless that would exceed the limit.
    pub(crate) fn enter(&self, limit: u64) -> bool {
        // Relaxed: only the number matters, nothing is published by it.
        if self.0.fetch_add(1, Ordering::Relaxed) < limit {
            return true;
        }
        self.leave();
        false
    }

    /// Takes one away again.
    pub(crate) fn leave(&self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }

    /// How many there are.
    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// How much may happen within one second of the monotonic clock.
#[derive(Debug, Default)]
pub(crate) struct Rate(AtomicU64);

impl Rate {
    /// Counts one, unless the second has had its share.
    pub(crate) fn enter(&self, now_nanoseconds: u64, limit: u64) -> bool {
        let second = now_nanoseconds / 1_000_000_000 % SECONDS_KEPT;
        let count = |packed: u64| {
            let (seen, count) = (packed >> COUNT_BITS, packed & COUNT_MASK);
            let count = if seen == second { count } else { 0 };
            (count < limit.min(COUNT_MASK)).then_some((second << COUNT_BITS) | (count + 1))
        };
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, count).is_ok()
    }
}

const COUNT_BITS: u32 = 32;
const COUNT_MASK: u64 = (1 << COUNT_BITS) - 1;
const SECONDS_KEPT: u64 = 1 << (64 - COUNT_BITS);

/// Whose connections are counted together.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Peer {
    /// Those of one address.
    Address(IpAddr),
    /// Those that load balancers carry for one VPC endpoint: they all come from the same few addresses.
    Carried(Arc<Identity>),
}

impl Peer {
    /// What tells most peers apart. Those that choose theirs to meet others at one lock win nothing: it is held for a
    /// look-up.
    fn last_byte(&self) -> u8 {
        match self {
            Self::Address(IpAddr::V4(address)) => address.octets()[3],
            Self::Address(IpAddr::V6(address)) => address.octets()[15],
            Self::Carried(identity) => match &**identity {
                Identity::VpcEndpoint { vpc_endpoint_id, .. } => {
                    vpc_endpoint_id.as_str().bytes().next_back().unwrap_or_default()
                }
                Identity::Public | Identity::Nobody => 0,
            },
        }
    }
}

/// How many connections each peer has.
#[derive(Debug)]
pub(crate) struct Peers {
    shards: [Mutex<HashMap<Peer, u64>>; SHARDS],
}

impl Peers {
    /// No peers.
    pub(crate) fn new() -> Self {
        Self { shards: std::array::from_fn(|_| Mutex::default()) }
    }

    /// Counts a connection of a peer, unless it has its share.
    pub(crate) fn enter(&self, peer: &Peer, limit: u64) -> bool {
        self.with(peer, |counts| {
            let count = counts.entry(peer.clone()).or_insert(0);
            if *count >= limit {
                return false;
            }
            *count += 1;
            true
        })
    }

    /// One connection of a peer is over.
    pub(crate) fn leave(&self, peer: &Peer) {
        self.with(peer, |counts| {
            if let Some(count) = counts.get_mut(peer) {
                *count = count.saturating_sub(1);
                if *count == 0 {
                    counts.remove(peer);
                }
            }
        });
    }

    fn with<T: Default>(&self, peer: &Peer, action: impl FnOnce(&mut HashMap<Peer, u64>) -> T) -> T {
        let Some(shard) = self.shards.get(usize::from(peer.last_byte()) % SHARDS) else {
            return T::default();
        };
        // Counting cannot panic, so a poisoned table is as good as any.
        action(&mut shard.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

const SHARDS: usize = 16;

/// Everything that is counted over all workers.
#[derive(Debug)]
pub(crate) struct Counts {
    pub(crate) connections: Counter,
    pub(crate) handshakes: Counter,
    pub(crate) requests: Counter,
    pub(crate) accepts: Rate,
    pub(crate) peers: Peers,
    /// Connections of each worker, each on a cache line of its own.
    pub(crate) workers: Box<[Lonely<Counter>]>,
}

impl Counts {
    /// Nothing yet, for so many workers.
    pub(crate) fn new(workers: usize) -> Self {
        Self {
            connections: Counter::default(),
            handshakes: Counter::default(),
            requests: Counter::default(),
            accepts: Rate::default(),
            peers: Peers::new(),
            workers: (0..workers).map(|_| Lonely::default()).collect(),
        }
    }

    /// Which worker a new connection of this worker should rather go to: one that has clearly fewer.
    /// Few connections are spread evenly. Many may differ by an eighth and no more than [`UNEVEN_MAX`]: handing
    /// over costs too, but connections that come together may be the only busy ones among many that rest.
    pub(crate) fn better_worker(&self, mine: usize) -> Option<usize> {
        let own = self.workers.get(mine)?.0.get();
        let (least_loaded, least) =
            self.workers.iter().map(|count| count.0.get()).enumerate().min_by_key(|(_, count)| *count)?;
        (own > least + (least / 8).min(UNEVEN_MAX)).then_some(least_loaded)
    }
}

/// By how many connections a worker may be ahead of another and still keep one that comes in. Two workers then
/// differ by three at most by what came in, either way, so eight that come together land 7 : 1 at worst.
const UNEVEN_MAX: u64 = 2;

/// A value that shares its cache line with no other.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(crate) struct Lonely<T>(pub(crate) T);

/// The place of one connection in every count; leaves them all when it is dropped.
#[derive(Debug)]
pub(crate) struct ConnectionPlace {
    pub(crate) counts: Arc<Counts>,
    pub(crate) listener: Arc<Counter>,
    /// The peer, where it was counted.
    pub(crate) peer: Option<Peer>,
    pub(crate) worker: usize,
    /// Whether it counts as a handshake in flight.
    pub(crate) shakes_hands: Cell<bool>,
}

impl ConnectionPlace {
    /// Counts the connection among those of a peer, unless that one has its share.
    pub(crate) fn enter_peer(&mut self, peer: Peer, limit: u64) -> bool {
        let is_welcome = self.counts.peers.enter(&peer, limit);
        self.peer = is_welcome.then_some(peer);
        is_welcome
    }

    /// The handshake is over.
    pub(crate) fn handshake_is_over(&self) {
        if self.shakes_hands.replace(false) {
            self.counts.handshakes.leave();
        }
    }
}

impl Drop for ConnectionPlace {
    fn drop(&mut self) {
        self.handshake_is_over();
        self.counts.connections.leave();
        self.listener.leave();
        if let Some(peer) = &self.peer {
            self.counts.peers.leave(peer);
        }
        if let Some(worker) = self.counts.workers.get(self.worker) {
            worker.0.leave();
        }
    }
}

/// A request in flight; leaves its count when it is dropped.
#[derive(Debug)]
pub(crate) struct InFlight<'a>(pub(crate) &'a Counter);

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.leave();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counter_stops_at_its_limit() {
        let counter = Counter::default();
        assert!(counter.enter(2));
        assert!(counter.enter(2));
        assert!(!counter.enter(2));
        counter.leave();
        assert!(counter.enter(2));
        assert_eq!(counter.get(), 2);
    }

    #[test]
    fn a_rate_starts_anew_with_each_second() {
        let rate = Rate::default();
        assert!(rate.enter(500, 1));
        assert!(!rate.enter(999_999_999, 1));
        assert!(rate.enter(999_999_999, 2));
        assert!(rate.enter(1_000_000_000, 1));
    }

    #[test]
    fn a_peer_is_forgotten_with_its_last_connection() {
        let peers = Peers::new();
        let peer = Peer::Address(IpAddr::from([127, 0, 0, 1]));
        assert!(peers.enter(&peer, 1));
        assert!(!peers.enter(&peer, 1));
        assert!(peers.enter(&Peer::Address(IpAddr::from([127, 0, 0, 2])), 1));
        assert!(peers.enter(&Peer::Carried(Arc::new(Identity::Public)), 1));
        peers.leave(&peer);
        peers.with(&peer, |counts| assert!(!counts.contains_key(&peer)));
        assert!(peers.enter(&peer, 1));
    }

    #[test]
    fn eight_connections_on_two_workers_are_never_eight_to_none() {
        for (resting, least) in [(0, 4), (4, 4), (8, 3), (16, 3), (100, 3), (10_000, 3)] {
            let counts = Counts::new(2);
            for worker in &counts.workers {
                worker.0.0.store(resting, Ordering::Relaxed);
            }
            for _ in 0..8 {
                // All are accepted by the first worker.
                let worker = counts.better_worker(0).unwrap_or(0);
                assert!(counts.workers[worker].0.enter(u64::MAX));
            }
            let [first, second] = [0, 1].map(|worker| counts.workers[worker].0.get() - resting);
            assert_eq!((first, second), (8 - least, least), "beside {resting} that rest at each");
        }
    }
}
