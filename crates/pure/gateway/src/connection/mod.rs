//! May this peer talk, and who is it: what is fixed for a connection.

use std::{cell::Cell, net::SocketAddr, sync::Arc};

use postern_model::{VpcEndpointId, VpcId};

/// Who a connection is: which door of the gateway it came in by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Identity {
    /// Through a VPC endpoint.
    VpcEndpoint {
        /// The endpoint.
        vpc_endpoint_id: VpcEndpointId,
        /// The VPC that it stands in.
        vpc_id: VpcId,
    },
    /// Through a public listener: no endpoint.
    Public,
}

/// A connection: everything about it that no request can change (PA-1).
#[derive(Debug)]
pub struct Connection {
    identity: Arc<Identity>,
    source: SocketAddr,
    local: SocketAddr,
    tls: Option<TlsFacts>,
    entrance: Cell<Option<CachedEntrance>>,
}

/// What TLS agreed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TlsFacts {
    /// `TLSv1.2` or `TLSv1.3`.
    pub version: &'static str,
    /// The cipher suite in OpenSSL's or IANA's spelling.
    pub cipher_suite: &'static str,
}

/// Where the entrance of a connection stands in one snapshot.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CachedEntrance {
    pub(crate) generation: u64,
    pub(crate) index: usize,
}

impl Connection {
    /// A connection that was let in.
    #[must_use]
    pub const fn new(
        identity: Arc<Identity>,
        source: SocketAddr,
        local: SocketAddr,
        tls: Option<TlsFacts>,
    ) -> Self {
        Self { identity, source, local, tls, entrance: Cell::new(None) }
    }

    /// Which door it came in by.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// The client's address.
    #[must_use]
    pub const fn source(&self) -> SocketAddr {
        self.source
    }

    /// The address that it was accepted on.
    #[must_use]
    pub const fn local(&self) -> SocketAddr {
        self.local
    }

    /// What TLS agreed on; absent on plain text.
    #[must_use]
    pub const fn tls(&self) -> Option<TlsFacts> {
        self.tls
    }

    pub(crate) const fn cached_entrance(&self) -> &Cell<Option<CachedEntrance>> {
        &self.entrance
    }
}
