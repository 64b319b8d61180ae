//! Certificates for tests: made on the spot, never kept.

use std::path::PathBuf;

use rcgen::{CertificateParams, KeyPair};

use crate::Place;

/// A self-signed certificate and its key, as files.
#[derive(Debug)]
pub struct Certificate {
    /// The certificate, PEM.
    pub certificate_file: PathBuf,
    /// The private key, PEM, readable by its owner alone.
    pub key_file: PathBuf,
}

impl Certificate {
    /// Makes a certificate for these names and writes it to `tls/NAME.crt` and `tls/NAME.key`.
    #[must_use]
    pub fn write(place: &Place, name: &str, names: &[&str]) -> Self {
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        let key = KeyPair::generate().expect("a key");
        let certificate =
            CertificateParams::new(names).expect("names").self_signed(&key).expect("a certificate");
        Self {
            certificate_file: place.write(&format!("tls/{name}.crt"), &certificate.pem()),
            key_file: place.write(&format!("tls/{name}.key"), &key.serialize_pem()),
        }
    }
}
