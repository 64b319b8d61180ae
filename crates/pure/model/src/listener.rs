//! Where connections come in, and the certificates shown there.

use std::{net::SocketAddr, path::PathBuf};

use crate::{NetworkLayers, ProxyProtocol, VpcEndpointId};

/// One listening address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listener {
    /// The address and port.
    pub address: SocketAddr,
}

/// A certificate chain and its private key, by file: the edge reads them, and reads them again at
/// each reload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsIdentity {
    /// PEM: the certificate, then its issuers.
    pub certificate_file: PathBuf,
    /// PEM: the private key; only its owner may read the file.
    pub private_key_file: PathBuf,
}

/// Listeners without an endpoint identity, for APIs that are not private.
#[derive(Clone, Debug)]
pub struct PublicListeners {
    /// The addresses.
    pub listeners: Vec<Listener>,
    /// Certificates, the default one first; empty: plain text.
    pub tls: Vec<TlsIdentity>,
    /// Whether HTTP/2 is served: by ALPN with TLS, by prior knowledge without.
    pub http2: bool,
    /// Whose PROXY header starts every connection; absent: no connection starts with one.
    pub proxy_protocol: Option<ProxyProtocol>,
    /// Which sources may talk.
    pub network: NetworkLayers,
    /// Whether a client's `X-Forwarded-For` stays in front of ours (PA-68).
    pub trust_x_forwarded_for: bool,
}

/// Listeners that several VPC endpoints share: which one a connection comes through is said by the PROXY
/// header of the load balancer in front (PA-57). What holds for an endpoint stands at its own entry.
#[derive(Clone, Debug)]
pub struct SharedListeners {
    /// The addresses.
    pub listeners: Vec<Listener>,
    /// Certificates, the default one first; empty: plain text.
    pub tls: Vec<TlsIdentity>,
    /// Whether HTTP/2 is served: by ALPN with TLS, by prior knowledge without.
    pub http2: bool,
    /// Whose PROXY header is believed.
    pub proxy_protocol: ProxyProtocol,
    /// The endpoints that may come in. Each has an entry among the VPC endpoints.
    pub vpc_endpoint_ids: Vec<VpcEndpointId>,
}
