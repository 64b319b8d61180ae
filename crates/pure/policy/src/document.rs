//! A policy document read into a policy that is known to be right.

use std::collections::BTreeSet;

use postern_document::{
    Entry, Mapping, Node, Place, Placed, Problem, Problems, Value, did_you_mean, parse_json,
};

use crate::{
    arn::ExecuteApiBase,
    condition::{Condition, Expected, Spelling},
    context::ConditionKey,
    operator::Operator,
    pattern::{Pattern, Syntax},
    principal::{PrincipalClause, PrincipalEntry},
    resource::{Reach, ResourcePattern},
    statement::{ActionClause, Effect, ResourceClause, Statement},
};

/// A policy: statements, compiled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    kind: PolicyKind,
    place: Place,
    has_variables: bool,
    statements: Box<[Statement]>,
}

/// Where a policy is attached, which decides what its statements may say (section 1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PolicyKind {
    /// The resource policy of an API.
    Resource,
    /// The policy of a private domain name.
    Domain,
    /// The policy of a VPC endpoint.
    Endpoint,
    /// The policy of a caller. Has no `Principal`.
    Identity,
    /// What a Lambda authorizer returned. Has no `Principal`; a resource has at most 512
    /// characters (AU-50).
    AuthorizerOutput,
}

/// How a policy is to be read.
#[derive(Clone, Copy, Debug)]
pub struct Reading<'a> {
    /// Where it is attached.
    pub kind: PolicyKind,
    /// What the short form `execute-api:/…` stands for (RP-21, RP-22). Without it the short form is
    /// a problem.
    pub base: Option<&'a ExecuteApiBase<'a>>,
    /// Whether an execute-api ARN that names another API is read as naming this one, as an
    /// exported policy wants it (openapi-extensions.md section 6). Region and account stay.
    pub rewrite_api_id: bool,
}

impl Reading<'_> {
    /// A policy of this kind, without short forms, as it is written.
    #[must_use]
    pub const fn of(kind: PolicyKind) -> Self {
        Self { kind, base: None, rewrite_api_id: false }
    }
}

impl PolicyKind {
    /// Whether statements say whom they are about.
    const fn has_principal(self) -> bool {
        matches!(self, Self::Resource | Self::Domain | Self::Endpoint)
    }

    const fn words(self) -> &'static str {
        match self {
            Self::Resource => "a resource policy",
            Self::Domain => "the policy of a domain name",
            Self::Endpoint => "an endpoint policy",
            Self::Identity => "an identity policy",
            Self::AuthorizerOutput => "the policy of an authorizer",
        }
    }
}

/// How often a policy may be a text inside a text (RP-16).
const NESTING_MAX: u32 = 3;

/// The characters of a resource in an authorizer's policy (AU-50).
const AUTHORIZER_RESOURCE_MAX: usize = 512;

impl Policy {
    /// Reads a policy. Nothing at all, an empty text and an empty mapping are a policy without
    /// statements (RP-1); a text is read as JSON, also when it was escaped once more (RP-16).
    ///
    /// `None` where anything is wrong with it; every problem names its statement and element
    /// (RP-2). Warnings leave the policy as it is.
    pub fn parse(node: &Node, reading: &Reading<'_>, problems: &mut Problems) -> Option<Self> {
        let mut found = Problems::default();
        let policy = read_policy(node, reading, NESTING_MAX, &mut found);
        let policy = policy.filter(|_| !found.has_errors());
        problems.extend(found);
        policy
    }

    /// Reads a policy from a file's text: JSON. `file` is its name in messages.
    pub fn parse_text(
        file: &str,
        text: &str,
        reading: &Reading<'_>,
        problems: &mut Problems,
    ) -> Option<Self> {
        if text.trim().is_empty() {
            return Some(Self::empty(reading.kind, Place::start_of(file)));
        }
        match parse_json(file, text) {
            Ok(node) => Self::parse(&node, reading, problems),
            Err(found) => {
                // What is not JSON may still be JSON that was escaped once more.
                let whole = Node::new(Place::start_of(file), Value::Text(text.trim().into()));
                let unescaped = unescape(text.trim()).map(|_| Self::parse(&whole, reading, problems));
                unescaped.unwrap_or_else(|| {
                    problems.extend(found);
                    None
                })
            }
        }
    }

    /// A policy without statements: it allows nothing.
    #[must_use]
    pub fn empty(kind: PolicyKind, place: Place) -> Self {
        Self { kind, place, has_variables: false, statements: Box::default() }
    }

