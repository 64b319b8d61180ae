//! A session of HTTP/2, frame by frame: what clients may not do, and that nobody gets more than its windows
//! hold (RFC 9113, hardening section 5).
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "the helpers of a test may fail like the test"
)]

use std::collections::HashMap;

use postern_protocol::{
    http1::{FieldBlock, Limits},
    http2::{
        AnswerHead, ErrorCode, HeadMemory, Heard, NoiseLimits, Opened, Place, Session, SessionFault,
        SessionLimits,
    },
};
use proptest::prelude::*;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const PRIORITY: u8 = 2;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PUSH_PROMISE: u8 = 5;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;

const END_STREAM: u8 = 1;
const ACK: u8 = 1;
const END_HEADERS: u8 = 4;
const PADDED: u8 = 8;
const PRIORITISED: u8 = 0x20;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const SECOND: u64 = 1_000_000_000;

fn limits() -> SessionLimits {
    SessionLimits {
        streams: 3,
        stream_window: 65_535,
        connection_window: 100_000,
        frame_bytes: 16_384,
        header_list_bytes: 1_000,
        noise: NoiseLimits { resets_per_second: 10, resets_pending: 5, control_frames: 30 },
    }
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

fn window_update(stream: u32, bytes: u32) -> Vec<u8> {
    frame(WINDOW_UPDATE, 0, stream, &bytes.to_be_bytes())
}

fn setting(number: u16, value: u32) -> Vec<u8> {
    frame(SETTINGS, 0, 0, &[&number.to_be_bytes()[..], &value.to_be_bytes()].concat())
}

/// GET, https, `/`, `:authority: h`.
const GET: &[u8] = &[0x82, 0x87, 0x84, 0x01, 0x01, b'h'];

fn get(stream: u32) -> Vec<u8> {
    frame(HEADERS, END_HEADERS | END_STREAM, stream, GET)
}

/// A POST whose body follows, with a length if it has one.
fn post(stream: u32, length: Option<&str>) -> Vec<u8> {
    let mut block = [&[0x83], &GET[1..]].concat();
    if let Some(length) = length {
        block.extend([0x0f, 28 - 15, u8::try_from(length.len()).unwrap()]);
        block.extend(length.as_bytes());
    }
    frame(HEADERS, END_HEADERS, stream, &block)
}

/// What a session told, without what it borrowed.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Told {
    Request { place: Place, status: Option<u16>, ends: bool },
    Body(Place, Vec<u8>, bool),
    Trailers(Place),
    Gone(Place),
}

/// A frame that the session has said.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Said {
    kind: u8,
    flags: u8,
    stream: u32,
    payload: Vec<u8>,
}

impl Said {
    fn number(&self, at: usize) -> u32 {
        u32::from_be_bytes(self.payload[at..at + 4].try_into().unwrap())
    }
}

/// A session with its bytes.
struct Talk {
    session: Session,
    kept: Vec<u8>,
    now: u64,
}

impl Talk {
    /// A session that has heard the preface, with nothing left to say.
    fn begin(limits: &SessionLimits) -> Self {
        let mut talk = Self { session: Session::new(limits), kept: Vec::new(), now: 100 * SECOND };
        assert_eq!(talk.hear(&[PREFACE, &frame(SETTINGS, 0, 0, &[])].concat()), Ok(Vec::new()));
        let _ = talk.said();
        talk
    }

    fn hear(&mut self, bytes: &[u8]) -> Result<Vec<Told>, SessionFault> {
        self.kept.extend_from_slice(bytes);
        let input = std::mem::take(&mut self.kept);
        let mut rest = input.as_slice();
        let mut told = Vec::new();
        let mut memory = HeadMemory::default();
        loop {
            told.push(match self.session.hear(&mut rest, self.now)? {
                Heard::Nothing => break,
                Heard::Body { place, bytes, ends } => Told::Body(place, bytes.to_vec(), ends),
                Heard::Gone { place } => Told::Gone(place),
                Heard::Block(block) => {
                    match self.session.open(&block, &Limits::PRIVATE, &mut memory, self.now)? {
                        Opened::Request { place, refusal, ends } => {
                            Told::Request { place, status: refusal.map(|refusal| refusal.status), ends }
                        }
                        Opened::Trailers { place } => Told::Trailers(place),
                        Opened::Gone { place } => Told::Gone(place),
                        Opened::Nothing => continue,
                    }
                }
            });
        }
        self.kept = rest.to_vec();
        Ok(told)
    }

