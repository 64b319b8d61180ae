//! Models: the first line is a value, the rest the model it is checked against.
#![no_main]

use libfuzzer_sys::fuzz_target;
use postern_document::{Problems, parse_json};
use postern_schema::Schema;

fuzz_target!(|text: &str| {
    let (value, schema) = text.split_once('\n').unwrap_or(("null", text));
    let (Ok(root), Ok(value)) = (parse_json("fuzz.json", schema), serde_json::from_str(value)) else {
        return;
    };
    if let Some(schema) = Schema::compile(&root, &|_| None, &mut Problems::default()) {
        let _ = schema.check(&value);
    }
});
