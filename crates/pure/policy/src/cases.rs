//! Unit tests for policies: one JSON line in, one JSON line out.

use std::fmt;

use postern_document::{Node, Problems, Value, parse_json, write_json};

use crate::{
    arn::{Arn, ExecuteApiBase},
    context::{ConditionKey, Context, Lookup},
    document::{Policy, PolicyKind, Reading},
    evaluate::{Decision, Outcome, Request, both_must_allow, either_may_allow, evaluate},
    principal::Principal,
};

/// What a case came to. Printed as the line of JSON that answers it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaseAnswer {
    /// The case's own id, as JSON.
    pub id: String,
    /// The decision of all policies of the case.
    pub outcome: Outcome,
    /// The `Sid` of the statement that decided, as JSON; its index from 0 where it has none; `null`
    /// for an implicit denial.
    pub statement: String,
}

impl fmt::Display for CaseAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, outcome, statement } = self;
        write!(f, r#"{{"id":{id},"decision":"{outcome}","statement":{statement}}}"#)
    }
}

/// Answers one case: a JSON object with `id`, `policy`, `principal`, `action`, `resource`, and
/// optionally `context` and `identityPolicies`; other members are notes to oneself.
///
/// `principal` is `anonymous` or an ARN, `resource` an ARN whose region, account and API the short
/// form of policies stands for, `context` everything that is known of the request: a value or a
/// list of values for each key; a key that is not there is absent from the request, also where the
/// gateway would know it from the principal or the clock. With `identityPolicies` a caller of the
/// resource's account is decided by Table A of RP-98, any other by Table B; they say nothing of an
/// anonymous caller.
///
/// # Errors
/// What is wrong with the case or its policies, one problem a line.
///
/// ```
/// use postern_policy::evaluate_case;
///
/// let line = r#"{"id": 1, "policy": {"Statement": {"Sid": "ours", "Effect": "Allow", "Principal": "*",
///     "Action": "execute-api:Invoke", "Resource": "execute-api:/demo/*",
///     "Condition": {"StringEquals": {"aws:SourceVpce": "vpce-01234567abcdef012"}}}},
///     "principal": "anonymous", "action": "execute-api:Invoke",
///     "resource": "arn:aws:execute-api:us-east-1:123456789012:a1b2c3d4e5/demo/GET/pets",
///     "context": {"aws:SourceVpce": "vpce-01234567abcdef012"}}"#;
/// assert_eq!(
///     evaluate_case(line).unwrap().to_string(),
///     r#"{"id":1,"decision":"allow","statement":"ours"}"#,
/// );
/// ```
pub fn evaluate_case(line: &str) -> Result<CaseAnswer, String> {
    let case = parse_json("case", line).map_err(|problems| lines_of(&problems))?;
    if case.as_mapping().is_none() {
        return Err(format!("a case is {}: expected a JSON object", case.kind()));
    }
    let id = case.get("id").map_or_else(|| "null".to_owned(), write_json);
    let context = CaseContext::read(case.get("context"))?;
    let principal: Principal = text_of(&case, "principal")?
        .parse()
        .map_err(|error| format!("`principal` is neither `anonymous` nor an ARN of a caller: {error}"))?;
    let resource = text_of(&case, "resource")?;
    let resource = Arn::parse(resource)
        .ok_or_else(|| format!("`resource` is `{resource}`: expected an ARN of six parts, `arn:…`"))?;
    let request = Request { action: text_of(&case, "action")?, resource, principal: &principal };

    let base = ExecuteApiBase::of_request(&resource);
    let policy = member(&case, "policy")?;
    let policy = read_policy(policy, "policy", PolicyKind::Resource, &base)?;
    let identity_policies = read_identity_policies(&case, &base)?;

    let of_resource = evaluate(&policy, &request, &context);
    let decision = match (principal.caller(), &identity_policies) {
        (Some(caller), Some(identity_policies)) => {
            let decisions = identity_policies.iter().map(|policy| evaluate(policy, &request, &context));
            let of_identity = decisions.fold(Decision::ImplicitDeny, either_may_allow);
            let combine =
                if caller.account() == resource.account { either_may_allow } else { both_must_allow };
            combine(of_resource, of_identity)
        }
        _ => of_resource,
    };
    Ok(CaseAnswer { id, outcome: decision.outcome(), statement: name_of_statement(&decision) })
}

