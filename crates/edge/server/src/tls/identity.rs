//! Certificates and keys: read from files, checked, and chosen by the name that a client asks for.

use std::{
    collections::HashMap,
    fs::{self, File},
    io::Read,
    os::unix::fs::MetadataExt,
    path::Path,
    sync::Arc,
    time::{Duration, SystemTime},
};

use postern_model::TlsIdentity;
use rustls::{
    InconsistentKeys,
    crypto::CryptoProvider,
    pki_types::{CertificateDer, PrivateKeyDer, UnixTime, pem::PemObject},
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};
use zeroize::Zeroizing;

/// A certificate chain with its key, ready for use.
#[derive(Debug)]
pub(crate) struct Identity {
    key: Arc<CertifiedKey>,
    /// The DNS names of the certificate in lower case, `*.` in front of wildcards.
    names: Vec<Box<str>>,
    /// What an operator should know although it works.
    pub(crate) warning: Option<String>,
}

impl Identity {
    /// Reads an identity from its files.
    ///
    /// # Errors
    ///
    /// One sentence that names the file: it cannot be read, holds nothing, may be read by others, or
    /// the key does not belong to the certificate.
    pub(crate) fn read(files: &TlsIdentity, provider: &CryptoProvider) -> Result<Self, String> {
        let chain = read_chain(&files.certificate_file)?;
        let key = read_key(&files.private_key_file)?;
        let (certificate_file, key_file) =
            (files.certificate_file.display(), files.private_key_file.display());
        let key = CertifiedKey::from_der(chain, key, provider).map_err(|fault| match fault {
            rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
                format!(
                    "{key_file}: this private key does not belong to the certificate in {certificate_file}"
                )
            }
            rustls::Error::InvalidCertificate(_) => format!("{certificate_file}: not a certificate: {fault}"),
            fault => format!("{key_file}: the private key cannot be used: {fault}"),
        })?;
        let certificate = key.end_entity_cert().map_err(|fault| format!("{certificate_file}: {fault}"))?;
        let parsed = webpki::EndEntityCert::try_from(certificate)
            .map_err(|fault| format!("{certificate_file}: not a certificate of a server: {fault}"))?;
        let names = parsed.valid_dns_names().map(|name| name.to_ascii_lowercase().into()).collect();
        let warning =
            validity_problem(&parsed, provider).map(|problem| format!("{certificate_file}: {problem}"));
        Ok(Self { key: Arc::new(key), names, warning })
    }

    /// The chain as it is shown: two identities with one chain are the same.
    pub(crate) fn chain(&self) -> &[CertificateDer<'static>] {
        &self.key.cert
    }
}

fn read_chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let file = path.display();
    let text = fs::read(path).map_err(|fault| format!("{file}: cannot be read: {fault}"))?;
    let chain: Vec<_> = CertificateDer::pem_slice_iter(&text)
        .collect::<Result<_, _>>()
        .map_err(|fault| format!("{file}: not PEM: {fault}"))?;
    if chain.is_empty() {
        return Err(format!("{file}: holds no certificate (`-----BEGIN CERTIFICATE-----`)"));
    }
    Ok(chain)
}

fn read_key(path: &Path) -> Result<PrivateKeyDer<'static>, String> {
    let file = path.display();
    let cannot_be_read = |fault: std::io::Error| format!("{file}: cannot be read: {fault}");
    let mut opened = File::open(path).map_err(cannot_be_read)?;
    let data = opened.metadata().map_err(cannot_be_read)?;
    let mode = data.mode() & 0o7777;
    if !is_private(mode, (data.uid(), data.gid()), &own_groups()) {
        return Err(format!(
            "{file}: its mode is {mode:04o}, so others may use this private key: make it 0600 or 0400"
        ));
    }
    let mut text = Zeroizing::new(Vec::new());
    opened.read_to_end(&mut text).map_err(cannot_be_read)?;
    PrivateKeyDer::from_pem_slice(&text).map_err(|fault| match fault {
        rustls::pki_types::pem::Error::NoItemsFound => {
            format!("{file}: holds no private key (`-----BEGIN PRIVATE KEY-----`)")
        }
        fault => format!("{file}: not PEM: {fault}"),
    })
}

