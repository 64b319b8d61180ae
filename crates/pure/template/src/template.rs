//! A mapping template: what the rest of the house holds and runs.

use std::sync::Arc;

use crate::{
    Limits, Overrides, TemplateFailure, TemplateProblem, Variables,
    compile::compile,
    interpreter,
    lint::lint,
    parser::{located, parse},
    program::Program,
};

/// A mapping template, parsed and compiled. Made at load, shared by all requests; cloning copies a
/// pointer.
#[derive(Clone, Debug)]
pub struct Template {
    program: Arc<Program>,
    lints: Arc<[TemplateProblem]>,
}

impl Template {
    /// Parses and compiles a template.
    ///
    /// # Errors
    /// The first problem: a syntax error, a directive or form that the service's language does not
    /// have (`#parse`, `#include`, `${x|'y'}`), a JSONPath or regular expression literal that is not
    /// supported, a text of more than [`Limits::template_bytes`], blocks nested more deeply than
    /// [`Limits::depth`].
    ///
    /// ```
    /// use postern_template::{Limits, Template};
    ///
    /// let problem = Template::parse("{\n  #if($a) 1\n}", &Limits::default()).unwrap_err();
    /// assert_eq!(problem.to_string(), "line 2, column 3: `#if` has no `#end`");
    /// ```
    pub fn parse(text: &str, limits: &Limits) -> Result<Self, TemplateProblem> {
        if text.len() > limits.template_bytes {
            let message = format!(
                "the template has {} bytes: at most {} are allowed",
                text.len(),
                limits.template_bytes
            );
            return Err(TemplateProblem { line: 1, column: 1, message });
        }
        let parsed = parse(text, limits)?;
        let mut lints = parsed.lints;
        lint(&parsed.block, &mut lints);
        lints.sort();
        lints.truncate(LINTS_MAX);
        let lints = lints.into_iter().map(|(at, message)| located(text, at, message)).collect();
        let program = compile(text, parsed.block)?;
        Ok(Self { program: Arc::new(program), lints })
    }

    /// What is allowed and probably not meant, such as `$util.toJson`, `#macro`, or an `#if` that is
    /// always true.
    #[must_use]
    pub fn lints(&self) -> &[TemplateProblem] {
        &self.lints
    }

    /// Whether rendering may ask [`Variables::body`]: a template that does not lets the body pass
    /// without being collected.
    ///
    /// ```
    /// use postern_template::{Limits, Template};
    ///
    /// let reads_body = |text: &str| Template::parse(text, &Limits::default()).unwrap().reads_body();
    /// assert!(reads_body("$input.json('$')"));
    /// assert!(!reads_body("{\"statusCode\": 200, \"id\": \"$input.params('id')\"}"));
    /// ```
    #[must_use]
    pub fn reads_body(&self) -> bool {
        self.program.reads_body
    }

    /// Renders into `output`, after what stands there. `overrides` holds what earlier templates of
    /// the exchange have set and takes what this one sets.
    ///
    /// # Errors
    /// What API Gateway answers with 500 (statement ER2), and every passed limit. `output` and
    /// `overrides` may then hold a part of the result.
    ///
    /// ```
    /// use std::borrow::Cow;
    /// use postern_template::{ContextValue, Limits, Overrides, ParameterPlace, Template, Variables};
    ///
    /// struct Exchange;
    ///
    /// impl Variables for Exchange {
    ///     fn context(&self, path: &str) -> Option<ContextValue<'_>> {
    ///         (path == "stage").then(|| ContextValue::Text("demo".into()))
    ///     }
    ///     fn each_context_name(&self, _: &str, visit: &mut dyn FnMut(&str)) {
    ///         visit("stage");
    ///     }
    ///     fn stage_variable(&self, _: &str) -> Option<Cow<'_, str>> {
    ///         None
    ///     }
    ///     fn each_stage_variable(&self, _: &mut dyn FnMut(&str, &str)) {}
    ///     fn parameter(&self, place: ParameterPlace, name: &str) -> Option<Cow<'_, str>> {
    ///         (place == ParameterPlace::Path && name == "id").then(|| "7".into())
    ///     }
    ///     fn each_parameter(&self, _: ParameterPlace, _: &mut dyn FnMut(&str, &str)) {}
    ///     fn body(&self) -> Option<&str> {
    ///         Some(r#"{"name": "Rex"}"#)
    ///     }
    /// }
    ///
    /// let text = r#"{"$context.stage": "$input.params('id') $input.path('$.name')"}"#;
    /// let template = Template::parse(text, &Limits::default()).unwrap();
    /// let mut output = String::new();
    /// template.render(&Exchange, &mut Overrides::default(), &Limits::default(), &mut output).unwrap();
    /// assert_eq!(output, r#"{"demo": "7 Rex"}"#);
    /// ```
    pub fn render(
        &self,
        variables: &dyn Variables,
        overrides: &mut Overrides,
        limits: &Limits,
        output: &mut String,
    ) -> Result<(), TemplateFailure> {
        interpreter::run(&self.program, variables, overrides, limits, output)
    }
}

/// Lints that are told about one template: who has more knows enough.
const LINTS_MAX: usize = 50;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_can_be_shared_by_all_workers() {
        const fn shared<T: Send + Sync>() {}
        shared::<Template>();
        shared::<crate::JsonPath>();
        shared::<crate::SimpleTemplate>();
    }
}
