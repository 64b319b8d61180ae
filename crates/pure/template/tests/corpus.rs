//! The recorded cases, byte for byte.

#![cfg(test)]

use postern_template::{Limits, run_cases};

/// Cases that cannot pass, each with its reason.
const EXCEPTIONS: [(&str, &str); 0] = [];

#[test]
fn every_recorded_case_gives_what_the_service_gave() {
    let results = run_cases(include_str!("corpus/vtl.json"), &Limits::default()).unwrap();
    let differences: Vec<_> = results
        .differences()
        .filter(|(id, _)| EXCEPTIONS.iter().all(|(exception, _)| exception != id))
        .collect();
    assert!(differences.is_empty(), "{differences:#?}");
    assert_eq!(results.passed() + EXCEPTIONS.len(), 162);
}
