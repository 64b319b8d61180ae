//! Compiling models: where references lead, and what is refused at which place.

#![cfg(test)]

use postern_document::{Node, Problems, parse_yaml};
use postern_schema::Schema;
use serde_json::{Value, json};

/// Compiles a schema beside a list of models.
fn compile(schema: &str, models: &[(&str, &str)]) -> (Option<Schema>, Vec<String>) {
    let root = parse_yaml("a.yaml", schema).expect(schema);
    let models: Vec<(&str, Node)> = models
        .iter()
        .map(|(name, text)| (*name, parse_yaml(&format!("{name}.yaml"), text).expect(text)))
        .collect();
    let find = |name: &str| models.iter().find(|(known, _)| *known == name).map(|(_, node)| node);
    let mut problems = Problems::default();
    let schema = Schema::compile(&root, &find, &mut problems);
    (schema, problems.iter().map(ToString::to_string).collect())
}

fn sound(schema: &str, models: &[(&str, &str)]) -> Schema {
    match compile(schema, models) {
        (Some(schema), problems) if problems.is_empty() => schema,
        (_, problems) => panic!("{schema}: {problems:?}"),
    }
}

fn refused(schema: &str, models: &[(&str, &str)]) -> Vec<String> {
    let (compiled, problems) = compile(schema, models);
    assert!(compiled.is_none(), "{schema}");
    problems
}

/// A list in so many lists.
fn nested(depth: usize, inside: Value) -> Value {
    (0..depth).fold(inside, |value, _| json!([value]))
}

#[test]
fn sd4_references_lead_to_definitions_and_models() {
    let models = [("Name", "{type: string}"), ("Deep", "{properties: {a/b: {type: integer}}}")];
    let references = [
        ("#/definitions/Name", true),
        ("#/components/schemas/Name", true),
        ("https://apigateway.amazonaws.com/restapis/abc123/models/Name", true),
        ("#/definitions/Deep/properties/a~1b", false),
        ("#/components/schemas/Deep/properties/a%7E1b", false),
        ("https://apigateway.amazonaws.com/restapis/abc123/models/Deep#/properties/a~1b", false),
    ];
    for (reference, is_text) in references {
        let schema = sound(&format!("$ref: '{reference}'"), &models);
        assert_eq!(schema.is_valid(&json!("x")), is_text, "{reference}");
        assert_eq!(schema.is_valid(&json!(1)), !is_text, "{reference}");
    }
}

#[test]
fn sd4_own_definitions_come_before_models_of_the_name() {
    let schema = "{definitions: {Name: {type: integer}}, $ref: '#/definitions/Name'}";
    // `$ref` has no siblings, but they can be pointed at.
    assert!(sound(schema, &[("Name", "{type: string}")]).is_valid(&json!(1)));
}

#[test]
fn sd4_inside_a_model_a_hash_is_that_model() {
    let tree = "{type: object, properties: {left: {$ref: '#'}, right: {$ref: '#/definitions/Tree'}}, additionalProperties: false}";
    let schema = sound("{type: array, items: {$ref: '#/definitions/Tree'}}", &[("Tree", tree)]);
    assert!(schema.is_valid(&json!([{"left": {"right": {}}}, {}])));
    assert!(!schema.is_valid(&json!([{"left": {"right": []}}])));
    assert!(!schema.is_valid(&json!([{"left": {"up": {}}}])));
    assert!(!schema.is_valid(&json!({})));
}

#[test]
fn sd4_models_may_refer_to_each_other_in_circles() {
    let person = "{type: object, required: [name], properties: {name: {type: string}, pets: {type: array, items: {$ref: '#/definitions/Pet'}}}}";
    let pet = "{type: object, properties: {owner: {$ref: 'https://apigateway.amazonaws.com/restapis/x/models/Person'}}}";
    let schema = sound("$ref: '#/definitions/Person'", &[("Person", person), ("Pet", pet)]);
    let value = json!({"name": "a", "pets": [{"owner": {"name": "b", "pets": []}}]});
    assert!(schema.is_valid(&value));
    let value = json!({"name": "a", "pets": [{"owner": {"pets": []}}]});
    assert_eq!(
        schema.check(&value).unwrap_err().to_string(),
        "[object has missing required properties ([\"name\"])]"
    );
}

#[test]
fn sd8_no_other_reference_is_followed() {
    let expected = "schemas are never fetched from elsewhere: expected `#/definitions/NAME`, \
        `#/components/schemas/NAME` or `https://apigateway.amazonaws.com/restapis/API/models/NAME`";
    for reference in
        ["http://json-schema.org/draft-04/schema#", "pet.json", "../a.yaml#/definitions/Name", ""]
    {
        let told = refused(&format!("properties: {{a: {{$ref: '{reference}'}}}}"), &[]);
        assert_eq!(told, [format!("a.yaml:1:24: `$ref` is `{reference}`: {expected}")]);
    }
}

