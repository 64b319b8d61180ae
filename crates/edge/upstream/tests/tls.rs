//! TLS to backends: who is trusted, what is said to them, and that faults of certificates are told from
//! faults of the network (integrations.md HB5 and HB6, gateway-responses.md section 2).
#![expect(clippy::unwrap_used, reason = "the helpers of a test may fail like the test")]

#[cfg(test)]
mod support;

use std::{net::SocketAddr, rc::Rc, sync::Arc};

use postern_gateway::{
    BodyFault, CallBody, Destination, DestinationTls, Event, FetchedCredentials,
    IntegrationFailureKind as Kind, RequestBody,
};
use postern_model::CredentialSource;
use postern_upstream::{Backends, ClientTls};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::{
    RootCertStore, ServerConfig,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer},
};
use support::*;
use tokio::net::TcpStream;
use tokio_rustls::{TlsAcceptor, server::TlsStream};

const NAME: &str = "backend.test";

/// An authority, and what it issues.
struct Authority {
    certificate: CertificateDer<'static>,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn new(name: &str) -> Self {
        let mut parameters = CertificateParams::new([]).unwrap();
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        parameters.distinguished_name.push(rcgen::DnType::CommonName, name);
        let key = KeyPair::generate().unwrap();
        let certificate = parameters.self_signed(&key).unwrap().der().clone();
        Self { certificate, issuer: Issuer::new(parameters, key) }
    }

    fn trusted(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.clone()).unwrap();
        roots
    }

    /// A server's certificate, with its chain up to this authority.
    fn issue(&self, parameters: CertificateParams) -> Shown {
        let key = KeyPair::generate().unwrap();
        let leaf = parameters.signed_by(&key, &self.issuer).unwrap();
        Shown { chain: vec![leaf.der().clone(), self.certificate.clone()], key: key.serialize_der() }
    }
}

/// What a server shows.
struct Shown {
    chain: Vec<CertificateDer<'static>>,
    key: Vec<u8>,
}

impl Shown {
    fn config(self) -> Arc<ServerConfig> {
        let key = PrivateKeyDer::try_from(self.key).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(self.chain, key)
            .unwrap();
        Arc::new(config)
    }
}

fn for_name(name: &str) -> CertificateParams {
    let mut parameters = CertificateParams::new([name.to_owned()]).unwrap();
    parameters.distinguished_name.push(rcgen::DnType::CommonName, "a backend");
    parameters
}

fn expired() -> CertificateParams {
    let mut parameters = for_name(NAME);
    parameters.not_before = date_time_ymd(2019, 1, 1);
    parameters.not_after = date_time_ymd(2020, 1, 1);
    parameters
}

fn self_signed(parameters: CertificateParams) -> Shown {
    let key = KeyPair::generate().unwrap();
    let certificate = parameters.self_signed(&key).unwrap();
    Shown { chain: vec![certificate.der().clone()], key: key.serialize_der() }
}

fn over_tls(address: SocketAddr, insecure_skip_verification: bool) -> Destination {
    let tls = DestinationTls { server_name: NAME.into(), insecure_skip_verification };
    Destination { tls: Some(tls), ..destination(address) }
}