    fn said(&mut self) -> Vec<Said> {
        let unsent = self.session.unsent().to_vec();
        self.session.sent(unsent.len());
        let mut rest = unsent.as_slice();
        let mut said = Vec::new();
        while let Some((head, behind)) = rest.split_first_chunk::<9>() {
            let length = usize::try_from(u32::from_be_bytes([0, head[0], head[1], head[2]])).unwrap();
            let stream = u32::from_be_bytes(head[5..].try_into().unwrap());
            said.push(Said { kind: head[3], flags: head[4], stream, payload: behind[..length].to_vec() });
            rest = &behind[length..];
        }
        assert!(rest.is_empty());
        said
    }

    fn answer(&mut self, place: Place, length: u64) {
        let head = AnswerHead {
            status: 200,
            date_line: b"date: now\r\n",
            fields: &FieldBlock::default(),
            length: Some(length),
            ends: length == 0,
        };
        self.session.answer(place, &head);
    }
}

fn reset(said: &[Said]) -> Option<(u32, u32)> {
    said.iter().find(|said| said.kind == RST_STREAM).map(|said| (said.stream, said.number(0)))
}

#[test]
fn what_is_announced_is_what_the_limits_say() {
    let mut talk = Talk { session: Session::new(&limits()), kept: Vec::new(), now: 0 };
    let said = talk.said();
    let settings: Vec<(u8, u32)> = said[0]
        .payload
        .chunks(6)
        .map(|six| (six[1], u32::from_be_bytes(six[2..].try_into().unwrap())))
        .collect();
    assert_eq!(settings, [(3, 3), (4, 65_535), (5, 16_384), (6, 1_000)]);
    assert_eq!((said[1].kind, said[1].stream, said[1].number(0)), (WINDOW_UPDATE, 0, 100_000 - 65_535));
}

#[test]
fn a_request_is_answered_and_its_place_is_free_again() {
    let mut talk = Talk::begin(&limits());
    for stream in (1..20).step_by(2) {
        assert_eq!(talk.hear(&get(stream)), Ok(vec![Told::Request { place: 0, status: None, ends: true }]));
        talk.answer(0, 5);
        assert_eq!(talk.session.body(0, b"hello", true), 5);
        talk.session.close(0);
        assert_eq!(talk.session.open_streams(), 0);
        let said = talk.said();
        let kinds: Vec<_> = said.iter().map(|said| (said.kind, said.flags, said.stream)).collect();
        assert_eq!(kinds, [(HEADERS, END_HEADERS, stream), (DATA, END_STREAM, stream)]);
        assert_eq!(said[1].payload, b"hello");
    }
}

