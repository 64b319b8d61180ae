//! What is told of a value that does not keep to its model, byte for byte.

#![cfg(test)]

use postern_document::{Problems, parse_yaml};
use postern_schema::{Schema, Violations};

fn told(schema: &str, value: &str) -> String {
    let node = parse_yaml("a.yaml", schema).expect(schema);
    let mut problems = Problems::default();
    let compiled = Schema::compile(&node, &|_| None, &mut problems);
    let compiled = compiled.unwrap_or_else(|| panic!("{schema}: {problems:?}"));
    let value = serde_json::from_str(value).expect(value);
    match compiled.check(&value) {
        Ok(()) => String::new(),
        Err(violations) => violations.to_string(),
    }
}

#[test]
fn the_words_that_were_recorded_on_the_service() {
    let rows = [
        ("required: [a]", "{}", "[object has missing required properties ([\"a\"])]"),
        (
            "required: [transactionState, transactionId, timestamp]",
            "{}",
            "[object has missing required properties ([\"timestamp\",\"transactionId\",\"transactionState\"])]",
        ),
        (
            "properties: {amount: {type: number}}",
            "{\"amount\": \"100\"}",
            "[instance type (string) does not match any allowed primitive type (allowed: [\"integer\",\"number\"])]",
        ),
        (
            "properties: {id: {type: string}}",
            "{\"id\": true}",
            "[instance type (boolean) does not match any allowed primitive type (allowed: [\"string\"])]",
        ),
        (
            "properties: {timestamp: {minimum: 315529200000}}",
            "{\"timestamp\": 1}",
            "[numeric instance is lower than the required minimum (minimum: 315529200000, found: 1)]",
        ),
        (
            "properties: {method: {oneOf: [{enum: [CARD]}, {enum: [IBAN]}, {enum: [WALLET]}]}}",
            "{\"method\": \"INVALID\"}",
            "[instance failed to match exactly one schema (matched 0 out of 3)]",
        ),
        (
            "properties: {state: {enum: [SENT, EXPIRED, DECLINED]}}",
            "{\"state\": \"INVALID\"}",
            "[instance value (\"INVALID\") not found in enum (possible values: [\"SENT\",\"EXPIRED\",\"DECLINED\"])]",
        ),
        (
            "{required: [bar], properties: {bar: {}}, additionalProperties: false}",
            "{\"foo\": 1}",
            "[object has missing required properties ([\"bar\"]), object instance has properties which are not \
             allowed by the schema: [\"foo\"]]",
        ),
    ];
    for (schema, value, text) in rows {
        assert_eq!(told(schema, value), text);
    }
    assert_eq!(Violations::unreadable().to_string(), "[Unknown error parsing request body]");
}