    /// Where it is attached.
    #[must_use]
    pub const fn kind(&self) -> PolicyKind {
        self.kind
    }

    /// Where it starts.
    #[must_use]
    pub const fn place(&self) -> &Place {
        &self.place
    }

    /// Its statements, in the order of the document.
    #[must_use]
    pub const fn statements(&self) -> &[Statement] {
        &self.statements
    }

    /// Whether it is of the version that has policy variables (RP-11).
    pub(crate) const fn has_variables(&self) -> bool {
        self.has_variables
    }

    /// Whether any statement can speak of a request to this API. A resource policy that cannot was
    /// probably exported from another API.
    #[must_use]
    pub fn can_speak_of(&self, base: &ExecuteApiBase<'_>) -> bool {
        self.statements.iter().any(|statement| {
            let mut reaches = statement.resources.entries.iter().map(|entry| entry.value.reach(base));
            if statement.resources.negated {
                reaches.all(|reach| reach != Reach::Always)
            } else {
                reaches.any(|reach| reach != Reach::Never)
            }
        })
    }
}

fn read_policy(node: &Node, reading: &Reading<'_>, nesting: u32, problems: &mut Problems) -> Option<Policy> {
    match &node.value {
        Value::Null => Some(Policy::empty(reading.kind, node.place.clone())),
        Value::Text(text) if text.trim().is_empty() => Some(Policy::empty(reading.kind, node.place.clone())),
        Value::Text(text) => {
            let Some(nesting) = nesting.checked_sub(1) else {
                problems.error(
                    &node.place,
                    "the policy is a text inside a text inside a text: expected a mapping",
                );
                return None;
            };
            let inner = parse_text_inside(node, text, problems)?;
            read_policy(&inner, reading, nesting, problems)
        }
        Value::Mapping(mapping) => Some(read_document(node, mapping, reading, problems)),
        Value::Boolean(_) | Value::Number(_) | Value::Sequence(_) => {
            let message =
                format!("{} where a policy is expected: expected a mapping, or its JSON text", node.kind());
            problems.error(&node.place, message);
            None
        }
    }
}

/// Reads JSON that stands in a text, escaped once more or not; places become those of the text.
fn parse_text_inside(node: &Node, text: &str, problems: &mut Problems) -> Option<Node> {
    let file = node.place.file();
    match parse_json(file, text) {
        Ok(inner) => Some(with_places_of(inner, node)),
        Err(found) => {
            if let Some(inner) = unescape(text).and_then(|text| parse_json(file, &text).ok()) {
                return Some(with_places_of(inner, &Node::new(node.place.clone(), Value::Null)));
            }
            for Problem { place, severity, message } in &found {
                let message =
                    format!("the text of the policy is not JSON: {message} (line {} of it)", place.line());
                let place = node.place_in_text(place.line(), place.column());
                problems.push(Problem { place, severity: *severity, message });
            }
            None
        }
    }
}

/// `{\"Version\": …}` without its backslashes.
fn unescape(text: &str) -> Option<String> {
    if !text.contains("\\\"") {
        return None;
    }
    let node = parse_json("", &format!("\"{text}\"")).ok()?;
    node.as_text().map(str::to_owned)
}

/// A tree that was read from the text of `outer`, its places moved to where that text stands.
fn with_places_of(node: Node, outer: &Node) -> Node {
    let place = outer.place_in_text(node.place.line(), node.place.column());
    let value = match node.value {
        Value::Sequence(items) => {
            Value::Sequence(items.into_iter().map(|item| with_places_of(item, outer)).collect())
        }
        Value::Mapping(mapping) => {
            let entries = mapping.iter().map(|entry| Entry {
                key: entry.key.clone(),
                place: outer.place_in_text(entry.place.line(), entry.place.column()),
                value: with_places_of(entry.value.clone(), outer),
            });
            Value::Mapping(Mapping::new(entries.collect()))
        }
        scalar => scalar,
    };
    Node::new(place, value)
}

const POLICY_ELEMENTS: [&str; 3] = ["Version", "Id", "Statement"];