#[test]
fn connections_that_break_the_rules_are_over() {
    use ErrorCode::{Compression, FlowControl, FrameSize, Protocol};
    let settings = |payload: &[u8]| frame(SETTINGS, 0, 0, payload);
    let headers = |flags: u8, payload: &[u8]| frame(HEADERS, flags, 1, payload);
    for (what, bytes, code) in [
        ("DATA on the connection", frame(DATA, 0, 0, b"x"), Protocol),
        ("DATA on a stream that is idle", frame(DATA, 0, 5, b"x"), Protocol),
        ("HEADERS on the connection", frame(HEADERS, END_HEADERS, 0, GET), Protocol),
        ("a stream with an even number", frame(HEADERS, END_HEADERS, 2, GET), Protocol),
        ("a stream below the last one", [get(3), get(1)].concat(), Protocol),
        ("padding longer than the frame", headers(END_HEADERS | PADDED, &[10, 0x82]), Protocol),
        ("padding without its length", headers(END_HEADERS | PADDED, &[]), FrameSize),
        ("half a priority", headers(END_HEADERS | PRIORITISED, &[0, 0]), FrameSize),
        ("a frame above the announced size", frame(DATA, 0, 1, &[0; 16_385]), FrameSize),
        ("RST_STREAM on a stream that is idle", frame(RST_STREAM, 0, 1, &[0; 4]), Protocol),
        ("a short RST_STREAM", [get(1), frame(RST_STREAM, 0, 1, &[0; 3])].concat(), FrameSize),
        ("SETTINGS on a stream", frame(SETTINGS, 0, 1, &[]), Protocol),
        ("half a setting", settings(&[0; 5]), FrameSize),
        ("an acknowledgement with settings", frame(SETTINGS, ACK, 0, &[0; 6]), FrameSize),
        ("push neither on nor off", setting(2, 2), Protocol),
        ("a first window above the largest", setting(4, 1 << 31), FlowControl),
        ("frames below the smallest size", setting(5, 16_383), Protocol),
        ("frames above the largest size", setting(5, 1 << 24), Protocol),
        ("PING on a stream", frame(PING, 0, 1, &[0; 8]), Protocol),
        ("a short PING", frame(PING, 0, 0, &[0; 7]), FrameSize),
        ("GOAWAY on a stream", frame(GOAWAY, 0, 1, &[0; 8]), Protocol),
        ("PUSH_PROMISE", frame(PUSH_PROMISE, 0, 1, &[0; 8]), Protocol),
        ("a short PRIORITY on a stream that is idle", frame(PRIORITY, 0, 1, &[0; 4]), FrameSize),
        ("PRIORITY on the connection", frame(PRIORITY, 0, 0, &[0; 5]), Protocol),
        ("a short WINDOW_UPDATE", frame(WINDOW_UPDATE, 0, 0, &[0; 3]), FrameSize),
        ("a window that opens by nothing", window_update(0, 0), Protocol),
        ("a window above the largest", window_update(0, 0x7fff_ffff), FlowControl),
        ("WINDOW_UPDATE on a stream that is idle", window_update(1, 1), Protocol),
        ("CONTINUATION of nothing", frame(CONTINUATION, END_HEADERS, 1, GET), Protocol),
        ("a frame within a header block", [headers(0, GET), frame(PING, 0, 0, &[0; 8])].concat(), Protocol),
        ("a block that cannot be read", headers(END_HEADERS, &[0x80]), Compression),
        ("another preface", b"PRI * HTTP/2.0\r\n\r\nXX".to_vec(), Protocol),
    ] {
        let mut talk = match what {
            "another preface" => Talk { session: Session::new(&limits()), kept: Vec::new(), now: 0 },
            _ => Talk::begin(&limits()),
        };
        let _ = talk.said();
        assert_eq!(talk.hear(&bytes), Err(SessionFault { code, limit: None }), "{what}");
        let said = talk.said();
        let last = said.last().unwrap();
        assert_eq!((last.kind, last.number(4)), (GOAWAY, code as u32), "{what}");
    }
}

#[test]
fn settings_come_first() {
    let mut talk = Talk { session: Session::new(&limits()), kept: Vec::new(), now: 0 };
    assert_eq!(talk.hear(PREFACE), Ok(Vec::new()));
    assert_eq!(talk.hear(&get(1)), Err(ErrorCode::Protocol.into()));
}

#[test]
fn what_a_connection_begins_with_and_the_start_of_a_frame_may_be_a_block() {
    let mut talk = Talk { session: Session::new(&limits()), kept: Vec::new(), now: 0 };
    for piece in [&PREFACE[..5], &PREFACE[5..]] {
        assert!(talk.session.has_begun_block(&[]));
        talk.hear(piece).unwrap();
    }
    assert!(talk.session.has_begun_block(&[]));
    talk.hear(&frame(SETTINGS, 0, 0, &[])).unwrap();
    for (rest, has_begun) in [
        (&[][..], false),
        (&[0], true),
        (&[0, 0, 9], true),
        (&[0, 0, 9, HEADERS], true),
        (&[0, 0, 9, DATA], false),
    ] {
        assert_eq!(talk.session.has_begun_block(rest), has_begun, "{rest:?}");
    }
}

