//! Truststores: which certificates may have issued a client's (private-access.md section 11).

use std::{collections::BTreeSet, time::Duration};

use base64::{Engine, engine::general_purpose::STANDARD};
use rustls_pki_types::{CertificateDer, SignatureVerificationAlgorithm, TrustAnchor, UnixTime};
use webpki::{EndEntityCert, Error, KeyUsage, VerifiedPath, aws_lc_rs as algorithms};

use super::Certificate;

/// Certificates that vouch for others: roots, and what stands between them and clients. Clients bring
/// nothing to a chain but their own certificate, since the whole rest must be here (PA-162).
#[derive(Debug)]
pub struct Truststore {
    roots: Vec<Root>,
    anchors: Vec<TrustAnchor<'static>>,
    intermediates: Vec<CertificateDer<'static>>,
    text: Box<[u8]>,
}

/// Two truststores of one text are the same.
impl PartialEq for Truststore {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Truststore {}

/// What of a root is checked beside what its anchor holds.
#[derive(Debug)]
struct Root {
    subject_public_key_info: Box<[u8]>,
    subject: Box<[u8]>,
    not_before: u64,
    not_after: u64,
}

/// What is wrong with a truststore.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TruststoreProblem {
    /// The line, from 1.
    pub line: u32,
    /// Whether it can be served all the same.
    pub is_warning: bool,
    /// A sentence.
    pub message: String,
}

/// A client's certificate is good until then, if nothing changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vouched {
    /// When the first certificate of the chain ends, in seconds since 1970-01-01T00:00:00Z.
    pub until_epoch_seconds: u64,
}

/// Why a client's certificate is not good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Distrust {
    /// It, or one that vouches for it, is not valid any more.
    Expired,
    /// It, or one that vouches for it, is not valid yet.
    NotYetValid,
    /// Nobody in the truststore has issued it.
    UnknownIssuer,
    /// Who is said to have issued it has not.
    BadSignature,
    /// It is signed in a way that is too weak.
    WeakSignature,
    /// Its key is too weak, or of a kind that is not taken.
    WeakKey,
    /// The chain to the root has more than four certificates.
    ChainTooLong,
    /// It is not for clients, or is an issuer itself.
    WrongUse,
    /// It is malformed, or holds what may not be passed over.
    Malformed,
}

impl Distrust {
    /// What was wrong, for logs.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Expired => "the client certificate, or one that vouches for it, has expired",
            Self::NotYetValid => "the client certificate, or one that vouches for it, is not valid yet",
            Self::UnknownIssuer => "nobody in the truststore has issued the client certificate",
            Self::BadSignature => "the signature on the client certificate is not its issuer's",
            Self::WeakSignature => "the signature on the client certificate is of a kind that is not taken",
            Self::WeakKey => "the client certificate's key is too weak, or of a kind that is not taken",
            Self::ChainTooLong => "the client certificate's chain has more than four certificates",
            Self::WrongUse => "the client certificate is not one for clients",
            Self::Malformed => "the client certificate is malformed, or holds what may not be passed over",
        }
    }
}

/// Bytes of a truststore, at most (PA-161).
const BYTES_MAX: usize = 1 << 20;
/// Certificates in a truststore, at most (PA-161).
const CERTIFICATES_MAX: usize = 1_000;
/// Certificates in a chain, the client's and the root's among them (PA-161).
const CHAIN_MAX: usize = 4;

/// SHA-256 or better; RSA of 2048 bits or more, ECDSA on P-256 or P-384 (PA-161).
static ALGORITHMS: &[&dyn SignatureVerificationAlgorithm] = &[
    algorithms::ECDSA_P256_SHA256,
    algorithms::ECDSA_P256_SHA384,
    algorithms::ECDSA_P256_SHA512,
    algorithms::ECDSA_P384_SHA256,
    algorithms::ECDSA_P384_SHA384,
    algorithms::ECDSA_P384_SHA512,
    algorithms::RSA_PKCS1_2048_8192_SHA256,
    algorithms::RSA_PKCS1_2048_8192_SHA384,
    algorithms::RSA_PKCS1_2048_8192_SHA512,
    algorithms::RSA_PSS_2048_8192_SHA256_LEGACY_KEY,
    algorithms::RSA_PSS_2048_8192_SHA384_LEGACY_KEY,
    algorithms::RSA_PSS_2048_8192_SHA512_LEGACY_KEY,
];

