//! HTTP/2 by hand: what hostile frames get (hardening section 5).

#![expect(clippy::unwrap_used, clippy::panic, reason = "the helpers of a test may fail like the test")]

#[cfg(test)]
mod support;

use std::{
    net::TcpStream,
    time::{Duration, Instant},
};

use support::{Client, Gateway, HOST, Settings};

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;
const CONTINUATION: u8 = 9;

const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

const PROTOCOL_ERROR: u32 = 1;
const REFUSED_STREAM: u32 = 7;
const COMPRESSION_ERROR: u32 = 9;
const ENHANCE_YOUR_CALM: u32 = 11;

/// A frame as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Frame {
    kind: u8,
    flags: u8,
    stream: u32,
    payload: Vec<u8>,
}

impl Frame {
    /// The number at a place of the payload.
    fn number(&self, at: usize) -> u32 {
        u32::from_be_bytes(self.payload.get(at..at + 4).unwrap().try_into().unwrap())
    }
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut bytes = length.get(1..).unwrap().to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

fn settings() -> Settings {
    Settings { endpoint: "    http2: true\n".to_owned(), ..Settings::default() }
}

fn open(gateway: &Gateway) -> Client<TcpStream> {
    let mut client = gateway.connect();
    client.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    client.send(frame(SETTINGS, 0, 0, &[]));
    client
}

fn next(client: &mut Client<TcpStream>) -> Frame {
    let head = client.take(9);
    let [a, b, c, kind, flags, stream @ ..] = head.as_slice() else { panic!("{head:?}") };
    let length = u32::from_be_bytes([0, *a, *b, *c]);
    let payload = client.take(usize::try_from(length).unwrap());
    Frame { kind: *kind, flags: *flags, stream: u32::from_be_bytes(stream.try_into().unwrap()), payload }
}

/// The next frame of some kinds.
fn until(client: &mut Client<TcpStream>, kinds: &[u8]) -> Frame {
    loop {
        let frame = next(client);
        if kinds.contains(&frame.kind) {
            return frame;
        }
    }
}

/// A field without indexing.
fn literal(name: &str, value: &str) -> Vec<u8> {
    let mut bytes = vec![0, u8::try_from(name.len()).unwrap()];
    bytes.extend(name.as_bytes());
    bytes.extend(text(value));
    bytes
}

fn text(value: &str) -> Vec<u8> {
    // A length of seven bits, or the rest of it in more bytes.
    let mut bytes = Vec::new();
    match u8::try_from(value.len()) {
        Ok(length) if length < 127 => bytes.push(length),
        _ => {
            bytes.push(127);
            let mut rest = value.len() - 127;
            while rest >= 128 {
                bytes.push(u8::try_from(rest % 128).unwrap() | 128);
                rest /= 128;
            }
            bytes.push(u8::try_from(rest).unwrap());
        }
    }
    bytes.extend(value.as_bytes());
    bytes
}

const METHOD_GET: u8 = 0x82;
const METHOD_POST: u8 = 0x83;
const SCHEME_HTTP: u8 = 0x86;

/// The pseudo fields of a request, in HPACK.
fn request(method: u8, path: &str) -> Vec<u8> {
    let mut block = vec![method, SCHEME_HTTP, 4];
    block.extend(text(path));
    block.push(1);
    block.extend(text(HOST));
    block
}

#[test]
fn h2_a_request_by_hand_is_answered() {
    let gateway = Gateway::start(settings());
    let mut client = open(&gateway);
    client.send(frame(HEADERS, END_HEADERS | END_STREAM, 1, &request(METHOD_GET, "/demo/pets")));
    assert_eq!(until(&mut client, &[HEADERS]).payload.first(), Some(&0x88), "status 200");
    let data = until(&mut client, &[DATA]);
    assert_eq!((data.payload.as_slice(), data.flags), (&b"hello"[..], END_STREAM));
}

#[test]
fn h2downgrade_malformed_requests_are_reset_and_reach_no_backend() {
    let gateway = Gateway::start(settings());
    let good = || request(METHOD_GET, "/demo/pets");
    let with = |name: &str, value: &str| [good(), literal(name, value)].concat();
    for (what, block) in [
        ("an upper-case name", with("X-Upper", "x")),
        ("connection", with("connection", "close")),
        ("transfer-encoding", with("transfer-encoding", "chunked")),
        ("keep-alive", with("keep-alive", "timeout=5")),
        ("upgrade", with("upgrade", "h2c")),
        ("proxy-connection", with("proxy-connection", "close")),
        ("te", with("te", "gzip")),
        ("a line end in a value", with("x-a", "a\r\nb: c")),
        ("a NUL in a value", with("x-a", "a\0b")),
        ("an empty name", with("", "x")),
        ("a blank in a name", with("x a", "x")),
        (":status", with(":status", "200")),
        ("an unknown pseudo field", with(":other", "x")),
        ("a pseudo field behind a field", [good(), literal("x-a", "b"), vec![METHOD_GET]].concat()),
        ("no method", good().split_off(1)),
        ("two methods", [vec![METHOD_GET], good()].concat()),
        ("an empty path", [vec![METHOD_GET, SCHEME_HTTP, 4, 0, 1], text(HOST)].concat()),
    ] {
        let mut client = open(&gateway);
        client.send(frame(HEADERS, END_HEADERS | END_STREAM, 1, &block));
        let answer = until(&mut client, &[RST_STREAM, GOAWAY, HEADERS]);
        assert_eq!((answer.kind, answer.number(0)), (RST_STREAM, PROTOCOL_ERROR), "{what}: {answer:?}");
    }
    assert!(gateway.calls().is_empty());
}

#[test]
fn h2downgrade_a_request_without_a_path_is_refused() {
    let gateway = Gateway::start(settings());
    for block in [vec![METHOD_GET, SCHEME_HTTP], [vec![METHOD_GET, SCHEME_HTTP, 1], text(HOST)].concat()] {
        let mut client = open(&gateway);
        client.send(frame(HEADERS, END_HEADERS | END_STREAM, 1, &block));
        let answer = until(&mut client, &[RST_STREAM, GOAWAY, HEADERS]);
        assert_eq!((answer.kind, answer.number(0)), (RST_STREAM, PROTOCOL_ERROR), "{answer:?}");
    }
    assert!(gateway.calls().is_empty());
}

#[test]
fn h2downgrade_a_body_of_another_length_is_reset() {
    let gateway = Gateway::start(settings());
    for body in [&b"short"[..], b"much too long"] {
        let mut client = open(&gateway);
        let block = [request(METHOD_POST, "/demo/echo"), literal("content-length", "10")].concat();
        client.send(frame(HEADERS, END_HEADERS, 1, &block));
        client.send(frame(DATA, END_STREAM, 1, body));
        let answer = until(&mut client, &[RST_STREAM, GOAWAY, HEADERS]);
        assert_eq!((answer.kind, answer.number(0)), (RST_STREAM, PROTOCOL_ERROR), "{body:?}");
    }
    support::until("both calls to be given up", || {
        gateway.calls().iter().filter(|call| call.body_fault.is_some()).count() <= 2
    });
    assert!(gateway.calls().iter().all(|call| call.body_fault.is_some() || call.body.is_empty()));
}

#[test]
fn hpack_a_broken_block_ends_the_connection() {
    let gateway = Gateway::start(settings());
    let mut client = open(&gateway);
    // An index beyond both tables.
    client.send(frame(HEADERS, END_HEADERS | END_STREAM, 1, &[0xff, 0xff, 0x7f]));
    assert_eq!(until(&mut client, &[GOAWAY]).number(4), COMPRESSION_ERROR);
}

#[test]
fn h2flood_a_header_list_above_the_limit_is_refused() {
    let gateway = Gateway::start(settings());
    let mut client = open(&gateway);
    let long = literal("x-long", &"x".repeat(9_000));
    let block = [request(METHOD_GET, "/demo/pets"), long.clone(), long].concat();
    let (first, second) = block.split_at(16_000);
    client.send(frame(HEADERS, END_STREAM, 1, first));
    client.send(frame(CONTINUATION, END_HEADERS, 1, second));
    let answer = until(&mut client, &[HEADERS, RST_STREAM, GOAWAY]);
    // `:status` as a literal: the table of HPACK does not have 431.
    assert_eq!(answer.kind, HEADERS);
    assert!(gateway.calls().is_empty());
}

#[test]
fn h2flood_continuations_without_end_end_the_connection() {
    let gateway = Gateway::start(settings());
    let mut client = open(&gateway);
    client.send(frame(HEADERS, END_STREAM, 1, &request(METHOD_GET, "/demo/pets")));
    let piece = literal("x-a", "b");
    let flood: Vec<u8> = (0..1_000).flat_map(|_| frame(CONTINUATION, 0, 1, &piece)).collect();
    use std::io::Write;
    let _ = client.stream.write_all(&flood);
    assert_eq!(until(&mut client, &[GOAWAY]).number(4), ENHANCE_YOUR_CALM);
}

#[test]
fn h2flood_rapid_resets_end_the_connection() {
    let gateway = Gateway::start(Settings { limits: "h2ResetsPending: 20".to_owned(), ..settings() });
    let mut client = open(&gateway);
    let mut flood = Vec::new();
    for stream in (1..2_001).step_by(2) {
        flood.extend(frame(HEADERS, END_HEADERS | END_STREAM, stream, &request(METHOD_GET, "/demo/hang")));
        flood.extend(frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes()));
    }
    use std::io::Write;
    let _ = client.stream.write_all(&flood);
    assert_eq!(until(&mut client, &[GOAWAY]).number(4), ENHANCE_YOUR_CALM);
}

