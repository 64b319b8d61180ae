//! Mutual TLS of domain names: who is let in, and that nothing leads around it (private-access.md section 11,
//! hardening.md section 6).

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use postern_testing::{
    API_HOST, API_ID, Authority, Certificate, Curl, Gateway, Place, VPCE_A, base_configuration, curl,
    definition, mock, openssl_client, run_program,
};
use serde_json::{Value, json};

use crate::gateway;

const MUTUAL: &str = "api.corp.internal";
const OTHER_MUTUAL: &str = "partner.corp.internal";
const OPEN: &str = "open.corp.internal";

/// A gateway with two domain names that ask for certificates of different authorities and one that asks for
/// none, and those who issue.
struct Scene {
    gateway: Gateway,
    ours: Authority,
    partners: Authority,
}

impl Scene {
    fn new() -> Self {
        let (ours, partners) = (Authority::new("ours"), Authority::new("partners"));
        let said = "$context.identity.clientCert.subjectDN|$context.identity.clientCert.issuerDN|\
                    $context.identity.clientCert.validity.notAfter";
        let paths = json!({"/say": {"get": mock(said)}});
        let gateway = gateway(&definition(&paths), |place, configuration| {
            place.write("tls/ours.pem", ours.pem());
            place.write("tls/partners.pem", partners.pem());
            let server = Certificate::write(place, "server", &[API_HOST, MUTUAL, OTHER_MUTUAL, OPEN]);
            configure(configuration, &server);
        });
        Self { gateway, ours, partners }
    }

    fn client(&self) -> Certificate {
        self.ours.issue(self.gateway.place(), "client", (2020, 2050))
    }

    /// Calls `curl` for a URL, with a certificate or without.
    fn fetch(&self, client: Option<&Certificate>, arguments: &[&str]) -> Curl {
        let trusted = self.path("tls/server.crt");
        let mut all = vec!["--cacert", &trusted];
        let files = client.map(|client| {
            let text = |path: &std::path::Path| path.to_string_lossy().into_owned();
            (text(&client.certificate_file), text(&client.key_file))
        });
        if let Some((certificate, key)) = &files {
            all.extend(["--cert", certificate, "--key", key]);
        }
        all.extend(arguments);
        curl(self.gateway.endpoint(0), &all)
    }

    fn path(&self, name: &str) -> String {
        self.gateway.place().path().join(name).to_string_lossy().into_owned()
    }

