//! Names of backends: the operator's addresses, addresses themselves, DNS.

use std::{
    cell::RefCell,
    collections::HashMap,
    net::{IpAddr, SocketAddr},
    rc::Rc,
};

use postern_gateway::DestinationTarget;

/// How long an answer of DNS is used again. Short: targets of a link move.
const KEPT_NANOSECONDS: u64 = 5_000_000_000;
/// Names whose answers are kept.
const NAMES_MAX: usize = 1_024;

/// What DNS has answered a worker.
#[derive(Debug, Default)]
pub(crate) struct Resolver {
    answers: RefCell<HashMap<(Box<str>, u16), Answer>>,
}

#[derive(Clone, Debug)]
struct Answer {
    addresses: Rc<[SocketAddr]>,
    until: u64,
}

impl Resolver {
    /// The addresses of a target, in the order in which they are to be tried. The error is a sentence
    /// for an operator.
    pub(crate) async fn addresses(
        &self,
        target: &DestinationTarget,
        now: u64,
    ) -> Result<Rc<[SocketAddr]>, String> {
        if let Some(address) = target.address {
            return Ok([address].into());
        }
        if let Ok(address) = target.host.parse::<IpAddr>() {
            return Ok([SocketAddr::new(address, target.port)].into());
        }
        if let Some(answer) = self.answers.borrow().get(&(target.host.clone(), target.port))
            && answer.until > now
        {
            return Ok(Rc::clone(&answer.addresses));
        }
        let found = tokio::net::lookup_host((&*target.host, target.port)).await;
        let found = found.map_err(|error| format!("the name cannot be resolved: {error}"))?;
        let addresses: Rc<[SocketAddr]> =
            found.filter(|address| target.named_by_operator || !is_internal(address.ip())).collect();
        if addresses.is_empty() {
            return Err("the name has no address that may be called".to_owned());
        }
        let mut answers = self.answers.borrow_mut();
        if answers.len() >= NAMES_MAX {
            answers.retain(|_, answer| answer.until > now);
        }
        let answer = Answer { addresses: Rc::clone(&addresses), until: now.saturating_add(KEPT_NANOSECONDS) };
        if answers.len() < NAMES_MAX {
            answers.insert((target.host.clone(), target.port), answer);
        }
        Ok(addresses)
    }
}

/// Whether an address is loopback, link-local (the metadata service is) or unspecified: never what a
/// name of somebody else's should lead to.
fn is_internal(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => address.is_loopback() || address.is_link_local() || address.is_unspecified(),
        IpAddr::V6(address) => {
            address.is_loopback()
                || address.is_unicast_link_local()
                || address.is_unspecified()
                || address.segments().first().is_some_and(|first| *first == 0xfd00)
                    && address.segments().get(1).is_some_and(|second| *second == 0x0ec2)
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
}
