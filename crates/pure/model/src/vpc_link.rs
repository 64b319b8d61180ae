//! VPC links: names for what stands behind integrations.

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
}

/// One target: a host name or an address, and a port.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Target {
    /// A host name or an IP address.
    pub host: Box<str>,
    /// The port.
    pub port: u16,
}
