//! Laws of reading and writing, over generated texts.

#![cfg(test)]

use postern_document::{Entry, Mapping, Node, Place, Problems, Value, parse_json, parse_yaml, write_json};
use proptest::prelude::*;

/// What JSON can say, without places.
fn values() -> impl Strategy<Value = serde_json::Value> {
    use serde_json::Value;
    let number = "-?(0|[1-9][0-9]{0,30})(\\.[0-9]{1,5})?([eE][-+]?[0-9]{1,2})?";
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        number.prop_map(|text| serde_json::from_str(&text).expect("a number")),
        any::<String>().prop_map(Value::from),
        "[a-z~!&*#:%@`'\" \\n\\t-]{0,9}".prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((any::<String>(), inner), 0..6)
                .prop_map(|entries| Value::Object(entries.into_iter().collect())),
        ]
    })
}

/// The same value as a node, by the plainest way.
fn node_of(value: &serde_json::Value) -> Node {
    let place = Place::start_of("a.json");
    let value = match value {
        serde_json::Value::Null => Value::Null,
        serde_json::Value::Bool(boolean) => Value::Boolean(*boolean),
        serde_json::Value::Number(number) => Value::Number(number.to_string().into()),
        serde_json::Value::String(text) => Value::Text(text.as_str().into()),
        serde_json::Value::Array(items) => Value::Sequence(items.iter().map(node_of).collect()),
        serde_json::Value::Object(entries) => {
            let entry = |(key, value): (&String, _)| Entry {
                key: key.as_str().into(),
                place: place.clone(),
                value: node_of(value),
            };
            Value::Mapping(Mapping::new(entries.iter().map(entry).collect()))
        }
    };
    Node::new(place, value)
}

/// Texts made of what means something in YAML and JSON.
fn texts() -> impl Strategy<Value = String> {
    let tokens = [
        "{",
        "}",
        "[",
        "]",
        ":",
        ": ",
        ",",
        "- ",
        "? ",
        "&a ",
        "*a",
        "*a ",
        "!",
        "!Sub ",
        "!!str ",
        "!<x>",
        "|",
        "|2",
        "|+",
        ">-",
        "'",
        "\"",
        "#",
        " # x",
        "%YAML 1.2",
        "%TAG ! x",
        "---",
        "...",
        "@",
        "`",
        "<<",
        "<<: ",
        "~",
        "a",
        "é",
        "1",
        "0x1",
        " ",
        "  ",
        "\n",
        "\n  ",
        "\n- ",
        "\r",
        "\r\n",
        "\t",
        "\\",
        "\\u",
        "\\ud83d",
        "\\n",
        "\u{feff}",
        "\0",
        "\u{85}",
        "\u{2028}",
        "null",
        "true",
        "-1.5e3",
    ];
    prop::collection::vec(prop::sample::select(tokens.to_vec()), 0..40).prop_map(|tokens| tokens.concat())
}

/// Refusals name a place that exists, or the end of the text.
fn problems_have_places(text: &str, problems: &Problems) -> Result<(), TestCaseError> {
    let breaks = text.chars().filter(|character| matches!(character, '\n' | '\r')).count();
    prop_assert!(problems.has_errors());
    for problem in problems {
        prop_assert!((1..=breaks + 2).contains(&(problem.place.line() as usize)), "{problem}");
        prop_assert!(problem.place.column() >= 1, "{problem}");
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_reads_back_as_the_same_value(value in values()) {
        // A scalar alone would not be taken for JSON by the reader of YAML.
        let value = serde_json::Value::Array(vec![value]);
        let written = write_json(&node_of(&value));
        prop_assert_eq!(&serde_json::from_str::<serde_json::Value>(&written).expect("JSON"), &value);
        let read = parse_json("a.json", &written).expect("JSON");
        prop_assert_eq!(write_json(&read), written.as_str());
        prop_assert_eq!(parse_yaml("a.json", &written).expect("JSON is YAML"), read);
    }

    #[test]
    fn white_space_changes_nothing(value in values()) {
        let text = serde_json::to_string_pretty(&value).expect("JSON");
        let read = parse_json("a.json", &text).expect("JSON");
        prop_assert_eq!(serde_json::from_str::<serde_json::Value>(&write_json(&read)).expect("JSON"), value);
    }

    #[test]
    fn yaml_around_json_reads_the_same(value in values()) {
        // Behind a key the JSON reader is not asked.
        let json = write_json(&node_of(&value));
        let node = parse_yaml("a.yaml", &format!("key: {json}\n")).expect("JSON is YAML");
        prop_assert_eq!(write_json(node.get("key").expect("there")), json);
    }

    #[test]
    fn json_is_judged_as_serde_judges_it(text in texts()) {
        let ours = parse_json("a.json", &text);
        if ours.is_ok() {
            let theirs = serde_json::from_str::<serde_json::Value>(text.strip_prefix('\u{feff}').unwrap_or(&text));
            prop_assert!(theirs.is_ok());
        }
    }

    #[test]
    fn no_text_makes_a_reader_panic(text in prop_oneof![any::<String>(), texts()]) {
        for outcome in [parse_yaml("a", &text), parse_json("a", &text)] {
            match outcome {
                Ok(node) => drop(write_json(&node)),
                Err(problems) => problems_have_places(&text, &problems)?,
            }
        }
    }

    #[test]
    fn a_literal_block_gives_back_its_lines(
        lines in prop::collection::vec("[ a-z#$é]{0,6}", 1..6), indent in 1_usize..5, blank in 0_usize..3,
    ) {
        let body: String = lines.iter().map(|line| format!("{}{line}\n", " ".repeat(indent))).collect();
        let text = format!("a: |{indent}+\n{}{body}", "\n".repeat(blank));
        let node = parse_yaml("a.yaml", &text).expect("YAML");
        let value = node.get("a").expect("there");
        for (index, line) in (1..).zip(value.as_text().expect("text").lines()) {
            for (column, character) in (1..).zip(line.chars()) {
                let place = value.place_in_text(index, column);
                let line = text.lines().nth(place.line() as usize - 1).expect("a line");
                prop_assert_eq!(line.chars().nth(place.column() as usize - 1), Some(character));
            }
        }
    }
}
