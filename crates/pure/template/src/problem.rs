//! What can be wrong with a template: found at load, or met while rendering.

use std::fmt;

/// Something wrong or doubtful in a template's text, and where.
///
/// Printed as `line L, column C: message`; whoever holds the document adds its own place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateProblem {
    /// The line in the template, from 1.
    pub line: u32,
    /// The column in characters, from 1.
    pub column: u32,
    /// What is wrong and what was expected, as a sentence without a full stop.
    pub message: String,
}

impl fmt::Display for TemplateProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}: {}", self.line, self.column, self.message)
    }
}

impl std::error::Error for TemplateProblem {}

/// A rendering that ended without a result: API Gateway answers 500 (statement ER2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateFailure {
    /// The line of the template that was running, from 1.
    pub line: u32,
    /// Why.
    pub reason: FailureReason,
}

/// Why a rendering ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FailureReason {
    /// The output, or one text inside the template, passed [`Limits::output_bytes`](crate::Limits).
    OutputTooLarge,
    /// A `#foreach` passed [`Limits::loop_iterations`](crate::Limits).
    LoopTooLong,
    /// The rendering passed [`Limits::steps`](crate::Limits).
    TooManySteps,
    /// Blocks, or lists and maps that are printed or compared, are nested too deeply.
    TooDeep,
    /// The body, or a text that is read as JSON, holds more than a million values or nests them more
    /// than 64 deep.
    JsonTooLarge,
    /// A function refused its arguments: a bad regular expression, a bad index, text that is not
    /// JSON, base64 or a number.
    BadArgument(Box<str>),
}

impl FailureReason {
    /// A function that refused its arguments, with the sentence that tells why.
    pub(crate) fn bad(what: impl Into<Box<str>>) -> Self {
        Self::BadArgument(what.into())
    }
}

impl fmt::Display for FailureReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OutputTooLarge => f.write_str("the template made more text than is allowed"),
            Self::LoopTooLong => f.write_str("a #foreach ran more often than is allowed"),
            Self::TooManySteps => f.write_str("the template took more steps than are allowed"),
            Self::TooDeep => f.write_str("blocks or values are nested more deeply than is allowed"),
            Self::JsonTooLarge => {
                f.write_str("a JSON text holds more values, or deeper ones, than is allowed")
            }
            Self::BadArgument(what) => f.write_str(what),
        }
    }
}

impl fmt::Display for TemplateFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.reason)
    }
}

impl std::error::Error for TemplateFailure {}
