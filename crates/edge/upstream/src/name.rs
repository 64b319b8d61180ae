//! Names of targets: the operator's addresses, addresses themselves, DNS.

use std::{
    cell::{Cell, RefCell},
    net::{IpAddr, SocketAddr},
    rc::Rc,
};

use postern_gateway::DestinationTarget;
use tokio::sync::Mutex;

/// How long an answer of DNS is taken for true. Short: targets move.
const FRESH_NANOSECONDS: u64 = 5_000_000_000;
/// How long an answer goes on being used when no newer one can be had.
const STALE_NANOSECONDS: u64 = 60_000_000_000;
/// How long a failure is not asked about again, so that many calls do not wait for it one by one.
const FAILED_NANOSECONDS: u64 = 1_000_000_000;

/// The name of one target, as one worker knows it.
#[derive(Debug)]
pub(crate) struct Name {
    host: Box<str>,
    port: u16,
    named_by_operator: bool,
    /// The address where none has to be asked for.
    fixed: Option<SocketAddr>,
    /// Held by who asks DNS; the others wait for that answer instead of asking, too.
    asking: Mutex<()>,
    answer: RefCell<Option<Answer>>,
    failure: RefCell<Option<Failure>>,
    turn: Cell<usize>,
}

/// What DNS has said.
#[derive(Clone, Debug)]
struct Answer {
    addresses: Rc<[SocketAddr]>,
    at: u64,
}

/// That DNS has said nothing, and why: a sentence for an operator.
#[derive(Clone, Debug)]
struct Failure {
    reason: Rc<str>,
    at: u64,
}

/// The addresses of a target and which of them is the first to be tried.
#[derive(Clone, Debug)]
pub(crate) struct Addresses {
    all: Rc<[SocketAddr]>,
    first: usize,
}

impl Addresses {
    /// In the order in which they are to be tried.
    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = SocketAddr> {
        let count = self.all.len();
        (0..count).map(move |step| {
            let index = self.first.wrapping_add(step) % count;
            self.all.get(index).copied().unwrap_or_else(|| SocketAddr::from(([0, 0, 0, 0], 0)))
        })
    }
}

impl Name {
    pub(crate) fn new(target: &DestinationTarget) -> Self {
        let literal = target.host.parse().ok().map(|address: IpAddr| SocketAddr::new(address, target.port));
        Self {
            host: target.host.clone(),
            port: target.port,
            named_by_operator: target.named_by_operator,
            fixed: target.address.or(literal),
            asking: Mutex::new(()),
            answer: RefCell::default(),
            failure: RefCell::default(),
            turn: Cell::new(0),
        }
    }

    /// Whether DNS is asked for it.
    pub(crate) const fn is_asked_for(&self) -> bool {
        self.fixed.is_none()
    }

    /// Whether an address is, as far as is known, still one of this name. One that was not asked for
    /// always is.
    pub(crate) fn has(&self, address: Option<SocketAddr>) -> bool {
        let Some(address) = address else { return true };
        self.answer.borrow().as_ref().is_none_or(|answer| answer.addresses.contains(&address))
    }

    /// The addresses, each one first in turn. The error is a sentence for an operator. `clock` is the
    /// monotonic one, in nanoseconds.
    pub(crate) async fn addresses(&self, clock: impl Fn() -> u64) -> Result<Addresses, Rc<str>> {
        if let Some(address) = self.fixed {
            return Ok(Addresses { all: [address].into(), first: 0 });
        }
        if let Some(known) = self.known(clock()) {
            return known;
        }
        let _asking = self.asking.lock().await;
        if let Some(known) = self.known(clock()) {
            return known;
        }
        let found = look_up(&self.host, self.port, self.named_by_operator).await;
        let at = clock();
        match found {
            Ok(addresses) => {
                *self.failure.borrow_mut() = None;
                *self.answer.borrow_mut() = Some(Answer { addresses: addresses.into(), at });
            }
            Err(reason) => {
                let mut answer = self.answer.borrow_mut();
                *answer = answer.take().filter(|answer| at.saturating_sub(answer.at) < STALE_NANOSECONDS);
                *self.failure.borrow_mut() = Some(Failure { reason: reason.into(), at });
            }
        }
        self.known(at).unwrap_or_else(|| Err("the name cannot be resolved".into()))
    }

