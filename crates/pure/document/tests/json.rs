//! JSON texts, strictly as RFC 8259: what is read, where, and what is refused.

#![cfg(test)]

use postern_document::{MAXIMUM_DEPTH, Value, parse_json, write_json};

fn problems(text: &str) -> Vec<String> {
    let problems = parse_json("a.json", text).expect_err("refused");
    problems.iter().map(ToString::to_string).collect()
}

#[test]
fn what_is_written_is_what_was_read() {
    let rows = [
        ("null", "null"),
        ("\u{feff} true ", "true"),
        (
            "\t[\r\n1 ,\t-0.50e+07,123456789012345678901234567890]\n",
            "[1,-0.50e+07,123456789012345678901234567890]",
        ),
        (r#"{"b":{},"a":[],"":""}"#, r#"{"b":{},"a":[],"":""}"#),
        (r#""\"\\\/\b\f\n\r\t\u0001\u00e9""#, r#""\"\\/\u0008\u000c\n\r\t\u0001é""#),
        (r#""\ud83d\ude00 \uD83D\uDE00 😀""#, r#""😀 😀 😀""#),
        ("\"\u{7f}\u{2028}\"", "\"\u{7f}\u{2028}\""),
    ];
    for (text, written) in rows {
        assert_eq!(write_json(&parse_json("a.json", text).expect(text)), written, "{text}");
    }
}

#[test]
fn breaches_of_the_syntax_have_a_place() {
    let rows = [
        ("", "a.json:1:1: not valid JSON: expected a value, found the end of the text"),
        ("[1,]", "a.json:1:4: not valid JSON: expected a value, found `]`"),
        ("[1 2]", "a.json:1:4: not valid JSON: expected `,` or `]`, found `2`"),
        ("{\"a\":1,}", "a.json:1:8: not valid JSON: expected a key in quotation marks, found `}`"),
        ("{a:1}", "a.json:1:2: not valid JSON: expected a key in quotation marks, found `a`"),
        ("{\"a\" 1}", "a.json:1:6: not valid JSON: expected `:`, found `1`"),
        ("{\"a\":1", "a.json:1:7: not valid JSON: expected `,` or `}`, found the end of the text"),
        ("[\n  tru]", "a.json:2:3: not valid JSON: expected a value, found `tru`"),
        ("[\n\t'a']", "a.json:2:2: not valid JSON: expected a value, found `'`"),
        ("01", "a.json:1:2: not valid JSON: expected the end of the document, found `1`"),
        ("-", "a.json:1:2: not valid JSON: expected a digit, found the end of the text"),
        ("1.", "a.json:1:3: not valid JSON: expected a digit, found the end of the text"),
        ("1e+", "a.json:1:4: not valid JSON: expected a digit, found the end of the text"),
        ("+1", "a.json:1:1: not valid JSON: expected a value, found `+`"),
        ("NaN", "a.json:1:1: not valid JSON: expected a value, found `N`"),
        ("1 // one", "a.json:1:3: not valid JSON: expected the end of the document, found `/`"),
        ("\"a", "a.json:1:3: not valid JSON: expected `\"`, found the end of the text"),
        ("\"a\tb\"", "a.json:1:3: a control character in a string: it must be escaped"),
        ("\"é\\x\"", "a.json:1:3: not an escape sequence of JSON"),
        ("\"\\u12g4\"", "a.json:1:2: not an escape sequence of JSON"),
        ("\"\\ud83d\"", "a.json:1:2: not an escape sequence of JSON"),
        ("\"\\ud83d\\u0041\"", "a.json:1:2: not an escape sequence of JSON"),
        ("\"\\ude00\"", "a.json:1:2: not an escape sequence of JSON"),
    ];
    for (text, problem) in rows {
        assert_eq!(problems(text), [problem], "{text}");
    }
}

#[test]
fn columns_count_characters() {
    let node = parse_json("a.json", "{\"😀é\": [\"é\", 1],\r\n \"b\": 2}").expect("valid");
    let second = node.at_pointer("/😀é/1").expect("there");
    assert_eq!(second.place.to_string(), "a.json:1:14");
    let entry = node.as_mapping().and_then(|mapping| mapping.entry("b")).expect("there");
    assert_eq!((entry.place.line(), entry.place.column()), (2, 2));
    assert_eq!((entry.value.place.line(), entry.value.place.column()), (2, 7));
}

#[test]
fn a_long_line_is_read_in_linear_time() {
    let items = vec!["\"é\""; 200_000].join(",");
    let node = parse_json("a.json", &format!("[{items}]")).expect("valid");
    let last = node.as_sequence().and_then(<[_]>::last).expect("there");
    assert_eq!(last.place.column(), 2 + 199_999 * 4);
}

#[test]
fn all_duplicate_keys_are_told_with_both_places() {
    let told = problems("{\"a\": 1,\n \"a\": {\"b\": 1, \"b\": 2},\n \"\\u0061\": 3}");
    let expected = [
        "a.json:2:16: duplicate key `b`: it stands at a.json:2:8 already",
        "a.json:2:2: duplicate key `a`: it stands at a.json:1:2 already",
        "a.json:3:2: duplicate key `a`: it stands at a.json:1:2 already",
    ];
    assert_eq!(told, expected);
}

#[test]
fn depth_is_bounded() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert!(parse_json("a.json", &nested(MAXIMUM_DEPTH)).is_ok());
    let expected = ["a.json:1:65: lists and mappings stand more than 64 deep"];
    assert_eq!(problems(&nested(MAXIMUM_DEPTH + 1)), expected);
    assert_eq!(problems(&"{\"a\":[".repeat(100_000)).len(), 1);
}

#[test]
fn a_place_in_a_string_is_exact_unless_it_has_escapes() {
    let node = parse_json("a.json", r#"{"plain": "${x}", "escaped": "\n${x}", "n": 1}"#).expect("valid");
    let place = |key: &str, line, column| node.get(key).expect(key).place_in_text(line, column).to_string();
    assert_eq!(place("plain", 1, 3), "a.json:1:14");
    assert_eq!(place("plain", 2, 1), "a.json:1:11");
    assert_eq!(place("escaped", 2, 1), "a.json:1:30");
    assert_eq!(place("n", 1, 2), "a.json:1:45");
}

#[test]
fn numbers_keep_their_text() {
    let node = parse_json("a.json", "1.50E3").expect("valid");
    assert_eq!(node.value, Value::Number("1.50E3".into()));
}
