//! Every limit of the wire and of waiting: at the limit less one, at it, and past it where bytes or
//! things are counted; seen to act where time is (hardening.md section 9).

use std::{
    net::{IpAddr, SocketAddr, TcpListener, TcpStream},
    time::Duration,
};

use postern_testing::{
    API_HOST, Backend, Certificate, Gateway, Message, Wire, answer, bytes, definition, expect, hang,
    http_proxy, mock, until,
};
use serde_json::{Value, json};
use socket2::{Domain, SockAddr, Socket, Type};

use crate::{gateway, get, pets, post, wire_refusal};

fn limited(definition: &Value, limits: &Value) -> Gateway {
    gateway(definition, |_, configuration| set(configuration, limits))
}

fn set(configuration: &mut Value, limits: &Value) {
    for (name, value) in limits.as_object().unwrap() {
        configuration["limits"][name] = value.clone();
    }
}

/// Anything below `/`, answered at once.
fn anything() -> Value {
    definition(&json!({"/{proxy+}": {"x-amazon-apigateway-any-method": mock("seen")}}))
}

/// Every body is read.
fn reading() -> Value {
    definition(&json!({"/pets": {"post": mock("read"), "get": mock("pets")}}))
}

fn proxied(backend: &Backend) -> Value {
    let operation = |verb: &str| http_proxy(verb, backend.address(), "/");
    definition(&json!({"/pets": {"get": operation("GET"), "post": operation("POST")}}))
}

/// Waits until a limit has been counted as hit: that is done when the answer is out already.
fn is_hit(gateway: &Gateway, limit: &str) {
    let label = format!("\"{limit}\"");
    until(&format!("a hit of {limit}"), || {
        (gateway.metric("postern_limit_hits_total", &[&label]) > 0.5).then_some(())
    });
}

/// Sends three requests, the last of which is past the limit, and sees that it alone is refused, the
/// connection closed, and the hit counted.
fn three(gateway: &Gateway, limit: &str, requests: [String; 3], refused: &str) {
    for (index, request) in requests.into_iter().enumerate() {
        let mut wire = gateway.wire();
        let answer = wire.ask(&request);
        if index < 2 {
            assert_eq!(answer.status(), 200, "{limit}, request {index}: {request:?}");
        } else {
            assert_eq!(answer.masked(), refused, "{limit}, request {index}: {request:?}");
            wire.ends();
        }
    }
    is_hit(gateway, limit);
}

fn uri_too_long() -> String {
    wire_refusal("414 URI Too Long", "Request URI too long")
}

fn fields_too_large() -> String {
    wire_refusal("431 Request Header Fields Too Large", "Request header fields too large")
}

fn too_large() -> String {
    let body = r#"{"message":"HTTP content length exceeded 10485760 bytes."}"#;
    format!(
        "HTTP/1.1 413 Content Too Large\r\nDate: DATE\r\nContent-Type: application/json\r\nx-amzn-RequestId: UUID\r\n\
         x-amz-apigw-id: EXTENDED\r\nx-amzn-ErrorType: RequestTooLargeException\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{body}",
        body.len()
    )
}

fn around(limit: usize) -> [usize; 3] {
    [limit - 1, limit, limit + 1]
}

#[test]
fn request_line_bytes() {
    let gateway = limited(&anything(), &json!({"requestLineBytes": 200}));
    let requests = around(200).map(|length| get(&format!("/demo/{}", "a".repeat(length - 6))));
    three(&gateway, "requestLineBytes", requests, &uri_too_long());
}

#[test]
fn head_bytes() {
    let gateway = limited(&pets(), &json!({"headBytes": 512}));
    let host = format!("Host: {API_HOST}\r\n").len();
    let requests = around(512).map(|length| {
        let filler = "a".repeat(length - host - "X: \r\n".len());
        format!("GET /demo/pets HTTP/1.1\r\nHost: {API_HOST}\r\nX: {filler}\r\n\r\n")
    });
    three(&gateway, "headBytes", requests, &fields_too_large());
}

#[test]
fn raw_head_bytes() {
    let gateway = limited(&pets(), &json!({"rawHeadBytes": 1_024}));
    let fixed = get("/demo/pets").len() + "X: \r\n".len();
    let requests = around(1_024).map(|length| {
        let filler = "a".repeat(length - fixed);
        format!("GET /demo/pets HTTP/1.1\r\nHost: {API_HOST}\r\nX: {filler}\r\n\r\n")
    });
    three(&gateway, "rawHeadBytes", requests, &fields_too_large());
}

