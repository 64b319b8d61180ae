//! What the tests share: cases as JSON values.

#![allow(
    dead_code,
    unreachable_pub,
    clippy::allow_attributes,
    reason = "every test file uses a part of these"
)]

use postern_document::Problems;
use postern_policy::{ExecuteApiBase, Policy, PolicyKind, Reading, evaluate_case};
use serde_json::{Value, json};

/// The API that all tests are about.
pub const API: ExecuteApiBase<'static> =
    ExecuteApiBase::api("aws", "us-east-1", "123456789012", "a1b2c3d4e5");

/// The ARN of a call to it.
pub fn arn(path: &str) -> String {
    format!("arn:aws:execute-api:us-east-1:123456789012:a1b2c3d4e5/{path}")
}

/// What `evaluate_case` says: `allow 0`, `explicitDeny "sid"`, `implicitDeny null`.
pub fn decide(policy: &Value, changes: &Value) -> String {
    let answer =
        evaluate_case(&case(policy, changes).to_string()).unwrap_or_else(|error| panic!("{policy}: {error}"));
    let answer: Value = serde_json::from_str(&answer.to_string()).unwrap();
    format!("{} {}", answer["decision"].as_str().unwrap(), answer["statement"])
}

/// The decision alone.
pub fn decision(policy: &Value, changes: &Value) -> String {
    decide(policy, changes).split(' ').next().unwrap().to_owned()
}

/// An anonymous call of `GET /pets` in stage `demo`, with some members changed.
pub fn case(policy: &Value, changes: &Value) -> Value {
    let mut case = json!({
        "id": "case", "policy": policy, "principal": "anonymous", "action": "execute-api:Invoke",
        "resource": arn("demo/GET/pets"), "context": {},
    });
    for (name, value) in changes.as_object().unwrap() {
        case[name] = value.clone();
    }
    case
}

/// A policy of one statement for everybody and everything, with some elements changed. A null
/// takes an element away.
pub fn one(changes: Value) -> Value {
    json!({"Version": "2012-10-17", "Statement": statement(changes)})
}

/// The statement of [`one`].
pub fn statement(changes: Value) -> Value {
    let mut statement = json!({"Effect": "Allow", "Principal": "*", "Action": "execute-api:Invoke", "Resource": "execute-api:/*"});
    let elements = statement.as_object_mut().unwrap();
    for (name, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => elements.remove(name),
            value => elements.insert(name.clone(), value.clone()),
        };
    }
    statement
}

/// Whether a condition holds, seen by an `Allow` that has no other.
pub fn holds(condition: Value, context: Value) -> bool {
    decision(&one(json!({"Condition": condition})), &json!({"context": context})) == "allow"
}

/// Reads a policy, and tells what was told of it.
pub fn read(kind: PolicyKind, text: &str) -> (Option<Policy>, Vec<String>) {
    let mut problems = Problems::default();
    let reading = Reading { base: Some(&API), ..Reading::of(kind) };
    let policy = Policy::parse_text("policy.json", text, &reading, &mut problems);
    (policy, problems.iter().map(ToString::to_string).collect())
}