#[test]
fn streams_that_break_the_rules_are_reset_alone() {
    use ErrorCode::{FlowControl, FrameSize, Protocol, RefusedStream, StreamClosed};
    let four: Vec<u8> = [1, 3, 5, 7].into_iter().flat_map(get).collect();
    let too_much: Vec<u8> = (0..5).flat_map(|_| frame(DATA, 0, 1, &[0; 16_000])).collect();
    for (what, bytes, stream, code) in [
        ("DATA behind the end", [get(1), frame(DATA, 0, 1, b"x")].concat(), 1, StreamClosed),
        ("trailers behind the end", [get(1), get(1)].concat(), 1, StreamClosed),
        (
            "trailers that do not end",
            [post(1, None), frame(HEADERS, END_HEADERS, 1, &[])].concat(),
            1,
            Protocol,
        ),
        ("a pseudo field in trailers", [post(1, None), frame(HEADERS, 5, 1, &[0x82])].concat(), 1, Protocol),
        ("a malformed head", frame(HEADERS, END_HEADERS | END_STREAM, 1, &GET[1..]), 1, Protocol),
        ("more than its length", [post(1, Some("3")), frame(DATA, 0, 1, b"four")].concat(), 1, Protocol),
        ("less than its length", [post(1, Some("5")), frame(DATA, 1, 1, b"four")].concat(), 1, Protocol),
        ("trailers for the rest", [post(1, Some("5")), frame(HEADERS, 5, 1, &[])].concat(), 1, Protocol),
        ("more streams than announced", four, 7, RefusedStream),
        ("more than its window", [post(1, None), too_much].concat(), 1, FlowControl),
        ("a window that opens by nothing", [get(1), window_update(1, 0)].concat(), 1, Protocol),
        ("a window above the largest", [get(1), window_update(1, 0x7fff_ffff)].concat(), 1, FlowControl),
        ("a short PRIORITY", [get(1), frame(PRIORITY, 0, 1, &[0; 4])].concat(), 1, FrameSize),
    ] {
        let mut talk = Talk::begin(&limits());
        let told = talk.hear(&bytes);
        assert!(told.is_ok(), "{what}: {told:?}");
        let said = talk.said();
        assert_eq!(reset(&said), Some((stream, code as u32)), "{what}: {said:?}");
        // The connection goes on.
        talk.hear(&frame(PING, 0, 0, b"are you?")).unwrap();
        assert_eq!(talk.said()[0].payload, b"are you?", "{what}");
    }
}

#[test]
fn a_length_that_the_head_announces_and_no_body_follows_is_malformed() {
    let mut talk = Talk::begin(&limits());
    let mut bytes = post(1, Some("3"));
    bytes[4] |= END_STREAM;
    assert_eq!(talk.hear(&bytes), Ok(Vec::new()));
    assert_eq!(reset(&talk.said()), Some((1, ErrorCode::Protocol as u32)));
}

#[test]
fn what_is_still_on_its_way_to_a_stream_that_was_given_up_is_no_fault() {
    let mut talk = Talk::begin(&limits());
    let told = talk.hear(&post(1, None)).unwrap();
    assert_eq!(told, [Told::Request { place: 0, status: None, ends: false }]);
    talk.answer(0, 0);
    talk.session.close(0);
    assert_eq!(reset(&talk.said()), Some((1, ErrorCode::No as u32)));
    for _ in 0..10 {
        assert_eq!(talk.hear(&frame(DATA, 0, 1, &[0; 10_000])), Ok(Vec::new()));
        // The connection's window is opened for it.
        let said = talk.said();
        assert!(said.iter().all(|said| said.kind == WINDOW_UPDATE && said.stream == 0), "{said:?}");
    }
    assert_eq!(talk.hear(&frame(HEADERS, END_HEADERS | END_STREAM, 1, &[])), Ok(Vec::new()));
    assert_eq!(talk.hear(&window_update(1, 5)), Ok(Vec::new()));
}

#[test]
fn an_answer_that_is_not_ended_is_reset() {
    let mut talk = Talk::begin(&limits());
    talk.hear(&get(1)).unwrap();
    talk.answer(0, 9);
    talk.session.body(0, b"half", false);
    talk.session.close(0);
    assert_eq!(reset(&talk.said()), Some((1, ErrorCode::Internal as u32)));
}

