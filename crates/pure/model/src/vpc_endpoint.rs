//! Interface VPC endpoints: who a connection is, and whom its listeners let in.

use postern_policy::Policy;

use crate::{Listener, NetworkLayers, ProxyProtocol, TlsIdentity, VpcEndpointId, VpcId};

/// One interface VPC endpoint: every connection to one of its listeners has its identity (PA-60), and so
/// has every one that names it to listeners that it shares (PA-57).
#[derive(Clone, Debug)]
pub struct VpcEndpoint {
    /// The endpoint's id.
    pub vpc_endpoint_id: VpcEndpointId,
    /// The VPC that it stands in.
    pub vpc_id: VpcId,
    /// Where it listens: one address for each subnet. Empty: it comes by shared listeners alone.
    pub listeners: Vec<Listener>,
    /// Certificates, the default one first; empty: plain text, for a sidecar on loopback.
    pub tls: Vec<TlsIdentity>,
    /// Whether HTTP/2 is served: by ALPN with TLS, by prior knowledge without.
    pub http2: bool,
    /// Whose PROXY header starts every connection to its listeners; absent: no connection starts with one.
    pub proxy_protocol: Option<ProxyProtocol>,
    /// Which sources may talk, by whatever listener they come.
    pub network: NetworkLayers,
    /// The endpoint policy; absent: full access (RP-96).
    pub policy: Option<Policy>,
    /// Which names `postern routes --dns` prints; decides nothing about a request.
    pub private_dns_enabled: bool,
    /// Whether a client's `X-Forwarded-For` stays in front of ours (PA-68).
    pub trust_x_forwarded_for: bool,
}
