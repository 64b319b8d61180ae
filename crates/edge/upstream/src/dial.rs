//! Opening a connection to a target.

use std::{io, net::SocketAddr, sync::Arc};

use postern_gateway::{
    Destination, DestinationTarget, DestinationTls, IntegrationFailure, IntegrationFailureKind as Kind,
    Timers,
};
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::{connection::Connection, failure::failure, resolve::Resolver, tls::ClientTls};

/// Opens a connection, TLS included, until `deadline` at the latest.
pub(crate) async fn dial<T: Timers>(
    destination: &Destination,
    target: &DestinationTarget,
    resolver: &Resolver,
    client_tls: &ClientTls,
    timers: &T,
    deadline: u64,
) -> Result<Connection, IntegrationFailure> {
    let opening = async {
        let now = timers.now().monotonic_nanoseconds;
        let addresses = resolver.addresses(target, now).await;
        let addresses = addresses.map_err(|reason| failure(Kind::Network, destination, reason))?;
        let stream = connect(&addresses).await;
        let stream = stream.map_err(|(address, error)| {
            failure(Kind::Network, destination, format_args!("connecting to {address}: {error}"))
        })?;
        match &destination.tls {
            None => Ok(Connection::Plain(stream)),
            Some(tls) => handshake(stream, tls, client_tls)
                .await
                .map_err(|(kind, error)| failure(kind, destination, format_args!("TLS handshake: {error}"))),
        }
    };
    timers.within(deadline, opening).await.unwrap_or_else(|_| {
        Err(failure(
            Kind::Network,
            destination,
            format_args!("no connection to {}:{} in time", target.host, target.port),
        ))
    })
}

/// Connects to the first address that answers.
async fn connect(addresses: &[SocketAddr]) -> Result<TcpStream, (SocketAddr, io::Error)> {
    let mut last = None;
    for address in addresses {
        match TcpStream::connect(address).await {
            Ok(stream) => {
                // Without it the last piece of a body may wait for an acknowledgement. Failing is not
                // worth losing the connection.
                let _ = stream.set_nodelay(true);
                return Ok(stream);
            }
            Err(error) => last = Some((*address, error)),
        }
    }
    Err(last.unwrap_or_else(|| (SocketAddr::from(([0, 0, 0, 0], 0)), io::ErrorKind::AddrNotAvailable.into())))
}

async fn handshake(
    stream: TcpStream,
    tls: &DestinationTls,
    client_tls: &ClientTls,
) -> Result<Connection, (Kind, io::Error)> {
    let name = ServerName::try_from(tls.server_name.to_string())
        .map_err(|error| (Kind::Certificate, io::Error::new(io::ErrorKind::InvalidInput, error)))?;
    let connector = TlsConnector::from(client_tls.config(tls.insecure_skip_verification));
    match connector.connect(name, stream).await {
        Ok(stream) => Ok(Connection::Tls(Box::new(stream))),
        Err(error) => {
            let rejected = error
                .get_ref()
                .and_then(|inner| inner.downcast_ref::<rustls::Error>())
                .is_some_and(|inner| matches!(inner, rustls::Error::InvalidCertificate(_)));
            Err((if rejected { Kind::Certificate } else { Kind::Network }, error))
        }
    }
}

/// The roots that are trusted, shared by all workers.
pub(crate) type SharedTls = Arc<ClientTls>;
