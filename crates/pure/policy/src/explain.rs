//! Why a policy decided as it did: the walk of `evaluate.rs`, every step kept.

use std::fmt;

use postern_document::Place;

use crate::{
    arn::Arn,
    condition::{Condition, Expected},
    context::{ConditionKey, Context, ContextValue, Lookup},
    document::Policy,
    evaluate::{Decision, Outcome, Request, evaluate},
    operator::Quantifier,
    principal::Principal,
    statement::{Effect, Statement},
};

/// Why a policy decided as it did. Plain data for programs; printed, it is text for a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// The decision.
    pub outcome: Outcome,
    /// The index of the statement that decided; of an implicit denial there is none.
    pub deciding: Option<usize>,
    /// Every statement, in the order of the policy.
    pub statements: Vec<StatementTrace>,
    /// Of a refusal: the index of the statement that is nearest to another answer. The one that
    /// denies, or else the allowing statement with the fewest parts that do not match.
    pub nearest: Option<usize>,
    /// Of a refusal: the single value that, changed, would let the request through. Always tried
    /// out, never guessed; absent where no single value would.
    pub change: Option<Change>,
}

/// One statement beside one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatementTrace {
    /// Its index in the policy, from 0.
    pub index: usize,
    /// Its `Sid`, if it has one.
    pub sid: Option<String>,
    /// Where it stands.
    pub place: Place,
    /// What it does with the requests that it speaks of.
    pub effect: Effect,
    /// The rule in words.
    pub rule: String,
    /// Whether it speaks of this request: everything below matched.
    pub matched: bool,
    /// Whom it is about; absent in identity policies and authorizer output.
    pub principal: Option<Check>,
    /// Which actions it is about.
    pub action: Check,
    /// Which resources it is about.
    pub resource: Check,
    /// Its conditions, all of them, also behind one that does not hold.
    pub conditions: Vec<ConditionTrace>,
}

/// One element of a statement beside the request's value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// The element: `Principal`, `NotAction`, ….
    pub element: &'static str,
    /// Its values as the policy spells them.
    pub expected: Vec<String>,
    /// What the request has.
    pub actual: String,
    /// Whether the element speaks of it.
    pub matched: bool,
}

/// One condition beside the request's values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConditionTrace {
    /// The operator as the policy spells it.
    pub operator: String,
    /// The key as the policy spells it.
    pub key: String,
    /// The values as the policy spells them.
    pub expected: Vec<String>,
    /// What the request has; `None` where the key is missing.
    pub actual: Option<Vec<String>>,
    /// The condition in words.
    pub rule: String,
    /// Whether the condition holds.
    pub matched: bool,
}

/// A change of one value that lets a refused request through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// What would have to be different.
    pub what: Changed,
    /// What it would have to be.
    pub to: Wanted,
    /// The index of the statement that would then allow the request.
    pub allowed_by: usize,
}

/// What a [`Change`] changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Changed {
    /// A condition key.
    Key(ConditionKey),
    /// The caller.
    Principal,
    /// The action.
    Action,
    /// What is called.
    Resource,
}

/// What a value would have to be for another answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// This very value.
    Value(String),
    /// A value that a pattern or range of the policy matches.
    Like(String),
    /// Any value that the condition does not name.
    AnotherValue,
    /// No value: the key would have to be missing.
    Missing,
}

/// Explains what [`evaluate`] says of a request. For a person who waits, not for the request path.
pub fn explain(policy: &Policy, request: &Request<'_>, context: &impl Context) -> Explanation {
    let decision = evaluate(policy, request, context);
    let traces = policy.statements().iter().map(|statement| StatementTrace::of(statement, request, context));
    let statements: Vec<StatementTrace> = traces.collect();
    let nearest = nearest(&decision, &statements);
    let change = nearest.and_then(|nearest| find_change(policy, nearest, request, context));
    Explanation {
        outcome: decision.outcome(),
        deciding: decision.statement().map(Statement::index),
        statements,
        nearest,
        change,
    }
}

