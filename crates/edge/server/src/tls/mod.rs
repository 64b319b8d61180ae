//! TLS towards clients: configurations made of certificates, and the handshake (hardening section 6).

mod client_certificate;
mod identity;
mod stream;

use std::{
    future::poll_fn,
    io,
    sync::Arc,
    task::{Context, Poll},
};

use postern_gateway::{Snapshot, TlsTerms};
use postern_model::{SecurityPolicy, TlsIdentity};
use postern_protocol::certificate::Truststore;
use postern_socket::Socket;
use rustls::{
    CipherSuite, ServerConfig,
    crypto::{CryptoProvider, aws_lc_rs},
    server::{Acceptor, NoServerSessionStorage, ProducesTickets},
};

use client_certificate::ProofOfPossession;
pub(crate) use identity::{Identities, Identity};
pub(crate) use stream::{RecordScratch, TlsStream};

use crate::wire::Wire;

/// How connections to one listener are secured. Shared by all workers, tickets included.
#[derive(Debug)]
pub(crate) struct TlsConfiguration {
    identities: Arc<Identities>,
    /// Those that most names ask for are the first.
    terms: Vec<Terms>,
    /// Of all names that ask for client certificates.
    truststores: Vec<Arc<Truststore>>,
}

/// What connections for some server names agree on. Their tickets resume sessions of the same terms alone.
#[derive(Debug)]
struct Terms {
    asked: TlsTerms,
    config: Arc<ServerConfig>,
    ticketer: Arc<dyn ProducesTickets>,
}

impl TlsConfiguration {
    /// A configuration that shows these identities on the terms that the house's names ask for. The ticket
    /// keys of the old one are kept while it shows the same identities, so that a reload costs no client its
    /// session; those for client certificates only while no truststore has changed.
    pub(crate) fn new(
        identities: Vec<Identity>,
        house: &Snapshot,
        http2: bool,
        old: Option<&Self>,
    ) -> Result<Self, rustls::Error> {
        let identities = Arc::new(Identities::new(identities));
        let truststores: Vec<_> = house.truststores().map(Arc::clone).collect();
        let old = old.filter(|old| old.identities.are_those_of(&identities));
        let terms = house.all_tls_terms().into_iter().map(|asked| {
            let old = old.filter(|old| !asked.asks_for_client_certificate || old.truststores == truststores);
            let old = old.and_then(|old| old.terms.iter().find(|terms| terms.asked == asked));
            Terms::new(asked, &identities, http2, old)
        });
        Ok(Self { terms: terms.collect::<Result<_, _>>()?, identities, truststores })
    }

    /// What holds for a connection that asks for a name with these terms. A name that has begun to ask for
    /// them a moment ago is served as most are until this is replaced, and its requests are turned away.
    fn config(&self, asked: TlsTerms) -> Option<&Arc<ServerConfig>> {
        let terms = self.terms.iter().find(|terms| terms.asked == asked).or_else(|| self.terms.first());
        terms.map(|terms| &terms.config)
    }
}

impl Terms {
    fn new(
        asked: TlsTerms,
        identities: &Arc<Identities>,
        http2: bool,
        old: Option<&Self>,
    ) -> Result<Self, rustls::Error> {
        let ticketer = match old {
            Some(old) => Arc::clone(&old.ticketer),
            None => aws_lc_rs::Ticketer::new()?,
        };
        let versions: &[_] = match asked.security_policy.speaks_tls12() {
            true => &[&rustls::version::TLS13, &rustls::version::TLS12],
            false => &[&rustls::version::TLS13],
        };
        let provider = provider_of(asked.security_policy);
        let verifier = ProofOfPossession::by(provider.signature_verification_algorithms);
        let builder =
            ServerConfig::builder_with_provider(Arc::new(provider)).with_protocol_versions(versions)?;
        let mut config = match asked.asks_for_client_certificate {
            true => builder.with_client_cert_verifier(Arc::new(verifier)),
            false => builder.with_no_client_auth(),
        }
        .with_cert_resolver(Arc::clone(identities) as Arc<dyn rustls::server::ResolvesServerCert>);
        config.ticketer = Arc::clone(&ticketer);
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 1;
        config.max_early_data_size = 0;
        config.alpn_protocols = match http2 {
            true => vec![b"h2".to_vec(), b"http/1.1".to_vec()],
            false => vec![b"http/1.1".to_vec()],
        };
        Ok(Self { asked, config: Arc::new(config), ticketer })
    }
}

/// The algorithms: TLS 1.2 with ECDHE and AEAD only, and the groups of hardening section 6 in its order.
pub(crate) fn provider() -> CryptoProvider {
    CryptoProvider {
        kx_groups: vec![
            aws_lc_rs::kx_group::X25519MLKEM768,
            aws_lc_rs::kx_group::X25519,
            aws_lc_rs::kx_group::SECP256R1,
            aws_lc_rs::kx_group::SECP384R1,
        ],
        ..aws_lc_rs::default_provider()
    }
}

