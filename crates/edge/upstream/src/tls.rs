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

/// How backends are verified: made once, shared by all workers.
#[derive(Clone, Debug)]
pub struct ClientTls {
    verified: Arc<ClientConfig>,
    any_issuer: Arc<ClientConfig>,
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
        let problem =
            |error: &dyn std::fmt::Display| ClientTlsProblem(format!("TLS towards backends: {error}"));
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = || {
            ClientConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions()
        };
        // A verifier without roots cannot be built; one that trusts nobody says so at the handshake.
        let inner = if roots.is_empty() {
            None
        } else {
            let verifier =
                WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider)).build();
            Some(verifier.map_err(|error| problem(&error))?)
        };
        let config = |any_issuer| -> Result<Arc<ClientConfig>, ClientTlsProblem> {
            let verifier = Verifier { inner: inner.clone(), provider: Arc::clone(&provider), any_issuer };
            let builder = builder().map_err(|error| problem(&error))?;
            Ok(Arc::new(
                builder
                    .dangerous()
                    .with_custom_certificate_verifier(Arc::new(verifier))
                    .with_no_client_auth(),
            ))
        };
        Ok(Self { verified: config(false)?, any_issuer: config(true)? })
    }

    pub(crate) fn config(&self, insecure_skip_verification: bool) -> Arc<ClientConfig> {
        Arc::clone(if insecure_skip_verification { &self.any_issuer } else { &self.verified })
    }
}

/// The usual verification; where asked, an unknown issuer is let pass (HB6): name, dates and
/// signatures never are.
#[derive(Debug)]
struct Verifier {
    inner: Option<Arc<WebPkiServerVerifier>>,
    provider: Arc<CryptoProvider>,
    any_issuer: bool,
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
        let verified = match &self.inner {
            Some(inner) => {
                inner.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
            }
            None => Err(Error::InvalidCertificate(CertificateError::UnknownIssuer)),
        };
        match verified {
            Err(Error::InvalidCertificate(CertificateError::UnknownIssuer)) if self.any_issuer => {
                verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
                Ok(ServerCertVerified::assertion())
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