#[test]
fn h2flood_requests_that_are_given_up_before_anybody_comes_to_them_are_few() {
    for (limits, is_borne) in [
        ("h2ResetsPending: 20, h2ResetsPerSecond: 100000", false),
        ("h2ResetsPending: 10000, h2ResetsPerSecond: 100000", true),
    ] {
        let gateway = Gateway::start(Settings { limits: limits.to_owned(), ..settings() });
        let mut client = open(&gateway);
        let mut flood = Vec::new();
        for stream in (1..201).step_by(2) {
            flood.extend(frame(
                HEADERS,
                END_HEADERS | END_STREAM,
                stream,
                &request(METHOD_GET, "/demo/hang"),
            ));
            flood.extend(frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes()));
        }
        flood.extend(frame(HEADERS, END_HEADERS | END_STREAM, 201, &request(METHOD_GET, "/demo/pets")));
        use std::io::Write;
        let _ = client.stream.write_all(&flood);
        let answer = until(&mut client, &[HEADERS, GOAWAY]);
        match is_borne {
            true => assert_eq!((answer.kind, answer.stream), (HEADERS, 201)),
            false => assert_eq!((answer.kind, answer.number(4)), (GOAWAY, ENHANCE_YOUR_CALM)),
        }
    }
}

#[test]
fn limits_streams_above_the_announced_number_are_refused() {
    let gateway = Gateway::start(Settings { limits: "h2Streams: 2".to_owned(), ..settings() });
    let mut client = open(&gateway);
    let announced = until(&mut client, &[SETTINGS]);
    assert!(announced.payload.chunks(6).any(|setting| setting == [0, 3, 0, 0, 0, 2]), "{announced:?}");
    for stream in [1, 3, 5] {
        client.send(frame(HEADERS, END_HEADERS | END_STREAM, stream, &request(METHOD_GET, "/demo/hang")));
    }
    let answer = until(&mut client, &[RST_STREAM]);
    assert_eq!((answer.stream, answer.number(0)), (5, REFUSED_STREAM));
}

