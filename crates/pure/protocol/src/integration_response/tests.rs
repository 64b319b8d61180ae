//! The rules of `lambda-events.md` section 7.

use proptest::prelude::*;

use super::*;

fn with_delimiter(metadata: &str, rest: &[u8]) -> Vec<u8> {
    [metadata.as_bytes(), &DELIMITER, rest].concat()
}

fn done(metadata: &str) -> Metadata {
    match read(&with_delimiter(metadata, b"")) {
        Ok(Progress::Done { metadata, rest: b"" }) => metadata,
        other => panic!("{metadata}: {other:?}"),
    }
}

fn plain() -> Metadata {
    Metadata { status: 200, headers: Vec::new(), multi_value_headers: Vec::new(), cookies: Vec::new() }
}

fn header(name: &str, values: &[&str]) -> Vec<(String, Vec<String>)> {
    vec![(name.to_owned(), values.iter().copied().map(str::to_owned).collect())]
}

#[test]
fn what_a_function_says() {
    let rows = [
        ("{}", plain()),
        (r#"{"statusCode":null,"headers":null,"multiValueHeaders":null,"cookies":null}"#, plain()),
        (r#"{"statusCode":404}"#, Metadata { status: 404, ..plain() }),
        (r#"{"headers":{"x-a":"1"}}"#, Metadata { headers: header("x-a", &["1"]), ..plain() }),
        (r#"{"headers":{"x-a":["1","2"]}}"#, Metadata { headers: header("x-a", &["1", "2"]), ..plain() }),
        (r#"{"headers":{"x-a":true}}"#, Metadata { headers: header("x-a", &["true"]), ..plain() }),
        (r#"{"headers":{"x-a":1.50}}"#, Metadata { headers: header("x-a", &["1.50"]), ..plain() }),
        (
            r#"{"multiValueHeaders":{"X-A":["1","2"]}}"#,
            Metadata { multi_value_headers: header("X-A", &["1", "2"]), ..plain() },
        ),
        (r#"{"cookies":["a=1"]}"#, Metadata { cookies: vec!["a=1".to_owned()], ..plain() }),
        (r#"{"body":"ignored","isBase64Encoded":true}"#, plain()),
    ];
    for (written, expected) in rows {
        assert_eq!(done(written), expected, "{written}");
    }
}

#[test]
fn what_is_malformed() {
    let rows = [
        ("", "the streamed answer does not start with a JSON object"),
        ("[]", "the streamed answer does not start with a JSON object"),
        ("{", "the streamed answer does not start with a JSON object"),
        (r#"{"statusCode":"200"}"#, "`statusCode` of the streamed answer is of the wrong kind"),
        (r#"{"statusCode":-1}"#, "`statusCode` of the streamed answer is of the wrong kind"),
        (r#"{"statusCode":70000}"#, "`statusCode` of the streamed answer is of the wrong kind"),
        (r#"{"headers":[]}"#, "`headers` of the streamed answer is of the wrong kind"),
        (r#"{"headers":{"a":{}}}"#, "`headers` of the streamed answer is of the wrong kind"),
        (
            r#"{"multiValueHeaders":{"a":"b"}}"#,
            "`multiValueHeaders` of the streamed answer is of the wrong kind",
        ),
        (r#"{"cookies":"a=1"}"#, "`cookies` of the streamed answer is of the wrong kind"),
    ];
    for (written, text) in rows {
        assert_eq!(read(&with_delimiter(written, b"")).unwrap_err().to_string(), text, "{written}");
    }
}

#[test]
fn l_1_the_delimiter_ends_within_16_kib() {
    let padded = |length: usize| with_delimiter(&format!("{{{}}}", " ".repeat(length - 2)), b"body");
    assert!(matches!(read(&padded(16_376)), Ok(Progress::Done { rest: b"body", .. })));
    assert_eq!(read(&padded(16_377)), Err(Malformed::DelimiterMissing));
    assert_eq!(read(&vec![b' '; 16_383]), Ok(Progress::NeedsMore));
    assert_eq!(read(&vec![b' '; 16_384]), Err(Malformed::DelimiterMissing));
    assert_eq!(
        Malformed::DelimiterMissing.to_string(),
        "the streamed answer has no eight NUL bytes within its first 16 KiB",
    );
}

proptest! {
    #[test]
    fn l_2_in_any_pieces(
        status: u16,
        headers in prop::collection::btree_map("[a-z-]{1,8}", prop::collection::vec(".{0,8}", 1..3), 0..3),
        cookies: Vec<String>,
        rest: Vec<u8>,
    ) {
        let metadata = Metadata {
            status,
            headers: headers.clone().into_iter().collect(),
            multi_value_headers: headers.into_iter().collect(),
            cookies: cookies.into_iter().take(4).collect(),
        };
        let written = write(&metadata);
        prop_assume!(written.len() <= PRELUDE_BYTES_MAX);
        for length in 0..written.len() {
            prop_assert_eq!(read(&written[..length]), Ok(Progress::NeedsMore));
        }
        let whole = [&*written, &rest].concat();
        prop_assert_eq!(read(&whole), Ok(Progress::Done { metadata, rest: &rest }));
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes: Vec<u8>, written in "[{}\\[\\]\":,0-9a-z]{0,40}") {
        let _ = read(&bytes);
        let _ = read(&with_delimiter(&written, &bytes));
    }
}
