//! May this peer talk, and who is it: what is fixed for a connection.

mod admission;
pub(crate) mod mutual_tls;
mod network;

use std::{
    cell::{Cell, OnceCell, RefCell},
    io::{self, Write},
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use mutual_tls::CachedVerdict;
pub use mutual_tls::ClientCertificate;

use postern_model::{VpcEndpointId, VpcId};
use postern_protocol::http1::FieldBlock;

use crate::authorization::CachedPolicy;

pub(crate) use admission::Guarded;
pub use admission::{Admission, Admitted, ConnectionRefusal, Introduction};
pub use network::{NetworkAclVerdict, NetworkVerdict, SecurityGroupVerdict};

/// Who a connection is: which door of the gateway it came in by.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
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
    /// A load balancer's own connection, such as a health check: it carries nobody, and nothing is
    /// reachable by it (PA-53).
    Nobody,
}

/// A connection: everything about it that no request can change (PA-1).
#[derive(Debug)]
pub struct Connection {
    identity: Arc<Identity>,
    source: SocketAddr,
    local: SocketAddr,
    called_port: u16,
    tls: Option<TlsFacts>,
    entrance: Cell<Option<CachedEntrance>>,
    source_text: SourceText,
    /// What backends are told of it, once one was.
    told_fields: OnceCell<FieldBlock>,
    server_name: Option<Box<str>>,
    client_certificate: Option<Box<ClientCertificate>>,
    pub(crate) verdict: Cell<Option<CachedVerdict>>,
    policies: RefCell<Vec<CachedPolicy>>,
}

/// The client's address as text: written once, sent with every request.
#[derive(Clone, Copy, Debug)]
struct SourceText {
    bytes: [u8; 39],
    length: u8,
}

impl SourceText {
    fn of(source: IpAddr) -> Self {
        let mut bytes = [0; 39];
        let mut rest = bytes.as_mut_slice();
        // No address is longer than eight groups of four digits and seven colons.
        let _ = match source.to_canonical() {
            IpAddr::V4(address) => write_octets(address.octets(), &mut rest),
            IpAddr::V6(address) => write!(rest, "{address}"),
        };
        let unwritten = rest.len();
        Self { bytes, length: u8::try_from(39 - unwritten).unwrap_or_default() }
    }
}

/// Writes an IPv4 address without the formatting machinery: each new connection needs it.
fn write_octets(octets: [u8; 4], output: &mut impl Write) -> io::Result<()> {
    for (index, octet) in octets.into_iter().enumerate() {
        if index > 0 {
            output.write_all(b".")?;
        }
        let digits = [octet / 100, octet / 10 % 10, octet % 10].map(|digit| b'0' + digit);
        let zeros = usize::from(octet < 100) + usize::from(octet < 10);
        output.write_all(digits.get(zeros..).unwrap_or_default())?;
    }
    Ok(())
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
    pub fn new(
        identity: Arc<Identity>,
        source: SocketAddr,
        local: SocketAddr,
        tls: Option<TlsFacts>,
    ) -> Self {
        Self {
            identity,
            source,
            local,
            called_port: local.port(),
            tls,
            entrance: Cell::new(None),
            source_text: SourceText::of(source.ip()),
            told_fields: OnceCell::new(),
            server_name: None,
            client_certificate: None,
            verdict: Cell::new(None),
            policies: RefCell::default(),
        }
    }

    /// The same, where the client called another port: that of a load balancer in front.
    #[must_use]
    pub fn with_called_port(self, called_port: u16) -> Self {
        Self { called_port, told_fields: OnceCell::new(), ..self }
    }

    /// Learns what the client said and proved in the handshake: the server name that it asked for, in lower
    /// case and without a last dot, and its certificate.
    pub fn learn_handshake(
        &mut self,
        server_name: Option<Box<str>>,
        client_certificate: Option<ClientCertificate>,
    ) {
        self.server_name = server_name;
        self.client_certificate = client_certificate.map(Box::new);
    }

    /// The server name that the client asked for.
    #[must_use]
    pub fn server_name(&self) -> Option<&str> {
        self.server_name.as_deref()
    }

    /// The certificate whose key the client has proved to have. Whether it is let in is asked for each
    /// request.
    #[must_use]
    pub fn client_certificate(&self) -> Option<&ClientCertificate> {
        self.client_certificate.as_deref()
    }

    /// Which door it came in by.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Which door, to be kept beyond the connection's life.
    pub(crate) fn shared_identity(&self) -> Arc<Identity> {
        Arc::clone(&self.identity)
    }

    /// The client's address.
    #[must_use]
    pub const fn source(&self) -> SocketAddr {
        self.source
    }

    /// The client's address as text, an IPv4-mapped one as IPv4.
    #[must_use]
    pub fn source_text(&self) -> &[u8] {
        self.source_text.bytes.get(..usize::from(self.source_text.length)).unwrap_or_default()
    }

    /// The address that it was accepted on.
    #[must_use]
    pub const fn local(&self) -> SocketAddr {
        self.local
    }

    /// The port that the client called.
    #[must_use]
    pub const fn called_port(&self) -> u16 {
        self.called_port
    }

    /// What TLS agreed on; absent on plain text.
    #[must_use]
    pub const fn tls(&self) -> Option<TlsFacts> {
        self.tls
    }

    /// What backends are told of the connection: written with its first call, the same for all.
    pub(crate) fn told_fields(&self, write: fn(&Self, &mut FieldBlock)) -> &FieldBlock {
        self.told_fields.get_or_init(|| {
            let mut fields = FieldBlock::with_capacity(TOLD_BYTES);
            write(self, &mut fields);
            fields
        })
    }

    pub(crate) const fn cached_policies(&self) -> &RefCell<Vec<CachedPolicy>> {
        &self.policies
    }

    pub(crate) const fn cached_entrance(&self) -> &Cell<Option<CachedEntrance>> {
        &self.entrance
    }
}

/// Room for what backends are told of a connection by an endpoint, without TLS.
const TOLD_BYTES: usize = 160;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(source: IpAddr) -> String {
        let connection =
            Connection::new(Arc::new(Identity::Public), (source, 1).into(), ([0; 4], 2).into(), None);
        String::from_utf8(connection.source_text().to_vec()).unwrap()
    }

    #[test]
    fn every_octet_is_written_as_the_library_writes_it() {
        for octet in 0..=255 {
            let address = IpAddr::from([octet, 255 - octet, 0, octet]);
            assert_eq!(text(address), address.to_string());
        }
    }

    proptest! {
        #[test]
        fn an_address_is_written_as_the_library_writes_it(bytes: [u8; 16], is_mapped: bool) {
            let [.., a, b, c, d] = bytes;
            let address = if is_mapped { [a, b, c, d].into() } else { IpAddr::from(bytes) };
            prop_assert_eq!(text(address), address.to_string());
            if let IpAddr::V4(mapped) = address {
                prop_assert_eq!(text(mapped.to_ipv6_mapped().into()), address.to_string());
            }
        }
    }
}