fn read_document(node: &Node, mapping: &Mapping, reading: &Reading<'_>, problems: &mut Problems) -> Policy {
    for entry in mapping {
        if !POLICY_ELEMENTS.contains(&&*entry.key) {
            refuse_unknown(entry, "a policy", &POLICY_ELEMENTS, problems);
        }
    }
    if let Some(id) = mapping.get("Id").filter(|id| id.as_text().is_none()) {
        problems.error(&id.place, format!("`Id` is {}: expected text", id.kind()));
    }
    let has_variables = mapping.get("Version").is_some_and(|version| read_version(version, problems));
    let statements = match mapping.get("Statement") {
        None => &[],
        Some(one) => one.as_sequence().unwrap_or_else(|| std::slice::from_ref(one)),
    };
    let statements = statements
        .iter()
        .enumerate()
        .filter_map(|(index, node)| StatementReader { reading, has_variables, index, problems }.read(node));
    Policy { kind: reading.kind, place: node.place.clone(), has_variables, statements: statements.collect() }
}

/// Whether the version is the one with policy variables (RP-10, RP-11).
fn read_version(node: &Node, problems: &mut Problems) -> bool {
    match node.as_text() {
        Some("2012-10-17") => return true,
        Some("2008-10-17") => {}
        _ => {
            let written =
                node.as_scalar_text().map_or_else(|| node.kind().to_owned(), |text| format!("`{text}`"));
            let message = format!("`Version` is {written}: expected `2012-10-17` or `2008-10-17`");
            problems.error(&node.place, message);
        }
    }
    false
}

fn refuse_unknown(entry: &Entry, what: &str, known: &[&str], problems: &mut Problems) {
    let suggestion = did_you_mean(&entry.key, known.iter().copied())
        .map_or_else(String::new, |known| format!(": did you mean `{known}`?"));
    problems.error(&entry.place, format!("unknown element `{}` in {what}{suggestion}", entry.key));
}

const STATEMENT_ELEMENTS: [&str; 9] = [
    "Sid",
    "Effect",
    "Principal",
    "NotPrincipal",
    "Action",
    "NotAction",
    "Resource",
    "NotResource",
    "Condition",
];

/// Reads one statement; everything that it reports names the statement's index.
struct StatementReader<'a, 'problems> {
    reading: &'a Reading<'a>,
    has_variables: bool,
    index: usize,
    problems: &'problems mut Problems,
}

impl StatementReader<'_, '_> {
    fn read(mut self, node: &Node) -> Option<Statement> {
        let Some(mapping) = node.as_mapping() else {
            self.refuse(node, "", "a mapping");
            return None;
        };
        for entry in mapping {
            if !STATEMENT_ELEMENTS.contains(&&*entry.key) {
                refuse_unknown(entry, &format!("`{}`", self.path("")), &STATEMENT_ELEMENTS, self.problems);
            }
        }
        // Every element is read before giving up on one, so that one run reports all problems.
        let sid = mapping.get("Sid").and_then(|node| self.text(node, "Sid"));
        let effect = self.effect(node, mapping);
        let principals = self.principals(node, mapping);
        let actions = self.one_of(node, mapping, ["Action", "NotAction"]);
        let actions = actions.map(|(entry, negated)| ActionClause { negated, entries: self.actions(entry) });
        let resources = self.one_of(node, mapping, ["Resource", "NotResource"]);
        let resources =
            resources.map(|(entry, negated)| ResourceClause { negated, entries: self.resources(entry) });
        let conditions = mapping.get("Condition").map_or_else(Vec::new, |node| self.conditions(node));
        Some(Statement {
            index: self.index,
            sid: sid.map(Into::into),
            place: node.place.clone(),
            effect: effect?,
            principals: principals?,
            actions: actions?,
            resources: resources?,
            conditions: conditions.into(),
        })
    }

    /// `Statement[2].Action`
    fn path(&self, element: &str) -> String {
        let point = if element.is_empty() { "" } else { "." };
        format!("Statement[{}]{point}{element}", self.index)
    }

    fn error(&mut self, place: &Place, element: &str, message: &str) {
        let message = format!("`{}` {message}", self.path(element));
        self.problems.error(place, message);
    }

    /// A node of the wrong kind.
    fn refuse(&mut self, node: &Node, element: &str, expected: &str) {
        self.error(&node.place, element, &format!("is {}: expected {expected}", node.kind()));
    }

