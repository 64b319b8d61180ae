//! What the request path may cost: no allocation, and no pattern that explodes.

#![cfg(test)]

mod common;

use std::net::IpAddr;

use allocation_counter::measure;
use common::{API, one, statement};
use postern_policy::{
    Arn, ConditionKey, Context, ContextValue, Known, Lookup, Policy, PolicyKind, Principal, Request,
    both_must_allow, either_may_allow, evaluate,
};
use serde_json::json;

/// A request as a gateway would have it: nothing is written out.
struct Exchange {
    vpc_endpoint: &'static str,
    address: IpAddr,
    organization_paths: [Box<str>; 2],
}

impl Context for Exchange {
    fn lookup(&self, key: &ConditionKey) -> Lookup<'_> {
        match key {
            ConditionKey::SourceVpce => Lookup::One(ContextValue::Text(self.vpc_endpoint)),
            ConditionKey::VpcSourceIp => Lookup::One(ContextValue::Address(self.address)),
            ConditionKey::CurrentTime => Lookup::One(ContextValue::Time(1_767_225_600_123)),
            ConditionKey::EpochTime => Lookup::One(ContextValue::Number(1_767_225_600)),
            ConditionKey::SecureTransport => Lookup::One(ContextValue::Boolean(true)),
            ConditionKey::UserName => Lookup::One(ContextValue::Text("Alice")),
            ConditionKey::PrincipalArn => {
                Lookup::One(ContextValue::Text("arn:aws:iam::123456789012:user/Alice"))
            }
            ConditionKey::PrincipalTag(tag) if **tag == *"team" => Lookup::One(ContextValue::Text("red")),
            ConditionKey::PrincipalOrgPaths => Lookup::Texts(&self.organization_paths),
            _ => Lookup::Absent,
        }
    }
}

fn exchange() -> Exchange {
    let organization_paths = ["o-1/r-1/".into(), "o-1/r-2/".into()];
    Exchange { vpc_endpoint: "vpce-1", address: "10.0.1.20".parse().unwrap(), organization_paths }
}

/// A deny that needs every one of these conditions, and an allow.
fn everything() -> Policy {
    let conditions = json!({
        "StringEquals": {"aws:SourceVpce": ["vpce-0", "vpce-1"], "aws:VpcSourceIp": "10.0.1.20"},
        "StringNotEquals": {"aws:UserAgent": "curl"},
        "StringEqualsIgnoreCase": {"aws:username": "ALICE", "aws:PrincipalTag/Team": "${aws:PrincipalTag/TEAM}"},
        "StringLike": {"aws:PrincipalArn": "*:*:iam::*:user/${aws:username}", "aws:EpochTime": "1767*", "aws:CurrentTime": "2026-*Z"},
        "StringNotLike": {"aws:PrincipalArn": "a*a*a*a*b"},
        "NumericLessThan": {"aws:EpochTime": "1e10"},
        "DateGreaterThan": {"aws:CurrentTime": "2025-01-01", "aws:EpochTime": "2025"},
        "Bool": {"aws:SecureTransport": "true"},
        "IpAddress": {"aws:VpcSourceIp": ["192.168.0.0/16", "10.0.0.0/8"]},
        "ArnLike": {"aws:PrincipalArn": "arn:aws:iam::${aws:userid, '123456789012'}:user/*"},
        "ForAnyValue:StringLike": {"aws:PrincipalOrgPaths": "o-1/r-2/*"},
        "ForAllValues:StringLike": {"aws:PrincipalOrgPaths": "o-1/*"},
        "Null": {"aws:TokenIssueTime": "true"},
    });
    let deny = statement(json!({
        "Effect": "Deny", "Condition": conditions, "Principal": {"AWS": ["999988887777", "arn:aws:iam::123456789012:user/Alice"]},
        "Action": ["execute-api:InvalidateCache", "EXECUTE-api:In*e"],
        "Resource": ["execute-api:/prod/*", "execute-api:/demo/GET/*/${aws:username}"],
    }));
    let policy = json!({"Version": "2012-10-17", "Statement": [statement(json!({})), deny]});
    common::read(PolicyKind::Resource, &policy.to_string()).0.unwrap()
}

#[test]
fn deciding_allocates_nothing() {
    let policy = everything();
    let exchange = exchange();
    let principal: Principal = "arn:aws:iam::123456789012:user/Alice".parse().unwrap();
    let arn = common::arn("demo/GET/home/Alice");
    let specialised = policy.specialise(&Known {
        action: None,
        principal: None,
        api: Some(&API),
        context: &exchange,
        knows: ConditionKey::is_of_connection,
    });
    let counted = measure(|| {
        let request = Request {
            action: "execute-api:Invoke",
            resource: Arn::parse(&arn).unwrap(),
            principal: &principal,
        };
        let decision = evaluate(&policy, &request, &exchange);
        assert!(decision.is_explicit_deny());
        assert_eq!(specialised.evaluate(&policy, &request, &exchange), decision);
        assert_eq!(either_may_allow(decision, decision), both_must_allow(decision, decision));
    });
    assert_eq!(counted.count_total, 0);
}

#[test]
fn rp_130_the_usual_private_policy_is_settled_with_the_connection() {
    let deny =
        statement(json!({"Effect": "Deny", "Condition": {"StringNotEquals": {"aws:SourceVpce": "vpce-1"}}}));
    let text = json!({"Version": "2012-10-17", "Statement": [deny, statement(json!({}))]}).to_string();
    let policy = common::read(PolicyKind::Resource, &text).0.unwrap();
    for (vpc_endpoint, allows) in [("vpce-1", true), ("vpce-2", false)] {
        let context = Exchange { vpc_endpoint, ..exchange() };
        let known = Known {
            action: Some("execute-api:Invoke"),
            principal: None,
            api: Some(&API),
            context: &context,
            knows: ConditionKey::is_of_connection,
        };
        let settled = policy.specialise(&known);
        assert_eq!(settled.settled(&policy).map(|decision| decision.is_allow()), Some(allows));
        // What a request may change stays open.
        let open = policy.specialise(&Known { knows: |_| false, ..known });
        assert_eq!(open.settled(&policy), None);
    }
}

#[test]
fn a_pattern_of_many_stars_does_not_explode() {
    let pattern = format!("{}b", "a*".repeat(2_000));
    let actual = "a".repeat(4_000);
    let condition = json!({"StringLike": {"aws:UserAgent": pattern}});
    let policy =
        common::read(PolicyKind::Resource, &one(json!({"Condition": condition})).to_string()).0.unwrap();
    struct UserAgent<'a>(&'a str);
    impl Context for UserAgent<'_> {
        fn lookup(&self, _: &ConditionKey) -> Lookup<'_> {
            Lookup::One(ContextValue::Text(self.0))
        }
    }
    let resource = common::arn("demo/GET/");
    let resource = Arn::parse(&resource).unwrap();
    let request = Request { action: "execute-api:Invoke", resource, principal: &Principal::Anonymous };
    assert!(!evaluate(&policy, &request, &UserAgent(&actual)).is_allow());
    assert!(evaluate(&policy, &request, &UserAgent(&format!("{actual}b"))).is_allow());
}
