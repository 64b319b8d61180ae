//! Whatever stands in a text, an import ends without a panic and keeps its word.
#![cfg(test)]
#![expect(clippy::disallowed_methods, reason = "a test reads its corpus")]

use std::{fs, sync::OnceLock};

use postern_document::Severity;
use postern_openapi::{BasePathMode, ImportOptions, RootSecurity, import};
use proptest::prelude::*;

/// Every text of the corpus.
fn texts() -> &'static [String] {
    static TEXTS: OnceLock<Vec<String>> = OnceLock::new();
    TEXTS.get_or_init(|| {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/corpus/dev");
        let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        paths.iter().map(|path| fs::read_to_string(path).unwrap()).collect()
    })
}

/// Words that mean something somewhere.
const WORDS: &[&str] = &[
    "null",
    "[]",
    "{}",
    "\"\"",
    "-1",
    "true",
    "\"$ref\"",
    "\"#/paths\"",
    "\"#\"",
    "\"/{a}/{b+}\"",
    "\"${x}\"",
    "{{x}}",
    "\"aws_proxy\"",
    "\"mock\"",
    "\"http\"",
    "\"x-amazon-apigateway-integration\"",
    "\"default\"",
    "\"'\"",
    "\"(\"",
    "\"#if(\"",
    "\"${stageVariables.}\"",
    "\"http://{\"",
    "3.0.1",
    "\"2.0\"",
    ": ",
    ",",
    "\n",
    "é",
];

/// A text of the corpus with some of its tokens replaced, dropped or doubled.
fn mutated() -> impl Strategy<Value = String> {
    let changes =
        prop::collection::vec((any::<prop::sample::Index>(), 0..3_u8, prop::sample::select(WORDS)), 1..6);
    (any::<prop::sample::Index>(), changes).prop_map(|(text, changes)| {
        let mut tokens: Vec<&str> = tokens(text.get::<String>(texts()));
        for (at, change, word) in changes {
            let at = at.index(tokens.len());
            match change {
                0 => tokens[at] = word,
                1 => drop(tokens.remove(at)),
                _ => tokens.insert(at, tokens[at]),
            }
            if tokens.is_empty() {
                break;
            }
        }
        tokens.concat()
    })
}

/// A text in pieces: words, and everything between them.
fn tokens(text: &str) -> Vec<&str> {
    let mut tokens = Vec::new();
    let mut start = 0;
    let mut was_word = false;
    for (at, character) in text.char_indices() {
        let is_word = character.is_alphanumeric() || "-_/#$.".contains(character);
        if at > start && (!is_word || !was_word) {
            tokens.push(text.get(start..at).unwrap());
            start = at;
        }
        was_word = is_word;
    }
    tokens.push(text.get(start..).unwrap());
    tokens
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn an_import_ends_and_keeps_its_word(text in mutated(), strict: bool, apply: bool, prepend: bool) {
        let options = ImportOptions {
            strict,
            root_security: if apply { RootSecurity::Apply } else { RootSecurity::Ignore },
            base_path: if prepend { BasePathMode::Prepend } else { BasePathMode::Split },
            ..ImportOptions::default()
        };
        let imported = import("a.yaml", &text, &options);
        // A definition or an error, never both and never neither.
        prop_assert_eq!(imported.definition.is_none(), imported.problems.has_errors());
        // What is not served stands in the order of the file, and refuses.
        let unserved: Vec<_> = imported.unserved.iter().collect();
        prop_assert!(unserved.is_sorted_by_key(|problem| &problem.place));
        prop_assert!(unserved.iter().all(|problem| problem.severity == Severity::Error));
        for resource in imported.definition.iter().flat_map(|definition| &definition.resources) {
            prop_assert!(!resource.methods.is_empty());
            prop_assert!(resource.methods.is_sorted_by_key(|method| method.verb));
        }
    }
}