impl Truststore {
    /// Reads a truststore: PEM with certificates alone. Everything that is wrong is told.
    ///
    /// # Errors
    ///
    /// Where there is a problem that is no warning.
    pub fn parse(text: &[u8], problems: &mut Vec<TruststoreProblem>) -> Option<Self> {
        let known = problems.len();
        let certificates = read_certificates(text, problems);
        let subjects: BTreeSet<&[u8]> =
            certificates.iter().map(|(_, certificate)| &*certificate.subject_der).collect();
        let mut store =
            Self { roots: Vec::new(), anchors: Vec::new(), intermediates: Vec::new(), text: text.into() };
        for (line, certificate) in &certificates {
            if !subjects.contains(&*certificate.issuer_der) {
                let message = format!(
                    "who issued `{}` is not in the truststore: nothing that it issued is trusted",
                    certificate.subject
                );
                problems.push(TruststoreProblem { line: *line, is_warning: true, message });
            }
            if store.add(certificate).is_none() {
                let message = "a certificate that cannot be used: expected X.509 version 3".to_owned();
                problems.push(TruststoreProblem { line: *line, is_warning: false, message });
            }
        }
        let has_errors = problems.iter().skip(known).any(|problem| !problem.is_warning);
        (!has_errors).then_some(store)
    }

    fn add(&mut self, certificate: &Certificate) -> Option<()> {
        let der = CertificateDer::from(certificate.der.to_vec());
        if certificate.issued_itself {
            let anchor = webpki::anchor_from_trusted_cert(&der).ok()?.to_owned();
            self.roots.push(Root {
                subject_public_key_info: anchor.subject_public_key_info.as_ref().into(),
                subject: anchor.subject.as_ref().into(),
                not_before: certificate.not_before.epoch_seconds,
                not_after: certificate.not_after.epoch_seconds,
            });
            self.anchors.push(anchor);
        } else {
            EndEntityCert::try_from(&der).ok()?;
            self.intermediates.push(der);
        }
        Some(())
    }

    /// Whether a client's certificate is good at this moment (PA-163).
    ///
    /// # Errors
    ///
    /// Why it is not.
    pub fn judge(&self, certificate: &Certificate, epoch_seconds: u64) -> Result<Vouched, Distrust> {
        if !certificate.key_is_strong {
            return Err(Distrust::WeakKey);
        }
        let der = CertificateDer::from(certificate.der());
        let leaf = EndEntityCert::try_from(&der).map_err(distrust)?;
        let check = |path: &VerifiedPath<'_>| self.check_path(path, epoch_seconds);
        let path = leaf
            .verify_for_usage(
                ALGORITHMS,
                &self.anchors,
                &self.intermediates,
                UnixTime::since_unix_epoch(Duration::from_secs(epoch_seconds)),
                KeyUsage::client_auth(),
                None,
                Some(&check),
            )
            .map_err(distrust)?;
        let ends = path.intermediate_certificates().filter_map(|issuer| {
            let issuer = Certificate::read(&issuer.der()).ok()?;
            Some(issuer.not_after.epoch_seconds)
        });
        let root = self.roots_of(&path).map(|root| root.not_after).max();
        let until = ends.chain(root).fold(certificate.not_after.epoch_seconds, u64::min);
        Ok(Vouched { until_epoch_seconds: until })
    }

    /// What is not checked by whoever found the path: its length and the dates of its root.
    fn check_path(&self, path: &VerifiedPath<'_>, epoch_seconds: u64) -> Result<(), Error> {
        if path.intermediate_certificates().count().saturating_add(2) > CHAIN_MAX {
            return Err(Error::MaximumPathDepthExceeded);
        }
        let moment = |seconds| UnixTime::since_unix_epoch(Duration::from_secs(seconds));
        let time = moment(epoch_seconds);
        let mut outcome = Err(Error::UnknownIssuer);
        // A root may have been renewed with its key: one that is valid is enough.
        for root in self.roots_of(path) {
            if epoch_seconds < root.not_before {
                outcome = Err(Error::CertNotValidYet { time, not_before: moment(root.not_before) });
            } else if epoch_seconds > root.not_after {
                outcome = Err(Error::CertExpired { time, not_after: moment(root.not_after) });
            } else {
                return Ok(());
            }
        }
        outcome
    }