/// The largest heads that can be configured, in pieces that meet every place where more of one is read to.
#[test]
fn a_head_of_the_largest_size_comes_in_pieces() {
    let gateway =
        limited(&pets(), &json!({"headBytes": 65_536, "rawHeadBytes": 131_072, "requestLineBytes": 65_536}));
    let line = format!("X: {}\r\n", "a".repeat(60_000));
    let request = format!("GET /demo/pets HTTP/1.1\r\nHost: {API_HOST}\r\n{line}\r\n");
    for first in [30_000, 49_151, 49_152, 49_153, 55_000] {
        let mut wire = gateway.wire();
        let (first, second) = request.split_at(first);
        wire.send(first.as_bytes());
        assert!(!wire.comes_within(Duration::from_millis(100)), "{}", first.len());
        assert_eq!(wire.ask(second).status(), 200, "{}", first.len());
    }
}

#[test]
fn header_fields() {
    let gateway = limited(&pets(), &json!({"headerFields": 8}));
    let requests = around(8).map(|count| {
        format!("GET /demo/pets HTTP/1.1\r\nHost: {API_HOST}\r\n{}\r\n", "X: a\r\n".repeat(count - 1))
    });
    three(&gateway, "headerFields", requests, &fields_too_large());
}

#[test]
fn header_name_bytes() {
    let gateway = limited(&pets(), &json!({"headerNameBytes": 16}));
    let requests = around(16).map(|length| {
        format!("GET /demo/pets HTTP/1.1\r\nHost: {API_HOST}\r\n{}: a\r\n\r\n", "X".repeat(length))
    });
    three(&gateway, "headerNameBytes", requests, &fields_too_large());
}

#[test]
fn path_segments() {
    let gateway = limited(&anything(), &json!({"pathSegments": 6}));
    let requests = around(6).map(|count| get(&format!("/demo{}", "/a".repeat(count - 1))));
    three(&gateway, "pathSegments", requests, &uri_too_long());
}

#[test]
fn query_parameters() {
    let gateway = limited(&pets(), &json!({"queryParameters": 5}));
    let requests = around(5).map(|count| get(&format!("/demo/pets?{}", vec!["a=b"; count].join("&"))));
    three(&gateway, "queryParameters", requests, &wire_refusal("400 Bad Request", "Bad Request"));
}

#[test]
fn method_arn_bytes() {
    let gateway = limited(&anything(), &json!({"methodArnBytes": 200}));
    let fixed = "arn:aws:execute-api:us-east-1:123456789012:a1b2c3d4e5/demo/GET/".len();
    let requests = around(200).map(|length| get(&format!("/demo/{}", "a".repeat(length - fixed))));
    three(&gateway, "methodArnBytes", requests, &uri_too_long());
}

#[test]
fn payload_bytes_of_requests() {
    let gateway = limited(&reading(), &json!({"payloadBytes": 100}));
    let requests = around(100).map(|length| post("/demo/pets", &"a".repeat(length)));
    three(&gateway, "payloadBytes", requests, &too_large());
    let gateway = limited(&reading(), &json!({"payloadBytes": 100}));
    let requests = around(100).map(|length| {
        format!(
            "POST /demo/pets HTTP/1.1\r\nHost: {API_HOST}\r\nTransfer-Encoding: chunked\r\n\r\n\
             32\r\n{}\r\n{:x}\r\n{}\r\n0\r\n\r\n",
            "a".repeat(50),
            length - 50,
            "a".repeat(length - 50)
        )
    });
    three(&gateway, "payloadBytes", requests, &too_large());
}

#[test]
fn payload_bytes_of_answers() {
    let backend = Backend::with(|request| {
        let length: usize = request.field("X-Length").unwrap().parse().unwrap();
        format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{}", "a".repeat(length)).into_bytes()
    });
    let gateway = limited(&proxied(&backend), &json!({"payloadBytes": 100}));
    let statuses =
        around(100).map(|length| gateway.get_with("/demo/pets", &format!("X-Length: {length}\r\n")).status());
    assert_eq!(statuses, [200, 200, 502]);
}

#[test]
fn chunk_extension_bytes() {
    let bad = wire_refusal("400 Bad Request", "Bad Request");
    let chunked = |extension: &str, chunks: usize| {
        let chunk = format!("1{extension}\r\na\r\n").repeat(chunks);
        format!(
            "POST /demo/pets HTTP/1.1\r\nHost: {API_HOST}\r\nTransfer-Encoding: chunked\r\n\r\n{chunk}0\r\n\r\n"
        )
    };
    let gateway = limited(&reading(), &json!({"chunkExtensionBytes": 16}));
    let requests = around(16).map(|length| chunked(&format!(";{}", "a".repeat(length - 1)), 1));
    three(&gateway, "chunkExtensionBytes", requests, &bad);
    let gateway = limited(&reading(), &json!({"chunkExtensionTotalBytes": 40}));
    let requests = [("aaaaaaaa", 4), ("aaaaaaa", 5), ("aaaaaaaa", 5)]
        .map(|(text, chunks)| chunked(&format!(";{text}"), chunks));
    three(&gateway, "chunkExtensionTotalBytes", requests, &bad);
}