/// A backend over TLS that the authority knows, and that plays this script on each connection.
async fn scripted<P>(authority: &Authority, script: impl Fn(TlsVisit) -> P + Copy + 'static) -> Peer
where
    P: Future<Output = ()>,
{
    let config = authority.issue(for_name(NAME)).config();
    Peer::start(move |visit, _| {
        let acceptor = TlsAcceptor::from(Arc::clone(&config));
        async move {
            let (visit, stream) = visit.without_stream();
            script(visit.over(acceptor.accept(stream).await.unwrap())).await;
        }
    })
    .await
}

type TlsVisit = Visit<TlsStream<TcpStream>>;

/// A backend over TLS that answers with the name that it was asked for.
async fn tls_peer(shown: Shown) -> Peer {
    let config = shown.config();
    Peer::start(move |visit, _| {
        let acceptor = TlsAcceptor::from(Arc::clone(&config));
        async move {
            let (visit, stream) = visit.without_stream();
            let Ok(stream) = acceptor.accept(stream).await else { return };
            let name = stream.get_ref().1.server_name().unwrap_or("nobody").to_owned();
            let mut visit = visit.over(stream);
            while visit.request().await.is_some() {
                visit.send(&ok(&name)).await;
            }
        }
    })
    .await
}

#[test]
fn tls_the_name_of_the_uri_is_sent_and_verified() {
    run(async {
        let authority = Authority::new("known");
        let peer = tls_peer(authority.issue(for_name(NAME))).await;
        let house = House::trusting(authority.trusted());
        let destination = over_tls(peer.address, false);
        for _ in 0..3 {
            assert_eq!(house.ask(&destination, &get()).await, answered(200, NAME));
            assert_eq!(house.ask(&destination, &post()).await, answered(200, NAME));
        }
        assert_eq!(peer.connections(), 1);
        assert!(peer.requests()[0].contains("Host: backend.test\r\n"));
    });
}

/// What a server shows, whether the gateway knows its authority, and whether it is let pass: as usual,
/// and where the issuer is not verified.
fn shows() -> Vec<(&'static str, Shown, RootCertStore, bool, bool)> {
    let known = Authority::new("known");
    let other = Authority::new("other");
    let nobody = RootCertStore::empty;
    let without_root = |mut shown: Shown| {
        shown.chain.truncate(1);
        shown
    };
    let mut authority_itself = for_name(NAME);
    authority_itself.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let mut expired_authority_itself = expired();
    expired_authority_itself.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let mut not_yet = for_name(NAME);
    not_yet.not_before = date_time_ymd(2099, 1, 1);
    not_yet.not_after = date_time_ymd(2100, 1, 1);
    vec![
        ("a known issuer", known.issue(for_name(NAME)), known.trusted(), true, true),
        ("a known issuer, not shown", without_root(known.issue(for_name(NAME))), known.trusted(), true, true),
        ("an unknown issuer", other.issue(for_name(NAME)), known.trusted(), false, true),
        ("nobody is known", other.issue(for_name(NAME)), nobody(), false, true),
        ("an unknown issuer, not shown", without_root(other.issue(for_name(NAME))), nobody(), false, false),
        ("self-signed", self_signed(for_name(NAME)), known.trusted(), false, true),
        ("self-signed, an authority", self_signed(authority_itself), known.trusted(), false, true),
        ("another name", known.issue(for_name("other.test")), known.trusted(), false, false),
        ("another name, unknown issuer", other.issue(for_name("other.test")), nobody(), false, false),
        ("another name, self-signed", self_signed(for_name("other.test")), nobody(), false, false),
        ("expired", known.issue(expired()), known.trusted(), false, false),
        ("expired, unknown issuer", other.issue(expired()), nobody(), false, false),
        ("expired, self-signed", self_signed(expired()), nobody(), false, false),
        ("expired, an authority", self_signed(expired_authority_itself), nobody(), false, false),
        ("not yet valid", known.issue(not_yet), known.trusted(), false, false),
    ]
}

#[test]
fn tls_hb6_only_the_issuer_may_go_unverified() {
    for skips in [false, true] {
        for (name, shown, roots, passes, passes_unverified) in shows() {
            run(async {
                let peer = tls_peer(shown).await;
                let house = House::trusting(roots);
                let passes = if skips { passes_unverified } else { passes };
                for request in [get(), post()] {
                    let outcome = house.ask(&over_tls(peer.address, skips), &request).await;
                    let expected =
                        if passes { answered(200, NAME) } else { Outcome::Failed(Kind::Certificate) };
                    assert_eq!(outcome, expected, "{name}, insecureSkipVerification: {skips}");
                }
                assert_eq!(peer.requests().len(), if passes { 2 } else { 0 }, "{name}");
                assert_eq!(house.events.count(Event::BackendRetried), 0, "{name}");
            });
        }
    }
}

#[test]
fn tls_a_broken_handshake_is_a_network_failure() {
    for bytes in ["", "HTTP/1.1 400 Bad Request\r\n\r\n", "\x15\x03\x03\0\x02\x02\x28"] {
        for request in [get(), post()] {
            run(async {
                let peer = Peer::start(move |mut visit, _| async move { visit.send(bytes).await }).await;
                let house = House::new();
                assert_eq!(house.ask(&over_tls(peer.address, false), &request).await, NETWORK, "{bytes:?}");
                assert_eq!(house.events.count(Event::BackendConnectFailed), 1);
            });
        }
    }
}

#[test]
fn tls_a_handshake_that_hangs_ends_with_connect_seconds() {
    run(async {
        let house = House::new();
        let peer = Peer::start(|mut visit, _| async move {
            visit.ended().await;
            visit.note("ended".to_owned());
        })
        .await;
        let (outcome, ()) = both(house.ask(&over_tls(peer.address, false), &get()), async {
            peer.has_connections(1).await;
            settle().await;
            house.timers.advance_to(BEGIN + 2 * SECOND - 1);
            settle().await;
            assert_eq!(house.events.count(Event::BackendConnectFailed), 0, "too early");
            house.timers.advance_to(BEGIN + 2 * SECOND);
        })
        .await;
        assert_eq!(outcome, NETWORK);
        assert_eq!(house.events.count(Event::LimitHit("connectSeconds")), 1);
        peer.has_requests(1).await;
    });
}

#[test]
fn tls_large_bodies_pass_whole_both_ways() {
    const BYTES: usize = 3_000_000;
    run(async {
        let authority = Authority::new("known");
        let peer = scripted(&authority, move |mut visit| async move {
            while let Some(request) = visit.request().await {
                visit.send(&ok(request.split_once("\r\n\r\n").unwrap().1)).await;
            }
        })
        .await;
        let house = House::trusting(authority.trusted());
        let destination = over_tls(peer.address, false);
        let text: Rc<str> = "0123456789".repeat(BYTES / 10).into();
        for _ in 0..2 {
            let outcome = house.ask(&destination, &with_body("POST", &text)).await;
            assert!(outcome == answered(200, &text));
            let (pieces, mut body) = client_body("");
            for piece in text.as_bytes().chunks(70_000) {
                pieces.send(Ok::<Vec<u8>, BodyFault>(piece.to_vec())).unwrap();
            }
            drop(pieces);
            assert!(matches!(body.length(), postern_gateway::BodyLength::Unknown));
            let request = upload("POST", BYTES);
            let reply = house.call(&destination, &request, CallBody::Stream(&mut body)).await.unwrap();
            assert!(read(reply).await == answered(200, &text));
        }
        assert_eq!(peer.connections(), 1);
    });
}

#[test]
fn tls_bytes_behind_an_answer_discard_the_connection_wherever_they_lie() {
    // In the same record as the answer, and in one behind it.
    for parts in [
        &["HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok more"][..],
        &[
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
            "HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nsmuggled",
        ],
    ] {
        run(async {
            let authority = Authority::new("known");
            let peer = scripted(&authority, move |mut visit| async move {
                visit.request().await;
                for part in parts {
                    visit.send(part).await;
                }
                visit.ended().await;
            })
            .await;
            let house = House::trusting(authority.trusted());
            let destination = over_tls(peer.address, false);
            for connections in 1..4 {
                assert_eq!(house.ask(&destination, &get()).await, answered(200, "ok"));
                assert_eq!(peer.connections(), connections);
            }
        });
    }
}

#[test]
fn tls_an_end_that_the_backend_did_not_announce_is_no_end_of_a_body() {
    for announces in [false, true] {
        run(async {
            let authority = Authority::new("known");
            let peer = scripted(&authority, move |mut visit| async move {
                visit.request().await;
                visit.send("HTTP/1.1 200 OK\r\n\r\nhello").await;
                if announces {
                    tokio::io::AsyncWriteExt::shutdown(&mut visit.stream).await.unwrap();
                }
            })
            .await;
            let house = House::trusting(authority.trusted());
            let outcome = house.ask(&over_tls(peer.address, false), &get()).await;
            let expected =
                if announces { answered(200, "hello") } else { cut(200, "hello", Kind::BadAnswer) };
            assert_eq!(outcome, expected);
        });
    }
}

#[test]
fn tls_credentials_are_fetched_from_whom_the_issuer_vouches_for_alone() {
    let answer = r#"{"AccessKeyId": "ASIA1", "SecretAccessKey": "the-secret"}"#;
    let (known, other) = (Authority::new("known"), Authority::new("other"));
    for (roots, is_trusted) in [(known.trusted(), true), (other.trusted(), false)] {
        run(async {
            let config = known.issue(for_name("localhost")).config();
            let peer = Peer::start(move |visit, _| {
                let acceptor = TlsAcceptor::from(Arc::clone(&config));
                async move {
                    let (visit, stream) = visit.without_stream();
                    let Ok(stream) = acceptor.accept(stream).await else { return };
                    let mut visit = visit.over(stream);
                    visit.request().await;
                    visit.send(&ok(answer)).await;
                }
            })
            .await;
            let uri = format!("https://localhost:{}", peer.address.port());
            let endpoint = uri.parse().unwrap();
            let source = CredentialSource::Container { endpoint, path: "/".into(), token: None };
            let wanted = FetchedCredentials::new(source);
            let tls = ClientTls::with_roots(roots.clone()).unwrap();
            let fetched = Backends::fetch_credentials(&wanted, &tls).await;
            assert_eq!((fetched.is_ok(), wanted.held().is_some()), (is_trusted, is_trusted));
            assert!(fetched.err().is_none_or(|reason| reason.starts_with(&format!("GET {uri}: "))));
            assert_eq!(peer.requests().len(), usize::from(is_trusted));
        });
    }
}
