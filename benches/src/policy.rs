//! Deciding by a resource policy.

use std::{hint::black_box, net::IpAddr};

use postern_document::Problems;
use postern_policy::{
    Arn, ConditionKey, Context, ContextValue, Decision, ExecuteApiBase, Known, Lookup, Policy, PolicyKind,
    Principal, Reading, Request, evaluate,
};
use serde_json::{Value, json};

use crate::Operation;

const API: ExecuteApiBase<'static> = ExecuteApiBase::api("aws", "us-east-1", "123456789012", "a1b2c3d4e5");
const ARN: &str = "arn:aws:execute-api:us-east-1:123456789012:a1b2c3d4e5/demo/GET/orders/48151";

/// A call over one endpoint from one address.
struct Call {
    vpc_endpoint: &'static str,
    address: IpAddr,
}

impl Context for Call {
    fn lookup(&self, key: &ConditionKey) -> Lookup<'_> {
        match key {
            ConditionKey::SourceVpce => Lookup::One(ContextValue::Text(self.vpc_endpoint)),
            ConditionKey::VpcSourceIp => Lookup::One(ContextValue::Address(self.address)),
            _ => Lookup::Absent,
        }
    }
}

fn call() -> Call {
    Call { vpc_endpoint: "vpce-01234567abcdef012", address: IpAddr::from([10, 0, 1, 20]) }
}

/// What the walkthrough of private APIs writes.
pub(crate) fn settled() -> Operation {
    let (policy, call) = (source_endpoint(), call());
    let known = Known {
        action: Some("execute-api:Invoke"),
        principal: Some(&Principal::Anonymous),
        api: Some(&API),
        context: &call,
        knows: ConditionKey::is_of_connection,
    };
    let specialised = policy.specialise(&known);
    Box::new(move || allowed(specialised.evaluate(&policy, &request(), black_box(&call))))
}

/// The same, with nothing known beforehand.
pub(crate) fn whole() -> Operation {
    evaluated(source_endpoint())
}

/// Paths, verbs and networks: the statement that allows is the fourth.
pub(crate) fn by_path() -> Operation {
    let allow = |path: &str, network: &str| {
        json!({
            "Effect": "Allow", "Principal": "*", "Action": "execute-api:Invoke",
            "Resource": format!("execute-api:/{path}"),
            "Condition": {"IpAddress": {"aws:VpcSourceIp": [network, "192.168.0.0/16"]}},
        })
    };
    evaluated(policy(&json!([
        {"Effect": "Deny", "Principal": "*", "Action": "execute-api:Invoke", "Resource": "execute-api:/*/*/admin/*"},
        allow("demo/POST/*", "10.0.0.0/8"),
        allow("demo/GET/customers/*", "10.0.0.0/8"),
        allow("demo/GET/orders/*", "10.0.0.0/8"),
        allow("demo/*/reports/*", "10.0.0.0/8"),
        {
            "Effect": "Deny", "Principal": "*", "Action": "execute-api:Invoke", "Resource": "execute-api:/*",
            "Condition": {"StringNotLike": {"aws:SourceVpce": ["vpce-0123*", "vpce-0fff*"]}},
        },
    ])))
}

fn evaluated(policy: Policy) -> Operation {
    let call = call();
    Box::new(move || allowed(evaluate(&policy, &request(), black_box(&call))))
}

fn request() -> Request<'static> {
    let resource = Arn::parse(black_box(ARN)).expect("an ARN");
    Request { action: "execute-api:Invoke", resource, principal: &Principal::Anonymous }
}

fn allowed(decision: Decision<'_>) -> usize {
    assert!(decision.is_allow());
    decision.statement().map_or(0, |statement| statement.index())
}

fn source_endpoint() -> Policy {
    policy(&json!([
        {"Effect": "Allow", "Principal": "*", "Action": "execute-api:Invoke", "Resource": "execute-api:/*"},
        {
            "Effect": "Deny", "Principal": "*", "Action": "execute-api:Invoke", "Resource": "execute-api:/*",
            "Condition": {"StringNotEquals": {"aws:SourceVpce": "vpce-01234567abcdef012"}},
        },
    ]))
}

fn policy(statements: &Value) -> Policy {
    let text = json!({"Version": "2012-10-17", "Statement": statements}).to_string();
    let reading = Reading { base: Some(&API), ..Reading::of(PolicyKind::Resource) };
    let mut problems = Problems::default();
    Policy::parse_text("policy.json", &text, &reading, &mut problems).expect("a policy")
}