#[test]
fn connections_beyond_the_limit_wait() {
    for limit in ["connections", "connectionsPerListener"] {
        let gateway = limited(&pets(), &json!({(limit): 2}));
        let mut wires = [gateway.wire(), gateway.wire()];
        for wire in &mut wires {
            assert_eq!(wire.ask(get("/demo/pets")).status(), 200);
        }
        let mut third = gateway.wire();
        third.send(get("/demo/pets"));
        is_hit(&gateway, limit);
        assert!(third.is_silent());
        if limit == "connectionsPerListener" {
            assert_eq!(Wire::to(gateway.endpoint(1)).ask(get("/demo/pets")).status(), 200);
        }
        drop(wires);
        assert_eq!(third.answer().status(), 200);
    }
}

#[test]
fn connections_per_peer() {
    let gateway = limited(&pets(), &json!({"connectionsPerPeer": 2}));
    let mut wires = [gateway.wire(), gateway.wire()];
    for wire in &mut wires {
        assert_eq!(wire.ask(get("/demo/pets")).status(), 200);
    }
    let mut third = gateway.wire();
    third.send_anyway(get("/demo/pets"));
    third.ends();
    let other: IpAddr = "127.0.0.2".parse().unwrap();
    assert_eq!(Wire::from_to(other, gateway.endpoint(0)).ask(get("/demo/pets")).status(), 200);
    is_hit(&gateway, "connectionsPerPeer");
}

#[test]
fn accepts_per_second() {
    let gateway = limited(&pets(), &json!({"acceptsPerSecond": 1}));
    let mut wires: Vec<Wire> = (0..3).map(|_| gateway.wire()).collect();
    for wire in &mut wires {
        assert_eq!(wire.ask(get("/demo/pets")).status(), 200);
    }
    is_hit(&gateway, "acceptsPerSecond");
}

#[test]
fn first_byte_seconds() {
    let gateway = limited(&pets(), &json!({"firstByteSeconds": 1}));
    gateway.wire().ends();
    is_hit(&gateway, "firstByteSeconds");
}

#[test]
fn head_seconds() {
    let gateway = limited(&pets(), &json!({"headSeconds": 1}));
    let mut wire = gateway.wire();
    let answer = wire.ask("GET /demo/pets HTTP/1.1\r\nHost:");
    assert_eq!(answer.masked(), wire_refusal("408 Request Timeout", "Request Timeout"));
    wire.ends();
}

fn half_a_body() -> String {
    format!("POST /demo/pets HTTP/1.1\r\nHost: {API_HOST}\r\nContent-Length: 1000000\r\n\r\nhalf")
}

#[test]
fn body_idle_seconds() {
    let gateway = limited(&reading(), &json!({"bodyIdleSeconds": 1}));
    let mut wire = gateway.wire();
    let answer = wire.ask(half_a_body());
    assert_eq!(answer.masked(), wire_refusal("408 Request Timeout", "Request Timeout"));
    wire.ends();
}

/// Sends a byte each time that nothing came back for a while, until an answer comes.
fn trickle(wire: &mut Wire) -> Message {
    wire.send(half_a_body());
    while !wire.comes_within(Duration::from_millis(200)) {
        wire.send_anyway("a");
    }
    wire.answer()
}

#[test]
fn body_bytes_per_second() {
    let gateway = limited(&reading(), &json!({"bodyBytesPerSecond": 100, "requestSeconds": 3_600}));
    let mut wire = gateway.wire();
    assert_eq!(trickle(&mut wire).masked(), wire_refusal("408 Request Timeout", "Request Timeout"));
}

#[test]
fn request_seconds() {
    let gateway = limited(&reading(), &json!({"requestSeconds": 1}));
    let mut wire = gateway.wire();
    assert_eq!(trickle(&mut wire).masked(), wire_refusal("408 Request Timeout", "Request Timeout"));
}

#[test]
fn write_stall_seconds() {
    let body = "a".repeat(8_000_000);
    let backend = Backend::answering(200, &body);
    let gateway = limited(&proxied(&backend), &json!({"writeStallSeconds": 1}));
    let mut wire = gateway.wire();
    wire.keep_little();
    wire.send(get("/demo/pets"));
    until("the stalled connection to be closed", || {
        (gateway.metric("postern_connections_closed_total", &[]) > 0.5).then_some(())
    });
    assert!(wire.try_answer().is_err());
}

#[test]
fn idle_seconds() {
    let gateway = limited(&pets(), &json!({"idleSeconds": 1}));
    let mut wire = gateway.wire();
    assert_eq!(wire.ask(get("/demo/pets")).status(), 200);
    wire.ends();
}

