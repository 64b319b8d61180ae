//! Definitions: whatever is given, an import ends with a definition or with problems.
#![no_main]

use libfuzzer_sys::fuzz_target;
use postern_openapi::{ImportOptions, import};

fuzz_target!(|text: &str| {
    let imported = import("fuzz.yaml", text, &ImportOptions::default());
    assert!(imported.definition.is_some() || imported.problems.has_errors());
});
