//! Bodies at the payload limit and above it, in every framing of both versions of HTTP: mapped within
//! stated memory, or refused (TH-51; hardening.md section 7).

use std::{fs, io::Write};

use flate2::{Compression, write::GzEncoder};
use postern_testing::{
    API_HOST, Backend, FrameKind, Gateway, Http2, Place, curl, definition, http, mock, until,
};
use serde_json::{Value, json};

use crate::gateway;

/// The service's limit, and the default of `payloadBytes`.
const PAYLOAD_BYTES: usize = 10 << 20;

/// What one request of that size may add to the process while its template runs, in KiB (README.md).
const MAPPING_KIBIBYTES: u64 = 160 << 10;

const TOO_LARGE: &str = r#"{"message":"HTTP content length exceeded 10485760 bytes."}"#;

/// How curl is told to send a body: HTTP/1.1 and HTTP/2, with its length and without.
const FRAMINGS: [(&str, &[&str]); 4] = [
    ("HTTP/1.1, length", &["--http1.1"]),
    ("HTTP/1.1, chunked", &["--http1.1", "--header", "Transfer-Encoding: chunked"]),
    ("HTTP/2, length", &["--http2-prior-knowledge"]),
    ("HTTP/2, no length", &["--http2-prior-knowledge", "--header", "Transfer-Encoding: chunked"]),
];

fn serving(backend: &Backend) -> Gateway {
    let mut mapped = http("POST", backend.address(), "/in");
    mapped["x-amazon-apigateway-integration"]["requestTemplates"] =
        json!({"application/json": "$input.json('$')"});
    let mut read = mock("read");
    read["x-amazon-apigateway-integration"]["requestTemplates"] =
        json!({"application/json": "#set($first = $input.path('$[0].price')){\"statusCode\": 200}"});
    let definition = definition(&json!({"/mapped": {"post": mapped}, "/read": {"post": read}}));
    gateway(&definition, |_, configuration: &mut Value| {
        configuration["vpcEndpoints"][0]["http2"] = json!(true);
    })
}

/// Sends what a file holds.
fn send(gateway: &Gateway, path: &str, more: &[&str], file: &str) -> (u16, String) {
    let url = format!("http://{API_HOST}/demo{path}");
    let body = format!("@{file}");
    let fixed = ["--header", "Content-Type: application/json", "--data-binary", &body, &url];
    let arguments: Vec<&str> = more.iter().chain(&fixed).copied().collect();
    let answer = curl(gateway.endpoint(0), &arguments);
    assert!(answer.status != 0, "{more:?}: {answer:?}");
    (answer.status, answer.body)
}

