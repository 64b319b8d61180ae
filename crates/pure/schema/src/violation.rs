//! What is wrong with a value, in the words of the service.
//!
//! The service answers with the messages of a well-known Java validator of draft 4. Recorded on
//! the service are those of `type`, `enum`, `minimum`, `oneOf`, `required`,
//! `additionalProperties` and of a body that is not JSON; the others are that validator's, too.

use std::fmt;

use serde_json::{Map, Value};

use crate::{
    check::{Checker, MAXIMUM_NESTING, all_children},
    decimal::Decimal,
    keyword::{Bound, Dependency, Keyword},
    parse::Rule,
    types::Types,
};

/// Everything that was found wrong with a value, printed as `$context.error.validationErrorString`
/// has it: `[one, another]`.
///
/// ```
/// use postern_document::{Problems, parse_json};
/// use postern_schema::Schema;
///
/// let model = parse_json("model.json", r#"{"required": ["b", "a"], "minProperties": 1}"#).unwrap();
/// let schema = Schema::compile(&model, &|_| None, &mut Problems::default()).unwrap();
/// let violations = schema.check(&serde_json::json!({})).unwrap_err();
/// assert_eq!(
///     violations.to_string(),
///     "[object has too few properties (found 0 but schema requires at least 1), \
///      object has missing required properties ([\"a\",\"b\"])]",
/// );
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violations {
    texts: Vec<String>,
}

impl Violations {
    /// What the service says of a body that is no JSON at all (VB5).
    #[must_use]
    pub fn unreadable() -> Self {
        Self { texts: vec!["Unknown error parsing request body".to_owned()] }
    }

    /// The texts, one for each violation; never none.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.texts.iter().map(String::as_str)
    }
}

impl fmt::Display for Violations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}]", self.texts.join(", "))
    }
}

impl std::error::Error for Violations {}

/// Looks for violations, if there are any.
///
/// Items and members are looked at as long as nothing was found, members in alphabetical order:
/// the order of the validator that the service takes its words from.
pub(crate) fn explain(rules: &[Rule], value: &Value) -> Result<(), Violations> {
    let mut explainer = Explainer { checker: Checker::new(rules), texts: Vec::new(), depth: 0 };
    explainer.explain(0, value);
    if explainer.checker.gave_up {
        explainer.texts = vec![format!("instance is nested more than {MAXIMUM_NESTING} schemas deep")];
    }
    if explainer.texts.is_empty() { Ok(()) } else { Err(Violations { texts: explainer.texts }) }
}

struct Explainer<'schema> {
    checker: Checker<'schema>,
    texts: Vec<String>,
    depth: usize,
}

impl Explainer<'_> {
    fn explain(&mut self, index: usize, value: &Value) {
        let Some(rule) = self.checker.rule(index) else { return };
        if self.depth == MAXIMUM_NESTING {
            self.checker.gave_up = true;
        }
        // What is known to be right needs no second look: see `Checker::known`.
        if self.checker.gave_up || (rule.is_recursive && self.checker.is_valid(index, value)) {
            return;
        }
        self.depth += 1;
        for keyword in &rule.keywords {
            self.explain_keyword(keyword, value);
        }
        let mut children = Vec::new();
        for keyword in rule.keywords.iter().filter(|_| self.texts.is_empty()) {
            all_children(keyword, value, |name, rule, child| {
                children.push((name, rule, child));
                true
            });
        }
        children.sort_by_key(|(name, ..)| *name);
        for (_, rule, child) in children {
            self.explain(rule, child);
        }
        self.depth -= 1;
    }

    fn explain_keyword(&mut self, keyword: &Keyword, value: &Value) {
        if let (Keyword::Dependencies(dependencies), Value::Object(members)) = (keyword, value) {
            let is_there = |(name, _): &&(Box<str>, Dependency)| members.contains_key(&**name);
            for (name, dependency) in dependencies.iter().filter(is_there) {
                match dependency {
                    Dependency::Schema(rule) => self.explain(*rule, value),
                    Dependency::Members(names) => self.explain_missing(name, names, members),
                }
            }
        } else if !self.checker.holds(keyword, value) {
            let text = self.text(keyword, value);
            self.push(text);
        }
    }

    fn explain_missing(&mut self, name: &str, names: &[Box<str>], members: &Map<String, Value>) {
        let missing = missing(names, members);
        if !missing.is_empty() {
            let (wanted, missing) = (list(names.iter().map(|name| &**name)), list(missing));
            self.push(format!(
                "property \"{name}\" of object has missing property dependencies (schema requires {wanted}; \
                 missing: {missing})"
            ));
        }
    }

    fn push(&mut self, mut text: String) {
        if self.texts.len() < MAXIMUM_VIOLATIONS {
            if let Some((end, _)) = text.char_indices().nth(MAXIMUM_CHARACTERS) {
                text.truncate(end);
                text.push('…');
            }
            self.texts.push(text);
        }
    }

    /// The text of a keyword that does not hold.
    fn text(&mut self, keyword: &Keyword, value: &Value) -> String {
        let mut matching =
            |rules: &[usize]| rules.iter().filter(|rule| self.checker.is_valid(**rule, value)).count();
        match keyword {
            Keyword::Type(types) => format!(
                "instance type ({}) does not match any allowed primitive type (allowed: {})",
                Types::of(value).names().next().unwrap_or_default(),
                list(types.names()),
            ),
            Keyword::Enumeration(values) => format!(
                "instance value ({value}) not found in enum (possible values: {})",
                Value::Array(values.to_vec()),
            ),
            Keyword::AllOf(rules) => format!(
                "instance failed to match all required schemas (matched only {} out of {})",
                matching(rules),
                rules.len(),
            ),
            Keyword::AnyOf(rules) => {
                format!("instance failed to match at least one required schema among {}", rules.len())
            }
            Keyword::OneOf(rules) => format!(
                "instance failed to match exactly one schema (matched {} out of {})",
                matching(rules),
                rules.len(),
            ),
            Keyword::Not(_) => "instance matched a schema which it should not have".to_owned(),
            _ => match value {
                Value::Number(number) => text_of_number(keyword, number.as_str()),
                Value::String(text) => text_of_text(keyword, text),
                Value::Array(items) => text_of_items(keyword, items.len()),
                Value::Object(members) => text_of_members(keyword, members),
                Value::Null | Value::Bool(_) => String::new(),
            },
        }
    }
}

