//! Answers to HTTP/2 clients beside the usual one: leave to send a body, refusals that come before it, and what
//! backends say before and behind their own answers (RFC 9110 section 15.2, RFC 9113 section 8.1).

use std::fs;

use postern_testing::{
    API_HOST, Backend, Frame, FrameKind, Gateway, Http2, Place, curl, definition, http_proxy, until,
};
use serde_json::json;

use crate::gateway;

const END_STREAM: u8 = 1;
/// `:status: 100`, spelled out.
const GO_ON: &[u8] = b"\x08\x03100";

fn serving(backend: &Backend) -> Gateway {
    let proxy = |verb| http_proxy(verb, backend.address(), "/");
    let methods = json!({"get": proxy("GET"), "head": proxy("HEAD"), "post": proxy("POST")});
    gateway(&definition(&json!({"/pets": methods})), |_, configuration| {
        configuration["vpcEndpoints"][0]["http2"] = json!(true);
    })
}

/// A backend that answers each request with its body.
fn echo() -> Backend {
    Backend::with(|request| {
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", request.body.len());
        [head.as_bytes(), &request.body].concat()
    })
}

/// Asks to POST, and waits for leave.
fn ask_to_post(http2: &mut Http2, stream: u32, path: &str, more: &[(&str, &str)]) {
    let fields = [
        (":method", "POST"),
        (":scheme", "http"),
        (":authority", API_HOST),
        (":path", path),
        ("expect", "100-continue"),
    ];
    http2.headers(stream, &[&fields[..], more].concat(), false);
}

/// The frames of one answer but for those of the connection: their kind, whether they end it, and the data.
fn answer(http2: &mut Http2) -> (Vec<Frame>, Vec<u8>) {
    let (mut heads, mut data) = (Vec::new(), Vec::new());
    loop {
        let frame = http2.frame();
        let ends = frame.flags & END_STREAM != 0;
        match frame.kind {
            0 => data.extend(frame.payload),
            1 => heads.push(frame),
            3 => panic!("reset with {}", frame.error_code()),
            _ => continue,
        }
        if ends {
            return (heads, data);
        }
    }
}

#[test]
fn a_client_that_waits_for_leave_to_send_gets_it() {
    let backend = echo();
    let gateway = serving(&backend);
    let mut http2 = Http2::to(gateway.endpoint(0), &[]);
    for (stream, length) in [(1, &[("content-length", "5")][..]), (3, &[])] {
        ask_to_post(&mut http2, stream, "/demo/pets", length);
        let leave = http2.frame_of(FrameKind::Headers);
        assert_eq!((leave.stream, leave.flags & END_STREAM, &*leave.payload), (stream, 0, GO_ON));
        http2.send(FrameKind::Data, END_STREAM, stream, b"hello");
        let (heads, data) = answer(&mut http2);
        assert_eq!((heads.len(), &*data), (1, &b"hello"[..]));
    }
}

#[test]
fn nobody_is_asked_for_a_body_that_is_refused_came_or_is_empty() {
    let backend = echo();
    let gateway = serving(&backend);
    let mut http2 = Http2::to(gateway.endpoint(0), &[]);
    let is_told_to_go_on = |heads: &[Frame]| heads.iter().any(|head| head.payload == GO_ON);
    // No such resource: the client may still send, and is not asked to.
    ask_to_post(&mut http2, 1, "/demo/nothing", &[]);
    assert!(!is_told_to_go_on(&answer(&mut http2).0));
    // One that does not wait.
    let fields = [
        (":method", "POST"),
        (":scheme", "http"),
        (":authority", API_HOST),
        (":path", "/demo/pets"),
        ("expect", "100-continue"),
    ];
    http2.headers_and(3, &fields, b"hello");
    let (heads, data) = answer(&mut http2);
    assert!(!is_told_to_go_on(&heads));
    assert_eq!(data, b"hello");
    http2.headers(5, &fields, true);
    assert!(!is_told_to_go_on(&answer(&mut http2).0));
}

#[test]
fn curl_waits_for_leave_over_http2_and_gets_it() {
    let backend = echo();
    let gateway = serving(&backend);
    let body = "x".repeat(100_000);
    for (path, expected) in [("/demo/pets", (200, &*body)), ("/demo/nothing", (403, MISSING_TOKEN))] {
        let url = format!("http://{API_HOST}{path}");
        let fixed = ["--http2-prior-knowledge", "--header", "Expect: 100-continue", "--data", &body, &url];
        let answer = curl(gateway.endpoint(0), &fixed);
        assert_eq!((answer.status, &*answer.body), expected, "{answer:?}");
    }
}

#[test]
fn a_head_that_is_refused_is_answered_though_its_body_still_comes() {
    let gateway = serving(&echo());
    let place = Place::new();
    let file = place.path().join("body");
    let long = format!("x-long: {}", "a".repeat(20_000));
    let method = "M".repeat(33);
    let url = format!("http://{API_HOST}/demo/pets");
    for bytes in [5, 20_000, 1_000_000] {
        fs::write(&file, vec![b'x'; bytes]).unwrap();
        let body = format!("@{}", file.to_str().unwrap());
        for (more, status) in [
            (["--header", &long], 431),
            (["--request-target", "no-slash"], 400),
            (["--header", "Expect: something"], 417),
            (["--request", "TRACE"], 405),
            (["--request", &method], 501),
        ] {
            let fixed = ["--http2-prior-knowledge", "--data-binary", &body, &url];
            let answer = curl(gateway.endpoint(0), &[&more[..], &fixed].concat());
            assert_eq!(answer.status, status, "{bytes} bytes: {answer:?}");
        }
    }
}