/// The statement to change something about; none for a request that is allowed.
fn nearest(decision: &Decision<'_>, statements: &[StatementTrace]) -> Option<usize> {
    match decision {
        Decision::Allow { .. } => None,
        Decision::Deny { by } => Some(by.index()),
        Decision::ImplicitDeny => statements
            .iter()
            .filter(|statement| statement.effect == Effect::Allow)
            .min_by_key(|statement| statement.mismatches())
            .map(|statement| statement.index),
    }
}

impl StatementTrace {
    fn of(statement: &Statement, request: &Request<'_>, context: &impl Context) -> Self {
        let principal = statement.principals.as_ref().map(|clause| Check {
            element: if clause.negated { "NotPrincipal" } else { "Principal" },
            expected: clause.entries.iter().map(|entry| entry.value.written().to_owned()).collect(),
            actual: request.principal.to_string(),
            matched: clause.matches(request.principal),
        });
        let action = Check {
            element: if statement.actions.negated { "NotAction" } else { "Action" },
            expected: statement
                .actions
                .entries
                .iter()
                .map(|entry| entry.value.written().to_owned())
                .collect(),
            actual: request.action.to_owned(),
            matched: statement.actions.matches(request.action),
        };
        let mut resources: Vec<String> =
            statement.resources.entries.iter().map(|entry| entry.value.written().to_owned()).collect();
        // A short form of a domain name is two patterns of one spelling.
        resources.dedup();
        let resource = Check {
            element: if statement.resources.negated { "NotResource" } else { "Resource" },
            expected: resources,
            actual: request.resource.to_string(),
            matched: statement.resources.matches(&request.resource, context),
        };
        let conditions =
            statement.conditions().iter().map(|condition| ConditionTrace::of(condition, context));
        let mut trace = Self {
            index: statement.index(),
            sid: statement.sid().map(Into::into),
            place: statement.place().clone(),
            effect: statement.effect(),
            rule: String::new(),
            matched: statement.matches(request, context),
            principal,
            action,
            resource,
            conditions: conditions.collect(),
        };
        trace.rule = trace.in_words();
        trace
    }

    /// `Deny everybody execute-api:Invoke on execute-api:/* if aws:SourceVpce is not vpce-1`
    fn in_words(&self) -> String {
        let who = match &self.principal {
            None => "the caller".to_owned(),
            Some(check) if check.element == "NotPrincipal" => {
                format!("everybody but {}", check.expected.join(", "))
            }
            Some(check) if check.expected.iter().any(|entry| entry == "*") => "everybody".to_owned(),
            Some(check) => check.expected.join(", "),
        };
        let listed = |check: &Check| {
            let but = if check.element.starts_with("Not") { "everything but " } else { "" };
            format!("{but}{}", check.expected.join(", "))
        };
        let conditions: Vec<&str> = self.conditions.iter().map(|condition| &*condition.rule).collect();
        let only_if = if conditions.is_empty() { "" } else { " if " };
        format!(
            "{} {who} {} on {}{only_if}{}",
            self.effect,
            listed(&self.action),
            listed(&self.resource),
            conditions.join(" and ")
        )
    }

    /// How many of its parts do not match.
    fn mismatches(&self) -> usize {
        let checks = self.principal.iter().chain([&self.action, &self.resource]);
        let conditions = self.conditions.iter().filter(|condition| !condition.matched).count();
        checks.filter(|check| !check.matched).count().saturating_add(conditions)
    }
}

impl ConditionTrace {
    fn of(condition: &Condition, context: &impl Context) -> Self {
        let found = context.lookup(condition.condition_key());
        let actual = found.values().map(|value| value.to_string()).collect();
        Self {
            operator: condition.operator().to_owned(),
            key: condition.key().to_owned(),
            expected: condition.expected().map(Into::into).collect(),
            actual: (!found.is_absent()).then_some(actual),
            rule: in_words(condition),
            matched: condition.holds(context),
        }
    }
}

