//! X.509 certificates of clients (RFC 5280): what a log tells of one, and whether a truststore vouches for it.
//!
//! Signatures, dates and chaining are verified by `rustls-webpki`, which TLS uses as well. What it does not
//! give out (names, serial number and dates as text, the kind of a key) is read here: a hundred lines
//! instead of a library of a dozen crates, and nothing is decided by them that webpki decides.

mod der;
mod name;
mod truststore;

use std::fmt::Write;

use base64::{Engine, engine::general_purpose::STANDARD};

use crate::signature::Timestamp;
use der::{
    BIT_STRING, CONTEXT_0, Element, GENERALIZED_TIME, INTEGER, OBJECT_IDENTIFIER, Reader, SEQUENCE, UTC_TIME,
};
pub use truststore::{Distrust, Truststore, TruststoreProblem, Vouched};

/// A certificate and what it says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    der: Box<[u8]>,
    serial_number: String,
    issuer: String,
    subject: String,
    not_before: Moment,
    not_after: Moment,
    issued_itself: bool,
    key_is_strong: bool,
    signature_is_strong: bool,
    /// Where its outer names stand, to find an issuer by.
    issuer_der: Box<[u8]>,
    subject_der: Box<[u8]>,
}

/// A moment as the log writes it, and as a number.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Moment {
    text: String,
    epoch_seconds: u64,
}

/// Bytes that are no certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotACertificate;

impl Certificate {
    /// Reads a certificate. Its signature is not looked at.
    ///
    /// # Errors
    ///
    /// Where the bytes have not the form of one.
    pub fn read(der: &[u8]) -> Result<Self, NotACertificate> {
        read(der).ok_or(NotACertificate)
    }

    /// Its bytes.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// Its bytes as PEM (RFC 7468).
    #[must_use]
    pub fn pem(&self) -> String {
        let text = STANDARD.encode(&self.der);
        let mut pem = String::from("-----BEGIN CERTIFICATE-----\n");
        let mut rest = text.as_str();
        while let Some((line, behind)) = rest.split_at_checked(64) {
            pem.push_str(line);
            pem.push('\n');
            rest = behind;
        }
        if !rest.is_empty() {
            pem.push_str(rest);
            pem.push('\n');
        }
        pem.push_str("-----END CERTIFICATE-----\n");
        pem
    }

    /// The subject's name: `C=US,O=Pets,CN=client`.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// The issuer's name.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The serial number: pairs of lower-case hexadecimal digits with colons (PA-165).
    #[must_use]
    pub fn serial_number(&self) -> &str {
        &self.serial_number
    }

    /// From when on it is valid: `May 28 12:30:02 2019 GMT` (PA-165).
    #[must_use]
    pub fn not_before(&self) -> &str {
        &self.not_before.text
    }

    /// Until when it is valid.
    #[must_use]
    pub fn not_after(&self) -> &str {
        &self.not_after.text
    }
}

fn read(der: &[u8]) -> Option<Certificate> {
    let mut outside = Reader::new(der);
    let mut certificate = outside.next_if(SEQUENCE)?.reader();
    let mut signed = certificate.next_if(SEQUENCE)?.reader();
    let algorithm = certificate.next_if(SEQUENCE)?;
    certificate.next_if(BIT_STRING)?;
    if !outside.is_at_end() || !certificate.is_at_end() {
        return None;
    }
    // The version, which a certificate of the first one does not say.
    let _ = signed.next_if(CONTEXT_0);
    let serial_number = signed.next_if(INTEGER)?;
    signed.next_if(SEQUENCE)?;
    let issuer = signed.next_if(SEQUENCE)?;
    let mut validity = signed.next_if(SEQUENCE)?.reader();
    let subject = signed.next_if(SEQUENCE)?;
    let key = signed.next_if(SEQUENCE)?;
    Some(Certificate {
        der: der.into(),
        serial_number: pairs(serial_number.content),
        issuer: name::text(issuer.content)?,
        subject: name::text(subject.content)?,
        not_before: moment(validity.next()?)?,
        not_after: moment(validity.next()?)?,
        issued_itself: issuer.content == subject.content,
        key_is_strong: is_strong_key(key)?,
        signature_is_strong: is_strong_signature(algorithm.reader().next_if(OBJECT_IDENTIFIER)?.content),
        issuer_der: issuer.whole.into(),
        subject_der: subject.whole.into(),
    })
}