#[test]
fn slow_a_stream_whose_window_stays_shut_is_reset_whatever_others_do() {
    let limits = "writeStallSeconds: 1, requestsPerConnection: 100000000".to_owned();
    let gateway = Gateway::start(Settings { limits, ..settings() });
    let mut client = open(&gateway);
    let no_window = [0, 4, 0, 0, 0, 0];
    client.send(frame(SETTINGS, 0, 0, &no_window));
    client.send(frame(HEADERS, END_HEADERS | END_STREAM, 1, &request(METHOD_GET, "/demo/pets")));
    assert_eq!(until(&mut client, &[HEADERS]).stream, 1);
    let begun = Instant::now();
    let mut bodyless = vec![2, 4];
    bodyless.extend(b"HEAD");
    bodyless.extend(request(METHOD_GET, "/demo/pets").get(1..).unwrap());
    for stream in (3..).step_by(2) {
        client.send(frame(HEADERS, END_HEADERS | END_STREAM, stream, &bodyless));
        let answer = until(&mut client, &[HEADERS, RST_STREAM, GOAWAY]);
        if answer.kind != HEADERS {
            assert_eq!((answer.kind, answer.stream), (RST_STREAM, 1));
            break;
        }
    }
    assert!(begun.elapsed() >= Duration::from_secs(1));
}

#[test]
fn lifetime_a_client_that_takes_no_notice_of_its_leave_is_left_all_the_same() {
    let limits = "requestsPerConnection: 2, writeStallSeconds: 1".to_owned();
    let gateway = Gateway::start(Settings { limits, ..settings() });
    let mut client = open(&gateway);
    client.send(frame(HEADERS, END_HEADERS | END_STREAM, 1, &request(METHOD_GET, "/demo/hang")));
    client.send(frame(HEADERS, END_HEADERS | END_STREAM, 3, &request(METHOD_GET, "/demo/pets")));
    // The first says that an end is near, the second which request was the last (RFC 9113 section 6.8).
    assert_eq!(until(&mut client, &[GOAWAY]).number(0), u32::MAX >> 1);
    assert_eq!(until(&mut client, &[GOAWAY]).number(0), 3);
}
