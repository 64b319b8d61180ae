//! Security policies and access modes of public domain names (private-access.md section 7, PA-86).

use postern_testing::{API_ID, Certificate, Curl, Gateway, curl, definition, mock, openssl_client};
use serde_json::{Value, json};

use crate::gateway;

const NEW: &str = "new.example";
const OTHER_NEW: &str = "other.example";
const PLAIN: &str = "plain.example";
const PUBLIC_API: &str = "k1l2m3n4o5";
const TLS13: &str = "SecurityPolicy_TLS13_1_3_2025_09";

/// A public listener and a VPC endpoint with TLS, and public names for a public and a private API: two of
/// this policy and mode, one without.
fn with_policy(policy: &str, mode: &str) -> Gateway {
    gateway(&definition(&json!({"/say": {"get": mock("$context.apiId")}})), |place, configuration| {
        let server = Certificate::write(place, "server", &[NEW, OTHER_NEW, PLAIN]);
        let identity =
            json!([{"certificateFile": server.certificate_file, "privateKeyFile": server.key_file}]);
        configuration["vpcEndpoints"][0]["tls"] = identity.clone();
        let listeners = json!([{"address": place.address().to_string()}]);
        configuration["publicListeners"] = json!([{"listeners": listeners, "tls": identity}]);
        let mut public = configuration["restApis"][0].clone();
        public["id"] = json!(PUBLIC_API);
        public["endpointConfiguration"] = json!({"types": ["REGIONAL"]});
        configuration["restApis"].as_array_mut().unwrap().push(public);
        configuration["domainNames"] = json!([domain(NEW), domain(OTHER_NEW), domain(PLAIN)]);
        for domain in configuration["domainNames"].as_array_mut().unwrap().iter_mut().take(2) {
            domain["securityPolicy"] = json!(policy);
            domain["endpointAccessMode"] = json!(mode);
        }
    })
}

fn domain(name: &str) -> Value {
    json!({
        "domainName": name,
        "endpointConfiguration": {"types": ["REGIONAL"]},
        "basePathMappings": [
            {"basePath": "out", "restApiId": PUBLIC_API, "stage": "demo"},
            {"basePath": "in", "restApiId": API_ID, "stage": "demo"},
        ],
    })
}

fn fetch(gateway: &Gateway, publicly: bool, arguments: &[&str]) -> Curl {
    let trusted = gateway.place().path().join("tls/server.crt");
    let address = if publicly { gateway.public() } else { gateway.endpoint(0) };
    curl(address, &[&["--cacert", &*trusted.to_string_lossy()], arguments].concat())
}

#[test]
fn a_policy_decides_which_versions_and_suites_are_spoken() {
    let chacha_1_3 = &["-tls1_3", "-ciphersuites", "TLS_CHACHA20_POLY1305_SHA256"][..];
    let aes_1_3 = &["-tls1_3", "-ciphersuites", "TLS_AES_256_GCM_SHA384"][..];
    let chacha_1_2 = &["-tls1_2", "-cipher", "ECDHE-ECDSA-CHACHA20-POLY1305"][..];
    let aes_1_2 = &["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256"][..];
    for (policy, spoken) in [
        ("TLS_1_2", [true, true, true, true]),
        ("SecurityPolicy_TLS13_1_2_2021_06", [true, true, true, true]),
        ("SecurityPolicy_TLS13_1_2_PFS_PQ_2025_09", [true, true, false, true]),
        ("SecurityPolicy_TLS13_1_2_FIPS_PFS_PQ_2025_09", [false, true, false, true]),
        (TLS13, [true, true, false, false]),
        ("SecurityPolicy_TLS13_1_3_FIPS_2025_09", [false, true, false, false]),
    ] {
        let gateway = with_policy(policy, "BASIC");
        for (arguments, is_spoken) in [chacha_1_3, aes_1_3, chacha_1_2, aes_1_2].into_iter().zip(spoken) {
            let all = [&["-servername", NEW][..], arguments].concat();
            let seen = openssl_client(gateway.public(), &all, "");
            assert_eq!(seen.contains("BEGIN CERTIFICATE"), is_spoken, "{policy} {arguments:?} {seen}");
            // Other names speak what they spoke.
            let all = [&["-servername", PLAIN][..], arguments].concat();
            assert!(openssl_client(gateway.public(), &all, "").contains("BEGIN CERTIFICATE"), "{policy}");
        }
    }
}

/// hardening.md section 2: a connection that agreed on one policy serves no host of another.
#[test]
fn a_policy_is_not_left_by_the_host() {
    let gateway = with_policy(TLS13, "BASIC");
    for (server_name, host, expected) in
        [(NEW, NEW, 200), (NEW, OTHER_NEW, 200), (NEW, PLAIN, 421), (PLAIN, NEW, 421), (PLAIN, PLAIN, 200)]
    {
        for version in ["--http1.1", "--http2"] {
            let (host, url) = (format!("Host: {host}"), format!("https://{server_name}/out/say"));
            let answer = fetch(&gateway, true, &[version, "-H", &host, &url]);
            assert_eq!(answer.status, expected, "{server_name} {host} {version} {answer:?}");
        }
    }
}

#[test]
fn pa_86_strict_names_are_served_publicly_and_by_their_own_server_name_alone() {
    for (mode, elsewhere) in [("BASIC", 200), ("STRICT", 403)] {
        let gateway = with_policy(TLS13, mode);
        let own = format!("https://{NEW}/out/say");
        let answer = fetch(&gateway, true, &[&own]);
        assert_eq!((answer.status, &*answer.body), (200, PUBLIC_API), "{mode}");
        let spelled = format!("Host: NEW.example.:{}", gateway.public().port());
        assert_eq!(fetch(&gateway, true, &["-H", &spelled, &own]).status, 200, "{mode}");
        // H8: the private API through its endpoint, by the public name.
        assert_eq!(fetch(&gateway, false, &[&format!("https://{NEW}/in/say")]).status, elsewhere, "{mode}");
        // The host of another name that agreed on the same.
        let answer = fetch(&gateway, true, &["-H", &format!("Host: {OTHER_NEW}"), &own]);
        assert_eq!(answer.status, elsewhere, "{mode}");
        if elsewhere == 403 {
            assert_eq!(answer.field("x-amzn-ErrorType"), Some("ForbiddenException"));
            assert_eq!(answer.body, r#"{"message":"Forbidden"}"#);
        }
    }
}
