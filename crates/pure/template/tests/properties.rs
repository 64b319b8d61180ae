//! Laws that hold for every template, body and path. The entry points here are those of the fuzzers.

#![cfg(test)]

use std::borrow::Cow;

use postern_template::{
    ContextValue, Json, JsonPath, Limits, Overrides, ParameterPlace, SimplePiece, SimpleTemplate, Template,
    Variables, mock_status, run_case,
};
use proptest::prelude::*;

/// Surroundings with one answer for everything.
struct Answers<'a> {
    text: &'a str,
    body: &'a str,
}

impl Variables for Answers<'_> {
    fn context(&self, path: &str) -> Option<ContextValue<'_>> {
        match path.len() % 4 {
            0 => None,
            1 => Some(ContextValue::Branch),
            2 => Some(ContextValue::Number(7)),
            _ => Some(ContextValue::Text(Cow::Borrowed(self.text))),
        }
    }

    fn each_context_name(&self, _: &str, visit: &mut dyn FnMut(&str)) {
        visit("abc");
        visit(self.text);
    }

    fn stage_variable(&self, _: &str) -> Option<Cow<'_, str>> {
        Some(self.text.to_uppercase().into())
    }

    fn each_stage_variable(&self, visit: &mut dyn FnMut(&str, &str)) {
        visit("name", self.text);
    }

    fn parameter(&self, _: ParameterPlace, name: &str) -> Option<Cow<'_, str>> {
        (!name.is_empty()).then_some(Cow::Borrowed(self.text))
    }

    fn each_parameter(&self, _: ParameterPlace, visit: &mut dyn FnMut(&str, &str)) {
        visit("name", self.text);
        visit("name", "again");
    }

    fn body(&self) -> Option<&str> {
        Some(self.body)
    }
}

/// Limits that a test reaches.
const SMALL: Limits =
    Limits { template_bytes: 10_000, output_bytes: 2_000, loop_iterations: 20, steps: 5_000, depth: 8 };

/// Parts of which most templates are made, right or wrong.
const PARTS: [&str; 64] = [
    "$",
    "#",
    "\\",
    "!",
    "{",
    "}",
    "(",
    ")",
    "[",
    "]",
    "\"",
    "'",
    ".",
    ",",
    ":",
    "..",
    " ",
    "\n",
    "\t",
    "\r\n",
    "=",
    "==",
    "+",
    "-",
    "*",
    "/",
    "%",
    "&&",
    "||",
    "<",
    ">",
    "1",
    "-2",
    "2.5",
    "a",
    "b",
    "in",
    "true",
    "null",
    "$a",
    "${a}",
    "$!b",
    "$a.b",
    "$a[0]",
    "#set($a = ",
    "#set($a.b = ",
    "#if($a)",
    "#else",
    "#elseif(1)",
    "#end",
    "#foreach($b in $a)",
    "#define($a)",
    "#break",
    "#stop",
    "#macro(m $x)",
    "##",
    "#*",
    "*#",
    "#[[",
    "]]#",
    "$input.path('$..a')",
    "$util.escapeJavaScript($a)",
    "$context.requestOverride.header.a",
    ".put('x', $a)",
];

/// Statements that are well formed.
const STATEMENTS: [&str; 34] = [
    "text ",
    "$a ",
    "$b\n",
    "\n",
    "  ",
    "$input.path('$').a ",
    "$input.json('$.b') ",
    "$input.params() ",
    "#set($a = [1, 'x', {'k': 'v'}])",
    "#set($a = $input.path('$'))",
    "#set($b = {'a': 1, 'b': [2]})",
    "#set($a = $a + 1)",
    "#set($a = \"$a $b\")",
    "#set($b.k = $a)",
    "#set($a[0] = $b)",
    "#set($b = $b.a)",
    "#set($a = $context.identity)",
    "#set($context.requestOverride.header.x = $a)",
    "$a.add($b)",
    "$b.put('n', $a)",
    "$a.size()",
    "$b.keySet()",
    "#if($a == $b)yes#{else}no#end",
    "#foreach($i in $a)$i$foreach.count,#end",
    "#foreach($a in [1..3])$b.put(\"$a\", $a)#end",
    "#define($a)<$b>#end",
    "$util.urlEncode($a)",
    "$util.base64Encode(\"$b\")",
    "$util.parseJson($input.body)",
    "#set($a = $a.toString().replaceAll('[a-z]', '$0$0'))",
    "#set($b = $a.substring(1))",
    "\\$a",
    "#[[ $a ]]#",
    "## $a\n",
];