#[test]
fn padding_is_dropped_and_its_window_opened_again() {
    let mut talk = Talk::begin(&limits());
    talk.hear(&post(1, Some("500"))).unwrap();
    let payload = [&[200][..], b"x", &[0; 200]].concat();
    for number in 1..=500 {
        let told = talk.hear(&frame(DATA, PADDED, 1, &payload)).unwrap();
        assert_eq!(told, [Told::Body(0, b"x".to_vec(), false)]);
        if number % 100 == 0 {
            talk.session.release(0, 100);
        }
    }
}

#[test]
fn trailers_end_a_body() {
    let mut talk = Talk::begin(&limits());
    talk.hear(&[post(1, Some("4")), frame(DATA, 0, 1, b"four")].concat()).unwrap();
    let trailers = frame(HEADERS, END_HEADERS | END_STREAM, 1, &[0, 1, b'a', 1, b'b']);
    assert_eq!(talk.hear(&trailers), Ok(vec![Told::Trailers(0)]));
}

#[test]
fn h2flood_blocks_end_somewhere() {
    let calm = |limit| Err(SessionFault { code: ErrorCode::EnhanceYourCalm, limit });
    let mut talk = Talk::begin(&limits());
    talk.hear(&frame(HEADERS, END_STREAM, 1, GET)).unwrap();
    for _ in 0..8 {
        assert_eq!(talk.hear(&frame(CONTINUATION, 0, 1, &[])), Ok(Vec::new()));
    }
    assert_eq!(talk.hear(&frame(CONTINUATION, 0, 1, &[])), calm(None));
    let mut talk = Talk::begin(&limits());
    talk.hear(&frame(HEADERS, END_STREAM, 1, GET)).unwrap();
    assert_eq!(talk.hear(&frame(CONTINUATION, 0, 1, &[0; 4_000])), calm(None));
    // A small block may stand for a long list: an entry of the table, again and again.
    let mut talk = Talk::begin(&limits());
    let large = [GET, &[0x40, 1, b'a', 126], &[b'x'; 126][..]].concat();
    let repeated = |count: usize| [GET, &[0xbe].repeat(count)].concat();
    let request = |stream, block: &[u8]| frame(HEADERS, END_HEADERS | END_STREAM, stream, block);
    let status = |told: Vec<Told>| match told[0] {
        Told::Request { status, .. } => status,
        _ => None,
    };
    assert_eq!(status(talk.hear(&request(1, &large)).unwrap()), None);
    assert_eq!(status(talk.hear(&request(3, &repeated(3))).unwrap()), None);
    assert_eq!(status(talk.hear(&request(5, &repeated(8))).unwrap()), Some(431));
    talk.session.close(0);
    assert_eq!(talk.hear(&request(7, &repeated(30))), calm(Some("h2HeaderListBytes")));
}

#[test]
fn h2flood_noise_is_counted() {
    let calm = |limit| Err(SessionFault { code: ErrorCode::EnhanceYourCalm, limit: Some(limit) });
    for noise in [
        frame(SETTINGS, 0, 0, &[]),
        frame(PING, 0, 0, &[0; 8]),
        frame(PRIORITY, 0, 1, &[0; 5]),
        window_update(0, 1),
        frame(0x20, 0, 0, b"x"),
        frame(DATA, 0, 1, b""),
    ] {
        let mut talk = Talk::begin(&limits());
        talk.hear(&post(1, None)).unwrap();
        // The settings of the preface were one, which the request has paid for.
        assert!(talk.hear(&noise.repeat(30)).is_ok(), "{noise:?}");
        talk.now += 9 * SECOND;
        assert_eq!(talk.hear(&noise), calm("h2ControlFrames"), "{noise:?}");
        let mut talk = Talk::begin(&limits());
        talk.hear(&post(1, None)).unwrap();
        talk.hear(&noise.repeat(30)).unwrap();
        talk.now += 10 * SECOND;
        assert!(talk.hear(&noise.repeat(30)).is_ok(), "{noise:?}");
    }
}

