//! What a client is told when a backend fails (integrations.md section 14, hardening.md section 8).

use std::time::Instant;

use postern_testing::{
    Backend, Gateway, Step, answer, bytes, close, definition, expect, hang, http_proxy, reset,
};
use serde_json::json;

use crate::{plain_gateway, post, refusal};

const TIMED_OUT: &str = r#"{"message": "Endpoint request timed out"}"#;
const NETWORK: &str = r#"{"message": "Network error communicating with endpoint"}"#;
const INTERNAL: &str = r#"{"message": "Internal server error"}"#;

fn before(backend: &Backend) -> Gateway {
    let mut operation = http_proxy("POST", backend.address(), "/");
    operation["x-amazon-apigateway-integration"]["timeoutInMillis"] = json!(500);
    let get = http_proxy("GET", backend.address(), "/");
    plain_gateway(&definition(&json!({"/pets": {"post": operation, "get": get}})))
}

/// POST is never tried again, so each fault is seen as it is.
fn answer_to(fault: impl IntoIterator<Item = Step>) -> String {
    let steps: Vec<Step> = std::iter::once(expect("POST /")).chain(fault).collect();
    let backend = Backend::script(steps);
    before(&backend).wire().ask(post("/demo/pets", "{}")).masked()
}

fn fault(status_line: &str, body: &str) -> String {
    refusal(status_line, "InternalServerErrorException", body)
}

#[test]
fn silence_is_504() {
    assert_eq!(answer_to([hang()]), fault("504 Gateway Timeout", TIMED_OUT));
}

/// `benches/backends` measures how late: a busy machine may take any time, but none has the answer before.
#[test]
fn a_backend_is_waited_for_until_its_timeout_and_hardly_longer() {
    let silent = Backend::script([expect("POST /"), hang()]);
    let gateway = before(&silent);
    let mut wire = gateway.wire();
    let begun = Instant::now();
    assert_eq!(wire.ask(post("/demo/pets", "{}")).status(), 504);
    let waited = begun.elapsed().as_millis();
    assert!((500..5_000).contains(&waited), "{waited} ms");
}

#[test]
fn a_head_that_never_ends_is_504() {
    let steps = [bytes("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n"), hang()];
    assert_eq!(answer_to(steps), fault("504 Gateway Timeout", TIMED_OUT));
}

#[test]
fn an_end_before_the_answer_is_504() {
    assert_eq!(answer_to([close()]), fault("504 Gateway Timeout", NETWORK));
    assert_eq!(answer_to([reset()]), fault("504 Gateway Timeout", NETWORK));
}

#[test]
fn nobody_listening_is_504() {
    let nobody = postern_testing::Place::new().address();
    let gateway = plain_gateway(&definition(&json!({"/pets": {"post": http_proxy("POST", nobody, "/")}})));
    assert_eq!(gateway.wire().ask(post("/demo/pets", "{}")).masked(), fault("504 Gateway Timeout", NETWORK));
}

#[test]
fn a_name_that_leads_nowhere_is_504() {
    let mut operation = http_proxy("POST", "127.0.0.1:1".parse().unwrap(), "/");
    operation["x-amazon-apigateway-integration"]["uri"] = json!("http://nowhere.invalid/");
    let gateway = plain_gateway(&definition(&json!({"/pets": {"post": operation}})));
    assert_eq!(gateway.wire().ask(post("/demo/pets", "{}")).masked(), fault("504 Gateway Timeout", NETWORK));
}

#[test]
fn an_answer_that_breaks_the_grammar_is_502() {
    for broken in [
        "SSH-2.0-OpenSSH_9.2\r\n\r\n",
        "HTTP/1.1 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok",
        "HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\nok",
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nok",
        "HTTP/1.1 200 OK\r\nBad Name: 1\r\nContent-Length: 2\r\n\r\nok",
        "HTTP/1.1 200 OK\nContent-Length: 2\n\nok",
        "HTTP/1.1 200 OK\r\nX: a\0b\r\nContent-Length: 2\r\n\r\nok",
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
    ] {
        let got = answer_to([bytes(broken), hang()]);
        assert_eq!(got, fault("502 Bad Gateway", INTERNAL), "{broken:?}");
    }
}

#[test]
fn a_body_cut_short_does_not_look_whole() {
    let backend = Backend::script([
        expect("GET /"),
        bytes("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"),
        close(),
    ]);
    let gateway = before(&backend);
    let mut wire = gateway.wire();
    wire.send(crate::get("/demo/pets"));
    match wire.try_answer() {
        // Nothing of it had gone out yet.
        Ok(Some(answer)) => assert_eq!(answer.masked(), fault("502 Bad Gateway", INTERNAL)),
        Ok(None) => panic!("no answer at all"),
        Err(_) => {}
    }
}

#[test]
fn what_follows_an_answer_is_thrown_away_with_its_connection() {
    let smuggled =
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil";
    let backend = Backend::script([expect("GET /"), bytes(smuggled), expect("GET /"), answer(200, "good")]);
    let gateway = before(&backend);
    assert_eq!(gateway.get("/demo/pets").text(), "ok");
    assert_eq!(gateway.get("/demo/pets").text(), "good");
    backend.finished();
    assert_eq!(backend.connections(), 2);
}

#[test]
fn a_get_is_tried_once_more_on_a_new_connection_and_a_post_is_not() {
    let backend = Backend::script([
        expect("GET /"),
        answer(200, "first"),
        // The second request comes by the same connection, which ends instead of an answer.
        expect("GET /"),
        close(),
        expect("GET /"),
        answer(200, "second"),
        expect("POST /"),
        close(),
    ]);
    let gateway = before(&backend);
    assert_eq!(gateway.get("/demo/pets").text(), "first");
    assert_eq!(gateway.get("/demo/pets").text(), "second");
    assert_eq!(gateway.wire().ask(post("/demo/pets", "{}")).masked(), fault("504 Gateway Timeout", NETWORK));
    backend.finished();
    assert_eq!(backend.requests().len(), 4);
}