fn rendered(text: &str, answers: &Answers<'_>, limits: &Limits) -> Option<(String, Overrides)> {
    let template = Template::parse(text, limits).ok()?;
    let mut output = "before".to_owned();
    let mut overrides = Overrides::default();
    let result = template.render(answers, &mut overrides, limits, &mut output);
    assert!(output.starts_with("before"));
    result.ok().map(|()| (output, overrides))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn any_text_is_parsed_or_refused(text in any::<String>()) {
        let _ = Template::parse(&text, &SMALL);
    }

    #[test]
    fn any_mix_of_parts_is_parsed_or_refused_and_rendered_or_failed(
        parts in proptest::collection::vec(proptest::sample::select(&PARTS[..]), 0..40),
        text in ".{0,8}",
    ) {
        let answers = Answers { text: &text, body: "{\"a\": [1, {\"a\": null}], \"b\": \"x\"}" };
        let _ = rendered(&parts.concat(), &answers, &SMALL);
    }

    #[test]
    fn rendering_is_bounded_and_the_same_each_time(
        statements in proptest::collection::vec(proptest::sample::select(&STATEMENTS[..]), 0..30),
        text in ".{0,8}",
    ) {
        let answers = Answers { text: &text, body: "{\"a\": [1, {\"a\": null}], \"b\": \"x\"}" };
        let template = statements.concat();
        let once = rendered(&template, &answers, &SMALL);
        if let Some((output, _)) = &once {
            prop_assert!(output.len() <= SMALL.output_bytes + "before".len());
        }
        prop_assert_eq!(once, rendered(&template, &answers, &SMALL));
    }

    #[test]
    fn text_without_signs_prints_itself(text in "[^$#\\\\]{0,200}") {
        // Only spaces before a `#set` could be lost, and there is none.
        let output = run_case(&text, "{}", &Limits::default()).unwrap();
        prop_assert_eq!(output.text, text);
    }

    #[test]
    fn a_literal_block_prints_itself(text in "[^#]{0,30}") {
        let output = run_case(&format!("#[[{text}]]#"), "{}", &Limits::default()).unwrap();
        prop_assert_eq!(output.text, text);
    }

    #[test]
    fn a_parameter_prints_as_it_came(text in any::<String>()) {
        let answers = Answers { text: &text, body: "" };
        let (output, _) = rendered("$input.params('x')", &answers, &Limits::default()).unwrap();
        prop_assert_eq!(output.strip_prefix("before").unwrap(), text);
    }

    #[test]
    fn base64_and_url_encoding_go_there_and_back(text in any::<String>()) {
        let answers = Answers { text: &text, body: "" };
        let there_and_back = "#set($t = $input.params('x'))\
            $util.base64Decode($util.base64Encode($t))$util.urlDecode($util.urlEncode($t))";
        let (output, _) = rendered(there_and_back, &answers, &Limits::default()).unwrap();
        prop_assert_eq!(output.strip_prefix("before").unwrap(), text.repeat(2));
    }

    #[test]
    fn escaped_text_is_a_json_string_but_for_its_quotes(text in "[^\\\\]{0,30}") {
        let answers = Answers { text: &text, body: "" };
        let template = "\"$util.escapeJavaScript($input.params('x')).replaceAll(\"\\\\'\", \"'\")\"";
        let (output, _) = rendered(template, &answers, &Limits::default()).unwrap();
        let read: String = serde_json::from_str(output.strip_prefix("before").unwrap()).unwrap();
        prop_assert_eq!(read, text);
    }

    #[test]
    fn any_text_is_a_simple_template(text in any::<String>()) {
        let template = SimpleTemplate::parse(&text);
        let mut pieces = String::new();
        for piece in template.pieces() {
            if let SimplePiece::Text(text) = piece {
                pieces.push_str(text);
            }
        }
        let mut output = String::new();
        template.render(&mut output, |_, _| {});
        prop_assert_eq!(output, pieces);
    }

    #[test]
    fn any_text_has_a_mock_status_or_none(text in "[{}\\[\\]:,'\" a-zA-Z0-9\\\\-]{0,60}") {
        let _ = mock_status(&text);
    }

    #[test]
    fn any_text_is_a_path_or_not(text in "[$@.\\[\\]*?()'\",:0-9a-c =<>!&|/~in-]{0,40}") {
        if let Ok(path) = JsonPath::parse(&text) {
            let _ = path.text_in(&Json::parse("{\"a\": [1, {\"b\": \"c\"}], \"b\": null}").unwrap());
        }
    }
}

/// JSON as serde reads it: the obvious twin of the reader.
fn json_texts() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        any::<bool>().prop_map(|boolean| boolean.to_string()),
        any::<i64>().prop_map(|number| number.to_string()),
        "-?(0|[1-9][0-9]{0,3})\\.[0-9]{1,3}([eE][+-]?[0-9]{1,2})?",
        any::<String>().prop_map(|text| serde_json::to_string(&text).unwrap()),
        "\"(\\\\u[0-9a-f]{4}|\\\\[nrtbf/\"\\\\]|[a-z]){0,4}\"",
    ];
    leaf.prop_recursive(4, 32, 5, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..5)
                .prop_map(|items| format!("[ {} ]", items.join(" ,"))),
            proptest::collection::vec(("[a-c]{1,2}", inner), 0..5).prop_map(|members| {
                let members: Vec<_> =
                    members.iter().map(|(key, value)| format!("\"{key}\" :\n{value}")).collect();
                format!("{{{}}}", members.join(","))
            }),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn j3_a_body_is_written_as_it_was_read(text in json_texts()) {
        let Ok(expected) = serde_json::from_str::<serde_json::Value>(&text) else {
            // Serde refuses half a surrogate pair, which is read here as a replacement character.
            return Ok(());
        };
        let json = Json::parse(&text).unwrap();
        let found = JsonPath::parse("$").unwrap().text_in(&json);
        match &expected {
            serde_json::Value::Null => prop_assert_eq!(found, None),
            serde_json::Value::String(text) => prop_assert_eq!(found.as_deref(), Some(text.as_str())),
            _ => {
                let found: serde_json::Value = serde_json::from_str(&found.unwrap()).unwrap();
                prop_assert_eq!(found, expected);
            }
        }
    }

    #[test]
    fn j7_what_serde_refuses_is_refused(text in "[\\[\\]{}:,\"0-9eE.+a\\\\ntrufls -]{0,24}") {
        let twin = serde_json::from_str::<serde_json::Value>(&text).is_ok();
        prop_assert_eq!(Json::parse(&text).is_ok(), twin, "{}", text);
    }
}
