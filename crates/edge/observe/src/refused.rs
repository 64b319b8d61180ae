//! What is logged of connections that were turned away: enough to see who and why, never a flood.

use std::{cell::RefCell, net::IpAddr, time::Instant};

use postern_gateway::RefusedConnection;

use crate::{Severity, log};

/// The log of one worker: a line for each peer and second (hardening.md section 4), and not more of them
/// than [`PEERS_PER_SECOND`].
#[derive(Debug)]
pub(crate) struct RefusedLog {
    began: Instant,
    told: RefCell<Told>,
}

/// Who was told of in which second.
#[derive(Debug, Default)]
struct Told {
    second: u64,
    peers: Vec<IpAddr>,
}

/// Lines in one second, so that a flood from many addresses fills no disk. All are counted.
const PEERS_PER_SECOND: usize = 16;

impl RefusedLog {
    /// A log that has told nothing yet.
    pub(crate) fn new(now: Instant) -> Self {
        Self { began: now, told: RefCell::default() }
    }

    /// Logs a connection, unless its peer was told of in this second.
    pub(crate) fn tell(&self, refused: &RefusedConnection, now: Instant) {
        let second = now.saturating_duration_since(self.began).as_secs();
        if self.told.borrow_mut().takes(refused.peer.ip(), second) {
            let RefusedConnection { peer, listener, refusal } = refused;
            let fields: [(&str, &dyn std::fmt::Display); 3] =
                [("peer", peer), ("listener", listener), ("reason", refusal)];
            log(Severity::Warning, "a connection was turned away", &fields);
        }
    }
}

impl Told {
    /// Whether a peer may be told of in a second, and notes it.
    fn takes(&mut self, peer: IpAddr, second: u64) -> bool {
        if self.second != second {
            (self.second, self.peers) = (second, Vec::new());
        }
        let is_new = self.peers.len() < PEERS_PER_SECOND && !self.peers.contains(&peer);
        if is_new {
            self.peers.push(peer);
        }
        is_new
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(last: u8) -> IpAddr {
        IpAddr::from([10, 0, 0, last])
    }

    #[test]
    fn a_peer_is_told_of_once_a_second() {
        let mut told = Told::default();
        assert!(told.takes(peer(1), 0));
        assert!(!told.takes(peer(1), 0));
        assert!(told.takes(peer(2), 0));
        assert!(told.takes(peer(1), 1));
    }

    #[test]
    fn a_flood_from_many_peers_has_its_bound() {
        let mut told = Told::default();
        let lines = (0..=255).filter(|last| told.takes(peer(*last), 7)).count();
        assert_eq!(lines, PEERS_PER_SECOND);
    }
}
