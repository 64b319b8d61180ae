//! When two JSON values are equal: numbers by value, objects whatever their order.

use std::hash::{DefaultHasher, Hash, Hasher};

use serde_json::Value;

use crate::decimal::Decimal;

/// Equality of JSON Schema (draft 4 core, section 3.6): 1 and 1.0 are equal, `false` and 0 are not.
pub(crate) fn are_equal(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => {
            Decimal::of(one.as_str()) == Decimal::of(other.as_str())
        }
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| are_equal(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one.iter().all(|(key, value)| other.get(key).is_some_and(|other| are_equal(value, other)))
        }
        _ => one == other,
    }
}

/// Whether no two items are equal; hashes keep this from comparing each with each.
pub(crate) fn are_unique(items: &[Value]) -> bool {
    let mut hashed: Vec<_> = items.iter().map(|item| (hash_of(item), item)).collect();
    hashed.sort_unstable_by_key(|(hash, _)| *hash);
    hashed.chunk_by(|(one, _), (other, _)| one == other).all(|alike| {
        alike
            .iter()
            .enumerate()
            .all(|(index, (_, one))| !alike.iter().skip(index + 1).any(|(_, other)| are_equal(one, other)))
    })
}

/// The same for equal values. Many values of one hash would cost an attacker more than they bring.
fn hash_of(value: &Value) -> u64 {
    let mut hasher = DefaultHasher::new();
    feed(value, &mut hasher);
    hasher.finish()
}

fn feed(value: &Value, hasher: &mut DefaultHasher) {
    match value {
        Value::Null => hasher.write_u8(0),
        Value::Bool(boolean) => hasher.write_u8(1 + u8::from(*boolean)),
        Value::Number(number) => {
            hasher.write_u8(3);
            Decimal::of(number.as_str()).hash(hasher);
        }
        Value::String(text) => {
            hasher.write_u8(4);
            text.hash(hasher);
        }
        Value::Array(items) => {
            hasher.write_u8(5);
            hasher.write_usize(items.len());
            items.iter().for_each(|item| feed(item, hasher));
        }
        Value::Object(members) => {
            hasher.write_u8(6);
            hasher.write_usize(members.len());
            let mut sorted: Vec<_> = members.iter().collect();
            sorted.sort_unstable_by_key(|(key, _)| *key);
            for (key, value) in sorted {
                key.hash(hasher);
                feed(value, hasher);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str) -> Value {
        serde_json::from_str(text).expect(text)
    }

    #[test]
    fn equality_is_of_values_and_not_of_texts() {
        let rows = [
            ("1", "1.0", true),
            ("[1, {\"a\": 10, \"b\": null}]", "[1.0, {\"b\": null, \"a\": 1e1}]", true),
            ("0", "false", false),
            ("1", "true", false),
            ("\"1\"", "1", false),
            ("[1]", "[1, 1]", false),
            ("{\"a\": 1}", "{\"a\": 1, \"b\": 1}", false),
            ("{\"a\": 1}", "{\"b\": 1}", false),
            ("9007199254740992", "9007199254740993", false),
        ];
        for (one, other, expected) in rows {
            let (one, other) = (value(one), value(other));
            assert_eq!(are_equal(&one, &other), expected, "{one} {other}");
            assert_eq!(hash_of(&one) == hash_of(&other), expected, "{one} {other}");
            assert_eq!(!are_unique(&[one, other]), expected);
        }
    }

    #[test]
    fn many_items_are_compared_quickly() {
        let mut items: Vec<_> = (0..100_000).map(|number| value(&format!("[{number}]"))).collect();
        assert!(are_unique(&items));
        items.push(value("[99999.0]"));
        assert!(!are_unique(&items));
    }
}
