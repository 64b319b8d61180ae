//! Laws that hold for every head: the fast reader agrees with the slow one, pieces of any size give
//! the same answer, and no bytes are a panic.

use postern_protocol::http1::{
    Fault, Limits, Progress, RequestHead, ResponseHead, read_request, read_response,
};
use proptest::prelude::*;

use crate::reference::{self, Summary};

/// Field lines that heads are made of: plain ones and those that decide.
fn fields() -> impl Strategy<Value = String> {
    let line = prop_oneof![
        4 => "[A-Za-z0-9_-]{1,12}: ?[ -~\t]{0,24}",
        1 => Just("Content-Length: 12".to_owned()),
        1 => "Content-Length: [0-9+, ]{0,20}",
        1 => Just("Transfer-Encoding: chunked".to_owned()),
        1 => Just("Transfer-Encoding: gzip, chunked".to_owned()),
        1 => "Connection: [a-zA-Z, -]{0,20}",
        1 => Just("Connection: close, x-a".to_owned()),
        1 => Just("connection: Keep-Alive".to_owned()),
        1 => Just("Connection: X-Amzn-Vpce-Id".to_owned()),
        1 => Just("X-A: 1".to_owned()),
        1 => Just("Expect: 100-continue".to_owned()),
        1 => Just("TE: trailers".to_owned()),
        1 => "Ho[s]t: [A-Za-z.:0-9]{1,8}",
    ];
    proptest::collection::vec(line, 0..8)
        .prop_map(|lines| lines.iter().map(|line| format!("{line}\r\n")).collect())
}

fn heads() -> impl Strategy<Value = Vec<u8>> {
    let method = prop_oneof![
        Just("GET".to_owned()),
        Just("POST".to_owned()),
        Just("OPTIONS".to_owned()),
        Just("TRACE".to_owned()),
        "[A-Za-z!~]{1,34}",
    ];
    let target = prop_oneof![
        4 => "/[!-~]{0,30}",
        1 => Just("*".to_owned()),
        1 => "[hH]ttps?://a.example(:80)?[/?a-z]{0,6}",
        1 => "[!-~]{1,20}",
    ];
    let version = prop_oneof![6 => Just("HTTP/1.1"), 2 => Just("HTTP/1.0"), 1 => Just("HTTP/1.7"), 1 => Just("HTTP/2.0")];
    let host = prop_oneof![6 => Just("Host: A.example\r\n"), 1 => Just("")];
    let before = prop_oneof![8 => Just(""), 1 => Just("\r\n")];
    (before, method, target, version, host, fields()).prop_map(
        |(before, method, target, version, host, fields)| {
            format!("{before}{method} {target} {version}\r\n{host}{fields}\r\n").into_bytes()
        },
    )
}

/// Heads of which a few bytes were changed, put in or left out.
fn broken_heads() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![any::<u8>(), Just(b'\r'), Just(b'\n'), Just(b' '), Just(b':'), Just(0)];
    let change = (any::<prop::sample::Index>(), 0..3_u8, byte);
    (heads(), proptest::collection::vec(change, 0..3)).prop_map(|(mut head, changes)| {
        for (place, kind, byte) in changes {
            let place = place.index(head.len());
            match kind {
                0 => head[place] = byte,
                1 => head.insert(place, byte),
                _ => {
                    head.remove(place);
                }
            }
        }
        head
    })
}

type Outcome = Result<Option<Summary>, Fault>;

