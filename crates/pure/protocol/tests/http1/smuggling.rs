//! One row for each class of hardening section 1: what a head says about where messages end.

use postern_protocol::http1::{BodyFraming, Fault, Limits, Progress, RequestHead, read_request};

use crate::{request, with_fields};

/// A row: what it shows, the fields behind `Host`, and the framing or the fault.
type Row<'row> = (&'row str, &'row str, Result<BodyFraming, Fault>);

fn check(line: &str, rows: &[Row<'_>]) {
    for (what, fields, expected) in rows {
        let framing = with_fields(line, fields).map(|head| head.framing());
        assert_eq!(framing, *expected, "{what}: {fields:?}");
    }
}

#[test]
fn smuggling_content_length_and_transfer_encoding_together() {
    let rows: [Row<'_>; 4] = [
        ("length first", "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", Err(Fault::LengthAndCoding)),
        ("coding first", "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", Err(Fault::LengthAndCoding)),
        ("a length of 0", "Transfer-Encoding: chunked\r\nContent-Length: 0\r\n", Err(Fault::LengthAndCoding)),
        (
            "a coding not served",
            "Transfer-Encoding: gzip, chunked\r\nContent-Length: 5\r\n",
            Err(Fault::LengthAndCoding),
        ),
    ];
    check("POST / HTTP/1.1", &rows);
    check("POST / HTTP/1.0", &rows);
    assert_eq!(Fault::LengthAndCoding.status(), 400);
}

#[test]
fn smuggling_transfer_encoding_with_http_1_0() {
    check(
        "POST / HTTP/1.0",
        &[
            ("chunked", "Transfer-Encoding: chunked\r\n", Err(Fault::TransferEncodingInOldVersion)),
            ("another", "Transfer-Encoding: gzip\r\n", Err(Fault::TransferEncodingInOldVersion)),
        ],
    );
    assert_eq!(Fault::TransferEncodingInOldVersion.status(), 400);
}

#[test]
fn smuggling_transfer_encoding_is_exactly_chunked() {
    const CHUNKED: Result<BodyFraming, Fault> = Ok(BodyFraming::Chunked);
    const MALFORMED: Result<BodyFraming, Fault> = Err(Fault::TransferEncoding);
    const UNSUPPORTED: Result<BodyFraming, Fault> = Err(Fault::TransferCodingUnsupported);
    check(
        "POST / HTTP/1.1",
        &[
            ("plain", "Transfer-Encoding: chunked\r\n", CHUNKED),
            ("any letter case", "tRANSFER-eNCODING: ChunKED\r\n", CHUNKED),
            ("white space around it", "Transfer-Encoding:\t chunked \t\r\n", CHUNKED),
            ("no white space", "Transfer-Encoding:chunked\r\n", CHUNKED),
            ("HTTP/1.1 to 1.9 are alike", "Transfer-Encoding: chunked\r\n", CHUNKED),
            ("a known coding before", "Transfer-Encoding: gzip, chunked\r\n", UNSUPPORTED),
            ("in any letter case", "Transfer-Encoding: GZIP,Chunked\r\n", UNSUPPORTED),
            ("two known codings before", "Transfer-Encoding: deflate, x-gzip, chunked\r\n", UNSUPPORTED),
            ("compress", "Transfer-Encoding: compress , chunked\r\n", UNSUPPORTED),
            ("an unknown coding before", "Transfer-Encoding: zip, chunked\r\n", MALFORMED),
            ("identity is gone", "Transfer-Encoding: identity\r\n", MALFORMED),
            ("identity before", "Transfer-Encoding: identity, chunked\r\n", MALFORMED),
            ("a known coding alone", "Transfer-Encoding: gzip\r\n", MALFORMED),
            ("chunked not last", "Transfer-Encoding: chunked, gzip\r\n", MALFORMED),
            ("twice in a list", "Transfer-Encoding: chunked, chunked\r\n", MALFORMED),
            ("known, chunked twice", "Transfer-Encoding: gzip, chunked, chunked\r\n", MALFORMED),
            ("an empty element before", "Transfer-Encoding: , chunked\r\n", MALFORMED),
            ("an empty element behind", "Transfer-Encoding: chunked,\r\n", MALFORMED),
            ("a parameter", "Transfer-Encoding: chunked;q=1\r\n", MALFORMED),
            ("quoted", "Transfer-Encoding: \"chunked\"\r\n", MALFORMED),
            ("empty", "Transfer-Encoding:\r\n", MALFORMED),
            ("a letter more", "Transfer-Encoding: xchunked\r\n", MALFORMED),
            ("a vertical tab", "Transfer-Encoding: \x0bchunked\r\n", Err(Fault::FieldValue)),
            (
                "two lines",
                "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
                Err(Fault::TransferEncodingRepeated),
            ),
            (
                "two lines, one a lure",
                "Transfer-Encoding: identity\r\ntransfer-encoding: chunked\r\n",
                Err(Fault::TransferEncodingRepeated),
            ),
            ("a name with white space", "Transfer-Encoding : chunked\r\n", Err(Fault::FieldName)),
        ],
    );
    assert_eq!(Fault::TransferEncoding.status(), 400);
    assert_eq!(Fault::TransferCodingUnsupported.status(), 501);
    assert_eq!(Fault::TransferEncodingRepeated.status(), 400);
}

#[test]
fn smuggling_content_length_is_digits_and_comes_once() {
    const MALFORMED: Result<BodyFraming, Fault> = Err(Fault::ContentLength);
    check(
        "POST / HTTP/1.1",
        &[
            ("none", "", Ok(BodyFraming::None)),
            ("0", "Content-Length: 0\r\n", Ok(BodyFraming::Length(0))),
            ("digits", "Content-Length: 10485761\r\n", Ok(BodyFraming::Length(10_485_761))),
            ("zeros before", "Content-Length: 0005\r\n", Ok(BodyFraming::Length(5))),
            ("2^63 - 2", "Content-Length: 9223372036854775806\r\n", Ok(BodyFraming::Length((1 << 63) - 2))),
            ("2^63 - 1", "Content-Length: 9223372036854775807\r\n", Ok(BodyFraming::Length((1 << 63) - 1))),
            ("2^63", "Content-Length: 9223372036854775808\r\n", MALFORMED),
            ("2^64", "Content-Length: 18446744073709551616\r\n", MALFORMED),
            ("30 digits", "Content-Length: 000000000000000000000000000001\r\n", Ok(BodyFraming::Length(1))),
            ("a plus", "Content-Length: +5\r\n", MALFORMED),
            ("a minus", "Content-Length: -5\r\n", MALFORMED),
            ("a space inside", "Content-Length: 5 5\r\n", MALFORMED),
            ("a list", "Content-Length: 5, 5\r\n", MALFORMED),
            ("a list of one", "Content-Length: 5,\r\n", MALFORMED),
            ("hexadecimal", "Content-Length: 0x5\r\n", MALFORMED),
            ("a letter", "Content-Length: a\r\n", MALFORMED),
            ("empty", "Content-Length:\r\n", MALFORMED),
            ("white space", "Content-Length: \t \r\n", MALFORMED),
            ("a fraction", "Content-Length: 5.0\r\n", MALFORMED),
            ("another script's digit", "Content-Length: \u{665}\r\n", MALFORMED),
            ("twice, equal", "Content-Length: 5\r\nContent-Length: 5\r\n", Err(Fault::ContentLengthRepeated)),
            (
                "twice, different",
                "Content-Length: 5\r\ncontent-length: 6\r\n",
                Err(Fault::ContentLengthRepeated),
            ),
            ("with an underscore it is another field", "Content_Length: 5\r\n", Ok(BodyFraming::None)),
        ],
    );
    assert_eq!(Fault::ContentLength.status(), 400);
    assert_eq!(Fault::ContentLengthRepeated.status(), 400);
}

#[test]
fn smuggling_line_ends_of_the_head_are_crlf() {
    for (what, head, fault) in [
        ("LF ends the request line", "GET / HTTP/1.1\nHost: a\r\n\r\n", Fault::BareLineFeed),
        ("LF ends a field", "GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n", Fault::BareLineFeed),
        ("LF ends the head", "GET / HTTP/1.1\r\nHost: a\r\n\n", Fault::BareLineFeed),
        ("CR ends the request line", "GET / HTTP/1.1\rHost: a\r\n\r\n", Fault::Version),
        ("CR ends a field", "GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n", Fault::BareCarriageReturn),
        ("CR ends the head", "GET / HTTP/1.1\r\nHost: a\r\n\rX", Fault::BareCarriageReturn),
        ("two CR", "GET / HTTP/1.1\r\nHost: a\r\r\n\r\n", Fault::BareCarriageReturn),
        ("two CR in the request line", "GET / HTTP/1.1\r\r\nHost: a\r\n\r\n", Fault::Version),
    ] {
        assert_eq!(request(head.as_bytes()).err(), Some(fault), "{what}");
        assert_eq!(fault.status(), 400, "{what}");
    }
}

#[test]
fn smuggling_field_lines_are_a_token_a_colon_and_a_value() {
    for (what, field, fault) in [
        ("folded with a space", "X: a\r\n b: c\r\n", Fault::FoldedLine),
        ("folded with a tab", "X: a\r\n\tb\r\n", Fault::FoldedLine),
        ("white space before the colon", "X : a\r\n", Fault::FieldName),
        ("a tab before the colon", "X\t: a\r\n", Fault::FieldName),
        ("an empty name", ": a\r\n", Fault::FieldName),
        ("a name that is no token", "X@Y: a\r\n", Fault::FieldName),
        ("a byte above 0x7e in a name", "X\u{e9}: a\r\n", Fault::FieldName),
        ("a control in a name", "X\0: a\r\n", Fault::FieldName),
        ("no colon", "X\r\n", Fault::FieldName),
        ("NUL in a value", "X: a\0b\r\n", Fault::FieldValue),
        ("escape in a value", "X: \x1b[0m\r\n", Fault::FieldValue),
        ("DEL in a value", "X: a\x7f\r\n", Fault::FieldValue),
        ("a form feed in a value", "X: a\x0c\r\n", Fault::FieldValue),
    ] {
        assert_eq!(with_fields("GET / HTTP/1.1", field).err(), Some(fault), "{what}");
        assert_eq!(fault.status(), 400, "{what}");
    }
}

#[test]
fn smuggling_the_first_field_may_not_be_folded() {
    assert_eq!(request(b"GET / HTTP/1.1\r\n Host: a\r\n\r\n").err(), Some(Fault::FoldedLine));
}

#[test]
fn smuggling_values_keep_high_bytes_and_tabs() {
    let bytes = b"GET / HTTP/1.1\r\nHost: a\r\nX: \xff\x80 a\tb \t\r\n\r\n";
    let head = request(bytes).unwrap();
    assert_eq!(head.over(bytes).fields().values_spelled(b"X").collect::<Vec<_>>(), [b"\xff\x80 a\tb"]);
}

#[test]
fn smuggling_request_line_is_method_space_target_space_version() {
    for (line, fault) in [
        ("GET  / HTTP/1.1", Fault::RequestLine),
        ("GET /  HTTP/1.1", Fault::Version),
        ("GET / HTTP/1.1 ", Fault::Version),
        ("GET\t/ HTTP/1.1", Fault::RequestLine),
        ("GET /\tHTTP/1.1", Fault::RequestLine),
        ("GET / a HTTP/1.1", Fault::Version),
        ("GET", Fault::RequestLine),
        ("GET HTTP/1.1", Fault::RequestLine),
        ("GET ", Fault::RequestLine),
        ("GET  HTTP/1.1", Fault::RequestLine),
        // HTTP/0.9.
        ("GET /", Fault::RequestLine),
        // Methods that are not tokens.
        ("G@T / HTTP/1.1", Fault::RequestLine),
        ("G(T / HTTP/1.1", Fault::RequestLine),
        ("GE\0 / HTTP/1.1", Fault::RequestLine),
        // A PROXY header of version 1 where HTTP is expected.
        ("PROXY TCP4 192.0.2.1 192.0.2.2 56324 443", Fault::Version),
        // Versions.
        ("GET / http/1.1", Fault::Version),
        ("GET / Http/1.1", Fault::Version),
        ("GET / HTTP/1.10", Fault::Version),
        ("GET / HTTP/01.1", Fault::Version),
        ("GET / HTTP/1", Fault::Version),
        ("GET / HTTP/1.", Fault::Version),
        ("GET / HTTP/1.x", Fault::Version),
        ("GET / HTTP 1.1", Fault::Version),
        ("GET / HTTPS/1.1", Fault::Version),
        ("GET / HTTP/2.0", Fault::VersionUnsupported),
        ("GET / HTTP/0.9", Fault::VersionUnsupported),
        ("GET / HTTP/3.1", Fault::VersionUnsupported),
        ("GET / HTTP/9.9", Fault::VersionUnsupported),
    ] {
        let status = if fault == Fault::VersionUnsupported { 505 } else { 400 };
        assert_eq!(with_fields(line, "").err(), Some(fault), "{line:?}");
        assert_eq!(fault.status(), status, "{line:?}");
    }
}

#[test]
fn smuggling_versions_1_0_to_1_9_are_served() {
    for (version, minor) in [("1.0", 0), ("1.1", 1), ("1.2", 1), ("1.9", 1)] {
        let head = with_fields(&format!("GET / HTTP/{version}"), "").unwrap();
        assert_eq!(head.version_minor(), minor, "{version}");
    }
}

#[test]
fn smuggling_one_empty_line_before_the_request_is_skipped() {
    let bytes = b"\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n";
    let head = request(bytes).unwrap();
    assert_eq!((head.length(), head.over(bytes).method()), (bytes.len(), &b"GET"[..]));
    for (what, bytes) in [
        ("two", "\r\n\r\nGET / HTTP/1.1\r\n\r\n"),
        ("LF alone", "\nGET / HTTP/1.1\r\n\r\n"),
        ("CR alone", "\rGET / HTTP/1.1\r\n\r\n"),
        ("a space", " GET / HTTP/1.1\r\n\r\n"),
        ("an empty line and a space", "\r\n GET / HTTP/1.1\r\n\r\n"),
    ] {
        assert_eq!(request(bytes.as_bytes()).err(), Some(Fault::NotHttp), "{what}");
    }
    assert_eq!(Fault::NotHttp.status(), 400);
}

#[test]
fn smuggling_bytes_that_are_not_http_are_known_at_once() {
    for (what, bytes) in [
        ("TLS", &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..]),
        ("the first byte of TLS", b"\x16"),
        ("PROXY version 2", b"\r\n\r\n\0\r\nQUIT\n"),
        ("NUL", b"\0"),
    ] {
        let mut head = RequestHead::default();
        assert_eq!(read_request(bytes, &Limits::PRIVATE, &mut head), Err(Fault::NotHttp), "{what}");
    }
    let mut head = RequestHead::default();
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    assert_eq!(read_request(preface, &Limits::PRIVATE, &mut head), Err(Fault::VersionUnsupported));
}