/// A JSON list of objects, of so many bytes.
fn list(length: usize) -> String {
    let item = r#"{"name":"a name of some length, as people give them","price":12.50,"tags":["a","b"],"more":{"a":true}},"#;
    let count = (length - 100) / item.len();
    let mut text = format!("[{}", item.repeat(count));
    let rest = length - text.len() - r#"{"a":""}]"#.len();
    text.push_str(&format!(r#"{{"a":"{}"}}]"#, "b".repeat(rest)));
    assert_eq!(text.len(), length);
    text
}

/// A number of `/proc/…/status`, in KiB.
pub(crate) fn memory(gateway: &Gateway, name: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", gateway.number())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[test]
fn ten_mebibytes_are_mapped_within_stated_memory() {
    let backend = Backend::with(|request| {
        assert_eq!(request.body.len(), PAYLOAD_BYTES);
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok".to_vec()
    });
    let place = Place::new();
    let file = place.write("list.json", &list(PAYLOAD_BYTES));
    let file = file.to_str().unwrap();
    for path in ["/mapped", "/read"] {
        for (framing, more) in FRAMINGS {
            let gateway = serving(&backend);
            assert_eq!(gateway.get("/demo/read").status(), 403);
            let before = memory(&gateway, "VmRSS");
            assert_eq!(send(&gateway, path, more, file).0, 200, "{path} {framing}");
            let used = memory(&gateway, "VmHWM") - before;
            assert!(used <= MAPPING_KIBIBYTES, "{path} {framing}: {used} KiB");
        }
    }
}

#[test]
fn the_memory_of_a_large_body_goes_back_to_the_system_though_no_other_comes() {
    let backend = Backend::with(|_| b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok".to_vec());
    let gateway = serving(&backend);
    let place = Place::new();
    let file = place.write("list.json", &list(PAYLOAD_BYTES));
    let before = memory(&gateway, "RssAnon");
    assert_eq!(send(&gateway, "/mapped", &["--http1.1"], file.to_str().unwrap()).0, 200);
    let is_given_back = || (memory(&gateway, "RssAnon") <= before + KEPT_KIBIBYTES).then_some(());
    until("the memory to be given back", is_given_back);
}

/// What a worker may keep after a large request. Mapping one takes twenty times as much.
const KEPT_KIBIBYTES: u64 = 4 << 10;

#[test]
fn th_51_one_byte_more_is_413_in_every_framing() {
    let backend = Backend::with(|_| b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".to_vec());
    let gateway = serving(&backend);
    let place = Place::new();
    let file = place.write("list.json", &list(PAYLOAD_BYTES + 1));
    let file = file.to_str().unwrap();
    for path in ["/mapped", "/read"] {
        for (framing, more) in FRAMINGS {
            let (status, body) = send(&gateway, path, more, file);
            assert_eq!(status, 413, "{path} {framing}");
            assert_eq!(
                body, "{\"message\":\"HTTP content length exceeded 10485760 bytes.\"}",
                "{path} {framing}"
            );
        }
    }
}

#[test]
fn th_51_a_declared_length_that_is_too_large_is_413_before_a_byte_is_read() {
    let backend = Backend::with(|_| b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".to_vec());
    let gateway = serving(&backend);
    let mut http2 = Http2::to(gateway.endpoint(0), &[]);
    let fields = [
        (":method", "POST"),
        (":scheme", "http"),
        (":authority", API_HOST),
        (":path", "/demo/mapped"),
        ("content-length", "10485761"),
    ];
    http2.headers(1, &fields, false);
    let message = http2.frame_of(FrameKind::Data);
    assert_eq!(message.payload, TOO_LARGE.as_bytes());
    // RFC 9113 section 8.1: nothing went wrong, but no more of the body is wanted.
    let reset = http2.frame_of(FrameKind::Reset);
    assert_eq!((reset.stream, reset.error_code()), (1, 0));
}

/// RFC 9113 section 8.1 lets an answer come before the body and be followed by a reset; curl 7.88 loses it then.
#[test]
fn a_post_that_is_refused_before_its_body_came_is_answered_over_http2_too() {
    let backend = Backend::with(|_| b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".to_vec());
    let gateway = serving(&backend);
    let place = Place::new();
    let file = place.path().join("body");
    for bytes in [5, 1_000, 20_000, 100_000, 1_000_000] {
        fs::write(&file, vec![b'x'; bytes]).unwrap();
        for _ in 0..3 {
            let found = send(&gateway, "/nothing", &["--http2-prior-knowledge"], file.to_str().unwrap());
            assert_eq!(found.0, 403, "{bytes} bytes: {found:?}");
        }
    }
}

#[test]
fn z7_a_compressed_bomb_is_413_within_little_memory() {
    let backend = Backend::with(|_| b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".to_vec());
    let gateway = serving(&backend);
    let place = Place::new();
    let file = place.path().join("bomb.gz");
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    for _ in 0..100 {
        encoder.write_all(&[b' '; 1 << 20]).unwrap();
    }
    fs::write(&file, encoder.finish().unwrap()).unwrap();
    let file = file.to_str().unwrap();
    let before = memory(&gateway, "VmRSS");
    for path in ["/mapped", "/read"] {
        for (framing, more) in FRAMINGS {
            let more = [more, &["--header", "Content-Encoding: gzip"]].concat();
            assert_eq!(send(&gateway, path, &more, file).0, 413, "{path} {framing}");
        }
    }
    let used = memory(&gateway, "VmHWM") - before;
    assert!(used <= 48 << 10, "{used} KiB");
}
