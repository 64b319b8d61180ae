//! Certificates of clients and truststores, with certificates made for the purpose (private-access.md
//! section 11).

#![cfg(test)]

use postern_protocol::certificate::{Certificate, Distrust, Truststore};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_ED25519, PKCS_RSA_SHA256, RsaKeySize, SerialNumber,
    SignatureAlgorithm, date_time_ymd,
};

/// 2026-07-01T00:00:00Z.
const NOW: u64 = 1_782_864_000;

struct Made {
    pem: String,
    der: Vec<u8>,
    issuer: Issuer<'static, KeyPair>,
}

fn parameters(name: &str, (from, to): (i32, i32)) -> CertificateParams {
    let mut parameters = CertificateParams::new(Vec::new()).unwrap();
    parameters.distinguished_name.push(DnType::CommonName, name);
    parameters.not_before = date_time_ymd(from, 1, 1);
    parameters.not_after = date_time_ymd(to, 1, 1);
    parameters
}

fn authority(name: &str, years: (i32, i32)) -> CertificateParams {
    let mut parameters = parameters(name, years);
    parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    parameters
}

fn key(kind: &'static SignatureAlgorithm) -> KeyPair {
    KeyPair::generate_for(kind).unwrap()
}

fn make(parameters: CertificateParams, key: KeyPair, by: Option<&Made>) -> Made {
    let certificate = match by {
        Some(by) => parameters.signed_by(&key, &by.issuer),
        None => parameters.self_signed(&key),
    }
    .unwrap();
    Made { pem: certificate.pem(), der: certificate.der().to_vec(), issuer: Issuer::new(parameters, key) }
}

fn ecdsa() -> KeyPair {
    key(&PKCS_ECDSA_P256_SHA256)
}

fn root() -> Made {
    make(authority("root", (2020, 2040)), ecdsa(), None)
}

fn client(by: &Made) -> Made {
    make(parameters("client", (2025, 2027)), ecdsa(), Some(by))
}

fn store(of: &[&Made]) -> Truststore {
    let text: String = of.iter().map(|made| made.pem.as_str()).collect();
    let mut problems = Vec::new();
    Truststore::parse(text.as_bytes(), &mut problems).unwrap_or_else(|| panic!("{problems:?}"))
}

fn judge(store: &Truststore, client: &Made) -> Result<u64, Distrust> {
    let certificate = Certificate::read(&client.der).unwrap();
    store.judge(&certificate, NOW).map(|vouched| vouched.until_epoch_seconds)
}

fn told(text: &str) -> Vec<String> {
    let mut problems = Vec::new();
    let store = Truststore::parse(text.as_bytes(), &mut problems);
    assert_eq!(store.is_none(), problems.iter().any(|problem| !problem.is_warning));
    problems.into_iter().map(|problem| format!("{}: {}", problem.line, problem.message)).collect()
}

#[test]
fn pa_162_any_issuer_in_the_truststore_vouches_through_the_whole_chain_to_its_root() {
    let root = root();
    let first = make(authority("first", (2020, 2030)), ecdsa(), Some(&root));
    let second = make(authority("second", (2020, 2026)), key(&PKCS_ECDSA_P384_SHA384), Some(&first));
    let third = make(
        authority("third", (2020, 2030)),
        ecdsa(),
        Some(&make(authority("second", (2020, 2030)), ecdsa(), Some(&first))),
    );
    let all = store(&[&root, &first, &third]);
    // 2027-01-01T00:00:00Z, when the client's own certificate ends.
    assert_eq!(judge(&all, &client(&root)), Ok(1_798_761_600));
    assert_eq!(judge(&all, &client(&first)), Ok(1_798_761_600));
    // Who stands between is not in the truststore.
    assert_eq!(judge(&all, &client(&third)), Err(Distrust::UnknownIssuer));
    assert_eq!(judge(&store(&[&first]), &client(&first)), Err(Distrust::UnknownIssuer));
    assert_eq!(judge(&store(&[&root]), &client(&first)), Err(Distrust::UnknownIssuer));
    // An issuer between that has expired takes what it issued with it.
    assert_eq!(judge(&store(&[&root, &first, &second]), &client(&second)), Err(Distrust::Expired));
}