fn text_of_number(keyword: &Keyword, number: &str) -> String {
    let is_at = |bound: &Bound| Decimal::of(number) == Decimal::of(&bound.number);
    match keyword {
        Keyword::MultipleOf { text, .. } => format!("remainder of division is not zero ({number} / {text})"),
        Keyword::Maximum(bound) if is_at(bound) => {
            format!("numeric instance is not strictly lower than the required maximum {}", bound.number)
        }
        Keyword::Maximum(bound) => format!(
            "numeric instance is greater than the required maximum (maximum: {}, found: {number})",
            bound.number,
        ),
        Keyword::Minimum(bound) if is_at(bound) => {
            format!("numeric instance is not strictly greater than the required minimum {}", bound.number)
        }
        Keyword::Minimum(bound) => format!(
            "numeric instance is lower than the required minimum (minimum: {}, found: {number})",
            bound.number,
        ),
        _ => String::new(),
    }
}

fn text_of_text(keyword: &Keyword, text: &str) -> String {
    let length = text.chars().count();
    match keyword {
        Keyword::MaximumLength(most) => {
            format!("string \"{text}\" is too long (length: {length}, maximum allowed: {most})")
        }
        Keyword::MinimumLength(least) => {
            format!("string \"{text}\" is too short (length: {length}, required minimum: {least})")
        }
        Keyword::Pattern(pattern) => {
            format!("ECMA 262 regex \"{}\" does not match input string \"{text}\"", pattern.source())
        }
        _ => String::new(),
    }
}

fn text_of_items(keyword: &Keyword, count: usize) -> String {
    match keyword {
        Keyword::MaximumItems(most) => {
            format!("array is too long: must have at most {most} elements but instance has {count} elements")
        }
        Keyword::MinimumItems(least) => {
            format!(
                "array is too short: must have at least {least} elements but instance has {count} elements"
            )
        }
        Keyword::UniqueItems => "array must not contain duplicate elements".to_owned(),
        Keyword::Items(known) => format!(
            "schema only allows {} elements in array but instance has {count} elements",
            known.first.len(),
        ),
        _ => String::new(),
    }
}

fn text_of_members(keyword: &Keyword, members: &Map<String, Value>) -> String {
    let count = members.len();
    match keyword {
        Keyword::MaximumProperties(most) => {
            format!("object has too many properties (found {count} but schema requires at most {most})")
        }
        Keyword::MinimumProperties(least) => {
            format!("object has too few properties (found {count} but schema requires at least {least})")
        }
        Keyword::Required(names) => {
            format!("object has missing required properties ({})", list(missing(names, members)))
        }
        Keyword::Members(known) => {
            let mut others: Vec<_> = members.keys().map(String::as_str).collect();
            others.retain(|name| known.is_other(name));
            others.sort_unstable();
            format!("object instance has properties which are not allowed by the schema: {}", list(others))
        }
        _ => String::new(),
    }
}

fn missing<'names>(names: &'names [Box<str>], members: &Map<String, Value>) -> Vec<&'names str> {
    names.iter().map(|name| &**name).filter(|name| !members.contains_key(*name)).collect()
}

/// Names as a list in JSON, compact.
fn list<'names>(names: impl IntoIterator<Item = &'names str>) -> String {
    Value::Array(names.into_iter().map(Value::from).collect()).to_string()
}

/// So many are told; a long list of wrong items helps nobody.
const MAXIMUM_VIOLATIONS: usize = 32;

/// A text is cut here: it may repeat what the client has sent.
const MAXIMUM_CHARACTERS: usize = 8 * 1024;
