//! Mapping templates: the first line is the input, the rest the template. Limits keep each run short.
#![no_main]

use libfuzzer_sys::fuzz_target;
use postern_template::{Limits, run_case};

fuzz_target!(|text: &str| {
    let (case, template) = text.split_once('\n').unwrap_or(("{}", text));
    let limits = Limits { steps: 10_000, output_bytes: 100_000, ..Limits::default() };
    if let Ok(output) = run_case(template, case, &limits) {
        assert!(output.text.len() <= limits.output_bytes);
    }
});
