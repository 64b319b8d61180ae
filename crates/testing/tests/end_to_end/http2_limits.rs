//! What the gateway announces to HTTP/2 clients and where it stops them (hardening.md section 5).

use postern_testing::{
    API_HOST, Backend, FrameKind, Gateway, Http2, curl, definition, expect, hang, http_proxy, until,
};
use serde_json::json;

use crate::{gateway, pets};

const ENHANCE_YOUR_CALM: u32 = 11;
const REFUSED_STREAM: u32 = 7;

fn with(limits: &serde_json::Value) -> Gateway {
    gateway(&pets(), |_, configuration| {
        configuration["vpcEndpoints"][0]["http2"] = json!(true);
        for (name, value) in limits.as_object().unwrap() {
            configuration["limits"][name] = value.clone();
        }
    })
}

fn setting(gateway: &Gateway, number: u16) -> Option<u32> {
    let frame = Http2::to(gateway.endpoint(0), &[]).frame_of(FrameKind::Settings);
    frame.settings().into_iter().find(|(name, _)| *name == number).map(|(_, value)| value)
}

#[test]
fn windows_and_sizes_are_announced() {
    let gateway = with(&json!({
        "h2Streams": 7,
        "h2StreamWindow": 100_000,
        "h2ConnectionWindow": 200_000,
        "h2FrameBytes": 20_000,
        "h2HeaderListBytes": 9_000,
    }));
    assert_eq!(setting(&gateway, 3), Some(7));
    assert_eq!(setting(&gateway, 4), Some(100_000));
    assert_eq!(setting(&gateway, 5), Some(20_000));
    assert_eq!(setting(&gateway, 6), Some(9_000));
    let window = Http2::to(gateway.endpoint(0), &[]).frame_of(FrameKind::WindowUpdate);
    assert_eq!((window.stream, window.payload), (0, (200_000_u32 - 65_535).to_be_bytes().to_vec()));
}

#[test]
fn streams_beyond_the_announced_number_are_refused() {
    let backend = Backend::script([expect("GET /"), hang()]);
    let definition = definition(&json!({"/pets": {"get": http_proxy("GET", backend.address(), "/")}}));
    let gateway = gateway(&definition, |_, configuration| {
        configuration["vpcEndpoints"][0]["http2"] = json!(true);
        configuration["limits"]["h2Streams"] = json!(1);
    });
    let mut http2 = Http2::to(gateway.endpoint(0), &[]);
    http2.get(1, API_HOST, "/demo/pets");
    http2.get(3, API_HOST, "/demo/pets");
    let reset = http2.frame_of(FrameKind::Reset);
    assert_eq!((reset.stream, reset.error_code()), (3, REFUSED_STREAM));
}

#[test]
fn a_header_list_above_its_limit_is_431() {
    let gateway = with(&json!({"h2HeaderListBytes": 2_000}));
    let url = format!("http://{API_HOST}/demo/pets");
    for (length, status) in [(1_000, 200), (2_500, 431)] {
        let line = format!("x-long: {}", "a".repeat(length));
        let answer = curl(gateway.endpoint(0), &["--http2-prior-knowledge", "--header", &line, &url]);
        assert_eq!(answer.status, status, "{length}: {answer:?}");
    }
}

#[test]
fn rapid_resets_end_the_connection() {
    let gateway = with(&json!({"h2ResetsPending": 5}));
    let mut http2 = Http2::to(gateway.endpoint(0), &[]);
    let _ = http2.frame_of(FrameKind::Settings);
    for stream in (1..2_000).step_by(2) {
        http2.get(stream, API_HOST, "/demo/pets");
        http2.send(FrameKind::Reset, 0, stream, &8_u32.to_be_bytes());
    }
    assert_eq!(http2.frame_of(FrameKind::GoAway).error_code(), ENHANCE_YOUR_CALM);
}

#[test]
fn a_header_block_that_does_not_end_has_its_time() {
    let gateway = with(&json!({"headSeconds": 1}));
    // Half a block, and half a frame of one.
    for half in [&[0, 0, 1, 1, 0, 0, 0, 0, 1, 0x82][..], &[0, 0, 9, 1, 4, 0, 0, 0, 1, 0x82]] {
        let mut http2 = Http2::to(gateway.endpoint(0), &[]);
        http2.send_bytes(half);
        is_told_to_calm_down(&mut http2);
        http2.ends();
    }
    assert!(gateway.metric("postern_limit_hits_total", &["headSeconds"]) > 1.5);
}

