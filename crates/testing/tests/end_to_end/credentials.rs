//! Credentials for signed calls: fetched from a container's endpoint and from an instance's metadata, read from a
//! file, fetched anew before they end; and what becomes of calls without any (AW3).

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{SystemTime, UNIX_EPOCH},
};

use postern_protocol::signature::Timestamp;
use postern_testing::{
    Backend, Gateway, Message, Place, SignedCall, base_configuration, bytes, definition, expect, hang, until,
};
use serde_json::json;

use crate::{
    post, refusal,
    services::{service, verify},
};

const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
const TOKEN: &str = "IQoJb3JpZ2luX2VjEPT//////////wEaCXVzLWVhc3QtMSJ==";

/// A gateway that signs calls of SQS, with these variables and no credentials of the machine that tests run on.
fn signing(service_backend: &Backend, variables: &[(&str, &str)]) -> Gateway {
    let mut gateway = launched(service_backend, variables);
    gateway.until_ready();
    gateway
}

/// As [`signing`], and perhaps not ready yet.
fn launched(service_backend: &Backend, variables: &[(&str, &str)]) -> Gateway {
    let place = Place::new();
    let paths = json!({"/a": {"post": service("POST", "sqs:path/1/pets", &json!({}))}});
    let mut configuration = base_configuration(&place, &definition(&paths));
    configuration["serviceEndpoints"] = json!({"sqs": format!("http://{}", service_backend.address())});
    let home = place.path().to_string_lossy().into_owned();
    let mut variables = variables.to_vec();
    variables.push(("HOME", &home));
    Gateway::launch_with(place, configuration, &variables)
}

fn ask(gateway: &Gateway) -> Message {
    gateway.wire().ask(post("/demo/a", "{}"))
}

/// Asks until a call is signed with this access key, and verifies its signature.
fn until_signed_with(gateway: &Gateway, backend: &Backend, access_key_id: &str) {
    let request = until(access_key_id, || {
        if ask(gateway).status() != 200 {
            return None;
        }
        let request = backend.requests().pop()?;
        request.field("Authorization")?.contains(access_key_id).then_some(request)
    });
    assert_eq!(request.field("X-Amz-Security-Token"), Some(TOKEN));
    verify(&[SignedCall { request: &request, key: (access_key_id, SECRET), scope: ("us-east-1", "sqs") }]);
}

/// Credentials that end in so many seconds.
fn document(access_key_id: &str, seconds: u64) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let end = Timestamp::from_epoch_seconds(now + seconds).to_string();
    let digits = |range: std::ops::Range<usize>| end.get(range).unwrap();
    let end =
        format!("{}-{}-{}:{}:{}", digits(0..4), digits(4..6), digits(6..11), digits(11..13), digits(13..16));
    json!({
        "Code": "Success", "AccessKeyId": access_key_id, "SecretAccessKey": SECRET, "Token": TOKEN,
        "Expiration": end,
    })
    .to_string()
}

fn said(status: u16, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status} Whatever\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

fn internal() -> String {
    let body = r#"{"message": "Internal server error"}"#;
    refusal("500 Internal Server Error", "InternalServerErrorException", body)
}

fn shows_no_secret(gateway: &Gateway) {
    let log = gateway.log();
    assert!(!log.contains(SECRET) && !log.contains(TOKEN) && !log.contains("the pod"), "{log}");
}