#[test]
fn pa_161_a_chain_has_at_most_four_certificates() {
    let root = root();
    let first = make(authority("first", (2020, 2030)), ecdsa(), Some(&root));
    let second = make(authority("second", (2020, 2030)), ecdsa(), Some(&first));
    let third = make(authority("third", (2020, 2030)), ecdsa(), Some(&second));
    let all = store(&[&root, &first, &second, &third]);
    assert!(judge(&all, &client(&second)).is_ok());
    assert_eq!(judge(&all, &client(&third)), Err(Distrust::ChainTooLong));
}

#[test]
fn pa_163_dates_signatures_and_names_are_checked() {
    let root = root();
    let all = store(&[&root]);
    let of = |parameters, by| judge(&all, &make(parameters, ecdsa(), Some(by)));
    assert_eq!(of(parameters("client", (2020, 2026)), &root), Err(Distrust::Expired));
    assert_eq!(of(parameters("client", (2027, 2028)), &root), Err(Distrust::NotYetValid));
    let impostor = make(authority("root", (2020, 2040)), ecdsa(), None);
    assert_eq!(of(parameters("client", (2025, 2027)), &impostor), Err(Distrust::BadSignature));
    let stranger = make(authority("stranger", (2020, 2040)), ecdsa(), None);
    assert_eq!(of(parameters("client", (2025, 2027)), &stranger), Err(Distrust::UnknownIssuer));
    assert_eq!(
        judge(&all, &make(parameters("client", (2025, 2027)), ecdsa(), None)),
        Err(Distrust::UnknownIssuer)
    );
    // A client is no issuer, and an issuer no client.
    let issued = client(&root);
    let both = store(&[&root, &issued]);
    let by_client = make(parameters("other", (2025, 2027)), ecdsa(), Some(&issued));
    assert_eq!(judge(&both, &by_client), Err(Distrust::WrongUse));
    assert_eq!(of(authority("issuer", (2025, 2027)), &root), Err(Distrust::WrongUse));
    let mut server = parameters("server", (2025, 2027));
    server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    assert_eq!(of(server.clone(), &root), Err(Distrust::WrongUse));
    server.extended_key_usages.push(ExtendedKeyUsagePurpose::ClientAuth);
    assert!(of(server, &root).is_ok());
}

#[test]
fn a_root_that_has_expired_vouches_for_nobody_until_it_is_renewed() {
    let key = ecdsa();
    let copy = KeyPair::try_from(key.serialize_der()).unwrap();
    let old = make(authority("root", (2020, 2025)), key, None);
    let new = make(authority("root", (2024, 2026 + 4)), copy, None);
    let issued = make(parameters("client", (2025, 2040)), ecdsa(), Some(&old));
    assert_eq!(judge(&store(&[&old]), &issued), Err(Distrust::Expired));
    // 2030-01-01T00:00:00Z.
    assert_eq!(judge(&store(&[&old, &new]), &issued), Ok(1_893_456_000));
    let young = make(authority("root", (2027, 2030)), ecdsa(), None);
    assert_eq!(judge(&store(&[&young]), &client(&young)), Err(Distrust::NotYetValid));
}