#[test]
fn smuggling_methods() {
    for (line, fault, status) in [
        ("CONNECT example.com:443 HTTP/1.1", Fault::MethodNotAllowed, 405),
        ("CONNECT / HTTP/1.1", Fault::MethodNotAllowed, 405),
        ("TRACE / HTTP/1.1", Fault::MethodNotAllowed, 405),
    ] {
        assert_eq!(with_fields(line, "").err(), Some(fault), "{line}");
        assert_eq!(fault.status(), status);
    }
    // Letter case counts: these are other methods, which no route has.
    for method in ["get", "connect", "Trace", "FOO", "!#$%&'*+-.^_`|~09"] {
        assert!(with_fields(&format!("{method} / HTTP/1.1"), "").is_ok(), "{method}");
    }
}

#[test]
fn smuggling_expectations() {
    let expects = |line: &str, fields: &str| with_fields(line, fields).map(|head| head.expect_continue());
    let post = "POST / HTTP/1.1";
    assert_eq!(expects(post, "Content-Length: 1\r\n"), Ok(false));
    assert_eq!(expects(post, "Content-Length: 1\r\nExpect: 100-continue\r\n"), Ok(true));
    assert_eq!(expects(post, "Transfer-Encoding: chunked\r\nExpect: 100-Continue\r\n"), Ok(true));
    // Without a body there is nothing to wait for; HTTP/1.0 never gets a 1xx.
    assert_eq!(expects(post, "Expect: 100-continue\r\n"), Ok(false));
    assert_eq!(expects("POST / HTTP/1.0", "Content-Length: 1\r\nExpect: 100-continue\r\n"), Ok(false));
    for value in ["200-ok", "", "100-continue, x", "100-continue;a=b"] {
        assert_eq!(expects(post, &format!("Expect: {value}\r\n")), Err(Fault::Expectation), "{value:?}");
    }
    assert_eq!(expects(post, "Expect: 100-continue\r\nExpect: x\r\n"), Err(Fault::Expectation));
    assert_eq!(Fault::Expectation.status(), 417);
}

#[test]
fn smuggling_pipelined_heads_are_read_one_by_one() {
    let bytes = b"GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: b\r\n\r\n";
    let mut head = RequestHead::default();
    assert_eq!(read_request(bytes, &Limits::PRIVATE, &mut head), Ok(Progress::Complete));
    assert_eq!(head.over(bytes).path(), b"/1");
    let rest = &bytes[head.length()..];
    head.clear();
    assert_eq!(read_request(rest, &Limits::PRIVATE, &mut head), Ok(Progress::Complete));
    assert_eq!((head.over(rest).path(), head.length()), (&b"/2"[..], rest.len()));
}

#[test]
fn smuggling_upgrades_are_fields_that_end_here() {
    let fields =
        "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n";
    let head = with_fields("GET / HTTP/1.1", fields).unwrap();
    let stay = head.fields().as_slice().iter().filter(|field| !field.hop_by_hop).count();
    assert_eq!((stay, head.framing(), head.keep_alive()), (1, BodyFraming::None, true));
}
