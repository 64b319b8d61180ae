//! Templates with what they should give: the recorded cases, and people's own.
//!
//! A case is a JSON object: `template`, `body` (null or, in a response template, empty for a MOCK
//! integration), `params` with `path`, `querystring` and `header`, `context`, `stageVariables`, `phase`
//! (`request` or `response`), and what is expected: `expected` with `compare` (`exact`, `json`,
//! `whitespace`), or `expectError`; `effects` names overrides that must be set.

use std::borrow::Cow;

use serde_json::{Map, Value};

use crate::{
    ContextValue, Limits, OverrideGroup, OverrideValue, Overrides, ParameterPlace, Template, TemplateFailure,
    TemplateProblem, Variables,
};

/// What came of a list of cases.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CaseResults {
    /// One for each case, in the order of the list.
    pub results: Vec<CaseResult>,
}

/// What came of one case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaseResult {
    /// The case's `id`, or its number from 1.
    pub id: String,
    /// What differs, if anything does.
    pub difference: Option<String>,
}

impl CaseResults {
    /// How many cases gave what they should.
    #[must_use]
    pub fn passed(&self) -> usize {
        self.results.iter().filter(|result| result.difference.is_none()).count()
    }

    /// How many did not.
    #[must_use]
    pub fn failed(&self) -> usize {
        self.results.len() - self.passed()
    }

    /// The cases that did not give what they should, with what differs.
    pub fn differences(&self) -> impl Iterator<Item = (&str, &str)> {
        self.results.iter().filter_map(|result| Some((result.id.as_str(), result.difference.as_deref()?)))
    }
}

/// What a template gave for one case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaseOutput {
    /// The rendered text.
    pub text: String,
    /// What the template overrides, what the case brought included.
    pub overrides: Overrides,
}

/// Why a case has no output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CaseFailure {
    /// The case itself cannot be read.
    Case(String),
    /// The template is refused at load.
    Template(TemplateProblem),
    /// The rendering ended without a result.
    Rendering(TemplateFailure),
}

impl std::fmt::Display for CaseFailure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Case(what) => f.write_str(what),
            Self::Template(problem) => write!(f, "the template is refused: {problem}"),
            Self::Rendering(failure) => write!(f, "the rendering failed: {failure}"),
        }
    }
}

impl std::error::Error for CaseFailure {}

/// Runs a JSON list of cases.
///
/// # Errors
/// Where the text is not a JSON list of objects with a `template` each.
///
/// ```
/// use postern_template::{Limits, run_cases};
///
/// let cases = r#"[
///     {"id": "greets", "template": "Hello $input.params('name')",
///      "params": {"path": {"name": "Rex"}}, "expected": "Hello Rex"},
///     {"id": "fails", "template": "Hello $", "expected": "Hello"}
/// ]"#;
/// let results = run_cases(cases, &Limits::default()).unwrap();
/// assert_eq!((results.passed(), results.failed()), (1, 1));
/// assert_eq!(results.differences().next(), Some((
///     "fails",
///     "the template is refused: line 1, column 7: a template cannot end with `$`",
/// )));
/// ```
pub fn run_cases(json: &str, limits: &Limits) -> Result<CaseResults, CaseFailure> {
    let cases: Value = serde_json::from_str(json).map_err(|error| CaseFailure::Case(error.to_string()))?;
    let cases =
        cases.as_array().ok_or_else(|| CaseFailure::Case("expected a JSON list of cases".to_owned()))?;
    let results = cases.iter().enumerate().map(|(position, case)| {
        let template = case.get("template").and_then(Value::as_str);
        let missing = || CaseFailure::Case(format!("case {} has no `template`", position + 1));
        Ok(CaseResult {
            id: text(case, "id").map_or_else(|| (position + 1).to_string(), str::to_owned),
            difference: difference(case, &render(template.ok_or_else(missing)?, case, limits)),
        })
    });
    Ok(CaseResults { results: results.collect::<Result<_, _>>()? })
}