    /// What need not be asked now.
    fn known(&self, now: u64) -> Option<Result<Addresses, Rc<str>>> {
        let answer = self.answer.borrow();
        let failure = self.failure.borrow();
        let failed = failure.as_ref().filter(|failure| now.saturating_sub(failure.at) < FAILED_NANOSECONDS);
        let fresh = |answer: &&Answer| failed.is_some() || now.saturating_sub(answer.at) < FRESH_NANOSECONDS;
        match (answer.as_ref().filter(fresh), failed) {
            (Some(answer), _) => {
                let first = self.turn.get();
                self.turn.set(first.wrapping_add(1));
                Some(Ok(Addresses { all: Rc::clone(&answer.addresses), first }))
            }
            (None, Some(failure)) => Some(Err(Rc::clone(&failure.reason))),
            (None, None) => None,
        }
    }
}

/// Asks DNS. The addresses that the name may not lead to are left out.
pub(crate) async fn look_up(
    host: &str,
    port: u16,
    named_by_operator: bool,
) -> Result<Vec<SocketAddr>, String> {
    let found = tokio::net::lookup_host((host, port)).await;
    let found = found.map_err(|error| format!("the name cannot be resolved: {error}"))?;
    let addresses: Vec<SocketAddr> =
        found.filter(|address| named_by_operator || !is_internal(address.ip())).collect();
    if addresses.is_empty() {
        return Err("the name has no address that may be called".to_owned());
    }
    Ok(addresses)
}

/// Whether an address is loopback, link-local (the metadata service is) or unspecified: never what a
/// name of somebody else's should lead to.
fn is_internal(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => address.is_loopback() || address.is_link_local() || address.is_unspecified(),
        IpAddr::V6(address) => {
            // The metadata service, the name server and the clock of an instance.
            let is_of_instances = matches!(address.segments(), [0xfd00, 0x0ec2, ..]);
            address.is_loopback()
                || address.is_unicast_link_local()
                || address.is_unspecified()
                || is_of_instances
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn upstream_internal_addresses_are_known() {
        for internal in
            ["127.0.0.1", "::1", "169.254.169.254", "fe80::1", "0.0.0.0", "::ffff:127.0.0.1", "fd00:ec2::254"]
        {
            assert!(is_internal(internal.parse().unwrap()), "{internal}");
        }
        for ours in ["10.0.0.1", "192.168.0.1", "8.8.8.8", "fd12::1", "2001:db8::1"] {
            assert!(!is_internal(ours.parse().unwrap()), "{ours}");
        }
    }

    impl Name {
        /// As if DNS had said this at that time.
        pub(crate) fn learn(&self, addresses: &[SocketAddr], at: u64) {
            *self.answer.borrow_mut() = Some(Answer { addresses: addresses.into(), at });
        }
    }

    fn name(host: &str) -> Name {
        Name::new(&DestinationTarget { host: host.into(), port: 80, address: None, named_by_operator: false })
    }

    #[test]
    fn every_address_is_first_in_turn() {
        let name = name("backend.test");
        name.learn(&["10.0.0.1:80", "10.0.0.2:80", "10.0.0.3:80"].map(|address| address.parse().unwrap()), 0);
        let mut firsts = Vec::new();
        for _ in 0..4 {
            let addresses = name.known(1).unwrap().unwrap();
            let all: Vec<SocketAddr> = addresses.iter().collect();
            assert_eq!(all.len(), 3);
            firsts.push(all[0].ip().to_string());
        }
        assert_eq!(firsts, ["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.1"]);
    }

    #[test]
    fn an_old_answer_is_asked_about_again_and_used_while_dns_fails() {
        let name = name("backend.test");
        name.learn(&["10.0.0.1:80".parse().unwrap()], 0);
        assert!(name.known(FRESH_NANOSECONDS - 1).unwrap().is_ok());
        assert!(name.known(FRESH_NANOSECONDS).is_none(), "to be asked again");
        let at = FRESH_NANOSECONDS;
        *name.failure.borrow_mut() = Some(Failure { reason: "no".into(), at });
        assert!(name.known(at + FAILED_NANOSECONDS - 1).unwrap().is_ok(), "the old one goes on");
        assert!(name.known(at + FAILED_NANOSECONDS).is_none(), "to be asked again");
        *name.answer.borrow_mut() = None;
        assert_eq!(&*name.known(at).unwrap().unwrap_err(), "no");
    }
}
