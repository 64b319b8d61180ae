//! The table of keys and the reader are one: no key does nothing, and no other key is taken.

use std::collections::BTreeSet;

use postern_config::{Absent, Fields, KEYS, KeyPath, Kind, json_schema, key_paths};
use postern_document::{Node, parse_json};

use crate::common::files;

/// A file in which a key of the table stands alone, with this value.
fn alone(path: &str, value: &str) -> String {
    let wrap = |inner: String, step: &str| match step {
        _ if step.ends_with("[]") => format!("{{\"{}\": [{inner}]}}", step.trim_end_matches("[]")),
        _ if step.ends_with("{}") => {
            format!("{{\"{}\": {{\"/a/GET\": {inner}}}}}", step.trim_end_matches("{}"))
        }
        _ => format!("{{\"{step}\": {inner}}}"),
    };
    path.rsplit('.').filter(|step| !step.is_empty()).fold(value.to_owned(), wrap)
}

fn told(text: String) -> Vec<String> {
    files().with("postern.yaml", text).told()
}

/// Every mapping that the file can hold: its path and its keys.
fn all_fields() -> Vec<(String, &'static Fields)> {
    let nested = key_paths().into_iter().filter_map(|KeyPath { path, key }| {
        let joint = match key.kind {
            Kind::List(_) => "[]",
            Kind::Map(_) => "{}",
            _ => "",
        };
        Some((format!("{path}{joint}."), key.kind.fields()?))
    });
    [(String::new(), KEYS)].into_iter().chain(nested).collect()
}

#[test]
fn every_key_of_the_table_is_read() {
    for KeyPath { path, key } in key_paths() {
        let name = key.name;
        let (wrong, expected) = match key.kind {
            Kind::Record(fields) => {
                ("5", format!("a number where {} is expected: expected a mapping", fields.what))
            }
            Kind::List(_) => ("5", format!("`{name}` is a number: expected a list")),
            Kind::Map(_) => ("5", format!("`{name}` is a number: expected a mapping")),
            _ => ("{}", format!("`{name}` is a mapping: expected one value")),
        };
        let told = told(alone(&path, wrong));
        let hits = told.iter().filter(|told| told.ends_with(&expected)).count();
        assert_eq!(hits, 1, "{path}: {told:#?}");
        assert!(!told.iter().any(|told| told.contains("unknown key")), "{path}: {told:#?}");
    }
}

#[test]
fn every_unsupported_key_is_refused() {
    for (path, fields) in all_fields() {
        for name in fields.unsupported {
            let told = told(alone(&format!("{path}{name}"), "{}"));
            let expected = format!("`{name}` is not supported yet");
            assert_eq!(
                told.iter().filter(|told| told.ends_with(&expected)).count(),
                1,
                "{path}{name}: {told:#?}"
            );
            assert!(!fields.keys.iter().any(|key| key.name == *name), "{path}{name} is supported, too");
        }
    }
}

#[test]
fn every_other_key_is_refused() {
    for (path, fields) in all_fields() {
        let told = told(alone(&format!("{path}nonsense"), "{}"));
        let expected = format!("unknown key `nonsense` in {}", fields.what);
        assert_eq!(told.iter().filter(|told| told.ends_with(&expected)).count(), 1, "{path}: {told:#?}");
    }
}

#[test]
fn every_required_key_is_missed() {
    for (path, fields) in all_fields() {
        for key in fields.keys.iter().filter(|key| key.absent == Absent::Refused) {
            let told = told(alone(path.trim_end_matches('.'), "{}"));
            let expected = format!("`{}` is missing in {}", key.name, fields.what);
            assert_eq!(told.iter().filter(|told| told.ends_with(&expected)).count(), 1, "{path}: {told:#?}");
        }
    }
}

#[test]
fn paths_are_unique_and_the_settings_among_them_are_counted() {
    let paths = key_paths();
    let unique: BTreeSet<&str> = paths.iter().map(|found| &*found.path).collect();
    assert_eq!(unique.len(), paths.len());
    assert!(unique.contains("vpcEndpoints[].tls[].certificateFile"));
    assert!(unique.contains("usagePlans[].apiStages[].throttle{}.rateLimit"));
    assert!(unique.contains("limits.payloadBytes"));
    let setting = |path: &str| paths.iter().find(|found| found.path == path).unwrap().is_setting();
    assert!(setting("hosts") && setting("restApis[].stages[].variables") && setting("apiKeysFile"));
    assert!(!setting("limits") && !setting("restApis[].stages[].methodSettings"));
}

