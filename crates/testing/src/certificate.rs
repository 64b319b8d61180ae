//! Certificates for tests: made on the spot, never kept.

use std::path::PathBuf;

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair, date_time_ymd,
};

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

/// Somebody who issues certificates.
#[derive(Debug)]
pub struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    /// One of this common name that nobody has issued.
    #[must_use]
    pub fn new(name: &str) -> Self {
        let key = KeyPair::generate().expect("a key");
        let mut parameters = named(name, (2020, 2060));
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = parameters.self_signed(&key).expect("a certificate");
        Self { pem: certificate.pem(), issuer: Issuer::new(parameters, key) }
    }

    /// Its certificate.
    #[must_use]
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// Issues a certificate for this common name, good from the start of one year to the start of another,
    /// and writes it to `tls/NAME.crt` and `tls/NAME.key`.
    #[must_use]
    pub fn issue(&self, place: &Place, name: &str, years: (i32, i32)) -> Certificate {
        let key = KeyPair::generate().expect("a key");
        let certificate = named(name, years).signed_by(&key, &self.issuer).expect("a certificate");
        Certificate {
            certificate_file: place.write(&format!("tls/{name}.crt"), &certificate.pem()),
            key_file: place.write(&format!("tls/{name}.key"), &key.serialize_pem()),
        }
    }
}

fn named(name: &str, (from, to): (i32, i32)) -> CertificateParams {
    let mut parameters = CertificateParams::new(Vec::new()).expect("no names");
    parameters.distinguished_name = DistinguishedName::new();
    parameters.distinguished_name.push(DnType::CountryName, "US");
    parameters.distinguished_name.push(DnType::CommonName, name);
    parameters.not_before = date_time_ymd(from, 1, 1);
    parameters.not_after = date_time_ymd(to, 1, 1);
    parameters
}
