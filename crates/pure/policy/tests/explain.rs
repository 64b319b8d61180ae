//! What a person reads of a decision, and the change that would turn it.

#![cfg(test)]

mod common;

use common::{arn, statement};
use postern_document::Problems;
use postern_policy::{
    Arn, Changed, ConditionKey, Context, ContextValue, Explanation, Lookup, Policy, PolicyKind, Principal,
    Reading, Request, Wanted, explain,
};
use serde_json::{Value, json};

struct Texts<'a>(&'a [(ConditionKey, &'a str)]);

impl Context for Texts<'_> {
    fn lookup(&self, key: &ConditionKey) -> Lookup<'_> {
        let found = self.0.iter().find(|(known, _)| known == key);
        found.map_or(Lookup::Absent, |(_, text)| Lookup::One(ContextValue::Text(text)))
    }
}

fn explained(statements: Value, principal: &str, context: &[(ConditionKey, &str)]) -> Explanation {
    let text = json!({"Version": "2012-10-17", "Statement": statements}).to_string();
    let reading = Reading { base: Some(&common::API), ..Reading::of(PolicyKind::Resource) };
    let policy = Policy::parse_text("p.json", &text, &reading, &mut Problems::default()).unwrap();
    let resource = arn("demo/GET/pets");
    let request = Request {
        action: "execute-api:Invoke",
        resource: Arn::parse(&resource).unwrap(),
        principal: &principal.parse::<Principal>().unwrap(),
    };
    explain(&policy, &request, &Texts(context))
}

#[test]
fn a_refusal_says_which_value_decided_and_which_would_be_let_in() {
    let deny = statement(json!({"Sid": "OnlyOurs", "Effect": "Deny", "Condition": {
        "StringNotEquals": {"aws:sourceVpce": ["vpce-1", "vpce-2"]}, "Null": {"aws:username": "true"}}}));
    let explanation =
        explained(json!([deny, statement(json!({}))]), "anonymous", &[(ConditionKey::SourceVpce, "vpce-9")]);
    assert_eq!(
        explanation.to_string(),
        "denied by statement 0 (\"OnlyOurs\")\n\
         statement 0 (\"OnlyOurs\") speaks of the request (p.json:1:38)\n  \
           Deny everybody execute-api:Invoke on execute-api:/* if aws:sourceVpce is not vpce-1 or vpce-2 and aws:username is absent\n    \
             yes Principal: expected *; actual anonymous\n    \
             yes Action: expected execute-api:Invoke; actual execute-api:Invoke\n    \
             yes Resource: expected execute-api:/*; actual arn:aws:execute-api:us-east-1:123456789012:a1b2c3d4e5/demo/GET/pets\n    \
             yes StringNotEquals aws:sourceVpce: expected vpce-1, vpce-2; actual vpce-9\n    \
             yes Null aws:username: expected true; actual missing\n\
         statement 1 speaks of the request (p.json:1:249)\n  \
           Allow everybody execute-api:Invoke on execute-api:/*\n    \
             yes Principal: expected *; actual anonymous\n    \
             yes Action: expected execute-api:Invoke; actual execute-api:Invoke\n    \
             yes Resource: expected execute-api:/*; actual arn:aws:execute-api:us-east-1:123456789012:a1b2c3d4e5/demo/GET/pets\n\
         nearest: statement 0 (\"OnlyOurs\")\n\
         would be allowed by statement 1 if aws:SourceVpce were vpce-1\n"
    );
}

#[test]
fn an_allow_needs_no_change() {
    let explanation = explained(json!([statement(json!({}))]), "anonymous", &[]);
    assert_eq!((explanation.deciding, explanation.nearest, explanation.change), (Some(0), None, None));
    let text = explained(json!([statement(json!({}))]), "anonymous", &[]).to_string();
    assert!(text.starts_with("allowed by statement 0\n") && text.ends_with("demo/GET/pets\n"), "{text}");
}

