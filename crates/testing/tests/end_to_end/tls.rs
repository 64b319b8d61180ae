//! TLS towards clients: which certificate, which versions, which protocol (hardening.md section 6).

use postern_testing::{
    API_HOST, Certificate, Gateway, Place, base_configuration, curl, h2load, openssl_client,
};
use serde_json::{Value, json};

use crate::{gateway, get, pets};

const OTHER: &str = "api.corp.internal";

fn identity(certificate: &Certificate) -> Value {
    json!({"certificateFile": certificate.certificate_file, "privateKeyFile": certificate.key_file})
}

fn secured() -> Gateway {
    gateway(&pets(), |place, configuration| {
        let first = Certificate::write(place, "first", &["*.execute-api.us-east-1.amazonaws.com"]);
        let second = Certificate::write(place, "second", &[OTHER]);
        configuration["vpcEndpoints"][0]["tls"] = json!([identity(&first), identity(&second)]);
        configuration["domainNames"] = json!([{
            "domainName": OTHER,
            "basePathMappings": [{"basePath": "store", "restApiId": "a1b2c3d4e5", "stage": "demo"}],
        }]);
    })
}

fn trust(gateway: &Gateway, name: &str, rest: &[&str]) -> Vec<String> {
    let file = gateway.place().path().join(format!("tls/{name}.crt"));
    let file = file.to_string_lossy().into_owned();
    ["--cacert".to_owned(), file].into_iter().chain(rest.iter().map(ToString::to_string)).collect()
}

fn fetch(gateway: &Gateway, name: &str, rest: &[&str]) -> postern_testing::Curl {
    let arguments = trust(gateway, name, rest);
    curl(gateway.endpoint(0), &arguments.iter().map(String::as_str).collect::<Vec<_>>())
}

#[test]
fn the_server_name_chooses_the_certificate() {
    let gateway = secured();
    let answer = fetch(&gateway, "first", &[&format!("https://{API_HOST}/demo/pets")]);
    assert_eq!((answer.status, &*answer.body), (200, "pets"), "{answer:?}");
    let answer = fetch(&gateway, "second", &[&format!("https://{OTHER}/store/pets")]);
    assert_eq!((answer.status, &*answer.body), (200, "pets"), "{answer:?}");
    // Without a name, and for the endpoint's own name, the first.
    let seen = openssl_client(gateway.endpoint(0), &["-noservername", "-showcerts"], "");
    assert!(seen.contains("Verification error: self"), "{seen}");
    let endpoint = "vpce-01234567abcdef012-abcdefgh.execute-api.us-east-1.vpce.amazonaws.com";
    let seen = openssl_client(gateway.endpoint(0), &["-servername", endpoint], &get("/demo/pets"));
    assert!(seen.contains("BEGIN CERTIFICATE"), "{seen}");
}

#[test]
fn an_unknown_server_name_is_refused_in_the_handshake() {
    let gateway = secured();
    let seen = openssl_client(gateway.endpoint(0), &["-servername", "unknown.example"], "");
    assert!(seen.contains("unrecognized name"), "{seen}");
}

#[test]
fn tls_1_2_and_1_3_are_spoken_and_nothing_older() {
    let gateway = secured();
    for (version, line) in [("-tls1_2", "TLSv1.2"), ("-tls1_3", "TLSv1.3")] {
        let seen = openssl_client(gateway.endpoint(0), &["-servername", API_HOST, version], "");
        assert!(
            seen.contains(&format!("New, {line}")) || seen.contains(&format!("Protocol  : {line}")),
            "{seen}"
        );
    }
    let seen = openssl_client(gateway.endpoint(0), &["-servername", API_HOST, "-tls1_1"], "");
    assert!(!seen.contains("BEGIN CERTIFICATE"), "{seen}");
}

#[test]
fn http_2_is_chosen_in_the_handshake() {
    let gateway = secured();
    let url = format!("https://{API_HOST}/demo/pets");
    for (argument, version) in [("--http2", "2"), ("--http1.1", "1.1")] {
        let answer = fetch(&gateway, "first", &[argument, &url]);
        assert_eq!((answer.status, &*answer.version), (200, version), "{answer:?}");
    }
}

#[test]
fn h2load_finds_every_answer_good() {
    let gateway = secured();
    let address = gateway.endpoint(0);
    let report = h2load(&[
        "--requests=2000",
        "--clients=10",
        "--max-concurrent-streams=10",
        &format!("--connect-to={address}"),
        &format!("https://{API_HOST}/demo/pets"),
    ]);
    assert!(report.contains("2000 succeeded, 0 failed"), "{report}");
    assert!(report.contains("2000 2xx"), "{report}");
}

#[test]
fn a_new_certificate_serves_without_a_restart() {
    let mut gateway = secured();
    let old = fetch(&gateway, "first", &[&format!("https://{API_HOST}/demo/pets")]);
    assert_eq!(old.status, 200);
    let _ = Certificate::write(gateway.place(), "first", &[API_HOST]);
    let configuration = gateway.configuration().clone();
    gateway.reload(configuration);
    let new = fetch(&gateway, "first", &[&format!("https://{API_HOST}/demo/pets")]);
    assert_eq!(new.status, 200, "{new:?}");
}

#[test]
fn a_key_that_others_may_read_is_refused() {
    let place = Place::new();
    let mut configuration = base_configuration(&place, &pets());
    let certificate = Certificate::write(&place, "open", &[API_HOST]);
    configuration["vpcEndpoints"][0]["tls"] = json!([identity(&certificate)]);
    place.write("postern.yaml", &configuration.to_string());
    std::fs::set_permissions(&certificate.key_file, std::os::unix::fs::PermissionsExt::from_mode(0o644))
        .unwrap();
    let outcome = postern_testing::run_program(place.path(), &["check", "--config", "postern.yaml"], "");
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    assert!(format!("{}{}", outcome.output, outcome.complaints).contains("open.key"), "{outcome:?}");
}