fn member<'case>(case: &'case Node, name: &str) -> Result<&'case Node, String> {
    case.get(name).ok_or_else(|| format!("the case has no `{name}`"))
}

fn text_of<'case>(case: &'case Node, name: &str) -> Result<&'case str, String> {
    let node = member(case, name)?;
    node.as_text().ok_or_else(|| format!("`{name}` is {}: expected text", node.kind()))
}

fn read_identity_policies(case: &Node, base: &ExecuteApiBase<'_>) -> Result<Option<Vec<Policy>>, String> {
    let Some(node) = case.get("identityPolicies").filter(|node| !node.is_null()) else { return Ok(None) };
    let Some(policies) = node.as_sequence() else {
        return Err(format!("`identityPolicies` is {}: expected a list of policies", node.kind()));
    };
    let read = policies.iter().enumerate().map(|(index, policy)| {
        read_policy(policy, &format!("identityPolicies[{index}]"), PolicyKind::Identity, base)
    });
    read.collect::<Result<Vec<_>, _>>().map(Some)
}

fn read_policy(
    node: &Node,
    name: &str,
    kind: PolicyKind,
    base: &ExecuteApiBase<'_>,
) -> Result<Policy, String> {
    let mut problems = Problems::default();
    let reading = Reading { base: Some(base), ..Reading::of(kind) };
    Policy::parse(node, &reading, &mut problems)
        .ok_or_else(|| format!("`{name}` is wrong:\n{}", lines_of(&problems)))
}

fn lines_of(problems: &Problems) -> String {
    let lines: Vec<String> = problems.errors().map(ToString::to_string).collect();
    lines.join("\n")
}

fn name_of_statement(decision: &Decision<'_>) -> String {
    decision.statement().map_or_else(
        || "null".to_owned(),
        |statement| match statement.sid() {
            Some(sid) => write_json(&Node::new(statement.place().clone(), Value::Text(sid.into()))),
            None => statement.index().to_string(),
        },
    )
}

/// The context of a case: every value is text, as it was written.
struct CaseContext {
    keys: Vec<(ConditionKey, Vec<Box<str>>)>,
}

impl CaseContext {
    fn read(node: Option<&Node>) -> Result<Self, String> {
        let Some(node) = node.filter(|node| !node.is_null()) else { return Ok(Self { keys: Vec::new() }) };
        let Some(mapping) = node.as_mapping() else {
            return Err(format!("`context` is {}: expected a mapping of keys", node.kind()));
        };
        let mut keys: Vec<(ConditionKey, Vec<Box<str>>)> = Vec::new();
        for entry in mapping {
            let key = ConditionKey::parse(&entry.key);
            if keys.iter().any(|(known, _)| *known == key) {
                return Err(format!("`context` has `{}` twice, letter case aside", entry.key));
            }
            keys.push((key, values_of(&entry.value, &entry.key)?));
        }
        Ok(Self { keys })
    }
}

impl Context for CaseContext {
    fn lookup(&self, key: &ConditionKey) -> Lookup<'_> {
        let found = self.keys.iter().find(|(known, _)| known == key);
        found.map_or(Lookup::Absent, |(_, values)| Lookup::Texts(values))
    }
}

/// A null is no value, like an empty list.
fn values_of(node: &Node, key: &str) -> Result<Vec<Box<str>>, String> {
    let items = node.as_sequence().unwrap_or_else(|| std::slice::from_ref(node));
    let present = items.iter().filter(|item| !item.is_null());
    let values = present.map(|item| {
        item.as_scalar_text().map(Into::into).ok_or_else(|| {
            format!(
                "`context.{key}` is {}: expected text, a number, a boolean, or a list of these",
                item.kind()
            )
        })
    });
    values.collect()
}
