//! Mapping templates as API Gateway runs them.
//!
//! **For:** parsing and running mapping templates (VTL with `$input`, `$util`, `$context`,
//! `$stageVariables`), JSONPath expressions, Java's regular expressions, and texts with variables (gateway
//! responses, access logs).
//! **Never enters:** where `$context` or a body comes from: it is asked of [`Variables`]; HTTP.
//! **Comes in:** [`Template::parse`], [`Variables`], [`Overrides`]. **Goes out:** text, [`Overrides`],
//! [`TemplateProblem`], [`TemplateFailure`].
//! **Read first:** `interpreter.rs`.

mod access;
mod cases;
mod compile;
mod context;
mod input;
mod interpreter;
mod java;
mod json;
mod json_path;
mod lexer;
mod limits;
mod lint;
mod meter;
mod method;
mod mock;
mod number;
mod overrides;
mod parser;
mod pattern;
mod print;
mod problem;
mod program;
mod simple;
mod syntax;
mod template;
mod text;
mod util;
mod value;
mod variables;

pub use cases::{CaseFailure, CaseOutput, CaseResult, CaseResults, run_case, run_cases};
pub use java::JavaPatternProblem;
pub use json::{Json, NotJson};
pub use json_path::JsonPath;
pub use limits::{
    BYTES_PER_STEP, Limits, TEMPLATE_BYTES_MAX, TEMPLATE_DEPTH_MAX, TEMPLATE_LOOP_MAX,
    TEMPLATE_OUTPUT_BYTES_MAX, TEMPLATE_STEPS_MAX,
};
pub use mock::mock_status;
pub use overrides::{OverrideGroup, OverrideValue, Overrides};
pub use pattern::JavaPattern;
pub use problem::{FailureReason, TemplateFailure, TemplateProblem};
pub use simple::{SimplePiece, SimpleSource, SimpleTemplate, SimpleVariable};
pub use template::Template;
pub use variables::{CONTEXT_NAMES, ContextValue, ParameterPlace, Variables};
