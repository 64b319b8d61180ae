//! Hardening section 8: the heads of a backend's answers.

use postern_protocol::http1::{Fault, Limits, Progress, ResponseFraming, ResponseHead, read_response};

fn response(bytes: &[u8], answers_head: bool) -> Result<ResponseHead, Fault> {
    let mut head = ResponseHead::default();
    match read_response(bytes, &Limits::PRIVATE, answers_head, &mut head)? {
        Progress::Complete => Ok(head),
        Progress::Partial => panic!("the head is not whole"),
    }
}

fn framing(line: &str, fields: &str, answers_head: bool) -> Result<ResponseFraming, Fault> {
    let bytes = format!("{line}\r\n{fields}\r\n");
    response(bytes.as_bytes(), answers_head).map(|head| head.framing())
}

#[test]
fn upstream_framing_is_that_of_rfc_9112_section_6_3() {
    use ResponseFraming::{Chunked, Length, None, UntilClose};
    const LENGTH: &str = "Content-Length: 5\r\n";
    const CHUNKED: &str = "Transfer-Encoding: chunked\r\n";
    for (line, fields, answers_head, expected) in [
        ("HTTP/1.1 200 OK", LENGTH, false, Ok(Length(5))),
        ("HTTP/1.1 200 OK", CHUNKED, false, Ok(Chunked)),
        ("HTTP/1.1 200 OK", "", false, Ok(UntilClose)),
        ("HTTP/1.1 200 OK", "Content-Length: 0\r\n", false, Ok(Length(0))),
        ("HTTP/1.0 200 OK", LENGTH, false, Ok(Length(5))),
        ("HTTP/1.0 200 OK", "", false, Ok(UntilClose)),
        ("HTTP/1.1 500 Oh", LENGTH, false, Ok(Length(5))),
        // No body, whatever the fields say.
        ("HTTP/1.1 200 OK", LENGTH, true, Ok(None)),
        ("HTTP/1.1 200 OK", CHUNKED, true, Ok(None)),
        ("HTTP/1.1 200 OK", "", true, Ok(None)),
        ("HTTP/1.1 204 No Content", LENGTH, false, Ok(None)),
        ("HTTP/1.1 304 Not Modified", LENGTH, false, Ok(None)),
        ("HTTP/1.1 304 Not Modified", CHUNKED, false, Ok(None)),
        ("HTTP/1.1 100 Continue", "", false, Ok(None)),
        ("HTTP/1.1 103 Early Hints", LENGTH, false, Ok(None)),
        // Doubtful framing is refused, also where no body follows.
        (
            "HTTP/1.1 200 OK",
            "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
            false,
            Err(Fault::LengthAndCoding),
        ),
        (
            "HTTP/1.1 200 OK",
            "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
            true,
            Err(Fault::LengthAndCoding),
        ),
        (
            "HTTP/1.1 200 OK",
            "Content-Length: 5\r\nContent-Length: 6\r\n",
            false,
            Err(Fault::ContentLengthRepeated),
        ),
        (
            "HTTP/1.1 200 OK",
            "Content-Length: 5\r\nContent-Length: 5\r\n",
            false,
            Err(Fault::ContentLengthRepeated),
        ),
        ("HTTP/1.1 204 OK", "Content-Length: x\r\n", false, Err(Fault::ContentLength)),
        ("HTTP/1.1 200 OK", "Content-Length: 5, 5\r\n", false, Err(Fault::ContentLength)),
        (
            "HTTP/1.1 200 OK",
            "Transfer-Encoding: gzip, chunked\r\n",
            false,
            Err(Fault::TransferCodingUnsupported),
        ),
        ("HTTP/1.1 200 OK", "Transfer-Encoding: identity\r\n", false, Err(Fault::TransferEncoding)),
        (
            "HTTP/1.1 200 OK",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
            false,
            Err(Fault::TransferEncodingRepeated),
        ),
        ("HTTP/1.0 200 OK", CHUNKED, false, Err(Fault::TransferEncodingInOldVersion)),
    ] {
        assert_eq!(framing(line, fields, answers_head), expected, "{line} {fields:?} {answers_head}");
    }
}