/// The algorithms that a policy speaks.
fn provider_of(policy: SecurityPolicy) -> CryptoProvider {
    use CipherSuite as Suite;
    let mut provider = provider();
    provider.cipher_suites.retain(|suite| match suite.suite() {
        Suite::TLS13_CHACHA20_POLY1305_SHA256 => policy.has_chacha20_in_tls13(),
        Suite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256
        | Suite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256 => policy.has_chacha20_in_tls12(),
        _ => true,
    });
    provider
}

/// Reads the identities of one listener. Every problem is told, each with its file.
pub(crate) fn read_identities(files: &[TlsIdentity], problems: &mut Vec<String>) -> Vec<Identity> {
    let provider = provider();
    let read = |files| Identity::read(files, &provider).map_err(|problem| problems.push(problem)).ok();
    files.iter().filter_map(read).collect()
}

/// Does the handshake with a client. `known` is asked about the server name that it asks for, and says what
/// that asks for in turn; nothing, where it is not known.
///
/// # Errors
///
/// When it failed; the client has been sent an alert where it still listened.
pub(crate) async fn accept(
    mut socket: Socket,
    configuration: &TlsConfiguration,
    scratch: RecordScratch,
    known: impl Fn(&str) -> Option<TlsTerms>,
) -> io::Result<TlsStream> {
    let mut acceptor = Acceptor::default();
    let mut hello = [0; HELLO_READ_BYTES];
    let (accepted, rest) = loop {
        let received = poll_fn(|context| Wire::poll_read(&mut socket, context, &mut hello)).await?;
        if received == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let mut bytes = hello.get(..received).unwrap_or_default();
        let mut accepted = None;
        while accepted.is_none() && !bytes.is_empty() {
            acceptor.read_tls(&mut bytes)?;
            accepted = match acceptor.accept() {
                Ok(accepted) => accepted,
                Err((fault, mut alert)) => {
                    let mut record = Vec::new();
                    alert.write_all(&mut record)?;
                    return refuse(&mut socket, &record, fault).await;
                }
            };
        }
        if let Some(accepted) = accepted {
            break (accepted, bytes);
        }
    };
    // The library gives names in lower case, and takes none with a last dot.
    let name = accepted.client_hello().server_name().map(str::to_ascii_lowercase);
    let known = name.as_deref().map_or_else(|| Some(TlsTerms::default()), known);
    if known.is_none() && name.is_some_and(|name| !configuration.identities.cover(&name)) {
        let fault = rustls::Error::General("unknown server name".to_owned());
        return refuse(&mut socket, UNRECOGNIZED_NAME, fault).await;
    }
    let config = configuration.config(known.unwrap_or_default()).ok_or(io::ErrorKind::Unsupported)?;
    let session = match accepted.into_connection(Arc::clone(config)) {
        Ok(session) => Box::new(session),
        Err((fault, mut alert)) => {
            let mut record = Vec::new();
            alert.write_all(&mut record)?;
            return refuse(&mut socket, &record, fault).await;
        }
    };
    let mut stream = TlsStream::new(socket, session, scratch);
    stream.feed(rest)?;
    finish(stream).await
}

/// From the server's first flight to the end of the handshake.
async fn finish(mut stream: TlsStream) -> io::Result<TlsStream> {
    while stream.is_handshaking() {
        let received = poll_fn(|context: &mut Context<'_>| {
            if let Poll::Ready(Err(fault)) = stream.poll_flush(context) {
                return Poll::Ready(Err(fault));
            }
            stream.poll_receive(context)
        })
        .await;
        match received {
            Ok(received) if received == 0 || stream.is_ended() => {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            Ok(_) => {}
            Err(fault) => {
                let _ = poll_fn(|context| stream.poll_flush(context)).await;
                return Err(fault);
            }
        }
    }
    if stream.client_waits() {
        poll_fn(|context| stream.poll_flush(context)).await?;
    }
    Ok(stream)
}

async fn refuse(socket: &mut Socket, alert: &[u8], fault: rustls::Error) -> io::Result<TlsStream> {
    // An alert is a few bytes: a new connection takes them at once or is gone.
    let _ = poll_fn(|context| Wire::poll_write(socket, context, alert, &[])).await;
    let _ = poll_fn(|context| Wire::poll_close(socket, context)).await;
    Err(io::Error::new(io::ErrorKind::InvalidData, fault))
}

/// A client's first message, key shares of the post-quantum kind included.
const HELLO_READ_BYTES: usize = 4 << 10;

/// The alert record `fatal, unrecognized_name` (RFC 6066 section 3, RFC 8446 section 6.2). It comes
/// before any key, so it is plain.
const UNRECOGNIZED_NAME: &[u8] = &[21, 3, 3, 0, 2, 2, 112];