    /// Sends one request by `openssl s_client`.
    fn by_openssl(&self, host: &str, client: Option<&Certificate>, arguments: &[&str]) -> String {
        let request = format!("GET /say HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        let mut all = vec!["-ign_eof"];
        let files = client.map(|client| {
            let text = |path: &std::path::Path| path.to_string_lossy().into_owned();
            (text(&client.certificate_file), text(&client.key_file))
        });
        if let Some((certificate, key)) = &files {
            all.extend(["-cert", certificate, "-key", key]);
        }
        all.extend(arguments);
        openssl_client(self.gateway.endpoint(0), &all, &request)
    }
}

fn configure(configuration: &mut Value, server: &Certificate) {
    let identity = json!({"certificateFile": server.certificate_file, "privateKeyFile": server.key_file});
    configuration["vpcEndpoints"][0]["tls"] = json!([identity]);
    let domain = |name: &str| {
        let mapping = json!({"restApiId": API_ID, "stage": "demo"});
        json!({"domainName": name, "basePathMappings": [mapping]})
    };
    let mut domains = json!([domain(MUTUAL), domain(OTHER_MUTUAL), domain(OPEN)]);
    domains[0]["mutualTlsAuthentication"] = json!({"truststoreFile": "tls/ours.pem"});
    domains[1]["mutualTlsAuthentication"] = json!({"truststoreFile": "tls/partners.pem"});
    configuration["domainNames"] = domains;
    configuration["accessLog"] = json!({
        "destination": "stdout",
        "format": "$context.requestId $context.status $context.identity.clientCert.subjectDN. \
                   $context.identity.clientCert.serialNumber",
    });
}

fn url(host: &str) -> String {
    format!("https://{host}/say")
}

#[test]
fn pa_160_and_165_a_client_with_a_good_certificate_comes_in_and_is_known() {
    let scene = Scene::new();
    let client = scene.client();
    for version in ["--http1.1", "--http2"] {
        for tls in [&["--tls-max", "1.2"][..], &["--tlsv1.3"]] {
            let answer = scene.fetch(Some(&client), &[&[version, &*url(MUTUAL)], tls].concat());
            assert_eq!(answer.status, 200, "{answer:?}");
            assert_eq!(answer.body, "C=US,CN=client|C=US,CN=ours|Jan  1 00:00:00 2050 GMT");
            let line = scene.gateway.output_line(" 200 C=US,CN=client. ");
            let serial = line.rsplit(' ').next().unwrap();
            assert!(serial.split(':').all(|pair| pair.len() == 2), "{serial}");
        }
    }
    // Who asks for none is told of none.
    let answer = scene.fetch(None, &[&url(OPEN)]);
    assert_eq!((answer.status, &*answer.body), (200, "||"));
}

#[test]
fn pa_164_a_certificate_that_is_not_good_is_answered_403_and_told_in_the_log() {
    let scene = Scene::new();
    let place = scene.gateway.place();
    let expired = scene.ours.issue(place, "expired", (2020, 2021));
    let early = scene.ours.issue(place, "early", (2050, 2051));
    let foreign = scene.partners.issue(place, "foreign", (2020, 2050));
    let impostor = Authority::new("ours").issue(place, "impostor", (2020, 2050));
    for (name, client) in
        [("expired", expired), ("early", early), ("foreign", foreign), ("impostor", impostor)]
    {
        for version in ["--http1.1", "--http2"] {
            let answer = scene.fetch(Some(&client), &[version, &url(MUTUAL)]);
            assert_eq!(
                (answer.status, &*answer.body),
                (403, r#"{"message":"Forbidden"}"#),
                "{name} {answer:?}"
            );
            assert_eq!(answer.field("x-amzn-ErrorType"), Some("ForbiddenException"), "{name}");
        }
        let _ = scene.gateway.output_line(&format!(" 403 C=US,CN={name}. "));
    }
}

#[test]
fn pa_164_without_a_certificate_the_handshake_fails() {
    let scene = Scene::new();
    for tls in [&["--tls-max", "1.2"][..], &["--tlsv1.3"]] {
        let answer = scene.fetch(None, &[&[&*url(MUTUAL)], tls].concat());
        assert_eq!((answer.status, &*answer.body), (0, ""), "{answer:?}");
        assert_ne!(answer.code, 0, "{answer:?}");
    }
    // A certificate whose key the client has not is none: it cannot even be sent.
    let (client, other) = (scene.client(), scene.ours.issue(scene.gateway.place(), "other", (2020, 2050)));
    let mixed = Certificate { certificate_file: client.certificate_file, key_file: other.key_file };
    assert_eq!(scene.fetch(Some(&mixed), &[&url(MUTUAL)]).status, 0);
}

/// hardening.md section 6: the server name's configuration serves its own hosts alone, whatever HTTP says.
#[test]
fn tls_no_host_leads_around_the_server_name() {
    let scene = Scene::new();
    let client = scene.client();
    for (server_name, host, client, expected) in [
        (OPEN, MUTUAL, None, 421),
        (API_HOST, MUTUAL, None, 421),
        (OPEN, MUTUAL, Some(&client), 421),
        (OPEN, "API.corp.internal.", None, 421),
        (MUTUAL, OPEN, Some(&client), 421),
        (MUTUAL, API_HOST, Some(&client), 421),
        (MUTUAL, OTHER_MUTUAL, Some(&client), 421),
        (MUTUAL, "unknown.example", Some(&client), 403),
        (MUTUAL, "API.corp.internal.:443", Some(&client), 200),
        (OPEN, "unknown.example", None, 403),
    ] {
        for version in ["--http1.1", "--http2"] {
            let path = if host == API_HOST { "demo/say" } else { "say" };
            let (host, url) = (format!("Host: {host}"), format!("https://{server_name}/{path}"));
            let answer = scene.fetch(client, &[version, "-H", &host, &url]);
            assert_eq!(answer.status, expected, "{server_name} {host} {version} {answer:?}");
            if expected == 421 {
                assert_eq!(answer.body, r#"{"message":"Misdirected Request"}"#);
            }
        }
    }
    let seen = scene.by_openssl(MUTUAL, None, &["-noservername"]);
    assert!(seen.contains("HTTP/1.1 421 Misdirected Request"), "{seen}");
    // Another name on a connection of its own is served as ever.
    assert_eq!(scene.fetch(None, &["--http2", &url(OPEN)]).status, 200);
}

/// What refuses a client is the gate that `explain` and `/denials` name.
#[test]
fn explain_names_the_gate_that_keeps_a_client_out() {
    let scene = Scene::new();
    let explained = |url: &str| {
        let arguments =
            ["explain", "--config", "postern.yaml", "--format", "json", "--vpce", VPCE_A, "GET", url];
        let outcome = run_program(scene.gateway.place().path(), &arguments, "");
        serde_json::from_str::<Value>(&outcome.output).unwrap_or_else(|_| panic!("{outcome:?}"))
    };
    assert_eq!(explained(&url(MUTUAL))["refusedBy"], json!("tls"));
    assert_eq!(explained(&url(OPEN))["refusedBy"], Value::Null);
    let foreign = scene.partners.issue(scene.gateway.place(), "foreign", (2020, 2050));
    let answer = scene.fetch(Some(&foreign), &[&url(MUTUAL)]);
    let denial = scene.gateway.denial(answer.field("x-amzn-RequestId").unwrap());
    let denial: Value = serde_json::from_str(denial.text()).unwrap();
    assert_eq!(denial["refusedBy"], json!("clientCertificate"), "{denial}");
    let because = "nobody in the truststore has issued the client certificate";
    assert!(denial.to_string().contains(because), "{denial}");
}

/// Plain text has no server name, so a domain name that asks for certificates is not served there.
#[test]
fn tls_plain_text_leads_around_nothing() {
    let scene = Scene::new();
    let request = format!("GET /say HTTP/1.1\r\nHost: {MUTUAL}\r\n\r\n");
    let answer = postern_testing::Wire::to(scene.gateway.endpoint(1)).ask(request);
    assert_eq!(answer.status(), 421);
}

#[test]
fn resumption_leads_around_nothing_and_is_judged_again() {
    let mut scene = Scene::new();
    let client = scene.client();
    for version in ["-tls1_2", "-tls1_3"] {
        let (open, mutual) = (scene.path("open.session"), scene.path("mutual.session"));
        let _ = scene.by_openssl(OPEN, None, &[version, "-servername", OPEN, "-sess_out", &open]);
        let seen = scene.by_openssl(OPEN, None, &[version, "-servername", OPEN, "-sess_in", &open]);
        assert!(seen.contains("Reused, TLS") && seen.contains("HTTP/1.1 200"), "{seen}");
        // A session without a certificate does not become one with.
        let seen = scene.by_openssl(MUTUAL, None, &[version, "-servername", MUTUAL, "-sess_in", &open]);
        assert!(!seen.contains("Reused, TLS") && !seen.contains("HTTP/1.1"), "{seen}");
        let seen = scene.by_openssl(MUTUAL, None, &[version, "-servername", OPEN, "-sess_in", &open]);
        assert!(seen.contains("HTTP/1.1 421"), "{seen}");
        // One with a certificate is resumed with it, for its own name.
        let arguments = [version, "-servername", MUTUAL, "-sess_out", &mutual];
        let seen = scene.by_openssl(MUTUAL, Some(&client), &arguments);
        assert!(seen.contains("HTTP/1.1 200"), "{seen}");
        let seen = scene.by_openssl(MUTUAL, None, &[version, "-servername", MUTUAL, "-sess_in", &mutual]);
        assert!(seen.contains("Reused, TLS") && seen.contains("CN=client|"), "{seen}");
        let arguments = [version, "-servername", OTHER_MUTUAL, "-sess_in", &mutual];
        let seen = scene.by_openssl(OTHER_MUTUAL, None, &arguments);
        assert!(!seen.contains("Reused, TLS") && !seen.contains("HTTP/1.1"), "{seen}");
    }
    // Another truststore: what was resumable is not any more.
    let mutual = scene.path("mutual.session");
    scene.gateway.place().write("tls/ours.pem", Authority::new("others").pem());
    let configuration = scene.gateway.configuration().clone();
    scene.gateway.reload(configuration);
    let seen = scene.by_openssl(MUTUAL, None, &["-servername", MUTUAL, "-sess_in", &mutual]);
    assert!(!seen.contains("Reused, TLS") && !seen.contains("HTTP/1.1"), "{seen}");
}

/// A connection that stays open while the configuration changes.
struct Standing {
    process: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Standing {
    fn open(scene: &Scene, name: &str, client: Option<&Certificate>) -> Self {
        let mut command = Command::new("openssl");
        let address = scene.gateway.endpoint(0).to_string();
        command.args(["s_client", "-quiet", "-connect", &address, "-servername", name]);
        if let Some(client) = client {
            command.arg("-cert").arg(&client.certificate_file).arg("-key").arg(&client.key_file);
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut process = command.spawn().expect("openssl starts");
        let (input, output) = (process.stdin.take().unwrap(), process.stdout.take().unwrap());
        Self { process, input, output: BufReader::new(output) }
    }

    fn ask(&mut self, host: &str) -> String {
        write!(self.input, "GET /say HTTP/1.1\r\nHost: {host}\r\n\r\n").unwrap();
        self.input.flush().unwrap();
        let (mut head, mut length) = (String::new(), 0);
        while !head.ends_with("\r\n\r\n") {
            assert_ne!(self.output.read_line(&mut head).unwrap(), 0, "{head}");
            if let Some(line) = head.lines().last().and_then(|line| line.strip_prefix("Content-Length: ")) {
                length = line.parse().unwrap();
            }
        }
        let mut body = vec![0; length];
        self.output.read_exact(&mut body).unwrap();
        head.lines().next().unwrap().to_owned()
    }
}

impl Drop for Standing {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn a_new_truststore_holds_for_connections_that_stand() {
    let mut scene = Scene::new();
    let client = scene.client();
    let mut standing = Standing::open(&scene, MUTUAL, Some(&client));
    let mut open = Standing::open(&scene, OPEN, None);
    assert_eq!(standing.ask(MUTUAL), "HTTP/1.1 200 OK");
    assert_eq!(open.ask(OPEN), "HTTP/1.1 200 OK");
    let before = fs::read_to_string(scene.path("tls/ours.pem")).unwrap();
    let mut configuration = scene.gateway.configuration().clone();
    // The authority is revoked, and the open name begins to ask for certificates.
    scene.gateway.place().write("tls/ours.pem", Authority::new("others").pem());
    configuration["domainNames"][2]["mutualTlsAuthentication"] =
        json!({"truststoreFile": "tls/partners.pem"});
    scene.gateway.reload(configuration.clone());
    assert_eq!(standing.ask(MUTUAL), "HTTP/1.1 403 Forbidden");
    assert_eq!(open.ask(OPEN), "HTTP/1.1 421 Misdirected Request");
    scene.gateway.place().write("tls/ours.pem", &before);
    scene.gateway.reload(configuration);
    assert_eq!(standing.ask(MUTUAL), "HTTP/1.1 200 OK");
}

#[test]
fn pa_161_and_166_a_truststore_is_checked_at_load_and_ways_around_it_are_told() {
    let place = Place::new();
    let mut configuration = base_configuration(&place, &definition(&json!({"/say": {"get": mock("")}})));
    let server = Certificate::write(&place, "server", &[MUTUAL]);
    let ours = Authority::new("ours");
    let client = ours.issue(&place, "client", (2020, 2050));
    configure(&mut configuration, &server);
    configuration["restApis"][0]["disableExecuteApiEndpoint"] = json!(true);
    configuration["domainNames"].as_array_mut().unwrap().truncate(1);
    configuration["vpcEndpoints"].as_array_mut().unwrap().truncate(1);
    configuration["accessLog"]["destination"] = json!("stderr");
    let check = |configuration: &Value| {
        place.write("postern.yaml", &configuration.to_string());
        run_program(place.path(), &["check", "--config", "postern.yaml"], "").output
    };
    place.write("tls/ours.pem", &format!("# none\n{}", fs::read_to_string(&client.key_file).unwrap()));
    let told = check(&configuration);
    assert!(told.contains("tls/ours.pem:2:1: what begins here is no certificate"), "{told}");
    place.write("tls/ours.pem", &fs::read_to_string(&client.certificate_file).unwrap());
    let told = check(&configuration);
    let expected = "tls/ours.pem:1:1: warning: who issued `C=US,CN=client` is not in the truststore";
    assert!(told.contains(expected), "{told}");
    place.write("tls/ours.pem", ours.pem());
    let told = check(&configuration);
    assert!(!told.contains("warning"), "{told}");
    configuration["restApis"][0]["disableExecuteApiEndpoint"] = json!(false);
    configuration["vpcEndpoints"][0].as_object_mut().unwrap().remove("tls");
    let told = check(&configuration);
    let around = "warning: `api.corp.internal` asks for client certificates, and API `a1b2c3d4e5` answers without \
                  them by its own host name: expected `disableExecuteApiEndpoint: true`";
    assert!(told.contains(around), "{told}");
    assert!(told.contains("VPC endpoint `vpce-01234567abcdef012` speaks plain text"), "{told}");
}

#[test]
fn explain_says_what_a_certificate_meets() {
    let scene = Scene::new();
    let foreign = scene.partners.issue(scene.gateway.place(), "foreign", (2020, 2050));
    for (client, refused_by, ending) in [
        (Some(scene.client()), Value::Null, "answered"),
        (Some(foreign), json!("clientCertificate"), "answered"),
        (None, json!("tls"), "closed"),
    ] {
        let url = url(MUTUAL);
        let mut arguments = vec!["explain", "--config", "postern.yaml", "--format", "json", "--vpce", VPCE_A];
        let file = client.as_ref().map(|client| client.certificate_file.to_string_lossy().into_owned());
        arguments.extend(file.iter().flat_map(|file| ["--cert", &**file]));
        arguments.extend(["GET", &url]);
        let outcome = run_program(scene.gateway.place().path(), &arguments, "");
        assert_eq!(outcome.code, Some(0), "{}", outcome.complaints);
        let told: Value = serde_json::from_str(&outcome.output).unwrap();
        assert_eq!((&told["refusedBy"], &told["ending"]), (&refused_by, &json!(ending)), "{told:#}");
        let answer = scene.fetch(client.as_ref(), &[&url]);
        assert_eq!(u64::from(answer.status), told["answer"]["status"].as_u64().unwrap_or_default());
        assert_eq!(answer.body, told["answer"]["body"].as_str().unwrap_or_default());
    }
}