/// Renders `template` with the input of one case, a JSON object; its own `template` and what it
/// expects are not looked at.
///
/// # Errors
/// Where the case is not a JSON object, the template is refused or the rendering fails.
///
/// ```
/// use postern_template::{Limits, run_case};
///
/// let output = run_case("$input.json('$.a')", r#"{"body": "{\"a\": [1, 2]}"}"#, &Limits::default()).unwrap();
/// assert_eq!(output.text, "[1,2]");
/// ```
pub fn run_case(template: &str, case: &str, limits: &Limits) -> Result<CaseOutput, CaseFailure> {
    let case: Value = serde_json::from_str(case).map_err(|error| CaseFailure::Case(error.to_string()))?;
    if !case.is_object() {
        return Err(CaseFailure::Case("expected a JSON object with the template's input".to_owned()));
    }
    render(template, &case, limits)
}

fn render(template: &str, case: &Value, limits: &Limits) -> Result<CaseOutput, CaseFailure> {
    let template = Template::parse(template, limits).map_err(CaseFailure::Template)?;
    let mut overrides = overrides(case);
    let mut text = String::new();
    template
        .render(&CaseVariables { case }, &mut overrides, limits, &mut text)
        .map_err(CaseFailure::Rendering)?;
    Ok(CaseOutput { text, overrides })
}

/// What differs between what a case expects and what came of it.
fn difference(case: &Value, outcome: &Result<CaseOutput, CaseFailure>) -> Option<String> {
    let error_expected = case.get("expectError").and_then(Value::as_bool).unwrap_or(false);
    let output = match outcome {
        Err(_) if error_expected => return None,
        Err(failure) => return Some(failure.to_string()),
        Ok(output) if error_expected => return Some(format!("expected an error, got {:?}", output.text)),
        Ok(output) => output,
    };
    let expected = text(case, "expected")?;
    let equal = match text(case, "compare") {
        Some("json") => json(expected).is_some() && json(expected) == json(&output.text),
        Some("whitespace") => expected.split_whitespace().eq(output.text.split_whitespace()),
        _ => expected == output.text,
    };
    if !equal {
        return Some(format!("expected {expected:?}, got {:?}", output.text));
    }
    missing_effect(case, &output.overrides)
}

/// The first override that a case expects and the template has not set.
fn missing_effect(case: &Value, overrides: &Overrides) -> Option<String> {
    let effects = case.get("effects")?.as_object()?;
    let leaves = effects.iter().flat_map(|(branch, groups)| {
        groups.as_object().into_iter().flatten().map(move |(group, value)| (branch, group, value))
    });
    for (branch, group_name, expected) in leaves {
        let Some(group) = group(overrides, branch, group_name) else {
            let status = overrides.response_status.clone();
            if status != scalar(expected) {
                return Some(format!("expected the status {expected}, got {status:?}"));
            }
            continue;
        };
        for (name, expected) in expected.as_object().into_iter().flatten() {
            let found = group.get(name);
            if found != Some(&override_value(expected)) {
                return Some(format!(
                    "expected {branch}.{group_name}.{name} to be {expected}, got {found:?}"
                ));
            }
        }
    }
    None
}

fn group<'o>(overrides: &'o Overrides, branch: &str, group: &str) -> Option<&'o OverrideGroup> {
    Some(match (branch, group) {
        ("requestOverride", "header") => &overrides.request_header,
        ("requestOverride", "path") => &overrides.request_path,
        ("requestOverride", "querystring") => &overrides.request_querystring,
        ("responseOverride", "header") => &overrides.response_header,
        _ => return None,
    })
}

/// The overrides that a case starts with.
fn overrides(case: &Value) -> Overrides {
    let group = |pointer: &str| {
        let mut group = OverrideGroup::default();
        for (name, value) in case.pointer(pointer).and_then(Value::as_object).into_iter().flatten() {
            group.set(name, override_value(value));
        }
        group
    };
    Overrides {
        request_header: group("/context/requestOverride/header"),
        request_path: group("/context/requestOverride/path"),
        request_querystring: group("/context/requestOverride/querystring"),
        response_header: group("/context/responseOverride/header"),
        response_status: case.pointer("/context/responseOverride/status").and_then(scalar),
        repeated_assignments: 0,
    }
}