/// The digits of a number, without the zero that only says that it is positive.
fn pairs(number: &[u8]) -> String {
    let number = match number {
        [0, rest @ ..] if !rest.is_empty() => rest,
        number => number,
    };
    let mut text = String::new();
    for byte in number {
        let colon = if text.is_empty() { "" } else { ":" };
        // Writing to text does not fail.
        let _ = write!(text, "{colon}{byte:02x}");
    }
    text
}

/// RFC 5280 section 4.1.2.5: two digits of the year stand for 1950 to 2049.
fn moment(time: Element<'_>) -> Option<Moment> {
    let text = std::str::from_utf8(time.content).ok()?;
    let (year, rest) = match time.tag {
        UTC_TIME => {
            let (year, rest) = text.split_at_checked(2)?;
            (format!("{}{year}", if year < "50" { "20" } else { "19" }), rest)
        }
        GENERALIZED_TIME => text.split_at_checked(4).map(|(year, rest)| (year.to_owned(), rest))?,
        _ => return None,
    };
    let (date, rest) = rest.split_at_checked(4)?;
    let (month, day) = date.split_at_checked(2)?;
    let (clock, zulu) = rest.split_at_checked(6)?;
    let month_name = MONTHS.get(month.parse::<usize>().ok()?.checked_sub(1)?)?;
    let is_digits = [&*year, date, clock].iter().all(|part| part.bytes().all(|byte| byte.is_ascii_digit()));
    let (hour, rest) = clock.split_at_checked(2)?;
    let (minute, second) = rest.split_at_checked(2)?;
    if zulu != "Z" || !is_digits {
        return None;
    }
    let epoch_seconds = match year.parse::<u64>().ok()? {
        ..1970 => 0,
        _ => format!("{year}{date}T{clock}Z").parse::<Timestamp>().ok()?.epoch_seconds(),
    };
    let day = day.strip_prefix('0').unwrap_or(day);
    Some(Moment { text: format!("{month_name} {day:>2} {hour}:{minute}:{second} {year} GMT"), epoch_seconds })
}

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// Whether a key is one that PA-161 allows: RSA of 2048 bits or more, ECDSA on P-256 or P-384.
fn is_strong_key(key: Element<'_>) -> Option<bool> {
    const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1];
    const ELLIPTIC: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1];
    const P256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7];
    const P384: &[u8] = &[0x2b, 0x81, 4, 0, 34];
    let mut parts = key.reader();
    let mut algorithm = parts.next_if(SEQUENCE)?.reader();
    let identifier = algorithm.next_if(OBJECT_IDENTIFIER)?.content;
    let bits = parts.next_if(BIT_STRING)?.content;
    Some(match identifier {
        RSA => {
            // The first byte of a bit string counts its unused bits.
            let mut numbers = Reader::new(bits.get(1..)?).next_if(SEQUENCE)?.reader();
            bit_length(numbers.next_if(INTEGER)?.content) >= 2048
        }
        ELLIPTIC => {
            let curve = algorithm.next_if(OBJECT_IDENTIFIER).map(|curve| curve.content);
            curve == Some(P256) || curve == Some(P384)
        }
        _ => false,
    })
}

fn bit_length(number: &[u8]) -> usize {
    let significant = number.iter().position(|byte| *byte != 0).and_then(|start| number.get(start..));
    let Some([first, rest @ ..]) = significant else { return 0 };
    let of_first = 8_u32.saturating_sub(first.leading_zeros());
    rest.len().saturating_mul(8).saturating_add(usize::try_from(of_first).unwrap_or(0))
}

/// Whether a signature hashes with SHA-256 or better (PA-161). How PSS hashes is looked at where it is
/// verified.
fn is_strong_signature(identifier: &[u8]) -> bool {
    match identifier {
        [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, kind] => matches!(kind, 10..=13),
        [0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, kind] => matches!(kind, 2..=4),
        _ => false,
    }
}