    fn roots_of(&self, path: &VerifiedPath<'_>) -> impl Iterator<Item = &Root> {
        let anchor = path.anchor();
        let (subject, key) = (anchor.subject.as_ref(), anchor.subject_public_key_info.as_ref());
        self.roots
            .iter()
            .filter(move |root| *root.subject == *subject && *root.subject_public_key_info == *key)
    }
}

fn distrust(error: Error) -> Distrust {
    match error {
        Error::CertExpired { .. } => Distrust::Expired,
        Error::CertNotValidYet { .. } => Distrust::NotYetValid,
        Error::UnknownIssuer => Distrust::UnknownIssuer,
        Error::InvalidSignatureForPublicKey => Distrust::BadSignature,
        Error::UnsupportedSignatureAlgorithmContext(_)
        | Error::UnsupportedSignatureAlgorithmForPublicKeyContext(_)
        | Error::SignatureAlgorithmMismatch => Distrust::WeakSignature,
        Error::MaximumPathDepthExceeded | Error::PathLenConstraintViolated => Distrust::ChainTooLong,
        Error::CaUsedAsEndEntity | Error::EndEntityUsedAsCa | Error::RequiredEkuNotFoundContext(_) => {
            Distrust::WrongUse
        }
        _ => Distrust::Malformed,
    }
}

/// The certificates of PEM text, each with the line that it starts at.
fn read_certificates(text: &[u8], problems: &mut Vec<TruststoreProblem>) -> Vec<(u32, Certificate)> {
    let mut refuse =
        |line, message: String| problems.push(TruststoreProblem { line, is_warning: false, message });
    if text.len() > BYTES_MAX {
        refuse(1, format!("the truststore has {} bytes: expected at most {BYTES_MAX}", text.len()));
        return Vec::new();
    }
    let mut certificates = Vec::new();
    let mut found_any = false;
    let mut block: Option<(u32, Vec<u8>)> = None;
    for (line, number) in text.split(|byte| *byte == b'\n').zip(1_u32..) {
        let line = line.trim_ascii();
        if line == b"-----BEGIN CERTIFICATE-----" {
            found_any = true;
            block = Some((number, Vec::new()));
        } else if line.starts_with(b"-----BEGIN ") {
            refuse(number, "what begins here is no certificate: expected certificates alone".to_owned());
        } else if line == b"-----END CERTIFICATE-----" {
            let Some((start, encoded)) = block.take() else { continue };
            match decode(&encoded) {
                Ok(certificate) => certificates.push((start, certificate)),
                Err(message) => refuse(start, message),
            }
        } else if let Some((_, encoded)) = &mut block {
            encoded.extend_from_slice(line);
        }
    }
    if let Some((start, _)) = block {
        refuse(start, "a certificate without its end: expected `-----END CERTIFICATE-----`".to_owned());
    } else if !found_any {
        refuse(1, "no certificate: expected `-----BEGIN CERTIFICATE-----`".to_owned());
    }
    if certificates.len() > CERTIFICATES_MAX {
        refuse(1, format!("{} certificates: expected at most {CERTIFICATES_MAX}", certificates.len()));
    }
    certificates
}

fn decode(encoded: &[u8]) -> Result<Certificate, String> {
    let der = STANDARD.decode(encoded).map_err(|_| "a certificate that is not base64".to_owned())?;
    let certificate = Certificate::read(&der).map_err(|_| "a certificate that is malformed".to_owned())?;
    if !certificate.key_is_strong {
        return Err(format!(
            "the key of `{}` is too weak: expected RSA of 2048 bits or more, or ECDSA on P-256 or P-384",
            certificate.subject
        ));
    }
    if !certificate.signature_is_strong {
        return Err(format!(
            "the signature on `{}` is too weak: expected SHA-256 or better",
            certificate.subject
        ));
    }
    Ok(certificate)
}