#[test]
fn upstream_status_lines() {
    for (line, status, reason) in [
        ("HTTP/1.1 200 OK", 200, "OK"),
        ("HTTP/1.0 404 Not Found", 404, "Not Found"),
        ("HTTP/1.1 200 ", 200, ""),
        ("HTTP/1.1 200", 200, ""),
        ("HTTP/1.1 599 \tso \u{e9}", 599, "\tso \u{e9}"),
        ("HTTP/1.1 299 a  b ", 299, "a  b "),
        ("HTTP/1.7 200 OK", 200, "OK"),
    ] {
        let bytes = format!("{line}\r\n\r\n");
        let head = response(bytes.as_bytes(), false).unwrap();
        let view = head.over(bytes.as_bytes());
        assert_eq!((head.status(), view.reason()), (status, reason.as_bytes()), "{line}");
    }
    for (line, fault) in [
        ("HTTP/1.1  200 OK", Fault::StatusLine),
        ("HTTP/1.1 20 OK", Fault::StatusLine),
        ("HTTP/1.1 2000 OK", Fault::StatusLine),
        ("HTTP/1.1 200OK", Fault::StatusLine),
        ("HTTP/1.1 2x0 OK", Fault::StatusLine),
        ("HTTP/1.1 +20 OK", Fault::StatusLine),
        ("HTTP/1.1 000 Odd", Fault::StatusLine),
        ("HTTP/1.1 099 Odd", Fault::StatusLine),
        ("HTTP/1.1 600 Odd", Fault::StatusLine),
        ("HTTP/1.1 999 Odd", Fault::StatusLine),
        ("HTTP/1.1 200 a\0b", Fault::StatusLine),
        ("HTTP/1.1 200 a\rb", Fault::StatusLine),
        ("HTTP/1.1 200\tOK", Fault::StatusLine),
        ("HTTP/1.1200 OK", Fault::StatusLine),
        ("HTTP/1.1", Fault::StatusLine),
        ("HTTP/1.x 200 OK", Fault::StatusLine),
        ("HTTP/10.1 200 OK", Fault::StatusLine),
        ("HTTP/2.0 200 OK", Fault::VersionUnsupported),
        ("http/1.1 200 OK", Fault::NotHttp),
        ("ICY 200 OK", Fault::NotHttp),
        (" HTTP/1.1 200 OK", Fault::NotHttp),
        ("", Fault::NotHttp),
        ("HTTP/1.1 101 Switching Protocols", Fault::SwitchingProtocols),
    ] {
        assert_eq!(framing(line, "", false), Err(fault), "{line:?}");
    }
}

#[test]
fn upstream_field_lines_are_as_strict_as_a_clients() {
    for (fields, fault) in [
        ("X: a\r\n b\r\n", Fault::FoldedLine),
        ("X : a\r\n", Fault::FieldName),
        ("X\r\n", Fault::FieldName),
        ("X: a\0\r\n", Fault::FieldValue),
        ("X: a\rb\r\n", Fault::BareCarriageReturn),
        ("X: a\nY: b\r\n", Fault::BareLineFeed),
        ("Connection: a b\r\n", Fault::ConnectionOption),
    ] {
        assert_eq!(framing("HTTP/1.1 200 OK", fields, false), Err(fault), "{fields:?}");
    }
    assert_eq!(response(b"HTTP/1.1 200 OK\nX: a\n\n", false).err(), Some(Fault::BareLineFeed));
}

#[test]
fn upstream_oversize_heads() {
    let limits = Limits::PRIVATE;
    let line = |length: usize| [b"HTTP/1.1 200 ", vec![b'x'; length - 13].as_slice()].concat();
    let read = |bytes: &[u8]| read_response(bytes, &limits, false, &mut ResponseHead::default());
    assert_eq!(read(&line(limits.raw_head_bytes - 1)), Ok(Progress::Partial));
    assert_eq!(read(&line(limits.raw_head_bytes)), Err(Fault::HeadTooLong));
    assert_eq!(framing("HTTP/1.1 200 OK", &"X: y\r\n".repeat(101), false), Err(Fault::TooManyFields));
}

#[test]
fn upstream_connections_are_kept_as_the_version_and_the_options_say() {
    for (line, fields, keeps) in [
        ("HTTP/1.1 200 OK", "Content-Length: 0\r\n", true),
        ("HTTP/1.1 200 OK", "Content-Length: 0\r\nConnection: close\r\n", false),
        ("HTTP/1.1 200 OK", "Transfer-Encoding: chunked\r\n", true),
        ("HTTP/1.1 200 OK", "Connection: keep-alive\r\n", false),
        ("HTTP/1.1 204 No Content", "", true),
        ("HTTP/1.0 200 OK", "Content-Length: 0\r\n", false),
        ("HTTP/1.0 200 OK", "Content-Length: 0\r\nConnection: keep-alive\r\n", true),
    ] {
        let bytes = format!("{line}\r\n{fields}\r\n");
        assert_eq!(response(bytes.as_bytes(), false).unwrap().keep_alive(), keeps, "{line} {fields:?}");
    }
}

#[test]
fn upstream_interim_responses_come_before_the_answer() {
    let bytes =
        b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    let mut head = ResponseHead::default();
    assert_eq!(read_response(bytes, &Limits::PRIVATE, false, &mut head), Ok(Progress::Complete));
    assert!(head.is_interim() && head.status() == 103);
    let rest = &bytes[head.length()..];
    head.clear();
    assert_eq!(read_response(rest, &Limits::PRIVATE, false, &mut head), Ok(Progress::Complete));
    assert!(!head.is_interim());
    assert_eq!((head.framing(), &rest[head.length()..]), (ResponseFraming::Length(2), &b"ok"[..]));
}

#[test]
fn upstream_hop_by_hop_fields_are_marked() {
    let bytes =
        b"HTTP/1.1 200 OK\r\nConnection: x-a, date\r\nDate: a\r\nX-A: b\r\nX-B: c\r\nKeep-Alive: d\r\n\r\n";
    let head = response(bytes, false).unwrap();
    let stays = head.over(bytes).fields().iter().filter(|view| !view.field.hop_by_hop).map(|view| view.name);
    assert_eq!(stays.collect::<Vec<_>>(), [b"X-B"]);
}
