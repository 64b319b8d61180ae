//! Opening a connection to a target.

use std::{
    fmt::{self, Display},
    io,
    net::SocketAddr,
    pin::pin,
    rc::Rc,
};

use postern_gateway::{DestinationTls, IntegrationFailureKind as Kind, Timers};
use postern_socket::{Outbox, Socket};
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::{
    buffers::Buffers,
    connection::{BulkSocket, Connection, Wire},
    name::Name,
    tls::{ClientTls, Trust},
};

/// What it takes to open connections.
#[derive(Debug)]
pub(crate) struct Dialler<'d, T> {
    pub(crate) timers: &'d T,
    pub(crate) client_tls: &'d ClientTls,
    pub(crate) buffers: &'d Buffers,
    pub(crate) outbox: &'d Outbox,
    /// Absent: plain text.
    pub(crate) tls: Option<&'d DestinationTls>,
}

/// Why a connection could not be opened, for an operator.
#[derive(Debug)]
pub(crate) enum DialFailure {
    /// It has no address.
    Name(Rc<str>),
    /// An address cannot be reached.
    Connect(SocketAddr, io::Error),
    /// It does not speak TLS as it should.
    Handshake(io::Error),
    /// Its certificate is not trusted.
    Certificate(io::Error),
    /// It took too long.
    TooSlow,
}

impl DialFailure {
    pub(crate) const fn kind(&self) -> Kind {
        match self {
            Self::Certificate(_) => Kind::Certificate,
            Self::Name(_) | Self::Connect(..) | Self::Handshake(_) | Self::TooSlow => Kind::Network,
        }
    }
}

impl Display for DialFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(reason) => f.write_str(reason),
            Self::Connect(address, error) => write!(f, "connecting to {address}: {error}"),
            Self::Handshake(error) => write!(f, "TLS handshake: {error}"),
            Self::Certificate(error) => write!(f, "its certificate is refused: {error}"),
            Self::TooSlow => f.write_str("no connection in time"),
        }
    }
}

impl<T: Timers> Dialler<'_, T> {
    /// Opens a connection, TLS included, until `deadline` at the latest.
    pub(crate) async fn dial(&self, name: &Name, deadline: u64) -> Result<Connection, DialFailure> {
        let opening = pin!(async {
            let (socket, address) = self.connect(name, deadline).await?;
            // Without it the last piece of a body may wait for an acknowledgement. Failing is not worth
            // losing the connection.
            let _ = socket.set_nodelay(true);
            let wire = match self.tls {
                None => Wire::Plain(Socket::patient(socket, self.outbox)),
                Some(tls) => self.handshake(socket, tls).await?,
            };
            Ok(Connection::new(wire, name.is_asked_for().then(|| Rc::new(address))))
        });
        self.timers.within(deadline, opening).await.unwrap_or(Err(DialFailure::TooSlow))
    }

    /// Connects to the first address that answers. Each has its share of the time, so that one that is
    /// silent does not stand for all.
    async fn connect(&self, name: &Name, deadline: u64) -> Result<(TcpStream, SocketAddr), DialFailure> {
        let addresses = name.addresses(|| self.timers.monotonic_nanoseconds()).await;
        let addresses = addresses.map_err(DialFailure::Name)?;
        let mut addresses = addresses.iter();
        let mut last = DialFailure::TooSlow;
        while let Some(address) = addresses.next() {
            let now = self.timers.monotonic_nanoseconds();
            let share = deadline.saturating_sub(now) / (addresses.len() as u64 + 1);
            let connecting = pin!(TcpStream::connect(address));
            match self.timers.within(now.saturating_add(share), connecting).await {
                Ok(Ok(socket)) => return Ok((socket, address)),
                Ok(Err(error)) => last = DialFailure::Connect(address, error),
                Err(_) => last = DialFailure::TooSlow,
            }
        }
        Err(last)
    }

    async fn handshake(&self, socket: TcpStream, tls: &DestinationTls) -> Result<Wire, DialFailure> {
        let name = ServerName::try_from(tls.server_name.to_string())
            .map_err(|error| DialFailure::Certificate(io::Error::new(io::ErrorKind::InvalidInput, error)))?;
        let trust = if tls.insecure_skip_verification { Trust::PresentedRoots } else { Trust::KnownRoots };
        let connector = TlsConnector::from(self.client_tls.config(trust));
        match connector.connect(name, BulkSocket::new(socket, self.buffers.clone())).await {
            Ok(stream) => Ok(Wire::Tls(Box::new(stream))),
            Err(error) if is_certificate_fault(&error) => Err(DialFailure::Certificate(error)),
            Err(error) => Err(DialFailure::Handshake(error)),
        }
    }
}

fn is_certificate_fault(error: &io::Error) -> bool {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref());
    matches!(inner, Some(rustls::Error::InvalidCertificate(_) | rustls::Error::NoCertificatesPresented))
}
