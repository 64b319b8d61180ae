//! TLS towards backends: names and chains are verified; an integration may relax the issuer alone.

use std::sync::Arc;

use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
        verify_server_name,
    },
    crypto::CryptoProvider,
    pki_types::{CertificateDer, ServerName, UnixTime},
    server::ParsedCertificate,
};
use webpki::EndEntityCert;

/// How backends are verified: made once, shared by all workers.
#[derive(Clone, Debug)]
pub struct ClientTls {
    known_roots: Arc<ClientConfig>,
    presented_roots: Arc<ClientConfig>,
    anybody: Arc<ClientConfig>,
}

/// Whose certificates are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trust {
    /// Those of the issuers that the gateway knows.
    KnownRoots,
    /// Those of any issuer that shows itself in the chain (HB6).
    PresentedRoots,
    /// Anybody's: nothing is told to them but that they are asked (health checks).
    Anybody,
}

/// Why no TLS towards backends can be had.
#[derive(Clone, Debug)]
pub struct ClientTlsProblem(String);

impl std::fmt::Display for ClientTlsProblem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ClientTlsProblem {}

impl ClientTls {
    /// Trusts the system's roots. Without any the gateway starts all the same, and calls over TLS
    /// fail by their certificates.
    ///
    /// # Errors
    ///
    /// When the crypto provider offers no usable protocol version.
    pub fn with_system_roots() -> Result<Self, ClientTlsProblem> {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        Self::with_roots(roots)
    }

    /// Trusts these roots.
    ///
    /// # Errors
    ///
    /// When the crypto provider offers no usable protocol version.
    pub fn with_roots(roots: RootCertStore) -> Result<Self, ClientTlsProblem> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        // A verifier without roots cannot be built; one that trusts nobody says so at the handshake.
        let known = (!roots.is_empty()).then(|| verifier_of(roots, &provider)).transpose();
        let known = known.map_err(|error| problem(&error))?;
        let config = |trust| -> Result<Arc<ClientConfig>, ClientTlsProblem> {
            let verifier = Verifier { known: known.clone(), provider: Arc::clone(&provider), trust };
            let mut config = ClientConfig::builder_with_provider(Arc::clone(&provider))
                .with_safe_default_protocol_versions()
                .map_err(|error| problem(&error))?
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(verifier))
                .with_no_client_auth();
            config.alpn_protocols = vec![b"http/1.1".to_vec()];
            Ok(Arc::new(config))
        };
        Ok(Self {
            known_roots: config(Trust::KnownRoots)?,
            presented_roots: config(Trust::PresentedRoots)?,
            anybody: config(Trust::Anybody)?,
        })
    }

    pub(crate) fn config(&self, trust: Trust) -> Arc<ClientConfig> {
        Arc::clone(match trust {
            Trust::KnownRoots => &self.known_roots,
            Trust::PresentedRoots => &self.presented_roots,
            Trust::Anybody => &self.anybody,
        })
    }
}

fn problem(error: &dyn std::fmt::Display) -> ClientTlsProblem {
    ClientTlsProblem(format!("TLS towards backends: {error}"))
}

fn verifier_of(
    roots: RootCertStore,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<WebPkiServerVerifier>, String> {
    WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider))
        .build()
        .map_err(|error| error.to_string())
}

/// The usual verification; where asked, an issuer that nobody knows is let pass: name and dates never
/// are.
#[derive(Debug)]
struct Verifier {
    known: Option<Arc<WebPkiServerVerifier>>,
    provider: Arc<CryptoProvider>,
    trust: Trust,
}

const UNKNOWN_ISSUER: Error = Error::InvalidCertificate(CertificateError::UnknownIssuer);

impl Verifier {
    /// Verifies a chain against the roots that it brings along itself.
    fn verify_by_presented_roots(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let mut roots = RootCertStore::empty();
        let presented = intermediates.iter().chain([end_entity]);
        roots.add_parsable_certificates(presented.filter(|certificate| is_self_issued(certificate)).cloned());
        if roots.is_empty() {
            return Err(UNKNOWN_ISSUER);
        }
        let verifier = verifier_of(roots, &self.provider).map_err(Error::General)?;
        let verified = verifier.verify_server_cert(end_entity, intermediates, server_name, &[], now);
        match verified {
            // A certificate that issued itself is its own authority. Its dates were looked at first.
            Err(fault) if is_self_issued(end_entity) && says_it_is_an_authority(&fault) => {
                verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
                Ok(ServerCertVerified::assertion())
            }
            verified => verified,
        }
    }
}

fn is_self_issued(certificate: &CertificateDer<'_>) -> bool {
    EndEntityCert::try_from(certificate).is_ok_and(|parsed| parsed.issuer() == parsed.subject())
}

fn says_it_is_an_authority(fault: &Error) -> bool {
    let Error::InvalidCertificate(CertificateError::Other(other)) = fault else { return false };
    matches!(other.0.downcast_ref(), Some(webpki::Error::CaUsedAsEndEntity))
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verified = match &self.known {
            _ if self.trust == Trust::Anybody => Ok(ServerCertVerified::assertion()),
            Some(known) => {
                known.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
            }
            None => Err(UNKNOWN_ISSUER),
        };
        match verified {
            Err(_) if self.trust == Trust::PresentedRoots => {
                self.verify_by_presented_roots(end_entity, intermediates, server_name, now)
            }
            verified => verified,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
