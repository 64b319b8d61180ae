//! Selection patterns: Java's regular expressions, matched whole, on an engine of linear time.

use std::fmt;

use postern_template::{JavaPattern, JavaPatternProblem};

/// A `selectionPattern` (integrations.md section 7).
///
/// The pattern must match the whole text, and `.` matches no line end (SP4). What cannot be matched in
/// linear time is refused: see [`JavaPattern`].
///
/// ```
/// use postern_model::SelectionPattern;
///
/// let pattern = SelectionPattern::parse(r"4\d{2}").unwrap();
/// assert!(pattern.matches("404") && !pattern.matches("1404"));
/// assert!(SelectionPattern::parse("(?=x)").is_err());
/// ```
#[derive(Clone, Debug)]
pub struct SelectionPattern {
    text: Box<str>,
    pattern: JavaPattern,
}

/// Why a pattern is refused.
#[derive(Clone, Debug)]
pub struct PatternProblem(JavaPatternProblem);

impl SelectionPattern {
    /// Compiles a pattern; its program may take 1 MiB (hardening.md section 7).
    pub fn parse(text: &str) -> Result<Self, PatternProblem> {
        JavaPattern::parse(text).map(|pattern| Self { text: text.into(), pattern }).map_err(PatternProblem)
    }

    /// Whether the pattern matches the whole of `text`, of which the first 64 KiB are read.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        let mut end = text.len().min(64 << 10);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        self.pattern.matches(text.get(..end).unwrap_or_default())
    }

    /// The pattern as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl PartialEq for SelectionPattern {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for SelectionPattern {}

impl fmt::Display for PatternProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl std::error::Error for PatternProblem {}