#[test]
fn an_idle_connection_is_told_to_go() {
    let gateway = with(&json!({"h2IdleSeconds": 1}));
    let mut http2 = Http2::to(gateway.endpoint(0), &[]);
    http2.get(1, API_HOST, "/demo/pets");
    let _ = http2.frame_of(FrameKind::Headers);
    assert_eq!(http2.frame_of(FrameKind::GoAway).error_code(), 0);
    http2.ends();
}

/// Whether GOAWAY came, which says to calm down.
fn is_told_to_calm_down(http2: &mut Http2) {
    assert_eq!(http2.frame_of(FrameKind::GoAway).error_code(), ENHANCE_YOUR_CALM);
}

/// The connection is counted when it is over, a moment after its last frame.
fn is_hit_once(gateway: &Gateway, limit: &str) {
    until("the limit to be counted", || {
        let hits = gateway.metric("postern_limit_hits_total", &[limit]);
        assert!(hits < 1.5, "{limit}: {hits}");
        (hits > 0.5).then_some(())
    });
}

#[test]
fn h2flood_resets_in_one_second_are_counted() {
    let gateway = with(&json!({"h2ResetsPerSecond": 10, "h2ResetsPending": 10_000}));
    let mut http2 = Http2::to(gateway.endpoint(0), &[]);
    let give_up = |http2: &mut Http2, streams: std::ops::Range<u32>| {
        for stream in streams.step_by(2) {
            http2.get(stream, API_HOST, "/demo/pets");
            http2.send(FrameKind::Reset, 0, stream, &8_u32.to_be_bytes());
        }
    };
    give_up(&mut http2, 1..21);
    http2.get(21, API_HOST, "/demo/pets");
    while http2.frame_of(FrameKind::Headers).stream != 21 {}
    give_up(&mut http2, 23..2_023);
    is_told_to_calm_down(&mut http2);
    is_hit_once(&gateway, "h2ResetsPerSecond");
}

#[test]
fn h2flood_frames_that_carry_no_request_are_counted() {
    for (kind, length) in [
        (FrameKind::Ping, 8),
        (FrameKind::Settings, 0),
        (FrameKind::Priority, 5),
        (FrameKind::WindowUpdate, 4),
        (FrameKind::Unknown, 3),
    ] {
        let gateway = with(&json!({"h2ControlFrames": 20}));
        let mut http2 = Http2::to(gateway.endpoint(0), &[]);
        let stream = u32::from(kind == FrameKind::Priority);
        let payload = [0, 0, 0, 1, 1, 0, 0, 1];
        let send = |http2: &mut Http2, count: usize| {
            for _ in 0..count {
                http2.send(kind, 0, stream, &payload[..length]);
            }
        };
        // The settings of the preface and their acknowledgement are two.
        send(&mut http2, 17);
        http2.get(3, API_HOST, "/demo/pets");
        assert_eq!(http2.frame_of(FrameKind::Data).stream, 3, "{kind:?}");
        send(&mut http2, 100);
        is_told_to_calm_down(&mut http2);
        is_hit_once(&gateway, "h2ControlFrames");
    }
}

#[test]
fn a_client_that_opens_its_windows_for_what_it_gets_makes_no_noise() {
    let body = "a".repeat(1 << 20);
    let backend = Backend::answering(200, &body);
    let definition = definition(&json!({"/pets": {"get": http_proxy("GET", backend.address(), "/")}}));
    let gateway = gateway(&definition, |_, configuration| {
        configuration["vpcEndpoints"][0]["http2"] = json!(true);
        configuration["limits"]["h2ControlFrames"] = json!(20);
    });
    let mut http2 = Http2::to(gateway.endpoint(0), &[]);
    http2.get(1, API_HOST, "/demo/pets");
    let mut received = 0;
    while received < body.len() {
        let data = http2.frame_of(FrameKind::Data).payload.len();
        received += data;
        let opened = u32::try_from(data).unwrap().to_be_bytes();
        for stream in [0, 1] {
            http2.send(FrameKind::WindowUpdate, 0, stream, &opened);
        }
    }
    assert!(gateway.metric("postern_limit_hits_total", &["h2ControlFrames"]) < 0.5);
}
