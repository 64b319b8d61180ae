//! The JSON Schema of the file, for editors, from the table of keys.

use postern_document::{Entry, Mapping, Node, Place, Value, write_json};

use crate::keys::{Absent, Fields, KEYS, Key, Kind, MOST_REQUESTS_PER_SECOND};

/// The JSON Schema (draft 2020-12) of `postern.yaml`, as one line of JSON.
///
/// ```
/// assert!(postern_config::json_schema().contains(r#""stageName":{"type":"string","description":"#));
/// ```
#[must_use]
pub fn json_schema() -> String {
    let mut members = vec![
        ("$schema", text("https://json-schema.org/draft/2020-12/schema")),
        ("title", text("postern.yaml")),
    ];
    members.extend(of_fields(KEYS));
    write_json(&object(members))
}

fn of_fields(fields: &Fields) -> Vec<(&'static str, Node)> {
    let properties = fields.keys.iter().map(|key| (key.name, of_key(key))).collect();
    let required: Vec<Node> =
        fields.keys.iter().filter(|key| key.absent == Absent::Refused).map(|key| text(key.name)).collect();
    let mut members = vec![
        ("type", text("object")),
        ("properties", object(properties)),
        ("additionalProperties", node(Value::Boolean(false))),
    ];
    if !required.is_empty() {
        members.push(("required", list(required)));
    }
    members
}

fn of_key(key: &Key) -> Node {
    let mut members = of_kind(&key.kind);
    let mut description = key.meaning.trim().to_owned();
    match key.absent {
        Absent::Refused => {}
        Absent::Means(words) => description.push_str(&format!(" Absent: {words}.")),
        Absent::Number(default) => members.push(("default", number(default))),
        Absent::Value(default) => members.push(("default", default_value(&key.kind, default))),
    }
    members.push(("description", text(&description)));
    object(members)
}

fn of_kind(kind: &Kind) -> Vec<(&'static str, Node)> {
    match kind {
        Kind::Text | Kind::Path => vec![("type", text("string"))],
        Kind::Boolean => vec![("type", text("boolean"))],
        Kind::Choice(words) => vec![("enum", list(words.iter().map(|word| text(word)).collect()))],
        Kind::Whole { least, most, .. } => {
            vec![("type", text("integer")), ("minimum", number(*least)), ("maximum", number(*most))]
        }
        Kind::Rate => vec![
            ("type", text("number")),
            ("minimum", number(0)),
            ("maximum", number(MOST_REQUESTS_PER_SECOND.into())),
        ],
        Kind::WordOr(word, other) => {
            let word = object(vec![("const", scalar(word))]);
            vec![("anyOf", list(vec![word, object(of_kind(other))]))]
        }
        Kind::Record(fields) => of_fields(fields),
        Kind::List(inner) => vec![("type", text("array")), ("items", object(of_kind(inner)))],
        Kind::Map(inner) => {
            let values = match inner {
                Kind::Text => vec![("type", list(["string", "number", "boolean"].map(text).to_vec()))],
                other => of_kind(other),
            };
            vec![("type", text("object")), ("additionalProperties", object(values))]
        }
    }
}

/// A default as JSON: of a list, which stands in the table as `[WORD]`, its one word.
fn default_value(kind: &Kind, default: &str) -> Node {
    match kind {
        Kind::List(_) => list(vec![text(default.trim_matches(['[', ']']))]),
        _ => scalar(default),
    }
}

fn scalar(written: &str) -> Node {
    match written {
        "true" => node(Value::Boolean(true)),
        "false" => node(Value::Boolean(false)),
        _ if written.parse::<i64>().is_ok() => node(Value::Number(written.into())),
        _ => text(written),
    }
}

fn object(members: Vec<(&'static str, Node)>) -> Node {
    let entry = |(key, value): (&str, Node)| Entry { key: key.into(), place: nowhere(), value };
    node(Value::Mapping(Mapping::new(members.into_iter().map(entry).collect())))
}

fn list(items: Vec<Node>) -> Node {
    node(Value::Sequence(items))
}

fn text(text: &str) -> Node {
    node(Value::Text(text.into()))
}

fn number(number: u64) -> Node {
    node(Value::Number(number.to_string().into()))
}

fn node(value: Value) -> Node {
    Node::new(nowhere(), value)
}

fn nowhere() -> Place {
    Place::start_of("")
}