/// What the table calls the default is what the reader does without the key.
#[test]
fn defaults_of_the_table_are_those_of_the_reader() {
    const REQUIRED: &str = "
      'region': us-east-1, 'accountId': '123456789012',
      'vpcEndpoints': [{'vpcEndpointId': vpce-1, 'vpcId': vpc-1, 'listeners': [{'address': '127.0.0.1:80'}] ENDPOINT }],
      'restApis': [{'id': a1, 'definition': apis/pets.json, 'endpointConfiguration': {TYPES} API }],
      'domainNames': [{'domainName': a.internal, 'endpointConfiguration': {TYPES} DOMAIN }],
      'apiKeys': [{'name': a, 'value': '01234567890123456789' KEY }],
      'usagePlans': [{'name': gold, 'quota': {'limit': 5, 'period': DAY QUOTA }}],
      'accountThrottle': {'rateLimit': 1, 'burstLimit': 1 ACCOUNT },
      'accessLog': {'format': '$context.requestId' LOG },
      'limits': {LIMITS}, 'compatibility': {COMPATIBILITY}";
    let places = [
        ("ENDPOINT", "vpcEndpoints[]."),
        ("TYPES", "restApis[].endpointConfiguration."),
        ("API", "restApis[]."),
        ("DOMAIN", "domainNames[]."),
        ("KEY", "apiKeys[]."),
        ("QUOTA", "usagePlans[].quota."),
        ("ACCOUNT", "accountThrottle."),
        ("LOG", "accessLog."),
        ("LIMITS", "limits."),
        ("COMPATIBILITY", "compatibility."),
    ];
    let mut without = format!("{{{REQUIRED}}}");
    let mut with = format!("{{{REQUIRED}{}}}", defaults_under(""));
    for (mark, path) in places {
        let is_only = matches!(mark, "TYPES" | "LIMITS" | "COMPATIBILITY");
        let defaults = defaults_under(path);
        let defaults = if is_only { defaults.trim_start_matches(", ").to_owned() } else { defaults };
        with = with
            .replace(&format!(" {mark} "), &defaults)
            .replace(&format!("{{{mark}}}"), &format!("{{{defaults}}}"));
        without = without.replace(&format!(" {mark} "), "").replace(&format!("{{{mark}}}"), "{}");
    }
    let read = |text: &str| {
        let outcome = files().with("postern.yaml", text).read();
        format!("{:?}", outcome.configuration.unwrap_or_else(|| panic!("{:#?}\n{text}", outcome.problems)))
    };
    assert_eq!(read(&with), read(&without));
}

/// `, 'name': default` for each default right under a path.
fn defaults_under(prefix: &str) -> String {
    let is_here = |path: &str| path.strip_prefix(prefix).is_some_and(|name| !name.contains('.'));
    key_paths()
        .iter()
        .filter(|found| is_here(&found.path))
        .filter_map(|KeyPath { key, .. }| match key.absent {
            Absent::Value(default) => Some(format!(", '{}': {default}", key.name)),
            Absent::Number(default) => Some(format!(", '{}': {default}", key.name)),
            Absent::Refused | Absent::Means(_) => None,
        })
        .collect()
}

#[test]
fn the_schema_has_every_key() {
    let schema = parse_json("schema.json", &json_schema()).unwrap();
    assert_eq!(
        schema.get("$schema").unwrap().as_text(),
        Some("https://json-schema.org/draft/2020-12/schema")
    );
    for KeyPath { path, key } in key_paths() {
        let node = path.split('.').fold(&schema, |node, step| {
            let name = step.trim_end_matches(['[', ']', '{', '}']);
            let node =
                node.get("properties").and_then(|all| all.get(name)).unwrap_or_else(|| panic!("{path}"));
            below(node, step)
        });
        let node = if key.kind.fields().is_some() { continue } else { node };
        let description = node.get("description").unwrap().as_text().unwrap();
        assert!(description.starts_with(key.meaning.trim()), "{path}");
    }
    assert_eq!(
        schema.at_pointer("/properties/limits/properties/headBytes/maximum").unwrap().as_scalar_text(),
        Some("65536")
    );
    assert_eq!(schema.at_pointer("/properties/workers/anyOf/0/const").unwrap().as_text(), Some("auto"));
    assert_eq!(schema.at_pointer("/properties/requestStreaming/default").unwrap().as_boolean(), Some(true));
    let required = schema.at_pointer("/properties/restApis/items/required").unwrap().as_sequence().unwrap();
    let required: Vec<_> = required.iter().filter_map(Node::as_text).collect();
    assert_eq!(required, ["id", "definition"]);
}

fn below<'node>(node: &'node Node, step: &str) -> &'node Node {
    match step {
        _ if step.ends_with("[]") => node.get("items").unwrap(),
        _ if step.ends_with("{}") => node.get("additionalProperties").unwrap(),
        _ => node,
    }
}