    fn text<'node>(&mut self, node: &'node Node, element: &str) -> Option<&'node str> {
        let text = node.as_text();
        if text.is_none() {
            self.refuse(node, element, "text");
        }
        text
    }

    /// A text or a list of texts (RP-14), at least one.
    fn texts<'node>(&mut self, node: &'node Node, element: &str) -> Vec<(&'node str, &'node Place)> {
        let items = match &node.value {
            Value::Text(text) => return vec![(text, &node.place)],
            Value::Sequence(items) => items,
            _ => {
                self.refuse(node, element, "text or a list of texts");
                return Vec::new();
            }
        };
        if items.is_empty() {
            self.error(&node.place, element, "is an empty list: expected at least one text");
        }
        items.iter().filter_map(|item| Some((self.text(item, element)?, &item.place))).collect()
    }

    /// The one of two elements that is there (RP-12), and whether it is the second.
    fn one_of<'node>(
        &mut self,
        node: &Node,
        mapping: &'node Mapping,
        [plain, negated]: [&str; 2],
    ) -> Option<(&'node Entry, bool)> {
        match (mapping.entry(plain), mapping.entry(negated)) {
            (Some(entry), None) => Some((entry, false)),
            (None, Some(entry)) => Some((entry, true)),
            (None, None) => {
                self.error(&node.place, "", &format!("has no `{plain}`: expected `{plain}` or `{negated}`"));
                None
            }
            (Some(_), Some(second)) => {
                let message = format!("has both `{plain}` and `{negated}`: expected one of them");
                self.error(&second.place, "", &message);
                None
            }
        }
    }

    fn effect(&mut self, node: &Node, mapping: &Mapping) -> Option<Effect> {
        let Some(written) = mapping.get("Effect") else {
            self.error(&node.place, "", "has no `Effect`: expected `Allow` or `Deny`");
            return None;
        };
        match self.text(written, "Effect")? {
            "Allow" => Some(Effect::Allow),
            "Deny" => Some(Effect::Deny),
            other => {
                self.error(&written.place, "Effect", &format!("is `{other}`: expected `Allow` or `Deny`"));
                None
            }
        }
    }

    /// `Some(None)` where the kind of policy has no principals (RP-12).
    fn principals(&mut self, node: &Node, mapping: &Mapping) -> Option<Option<PrincipalClause>> {
        if !self.reading.kind.has_principal() {
            let written = mapping.entry("Principal").or_else(|| mapping.entry("NotPrincipal"));
            if let Some(entry) = written {
                let message =
                    format!("does not belong into {}: it is about one caller", self.reading.kind.words());
                self.error(&entry.place, &entry.key, &message);
            }
            return Some(None);
        }
        let (entry, negated) = self.one_of(node, mapping, ["Principal", "NotPrincipal"])?;
        let entries = match &entry.value.value {
            Value::Text(text) if **text == *"*" => {
                vec![Placed::new(PrincipalEntry::everyone(), entry.value.place.clone())]
            }
            Value::Mapping(kinds) if !kinds.is_empty() => {
                kinds.iter().flat_map(|kind| self.principals_of_kind(kind, &entry.key)).collect()
            }
            _ => {
                let message =
                    "is neither `\"*\"` nor a mapping with entries: expected `\"*\"` or `{\"AWS\": …}`";
                self.error(&entry.value.place, &entry.key, message);
                return None;
            }
        };
        Some(Some(PrincipalClause { negated, entries: entries.into() }))
    }

    fn principals_of_kind(&mut self, kind: &Entry, element: &str) -> Vec<Placed<PrincipalEntry>> {
        const KINDS: [&str; 4] = ["AWS", "Federated", "Service", "CanonicalUser"];
        if !KINDS.contains(&&*kind.key) {
            refuse_unknown(kind, &format!("`{}`", self.path(element)), &KINDS, self.problems);
            return Vec::new();
        }
        let element = format!("{element}.{}", kind.key);
        let mut entries = Vec::new();
        for (text, place) in self.texts(&kind.value, &element) {
            let parsed = if *kind.key == *"AWS" {
                PrincipalEntry::parse(text)
            } else {
                Ok(PrincipalEntry::nobody(&kind.key, text))
            };
            match parsed {
                Ok(entry) => entries.push(Placed::new(entry, place.clone())),
                Err(error) => self.error(place, &element, &format!("is `{text}`: {error}")),
            }
        }
        entries
    }

    fn actions(&mut self, entry: &Entry) -> Box<[Placed<Pattern>]> {
        let mut actions = Vec::new();
        for (text, place) in self.texts(&entry.value, &entry.key) {
            let has_service =
                text.split_once(':').is_some_and(|(service, name)| !service.is_empty() && !name.is_empty());
            let compiled = if text == "*" || has_service {
                Pattern::compile(text, Syntax::GlobIgnoringCase, false)
            } else {
                Err("expected `*`, or a service and an action such as `execute-api:Invoke`")
            };
            match compiled {
                Ok(pattern) => actions.push(Placed::new(pattern, place.clone())),
                Err(expected) => self.error(place, &entry.key, &format!("is `{text}`: {expected}")),
            }
        }
        actions.into()
    }

    fn resources(&mut self, entry: &Entry) -> Box<[Placed<ResourcePattern>]> {
        let mut resources = Vec::new();
        for (text, place) in self.texts(&entry.value, &entry.key) {
            let is_too_long = self.reading.kind == PolicyKind::AuthorizerOutput
                && text.chars().count() > AUTHORIZER_RESOURCE_MAX;
            if is_too_long {
                self.error(place, &entry.key, "is longer than 512 characters");
            }
            match ResourcePattern::compile(text, self.reading, self.has_variables) {
                Ok(patterns) => {
                    resources.extend(patterns.into_iter().map(|pattern| Placed::new(pattern, place.clone())));
                }
                Err(expected) => self.error(place, &entry.key, &format!("is `{text}`: {expected}")),
            }
        }
        resources.into()
    }

    fn conditions(&mut self, node: &Node) -> Vec<Condition> {
        let Some(operators) = node.as_mapping() else {
            self.refuse(node, "Condition", "a mapping of operators");
            return Vec::new();
        };
        self.refuse_twice(operators, "Condition", "operator");
        operators.iter().flat_map(|entry| self.conditions_of_operator(entry)).collect()
    }

    fn conditions_of_operator(&mut self, entry: &Entry) -> Vec<Condition> {
        let operator = match Operator::parse(&entry.key) {
            Ok(operator) => operator,
            Err(ending) => {
                let message = format!(
                    "unknown condition operator `{}` in `{}`{ending}",
                    entry.key,
                    self.path("Condition")
                );
                self.problems.error(&entry.place, message);
                return Vec::new();
            }
        };
        let element = format!("Condition.{}", entry.key);
        let Some(keys) = entry.value.as_mapping() else {
            self.refuse(&entry.value, &element, "a mapping of condition keys");
            return Vec::new();
        };
        self.refuse_twice(keys, &element, "key");
        keys.iter().map(|key| self.condition(operator, &entry.key, key)).collect()
    }

    fn condition(&mut self, operator: Operator, written: &str, key: &Entry) -> Condition {
        let element = format!("Condition.{written}.{}", key.key);
        let values = self.values(&key.value, &element);
        let family = operator.comparison.family;
        let expected = Expected::parse(family, self.has_variables, &values, |value, expected| {
            self.error(&value.place, &element, &format!("is `{}`: {expected}", value.value));
        });
        let spelling = Spelling { operator: written, key: &key.key, place: key.place.clone() };
        let condition = Condition::new(operator, expected, spelling);
        self.warn_of_many_values(&condition, &element);
        condition
    }

    /// A value, or a list of values; quotes are optional around numbers and booleans (RP-14).
    fn values<'node>(&mut self, node: &'node Node, element: &str) -> Vec<Placed<&'node str>> {
        let items = node.as_sequence().unwrap_or_else(|| std::slice::from_ref(node));
        let mut values = Vec::new();
        for item in items {
            match item.as_scalar_text() {
                Some(text) => values.push(Placed::new(text, item.place.clone())),
                None => self.refuse(item, element, "text, a number, a boolean, or a list of these"),
            }
        }
        values
    }

    /// Names that differ in letter case alone are one name, and may stand once (RP-13, RP-51, RP-52).
    fn refuse_twice(&mut self, mapping: &Mapping, element: &str, what: &str) {
        let mut seen = BTreeSet::new();
        for entry in mapping {
            if !seen.insert(entry.key.to_lowercase()) {
                let message =
                    format!("has the {what} `{}` twice, letter case aside: expected it once", entry.key);
                self.error(&entry.place, element, &message);
            }
        }
    }

    fn warn_of_many_values(&mut self, condition: &Condition, element: &str) {
        let key: &ConditionKey = condition.condition_key();
        let asks_for_presence = matches!(condition.expected, Expected::Absence(_));
        if key.has_many_values() && condition.operator.quantifier.is_none() && !asks_for_presence {
            let message = format!(
                "`{}` has no set operator, though `{key}` may have several values: read as `ForAnyValue:{}`",
                self.path(element),
                condition.operator()
            );
            self.problems.warning(condition.place(), message);
        }
    }
}
