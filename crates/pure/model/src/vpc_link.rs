//! VPC links: names for what stands behind integrations, and how its targets share the calls.

use crate::VpcLinkId;

/// A VPC link: the targets that answer for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VpcLink {
    /// What `connectionId` names.
    pub id: VpcLinkId,
    /// A name for people.
    pub name: Option<Box<str>>,
    /// Where it leads; at least one.
    pub targets: Vec<Target>,
    /// How the targets share the calls.
    pub balancing: Balancing,
}

/// One target: a host name or an address, and a port.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Target {
    /// A host name or an IP address.
    pub host: Box<str>,
    /// The port.
    pub port: u16,
}

/// How the targets of a VPC link share the calls: the words are those of Elastic Load Balancing's target
/// groups, which stand behind a link at the service.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Balancing {
    /// Which target is next.
    pub algorithm: LoadBalancingAlgorithm,
    /// For how many seconds a target that comes back gets less than its share: 0 (not at all) to 900.
    pub slow_start_seconds: u32,
    /// How it is found out which targets are well; absent: by the calls alone.
    pub health_check: Option<HealthCheck>,
}

/// Which target of a VPC link is next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum LoadBalancingAlgorithm {
    /// The one with the fewest calls in flight; among equals each has its turn.
    #[default]
    LeastOutstandingRequests,
    /// Each has its turn.
    RoundRobin,
}

/// How the targets of a VPC link are asked whether they are well.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HealthCheck {
    /// What is spoken.
    pub protocol: HealthCheckProtocol,
    /// The target of the request; starts with `/`. Not used with TCP.
    pub path: Box<str>,
    /// From one check to the next, in seconds: 1 to 300.
    pub interval_seconds: u32,
    /// How long a check may take, in seconds: 1 to 120.
    pub timeout_seconds: u32,
    /// Checks in a row that must succeed before a target that was ill is well: 1 to 10.
    pub healthy_threshold: u32,
    /// Checks in a row that must fail before a target that was well is ill: 1 to 10.
    pub unhealthy_threshold: u32,
}

/// What a health check speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HealthCheckProtocol {
    /// A connection that opens is enough.
    Tcp,
    /// `GET` must be answered with a status of 200 to 399.
    Http,
    /// As HTTP, over TLS. The certificate is not looked at, as the service's load balancers do not.
    Https,
}

impl HealthCheck {
    /// How long a check may take where the file does not say, and the interval is no shorter.
    pub const TIMEOUT_SECONDS: u32 = 5;
}

impl Default for Balancing {
    fn default() -> Self {
        Self {
            algorithm: LoadBalancingAlgorithm::default(),
            slow_start_seconds: Self::SLOW_START_SECONDS,
            health_check: None,
        }
    }
}

impl Balancing {
    /// How long a slow start lasts where the file does not say: the least that the service's load
    /// balancers take.
    pub const SLOW_START_SECONDS: u32 = 30;
}