#[test]
fn h2flood_frames_of_streams_that_are_over_are_noise() {
    let noise = NoiseLimits { control_frames: 10_000, ..limits().noise };
    for late in [
        frame(HEADERS, END_HEADERS | END_STREAM, 1, &[]),
        frame(DATA, END_STREAM, 1, b""),
        frame(DATA, 0, 1, b""),
    ] {
        let mut talk = Talk::begin(&SessionLimits { noise, ..limits() });
        talk.hear(&post(1, None)).unwrap();
        talk.answer(0, 0);
        talk.session.close(0);
        let _ = talk.said();
        assert_eq!(talk.hear(&late.repeat(10_000)), Ok(Vec::new()), "{late:?}");
        let calm = SessionFault { code: ErrorCode::EnhanceYourCalm, limit: Some("h2ControlFrames") };
        assert_eq!(talk.hear(&late.repeat(5_000)), Err(calm), "{late:?}");
        assert_eq!(talk.said().last().unwrap().number(4), ErrorCode::EnhanceYourCalm as u32);
    }
}

#[test]
fn what_carries_a_request_or_an_answer_pays_for_two_others() {
    let mut talk = Talk::begin(&limits());
    talk.hear(&post(1, None)).unwrap();
    talk.answer(0, 1_000);
    for _ in 0..200 {
        talk.hear(&[frame(DATA, 0, 1, b"x"), window_update(0, 1).repeat(2)].concat()).unwrap();
        talk.session.body(0, b"x", false);
        talk.hear(&window_update(1, 1).repeat(2)).unwrap();
    }
}

#[test]
fn h2flood_resets_are_counted() {
    let calm = |limit| Err(SessionFault { code: ErrorCode::EnhanceYourCalm, limit: Some(limit) });
    let give_up = |stream: u32| [get(stream), frame(RST_STREAM, 0, stream, &[0; 4])].concat();
    // Five that nobody came to, then one too many; looking at them between forgives them.
    let mut talk = Talk::begin(&limits());
    for stream in (1..=9).step_by(2) {
        talk.hear(&give_up(stream)).unwrap();
    }
    talk.session.end_turn();
    talk.now += SECOND;
    for stream in (11..=19).step_by(2) {
        talk.hear(&give_up(stream)).unwrap();
    }
    assert_eq!(talk.hear(&give_up(21)), calm("h2ResetsPending"));
    // Ten in a second, whoever came to them; those that are provoked count too.
    for malformed in [false, true] {
        let mut talk = Talk::begin(&limits());
        let again = |stream: u32| match malformed {
            true => frame(HEADERS, END_HEADERS | END_STREAM, stream, &GET[1..]),
            false => give_up(stream),
        };
        for stream in (1..=19).step_by(2) {
            talk.hear(&again(stream)).unwrap();
            talk.session.end_turn();
        }
        assert_eq!(talk.hear(&again(21)), calm("h2ResetsPerSecond"), "{malformed}");
    }
}

#[test]
fn a_connection_that_is_left_serves_what_is_on_its_way() {
    let mut talk = Talk::begin(&limits());
    talk.hear(&get(1)).unwrap();
    talk.session.leave();
    let said = talk.said();
    assert_eq!((said[0].kind, said[0].number(0), said[0].number(4)), (GOAWAY, 0x7fff_ffff, 0));
    assert_eq!((said[1].kind, said[1].flags), (PING, 0));
    talk.session.leave();
    assert_eq!(talk.said(), []);
    assert_eq!(talk.hear(&get(3)).unwrap().len(), 1);
    talk.hear(&frame(PING, ACK, 0, &said[1].payload)).unwrap();
    let said = talk.said();
    assert_eq!((said[0].kind, said[0].number(0), said[0].number(4)), (GOAWAY, 3, 0));
    // Too late; but its header block is read, since the next one builds on it.
    assert_eq!(talk.hear(&get(5)), Ok(Vec::new()));
    assert_eq!(talk.said(), []);
    for place in [0, 1] {
        assert!(!talk.session.is_over());
        talk.answer(place, 0);
        talk.session.close(place);
    }
    assert!(talk.session.is_over());
}

#[test]
fn a_client_that_does_not_see_that_it_is_left_is_not_served_for_ever() {
    let mut talk = Talk::begin(&limits());
    talk.session.leave_now();
    assert_eq!(talk.said(), []);
    talk.hear(&get(1)).unwrap();
    talk.session.leave();
    let _ = talk.said();
    talk.session.leave_now();
    let said = talk.said();
    assert_eq!((said[0].kind, said[0].number(0), said[0].number(4)), (GOAWAY, 1, 0));
    talk.session.leave_now();
    assert_eq!(talk.hear(&get(3)), Ok(Vec::new()));
    assert_eq!(talk.said(), []);
    // What it opens for ever is noise.
    let more: Vec<u8> = (5..75).step_by(2).flat_map(get).collect();
    assert_eq!(talk.hear(&more).unwrap_err().limit, Some("h2ControlFrames"));
}