#[test]
fn references_to_nothing_or_without_end_are_refused() {
    let missing = "no such definition or model";
    let rows = [
        ("$ref: '#/definitions/X'", vec![format!("a.yaml:1:7: `$ref` is `#/definitions/X`: {missing}")]),
        ("$ref: '#/paths/~1x'", vec![format!("a.yaml:1:7: `$ref` is `#/paths/~1x`: {missing}")]),
        ("$ref: '#name'", vec![format!("a.yaml:1:7: `$ref` is `#name`: {missing}")]),
        ("$ref: '#/%zz'", vec!["a.yaml:1:7: `$ref` is `#/%zz`: not a JSON pointer".into()]),
        ("$ref: [1]", vec!["a.yaml:1:7: `$ref` is a list: expected text".into()]),
        (
            "$ref: https://apigateway.amazonaws.com/restapis/x/models/X",
            vec![
                "a.yaml:1:7: `$ref` is `https://apigateway.amazonaws.com/restapis/x/models/X`: no such model"
                    .into(),
            ],
        ),
        ("$ref: '#'", vec!["a.yaml:1:7: `$ref` is `#`, which leads back here".into()]),
        (
            "definitions: {a: {$ref: '#/definitions/b'}, b: {$ref: '#/definitions/a'}}\nnot: {$ref: '#/definitions/a'}",
            vec!["a.yaml:1:25: `$ref` is `#/definitions/b`, which leads back here".into()],
        ),
    ];
    for (schema, told) in rows {
        assert_eq!(refused(schema, &[]), told, "{schema}");
    }
}

#[test]
fn a_schema_that_applies_itself_without_end_is_refused() {
    let endless = "the schema applies itself to the same value, without end";
    for schema in [
        "allOf: [{$ref: '#'}]",
        "anyOf: [{type: string}, {not: {$ref: '#'}}]",
        "oneOf: [{oneOf: [{$ref: '#'}]}]",
        "dependencies: {a: {$ref: '#'}}",
    ] {
        assert_eq!(refused(schema, &[]), [format!("a.yaml:1:1: {endless}")], "{schema}");
    }
    // Deeper in the value it is no loop.
    for schema in ["items: {allOf: [{$ref: '#'}]}", "additionalProperties: {not: {$ref: '#'}}"] {
        sound(schema, &[]);
    }
}

#[test]
fn keywords_of_the_wrong_shape_are_refused_all_of_them() {
    let schema = "
type: strnig
enum: []
multipleOf: 0
maximum: '5'
exclusiveMinimum: 3
minimum: 1
maxLength: -1
minLength: 1.5
pattern: 5
maxItems: x
uniqueItems: 1
items: true
required: a
properties: [a]
patternProperties: {'(': {}}
additionalProperties: 5
dependencies: {a: [[b]]}
allOf: []
anyOf: {}
oneOf: [true]
not: [x]
";
    let types = "expected one of `array`, `boolean`, `integer`, `null`, `number`, `object`, `string`, or a list of them";
    let expected = [
        &format!("a.yaml:2:7: `type` is `strnig`: {types}"),
        "a.yaml:3:7: `enum` is a list: expected a list of values",
        "a.yaml:4:13: `multipleOf` is `0`: expected a number greater than 0, of at most 19 digits",
        "a.yaml:5:10: `maximum` is `5`: expected a number",
        "a.yaml:6:19: `exclusiveMinimum` is `3`: expected `true` or `false`",
        "a.yaml:8:12: `maxLength` is `-1`: expected a whole number from 0",
        "a.yaml:9:12: `minLength` is `1.5`: expected a whole number from 0",
        "a.yaml:10:10: `pattern` is `5`: expected text",
        "a.yaml:11:11: `maxItems` is `x`: expected a whole number from 0",
        "a.yaml:12:14: `uniqueItems` is `1`: expected `true` or `false`",
        "a.yaml:13:8: `items` is `true`: expected a schema or a list of schemas",
        "a.yaml:14:11: `required` is `a`: expected a list of names",
        "a.yaml:15:13: `properties` is a list: expected a mapping of names to schemas",
        "a.yaml:16:21: pattern `(`: error: unclosed group",
        "a.yaml:17:23: `additionalProperties` is `5`: expected a schema, `true` or `false`",
        "a.yaml:18:20: `dependencies` is a list: expected names of properties",
        "a.yaml:19:8: `allOf` is a list: expected a list of schemas",
        "a.yaml:20:8: `anyOf` is a mapping: expected a list of schemas",
        "a.yaml:21:9: a boolean where a schema is expected: expected a mapping",
        "a.yaml:22:6: a list where a schema is expected: expected a mapping",
    ];
    assert_eq!(refused(schema.trim_start_matches('x'), &[]), expected);
    assert_eq!(refused("text", &[]), ["a.yaml:1:1: text where a schema is expected: expected a mapping"]);
}

