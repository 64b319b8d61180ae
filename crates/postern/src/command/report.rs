//! Problems on the terminal: as lines for people and compilers, as JSON for machines.

use postern_document::{Problem, Problems, Severity};
use serde_json::{Value, json};

use super::terminal::say;

/// Prints every problem, one line each.
pub(crate) fn say_problems(problems: &Problems) {
    for problem in problems {
        say(problem);
    }
}

/// A problem as JSON.
pub(crate) fn problem_json(problem: &Problem) -> Value {
    let severity = match problem.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    json!({
        "file": problem.place.file(),
        "line": problem.place.line(),
        "column": problem.place.column(),
        "severity": severity,
        "message": problem.message,
    })
}

/// All problems as JSON.
pub(crate) fn problems_json(problems: &Problems) -> Value {
    problems.iter().map(problem_json).collect()
}

/// `2 errors, 1 warning`; empty where there is neither.
pub(crate) fn counts(problems: &Problems) -> String {
    let (errors, warnings) = (problems.errors().count(), problems.warnings().count());
    let counted = [(errors, "error"), (warnings, "warning")];
    let parts: Vec<String> = counted
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| counted_as(count, what))
        .collect();
    parts.join(", ")
}

/// `1 API`, `2 APIs`.
pub(crate) fn counted_as(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}
