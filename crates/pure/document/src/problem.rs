//! What is wrong, where: collected, never thrown at the first.

use std::fmt;

use crate::Place;

/// How much a problem matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Nothing is refused: something is ignored, or probably not what was meant.
    Warning,
    /// The document is refused.
    Error,
}

/// One thing that is wrong, and where. Printed as `file:line:column: message`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where.
    pub place: Place,
    /// How much it matters.
    pub severity: Severity,
    /// What is wrong and what was expected, as a sentence without a full stop.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.severity {
            Severity::Error => write!(f, "{}: {}", self.place, self.message),
            Severity::Warning => write!(f, "{}: warning: {}", self.place, self.message),
        }
    }
}

/// All problems that were found, in the order of finding.
///
/// ```
/// use postern_document::{Place, Problems};
///
/// let mut problems = Problems::default();
/// problems.warning(&Place::start_of("a.yaml"), "`example` is ignored");
/// assert!(!problems.has_errors());
/// problems.error(&Place::start_of("a.yaml"), "`port` is `x`: expected a whole number");
/// assert_eq!(problems.errors().count(), 1);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Problems {
    found: Vec<Problem>,
}

impl Problems {
    /// Adds an error.
    pub fn error(&mut self, place: &Place, message: impl Into<String>) {
        self.push(Problem { place: place.clone(), severity: Severity::Error, message: message.into() });
    }

    /// Adds a warning.
    pub fn warning(&mut self, place: &Place, message: impl Into<String>) {
        self.push(Problem { place: place.clone(), severity: Severity::Warning, message: message.into() });
    }

    /// Adds a problem.
    pub fn push(&mut self, problem: Problem) {
        self.found.push(problem);
    }

    /// Takes over everything that another reader found.
    pub fn extend(&mut self, other: Self) {
        self.found.extend(other.found);
    }

    /// Everything, in the order of finding.
    pub fn iter(&self) -> std::slice::Iter<'_, Problem> {
        self.found.iter()
    }

    /// The errors alone.
    pub fn errors(&self) -> impl Iterator<Item = &Problem> {
        self.found.iter().filter(|problem| problem.severity == Severity::Error)
    }

    /// The warnings alone.
    pub fn warnings(&self) -> impl Iterator<Item = &Problem> {
        self.found.iter().filter(|problem| problem.severity == Severity::Warning)
    }

    /// Whether anything refuses the document.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.errors().next().is_some()
    }

    /// Whether nothing at all was found.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// Sorts by file, line and column, keeping the order of finding within one place.
    pub fn sort_by_place(&mut self) {
        self.found.sort_by(|one, other| one.place.cmp(&other.place));
    }
}

impl<'problems> IntoIterator for &'problems Problems {
    type Item = &'problems Problem;
    type IntoIter = std::slice::Iter<'problems, Problem>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}