/// Schema, value, words.
const WORDS: &[(&str, &str, &str)] = &[
    (
        "type: ['null', string, array]",
        "1.0",
        "instance type (number) does not match any allowed primitive type (allowed: [\"array\",\"null\",\"string\"])",
    ),
    (
        "type: object",
        "null",
        "instance type (null) does not match any allowed primitive type (allowed: [\"object\"])",
    ),
    (
        "enum: [1, null, {a: [b]}]",
        "{\"a\": \"b\"}",
        "instance value ({\"a\":\"b\"}) not found in enum (possible values: [1,null,{\"a\":[\"b\"]}])",
    ),
    ("multipleOf: 0.01", "0.001", "remainder of division is not zero (0.001 / 0.01)"),
    ("maximum: 5", "6", "numeric instance is greater than the required maximum (maximum: 5, found: 6)"),
    (
        "{maximum: 5, exclusiveMaximum: true}",
        "5.0",
        "numeric instance is not strictly lower than the required maximum 5",
    ),
    (
        "{maximum: 5, exclusiveMaximum: true}",
        "5.1",
        "numeric instance is greater than the required maximum (maximum: 5, found: 5.1)",
    ),
    (
        "{minimum: 5, exclusiveMinimum: true}",
        "5",
        "numeric instance is not strictly greater than the required minimum 5",
    ),
    ("maxLength: 2", "\"é😀é\"", "string \"é😀é\" is too long (length: 3, maximum allowed: 2)"),
    ("minLength: 2", "\"😀\"", "string \"😀\" is too short (length: 1, required minimum: 2)"),
    ("pattern: ^\\d+$", "\"a\"", "ECMA 262 regex \"^\\d+$\" does not match input string \"a\""),
    ("maxItems: 1", "[1,2]", "array is too long: must have at most 1 elements but instance has 2 elements"),
    ("minItems: 1", "[]", "array is too short: must have at least 1 elements but instance has 0 elements"),
    ("uniqueItems: true", "[1,1.0]", "array must not contain duplicate elements"),
    (
        "{items: [{}], additionalItems: false}",
        "[1,2,3]",
        "schema only allows 1 elements in array but instance has 3 elements",
    ),
    (
        "maxProperties: 0",
        "{\"a\":1}",
        "object has too many properties (found 1 but schema requires at most 0)",
    ),
    ("minProperties: 1", "{}", "object has too few properties (found 0 but schema requires at least 1)"),
    (
        "{properties: {a: {}}, patternProperties: {^x: {}}, additionalProperties: false}",
        "{\"c\":1,\"xy\":1,\"a\":1,\"b\":1}",
        "object instance has properties which are not allowed by the schema: [\"b\",\"c\"]",
    ),
    (
        "dependencies: {a: [d, b, c]}",
        "{\"a\":1,\"c\":1}",
        "property \"a\" of object has missing property dependencies (schema requires [\"b\",\"c\",\"d\"]; missing: [\"b\",\"d\"])",
    ),
    ("dependencies: {a: {required: [b]}}", "{\"a\":1}", "object has missing required properties ([\"b\"])"),
    (
        "allOf: [{type: integer}, {minimum: 5}, {maximum: 0}]",
        "1",
        "instance failed to match all required schemas (matched only 1 out of 3)",
    ),
    (
        "anyOf: [{type: string}, {minimum: 5}]",
        "1",
        "instance failed to match at least one required schema among 2",
    ),
    (
        "oneOf: [{type: integer}, {minimum: 0}, {type: string}]",
        "1",
        "instance failed to match exactly one schema (matched 2 out of 3)",
    ),
    ("not: {type: integer}", "1", "instance matched a schema which it should not have"),
];

#[test]
fn each_keyword_has_its_words() {
    for (schema, value, text) in WORDS {
        assert_eq!(told(schema, value), format!("[{text}]"), "{schema}");
    }
}

#[test]
fn items_and_members_are_looked_at_while_nothing_is_wrong() {
    let schema = "{required: [a], properties: {z: {type: string}, b: {type: object, properties: {c: {type: string}}}}}";
    let type_is_wrong = |found: &str, allowed: &str| {
        format!(
            "instance type ({found}) does not match any allowed primitive type (allowed: [\"{allowed}\"])"
        )
    };
    // The object itself is wrong: its members are not looked at.
    assert_eq!(told(schema, r#"{"z": 1}"#), "[object has missing required properties ([\"a\"])]");
    // Members in alphabetical order, all on one level.
    let both = format!("[{}, {}]", type_is_wrong("array", "object"), type_is_wrong("integer", "string"));
    assert_eq!(told(schema, r#"{"z": 1, "b": [], "a": 1}"#), both);
    // One level deeper, since nothing was wrong before.
    let deeper = format!("[{}, {}]", type_is_wrong("null", "string"), type_is_wrong("integer", "string"));
    assert_eq!(told(schema, r#"{"z": 1, "b": {"c": null}, "a": 1}"#), deeper);
}

#[test]
fn what_is_told_is_bounded() {
    let many = format!("[{}]", vec!["1"; 1_000].join(","));
    assert_eq!(told("items: {type: string}", &many).matches("instance type").count(), 32);
    let long = format!("\"{}\"", "é".repeat(100_000));
    let text = told("maxLength: 5", &long);
    assert_eq!(text.chars().count(), 8 * 1024 + "[…]".chars().count());
    assert!(text.ends_with("é…]"));
}