#[test]
fn a_container_endpoint_is_asked_with_the_token_of_its_file_and_again_before_the_end() {
    let backend = Backend::answering(200, "{}");
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let endpoint = Backend::with(move |_| match count.fetch_add(1, Ordering::SeqCst) {
        0 => said(200, &document("ASIAFIRST00000000000", 6)),
        _ => said(200, &document("ASIASECOND0000000000", 3_600)),
    });
    let place = Place::new();
    let token = place.write("token", "the pod's first token\n");
    let uri = format!("http://{}/v1/credentials?a=b", endpoint.address());
    let mut gateway = signing(
        &backend,
        &[
            ("AWS_CONTAINER_CREDENTIALS_FULL_URI", &uri),
            ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", &token.to_string_lossy()),
        ],
    );
    let first = endpoint.request(0);
    assert_eq!(first.first_line(), "GET /v1/credentials?a=b HTTP/1.1");
    assert_eq!(first.field("Authorization"), Some("the pod's first token"));
    assert_eq!(first.field("Host"), Some(&*endpoint.address().to_string()));
    place.write("token", "the pod's second token\n");
    until_signed_with(&gateway, &backend, "ASIASECOND0000000000");
    assert_eq!(endpoint.request(1).field("Authorization"), Some("the pod's second token"));
    let line = gateway.log_line("credentials for signed calls were fetched");
    assert!(line.contains(r#""accessKeyId":"ASIAFIRST00000000000""#), "{line}");
    // A reload keeps what was fetched.
    let mut configuration = gateway.configuration().clone();
    configuration["restApis"][0]["stages"][0]["variables"] = json!({"changed": "yes"});
    gateway.reload(configuration);
    assert_eq!(ask(&gateway).status(), 200);
    assert_eq!(endpoint.requests().len(), 2);
    shows_no_secret(&gateway);
}

/// Version 2 of the metadata: a token for the session, the role's name, its credentials, in chunks too.
#[test]
fn the_metadata_of_an_instance_are_asked_with_a_session_token() {
    let backend = Backend::answering(200, "{}");
    let endpoint = Backend::with(|request| match request.first_line() {
        "PUT /latest/api/token HTTP/1.1" => said(200, "session-token"),
        "GET /latest/meta-data/iam/security-credentials/ HTTP/1.1" => said(200, "the-role\n"),
        "GET /latest/meta-data/iam/security-credentials/the-role HTTP/1.1" => {
            let body = document("ASIAINSTANCE00000000", 21_600);
            let (one, two) = body.split_at(40);
            let chunk = |text: &str| format!("{:x}\r\n{text}\r\n", text.len());
            format!(
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{}{}0\r\n\r\n",
                chunk(one),
                chunk(two)
            )
            .into_bytes()
        }
        _ => said(404, ""),
    });
    let uri = format!("http://{}", endpoint.address());
    let gateway = signing(&backend, &[("AWS_EC2_METADATA_SERVICE_ENDPOINT", &uri)]);
    until_signed_with(&gateway, &backend, "ASIAINSTANCE00000000");
    let requests = endpoint.requests();
    assert_eq!(requests[0].field("X-aws-ec2-metadata-token-ttl-seconds"), Some("21600"));
    for request in &requests[1..] {
        assert_eq!(request.field("X-aws-ec2-metadata-token"), Some("session-token"));
    }
    let told = gateway.explain(0, &post("/demo/a", "{}"), &[]).to_string();
    assert!(told.contains("***") && told.contains("/1/pets") && !told.contains(TOKEN), "{told}");
    assert_eq!(endpoint.requests().len(), requests.len());
    shows_no_secret(&gateway);
}

#[test]
fn calls_fail_when_credentials_have_ended_and_none_can_be_had_and_work_again_when_they_can() {
    let backend = Backend::answering(200, "{}");
    let (fails, said_first) = (Arc::new(AtomicBool::new(true)), Arc::new(AtomicBool::new(false)));
    let is_failing = Arc::clone(&fails);
    let endpoint = Backend::with(move |_| {
        if !said_first.swap(true, Ordering::SeqCst) {
            said(200, &document("ASIAFIRST00000000000", 3))
        } else if is_failing.load(Ordering::SeqCst) {
            said(403, &format!(r#"{{"message": "not with {SECRET}"}}"#))
        } else {
            said(200, &document("ASIASECOND0000000000", 3_600))
        }
    });
    let uri = format!("http://{}/", endpoint.address());
    let gateway = signing(&backend, &[("AWS_CONTAINER_CREDENTIALS_FULL_URI", &uri)]);
    let line = gateway.log_line("credentials for signed calls could not be fetched");
    assert!(
        line.contains(&format!(r#""reason":"GET http://{}: answered 403""#, endpoint.address())),
        "{line}"
    );
    let refused = until("an end", || Some(ask(&gateway)).filter(|answer| answer.status() == 500));
    assert_eq!(refused.masked(), internal());
    fails.store(false, Ordering::SeqCst);
    until_signed_with(&gateway, &backend, "ASIASECOND0000000000");
    shows_no_secret(&gateway);
}

fn is_ready(gateway: &Gateway) -> bool {
    let ready = gateway.ask_admin("GET", "/readyz");
    assert_eq!(gateway.ask_admin("GET", "/livez").status(), 200);
    assert_eq!(gateway.metric("postern_ready", &[]) > 0.0, ready.status() == 200);
    ready.status() == 200
}

/// A call without credentials is answered at once, and a gateway that waits for its first ones is not ready, but alive.
#[test]
fn a_slow_endpoint_holds_no_call_up_and_the_gateway_is_not_ready_before_it_answers_or_refuses() {
    let backend = Backend::answering(200, "{}");
    for (first, status) in [(said(200, &document("ASIAFIRST00000000000", 3_600)), 200), (said(403, ""), 500)]
    {
        let endpoint = Backend::script([expect("GET /"), hang(), bytes(first)]);
        let uri = format!("http://{}/", endpoint.address());
        let mut gateway = launched(&backend, &[("AWS_CONTAINER_CREDENTIALS_FULL_URI", &uri)]);
        let _request = endpoint.request(0);
        let _line = gateway.log_line(r#""message":"serving""#);
        assert!(!is_ready(&gateway));
        assert_eq!(ask(&gateway).masked(), internal());
        endpoint.release();
        gateway.until_ready();
        assert!(is_ready(&gateway));
        assert_eq!(ask(&gateway).status(), status);
    }
}

#[test]
fn an_endpoint_that_never_answers_is_waited_for_no_longer_than_a_fetch_may_take() {
    let backend = Backend::answering(200, "{}");
    let endpoint = Backend::script([expect("GET /"), hang()]);
    let uri = format!("http://{}/", endpoint.address());
    let gateway = signing(&backend, &[("AWS_CONTAINER_CREDENTIALS_FULL_URI", &uri)]);
    let line = gateway.log_line("credentials for signed calls could not be fetched");
    assert!(line.contains(r#""reason":"no answer in time""#), "{line}");
    assert_eq!(ask(&gateway).masked(), internal());
    assert_eq!(backend.connections(), 0);
    endpoint.release();
}

/// A reload that asks for credentials anew takes no gateway out of service, and all of them at once least of all.
#[test]
fn a_reload_that_needs_credentials_leaves_the_gateway_ready() {
    let backend = Backend::answering(200, "{}");
    let endpoint = Backend::script([expect("GET /"), hang()]);
    let uri = format!("http://{}/", endpoint.address());
    let mut gateway = launched(&backend, &[("AWS_CONTAINER_CREDENTIALS_FULL_URI", &uri)]);
    let signs = gateway.configuration().clone();
    let mut signs_nothing = signs.clone();
    signs_nothing["restApis"] = json!([]);
    gateway.reload(signs_nothing);
    gateway.until_ready();
    gateway.reload(signs);
    assert!(is_ready(&gateway));
    endpoint.release();
}

/// What an endpoint says that is no answer: told in the log, and nothing of it quoted.
#[test]
fn answers_of_an_endpoint_that_are_none_are_told_without_what_they_say() {
    let answers = [
        said(200, &format!("[\"{SECRET}\"]")),
        said(200, &format!(r#"{{"AccessKeyId": "", "SecretAccessKey": "{SECRET}"}}"#)),
        said(200, &document("ASIAPAST000000000000", 0)),
        b"what?\r\n\r\n".to_vec(),
    ];
    let reasons = [
        "the answer is not a JSON object",
        "the answer has no access key",
        "they have ended already",
        "not HTTP",
    ];
    let backend = Backend::answering(200, "{}");
    for (answer, reason) in answers.into_iter().zip(reasons) {
        let answer = Mutex::new(answer);
        let endpoint = Backend::with(move |_| answer.lock().unwrap().clone());
        let uri = format!("http://{}/", endpoint.address());
        let gateway = signing(&backend, &[("AWS_CONTAINER_CREDENTIALS_FULL_URI", &uri)]);
        let line = gateway.log_line("credentials for signed calls could not be fetched");
        assert!(line.contains(reason), "{reason}: {line}");
        assert_eq!(ask(&gateway).masked(), internal());
        shows_no_secret(&gateway);
    }
}

#[test]
fn a_profile_is_read_from_its_file_and_again_when_that_changes() {
    let profile = |access_key_id: &str| {
        format!(
            "[default]\naws_access_key_id = AKIDDEFAULT000000000\naws_secret_access_key = another\n[work]\n\
             aws_access_key_id = {access_key_id}\naws_secret_access_key = {SECRET}\naws_session_token = {TOKEN}\n"
        )
    };
    let backend = Backend::answering(200, "{}");
    let place = Place::new();
    let file = place.write("credentials", &profile("ASIAFIRST00000000000"));
    let gateway = signing(
        &backend,
        &[("AWS_SHARED_CREDENTIALS_FILE", &*file.to_string_lossy()), ("AWS_PROFILE", "work")],
    );
    assert_eq!(ask(&gateway).status(), 200);
    until_signed_with(&gateway, &backend, "ASIAFIRST00000000000");
    place.write("credentials", &profile("ASIASECOND0000000000"));
    until_signed_with(&gateway, &backend, "ASIASECOND0000000000");
    shows_no_secret(&gateway);
}
