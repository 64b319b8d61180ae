//! Hostile and broken requests over the real listeners (hardening.md sections 1 to 3): each class is
//! proved in `postern-protocol`; here stands that the whole program answers it.

use postern_testing::{API_HOST, curl};

use crate::{gateway, get, pets, plain_gateway, wire_refusal};

fn with_host(lines: &str) -> String {
    format!("GET /demo/pets HTTP/1.1\r\nHost: {API_HOST}\r\n{lines}\r\n")
}

#[test]
fn smuggling_is_refused_and_the_connection_closed() {
    let gateway = plain_gateway(&pets());
    for lines in [
        "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: xchunked\r\n",
        "Content-Length: 0\r\nContent-Length: 0\r\n",
        "Content-Length: 0, 0\r\n",
        "Content-Length: +1\r\n",
        "Content-Length : 1\r\n",
        " folded: 1\r\n",
        "X: a\rb\r\n",
        "X: a\0b\r\n",
        "no colon\r\n",
        "Host: other.example\r\n",
    ] {
        let mut wire = gateway.wire();
        // What follows is never read as a request of its own.
        wire.send(with_host(lines)).send_anyway(get("/demo/pets"));
        assert_eq!(wire.answer().masked(), wire_refusal("400 Bad Request", "Bad Request"), "{lines:?}");
        wire.ends();
    }
}

#[test]
fn methods_that_are_never_served_are_405() {
    let gateway = plain_gateway(&pets());
    for line in ["CONNECT a.example:443 HTTP/1.1", "TRACE /demo/pets HTTP/1.1"] {
        let mut wire = gateway.wire();
        let answer = wire.ask(format!("{line}\r\nHost: a.example:443\r\n\r\n"));
        assert_eq!(answer.status(), 405, "{line}");
        assert_eq!(answer.text(), r#"{"message":"Method Not Allowed"}"#);
    }
}

#[test]
fn paths_that_a_backend_might_read_otherwise_are_400() {
    let gateway = plain_gateway(&pets());
    for path in [
        "/demo/../pets",
        "/demo/%2e%2e/pets",
        "/demo/..%2Fpets",
        "/demo/.;x/pets",
        "/demo/pets%00",
        "/demo/pets%zz",
        "/demo\\pets",
        "/demo/%5cpets",
        "/demo/pets#a",
    ] {
        // Who explains an address leaves its fragment away, as clients do.
        let answer = if path.contains('#') { gateway.get(path) } else { gateway.get_explained(path, "") };
        assert_eq!(answer.status(), 400, "{path}");
        assert_eq!(answer.text(), r#"{"message":"Bad Request"}"#, "{path}");
    }
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let gateway = plain_gateway(&pets());
    let mut wire = gateway.wire();
    wire.send([get("/demo/pets"), get("/demo/cats"), get("/demo/pets")].concat());
    let statuses = [wire.answer().status(), wire.answer().status(), wire.answer().status()];
    assert_eq!(statuses, [200, 403, 200]);
}

#[test]
fn http_1_0_is_answered_and_closed() {
    let gateway = plain_gateway(&pets());
    let mut wire = gateway.wire();
    let answer = wire.ask(format!("GET /demo/pets HTTP/1.0\r\nHost: {API_HOST}\r\n\r\n"));
    assert_eq!((answer.status(), answer.field("Connection")), (200, Some("close")));
    wire.ends();
}

#[test]
fn curl_speaks_both_versions_in_plain_text() {
    let gateway = gateway(&pets(), |_, configuration| {
        configuration["vpcEndpoints"][0]["http2"] = true.into();
    });
    let url = format!("http://{API_HOST}/demo/pets");
    for (arguments, version) in
        [(vec!["--http1.1", &*url], "1.1"), (vec!["--http2-prior-knowledge", &*url], "2")]
    {
        let answer = curl(gateway.endpoint(0), &arguments);
        assert_eq!((answer.status, &*answer.version, &*answer.body), (200, version, "pets"), "{answer:?}");
    }
    let refused =
        curl(gateway.endpoint(0), &["--http2-prior-knowledge", &format!("http://{API_HOST}/demo/cats")]);
    assert_eq!((refused.status, &*refused.body), (403, r#"{"message":"Missing Authentication Token"}"#));
    assert_eq!(refused.field("x-amzn-errortype"), Some("MissingAuthenticationTokenException"));
}