#[test]
fn pa_161_keys_and_signatures_have_their_strength() {
    let root = root();
    let all = store(&[&root]);
    let rsa = || KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).unwrap();
    let of = |key| judge(&all, &make(parameters("client", (2025, 2027)), key, Some(&root)));
    assert!(of(rsa()).is_ok());
    assert!(of(key(&PKCS_ECDSA_P384_SHA384)).is_ok());
    assert_eq!(of(key(&PKCS_ED25519)), Err(Distrust::WeakKey));
    let by_rsa = make(authority("rsa", (2020, 2030)), rsa(), None);
    assert!(judge(&store(&[&by_rsa]), &client(&by_rsa)).is_ok());
    let by_edwards = make(authority("edwards", (2020, 2030)), key(&PKCS_ED25519), None);
    assert_eq!(
        told(&by_edwards.pem),
        [
            "1: the key of `CN=edwards` is too weak: expected RSA of 2048 bits or more, or ECDSA on P-256 or P-384"
        ]
    );
    let signed_weakly = make(parameters("client", (2025, 2027)), ecdsa(), Some(&by_edwards));
    assert_eq!(
        told(&signed_weakly.pem),
        ["1: the signature on `CN=client` is too weak: expected SHA-256 or better"]
    );
    assert_eq!(judge(&all, &signed_weakly), Err(Distrust::UnknownIssuer));
}

#[test]
fn pa_161_what_is_wrong_with_a_truststore_is_told_with_its_line() {
    let (root, stranger) = (root(), make(authority("stranger", (2020, 2040)), ecdsa(), None));
    let first = make(authority("first", (2020, 2030)), ecdsa(), Some(&stranger));
    let lines = root.pem.lines().count();
    assert_eq!(told(""), ["1: no certificate: expected `-----BEGIN CERTIFICATE-----`"]);
    assert_eq!(told(&format!("# ours\r\n{}", root.pem.replace('\n', "\r\n"))), Vec::<String>::new());
    assert_eq!(
        told(&format!("{}{}", root.pem, first.pem)),
        [format!(
            "{}: who issued `CN=first` is not in the truststore: nothing that it issued is trusted",
            lines + 1
        )]
    );
    let key = KeyPair::generate().unwrap().serialize_pem();
    let broken = root.pem.replacen("MII", "!!!", 1);
    let short = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";
    let open = "-----BEGIN CERTIFICATE-----\nMIIB\n";
    let after_key = key.lines().count() + 1;
    assert_eq!(
        told(&format!("{key}{broken}{short}{open}")),
        [
            "1: what begins here is no certificate: expected certificates alone".to_owned(),
            format!("{after_key}: a certificate that is not base64"),
            format!("{}: a certificate that is malformed", after_key + lines),
            format!(
                "{}: a certificate without its end: expected `-----END CERTIFICATE-----`",
                after_key + lines + 3
            ),
        ]
    );
    assert_eq!(told(&root.pem.repeat(1_001)), ["1: 1001 certificates: expected at most 1000"]);
    assert_eq!(
        told(&"\n".repeat((1 << 20) + 1)),
        ["1: the truststore has 1048577 bytes: expected at most 1048576"]
    );
}

#[test]
fn pa_165_a_certificate_tells_who_it_is_in_the_services_forms() {
    let mut of_root = authority("Pets, Inc", (2020, 2040));
    of_root.distinguished_name.push(DnType::CountryName, "US");
    let root = make(of_root, ecdsa(), None);
    let mut parameters = parameters("client", (2025, 2051));
    parameters.serial_number = Some(SerialNumber::from_slice(&[0x0a, 0xb1, 0xff]));
    let made = make(parameters, ecdsa(), Some(&root));
    let certificate = Certificate::read(&made.der).unwrap();
    assert_eq!(certificate.subject(), "CN=client");
    assert_eq!(certificate.issuer(), r"CN=Pets\, Inc,C=US");
    assert_eq!(certificate.serial_number(), "0a:b1:ff");
    assert_eq!(certificate.not_before(), "Jan  1 00:00:00 2025 GMT");
    assert_eq!(certificate.not_after(), "Jan  1 00:00:00 2051 GMT");
    assert_eq!(certificate.pem(), made.pem.replace("\r\n", "\n"));
    for cut in 0..made.der.len() {
        assert!(Certificate::read(&made.der[..cut]).is_err());
    }
}