/// Reads pieces that grow as the ends say, then all.
fn read_in_pieces(bytes: &[u8], ends: impl IntoIterator<Item = usize>) -> Outcome {
    let mut head = RequestHead::default();
    for end in ends.into_iter().chain([bytes.len()]) {
        if read_request(&bytes[..end], &Limits::PRIVATE, &mut head)? == Progress::Complete {
            return Ok(Some(Summary::of(&head, bytes)));
        }
    }
    Ok(None)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_500))]

    #[test]
    fn smuggling_the_reader_agrees_with_its_slow_twin(bytes in broken_heads()) {
        let fast = read_in_pieces(&bytes, []);
        // The twin reads whole heads only.
        if let Ok(None) = fast {
            prop_assert!(!bytes.windows(4).skip(1).any(|it| it == b"\r\n\r\n"));
        } else {
            prop_assert_eq!(fast.clone().ok().flatten(), reference::read(&bytes, &Limits::PRIVATE), "{:?}", fast);
        }
    }

    #[test]
    fn smuggling_pieces_of_any_size_give_one_answer(
        bytes in broken_heads(),
        cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..6),
    ) {
        // A reader that waits for a line's end tells a fault in that line a little later than one
        // that saw all at once; with a line end behind it both have told it.
        let bytes = [bytes.as_slice(), b"\n"].concat();
        let whole = read_in_pieces(&bytes, []);
        let mut ends: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len())).collect();
        ends.sort_unstable();
        prop_assert_eq!(&read_in_pieces(&bytes, ends), &whole);
        prop_assert_eq!(&read_in_pieces(&bytes, 0..bytes.len()), &whole);
        for end in 0..bytes.len() {
            prop_assert_eq!(&read_in_pieces(&bytes, [end]), &whole, "cut at {}", end);
        }
    }

    /// A reader that has read other heads finds what a new one finds: fields that come again, fields that
    /// almost do, in pieces, and under other limits.
    #[test]
    fn smuggling_heads_before_change_nothing(
        sections in proptest::collection::vec(fields(), 1..3),
        heads in proptest::collection::vec(
            (
                prop_oneof![Just("GET / HTTP/1.1"), Just("GET /longer?a=b HTTP/1.1"), Just("GET / HTTP/1.0"), Just("GET  / HTTP/1.1")],
                any::<(prop::sample::Index, prop::sample::Index)>(),
                prop_oneof![4 => Just("\r\n"), 1 => Just("X-B: 2\r\n\r\n"), 1 => Just("\n"), 1 => Just("\r")],
                any::<prop::sample::Index>(),
                prop_oneof![4 => Just(Limits::PRIVATE), 1 => (0..9_usize, 1..99_usize, 1..12_usize).prop_map(|(header_fields, head_bytes, header_name_bytes)| {
                    Limits { header_fields, head_bytes, header_name_bytes, raw_head_bytes: 199, ..Limits::PRIVATE }
                })],
            ),
            1..6,
        ),
    ) {
        let mut used = RequestHead::default();
        // Beyond what is kept.
        let long = format!("X-Long: {}\r\n", "x".repeat(3_000));
        let sections: Vec<&str> = sections.iter().map(String::as_str).chain([&*long]).collect();
        for (line, (first, second), end, cut, limits) in heads {
            let (first, second) = (first.get(&sections), second.get(&sections));
            let bytes = format!("{line}\r\nHost: a.example\r\n{first}{second}{end}").into_bytes();
            let mut new = RequestHead::default();
            let expected = read_request(&bytes, &limits, &mut new);
            used.clear();
            prop_assert!(used.fields().as_slice().is_empty());
            let mut progress = read_request(&bytes[..cut.index(bytes.len())], &limits, &mut used);
            if progress == Ok(Progress::Partial) {
                progress = read_request(&bytes, &limits, &mut used);
            }
            prop_assert_eq!(progress, expected);
            if expected == Ok(Progress::Complete) {
                prop_assert_eq!(Summary::of(&used, &bytes), Summary::of(&new, &bytes));
                prop_assert_eq!(used.fields().as_slice(), new.fields().as_slice());
            }
        }
    }

    #[test]
    fn smuggling_any_bytes_are_no_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = read_request(&bytes, &Limits::PRIVATE, &mut RequestHead::default());
        for start in ["GET / HTTP/1.1\r\n", "GET ", "\r\n"] {
            let _ = read_request(&[start.as_bytes(), &bytes].concat(), &Limits::PRIVATE, &mut RequestHead::default());
        }
        for start in ["", "HTTP/1.1 ", "HTTP/1.1 200 OK\r\n"] {
            let bytes = [start.as_bytes(), &bytes].concat();
            let _ = read_response(&bytes, &Limits::PRIVATE, false, &mut ResponseHead::default());
        }
    }

    #[test]
    fn upstream_pieces_of_any_size_give_one_answer(
        fields in fields(), status in 90..620_u16, reason in "[ -~]{0,8}", broken in any::<prop::sample::Index>(), byte in any::<u8>(),
    ) {
        let mut bytes = format!("HTTP/1.1 {status} {reason}\r\n{fields}\r\n").into_bytes();
        let place = broken.index(bytes.len() * 2);
        if let Some(broken) = bytes.get_mut(place) {
            *broken = byte;
        }
        bytes.push(b'\n');
        let read = |ends: &mut dyn Iterator<Item = usize>| {
            let mut head = ResponseHead::default();
            for end in ends {
                match read_response(&bytes[..end], &Limits::PRIVATE, false, &mut head) {
                    Ok(Progress::Partial) => {}
                    other => return (other, head.status(), head.framing(), head.keep_alive(), head.length()),
                }
            }
            (Ok(Progress::Partial), 0, head.framing(), false, 0)
        };
        let whole = read(&mut [bytes.len()].into_iter());
        let piecewise = read(&mut (0..=bytes.len()));
        if whole.0.is_err() {
            prop_assert_eq!(whole.0, piecewise.0);
        } else {
            prop_assert_eq!(whole, piecewise);
        }
    }
}