#[test]
fn a_large_head_is_continued() {
    let mut talk = Talk::begin(&limits());
    talk.hear(&get(1)).unwrap();
    let mut fields = FieldBlock::default();
    for _ in 0..4 {
        fields.push(b"x-large", &[b'x'; 10_000]).unwrap();
    }
    let head = AnswerHead { status: 200, date_line: b"", fields: &fields, length: None, ends: true };
    talk.session.answer(0, &head);
    let said = talk.said();
    let shape: Vec<_> =
        said.iter().map(|said| (said.kind, said.flags, said.payload.len() == 16_384)).collect();
    let expected = [(HEADERS, END_STREAM, true), (CONTINUATION, 0, true), (CONTINUATION, END_HEADERS, false)];
    assert_eq!(shape, expected);
    assert!(said.iter().map(|said| said.payload.len()).sum::<usize>() > 40_000);
}

#[test]
fn a_first_window_that_shrinks_is_paid_back() {
    let mut talk = Talk::begin(&limits());
    talk.hear(&get(1)).unwrap();
    talk.answer(0, 70_000);
    assert_eq!(talk.session.body(0, &[0; 60_000], false), 60_000);
    talk.hear(&setting(4, 10_000)).unwrap();
    assert_eq!(talk.session.body(0, &[0; 10_000], true), 0);
    talk.hear(&window_update(1, 50_000)).unwrap();
    let _ = talk.said();
    assert_eq!(talk.session.unblocked(), 1);
    assert_eq!(talk.session.next_unblocked(), Some(0));
    assert_eq!(talk.session.body(0, &[0; 10_000], true), 0);
    talk.hear(&window_update(1, 10_000)).unwrap();
    // Of the connection's first window so much is left.
    assert_eq!(talk.session.body(0, &[0; 10_000], true), 5_535);
}

#[test]
fn a_first_window_that_grows_is_nothing_to_streams_that_are_over() {
    let mut talk = Talk::begin(&limits());
    talk.hear(&[get(1), window_update(1, 0x7fff_ffff - 65_535)].concat()).unwrap();
    talk.answer(0, 0);
    talk.session.close(0);
    assert_eq!(talk.hear(&setting(4, 70_000)), Ok(Vec::new()));
    talk.hear(&[get(3), window_update(3, 0x7fff_ffff - 70_000)].concat()).unwrap();
    assert_eq!(talk.hear(&setting(4, 70_001)), Err(ErrorCode::FlowControl.into()));
}

#[test]
fn first_windows_of_one_frame_count_together() {
    let mut talk = Talk::begin(&limits());
    talk.hear(&[get(1), window_update(1, 0x7fff_ffff - 65_535)].concat()).unwrap();
    let both = |one, other| {
        let payload = [setting(4, one), setting(4, other)].map(|frame| frame[9..].to_vec()).concat();
        frame(SETTINGS, 0, 0, &payload)
    };
    assert_eq!(talk.hear(&both(70_000, 65_535)), Ok(Vec::new()));
    assert_eq!(talk.hear(&both(1 << 31, 65_535)), Err(ErrorCode::FlowControl.into()));
    assert_eq!(talk.hear(&both(65_535, 65_536)), Err(ErrorCode::FlowControl.into()));
}

#[derive(Clone, Debug)]
enum Act {
    Write { place: usize, bytes: usize },
    Open { stream: Option<usize>, bytes: u32 },
    Resize(u32),
    Send(usize),
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let act = prop_oneof![
        4 => (0..3_usize, 1..40_000_usize).prop_map(|(place, bytes)| Act::Write { place, bytes }),
        3 => (proptest::option::of(0..3_usize), 1..50_000_u32).prop_map(|(stream, bytes)| Act::Open { stream, bytes }),
        1 => (0..100_000_u32).prop_map(Act::Resize),
        2 => (1..100_000_usize).prop_map(Act::Send),
    ];
    proptest::collection::vec(act, 1..60)
}