#[test]
fn a_refused_head_without_its_body_is_reset_after_a_while() {
    let backend = echo();
    let gateway = serving(&backend);
    let mut http2 = Http2::to(gateway.endpoint(0), &[]);
    ask_to_post(&mut http2, 1, "no-slash", &[]);
    assert_eq!(http2.frame_of(FrameKind::Data).flags, END_STREAM);
    let reset = http2.frame_of(FrameKind::Reset);
    assert_eq!((reset.stream, reset.error_code()), (1, 0));
}

#[test]
fn what_a_backend_says_before_and_behind_its_answer_stays_behind() {
    const EARLY: &str = "HTTP/1.1 103 Early Hints\r\nLink: </early>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n\
        HTTP/1.1 102 Processing\r\nX-Early: 1\r\n\r\n";
    const CHUNKS: &str =
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Late\r\n\r\n5\r\nhello\r\n0\r\n";
    for (verb, answered, expected) in [
        ("GET", format!("{EARLY}HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"), "hello"),
        ("GET", format!("{EARLY}{CHUNKS}X-Late: 1\r\nConnection: close\r\n:status: 500\r\n\r\n"), ""),
        ("GET", format!("{EARLY}{CHUNKS}X-Late: 1\r\nContent-Length: 7\r\n\r\n"), "hello"),
        ("POST", format!("{EARLY}{CHUNKS}\r\n"), "hello"),
        ("GET", format!("{EARLY}HTTP/1.1 204 No Content\r\n\r\n"), ""),
        ("HEAD", format!("{EARLY}HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"), ""),
    ] {
        let said = answered.clone();
        let backend = Backend::with(move |_| said.clone().into_bytes());
        let gateway = serving(&backend);
        let mut http2 = Http2::to(gateway.endpoint(0), &[]);
        let fields =
            [(":method", verb), (":scheme", "http"), (":authority", API_HOST), (":path", "/demo/pets")];
        http2.headers(1, &fields, true);
        if answered.contains(":status") {
            // Trailers that break the grammar: the answer is not whole, and nobody may take it for that.
            let reset = http2.frame_of(FrameKind::Reset);
            assert_eq!((reset.stream, reset.error_code()), (1, INTERNAL_ERROR), "{answered}");
            continue;
        }
        let (heads, data) = answer(&mut http2);
        assert_eq!((heads.len(), &*data), (1, expected.as_bytes()), "{verb} {answered}");
        let text = String::from_utf8_lossy(&heads[0].payload).to_ascii_lowercase();
        for hidden in ["early", "late", "trailer", "transfer-encoding", "chunked"] {
            assert!(!text.contains(hidden), "{hidden}: {text}");
        }
    }
}

#[test]
fn interim_answers_without_an_end_are_502() {
    for answered in [
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n".to_owned(),
        "HTTP/1.1 103 Early Hints\r\n\r\n".repeat(1_000),
        "HTTP/1.1 100 Continue\r\nContent-Length: 5\r\n\r\nhello".to_owned(),
    ] {
        let said = answered.clone();
        let backend = Backend::with(move |_| said.clone().into_bytes());
        let gateway = serving(&backend);
        let url = format!("http://{API_HOST}/demo/pets");
        let answer = curl(gateway.endpoint(0), &["--http2-prior-knowledge", &url]);
        assert_eq!(answer.status, 502, "{answered}: {answer:?}");
    }
}

const INTERNAL_ERROR: u32 = 2;
const MISSING_TOKEN: &str = r#"{"message":"Missing Authentication Token"}"#;

/// A client that has what it wants and resets the stream has asked all the same.
#[test]
fn an_answer_that_the_client_breaks_off_is_logged() {
    let backend =
        Backend::with(|_| format!("HTTP/1.1 200 OK\r\nContent-Length: 60\r\n\r\n{:x<60}", "").into());
    let proxy = http_proxy("GET", backend.address(), "/");
    let gateway = gateway(&definition(&json!({"/pets": {"get": proxy}})), |place, configuration| {
        configuration["vpcEndpoints"][0]["http2"] = json!(true);
        configuration["accessLog"] = json!({
            "destination": place.path().join("access.log"),
            "format": "$context.requestId $context.status $context.responseLength",
        });
    });
    let logged = || gateway.place().read("access.log").lines().map(str::to_owned).collect::<Vec<_>>();
    for (asked, by_reset) in [true, false].into_iter().enumerate() {
        // SETTINGS_INITIAL_WINDOW_SIZE: ten bytes of the body may come.
        let mut http2 = Http2::to(gateway.endpoint(0), &[(4, 10)]);
        http2.get(1, API_HOST, "/demo/pets");
        assert_eq!(http2.frame_of(FrameKind::Data).payload.len(), 10);
        assert_eq!(logged().len(), asked);
        if by_reset {
            http2.send(FrameKind::Reset, 0, 1, &8_u32.to_be_bytes());
        }
        drop(http2);
        let lines = until("the line", || Some(logged()).filter(|lines| lines.len() > asked));
        assert!(lines.iter().all(|line| line.ends_with(" 200 10")), "{lines:?}");
    }
}