#[test]
fn requests_per_connection() {
    let gateway = limited(&pets(), &json!({"requestsPerConnection": 2}));
    let mut wire = gateway.wire();
    assert_eq!(wire.ask(get("/demo/pets")).field("Connection"), None);
    assert_eq!(wire.ask(get("/demo/pets")).field("Connection"), Some("close"));
    wire.ends();
}

#[test]
fn connection_age_seconds() {
    let gateway = limited(&pets(), &json!({"connectionAgeSeconds": 1}));
    let mut wire = gateway.wire();
    until("an old connection to be closed", || {
        (wire.ask(get("/demo/pets")).field("Connection") == Some("close")).then_some(())
    });
    wire.ends();
}

fn secured(limits: &Value) -> Gateway {
    gateway(&pets(), |place, configuration| {
        let certificate = Certificate::write(place, "one", &[API_HOST]);
        configuration["vpcEndpoints"][0]["tls"] = json!([
            {"certificateFile": certificate.certificate_file, "privateKeyFile": certificate.key_file}
        ]);
        set(configuration, limits);
    })
}

#[test]
fn handshake_seconds() {
    let gateway = secured(&json!({"handshakeSeconds": 1, "firstByteSeconds": 300}));
    gateway.wire().ends();
    assert!(gateway.metric("postern_tls_handshake_failures_total", &[]) > 0.5);
}

#[test]
fn handshakes() {
    let gateway = secured(&json!({"handshakes": 1}));
    let slow = gateway.wire();
    let second = gateway.wire();
    is_hit(&gateway, "handshakes");
    drop((slow, second));
    let answer =
        postern_testing::curl(gateway.endpoint(0), &["--insecure", &format!("https://{API_HOST}/demo/pets")]);
    assert_eq!(answer.status, 200, "{answer:?}");
}

#[test]
fn requests_in_flight() {
    let backend = Backend::script([expect("GET /"), hang(), answer(200, "late")]);
    let gateway = limited(&proxied(&backend), &json!({"requestsInFlight": 1}));
    let mut first = gateway.wire();
    first.send(get("/demo/pets"));
    let _ = backend.request(0);
    let refused = gateway.get("/demo/pets");
    assert_eq!((refused.status(), refused.text()), (503, r#"{"message":"Service Unavailable"}"#));
    is_hit(&gateway, "requestsInFlight");
    backend.release();
    assert_eq!(first.answer().text(), "late");
}

#[test]
fn backend_connections_and_calls_that_wait() {
    let backend =
        Backend::script([expect("GET /"), hang(), answer(200, "one"), expect("GET /"), answer(200, "two")]);
    let limits = json!({"backendConnections": 1, "backendPending": 1});
    let gateway = limited(&proxied(&backend), &limits);
    let mut wires = [gateway.wire(), gateway.wire()];
    wires[0].send(get("/demo/pets"));
    let _ = backend.request(0);
    wires[1].send(get("/demo/pets"));
    // One call is with the backend and one waits; a third is one too many.
    let refused = until("a call too many", || {
        let mut third = gateway.wire();
        third.send(get("/demo/pets"));
        third.comes_within(Duration::from_secs(5)).then(|| third.answer())
    });
    assert_eq!((refused.status(), refused.text()), (503, r#"{"message": "Service Unavailable"}"#));
    is_hit(&gateway, "backendPending");
    backend.release();
    assert_eq!(wires.map(|mut wire| wire.answer().text().to_owned()), ["one", "two"]);
    assert_eq!(backend.connections(), 1);
}

#[test]
fn connect_seconds() {
    // A listener whose queue is full answers no more handshakes.
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SockAddr::from("127.0.0.1:0".parse::<SocketAddr>().unwrap())).unwrap();
    socket.listen(0).unwrap();
    let listener: TcpListener = socket.into();
    let address = listener.local_addr().unwrap();
    let mut queue = Vec::new();
    while let Ok(stream) = TcpStream::connect_timeout(&address, Duration::from_millis(300)) {
        queue.push(stream);
        assert!(queue.len() < 100, "the queue never fills");
    }
    let definition = definition(&json!({"/pets": {"get": http_proxy("GET", address, "/")}}));
    let gateway = limited(&definition, &json!({"connectSeconds": 1}));
    let answer = gateway.get("/demo/pets");
    assert_eq!(
        (answer.status(), answer.text()),
        (504, r#"{"message": "Network error communicating with endpoint"}"#)
    );
}

#[test]
fn drain_seconds() {
    let backend = Backend::script([expect("GET /"), hang(), bytes("")]);
    let mut gateway = limited(&proxied(&backend), &json!({"drainSeconds": 1}));
    let mut wire = gateway.wire();
    wire.send(get("/demo/pets"));
    let _ = backend.request(0);
    gateway.signal("TERM");
    wire.ends();
    let _ = gateway.wait();
}
