//! What is written: blocks of fields, first lines, numbers.

use proptest::prelude::*;

use postern_protocol::http1::{
    CHUNK_END, FieldBlock, InvalidField, InvalidRequestLine, KnownName, Limits, Progress, ResponseHead,
    push_number, read_response, reason_phrase, write_chunk_head, write_request_line, write_status_line,
};

fn block(fields: &[(&str, &str)]) -> FieldBlock {
    let mut block = FieldBlock::default();
    for (name, value) in fields {
        block.push(name.as_bytes(), value.as_bytes()).unwrap();
    }
    block
}

#[test]
fn smuggling_a_field_block_holds_only_whole_lines() {
    let mut block = FieldBlock::with_capacity(64);
    for (name, value, expected) in [
        ("X-Id", "one", Ok(())),
        ("X-Id", " \ttwo\t ", Ok(())),
        ("Empty", "", Ok(())),
        ("High", "\u{e9}\tb", Ok(())),
        ("", "a", Err(InvalidField::Name)),
        ("X Y", "a", Err(InvalidField::Name)),
        ("X:", "a", Err(InvalidField::Name)),
        ("X\r\nY", "a", Err(InvalidField::Name)),
        ("\u{e9}", "a", Err(InvalidField::Name)),
        ("X", "a\r\nY: b", Err(InvalidField::Value)),
        ("X", "a\nb", Err(InvalidField::Value)),
        ("X", "a\r", Err(InvalidField::Value)),
        ("X", "\n", Err(InvalidField::Value)),
        ("X", "a\0", Err(InvalidField::Value)),
        ("X", "a\x7f", Err(InvalidField::Value)),
    ] {
        assert_eq!(block.push(name.as_bytes(), value.as_bytes()), expected, "{name:?}: {value:?}");
    }
    assert_eq!(block.as_bytes(), "X-Id: one\r\nX-Id: two\r\nEmpty: \r\nHigh: \u{e9}\tb\r\n".as_bytes());
    assert!(!InvalidField::Value.to_string().is_empty());
    block.clear();
    assert!(block.is_empty());
}

#[test]
fn a_field_block_is_asked_and_changed_by_name() {
    let mut fields = block(&[("A", "1"), ("b-C", "2: 3"), ("a", "4"), ("D", "")]);
    assert_eq!(fields.get(b"B-c"), Some(&b"2: 3"[..]));
    assert_eq!(fields.get(b"b"), None);
    assert!(fields.contains(b"d") && !fields.contains(b"1"));
    assert!(fields.remove(b"A") && !fields.remove(b"A"));
    assert_eq!(fields, block(&[("b-C", "2: 3"), ("D", "")]));
    fields.replace(b"B-C", b"5").unwrap();
    assert_eq!(fields, block(&[("D", ""), ("B-C", "5")]));
    assert_eq!(fields.replace(b"D", b"\0"), Err(InvalidField::Value));
    assert!(fields.contains(b"D"), "nothing is removed when the new value is refused");
    fields.push_number(b"Content-Length", u64::MAX);
    fields.push_trusted(KnownName::Server.spelling().as_bytes(), b"a");
    fields.append(&block(&[("E", "6")]));
    let pairs: Vec<_> = fields.iter().collect();
    let expected: [(&[u8], &[u8]); 5] = [
        (b"D", b""),
        (b"B-C", b"5"),
        (b"Content-Length", b"18446744073709551615"),
        (b"Server", b"a"),
        (b"E", b"6"),
    ];
    assert_eq!(pairs, expected);
}

#[test]
fn smuggling_request_lines_are_checked() {
    let mut output = Vec::new();
    for (method, target) in [
        ("", "/"),
        ("G T", "/"),
        ("GET", ""),
        ("GET", "/ HTTP/1.1\r\nX: y"),
        ("GET", "/a b"),
        ("GET", "/a#b"),
        ("GET", "/\u{e9}"),
        ("GET\r\n", "/"),
    ] {
        let result = write_request_line(&mut output, method.as_bytes(), target.as_bytes());
        assert_eq!((result, output.len()), (Err(InvalidRequestLine), 0), "{method:?} {target:?}");
    }
    write_request_line(&mut output, b"GET", b"/a?b").unwrap();
    assert_eq!(output, b"GET /a?b HTTP/1.1\r\n");
}

#[test]
fn status_lines_have_the_registered_reasons() {
    for status in 100..600 {
        let mut output = Vec::new();
        write_status_line(&mut output, status);
        assert_eq!(output, format!("HTTP/1.1 {status} {}\r\n", reason_phrase(status)).into_bytes());
        output.extend_from_slice(CHUNK_END);
        let mut head = ResponseHead::default();
        let read = read_response(&output, &Limits::PRIVATE, false, &mut head);
        assert_eq!(read.is_ok_and(|it| it == Progress::Complete && head.status() == status), status != 101);
    }
    assert_eq!((reason_phrase(200), reason_phrase(429), reason_phrase(299)), ("OK", "Too Many Requests", ""));
}

#[test]
fn numbers_are_written_as_the_library_writes_them() {
    for shift in 0..64 {
        for number in [1_u64 << shift, (1 << shift) - 1, u64::MAX >> shift] {
            let mut output = Vec::new();
            push_number(&mut output, number);
            assert_eq!(output, number.to_string().into_bytes());
            if number > 0 {
                output.clear();
                write_chunk_head(&mut output, usize::try_from(number).unwrap());
                assert_eq!(output, format!("{number:x}\r\n").into_bytes());
            }
        }
    }
}

proptest! {
    /// Lines that came as they are written, and lines that did not.
    #[test]
    fn fields_that_were_read_are_written_as_name_and_value(
        lines in proptest::collection::vec("[A-Za-z-]{1,9}:[ \t]{0,2}[!-~ \t]{0,9}", 0..6)
    ) {
        let bytes = format!("HTTP/1.1 299 \r\n{}\r\n", lines.iter().map(|it| format!("{it}\r\n")).collect::<String>());
        let mut head = ResponseHead::default();
        // A few names, such as `TE`, are of framing.
        prop_assume!(read_response(bytes.as_bytes(), &Limits::PRIVATE, false, &mut head).is_ok());
        let (mut quick, mut slow) = (FieldBlock::default(), FieldBlock::default());
        for field in head.fields().over(bytes.as_bytes()).iter() {
            quick.push_read(&field);
            slow.push_trusted(field.name, field.value);
            quick.push_read_as(b"x-", &field);
            slow.push_trusted(&[b"x-", field.name].concat(), field.value);
        }
        prop_assert_eq!(quick, slow);
    }
}
