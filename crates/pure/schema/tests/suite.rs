//! The public test suite of JSON Schema draft 4.

#![cfg(test)]

use postern_document::{Problems, parse_json};
use postern_schema::Schema;
use serde_json::Value;

const FILES: &[(&str, &str)] = &[
    ("additionalItems.json", include_str!("corpus/draft4/additionalItems.json")),
    ("additionalProperties.json", include_str!("corpus/draft4/additionalProperties.json")),
    ("allOf.json", include_str!("corpus/draft4/allOf.json")),
    ("anyOf.json", include_str!("corpus/draft4/anyOf.json")),
    ("default.json", include_str!("corpus/draft4/default.json")),
    ("definitions.json", include_str!("corpus/draft4/definitions.json")),
    ("dependencies.json", include_str!("corpus/draft4/dependencies.json")),
    ("enum.json", include_str!("corpus/draft4/enum.json")),
    ("format.json", include_str!("corpus/draft4/format.json")),
    ("infinite-loop-detection.json", include_str!("corpus/draft4/infinite-loop-detection.json")),
    ("items.json", include_str!("corpus/draft4/items.json")),
    ("maxItems.json", include_str!("corpus/draft4/maxItems.json")),
    ("maxLength.json", include_str!("corpus/draft4/maxLength.json")),
    ("maxProperties.json", include_str!("corpus/draft4/maxProperties.json")),
    ("maximum.json", include_str!("corpus/draft4/maximum.json")),
    ("minItems.json", include_str!("corpus/draft4/minItems.json")),
    ("minLength.json", include_str!("corpus/draft4/minLength.json")),
    ("minProperties.json", include_str!("corpus/draft4/minProperties.json")),
    ("minimum.json", include_str!("corpus/draft4/minimum.json")),
    ("multipleOf.json", include_str!("corpus/draft4/multipleOf.json")),
    ("not.json", include_str!("corpus/draft4/not.json")),
    ("oneOf.json", include_str!("corpus/draft4/oneOf.json")),
    ("optional/bignum.json", include_str!("corpus/draft4/optional/bignum.json")),
    ("optional/ecmascript-regex.json", include_str!("corpus/draft4/optional/ecmascript-regex.json")),
    ("optional/float-overflow.json", include_str!("corpus/draft4/optional/float-overflow.json")),
    ("optional/format/date-time.json", include_str!("corpus/draft4/optional/format/date-time.json")),
    ("optional/format/email.json", include_str!("corpus/draft4/optional/format/email.json")),
    ("optional/format/hostname.json", include_str!("corpus/draft4/optional/format/hostname.json")),
    ("optional/format/ipv4.json", include_str!("corpus/draft4/optional/format/ipv4.json")),
    ("optional/format/ipv6.json", include_str!("corpus/draft4/optional/format/ipv6.json")),
    ("optional/format/unknown.json", include_str!("corpus/draft4/optional/format/unknown.json")),
    ("optional/format/uri.json", include_str!("corpus/draft4/optional/format/uri.json")),
    ("optional/id.json", include_str!("corpus/draft4/optional/id.json")),
    ("optional/non-bmp-regex.json", include_str!("corpus/draft4/optional/non-bmp-regex.json")),
    ("optional/zeroTerminatedFloats.json", include_str!("corpus/draft4/optional/zeroTerminatedFloats.json")),
    ("pattern.json", include_str!("corpus/draft4/pattern.json")),
    ("patternProperties.json", include_str!("corpus/draft4/patternProperties.json")),
    ("properties.json", include_str!("corpus/draft4/properties.json")),
    ("ref.json", include_str!("corpus/draft4/ref.json")),
    ("refRemote.json", include_str!("corpus/draft4/refRemote.json")),
    ("required.json", include_str!("corpus/draft4/required.json")),
    ("type.json", include_str!("corpus/draft4/type.json")),
    ("uniqueItems.json", include_str!("corpus/draft4/uniqueItems.json")),
];

/// Groups that are not run as the suite means them, each with the reason; `*` is every group.
const EXCLUDED: &[(&str, &str, &str)] = &[
    ("refRemote.json", "*", "SD8: schemas are never fetched from elsewhere"),
    (
        "definitions.json",
        "validate definition against metaschema",
        "SD8: schemas are never fetched from elsewhere",
    ),
    ("ref.json", "remote ref, containing refs itself", "SD8: schemas are never fetched from elsewhere"),
    (
        "ref.json",
        "$ref prevents a sibling id from changing the base uri",
        "SD4: `id` gives no schema another address",
    ),
    ("ref.json", "Recursive references between schemas", "SD4: `id` gives no schema another address"),
    ("ref.json", "Location-independent identifier", "SD4: `id` gives no schema another address"),
    (
        "ref.json",
        "Location-independent identifier with base URI change in subschema",
        "SD4: `id` gives no schema another address",
    ),
    (
        "ref.json",
        "id must be resolved against nearest parent, not just immediate parent",
        "SD4: `id` gives no schema another address",
    ),
    ("optional/id.json", "*", "SD4: `id` gives no schema another address"),
    ("optional/format/date-time.json", "*", "SD7: formats are not enforced"),
    ("optional/format/email.json", "*", "SD7: formats are not enforced"),
    ("optional/format/hostname.json", "*", "SD7: formats are not enforced"),
    ("optional/format/ipv4.json", "*", "SD7: formats are not enforced"),
    ("optional/format/ipv6.json", "*", "SD7: formats are not enforced"),
    ("optional/format/uri.json", "*", "SD7: formats are not enforced"),
];

/// What running one file came to.
#[derive(Default, Debug, PartialEq, Eq)]
struct Count {
    passed: usize,
    excluded: usize,
}

#[test]
fn the_suite_passes_but_for_what_is_excluded() {
    let mut count = Count::default();
    let mut wrong = Vec::new();
    for (file, text) in FILES {
        let groups: Vec<Value> = serde_json::from_str(text).expect(file);
        for group in &groups {
            run(file, group, &mut count, &mut wrong);
        }
    }
    assert_eq!(wrong, [""; 0]);
    assert_eq!(count, Count { passed: 779, excluded: 158 });
}

fn run(file: &str, group: &Value, count: &mut Count, wrong: &mut Vec<String>) {
    let description = group["description"].as_str().expect("a description");
    let tests = group["tests"].as_array().expect("tests");
    let is_excluded = EXCLUDED.iter().any(|(excluded_file, excluded_group, _)| {
        *excluded_file == file && (*excluded_group == "*" || *excluded_group == description)
    });
    let schema = parse_json(file, &group["schema"].to_string()).expect("JSON");
    let mut problems = Problems::default();
    let compiled = Schema::compile(&schema, &|_| None, &mut problems);
    let mut failed = Vec::new();
    for test in tests {
        let expected = test["valid"].as_bool().expect("a verdict");
        let found = compiled.as_ref().map(|schema| {
            let is_valid = schema.is_valid(&test["data"]);
            assert_eq!(schema.check(&test["data"]).is_ok(), is_valid, "{file}: {description}: {test}");
            is_valid
        });
        if found != Some(expected) {
            failed.push(format!("{file}: {description}: {}: {found:?} {problems:?}", test["description"]));
        }
    }
    count.passed += tests.len() - failed.len();
    if !is_excluded {
        wrong.extend(failed);
    } else if failed.is_empty() {
        wrong.push(format!("{file}: {description}: excluded without need"));
    } else {
        count.excluded += failed.len();
    }
}
