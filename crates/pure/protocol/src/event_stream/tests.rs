//! Messages that the AWS SDK for Python is tested with (boto/botocore `tests/unit/test_eventstream.py`, Apache-2.0),
//! and what holds for all bytes.

use proptest::prelude::*;

use super::*;

const LENGTH_MAX: u32 = 1 << 20;

type Headers<'bytes> = Vec<(&'bytes str, Value<'bytes>)>;

/// Bytes, headers, payload.
type Case = (&'static [u8], Headers<'static>, &'static [u8]);

fn messages() -> Vec<Case> {
    vec![
        (b"\x00\x00\x00\x10\x00\x00\x00\x00\x05\xc2H\xeb}\x98\xc8\xff", vec![], b""),
        (
            b"\x00\x00\x00\x17\x00\x00\x00\x07)\x86\x01X\x04byte\x02\xff\xc2\xf8i\xdc",
            vec![("byte", Value::Byte(-1))],
            b"",
        ),
        (
            b"\x00\x00\x00\x19\x00\x00\x00\tq\x0e\x92>\x05short\x03\xff\xff\xb2|\xb6\xcc",
            vec![("short", Value::Short(-1))],
            b"",
        ),
        (
            b"\x00\x00\x00\x1d\x00\x00\x00\r\x83\xe3\xf0\xe7\x07integer\x04\xff\xff\xff\xff\x8b\x8e\x12\xeb",
            vec![("integer", Value::Integer(-1))],
            b"",
        ),
        (
            b"\x00\x00\x00\x1e\x00\x00\x00\x0e]J\xdb\x8d\x04long\x05\xff\xff\xff\xff\xff\xff\xff\xffK\xc22\xda",
            vec![("long", Value::Long(-1))],
            b"",
        ),
        (b"\x00\x00\x00\x1d\x00\x00\x00\x00\xfdR\x8cZ{'foo':'bar'}\xc3e96", vec![], b"{'foo':'bar'}"),
        (
            b"\x00\x00\x00=\x00\x00\x00 \x07\xfd\x83\x96\x0ccontent-type\x07\x00\x10application/json\
              {'foo':'bar'}\x8d\x9c\x08\xb1",
            vec![("content-type", Value::Text("application/json"))],
            b"{'foo':'bar'}",
        ),
        (
            b"\x00\x00\x00\x62\x00\x00\x00\x52\x03\xb5\xcb\x9c\x010\x00\x011\x01\x012\x02\x02\x013\x03\x00\x03\
              \x014\x04\x00\x00\x00\x04\x015\x05\x00\x00\x00\x00\x00\x00\x00\x05\x016\x06\x00\x05bytes\
              \x017\x07\x00\x04utf8\x018\x08\x00\x00\x00\x00\x00\x00\x00\x08\x019\x090123456789abcdef\x63\x35\x36\x71",
            vec![
                ("0", Value::Boolean(true)),
                ("1", Value::Boolean(false)),
                ("2", Value::Byte(2)),
                ("3", Value::Short(3)),
                ("4", Value::Integer(4)),
                ("5", Value::Long(5)),
                ("6", Value::Bytes(b"bytes")),
                ("7", Value::Text("utf8")),
                ("8", Value::Timestamp(8)),
                ("9", Value::Uuid(*b"0123456789abcdef")),
            ],
            b"",
        ),
        (
            b"\x00\x00\x00\x52\x00\x00\x00\x42\xbf\x23\x63\x7e\x0d:message-type\x07\x00\x05error\
              \x0b:error-code\x07\x00\x04code\x0e:error-message\x07\x00\x07message\x6b\x6c\xea\x3d",
            vec![
                (":message-type", Value::Text("error")),
                (":error-code", Value::Text("code")),
                (":error-message", Value::Text("message")),
            ],
            b"",
        ),
    ]
}

fn done(bytes: &[u8]) -> (Message<'_>, &[u8]) {
    match read(bytes, LENGTH_MAX) {
        Ok(Progress::Done { message, rest }) => (message, rest),
        other => panic!("{other:?}"),
    }
}

#[test]
fn published_messages() {
    for (bytes, headers, payload) in messages() {
        let (message, rest) = done(bytes);
        assert_eq!(message.headers().collect::<Vec<_>>(), headers);
        assert_eq!(message.payload(), payload);
        assert_eq!(rest, b"");
        assert_eq!(write(&headers, payload), bytes);
    }
}

#[test]
fn messages_one_behind_the_other() {
    let all: Vec<u8> = messages().into_iter().flat_map(|(bytes, ..)| bytes.to_vec()).collect();
    let mut rest = &*all;
    for (bytes, ..) in messages() {
        let (message, after) = done(rest);
        assert_eq!(message, done(bytes).0);
        rest = after;
    }
    assert_eq!(rest, b"");
}

#[test]
fn published_faults() {
    let rows: [(&[u8], Malformed); 5] = [
        (
            b"\x00\x00\x00=\xFF\x00\x01\x02\x07\xfd\x83\x96\x0ccontent-type\x07\x00\x10application/json\
              {'foo':'bar'}\x8d\x9c\x08\xb1",
            Malformed::PreludeChecksum,
        ),
        (
            b"\x00\x00\x00=\x00\x00\x00 \x07\xfd\x83\x96\x0ccontent+type\x07\x00\x10application/json\
              {'foo':'bar'}\x8d\x9c\x08\xb1",
            Malformed::MessageChecksum,
        ),
        (b"\x01\x00\x00\x1d\x00\x00\x00\x00\xfdR\x8cZ{'foo':'bar'}\xc3e96", Malformed::PreludeChecksum),
        (b"\x00\x00\x00\x1d\x00\x00\x00\x00\xfdR\x8cZ{'foo':'bar'\x8d\xc3e96", Malformed::MessageChecksum),
        (
            b"\x00\x00\x00\x24\x00\x00\x00\x14\x4b\xb9\x82\xd0\x04test\x04asdf\x04test\x04asdf\xf3\xf4\x75\x63",
            Malformed::HeaderTwice,
        ),
    ];
    for (bytes, fault) in rows {
        assert_eq!(read(bytes, LENGTH_MAX), Err(fault));
    }
}

/// A message of these raw headers and lengths, with the right checksums.
fn raw(length: Option<u32>, headers_length: Option<u32>, headers: &[u8]) -> Vec<u8> {
    let actual = u32::try_from(headers.len()).unwrap();
    let lengths = [length.unwrap_or_else(|| actual.saturating_add(16)), headers_length.unwrap_or(actual)]
        .map(u32::to_be_bytes)
        .concat();
    let prelude = [&*lengths, &CRC_32.of(&[&lengths]).to_be_bytes()].concat();
    let covered = [&*prelude, headers].concat();
    [&*covered, &CRC_32.of(&[&covered]).to_be_bytes()].concat()
}

#[test]
fn faults_and_their_texts() {
    let many: Vec<u8> = (0..65).flat_map(|number| [1, number, 0]).collect();
    let rows = [
        (raw(Some(LENGTH_MAX + 1), None, b""), "an event of 1048577 bytes: at most 1048576 are accepted"),
        (raw(Some(15), None, b""), "an event is shorter than its headers"),
        (raw(Some(0), None, b""), "an event is shorter than its headers"),
        (raw(None, Some(1), b""), "an event is shorter than its headers"),
        (raw(None, None, b"\x02a"), "a header of an event ends behind the headers"),
        (raw(None, None, b"\x01a"), "a header of an event ends behind the headers"),
        (raw(None, None, b"\x01a\x04\x00\x00\x00"), "a header of an event ends behind the headers"),
        (raw(None, None, b"\x01a\x07\x00\x02x"), "a header of an event ends behind the headers"),
        (raw(None, None, b"\x01a\x0a"), "a header of an event has type 10: the highest is 9"),
        (raw(None, None, b"\x01\xff\x00"), "a header of an event is not UTF-8"),
        (raw(None, None, b"\x01a\x07\x00\x01\xff"), "a header of an event is not UTF-8"),
        (raw(None, None, b"\x01a\x00\x01a\x01"), "an event has a header twice"),
        (raw(None, None, &many), "an event has more than 64 headers"),
    ];
    for (bytes, text) in rows {
        assert_eq!(read(&bytes, LENGTH_MAX).unwrap_err().to_string(), text);
    }
    assert_eq!(Malformed::PreludeChecksum.to_string(), "the lengths of an event do not match their CRC-32");
    assert_eq!(Malformed::MessageChecksum.to_string(), "an event does not match its CRC-32");
    assert_eq!(done(&raw(None, None, &many[..64 * 3])).0.headers().count(), 64);
}

#[test]
fn text_headers_are_found_by_name() {
    let bytes = write(&[("a", Value::Integer(1)), ("b", Value::Text("two"))], b"");
    let (message, _) = done(&bytes);
    assert_eq!((message.text("a"), message.text("b"), message.text("c")), (None, Some("two"), None));
}

proptest! {
    #[test]
    fn what_is_written_is_read_in_any_pieces(
        names in prop::collection::btree_set("[:a-z-]{1,20}", 0..4),
        text: String,
        bytes: Vec<u8>,
        number: i64,
        payload: Vec<u8>,
        rest: Vec<u8>,
    ) {
        let values = [Value::Text(&text), Value::Bytes(&bytes), Value::Long(number), Value::Boolean(number > 0)];
        let headers: Headers<'_> = names.iter().map(String::as_str).zip(values).collect();
        let written = write(&headers, &payload);
        for length in 0..written.len() {
            let Ok(Progress::NeedsMore(more)) = read(&written[..length], LENGTH_MAX) else {
                return Err(TestCaseError::fail(format!("at {length} bytes")));
            };
            prop_assert!(more >= 1 && length.saturating_add(more) <= written.len());
        }
        let all = [&*written, &rest].concat();
        let (message, after) = done(&all);
        prop_assert_eq!(message.headers().collect::<Vec<_>>(), headers);
        prop_assert_eq!((message.payload(), after), (&*payload, &*rest));
    }

    #[test]
    fn a_changed_bit_is_seen(payload: Vec<u8>, at: prop::sample::Index, bit in 0..8_u8) {
        let mut written = write(&[(":event-type", Value::Text("PayloadChunk"))], &payload);
        let place = at.index(written.len());
        written[place] ^= 1 << bit;
        prop_assert!(read(&written, LENGTH_MAX).is_err());
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes: Vec<u8>, headers: Vec<u8>) {
        let _ = read(&bytes, LENGTH_MAX);
        let message = raw(None, None, &headers);
        if let Ok(Progress::Done { message, .. }) = read(&message, LENGTH_MAX) {
            let _ = message.headers().count();
        }
    }
}
