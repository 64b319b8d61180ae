//! YAML texts: the core schema, places, and what is refused.

#![cfg(test)]

use postern_document::{MAXIMUM_DEPTH, Node, parse_yaml, write_json};

fn read(text: &str) -> Node {
    parse_yaml("a.yaml", text).unwrap_or_else(|problems| panic!("{text}: {problems:?}"))
}

fn problems(text: &str) -> Vec<String> {
    let problems = parse_yaml("a.yaml", text).expect_err("refused");
    problems.iter().map(ToString::to_string).collect()
}

#[test]
fn plain_scalars_follow_the_core_schema() {
    let rows = [
        ("", "null"),
        ("# nothing", "null"),
        ("~", "null"),
        ("Null", "null"),
        ("nULL", r#""nULL""#),
        ("true", "true"),
        ("FALSE", "false"),
        ("yes", r#""yes""#),
        ("on", r#""on""#),
        ("n", r#""n""#),
        ("0", "0"),
        ("-0", "-0"),
        ("1.50", "1.50"),
        ("1e3", "1e3"),
        ("-12.5E-07", "-12.5E-07"),
        ("+12", "12"),
        ("+0.5", "0.5"),
        ("007", "7"),
        ("-007.50", "-7.50"),
        ("000", "0"),
        (".5", "0.5"),
        ("-.5e3", "-0.5e3"),
        ("5.", "5"),
        ("5.e3", "5e3"),
        ("0o17", "15"),
        ("0x1F", "31"),
        ("0xffffffffffffffffffffffffffffffff", "340282366920938463463374607431768211455"),
        ("0x1ffffffffffffffffffffffffffffffff", r#""0x1ffffffffffffffffffffffffffffffff""#),
        ("012345678901", "12345678901"),
        (".inf", r#"".inf""#),
        (".nan", r#"".nan""#),
        (".", r#"".""#),
        ("1e", r#""1e""#),
        ("+", r#""+""#),
        ("0x", r#""0x""#),
        ("-0x1", r#""-0x1""#),
        ("1_000", r#""1_000""#),
        ("1:30", r#""1:30""#),
        ("2012-10-17", r#""2012-10-17""#),
        ("'1'", r#""1""#),
        ("\"true\"", r#""true""#),
        ("''", r#""""#),
        ("|\n  1\n", r#""1\n""#),
        (">-\n  a\n  b\n", r#""a b""#),
        ("a\n b\n\n c", r#""a b\nc""#),
        ("\u{feff}a: 1", r#"{"a":1}"#),
        ("---\na: 1\n...\n", r#"{"a":1}"#),
        ("%YAML 1.2\n---\na: 1\n", r#"{"a":1}"#),
    ];
    for (text, json) in rows {
        assert_eq!(write_json(&read(text)), json, "{text}");
    }
}

#[test]
fn tags_of_the_core_schema_are_followed() {
    let rows = [
        ("!!str 1", r#""1""#),
        ("! 1", r#""1""#),
        ("!!int 1", "1"),
        ("!!float '1.5'", "1.5"),
        ("!!bool true", "true"),
        ("!!null ''", "null"),
        ("!!map {a: !!seq [1]}", r#"{"a":[1]}"#),
        ("!<tag:yaml.org,2002:str> 1", r#""1""#),
    ];
    for (text, json) in rows {
        assert_eq!(write_json(&read(text)), json, "{text}");
    }
}

#[test]
fn other_tags_are_refused_all_of_them() {
    let text = "uri: !Sub 'arn:${AWS::Region}'\nlist: !Join\n  - ''\n  - [!Ref A, !!binary aGk=]\nmap: !Custom\n  a: !!int x\n";
    let expected = [
        "a.yaml:1:6: `!Sub` is a CloudFormation function: functions must be resolved before the text is read here",
        "a.yaml:2:7: `!Join` is a CloudFormation function: functions must be resolved before the text is read here",
        "a.yaml:4:6: `!Ref` is a CloudFormation function: functions must be resolved before the text is read here",
        "a.yaml:4:14: unknown tag `!!binary`",
        "a.yaml:5:6: unknown tag `!Custom`",
        "a.yaml:6:6: `x` is not of its tag's type",
    ];
    assert_eq!(problems(text), expected);
    assert_eq!(problems("!<tag:example.org,2000:x> 1"), ["a.yaml:1:1: unknown tag `tag:example.org,2000:x`"]);
}

#[test]
fn keys_are_read_as_they_were_written() {
    assert_eq!(
        write_json(&read("200: a\ntrue: b\n1.0: c\n~: d\n'': e\n")),
        r#"{"200":"a","true":"b","1.0":"c","~":"d","":"e"}"#
    );
    assert_eq!(
        problems("200: a\n'200': b\n"),
        ["a.yaml:2:1: duplicate key `200`: it stands at a.yaml:1:1 already"]
    );
    let told = problems("[a, b]: 1\n? {c: 1}\n: 2\n: 3\nd: &x [1]\n*x : 4\n");
    let expected = [
        "a.yaml:1:1: a list as a key: a key is one value",
        "a.yaml:2:3: a mapping as a key: a key is one value",
        "a.yaml:4:1: a key is missing",
        "a.yaml:6:1: a list as a key: a key is one value",
    ];
    assert_eq!(told, expected);
}

#[test]
fn duplicate_keys_are_refused_beside_other_problems() {
    let told = problems("a:\n  b: 1\n  b: !Ref x\na: 2\n");
    let expected = [
        "a.yaml:3:6: `!Ref` is a CloudFormation function: functions must be resolved before the text is read here",
        "a.yaml:3:3: duplicate key `b`: it stands at a.yaml:2:3 already",
        "a.yaml:4:1: duplicate key `a`: it stands at a.yaml:1:1 already",
    ];
    assert_eq!(told, expected);
}

#[test]
fn a_breach_of_the_syntax_is_one_problem_with_its_place() {
    let rows = [
        ("a: [1, 2", "a.yaml:2:1: not valid YAML: while parsing a flow sequence, expected ',' or ']'"),
        (
            "a: 'x",
            "a.yaml:1:4: not valid YAML: while scanning a quoted scalar, found unexpected end of stream",
        ),
        ("a: 1\n\tb: 2\n", "a.yaml:1:4: not valid YAML: while scanning a plain scalar, found a tab"),
        ("a: *b", "a.yaml:1:4: not valid YAML: while parsing node, found unknown anchor"),
        (
            "a: 1\n- b\n",
            "a.yaml:2:3: not valid YAML: while parsing a block mapping, did not find expected key",
        ),
    ];
    for (text, problem) in rows {
        assert_eq!(problems(text), [problem], "{text}");
    }
}

#[test]
fn a_file_holds_one_document() {
    assert_eq!(problems("a: 1\n---\nb: 2\n"), ["a.yaml:2:1: a second document: a file holds one"]);
    assert_eq!(problems("--- \n---\n"), ["a.yaml:2:1: a second document: a file holds one"]);
}

#[test]
fn aliases_copy_and_keep_the_place_of_what_they_name() {
    let node = read("a: &x {b: [1, 'two']}\nc: *x\nd: &k e\n*k : 1\n");
    assert_eq!(write_json(&node), r#"{"a":{"b":[1,"two"]},"c":{"b":[1,"two"]},"d":"e","e":1}"#);
    assert_eq!(node.at_pointer("/c/b/1").expect("there").place.to_string(), "a.yaml:1:15");
    assert_eq!(problems("a: &x [*x]"), ["a.yaml:1:8: an alias inside of what it names"]);
}

#[test]
fn merge_keys_bring_what_is_not_there() {
    let rows = [
        ("a: &x {b: 1, c: 2}\nd:\n  c: 3\n  <<: *x\n", r#"{"a":{"b":1,"c":2},"d":{"c":3,"b":1}}"#),
        ("a: {<<: [{b: 1}, {b: 2, c: 3}], d: 4}", r#"{"a":{"d":4,"b":1,"c":3}}"#),
        ("a: {'<<': 1}", r#"{"a":{"<<":1}}"#),
    ];
    for (text, json) in rows {
        assert_eq!(write_json(&read(text)), json, "{text}");
    }
    assert_eq!(problems("a: {<<: 1}"), ["a.yaml:1:9: `<<` is a number: expected a mapping"]);
    assert_eq!(problems("a: {<<: [[], {}]}"), ["a.yaml:1:10: `<<` is a list: expected a mapping"]);
}

#[test]
fn a_billion_laughs_are_refused() {
    let mut text = String::from("a0: &a0 [ha, ha, ha, ha, ha, ha, ha, ha, ha, ha]\n");
    for level in 1..10 {
        let aliases = vec![format!("*a{}", level - 1); 10].join(", ");
        text.push_str(&format!("a{level}: &a{level} [{aliases}]\n"));
    }
    assert_eq!(problems(&text), ["a.yaml:6:15: aliases copy more than 16777216 bytes"]);
    let long = format!("a: &a '{}'\nb: [{}]\n", "x".repeat(1_000_000), ["*a"; 100].join(", "));
    assert_eq!(problems(&long), ["a.yaml:2:69: aliases copy more than 16777216 bytes"]);
}

#[test]
fn depth_is_bounded_through_aliases_too() {
    let flow = |depth: usize| format!("a: {}{}", "[".repeat(depth - 1), "]".repeat(depth - 1));
    assert!(parse_yaml("a.yaml", &flow(MAXIMUM_DEPTH)).is_ok());
    assert_eq!(
        problems(&flow(MAXIMUM_DEPTH + 1)),
        ["a.yaml:1:67: lists and mappings stand more than 64 deep"]
    );
    assert_eq!(problems(&"- ".repeat(100_000)), ["a.yaml:1:129: lists and mappings stand more than 64 deep"]);

    let mut text = String::from("a0: &a0 [1]\n");
    for level in 1..70 {
        text.push_str(&format!("a{level}: &a{level} [*a{}]\n", level - 1));
    }
    assert_eq!(problems(&text), ["a.yaml:64:12: lists and mappings stand more than 64 deep"]);
}

#[test]
fn json_is_read_as_json_first_and_as_flow_style_else() {
    let json = "\t{\"a\":\t\"\\ud83d\\ude00\\/\"}";
    assert_eq!(write_json(&read(json)), "{\"a\":\"😀/\"}");
    assert_eq!(write_json(&read("{a: 1, b: [x, 'y',],}")), r#"{"a":1,"b":["x","y"]}"#);
    assert_eq!(
        problems("{\"a\": 1 \"b\": 2}"),
        ["a.yaml:1:9: not valid JSON: expected `,` or `}`, found `\"`"]
    );
    assert_eq!(
        problems("{\"a\": 1, \"a\": 2}"),
        ["a.yaml:1:10: duplicate key `a`: it stands at a.yaml:1:2 already"]
    );
    let told = [
        "a.yaml:1:5: `!Ref` is a CloudFormation function: functions must be resolved before the text is read here",
    ];
    assert_eq!(problems("{a: !Ref b}"), told);
}

#[test]
fn places_count_lines_and_characters_from_one() {
    let node = read("é:\n  - {ü: 'ö', ß: 1}\n\n  -  x\nlast:\n");
    let place = |pointer: &str| node.at_pointer(pointer).expect(pointer).place.to_string();
    assert_eq!(place(""), "a.yaml:1:1");
    assert_eq!(place("/é"), "a.yaml:2:3");
    assert_eq!(place("/é/0"), "a.yaml:2:5");
    assert_eq!(place("/é/0/ü"), "a.yaml:2:9");
    assert_eq!(place("/é/0/ß"), "a.yaml:2:17");
    assert_eq!(place("/é/1"), "a.yaml:4:6");
    let last = node.as_mapping().and_then(|mapping| mapping.entry("last")).expect("there");
    assert_eq!(last.place.to_string(), "a.yaml:5:1");
}

#[test]
fn a_place_in_a_literal_block_is_the_line_of_the_file() {
    let text = "a: |\n\n\n    #set($x)\n   \n      ü$y\nb: |2-\n\n     z\n    w\nc: >\n  folded\nd: plain\ne: 'qu''ote'\nf: \"quote\"\ng: &anchor |\n  x\n  y\nh: two\n  lines\n";
    let node = read(text);
    let place = |key: &str, line, column| {
        let place = node.get(key).expect(key).place_in_text(line, column);
        (place.line(), place.column())
    };
    assert_eq!(node.get("a").and_then(Node::as_text), Some("\n\n#set($x)\n\n  ü$y\n"));
    assert_eq!(place("a", 3, 1), (4, 5));
    assert_eq!(place("a", 3, 5), (4, 9));
    assert_eq!(place("a", 5, 4), (6, 8));
    assert_eq!(node.get("b").and_then(Node::as_text), Some("\n   z\n  w"));
    assert_eq!(place("b", 2, 4), (9, 6));
    assert_eq!(place("b", 3, 3), (10, 5));
    assert_eq!(place("c", 1, 3), (12, 3));
    assert_eq!(place("d", 1, 3), (13, 6));
    assert_eq!(place("e", 1, 3), (14, 4));
    assert_eq!(place("f", 1, 3), (15, 7));
    assert_eq!(place("g", 2, 1), (16, 4));
    assert_eq!(place("h", 1, 2), (19, 4));
}