/// Whether a private key is its owner's alone, or handed to this process in one of the two usual ways: by
/// systemd's `LoadCredential`, which gives root's file of mode 0400 an access list for the service's user
/// (shown as 0440, group root), or by Kubernetes' `fsGroup`, which makes it 0440 with a group of the pod's.
fn is_private(mode: u32, (owner, group): (u32, u32), own_groups: &[u32]) -> bool {
    let is_handed_over = mode == 0o440 && owner == ROOT && (group == ROOT || own_groups.contains(&group));
    mode & !0o600 == 0 || is_handed_over
}

/// Root's number, as a user and as a group.
const ROOT: u32 = 0;

/// The groups that this process is in. None where the system does not say: then less is accepted.
fn own_groups() -> Vec<u32> {
    let others = rustix::process::getgroups().unwrap_or_default();
    let own = rustix::process::getegid();
    others.into_iter().chain([own]).map(rustix::process::Gid::as_raw).collect()
}

/// Whether the certificate is out of its dates. A path to a root is not looked for: the check of the
/// dates comes before it.
fn validity_problem(
    certificate: &webpki::EndEntityCert<'_>,
    provider: &CryptoProvider,
) -> Option<&'static str> {
    let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
    let outcome = certificate.verify_for_usage(
        provider.signature_verification_algorithms.all,
        &[],
        &[],
        UnixTime::since_unix_epoch(since_epoch),
        webpki::KeyUsage::server_auth(),
        None,
        None,
    );
    match outcome {
        Err(webpki::Error::CertExpired { .. }) => Some("this certificate has expired"),
        Err(webpki::Error::CertNotValidYet { .. }) => Some("this certificate is not valid yet"),
        _ => None,
    }
}

/// The identities of one TLS configuration, found by name.
#[derive(Debug)]
pub(crate) struct Identities {
    all: Vec<Identity>,
    exact: HashMap<Box<str>, usize>,
    /// By what stands behind `*.`.
    wildcard: HashMap<Box<str>, usize>,
}

impl Identities {
    /// A table over identities; where two cover one name the first stands.
    pub(crate) fn new(all: Vec<Identity>) -> Self {
        let (mut exact, mut wildcard) = (HashMap::new(), HashMap::new());
        for (index, identity) in all.iter().enumerate() {
            for name in &identity.names {
                match name.strip_prefix("*.") {
                    Some(parent) => wildcard.entry(parent.into()).or_insert(index),
                    None => exact.entry(name.clone()).or_insert(index),
                };
            }
        }
        Self { all, exact, wildcard }
    }

    /// Whether a certificate has this name. Letter case is ignored; a wildcard stands for one label.
    pub(crate) fn cover(&self, name: &str) -> bool {
        self.index_of(name).is_some()
    }

    /// Whether both show the same certificates in the same order.
    pub(crate) fn are_those_of(&self, other: &Self) -> bool {
        self.all.len() == other.all.len()
            && self.all.iter().zip(&other.all).all(|(one, other)| one.chain() == other.chain())
    }

    fn index_of(&self, name: &str) -> Option<usize> {
        let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
        let by_wildcard = || {
            let (label, parent) = name.split_once('.')?;
            if label.is_empty() { None } else { self.wildcard.get(parent) }
        };
        self.exact.get(name.as_str()).or_else(by_wildcard).copied()
    }
}

impl ResolvesServerCert for Identities {
    /// The certificate of the name, else the default one: the first.
    fn resolve(&self, client_hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let index = client_hello.server_name().and_then(|name| self.index_of(name)).unwrap_or(0);
        self.all.get(index).map(|identity| Arc::clone(&identity.key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_its_owners_alone_or_handed_over_by_root() {
        const USER: u32 = 65_532;
        for (mode, owner, group, expected) in [
            (0o600, USER, USER, true),
            (0o400, USER, USER, true),
            (0o400, ROOT, ROOT, true),
            // As `LoadCredential` and as `fsGroup` leave it.
            (0o440, ROOT, ROOT, true),
            (0o440, ROOT, USER, true),
            // Of somebody's group that is not ours, of another owner, and with more than that.
            (0o440, ROOT, 100, false),
            (0o440, USER, USER, false),
            (0o444, ROOT, USER, false),
            (0o640, ROOT, USER, false),
            (0o460, ROOT, USER, false),
            (0o644, USER, USER, false),
            (0o4400, ROOT, ROOT, false),
        ] {
            assert_eq!(is_private(mode, (owner, group), &[USER]), expected, "{mode:04o} {owner} {group}");
        }
    }
}