/// `every value of aws:PrincipalOrgPaths is like o-1/*`
fn in_words(condition: &Condition) -> String {
    let key = condition.key();
    if let Expected::Absence(wanted) = &condition.expected {
        let states = wanted.iter().map(|wanted| if wanted.value { "absent" } else { "present" });
        return format!("{key} is {}", states.collect::<Vec<_>>().join(" or "));
    }
    let which = match condition.operator.quantifier {
        Some(Quantifier::All) => "every value of ",
        Some(Quantifier::Any) => "some value of ",
        None => "",
    };
    let words = condition.operator.comparison.words;
    let expected: Vec<&str> = condition.expected().collect();
    let if_exists = if condition.operator.if_exists { ", or there is none" } else { "" };
    format!("{which}{key} {words} {}{if_exists}", expected.join(" or "))
}

/// Tries single changes, those that the nearest statement suggests first, until one lets the
/// request through.
fn find_change(
    policy: &Policy,
    nearest: usize,
    request: &Request<'_>,
    context: &impl Context,
) -> Option<Change> {
    let (near, others): (Vec<&Statement>, Vec<&Statement>) =
        policy.statements().iter().partition(|statement| statement.index() == nearest);
    let mut candidates = near.into_iter().chain(others);
    candidates.find_map(|statement| {
        change_of_key(policy, statement, request, context)
            .or_else(|| change_of_principal(policy, statement, request, context))
            .or_else(|| change_of_action(policy, statement, request, context))
            .or_else(|| change_of_resource(policy, statement, request, context))
    })
}

fn change_of_key(
    policy: &Policy,
    statement: &Statement,
    request: &Request<'_>,
    context: &impl Context,
) -> Option<Change> {
    statement.conditions().iter().find_map(|condition| {
        let key = condition.condition_key();
        suggestions(condition, context).into_iter().find_map(|(to, value)| {
            let changed = With { key, value: value.as_deref(), context };
            let allowed_by = allowed_by(policy, request, &changed)?;
            Some(Change { what: Changed::Key(key.clone()), to, allowed_by })
        })
    })
}

/// What is worth trying for a key, and by which value: what the condition names, something that it
/// does not name, nothing.
fn suggestions(condition: &Condition, context: &impl Context) -> Vec<(Wanted, Option<String>)> {
    let value = |value: &str| (Wanted::Value(value.to_owned()), Some(value.to_owned()));
    let mut values: Vec<_> = match &condition.expected {
        Expected::Texts(patterns) => patterns
            .iter()
            .map(|pattern| match pattern.example(context) {
                example if example == pattern.written() => value(&example),
                example => (Wanted::Like(pattern.written().to_owned()), Some(example)),
            })
            .collect(),
        Expected::Networks(networks) => {
            let like = |written: &str| Wanted::Like(written.to_owned());
            let addresses = networks.iter().map(|network| Some(network.value.addr().to_string()));
            condition.expected().map(like).zip(addresses).collect()
        }
        Expected::Booleans(_) => vec![value("true"), value("false")],
        Expected::Numbers(..) | Expected::Dates(..) | Expected::Binary(_) => {
            condition.expected().map(value).collect()
        }
        Expected::Absence(_) => Vec::new(),
    };
    values.push((Wanted::AnotherValue, Some("(another value)".to_owned())));
    values.push((Wanted::Missing, None));
    values
}

/// A context of which one key says something else.
struct With<'a, C> {
    key: &'a ConditionKey,
    value: Option<&'a str>,
    context: &'a C,
}

impl<C: Context> Context for With<'_, C> {
    fn lookup(&self, key: &ConditionKey) -> Lookup<'_> {
        match self.value {
            _ if key != self.key => self.context.lookup(key),
            Some(value) => Lookup::One(ContextValue::Text(value)),
            None => Lookup::Absent,
        }
    }
}

fn change_of_principal(
    policy: &Policy,
    statement: &Statement,
    request: &Request<'_>,
    context: &impl Context,
) -> Option<Change> {
    let named = statement.principals.iter().flat_map(|clause| &clause.entries);
    let callers = named.filter_map(|entry| entry.value.caller());
    callers.map(|caller| Principal::Caller(caller.clone())).find_map(|principal| {
        let allowed_by = allowed_by(policy, &Request { principal: &principal, ..*request }, context)?;
        Some(Change { what: Changed::Principal, to: Wanted::Value(principal.to_string()), allowed_by })
    })
}

