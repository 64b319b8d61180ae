//! From an accepted socket to somebody with a name: which peers may talk at an address, and who they are
//! (architecture.md section 3, steps 2 and 4). Pure, so that the order of the layers is tested without a
//! socket.

use std::{
    collections::HashMap,
    fmt,
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use postern_model::{NetworkLayers, ProxyProtocol};
use postern_protocol::proxy_protocol::{Addresses, Command, Header, Malformed};

use crate::{Identity, NetworkVerdict};

/// What a connection meets at one address before a byte of it is read. Compiled with a snapshot; what it
/// decides holds for the life of the connection.
#[derive(Debug)]
pub struct Admission {
    way: Way,
}

/// How callers become known.
#[derive(Debug)]
enum Way {
    /// The peer is the caller.
    Direct(Arc<Guarded>),
    /// A load balancer carries callers of one identity.
    Carried(ProxyProtocol, Arc<Guarded>),
    /// A load balancer carries callers and names the VPC endpoint of each.
    Named(ProxyProtocol, HashMap<Box<str>, Arc<Guarded>>),
}

/// Somebody who may come in, and the network layers in front of them.
#[derive(Debug)]
pub(crate) struct Guarded {
    pub(crate) identity: Arc<Identity>,
    pub(crate) network: NetworkLayers,
}

/// A peer that may talk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Admitted {
    /// It is the caller, and this is who it is.
    Known(Arc<Identity>),
    /// It is a load balancer: a PROXY header says for whom it speaks.
    AwaitsHeader,
}

/// The caller behind a PROXY header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Introduction {
    /// Who it is.
    pub identity: Arc<Identity>,
    /// Its address (PA-58).
    pub source: SocketAddr,
    /// The port that it called; absent where the load balancer speaks for itself.
    pub called_port: Option<u16>,
}

/// Why a connection was closed before a byte was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectionRefusal {
    /// The network ACL denies its source.
    NetworkAcl,
    /// The security group does not hold its source.
    SecurityGroup,
    /// It comes to a listener for load balancers from an address that is none of theirs (PA-51).
    UntrustedSource,
    /// It does not start with a PROXY header that is taken.
    ProxyHeader(Malformed),
    /// It ended before its PROXY header was whole.
    ProxyHeaderCutShort,
    /// Its PROXY header was not whole in time (PA-56).
    ProxyHeaderLate,
    /// Its PROXY header names a VPC endpoint that may not come in here, or none where one must be (PA-57).
    VpcEndpoint,
}

impl ConnectionRefusal {
    /// The limit that was hit, by its name in the file.
    #[must_use]
    pub const fn limit(&self) -> Option<&'static str> {
        match self {
            Self::ProxyHeader(Malformed::TooLong { .. }) => Some("proxyHeaderBytes"),
            Self::ProxyHeaderLate => Some("proxyHeaderSeconds"),
            _ => None,
        }
    }
}

impl fmt::Display for ConnectionRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NetworkAcl => f.write_str("the network ACL denies the source"),
            Self::SecurityGroup => f.write_str("the security group does not hold the source"),
            Self::UntrustedSource => f.write_str("the peer is not among `trustedSources`"),
            Self::ProxyHeader(malformed) => malformed.fmt(f),
            Self::ProxyHeaderCutShort => f.write_str("the connection ended before its PROXY header did"),
            Self::ProxyHeaderLate => f.write_str("the PROXY header took too long"),
            Self::VpcEndpoint => {
                f.write_str("the VPC endpoint of the PROXY header is missing, or not one that is let in here")
            }
        }
    }
}

impl Admission {
    /// For listeners of one identity, with load balancers in front or without.
    pub(crate) fn of_one(proxy: Option<ProxyProtocol>, guarded: Arc<Guarded>) -> Self {
        let way = match proxy {
            Some(proxy) => Way::Carried(proxy, guarded),
            None => Way::Direct(guarded),
        };
        Self { way }
    }

    /// For listeners that VPC endpoints share.
    pub(crate) fn shared(proxy: ProxyProtocol, endpoints: HashMap<Box<str>, Arc<Guarded>>) -> Self {
        Self { way: Way::Named(proxy, endpoints) }
    }

    /// Decides about a peer, before a byte of it is read: without PROXY by the network ACL and then the
    /// security group, with PROXY by the trusted sources (PA-70).
    ///
    /// # Errors
    ///
    /// The layer that turns it away. The connection is closed without a byte.
    pub fn admit(&self, peer: IpAddr) -> Result<Admitted, ConnectionRefusal> {
        match &self.way {
            Way::Direct(guarded) => guarded.let_in(peer).map(Admitted::Known),
            Way::Carried(proxy, _) | Way::Named(proxy, _) => {
                let is_trusted = proxy.trusted_sources.iter().any(|trusted| trusted.contains(peer));
                if is_trusted { Ok(Admitted::AwaitsHeader) } else { Err(ConnectionRefusal::UntrustedSource) }
            }
        }
    }

    /// Decides about the caller that a PROXY header of a trusted peer speaks for: by its VPC endpoint, the
    /// network ACL and then the security group. A header that carries nobody is the load balancer's own.
    ///
    /// # Errors
    ///
    /// What turns it away. The connection is closed without a byte.
    pub fn identify(&self, header: &Header, peer: SocketAddr) -> Result<Introduction, ConnectionRefusal> {
        let (Command::Proxy, Some(Addresses { source, destination })) = (header.command, header.addresses)
        else {
            return Ok(Introduction {
                identity: Arc::new(Identity::Nobody),
                source: peer,
                called_port: None,
            });
        };
        let guarded =
            self.named_by(header.vpc_endpoint_id.as_deref()).ok_or(ConnectionRefusal::VpcEndpoint)?;
        let identity = guarded.let_in(source.ip())?;
        Ok(Introduction { identity, source, called_port: Some(destination.port()) })
    }

    /// Whether callers come through a load balancer that says who they are.
    pub(crate) const fn awaits_header(&self) -> bool {
        !matches!(self.way, Way::Direct(_))
    }

    /// Whether a PROXY header here may name a VPC endpoint, where endpoints share listeners.
    pub(crate) fn shares(&self, vpc_endpoint_id: &str) -> bool {
        matches!(&self.way, Way::Named(_, endpoints) if endpoints.contains_key(vpc_endpoint_id))
    }

    /// Whom the endpoint id of a header means. Where the listener says who comes, a header may repeat it
    /// and not contradict it (hardening.md section 4).
    fn named_by(&self, vpc_endpoint_id: Option<&str>) -> Option<&Arc<Guarded>> {
        match &self.way {
            Way::Direct(_) => None,
            Way::Carried(_, guarded) => {
                let agrees = match (&*guarded.identity, vpc_endpoint_id) {
                    (Identity::VpcEndpoint { vpc_endpoint_id: own, .. }, Some(named)) => {
                        own.as_str() == named
                    }
                    (_, named) => named.is_none(),
                };
                agrees.then_some(guarded)
            }
            Way::Named(_, endpoints) => endpoints.get(vpc_endpoint_id?),
        }
    }
}

impl Guarded {
    /// What the network layers say of a source.
    pub(crate) fn verdict(&self, source: IpAddr) -> NetworkVerdict<'_> {
        NetworkVerdict::of(&self.network, source)
    }

    fn let_in(&self, source: IpAddr) -> Result<Arc<Identity>, ConnectionRefusal> {
        self.verdict(source).refusal().map_or_else(|| Ok(Arc::clone(&self.identity)), Err)
    }
}

#[cfg(test)]
mod tests;
