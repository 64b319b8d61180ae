//! What an authorizer's function says (authorization.md section 3.3).

use std::fmt;

use postern_document::{Node, Problems, parse_json};
use postern_model::Secret;
use postern_policy::{ExecuteApiBase, Policy, PolicyKind, Reading};

/// What an authorizer said, checked.
pub struct AuthorizerOutput {
    policy: Policy,
    context: AuthorizerContext,
    usage_identifier_key: Option<Secret<Box<str>>>,
}

/// Names and values: `principalId` first, where there is one, then the context.
type AuthorizerContext = Vec<(Box<str>, Box<str>)>;

impl AuthorizerOutput {
    /// Reads the payload of a function's answer. `api` is the API that short forms in the policy mean.
    ///
    /// # Errors
    ///
    /// What is wrong and where, for an operator: never what the function said there, which may be the
    /// caller's token. Nothing of what is wrong ever lets a request through.
    pub fn parse(payload: &[u8], api: &ExecuteApiBase<'_>) -> Result<Self, String> {
        let text = std::str::from_utf8(payload).map_err(|_| "it is no text")?;
        let root = parse_json(DOCUMENT, text).map_err(|problems| first_of(&problems, "it is no JSON"))?;
        if root.as_mapping().is_none() {
            return Err(format!("it is {}: expected an object", root.kind()));
        }
        let policy = read_policy(&root, api)?;
        let principal_id = scalar(&root, "principalId")?;
        let usage_identifier_key = scalar(&root, "usageIdentifierKey")?.map(|key| Secret::new(key.into()));
        let context = read_context(&root, principal_id)?;
        Ok(Self { policy, context, usage_identifier_key })
    }

    /// Its policy: at least one statement.
    pub(crate) const fn policy(&self) -> &Policy {
        &self.policy
    }

    /// What `$context.authorizer` holds: names and values (AU-52).
    pub(crate) fn context(&self) -> impl Iterator<Item = (&str, &str)> {
        self.context.iter().map(|(name, value)| (&**name, &**value))
    }

    /// The API key that the request is counted for, where the API's keys come from authorizers (AU-11).
    pub(crate) fn usage_identifier_key(&self) -> Option<&str> {
        self.usage_identifier_key.as_ref().map(|key| &**key.reveal())
    }
}

/// Shows nothing of what was said: tokens may stand in it.
impl fmt::Debug for AuthorizerOutput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AuthorizerOutput({} statements)", self.policy.statements().len())
    }
}

const DOCUMENT: &str = "output";

/// A policy that says nothing at all is a mistake, and not an authorizer's silence.
fn read_policy(root: &Node, api: &ExecuteApiBase<'_>) -> Result<Policy, String> {
    let node = root.get("policyDocument").filter(|node| !node.is_null());
    let node = node.ok_or("it has no `policyDocument`")?;
    if node.as_mapping().is_none() {
        return Err(format!("`policyDocument` is {}: expected an object", node.kind()));
    }
    let reading = Reading { base: Some(api), ..Reading::of(PolicyKind::AuthorizerOutput) };
    let mut problems = Problems::default();
    let policy = Policy::parse(node, &reading, &mut problems)
        .ok_or_else(|| first_of(&problems, "the policy is malformed"))?;
    if policy.statements().is_empty() {
        return Err("`policyDocument` has no statements".to_owned());
    }
    Ok(policy)
}

/// Texts, numbers and booleans, each as text; null is as good as nothing. A list or an object makes all of
/// the output invalid.
fn read_context(root: &Node, principal_id: Option<&str>) -> Result<AuthorizerContext, String> {
    let mut context = AuthorizerContext::new();
    context.extend(principal_id.map(|id| (PRINCIPAL_ID.into(), id.into())));
    let Some(node) = root.get("context").filter(|node| !node.is_null()) else { return Ok(context) };
    let entries = node.as_mapping();
    let entries = entries.ok_or_else(|| format!("`context` is {}: expected an object", node.kind()))?;
    for entry in entries {
        let value = text_of(&entry.value, &format!("{}: a value in `context`", entry.value.place))?;
        let is_shadowed = &*entry.key == PRINCIPAL_ID && principal_id.is_some();
        if let Some(value) = value.filter(|_| !is_shadowed) {
            context.push((entry.key.clone(), value.into()));
        }
    }
    Ok(context)
}

const PRINCIPAL_ID: &str = "principalId";

fn scalar<'n>(root: &'n Node, name: &str) -> Result<Option<&'n str>, String> {
    root.get(name).map_or(Ok(None), |node| text_of(node, &format!("`{name}`")))
}

fn text_of<'n>(node: &'n Node, what: &str) -> Result<Option<&'n str>, String> {
    match node.as_scalar_text() {
        None if !node.is_null() => {
            Err(format!("{what} is {}: expected text, a number or a boolean", node.kind()))
        }
        text => Ok(text),
    }
}

/// What is wrong, and where the first problem is.
fn first_of(problems: &Problems, what: &str) -> String {
    let place = problems.errors().next().map(|problem| format!("{}: ", problem.place));
    place.unwrap_or_default() + what
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_told_in_a_line() {
        let told = |payload: &str| {
            AuthorizerOutput::parse(payload.as_bytes(), &ExecuteApiBase::sample()).unwrap_err()
        };
        let policy =
            r#"{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}"#;
        for (payload, reason) in [
            ("{", "output:1:2: "),
            ("[]", "it is a list: expected an object"),
            ("{}", "it has no `policyDocument`"),
            (r#"{"policyDocument": "{}"}"#, "`policyDocument` is text: expected an object"),
            (r#"{"policyDocument": {}}"#, "`policyDocument` has no statements"),
        ] {
            let told = told(payload);
            assert!(told.starts_with(reason), "{payload}: {told}");
        }
        for (payload, kind) in [
            (format!(r#"{{"policyDocument": {policy}, "context": {{"token": []}}}}"#), "is a list"),
            (
                format!(r#"{{"policyDocument": {}}}"#, policy.replace("Allow", "token")),
                "the policy is malformed",
            ),
            (r#"{"token": 1, "token": 2, token}"#.to_owned(), "it is no JSON"),
        ] {
            let told = told(&payload);
            assert!(told.starts_with("output:1:") && told.contains(kind), "{payload}: {told}");
            assert!(!told.contains("token"), "{payload}: {told}");
        }
        let output = format!(r#"{{"policyDocument": {policy}, "usageIdentifierKey": "secret"}}"#);
        let output = AuthorizerOutput::parse(output.as_bytes(), &ExecuteApiBase::sample()).unwrap();
        assert_eq!(
            (format!("{output:?}").as_str(), output.usage_identifier_key()),
            ("AuthorizerOutput(1 statements)", Some("secret"))
        );
    }
}
