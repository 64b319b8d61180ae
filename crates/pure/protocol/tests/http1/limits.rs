//! Both sides of each limit of hardening section 9 that a head, a path or a body can pass.

use postern_protocol::http1::path::{PathRefusal, normalise};
use postern_protocol::http1::{ChunkedReader, Fault, Limits, Progress, RequestHead, read_request};
use postern_protocol::uri::{Query, QueryRefusal};

use crate::{request_within, with_fields};

const BOTH: [Limits; 2] = [Limits::PRIVATE, Limits::PUBLIC];

/// Checks a limit at one below, exactly at, and one above it.
fn check<E: Copy + PartialEq + std::fmt::Debug>(limit: usize, fault: E, read: impl Fn(usize) -> Option<E>) {
    assert_eq!(read(limit - 1), None, "limit - 1");
    assert_eq!(read(limit), None, "limit");
    assert_eq!(read(limit + 1), Some(fault), "limit + 1");
}

fn assert_answer(fault: Fault, status: u16, limit: &str) {
    assert_eq!((fault.status(), fault.limit()), (status, Some(limit)));
}

#[test]
fn limits_request_line_bytes() {
    for limits in BOTH {
        let read = |prefix: &str, length: usize| {
            let target = "x".repeat(length - 1);
            let head = format!("GET {prefix}/{target} HTTP/1.1\r\nHost: example.com\r\n\r\n");
            request_within(&limits, head.as_bytes()).err()
        };
        check(limits.request_line_bytes, Fault::TargetTooLong, |length| read("", length));
        // Scheme and host do not count.
        check(limits.request_line_bytes, Fault::TargetTooLong, |length| read("http://example.com", length));
    }
    assert_answer(Fault::TargetTooLong, 414, "requestLineBytes");
}

#[test]
fn limits_a_request_line_that_does_not_end() {
    let limits = Limits::PRIVATE;
    for (length, expected) in [
        (limits.raw_head_bytes - 1, Ok(Progress::Partial)),
        (limits.raw_head_bytes, Err(Fault::TargetTooLong)),
        (limits.raw_head_bytes + 1, Err(Fault::TargetTooLong)),
    ] {
        let bytes = [b"GET /", vec![b'x'; length - 5].as_slice()].concat();
        assert_eq!(read_request(&bytes, &limits, &mut RequestHead::default()), expected, "{length}");
    }
}

#[test]
fn limits_head_bytes() {
    for limits in BOTH {
        check(limits.head_bytes, Fault::FieldsTooLong, |length| {
            // `Host: a CRLF` is 9 bytes, `Xn:  CRLF` 6 each. White space around values is not counted.
            let one = length / 2;
            let (first, second) = ("a".repeat(one), "b".repeat(length - one - 9 - 6 - 6));
            let head = format!("GET / HTTP/1.1\r\nHost:    a\r\nX1:{first}\r\nX2: {second} \t \r\n\r\n");
            let read = request_within(&limits, head.as_bytes());
            if let Ok(head) = &read {
                assert_eq!(head.fields().length(), length);
            }
            read.err()
        });
    }
    assert_answer(Fault::FieldsTooLong, 431, "headBytes");
}

#[test]
fn limits_raw_head_bytes() {
    for limits in BOTH {
        check(limits.raw_head_bytes, Fault::HeadTooLong, |length| {
            let start = "GET / HTTP/1.1\r\nHost: a\r\nX:";
            let white = " ".repeat(length - start.len() - 5);
            let head = format!("{start}{white}b\r\n\r\n");
            assert_eq!(head.len(), length);
            request_within(&limits, head.as_bytes()).err()
        });
    }
    assert_answer(Fault::HeadTooLong, 431, "rawHeadBytes");
}

#[test]
fn limits_a_head_that_does_not_end_is_refused_at_the_limit_however_it_comes() {
    let limits = Limits::PRIVATE;
    for (start, fault) in
        [("GET /", Fault::TargetTooLong), ("GET / HTTP/1.1\r\nHost: a\r\nX: ", Fault::HeadTooLong)]
    {
        let mut bytes = start.as_bytes().to_vec();
        bytes.resize(limits.raw_head_bytes, b'x');
        let mut head = RequestHead::default();
        for end in (0..bytes.len()).step_by(100).chain([bytes.len() - 1]) {
            assert_eq!(read_request(&bytes[..end], &limits, &mut head), Ok(Progress::Partial), "{end}");
        }
        assert_eq!(read_request(&bytes, &limits, &mut head), Err(fault));
    }
}

#[test]
fn limits_a_name_that_does_not_end_is_refused_at_once() {
    let limits = Limits::PRIVATE;
    check(limits.header_name_bytes, Fault::FieldNameTooLong, |length| {
        let bytes = format!("GET / HTTP/1.1\r\n{}", "X".repeat(length));
        read_request(bytes.as_bytes(), &limits, &mut RequestHead::default()).err()
    });
}

#[test]
fn limits_bytes_behind_a_whole_head_do_not_count() {
    let mut bytes = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n".to_vec();
    bytes.resize(100_000, b'x');
    assert!(request_within(&Limits::PRIVATE, &bytes).is_ok());
}

#[test]
fn limits_header_fields() {
    check(Limits::PRIVATE.header_fields, Fault::TooManyFields, |count| {
        with_fields("GET / HTTP/1.1", &"X: y\r\n".repeat(count - 1)).err()
    });
    assert_answer(Fault::TooManyFields, 431, "headerFields");
}

