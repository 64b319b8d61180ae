//! TLS over real sockets: certificates and names, resumption, reload, refusals.
#![expect(clippy::unwrap_used, reason = "the helpers of a test may fail like the test")]

#[cfg(test)]
mod support;

use std::{
    fs,
    io::Write,
    net::TcpStream,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use postern_gateway::Event;
use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256};
use rustls::{
    AlertDescription, ClientConfig, ClientConnection, HandshakeKind, NamedGroup, ProtocolVersion,
    RootCertStore, StreamOwned, SupportedProtocolVersion,
    crypto::{CryptoProvider, aws_lc_rs},
    pki_types::{CertificateDer, ServerName, pem::PemObject},
    version::{TLS12, TLS13},
};
use support::{Client, Gateway, HOST, Settings, connect, get, pattern, post, until};
use tempfile::TempDir;

/// Certificates in a folder of their own, each signed by itself.
struct Certificates {
    folder: TempDir,
}

impl Certificates {
    fn new() -> Self {
        Self { folder: TempDir::new().unwrap() }
    }

    fn path(&self, file: &str) -> PathBuf {
        self.folder.path().join(file)
    }

    /// Writes `NAME.crt` and `NAME.key`, for some DNS names.
    fn make(&self, name: &str, dns_names: &[&str]) -> CertificateDer<'static> {
        self.make_from(
            name,
            CertificateParams::new(dns_names.iter().map(ToString::to_string).collect::<Vec<_>>()).unwrap(),
        )
    }

    fn make_from(&self, name: &str, parameters: CertificateParams) -> CertificateDer<'static> {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
        let certificate = parameters.self_signed(&key).unwrap();
        fs::write(self.path(&format!("{name}.crt")), certificate.pem()).unwrap();
        let key_file = self.path(&format!("{name}.key"));
        let _ = fs::remove_file(&key_file);
        fs::write(&key_file, key.serialize_pem()).unwrap();
        fs::set_permissions(&key_file, fs::Permissions::from_mode(0o600)).unwrap();
        certificate.der().clone()
    }

    /// The lines of an endpoint that shows these.
    fn lines(&self, names: &[&str]) -> String {
        let folder = self.folder.path().display();
        let mut lines = "    tls:\n".to_owned();
        for name in names {
            lines += &format!(
                "      - certificateFile: {folder}/{name}.crt\n        privateKeyFile: {folder}/{name}.key\n"
            );
        }
        lines
    }

    fn settings(&self, names: &[&str]) -> Settings {
        Settings { endpoint: self.lines(names), ..Settings::default() }
    }
}

