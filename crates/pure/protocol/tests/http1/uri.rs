//! Percent-encoding and queries: routing section 5, rules Q1 to Q6, and S5.

use std::borrow::Cow;

use postern_protocol::uri::{
    MalformedEscape, Query, QueryRefusal, decode, decode_form, encode, encode_form, encode_path,
};
use proptest::prelude::*;

fn parameters(query: &str) -> Result<Vec<(String, String)>, QueryRefusal> {
    let text = |bytes: Cow<'_, [u8]>| String::from_utf8_lossy(&bytes).into_owned();
    let query = Query::parse(query.as_bytes(), 256)?;
    Ok(query.parameters().map(|it| (text(it.name()), text(it.value()))).collect())
}

#[test]
fn query_parameters_are_split_and_decoded_once() {
    let rows: [(&str, &[(&str, &str)]); 14] = [
        ("", &[]),
        ("&&;", &[]),
        // Q1.
        ("a=b+c", &[("a", "b c")]),
        ("a=b%2Bc", &[("a", "b+c")]),
        ("%61=%2561", &[("a", "%61")]),
        ("a+b=c%20d", &[("a b", "c d")]),
        // Q2: all in the order in which they came; a map keeps the last.
        ("a=1&b=2&a=3", &[("a", "1"), ("b", "2"), ("a", "3")]),
        // Q3.
        ("a=", &[("a", "")]),
        ("a", &[("a", "")]),
        ("a==b=c", &[("a", "=b=c")]),
        ("=b", &[("", "b")]),
        // Q4.
        ("A=1&a=2", &[("A", "1"), ("a", "2")]),
        // Q5.
        ("a=1;b=2", &[("a", "1"), ("b", "2")]),
        ("&a=1&&b=%26%3B&", &[("a", "1"), ("b", "&;")]),
    ];
    for (query, expected) in rows {
        let expected = expected.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        assert_eq!(parameters(query), Ok(expected), "{query}");
    }
}

#[test]
fn query_with_raw_characters_or_broken_escapes_is_refused() {
    // Q6.
    for query in ["a=|", "a={b", "}", "a=b c", "a=\0", "a=#", "a=\u{e9}", "a=\x7f"] {
        assert_eq!(parameters(query), Err(QueryRefusal::RawCharacter), "{query:?}");
    }
    for query in ["a=50%", "%", "%4", "a=%zz", "%%41", "a=%+1"] {
        assert_eq!(parameters(query), Err(QueryRefusal::MalformedEscape), "{query:?}");
    }
    assert!(parameters("a=%7B%7C%7D&b=\"<>^`\\'()*,-.:@[]_~/?!$").is_ok());
}

#[test]
fn query_parts_that_need_no_decoding_are_borrowed() {
    let query = Query::parse(b"name=value&a%20=b+", 256).unwrap();
    let all: Vec<_> = query.parameters().collect();
    assert!(matches!((all[0].name(), all[0].value()), (Cow::Borrowed(_), Cow::Borrowed(_))));
    assert!(matches!((all[1].name(), all[1].value()), (Cow::Owned(_), Cow::Owned(_))));
    assert_eq!((all[1].raw_name(), all[1].raw_value()), (&b"a%20"[..], &b"b+"[..]));
    assert!(matches!(decode(b"a+b"), Ok(Cow::Borrowed(_))));
    assert_eq!(query.as_bytes(), b"name=value&a%20=b+");
}

#[test]
fn query_values_are_encoded_again() {
    let encoded = |encode: fn(&[u8], &mut Vec<u8>), text: &str| {
        let mut output = Vec::new();
        encode(text.as_bytes(), &mut output);
        String::from_utf8(output).unwrap()
    };
    let text = "aZ09-._~ /%+&=;?#\u{e9}\0";
    assert_eq!(encoded(encode, text), "aZ09-._~%20%2F%25%2B%26%3D%3B%3F%23%C3%A9%00");
    assert_eq!(encoded(encode_path, text), "aZ09-._~%20/%25%2B%26%3D%3B%3F%23%C3%A9%00");
    assert_eq!(encoded(encode_form, text), "aZ09-._~+/%25%2B%26%3D%3B%3F%23%C3%A9%00");
}

proptest! {
    #[test]
    fn query_encoding_is_undone_by_decoding(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
        let mut output = Vec::new();
        encode(&bytes, &mut output);
        prop_assert_eq!(&*decode(&output).unwrap(), bytes.as_slice());
        output.clear();
        encode_path(&bytes, &mut output);
        prop_assert_eq!(&*decode(&output).unwrap(), bytes.as_slice());
        output.clear();
        encode_form(&bytes, &mut output);
        prop_assert_eq!(&*decode_form(&output).unwrap(), bytes.as_slice());
        let query = Query::parse(&output, usize::MAX);
        prop_assert!(query.is_ok());
    }

    /// The checks one by one, for the one look that most queries need.
    #[test]
    fn query_refusals_are_those_of_each_check(query in "[a-z%2&;=|{+/ #\u{e9}]{0,12}", most in 0..5_usize) {
        let is_raw = |byte: u8| !(0x21..0x7f).contains(&byte) || b"#|{}".contains(&byte);
        let expected = if query.bytes().any(is_raw) {
            Some(QueryRefusal::RawCharacter)
        } else if decode(query.as_bytes()).is_err() {
            Some(QueryRefusal::MalformedEscape)
        } else if query.split(['&', ';']).filter(|it| !it.is_empty()).count() > most {
            Some(QueryRefusal::TooManyParameters)
        } else {
            None
        };
        prop_assert_eq!(Query::parse(query.as_bytes(), most).err(), expected);
    }

    #[test]
    fn query_in_normal_form_is_decoded_and_encoded_again(query in "([a-z/+.~=]|%2[0-9B]|[!&;])*") {
        for parameter in Query::parse(query.as_bytes(), usize::MAX).unwrap().parameters() {
            let (mut quick, mut slow) = (Vec::new(), Vec::new());
            parameter.write_normal(&mut quick);
            encode_form(&parameter.name(), &mut slow);
            slow.push(b'=');
            encode_form(&parameter.value(), &mut slow);
            prop_assert_eq!(quick, slow);
        }
    }

    #[test]
    fn query_of_any_bytes_is_no_panic(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
        if let Ok(query) = Query::parse(&bytes, 3) {
            prop_assert!(query.parameters().count() <= 3);
            query.parameters().for_each(|it| drop((it.name(), it.value())));
        }
        let has_bad_escape = bytes.iter().enumerate().any(|(place, byte)| {
            let digits = bytes.get(place + 1..place + 3);
            // A `%` inside an escape cannot be, so each one has to start its own.
            *byte == b'%' && !digits.is_some_and(|it| it.iter().all(u8::is_ascii_hexdigit))
        });
        prop_assert_eq!(decode(&bytes) == Err(MalformedEscape), has_bad_escape);
    }
}