#[test]
fn the_single_change_that_lets_a_request_in() {
    let user = "arn:aws:iam::123456789012:user/Alice";
    let vpce = ConditionKey::SourceVpce;
    let value = |text: &str| Wanted::Value(text.to_owned());
    let like = |text: &str| Wanted::Like(text.to_owned());
    let allow_if = |condition: Value| json!([statement(json!({"Condition": condition}))]);
    let deny_if = |condition: Value| {
        json!([statement(json!({})), statement(json!({"Effect": "Deny", "Condition": condition}))])
    };
    let key = |key: &ConditionKey| Changed::Key(key.clone());
    for (statements, what, to) in [
        (allow_if(json!({"StringEquals": {"aws:SourceVpce": "vpce-1"}})), key(&vpce), value("vpce-1")),
        (allow_if(json!({"StringLike": {"aws:SourceVpce": "vpce-1*"}})), key(&vpce), like("vpce-1*")),
        (
            allow_if(json!({"StringNotEquals": {"aws:SourceVpce": "vpce-9"}})),
            key(&vpce),
            Wanted::AnotherValue,
        ),
        (allow_if(json!({"Null": {"aws:SourceVpce": "true"}})), key(&vpce), Wanted::Missing),
        (
            allow_if(json!({"IpAddress": {"aws:VpcSourceIp": ["10.0.0.0/8"]}})),
            key(&ConditionKey::VpcSourceIp),
            like("10.0.0.0/8"),
        ),
        (
            allow_if(json!({"Bool": {"aws:SecureTransport": "true"}})),
            key(&ConditionKey::SecureTransport),
            value("true"),
        ),
        (
            allow_if(json!({"DateLessThanEquals": {"aws:CurrentTime": "2026-01-01"}})),
            key(&ConditionKey::CurrentTime),
            value("2026-01-01"),
        ),
        (
            allow_if(json!({"Null": {"aws:username": "false"}})),
            key(&ConditionKey::UserName),
            Wanted::AnotherValue,
        ),
        (deny_if(json!({"StringEquals": {"aws:SourceVpce": "vpce-9"}})), key(&vpce), Wanted::AnotherValue),
        (deny_if(json!({"StringNotLike": {"aws:SourceVpce": "vpce-1"}})), key(&vpce), value("vpce-1")),
        (json!([statement(json!({"Principal": {"AWS": user}}))]), Changed::Principal, value(user)),
        (
            json!([statement(json!({"Action": "execute-api:InvalidateCache"}))]),
            Changed::Action,
            like("execute-api:InvalidateCache"),
        ),
        (
            json!([statement(json!({"Resource": "execute-api:/prod/*"}))]),
            Changed::Resource,
            like("execute-api:/prod/*"),
        ),
    ] {
        let change = explained(statements.clone(), "anonymous", &[(vpce.clone(), "vpce-9")]).change;
        let change = change.unwrap_or_else(|| panic!("{statements}"));
        assert_eq!((change.what, change.to), (what, to), "{statements}");
    }
}

#[test]
fn two_wrong_values_are_not_one_change() {
    let condition = json!({"StringEquals": {"aws:SourceVpce": "vpce-1", "aws:SourceVpc": "vpc-1"}});
    let explanation = explained(json!([statement(json!({"Condition": condition}))]), "anonymous", &[]);
    assert_eq!((explanation.nearest, &explanation.change), (Some(0), &None));
    assert!(
        explanation
            .to_string()
            .ends_with("nearest: statement 0\nno single value would let the request through\n")
    );
}

#[test]
fn the_nearest_statement_has_the_fewest_mismatches() {
    let far = statement(json!({"Principal": {"AWS": "123456789012"}, "Resource": "execute-api:/prod/*"}));
    let near = statement(json!({"Sid": "near", "Condition": {"Bool": {"aws:SecureTransport": "true"}}}));
    let explanation = explained(json!([far, near]), "anonymous", &[]);
    assert_eq!((explanation.deciding, explanation.nearest), (None, Some(1)));
    assert!(explanation.to_string().starts_with("denied: no statement allows the request\n"));
    assert!(
        explanation.to_string().ends_with(
            "nearest: statement 1 (\"near\")\nwould be allowed by statement 1 if aws:SecureTransport were true\n"
        ),
        "{explanation}"
    );
}

#[test]
fn rules_in_words() {
    for (changes, words) in [
        (json!({}), "Allow everybody execute-api:Invoke on execute-api:/*"),
        (
            json!({"Effect": "Deny", "Principal": {"AWS": ["123456789012"], "Service": "x.amazonaws.com"}, "Action": null,
                "NotAction": ["execute-api:InvalidateCache", "s3:*"]}),
            "Deny 123456789012, Service: x.amazonaws.com everything but execute-api:InvalidateCache, s3:* on execute-api:/*",
        ),
        (
            json!({"Principal": null, "NotPrincipal": {"AWS": "123456789012"}, "Resource": null, "NotResource": "*",
                "Condition": {"ForAllValues:StringLikeIfExists": {"aws:PrincipalOrgPaths": ["o-1/*", "o-2/*"]},
                    "ForAnyValue:StringEquals": {"aws:PrincipalOrgPaths": "o-1/"}, "Null": {"aws:username": "false"},
                    "NumericLessThan": {"aws:MultiFactorAuthAge": 3600}}}),
            "Allow everybody but 123456789012 execute-api:Invoke on everything but * if every value of aws:PrincipalOrgPaths is \
             like o-1/* or o-2/*, or there is none and some value of aws:PrincipalOrgPaths is o-1/ and aws:username is present \
             and aws:MultiFactorAuthAge is less than 3600",
        ),
    ] {
        let explanation = explained(json!([statement(changes)]), "anonymous", &[]);
        assert_eq!(explanation.statements[0].rule, words);
    }
}