#[test]
fn unknown_keywords_are_ignored_with_a_warning() {
    let (schema, told) =
        compile("{requierd: [a], const: 1, x-mine: 1, title: T, format: date, example: 5}", &[]);
    assert!(schema.expect("sound").is_valid(&json!({})));
    let expected = [
        "a.yaml:1:2: warning: `requierd` is no keyword of JSON Schema draft 4, and is ignored: did you mean `required`?",
        "a.yaml:1:17: warning: `const` is no keyword of JSON Schema draft 4, and is ignored",
    ];
    assert_eq!(told, expected);
}

#[test]
fn sd7_formats_are_not_enforced() {
    assert!(sound("{type: string, format: date-time}", &[]).is_valid(&json!("yesterday")));
}

#[test]
fn sd9_schema_is_optional_and_required_of_draft_3_is_ignored() {
    let schema =
        sound("{$schema: 'http://json-schema.org/draft-04/schema#', properties: {a: {required: true}}}", &[]);
    assert!(schema.is_valid(&json!({})));
}

#[test]
fn sd10_numbers_compare_as_big_decimals() {
    let schema = sound("{minimum: 9007199254740993, maximum: 0x20000000000002}", &[]);
    let is_valid = |text: &str| schema.is_valid(&serde_json::from_str(text).expect(text));
    assert!(!is_valid("9007199254740992"));
    assert!(is_valid("9007199254740993"));
    assert!(is_valid("9007199254740994.000"));
    assert!(!is_valid("9007199254740994.0001"));
}

#[test]
fn null_is_a_type_like_others() {
    let schema = sound("{properties: {a: {type: [string, 'null']}}}", &[]);
    assert!(schema.is_valid(&json!({"a": null})));
    assert!(schema.is_valid(&json!({"a": "x"})));
    assert!(!schema.is_valid(&json!({"a": 1})));
}

#[test]
fn vb4_an_empty_object_keeps_to_an_open_schema_alone() {
    assert!(sound("{type: object}", &[]).is_valid(&json!({})));
    assert!(!sound("{type: object, required: [a]}", &[]).is_valid(&json!({})));
}

#[test]
fn schemas_that_recurse_side_by_side_do_not_double_the_work() {
    let schema = sound("anyOf: [{type: array, items: {$ref: '#'}}, {type: array, items: {$ref: '#'}}]", &[]);
    assert!(!schema.is_valid(&nested(60, json!("x"))));
    assert!(schema.is_valid(&nested(60, json!([]))));
    let schema = sound(
        "{type: array, items: {$ref: '#'}, not: {type: array, items: {not: {$ref: '#'}}, minItems: 2}}",
        &[],
    );
    assert!(schema.is_valid(&nested(60, json!([]))));
    let schema = sound(
        "{properties: {a: {$ref: '#'}}, patternProperties: {a: {$ref: '#'}, ^a: {$ref: '#'}}, not: {enum: [1]}}",
        &[],
    );
    let deep = (0..60).fold(json!(1), |value, _| json!({"a": value}));
    assert_eq!(
        schema.check(&deep).unwrap_err().iter().next(),
        Some("instance matched a schema which it should not have")
    );
}

#[test]
fn a_value_that_is_too_deep_keeps_to_nothing() {
    for text in ["{type: array, items: {$ref: '#'}}", "not: {type: array, items: {not: {$ref: '#'}}}"] {
        let schema = sound(text, &[]);
        let value = nested(1_100, json!([]));
        assert!(!schema.is_valid(&value));
        let told = schema.check(&value).unwrap_err().to_string();
        assert_eq!(told, "[instance is nested more than 1000 schemas deep]");
    }
}

#[test]
fn long_chains_of_models_are_read_without_recursion() {
    let models: Vec<(String, String)> = (0..20_000)
        .map(|number| (format!("M{number}"), format!("{{items: {{$ref: '#/definitions/M{}'}}}}", number + 1)))
        .chain([("M20000".to_owned(), "{type: string}".to_owned())])
        .collect();
    let nodes: std::collections::BTreeMap<_, _> = models
        .iter()
        .map(|(name, text)| (name.as_str(), parse_yaml("m.yaml", text).expect("valid")))
        .collect();
    let root = parse_yaml("a.yaml", "$ref: '#/definitions/M0'").expect("valid");
    let schema = Schema::compile(&root, &|name| nodes.get(name), &mut Problems::default()).expect("sound");
    assert!(schema.is_valid(&json!([[[1]]])));
}
