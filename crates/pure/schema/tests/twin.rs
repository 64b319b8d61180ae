//! The checker against its definition, written down with no thought for speed.

#![cfg(test)]

use postern_document::{Problems, parse_json};
use postern_schema::Schema;
use proptest::{collection::vec, prelude::*, sample::select, sample::subsequence};
use serde_json::{Map, Value, json};

const TYPES: [&str; 7] = ["array", "boolean", "integer", "null", "number", "object", "string"];
const NAMES: [&str; 3] = ["a", "ab", "b"];

fn names() -> impl Strategy<Value = Vec<&'static str>> {
    subsequence(NAMES.to_vec(), 0..=3)
}

fn numbers() -> impl Strategy<Value = Value> {
    select(vec!["-2", "-1", "0", "-0.0", "0.5", "1", "1.0", "10e-1", "1.5", "2", "3", "30E-1"])
        .prop_map(|text| serde_json::from_str(text).expect("a number"))
}

fn values() -> impl Strategy<Value = Value> {
    let texts = select(vec!["", "a", "b", "ab", "é😀"]);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        numbers(),
        texts.prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![vec(inner.clone(), 0..4).prop_map(Value::from), members(inner)]
    })
}

fn members(value: impl Strategy<Value = Value>) -> impl Strategy<Value = Value> {
    vec((select(NAMES.to_vec()), value), 0..4)
        .prop_map(|members| members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

/// Schemas, as lists of keywords with their values.
fn schemas() -> BoxedStrategy<Value> {
    let leaf = prop_oneof![
        6 => vec(plain_keywords(), 0..3).prop_map(schema),
        1 => Just(json!({"$ref": "#"})),
    ];
    leaf.prop_recursive(3, 24, 3, |inner| {
        let keyword = prop_oneof![plain_keywords(), keywords_of_schemas(inner)];
        vec(keyword, 1..4).prop_map(schema)
    })
    .boxed()
}

fn schema(keywords: Vec<(&'static str, Value)>) -> Value {
    keywords.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn plain_keywords() -> BoxedStrategy<(&'static str, Value)> {
    let count = || (0_u8..4).prop_map(Value::from);
    let flag = || any::<bool>().prop_map(Value::from);
    let patterns = select(vec!["a", "^a", "b$", "^$", "^..$"]).prop_map(Value::from);
    let dependencies = names().prop_map(|names| json!({"a": names}));
    prop_oneof![
        subsequence(TYPES.to_vec(), 1..4).prop_map(|types| ("type", json!(types))),
        vec(values(), 1..4).prop_map(|values| ("enum", Value::from(values))),
        select(vec!["0.5", "1", "1.5", "2"])
            .prop_map(|text| { ("multipleOf", serde_json::from_str(text).expect("a number")) }),
        numbers().prop_map(|number| ("minimum", number)),
        numbers().prop_map(|number| ("maximum", number)),
        flag().prop_map(|flag| ("exclusiveMinimum", flag)),
        flag().prop_map(|flag| ("exclusiveMaximum", flag)),
        count().prop_map(|count| ("minLength", count)),
        count().prop_map(|count| ("maxLength", count)),
        count().prop_map(|count| ("minItems", count)),
        count().prop_map(|count| ("maxItems", count)),
        count().prop_map(|count| ("minProperties", count)),
        count().prop_map(|count| ("maxProperties", count)),
        flag().prop_map(|flag| ("uniqueItems", flag)),
        flag().prop_map(|flag| ("additionalItems", flag)),
        flag().prop_map(|flag| ("additionalProperties", flag)),
        patterns.prop_map(|pattern| ("pattern", pattern)),
        names().prop_map(|names| ("required", json!(names))),
        dependencies.prop_map(|dependencies| ("dependencies", dependencies)),
    ]
    .boxed()
}

fn keywords_of_schemas(inner: BoxedStrategy<Value>) -> BoxedStrategy<(&'static str, Value)> {
    let list = || vec(inner.clone(), 1..4).prop_map(Value::from);
    let by_pattern = vec((select(vec!["a", "^a", "b$"]), inner.clone()), 1..3).prop_map(|entries| {
        entries.into_iter().map(|(pattern, schema)| (pattern.to_owned(), schema)).collect()
    });
    prop_oneof![
        inner.clone().prop_map(|schema| ("items", schema)),
        list().prop_map(|schemas| ("items", schemas)),
        inner.clone().prop_map(|schema| ("additionalItems", schema)),
        members(inner.clone()).prop_map(|schemas| ("properties", schemas)),
        by_pattern.prop_map(|schemas: Value| ("patternProperties", schemas)),
        inner.clone().prop_map(|schema| ("additionalProperties", schema)),
        members(inner.clone()).prop_map(|schemas| ("dependencies", schemas)),
        list().prop_map(|schemas| ("allOf", schemas)),
        list().prop_map(|schemas| ("anyOf", schemas)),
        list().prop_map(|schemas| ("oneOf", schemas)),
        inner.clone().prop_map(|schema| ("not", schema)),
    ]
    .boxed()
}

/// The definition: draft 4's validation document, section 5, keyword by keyword.
fn keeps(root: &Value, schema: &Value, value: &Value) -> bool {
    if schema.get("$ref").is_some() {
        return keeps(root, root, value);
    }
    let schema = schema.as_object().expect("a schema");
    schema.iter().all(|(name, wanted)| keyword_holds(root, schema, (name, wanted), value))
}

fn keyword_holds(root: &Value, schema: &Map<String, Value>, keyword: (&str, &Value), value: &Value) -> bool {
    let (name, wanted) = keyword;
    let all = |wanted: &Value| {
        wanted.as_array().expect("schemas").iter().map(|it| keeps(root, it, value)).collect()
    };
    let flag = |name: &str| schema.get(name) == Some(&Value::Bool(true));
    match (name, value) {
        ("type", _) => wanted.as_array().expect("types").iter().any(|name| is_of_type(name, value)),
        ("enum", _) => wanted.as_array().expect("values").iter().any(|possible| same(possible, value)),
        ("allOf", _) => Vec::<bool>::into_iter(all(wanted)).all(|it| it),
        ("anyOf", _) => Vec::<bool>::into_iter(all(wanted)).any(|it| it),
        ("oneOf", _) => Vec::<bool>::into_iter(all(wanted)).filter(|it| *it).count() == 1,
        ("not", _) => !keeps(root, wanted, value),
        ("multipleOf", Value::Number(_)) => (float(value) / float(wanted)).fract() == 0.0,
        ("minimum", Value::Number(_)) if flag("exclusiveMinimum") => float(value) > float(wanted),
        ("minimum", Value::Number(_)) => float(value) >= float(wanted),
        ("maximum", Value::Number(_)) if flag("exclusiveMaximum") => float(value) < float(wanted),
        ("maximum", Value::Number(_)) => float(value) <= float(wanted),
        ("minLength", Value::String(text)) => text.chars().count() >= count(wanted),
        ("maxLength", Value::String(text)) => text.chars().count() <= count(wanted),
        ("pattern", Value::String(text)) => matches(wanted.as_str().expect("a pattern"), text),
        ("minItems", Value::Array(items)) => items.len() >= count(wanted),
        ("maxItems", Value::Array(items)) => items.len() <= count(wanted),
        ("uniqueItems", Value::Array(items)) => {
            let equals = items.iter().map(|one| items.iter().filter(|other| same(one, other)).count());
            wanted == &Value::Bool(false) || equals.into_iter().all(|count| count == 1)
        }
        ("items", Value::Array(items)) => {
            items.iter().enumerate().all(|(at, item)| item_keeps(root, schema, at, item))
        }
        ("minProperties", Value::Object(members)) => members.len() >= count(wanted),
        ("maxProperties", Value::Object(members)) => members.len() <= count(wanted),
        ("required", Value::Object(members)) => has_all(members, wanted),
        ("dependencies", Value::Object(members)) => {
            wanted.as_object().expect("a mapping").iter().all(|(name, dependency)| {
                !members.contains_key(name)
                    || if dependency.is_array() {
                        has_all(members, dependency)
                    } else {
                        keeps(root, dependency, value)
                    }
            })
        }
        ("properties" | "patternProperties" | "additionalProperties", Value::Object(members)) => {
            members.iter().all(|(name, member)| member_keeps(root, schema, name, member))
        }
        _ => true,
    }
}

fn item_keeps(root: &Value, schema: &Map<String, Value>, at: usize, item: &Value) -> bool {
    let rule = match &schema["items"] {
        Value::Array(first) => first.get(at).or_else(|| schema.get("additionalItems")),
        one => Some(one),
    };
    match rule {
        Some(Value::Bool(allowed)) => *allowed,
        Some(rule) => keeps(root, rule, item),
        None => true,
    }
}

fn member_keeps(root: &Value, schema: &Map<String, Value>, name: &str, member: &Value) -> bool {
    let named = schema.get("properties").and_then(|named| named.get(name));
    let patterns = schema.get("patternProperties").and_then(Value::as_object);
    let matching = patterns.into_iter().flatten().filter(|(pattern, _)| matches(pattern, name));
    let rules: Vec<_> = named.into_iter().chain(matching.map(|(_, rule)| rule)).collect();
    if !rules.is_empty() {
        return rules.into_iter().all(|rule| keeps(root, rule, member));
    }
    match schema.get("additionalProperties") {
        Some(Value::Bool(allowed)) => *allowed,
        Some(rule) => keeps(root, rule, member),
        None => true,
    }
}

fn has_all(members: &Map<String, Value>, names: &Value) -> bool {
    names.as_array().expect("names").iter().all(|name| members.contains_key(name.as_str().expect("a name")))
}

fn is_of_type(name: &Value, value: &Value) -> bool {
    match name.as_str().expect("a name") {
        "array" => value.is_array(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_number() && !value.to_string().contains(['.', 'e', 'E']),
        "null" => value.is_null(),
        "number" => value.is_number(),
        "object" => value.is_object(),
        _ => value.is_string(),
    }
}

fn matches(pattern: &str, text: &str) -> bool {
    match pattern {
        "a" => text.contains('a'),
        "^a" => text.starts_with('a'),
        "b$" => text.ends_with('b'),
        "^$" => text.is_empty(),
        _ => text.chars().count() == 2,
    }
}

fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(_), Value::Number(_)) => float(one) == float(other),
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && (0..one.len()).all(|at| same(&one[at], &other[at]))
        }
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one.keys().all(|key| other.contains_key(key) && same(&one[key], &other[key]))
        }
        _ => one == other,
    }
}

/// Exact for the numbers that are made here.
fn float(value: &Value) -> f64 {
    value.as_f64().expect("a number")
}

fn count(value: &Value) -> usize {
    value.as_u64().and_then(|count| usize::try_from(count).ok()).expect("a count")
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_checker_agrees_with_its_definition(schema in schemas(), values in vec(values(), 1..8)) {
        let node = parse_json("a.json", &schema.to_string()).expect("JSON");
        let mut problems = Problems::default();
        let Some(compiled) = Schema::compile(&node, &|_| None, &mut problems) else {
            let is_endless = problems.errors().all(|it| it.message.contains("without end") || it.message.contains("leads back"));
            prop_assert!(is_endless, "{:?}", problems);
            return Ok(());
        };
        for value in values {
            let is_valid = compiled.is_valid(&value);
            prop_assert_eq!(is_valid, keeps(&schema, &schema, &value), "{}", value);
            let told = compiled.check(&value);
            prop_assert_eq!(told.is_ok(), is_valid, "{}: {:?}", value, told);
            if let Err(violations) = told {
                prop_assert!(violations.iter().count() > 0 && violations.iter().all(|text| !text.is_empty()));
            }
        }
    }
}
