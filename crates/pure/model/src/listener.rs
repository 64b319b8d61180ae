//! Where connections come in, and the certificates shown there.

use std::{net::SocketAddr, path::PathBuf};

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
}