fn change_of_action(
    policy: &Policy,
    statement: &Statement,
    request: &Request<'_>,
    context: &impl Context,
) -> Option<Change> {
    statement.actions.entries.iter().find_map(|entry| {
        let action = entry.value.example(context);
        let allowed_by = allowed_by(policy, &Request { action: &action, ..*request }, context)?;
        let to = Wanted::Like(entry.value.written().to_owned());
        Some(Change { what: Changed::Action, to, allowed_by })
    })
}

fn change_of_resource(
    policy: &Policy,
    statement: &Statement,
    request: &Request<'_>,
    context: &impl Context,
) -> Option<Change> {
    statement.resources.entries.iter().find_map(|entry| {
        let example = entry.value.example(&request.resource, context)?;
        let resource = Arn::parse(&example)?;
        let allowed_by = allowed_by(policy, &Request { resource, ..*request }, context)?;
        let to = Wanted::Like(entry.value.written().to_owned());
        Some(Change { what: Changed::Resource, to, allowed_by })
    })
}

fn allowed_by(policy: &Policy, request: &Request<'_>, context: &impl Context) -> Option<usize> {
    let decision = evaluate(policy, request, context);
    decision.statement().filter(|_| decision.is_allow()).map(Statement::index)
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let deciding = self.deciding.and_then(|index| self.statements.get(index));
        match (self.outcome, deciding) {
            (Outcome::Allow, Some(statement)) => writeln!(f, "allowed by {}", statement.name())?,
            (Outcome::ExplicitDeny, Some(statement)) => writeln!(f, "denied by {}", statement.name())?,
            _ => writeln!(f, "denied: no statement allows the request")?,
        }
        for statement in &self.statements {
            write!(f, "{statement}")?;
        }
        if let Some(nearest) = self.nearest.and_then(|index| self.statements.get(index)) {
            writeln!(f, "nearest: {}", nearest.name())?;
        }
        match &self.change {
            Some(change) => writeln!(f, "{change}"),
            None if self.nearest.is_some() => writeln!(f, "no single value would let the request through"),
            None => Ok(()),
        }
    }
}

impl StatementTrace {
    /// `statement 1`, `statement 1 ("OnlyOurs")`
    fn name(&self) -> String {
        let sid = self.sid.as_ref().map_or_else(String::new, |sid| format!(" (\"{sid}\")"));
        format!("statement {}{sid}", self.index)
    }
}

impl fmt::Display for StatementTrace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = if self.matched { "speaks of the request" } else { "does not speak of the request" };
        writeln!(f, "{} {verdict} ({})", self.name(), self.place)?;
        writeln!(f, "  {}", self.rule)?;
        for check in self.principal.iter().chain([&self.action, &self.resource]) {
            writeln!(f, "    {check}")?;
        }
        for condition in &self.conditions {
            writeln!(f, "    {condition}")?;
        }
        Ok(())
    }
}

const fn tick(matched: bool) -> &'static str {
    if matched { "yes" } else { "no " }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { element, expected, actual, matched } = self;
        write!(f, "{} {element}: expected {}; actual {actual}", tick(*matched), expected.join(", "))
    }
}

impl fmt::Display for ConditionTrace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { operator, key, expected, actual, matched, .. } = self;
        let actual = actual.as_ref().map_or_else(|| "missing".to_owned(), |actual| actual.join(", "));
        write!(f, "{} {operator} {key}: expected {}; actual {actual}", tick(*matched), expected.join(", "))
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match &self.what {
            Changed::Key(key) => key.to_string(),
            Changed::Principal => "the caller".to_owned(),
            Changed::Action => "the action".to_owned(),
            Changed::Resource => "the resource".to_owned(),
        };
        write!(f, "would be allowed by statement {} if {what} were ", self.allowed_by)?;
        match &self.to {
            Wanted::Value(value) => f.write_str(value),
            Wanted::Like(pattern) => write!(f, "like {pattern}"),
            Wanted::AnotherValue => f.write_str("another value"),
            Wanted::Missing => f.write_str("missing"),
        }
    }
}