fn client_config(
    trusted: &[CertificateDer<'static>],
    versions: &[&'static SupportedProtocolVersion],
) -> ClientConfig {
    client_config_of(aws_lc_rs::default_provider(), trusted, versions)
}

fn client_config_of(
    provider: CryptoProvider,
    trusted: &[CertificateDer<'static>],
    versions: &[&'static SupportedProtocolVersion],
) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    for certificate in trusted {
        roots.add(certificate.clone()).unwrap();
    }
    ClientConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth()
}

type Secured = StreamOwned<ClientConnection, TcpStream>;

fn secure(gateway: &Gateway, config: &Arc<ClientConfig>, name: &str) -> Client<Secured> {
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let session = ClientConnection::new(Arc::clone(config), name).unwrap();
    Client::new(StreamOwned::new(session, connect(gateway.address())))
}

/// What the handshake fails with.
fn refusal(gateway: &Gateway, config: &Arc<ClientConfig>, name: &str) -> String {
    let mut client = secure(gateway, config, name);
    let fault = client.stream.write_all(get("/pets").as_bytes()).and_then(|()| client.stream.flush());
    fault.and_then(|()| client.rest().map(drop)).unwrap_err().to_string()
}

const BOTH: &[&SupportedProtocolVersion] = &[&TLS12, &TLS13];

#[test]
fn requests_follow_each_other_over_both_versions() {
    let certificates = Certificates::new();
    let trusted = certificates.make("gateway", &[HOST]);
    let gateway = Gateway::start(certificates.settings(&["gateway"]));
    for (version, number) in [(&TLS12, ProtocolVersion::TLSv1_2), (&TLS13, ProtocolVersion::TLSv1_3)] {
        let config = Arc::new(client_config(std::slice::from_ref(&trusted), &[version]));
        let mut client = secure(&gateway, &config, HOST);
        for _ in 0..3 {
            assert_eq!(client.get("/pets").text(), "hello");
        }
        assert_eq!(client.stream.conn.protocol_version(), Some(number));
        assert_eq!(client.stream.conn.alpn_protocol(), None);
    }
    assert_eq!(gateway.count(Event::HandshakeFinished { resumed: false }), 2);
}

#[test]
fn bodies_of_every_size_pass_both_ways() {
    let certificates = Certificates::new();
    let trusted = certificates.make("gateway", &[HOST]);
    let gateway = Gateway::start(certificates.settings(&["gateway"]));
    let config = Arc::new(client_config(&[trusted], BOTH));
    let mut client = secure(&gateway, &config, HOST);
    for size in [0, 1, 1_000, 16_000, 16_384, 16_385, 40_000, 131_072, 131_073, 1_000_000] {
        let body = String::from_utf8(pattern(size)).unwrap();
        client.send(post("/echo", &format!("Content-Length: {size}\r\n"), &body));
        assert_eq!(client.answer().text(), body, "{size}");
        assert_eq!(client.get(&format!("/chunked/3/{size}")).body, pattern(3 * size), "{size}");
    }
}

#[test]
fn a_record_may_arrive_in_many_pieces() {
    let certificates = Certificates::new();
    let trusted = certificates.make("gateway", &[HOST]);
    let gateway = Gateway::start(certificates.settings(&["gateway"]));
    let config = Arc::new(client_config(&[trusted], BOTH));
    let mut client = secure(&gateway, &config, HOST);
    assert_eq!(client.get("/pets").status, 200);
    let body = String::from_utf8(pattern(10_000)).unwrap();
    client
        .stream
        .conn
        .writer()
        .write_all(post("/echo", "Content-Length: 10000\r\n", &body).as_bytes())
        .unwrap();
    let mut records = Vec::new();
    while client.stream.conn.wants_write() {
        client.stream.conn.write_tls(&mut records).unwrap();
    }
    for piece in records.chunks(777) {
        client.stream.sock.write_all(piece).unwrap();
    }
    assert_eq!(client.answer().text(), body);
}

#[test]
fn tls_the_name_chooses_the_certificate() {
    let certificates = Certificates::new();
    let first = certificates.make("first", &[HOST]);
    let exact = certificates.make("exact", &["api.example.test"]);
    let wild = certificates.make("wild", &["*.Example.test"]);
    let gateway = Gateway::start(certificates.settings(&["first", "exact", "wild"]));
    let trusted = [first.clone(), exact.clone(), wild.clone()];
    let config = Arc::new(client_config(&trusted, BOTH));
    for (name, expected) in [
        (HOST, &first),
        ("api.example.test", &exact),
        ("API.Example.Test", &exact),
        ("other.example.test", &wild),
    ] {
        let mut client = secure(&gateway, &config, name);
        assert_eq!(client.get("/pets").status, 200, "{name}");
        let shown = client.stream.conn.peer_certificates().unwrap();
        assert_eq!(&shown[0], expected, "{name}");
    }
}

#[test]
fn tls_no_name_gets_the_default_certificate() {
    let certificates = Certificates::new();
    let first = certificates.make("first", &["127.0.0.1", HOST]);
    certificates.make("second", &["api.example.test"]);
    let gateway = Gateway::start(certificates.settings(&["first", "second"]));
    let mut config = client_config(std::slice::from_ref(&first), BOTH);
    config.enable_sni = false;
    let mut client = secure(&gateway, &Arc::new(config), HOST);
    assert_eq!(client.get("/pets").status, 200);
    assert_eq!(client.stream.conn.peer_certificates().unwrap()[0], first);
}

#[test]
fn tls_an_unknown_name_is_refused_with_its_alert() {
    let certificates = Certificates::new();
    let trusted = certificates.make("gateway", &[HOST]);
    let gateway = Gateway::start(certificates.settings(&["gateway"]));
    let config = Arc::new(client_config(&[trusted], BOTH));
    let fault = refusal(&gateway, &config, "elsewhere.example.test");
    assert!(fault.contains(&format!("{:?}", AlertDescription::UnrecognisedName)), "{fault}");
    gateway.until_saw(Event::HandshakeFailed);
}

#[test]
fn tls_something_else_than_a_handshake_is_refused() {
    let certificates = Certificates::new();
    certificates.make("gateway", &[HOST]);
    let gateway = Gateway::start(certificates.settings(&["gateway"]));
    let mut client = gateway.connect();
    client.send(get("/pets"));
    let _ = client.rest();
    gateway.until_saw(Event::HandshakeFailed);
    assert!(gateway.calls().is_empty());
}

#[test]
fn tls_old_versions_are_refused() {
    let certificates = Certificates::new();
    certificates.make("gateway", &[HOST]);
    let gateway = Gateway::start(certificates.settings(&["gateway"]));
    let mut client = gateway.connect();
    // A ClientHello of TLS 1.0 with one suite and no extension.
    let mut hello = vec![22, 3, 1, 0, 45, 1, 0, 0, 41, 3, 1];
    hello.extend([7; 32]);
    hello.extend([0, 0, 2, 0x00, 0x2f, 1, 0]);
    client.send(hello);
    let answer = client.rest().unwrap_or_default();
    assert_eq!((answer.first(), answer.get(5)), (Some(&21), Some(&2)), "no fatal alert: {answer:?}");
}

#[test]
fn resumption_works_across_workers_and_a_reload_of_the_same_certificate() {
    let certificates = Certificates::new();
    let trusted = certificates.make("gateway", &[HOST]);
    let settings = Settings { workers: 2, ..certificates.settings(&["gateway"]) };
    let mut gateway = Gateway::start(settings.clone());
    for versions in [&[&TLS12][..], &[&TLS13][..]] {
        let config = Arc::new(client_config(std::slice::from_ref(&trusted), versions));
        let mut first = secure(&gateway, &config, HOST);
        assert_eq!(first.get("/pets").status, 200);
        assert_eq!(first.stream.conn.handshake_kind(), Some(HandshakeKind::Full));
        for _ in 0..4 {
            let mut next = secure(&gateway, &config, HOST);
            assert_eq!(next.get("/pets").status, 200);
            assert_eq!(next.stream.conn.handshake_kind(), Some(HandshakeKind::Resumed));
        }
        gateway.reload(settings.clone()).unwrap();
        let mut after = secure(&gateway, &config, HOST);
        assert_eq!(after.get("/pets").status, 200);
        assert_eq!(after.stream.conn.handshake_kind(), Some(HandshakeKind::Resumed));
    }
}

#[test]
fn resumption_ends_with_another_certificate() {
    let certificates = Certificates::new();
    let old = certificates.make("gateway", &[HOST]);
    let settings = certificates.settings(&["gateway"]);
    let mut gateway = Gateway::start(settings.clone());
    let new = Certificates::new();
    let replacement = new.make("gateway", &[HOST]);
    let config = Arc::new(client_config(&[old.clone(), replacement.clone()], BOTH));
    let mut before = secure(&gateway, &config, HOST);
    assert_eq!(before.get("/pets").status, 200);
    fs::copy(new.path("gateway.crt"), certificates.path("gateway.crt")).unwrap();
    fs::copy(new.path("gateway.key"), certificates.path("gateway.key")).unwrap();
    gateway.reload(settings).unwrap();
    until("the new certificate", || {
        let mut after = secure(&gateway, &config, HOST);
        assert_eq!(after.get("/pets").status, 200);
        let is_new = after.stream.conn.peer_certificates().unwrap()[0] == replacement;
        assert!(!is_new || after.stream.conn.handshake_kind() == Some(HandshakeKind::Full));
        is_new
    });
    // The connection from before lives on.
    assert_eq!(before.get("/pets").status, 200);
}

#[test]
fn the_post_quantum_group_is_preferred_and_the_others_are_there() {
    let certificates = Certificates::new();
    let trusted = certificates.make("gateway", &[HOST]);
    let gateway = Gateway::start(certificates.settings(&["gateway"]));
    let groups = [
        (aws_lc_rs::kx_group::X25519MLKEM768, NamedGroup::X25519MLKEM768),
        (aws_lc_rs::kx_group::X25519, NamedGroup::X25519),
        (aws_lc_rs::kx_group::SECP256R1, NamedGroup::secp256r1),
        (aws_lc_rs::kx_group::SECP384R1, NamedGroup::secp384r1),
    ];
    for (group, name) in groups {
        let provider = CryptoProvider { kx_groups: vec![group], ..aws_lc_rs::default_provider() };
        let config = client_config_of(provider, std::slice::from_ref(&trusted), &[&TLS13]);
        let mut client = secure(&gateway, &Arc::new(config), HOST);
        assert_eq!(client.get("/pets").status, 200);
        assert_eq!(client.stream.conn.negotiated_key_exchange_group().map(|group| group.name()), Some(name));
    }
}

#[test]
fn the_protocol_is_agreed_on() {
    let certificates = Certificates::new();
    let trusted = certificates.make("gateway", &[HOST]);
    for (http2, offered, expected) in [
        (false, vec![b"h2".to_vec(), b"http/1.1".to_vec()], &b"http/1.1"[..]),
        (true, vec![b"http/1.1".to_vec()], b"http/1.1"),
        (true, vec![b"h2".to_vec(), b"http/1.1".to_vec()], b"h2"),
    ] {
        let mut settings = certificates.settings(&["gateway"]);
        settings.endpoint += &format!("    http2: {http2}\n");
        let gateway = Gateway::start(settings);
        let mut config = client_config(std::slice::from_ref(&trusted), BOTH);
        config.alpn_protocols = offered;
        let mut client = secure(&gateway, &Arc::new(config), HOST);
        if expected == b"h2" {
            client.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0");
            // A frame of SETTINGS comes back.
            assert_eq!(client.take(9)[3], 4);
        } else {
            assert_eq!(client.get("/pets").status, 200);
        }
        assert_eq!(client.stream.conn.alpn_protocol(), Some(expected));
    }
}

#[test]
fn identities_that_cannot_be_used_are_each_named_and_nothing_changes() {
    let certificates = Certificates::new();
    let trusted = certificates.make("gateway", &[HOST]);
    certificates.make("other", &[HOST]);
    certificates.make("readable", &[HOST]);
    fs::set_permissions(certificates.path("readable.key"), fs::Permissions::from_mode(0o644)).unwrap();
    certificates.make("mixed", &[HOST]);
    fs::copy(certificates.path("other.key"), certificates.path("mixed.key")).unwrap();
    certificates.make("empty", &[HOST]);
    fs::write(certificates.path("empty.crt"), "").unwrap();
    certificates.make("keyless", &[HOST]);
    fs::write(certificates.path("keyless.key"), "").unwrap();
    certificates.make("gone", &[HOST]);
    fs::remove_file(certificates.path("gone.key")).unwrap();
    let mut gateway = Gateway::start(certificates.settings(&["gateway"]));
    let broken = certificates.settings(&["readable", "mixed", "empty", "keyless", "gone"]);
    let problems = gateway.reload(broken).unwrap_err();
    let folder = certificates.folder.path().display().to_string();
    let told: Vec<String> = problems.iter().map(|problem| problem.replace(&folder, "tls")).collect();
    assert_eq!(
        told,
        [
            "tls/readable.key: its mode is 0644, so others may use this private key: make it 0600 or 0400",
            "tls/mixed.key: this private key does not belong to the certificate in tls/mixed.crt",
            "tls/empty.crt: holds no certificate (`-----BEGIN CERTIFICATE-----`)",
            "tls/keyless.key: holds no private key (`-----BEGIN PRIVATE KEY-----`)",
            "tls/gone.key: cannot be read: No such file or directory (os error 2)",
        ]
    );
    let config = Arc::new(client_config(&[trusted], BOTH));
    assert_eq!(secure(&gateway, &config, HOST).get("/pets").status, 200);
}

#[test]
fn a_certificate_out_of_its_dates_is_a_warning() {
    let certificates = Certificates::new();
    let mut expired = CertificateParams::new(vec![HOST.to_owned()]).unwrap();
    expired.not_after = rcgen::date_time_ymd(2020, 1, 1);
    certificates.make_from("expired", expired);
    let mut early = CertificateParams::new(vec![HOST.to_owned()]).unwrap();
    early.not_before = rcgen::date_time_ymd(2099, 1, 1);
    early.not_after = rcgen::date_time_ymd(2199, 1, 1);
    certificates.make_from("early", early);
    certificates.make("good", &[HOST]);
    let gateway = Gateway::start(certificates.settings(&["good", "expired", "early"]));
    let warnings = postern_server::check_identities(&gateway.live.current()).unwrap();
    assert_eq!(warnings.len(), 2);
    assert!(warnings[0].ends_with("expired.crt: this certificate has expired"), "{warnings:?}");
    assert!(warnings[1].ends_with("early.crt: this certificate is not valid yet"), "{warnings:?}");
    assert_eq!(gateway.server().prepare(&gateway.live.current()).unwrap().warnings(), warnings);
}

#[test]
fn a_chain_is_shown_whole() {
    let certificates = Certificates::new();
    let shown = certificates.make("gateway", &[HOST]);
    let issuer = certificates.make("issuer", &["issuer.test"]);
    let mut chain = fs::read_to_string(certificates.path("gateway.crt")).unwrap();
    chain += &fs::read_to_string(certificates.path("issuer.crt")).unwrap();
    fs::write(certificates.path("gateway.crt"), chain).unwrap();
    let gateway = Gateway::start(certificates.settings(&["gateway"]));
    let config = Arc::new(client_config(std::slice::from_ref(&shown), BOTH));
    let mut client = secure(&gateway, &config, HOST);
    assert_eq!(client.get("/pets").status, 200);
    assert_eq!(client.stream.conn.peer_certificates().unwrap(), [shown, issuer]);
    assert!(CertificateDer::from_pem_file(Path::new(&certificates.path("gateway.crt"))).is_ok());
}