fn override_value(value: &Value) -> OverrideValue {
    match value {
        Value::Array(items) => OverrideValue::Several(items.iter().filter_map(scalar).collect()),
        value => OverrideValue::One(scalar(value).unwrap_or_else(|| value.to_string())),
    }
}

/// The text of a scalar.
fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

fn text<'c>(case: &'c Value, key: &str) -> Option<&'c str> {
    case.get(key).and_then(Value::as_str)
}

fn json(text: &str) -> Option<Value> {
    serde_json::from_str(text).ok()
}

/// A case as a template sees it.
struct CaseVariables<'c> {
    case: &'c Value,
}

impl CaseVariables<'_> {
    fn object(&self, pointer: &str) -> Option<&Map<String, Value>> {
        self.case.pointer(pointer)?.as_object()
    }

    fn parameters(&self, place: ParameterPlace) -> Option<&Map<String, Value>> {
        self.object("/params")?.get(place.name())?.as_object()
    }

    /// What stands at a path of `context`; a name may hold points itself.
    fn at(&self, path: &str) -> Option<&Value> {
        let mut here = self.object("/context")?;
        let mut rest = path;
        loop {
            if let Some(value) = here.get(rest) {
                return Some(value);
            }
            let (name, after) = rest.split_once('.')?;
            here = here.get(name)?.as_object()?;
            rest = after;
        }
    }
}

impl Variables for CaseVariables<'_> {
    fn context(&self, path: &str) -> Option<ContextValue<'_>> {
        match self.at(path)? {
            Value::Null => None,
            Value::String(text) => Some(ContextValue::Text(text.into())),
            Value::Number(number) => Some(
                number
                    .as_i64()
                    .map_or_else(|| ContextValue::Text(number.to_string().into()), ContextValue::Number),
            ),
            Value::Bool(boolean) => Some(ContextValue::Text(boolean.to_string().into())),
            Value::Array(items) => Some(ContextValue::Text(Value::from(items.clone()).to_string().into())),
            Value::Object(_) => Some(ContextValue::Branch),
        }
    }

    fn each_context_name(&self, branch: &str, visit: &mut dyn FnMut(&str)) {
        let members = if branch.is_empty() {
            self.object("/context")
        } else {
            self.at(branch).and_then(Value::as_object)
        };
        members.into_iter().flat_map(Map::keys).for_each(|name| visit(name));
    }

    fn stage_variable(&self, name: &str) -> Option<Cow<'_, str>> {
        self.object("/stageVariables")?.get(name)?.as_str().map(Cow::from)
    }

    fn each_stage_variable(&self, visit: &mut dyn FnMut(&str, &str)) {
        for (name, value) in self.object("/stageVariables").into_iter().flatten() {
            visit(name, value.as_str().unwrap_or_default());
        }
    }

    fn parameter(&self, place: ParameterPlace, name: &str) -> Option<Cow<'_, str>> {
        match self.parameters(place)?.get(name)? {
            Value::Array(values) => values.last()?.as_str().map(Cow::from),
            value => value.as_str().map(Cow::from),
        }
    }

    fn each_parameter(&self, place: ParameterPlace, visit: &mut dyn FnMut(&str, &str)) {
        for (name, value) in self.parameters(place).into_iter().flatten() {
            let values = value.as_array().map_or_else(|| std::slice::from_ref(value), Vec::as_slice);
            values.iter().filter_map(Value::as_str).for_each(|value| visit(name, value));
        }
    }

    fn body(&self) -> Option<&str> {
        let body = text(self.case, "body").unwrap_or_default();
        let mock = body.is_empty() && text(self.case, "phase") == Some("response");
        (!mock).then_some(body)
    }
}
