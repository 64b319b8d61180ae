//! What is to be called: plain data that names a link or a host, never an address of a connection.

use postern_model::{HostOverride, Target};

/// Where calls go: compiled once for each place that some method names, and adopted across snapshots
/// while nothing about it changes, so that pools survive a reload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    /// A small number, unique in the process as long as nothing about the destination changes: pools
    /// are found by it.
    pub id: u32,
    /// What it leads to.
    pub address: DestinationAddress,
    /// TLS towards it; absent: plain text.
    pub tls: Option<DestinationTls>,
}

/// What a destination leads to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum DestinationAddress {
    /// The targets of a VPC link.
    Link {
        /// The link's id.
        id: Box<str>,
        /// Its targets.
        targets: Vec<Target>,
    },
    /// A host of its own.
    Host {
        /// Host and port.
        target: Target,
        /// Whether the definition names an address or `localhost` itself, or the operator does
        /// (`hosts`): only then may it be a loopback, link-local or metadata address.
        named_by_operator: bool,
    },
}

/// TLS towards a destination.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DestinationTls {
    /// The name that is sent and verified: the host of the URI.
    pub server_name: Box<str>,
    /// Whether the issuer is not checked (HB6); name and dates always are.
    pub insecure_skip_verification: bool,
}

/// One call of a backend.
#[derive(Clone, Copy, Debug)]
pub struct IntegrationCall<'a> {
    /// Where it goes.
    pub destination: &'a Destination,
    /// The whole head as it goes over the wire, framing and the empty line included.
    pub head: &'a [u8],
    /// Whether it is a HEAD request, whose answer has no body.
    pub is_head: bool,
    /// Whether it may be sent twice (RFC 9110 section 9.2.2).
    pub is_idempotent: bool,
    /// When the whole exchange must be over, on the monotonic clock, in nanoseconds.
    pub deadline_nanoseconds: u64,
    /// Bytes that the answer's body may have; beyond them it is a bad answer.
    pub reply_bytes_max: u64,
}

/// The addresses that an operator names for upstream hosts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hosts {
    overrides: Vec<HostOverride>,
}

impl Hosts {
    /// These overrides.
    #[must_use]
    pub const fn new(overrides: Vec<HostOverride>) -> Self {
        Self { overrides }
    }

    /// The address that stands for a host and port, if one is named.
    #[must_use]
    pub fn address_of(&self, host: &str, port: u16) -> Option<std::net::SocketAddr> {
        self.overrides
            .iter()
            .find(|entry| entry.port == port && entry.host.eq_ignore_ascii_case(host))
            .map(|entry| entry.address)
    }
}
