//! Policies: what is read without an error can be looked through for mistakes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use postern_document::Problems;
use postern_policy::{Policy, PolicyKind, Reading, lint};

fuzz_target!(|text: &str| {
    let mut problems = Problems::default();
    if let Some(policy) =
        Policy::parse_text("fuzz.json", text, &Reading::of(PolicyKind::Resource), &mut problems)
    {
        assert!(!problems.has_errors());
        let _ = lint(&policy);
    }
});
