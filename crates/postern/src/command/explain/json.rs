//! A transcript as JSON. The names are part of what users rely on: config/README.md lists them.

use std::net::IpAddr;

use postern_gateway::{Answered, Ending, GateTrace, Identity, MappedCall, Transcript, gate_name};
use postern_policy::{Change, Changed, Check, ConditionTrace, Explanation, StatementTrace, Wanted};
use serde_json::{Map, Value, json};

/// The members of a JSON object, in their order.
pub(super) type Members = Map<String, Value>;

fn members<const COUNT: usize>(members: [(&str, Value); COUNT]) -> Members {
    members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// Every gate, and how it ended.
pub(super) fn transcript_json(transcript: &Transcript) -> Members {
    let refused_by = transcript.refused_by().map(|trace| gate_name(trace.gate));
    let (ending, answer) = match &transcript.ending {
        Ending::Answer(answer) => ("answered", answer_json(answer)),
        Ending::Closed => ("closed", Value::Null),
        Ending::NotCalled => ("backendNotCalled", Value::Null),
        Ending::AuthorizerNotCalled => ("authorizerNotCalled", Value::Null),
    };
    members([
        ("refusedBy", json!(refused_by)),
        ("gates", transcript.gates.iter().map(gate_json).collect()),
        ("ending", json!(ending)),
        ("answer", answer),
    ])
}

/// What was asked about: by which method and address, by which door, and from where.
pub(super) fn request_json(
    (method, address): (&str, (&str, &str)),
    identity: &Identity,
    source: IpAddr,
) -> Value {
    let mut request = members([
        ("method", json!(method)),
        (address.0, json!(address.1)),
        ("sourceIp", json!(source.to_canonical().to_string())),
    ]);
    if let Identity::VpcEndpoint { vpc_endpoint_id, vpc_id } = identity {
        request.insert("vpcEndpointId".to_owned(), json!(vpc_endpoint_id.as_str()));
        request.insert("vpcId".to_owned(), json!(vpc_id.as_str()));
    }
    request.into()
}

fn answer_json(answer: &Answered) -> Value {
    let Answered { status, error_type, body } = answer;
    json!({"status": status, "errorType": error_type, "body": body})
}

fn gate_json(trace: &GateTrace) -> Value {
    let GateTrace { gate, verdict, because, facts, policy, call } = trace;
    let facts: Members = facts.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
    let mut gate = members([
        ("gate", json!(gate_name(*gate))),
        ("verdict", json!(verdict.to_string())),
        ("because", json!(because)),
        ("facts", facts.into()),
    ]);
    gate.extend(policy.as_ref().map(|policy| ("policy".to_owned(), policy_json(policy))));
    gate.extend(call.as_ref().map(|call| ("call".to_owned(), call_json(call))));
    gate.into()
}

fn call_json(call: &MappedCall) -> Value {
    let MappedCall { destination, method, url, fields, body, is_made } = call;
    let fields: Value = fields.iter().map(|(name, value)| json!({"name": name, "value": value})).collect();
    json!({
        "destination": destination,
        "method": method,
        "url": url,
        "headers": fields,
        "body": body,
        "made": is_made,
    })
}

fn policy_json(policy: &Explanation) -> Value {
    json!({
        "decision": policy.outcome.to_string(),
        "statement": policy.deciding,
        "statements": policy.statements.iter().map(statement_json).collect::<Value>(),
        "nearest": policy.nearest,
        "change": policy.change.as_ref().map(change_json),
    })
}

fn statement_json(statement: &StatementTrace) -> Value {
    json!({
        "index": statement.index,
        "sid": statement.sid,
        "place": statement.place.to_string(),
        "effect": statement.effect.to_string(),
        "rule": statement.rule,
        "matched": statement.matched,
        "principal": statement.principal.as_ref().map(check_json),
        "action": check_json(&statement.action),
        "resource": check_json(&statement.resource),
        "conditions": statement.conditions.iter().map(condition_json).collect::<Value>(),
    })
}

fn check_json(check: &Check) -> Value {
    let Check { element, expected, actual, matched } = check;
    json!({"element": element, "expected": expected, "actual": actual, "matched": matched})
}

fn condition_json(condition: &ConditionTrace) -> Value {
    let ConditionTrace { operator, key, expected, actual, rule, matched } = condition;
    json!({
        "operator": operator,
        "key": key,
        "expected": expected,
        "actual": actual,
        "missing": actual.is_none(),
        "rule": rule,
        "matched": matched,
    })
}

fn change_json(change: &Change) -> Value {
    let (what, key) = match &change.what {
        Changed::Key(key) => ("key", Some(key.to_string())),
        Changed::Principal => ("principal", None),
        Changed::Action => ("action", None),
        Changed::Resource => ("resource", None),
    };
    let (to, value) = match &change.to {
        Wanted::Value(value) => ("value", Some(value)),
        Wanted::Like(pattern) => ("like", Some(pattern)),
        Wanted::AnotherValue => ("anotherValue", None),
        Wanted::Missing => ("missing", None),
    };
    json!({
        "what": what,
        "key": key,
        "to": to,
        "value": value,
        "allowedBy": change.allowed_by,
        "text": change.to_string(),
    })
}