#[test]
fn limits_header_name_bytes() {
    check(Limits::PRIVATE.header_name_bytes, Fault::FieldNameTooLong, |length| {
        with_fields("GET / HTTP/1.1", &format!("{}: y\r\n", "X".repeat(length))).err()
    });
    assert_answer(Fault::FieldNameTooLong, 431, "headerNameBytes");
}

#[test]
fn limits_connection_options() {
    check(Limits::PRIVATE.header_fields, Fault::TooManyConnectionOptions, |count| {
        with_fields("GET / HTTP/1.1", &format!("Connection: a{}\r\n", ",b".repeat(count - 1))).err()
    });
    assert_answer(Fault::TooManyConnectionOptions, 431, "headerFields");
}

#[test]
fn limits_method() {
    check(32, Fault::MethodTooLong, |length| {
        with_fields(&format!("{} / HTTP/1.1", "M".repeat(length)), "").err()
    });
    assert_eq!(Fault::MethodTooLong.status(), 501);
    let no_token = format!("{}@ / HTTP/1.1", "M".repeat(40));
    assert_eq!(with_fields(&no_token, "").err(), Some(Fault::RequestLine));
}

#[test]
fn limits_path_segments() {
    let limit = Limits::PRIVATE.path_segments;
    check(limit, PathRefusal::TooManySegments, |count| {
        normalise("/a".repeat(count).as_bytes(), limit, &mut Vec::new()).err()
    });
    check(limit, PathRefusal::TooManySegments, |count| {
        normalise(format!("/%61{}", "/".repeat(count - 1)).as_bytes(), limit, &mut Vec::new()).err()
    });
    assert_eq!(PathRefusal::TooManySegments.status(), 414);
    assert_eq!(PathRefusal::TooManySegments.limit(), Some("pathSegments"));
}

#[test]
fn limits_query_parameters() {
    let limit = Limits::PRIVATE.query_parameters;
    check(limit, QueryRefusal::TooManyParameters, |count| {
        Query::parse("&a=b;".repeat(count).as_bytes(), limit).err()
    });
    assert_eq!(QueryRefusal::TooManyParameters.limit(), Some("queryParameters"));
}

/// The fault of a chunked body, fed whole.
fn body(bytes: &[u8]) -> Option<Fault> {
    let mut reader = ChunkedReader::new();
    let mut rest = bytes;
    loop {
        match reader.feed(rest, &Limits::PRIVATE) {
            Ok(step) if step.finished => return None,
            Ok(step) => rest = &rest[step.consumed..],
            Err(fault) => return Some(fault),
        }
        assert!(!rest.is_empty(), "the body does not end");
    }
}

#[test]
fn limits_chunk_extension_bytes() {
    check(Limits::PRIVATE.chunk_extension_bytes, Fault::ChunkExtensionTooLong, |length| {
        body(format!("1;{}\r\na\r\n0\r\n\r\n", "x".repeat(length - 1)).as_bytes())
    });
    assert_answer(Fault::ChunkExtensionTooLong, 400, "chunkExtensionBytes");
}

#[test]
fn limits_chunk_extension_total_bytes() {
    check(Limits::PRIVATE.chunk_extension_total_bytes, Fault::ChunkExtensionsTooLong, |length| {
        let chunk = format!("1;{}\r\na\r\n", "x".repeat(1_023));
        let last = match length % 1_024 {
            0 => String::new(),
            rest => format!(";{}", "x".repeat(rest - 1)),
        };
        body(format!("{}0{last}\r\n\r\n", chunk.repeat(length / 1_024)).as_bytes())
    });
    assert_answer(Fault::ChunkExtensionsTooLong, 400, "chunkExtensionTotalBytes");
}

#[test]
fn limits_chunk_size_digits() {
    check(16, Fault::ChunkSize, |digits| body(format!("{}\r\n\r\n", "0".repeat(digits)).as_bytes()));
}

#[test]
fn limits_trailers() {
    let limits = Limits::PRIVATE;
    check(limits.header_fields, Fault::TooManyFields, |count| {
        body(format!("0\r\n{}\r\n", "X: y\r\n".repeat(count)).as_bytes())
    });
    check(limits.header_name_bytes, Fault::FieldNameTooLong, |length| {
        body(format!("0\r\n{}: y\r\n\r\n", "X".repeat(length)).as_bytes())
    });
    check(limits.head_bytes, Fault::FieldsTooLong, |length| {
        body(format!("0\r\nX: {}\r\n\r\n", "y".repeat(length - 5)).as_bytes())
    });
}

#[test]
fn limits_a_head_byte_by_byte_is_not_read_from_the_start_each_time() {
    // A line of a megabyte: a look from its start for each byte would be half a million times a
    // million bytes, and this test would not end.
    const LENGTH: usize = 1 << 20;
    let limits = Limits { raw_head_bytes: 2 * LENGTH, head_bytes: 2 * LENGTH, ..Limits::PRIVATE };
    let head = format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "y".repeat(LENGTH));
    let mut read = RequestHead::default();
    for end in 0..head.len() {
        let progress = read_request(&head.as_bytes()[..end], &limits, &mut read);
        assert_eq!(progress, Ok(Progress::Partial), "{end}");
    }
    assert_eq!(read_request(head.as_bytes(), &limits, &mut read), Ok(Progress::Complete));
}