proptest! {
    /// The twin: a client that counts its windows, byte by byte.
    #[test]
    fn nobody_gets_more_than_its_windows_hold(acts in acts()) {
        let noise = NoiseLimits { control_frames: 1_000_000, ..limits().noise };
        let mut talk = Talk::begin(&SessionLimits { noise, ..limits() });
        let mut windows = HashMap::from([(0, 65_535_i64)]);
        let (mut first, mut sent, mut wire) = (65_535_i64, Vec::new(), Vec::new());
        for place in 0..3_usize {
            let stream = u32::try_from(place).unwrap() * 2 + 1;
            talk.hear(&get(stream)).unwrap();
            windows.insert(stream, first);
            sent.push(0_usize);
        }
        let _ = talk.said();
        for act in acts {
            match act {
                Act::Write { place, bytes } => sent[place] += talk.session.body(place, &vec![0; bytes], false),
                Act::Open { stream, bytes } => {
                    let stream = stream.map_or(0, |stream| u32::try_from(stream).unwrap() * 2 + 1);
                    let window = windows.get_mut(&stream).unwrap();
                    if *window + i64::from(bytes) <= 0x7fff_ffff {
                        *window += i64::from(bytes);
                        talk.hear(&window_update(stream, bytes)).unwrap();
                    }
                }
                Act::Resize(size) => {
                    talk.hear(&setting(4, size)).unwrap();
                    for (stream, window) in &mut windows {
                        *window += if *stream == 0 { 0 } else { i64::from(size) - first };
                    }
                    first = i64::from(size);
                }
                Act::Send(bytes) => {
                    let bytes = bytes.min(talk.session.unsent().len());
                    wire.extend_from_slice(&talk.session.unsent()[..bytes]);
                    talk.session.sent(bytes);
                }
            }
            prop_assert!(talk.session.unsent().len() < 80_000);
        }
        wire.extend_from_slice(talk.session.unsent());
        let mut received = vec![0_usize; 3];
        let mut rest = wire.as_slice();
        while let Some((head, behind)) = rest.split_first_chunk::<9>() {
            let length = usize::try_from(u32::from_be_bytes([0, head[0], head[1], head[2]])).unwrap();
            let stream = u32::from_be_bytes(head[5..].try_into().unwrap());
            if head[3] == DATA {
                received[usize::try_from(stream / 2).unwrap()] += length;
                for counted in [0, stream] {
                    *windows.get_mut(&counted).unwrap() -= i64::try_from(length).unwrap();
                }
            }
            rest = &behind[length..];
        }
        prop_assert_eq!(received, sent);
        // What a client took from a window before it shrank may leave it below zero; the connection's never is.
        prop_assert!(windows[&0] >= 0);
    }

    #[test]
    fn pieces_do_not_matter(
        frames in proptest::collection::vec((0..11_u8, 0..64_u8, 0..8_u32, proptest::collection::vec(any::<u8>(), 0..24)), 0..12),
        cuts in proptest::collection::vec(1..30_usize, 1..20),
    ) {
        let mut bytes = [PREFACE, &frame(SETTINGS, 0, 0, &[]), &get(1)].concat();
        for (kind, flags, stream, payload) in &frames {
            bytes.extend(frame(*kind, *flags, *stream, payload));
        }
        let fresh = || Talk { session: Session::new(&limits()), kept: Vec::new(), now: 0 };
        let mut whole = fresh();
        let expected = whole.hear(&bytes);
        let (mut talk, mut told, mut rest) = (fresh(), Vec::new(), bytes.as_slice());
        let mut outcome = Ok(());
        for cut in cuts.iter().cycle() {
            let (piece, after) = rest.split_at(rest.len().min(*cut));
            rest = after;
            match talk.hear(piece) {
                Ok(more) => told.extend(more),
                Err(fault) => outcome = Err(fault),
            }
            if rest.is_empty() || outcome.is_err() {
                break;
            }
        }
        match expected {
            Ok(expected) => prop_assert_eq!((told, outcome), (expected, Ok(()))),
            Err(fault) => prop_assert_eq!(outcome, Err(fault)),
        }
        prop_assert_eq!(talk.said(), whole.said());
    }
}
