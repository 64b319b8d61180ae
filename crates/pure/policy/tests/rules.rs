//! The rules of resource-policies.md, each by its id, seen through `evaluate_case`.

#![cfg(test)]

mod common;

use common::{arn, case, decide, decision, holds, one, statement};
use postern_policy::{
    Arn, ConditionKey, Context, Decision, ExecuteApiBase, Lookup, Policy, PolicyKind, Principal, Reading,
    Request, both_must_allow, either_may_allow, evaluate, evaluate_case,
};
use serde_json::{Value, json};

const ALICE: &str = "arn:aws:iam::123456789012:user/Alice";
const BOB: &str = "arn:aws:iam::123456789012:user/Bob";
const SESSION: &str = "arn:aws:sts::123456789012:assumed-role/caller/nightly";
const STRANGER: &str = "arn:aws:iam::999988887777:user/Alice";

fn calls(path: &str) -> Value {
    json!({"resource": arn(path)})
}

#[test]
fn rp_1_a_policy_without_statements_allows_nothing() {
    for policy in [
        json!(null),
        json!(""),
        json!("  "),
        json!({}),
        json!({"Version": "2012-10-17"}),
        json!({"Statement": []}),
    ] {
        assert_eq!(decide(&policy, &json!({})), "implicitDeny null", "{policy}");
    }
}

#[test]
fn rp_10_a_statement_may_stand_alone() {
    assert_eq!(decide(&json!({"Id": "id", "Statement": statement(json!({}))}), &json!({})), "allow 0");
    assert_eq!(decide(&json!({"Statement": [statement(json!({"Sid": "s"}))]}), &json!({})), "allow \"s\"");
}

#[test]
fn rp_11_only_the_newer_version_has_variables() {
    let condition = json!({"StringEquals": {"aws:UserAgent": "${aws:username}"}});
    let statement = statement(json!({"Condition": condition}));
    for (version, user_agent, expected) in [
        (Some("2012-10-17"), "Alice", "allow"),
        (Some("2012-10-17"), "${aws:username}", "implicitDeny"),
        (Some("2008-10-17"), "Alice", "implicitDeny"),
        (Some("2008-10-17"), "${aws:username}", "allow"),
        (None, "${aws:username}", "allow"),
        (None, "Alice", "implicitDeny"),
    ] {
        let mut policy = json!({"Statement": statement});
        if let Some(version) = version {
            policy["Version"] = json!(version);
        }
        let context = json!({"aws:username": "Alice", "aws:UserAgent": user_agent});
        assert_eq!(decision(&policy, &json!({"context": context})), expected, "{version:?} {user_agent}");
    }
    // In the older version the star between the braces is a wildcard like any other.
    let old = json!({"Statement": common::statement(json!({"Condition": {"StringLike": {"aws:UserAgent": "a${*}"}}}))});
    assert_eq!(decision(&old, &json!({"context": {"aws:UserAgent": "a${anything}"}})), "allow");
    assert_eq!(decision(&old, &json!({"context": {"aws:UserAgent": "a*"}})), "implicitDeny");
}

#[test]
fn rp_14_lists_and_unquoted_values() {
    for (condition, context) in [
        (json!({"NumericEquals": {"aws:MultiFactorAuthAge": 5}}), json!({"aws:MultiFactorAuthAge": "5"})),
        (
            json!({"NumericEquals": {"aws:MultiFactorAuthAge": ["7", 5.0]}}),
            json!({"aws:MultiFactorAuthAge": 5}),
        ),
        (json!({"Bool": {"aws:SecureTransport": true}}), json!({"aws:SecureTransport": "true"})),
        (json!({"Bool": {"aws:SecureTransport": ["true"]}}), json!({"aws:SecureTransport": true})),
        (json!({"StringEquals": {"aws:UserAgent": 5}}), json!({"aws:UserAgent": "5"})),
        (json!({"StringEquals": {"aws:UserAgent": true}}), json!({"aws:UserAgent": true})),
    ] {
        assert!(holds(condition.clone(), context.clone()), "{condition} {context}");
    }
    let actions = one(json!({"Action": ["execute-api:InvalidateCache", "execute-api:Invoke"]}));
    assert_eq!(decision(&actions, &json!({})), "allow");
}

#[test]
fn rp_16_a_policy_may_be_text_in_text() {
    let policy = one(json!({}));
    let text = policy.to_string();
    let escaped = text.replace('"', "\\\"");
    let quoted = json!(text).to_string();
    for policy in [json!(text), json!(escaped), json!(quoted)] {
        assert_eq!(decision(&policy, &json!({})), "allow", "{policy}");
    }
    for file in [&text, &escaped, &quoted] {
        assert_eq!(common::read(PolicyKind::Resource, file).0.unwrap().statements().len(), 1, "{file}");
    }
}

#[test]
fn rp_20_to_rp_28_resources() {
    let everything = "*";
    for (pattern, called, expected) in [
        // RP-21
        ("execute-api:/*", "demo/GET/pets", true),
        ("execute-api:/demo/GET/pets", "demo/GET/pets", true),
        ("execute-api:/demo/GET/pets", "prod/GET/pets", false),
        ("execute-api:/demo/*", "demo/GET/", true),
        ("execute-api:/*/GET/*", "demo/GET/pets", true),
        ("execute-api:/*/GET/*", "demo/POST/pets", false),
        // RP-23, RP-24
        ("execute-api:/demo/GET/pets/*", "demo/GET/pets/", true),
        ("execute-api:/demo/GET/pets/*", "demo/GET/pets", false),
        ("execute-api:/demo/GET/pets", "demo/GET/pets/", false),
        ("execute-api:/demo/GET/pets", "demo/GET//pets", false),
        ("execute-api:/demo/GET/", "demo/GET/", true),
        ("execute-api:/demo/GET/a%20b", "demo/GET/a%20b", true),
        // RP-26
        (everything, "demo/GET/pets", true),
        ("arn:aws:execute-api:us-east-1:123456789012:a1b2c3d4e5/demo/GET/pets", "demo/GET/pets", true),
        ("arn:aws:execute-api:*:*:a1b2c3d4e5/demo/GET/pets", "demo/GET/pets", true),
        ("arn:*:execute-api:us-*-1:12345678901?:*", "demo/GET/pets", true),
        ("arn:aws:execute-api:us-east-1:12345678901:*", "demo/GET/pets", false),
        ("arn:aws:execute-api:us-east-1:*:a1b2c3d4e5/demo/GET/pets:1", "demo/GET/pets:1", true),
        ("arn:aws:execute-api:us-east-1:*:a1b2c3d4e5/*", "demo/GET/pets:1:2", true),
        ("arn:aws:execute-api:*:a1b2c3d4e5/*", "demo/GET/pets", false),
        ("arn:aws:execute-api:*", "demo/GET/pets", false),
        ("arn:aws:execute-api:us-east-1:123456789012:a1b2c3d4e5/demo/GET/PETS", "demo/GET/pets", false),
        ("arn:aws:execute-api:us-east-1:123456789012:A1B2C3D4E5/*", "demo/GET/pets", false),
        ("arn:aws:execute-api:us-east-1:123456789012:a1b2c3d4e5/demo/GET/p?ts", "demo/GET/pets", true),
        ("arn:aws:execute-api:us-east-1:123456789012:a1b2c3d4e5/demo/GET/pe?ts", "demo/GET/pets", false),
        ("arn:aws:execute-api:us-east-1:123456789012:a1b2c3d4e5/demo/GET/p?ts", "demo/GET/pés", false),
        ("arn:aws:execute-api:us-east-1:123456789012:a1b2c3d4e5/demo/GET/p?s", "demo/GET/pés", true),
        ("arn:aws:lambda:us-east-1:123456789012:a1b2c3d4e5/*", "demo/GET/pets", false),
        // RP-27
        ("execute-api:/*/GET/pets", "prod/POST/x/GET/pets", true),
        ("execute-api:/demo*", "demo2/GET/pets", true),
        // RP-28
        ("arn:aws:execute-api:us-east-1:123456789012:a1b2c3d4e5/", "demo/GET/", false),
        ("arn:aws:execute-api:us-east-1:123456789012:a1b2c3d4e5", "demo/GET/", false),
    ] {
        let plain = one(json!({"Resource": pattern}));
        let negated = one(json!({"Resource": null, "NotResource": pattern}));
        let (matches, other) = if expected { ("allow", "implicitDeny") } else { ("implicitDeny", "allow") };
        assert_eq!(decision(&plain, &calls(called)), matches, "{pattern} and {called}");
        assert_eq!(decision(&negated, &calls(called)), other, "not {pattern} and {called}");
    }
}

#[test]
fn resources_are_alternatives_and_exceptions_hold_together() {
    let listed = json!(["execute-api:/demo/GET/pets", "execute-api:/demo/GET/dogs"]);
    for (called, plain, negated) in [
        ("demo/GET/pets", "allow", "implicitDeny"),
        ("demo/GET/dogs", "allow", "implicitDeny"),
        ("demo/GET/cats", "implicitDeny", "allow"),
    ] {
        assert_eq!(decision(&one(json!({"Resource": listed})), &calls(called)), plain);
        assert_eq!(decision(&one(json!({"Resource": null, "NotResource": listed})), &calls(called)), negated);
    }
}

#[test]
fn rp_22_the_short_form_of_a_domain_name_is_the_domain_name_too() {
    let domain = "arn:aws:execute-api:us-east-1:123456789012:/domainnames/api.corp.internal+abcd1234ef";
    let other = "arn:aws:execute-api:us-east-1:123456789012:/domainnames/web.corp.internal+abcd1234ef";
    let policy = one(json!({}));
    assert_eq!(decision(&policy, &json!({"resource": domain})), "allow");
    assert_eq!(decision(&policy, &json!({"resource": format!("{domain}/x")})), "allow");
    assert_eq!(decision(&policy, &json!({"resource": other})), "allow", "the base is that of the case");
    let base = ExecuteApiBase::domain(
        "aws",
        "us-east-1",
        "123456789012",
        "/domainnames/api.corp.internal+abcd1234ef",
    );
    let reading = Reading { base: Some(&base), ..Reading::of(PolicyKind::Domain) };
    let policy =
        Policy::parse_text("p.json", &policy.to_string(), &reading, &mut Default::default()).unwrap();
    let allows = |resource| {
        let request = Request {
            action: "execute-api:Invoke",
            resource: Arn::parse(resource).unwrap(),
            principal: &Principal::Anonymous,
        };
        evaluate(&policy, &request, &NoKeys).is_allow()
    };
    assert!(allows(domain));
    assert!(!allows(other));
}

struct NoKeys;

impl Context for NoKeys {
    fn lookup(&self, _: &ConditionKey) -> Lookup<'_> {
        Lookup::Absent
    }
}

#[test]
fn rp_29_variables_in_resources() {
    let policy = one(json!({"Resource": "execute-api:/demo/GET/home/${aws:username}/*"}));
    let fallback = one(json!({"Resource": "execute-api:/demo/GET/home/${aws:username, 'guest'}/*"}));
    let exception =
        one(json!({"Resource": null, "NotResource": "execute-api:/demo/GET/home/${aws:username}/*"}));
    let call = |path: &str, context: Value| json!({"resource": arn(path), "context": context});
    for (policy, path, context, expected) in [
        (&policy, "demo/GET/home/alice/x", json!({"aws:username": "alice"}), "allow"),
        (&policy, "demo/GET/home/bob/x", json!({"aws:username": "alice"}), "implicitDeny"),
        (&policy, "demo/GET/home/alice/x", json!({}), "implicitDeny"),
        (&policy, "demo/GET/home//x", json!({"aws:username": ""}), "allow"),
        (&fallback, "demo/GET/home/guest/x", json!({}), "allow"),
        (&fallback, "demo/GET/home/guest/x", json!({"aws:username": "alice"}), "implicitDeny"),
        (&exception, "demo/GET/home/alice/x", json!({"aws:username": "alice"}), "implicitDeny"),
        (&exception, "demo/GET/home/alice/x", json!({}), "allow"),
        // RP-74: what a variable brings is no wildcard.
        (&policy, "demo/GET/home/alice/x", json!({"aws:username": "*"}), "implicitDeny"),
        (&policy, "demo/GET/home/*/x", json!({"aws:username": "*"}), "allow"),
    ] {
        assert_eq!(decision(policy, &call(path, context.clone())), expected, "{path} {context}");
    }
}

#[test]
fn rp_35_actions() {
    for (pattern, action, expected) in [
        ("execute-api:Invoke", "execute-api:Invoke", true),
        ("execute-api:invoke", "Execute-API:INVOKE", true),
        ("execute-api:*", "execute-api:InvalidateCache", true),
        ("*", "execute-api:Invoke", true),
        ("*:*", "execute-api:Invoke", true),
        ("execute-api:In*", "execute-api:invalidatecache", true),
        ("execute-api:Invok?", "execute-api:Invoke", true),
        ("execute-api:Invoke?", "execute-api:Invoke", false),
        ("execute-api:InvalidateCache", "execute-api:Invoke", false),
        ("execute-api:ManageConnections", "execute-api:Invoke", false),
        ("s3:*", "execute-api:Invoke", false),
        ("execute-api:Inv", "execute-api:Invoke", false),
    ] {
        let plain = decision(&one(json!({"Action": pattern})), &json!({"action": action}));
        let negated =
            decision(&one(json!({"Action": null, "NotAction": [pattern]})), &json!({"action": action}));
        assert_eq!((plain == "allow", negated == "allow"), (expected, !expected), "{pattern} and {action}");
    }
}

#[test]
fn section_2_3_principals() {
    for (principal, caller, expected) in [
        (json!("*"), "anonymous", true),
        (json!({"AWS": "*"}), "anonymous", true),
        (json!({"AWS": ["*"]}), SESSION, true),
        (json!({"AWS": "123456789012"}), ALICE, true),
        (json!({"AWS": "123456789012"}), "anonymous", false),
        (json!({"AWS": "arn:aws:iam::123456789012:root"}), SESSION, true),
        (json!({"AWS": "arn:aws:iam::123456789012:root"}), STRANGER, false),
        (json!({"AWS": ALICE}), ALICE, true),
        (json!({"AWS": ALICE}), BOB, false),
        (json!({"AWS": ALICE}), "anonymous", false),
        (json!({"AWS": [ALICE, BOB]}), BOB, true),
        (json!({"Service": "lambda.amazonaws.com", "AWS": BOB}), BOB, true),
        (json!({"AWS": "arn:aws:iam::123456789012:role/caller"}), SESSION, true),
        (json!({"AWS": SESSION}), SESSION, true),
        (json!({"AWS": SESSION}), "arn:aws:sts::123456789012:assumed-role/caller/daily", false),
        (json!({"AWS": SESSION}), "arn:aws:iam::123456789012:role/caller", false),
        (json!({"Federated": "cognito-identity.amazonaws.com"}), SESSION, false),
        (json!({"Service": "apigateway.amazonaws.com"}), "anonymous", false),
        (json!({"CanonicalUser": "79a59df900b949e55d96a1e698fbaced"}), ALICE, false),
        // RP-44
        (json!({"AWS": "AIDAJQABLZS4A3QDU576Q"}), ALICE, false),
    ] {
        let policy = one(json!({"Principal": principal}));
        assert_eq!(
            decision(&policy, &json!({"principal": caller})) == "allow",
            expected,
            "{principal} and {caller}"
        );
    }
}

#[test]
fn rp_43_not_principal() {
    let except_alice = json!({"AWS": [ALICE, "arn:aws:iam::123456789012:root"]});
    let denies = json!({"Statement": [
        statement(json!({})),
        statement(json!({"Effect": "Deny", "Principal": null, "NotPrincipal": except_alice})),
    ]});
    let allows = one(json!({"Principal": null, "NotPrincipal": except_alice}));
    for (caller, denied, allowed) in [
        (ALICE, "allow 0", "implicitDeny null"),
        (BOB, "explicitDeny 1", "allow 0"),
        (SESSION, "explicitDeny 1", "allow 0"),
        ("anonymous", "explicitDeny 1", "allow 0"),
        ("arn:aws:iam::123456789012:root", "allow 0", "implicitDeny null"),
    ] {
        assert_eq!(decide(&denies, &json!({"principal": caller})), denied, "{caller}");
        assert_eq!(decide(&allows, &json!({"principal": caller})), allowed, "{caller}");
    }
}

#[test]
fn rp_50_operators_and_keys_all_values_any() {
    let all = json!({
        "StringEquals": {"aws:SourceVpce": ["vpce-1", "vpce-2"], "aws:SourceVpc": "vpc-1"},
        "Bool": {"aws:SecureTransport": "true"},
    });
    let good = json!({"aws:SourceVpce": "vpce-2", "aws:SourceVpc": "vpc-1", "aws:SecureTransport": "true"});
    assert!(holds(all.clone(), good.clone()));
    for (key, value) in
        [("aws:SourceVpce", "vpce-3"), ("aws:SourceVpc", "vpc-2"), ("aws:SecureTransport", "false")]
    {
        let mut bad = good.clone();
        bad[key] = json!(value);
        assert!(!holds(all.clone(), bad), "{key}");
    }
    let neither = json!({"StringNotEquals": {"aws:SourceVpce": ["vpce-1", "vpce-2"]}});
    for (id, expected) in [("vpce-1", false), ("vpce-2", false), ("vpce-3", true)] {
        assert_eq!(holds(neither.clone(), json!({"aws:SourceVpce": id})), expected, "{id}");
    }
}

#[test]
fn rp_51_rp_52_names_ignore_case() {
    let context = json!({"AWS:sourcevpce": "vpce-1", "aws:principaltag/TEAM": "red"});
    assert!(holds(json!({"stringequals": {"aws:SourceVPCE": "vpce-1"}}), context.clone()));
    assert!(holds(json!({"STRINGEQUALSIFEXISTS": {"aws:PrincipalTag/team": "red"}}), context.clone()));
    assert!(holds(json!({"foranyvalue:stringequals": {"aws:PrincipalTag/Team": "red"}}), context.clone()));
    assert!(!holds(json!({"StringEquals": {"aws:PrincipalTag/Team": "RED"}}), context));
}

/// Section 3.1: operator, its negation, value of the policy, value of the request, whether the
/// positive operator holds.
const OPERATORS: &[(&str, &str, &str, &str, bool)] = &[
    ("StringEquals", "StringNotEquals", "a", "a", true),
    ("StringEquals", "StringNotEquals", "a", "A", false),
    ("StringEquals", "StringNotEquals", "a*", "ab", false),
    ("StringEquals", "StringNotEquals", "a*", "a*", true),
    ("StringEquals", "StringNotEquals", "", "", true),
    ("StringEquals", "StringNotEquals", "a ", "a", false),
    ("StringEqualsIgnoreCase", "StringNotEqualsIgnoreCase", "Straße", "STRAßE", true),
    ("StringEqualsIgnoreCase", "StringNotEqualsIgnoreCase", "ÉΣ", "éς", true),
    ("StringEqualsIgnoreCase", "StringNotEqualsIgnoreCase", "a", "b", false),
    ("StringEqualsIgnoreCase", "StringNotEqualsIgnoreCase", "a*", "AB", false),
    ("StringLike", "StringNotLike", "a*", "abc", true),
    ("StringLike", "StringNotLike", "a*", "Abc", false),
    ("StringLike", "StringNotLike", "*", "", true),
    ("StringLike", "StringNotLike", "?", "", false),
    ("StringLike", "StringNotLike", "?", "é", true),
    ("StringLike", "StringNotLike", "??", "é", false),
    ("StringLike", "StringNotLike", "*?", "é", true),
    ("StringLike", "StringNotLike", "*??", "é", false),
    ("StringLike", "StringNotLike", "a*b*c", "a:/b/:c", true),
    ("StringLike", "StringNotLike", "*ab", "aab", true),
    ("StringLike", "StringNotLike", "a**b", "ab", true),
    ("StringLike", "StringNotLike", "[ab]", "a", false),
    ("StringLike", "StringNotLike", "a\\*", "a\\b", true),
    ("NumericEquals", "NumericNotEquals", "10", "10.0", true),
    ("NumericEquals", "NumericNotEquals", "10", "1e1", true),
    ("NumericEquals", "NumericNotEquals", "0.1", "0.10000000000000000001", false),
    ("NumericEquals", "NumericNotEquals", "10", "ten", false),
    ("NumericEquals", "NumericNotEquals", "0", "", false),
    ("DateEquals", "DateNotEquals", "2026-01-01T00:00:00Z", "2026-01-01T01:00:00+01:00", true),
    ("DateEquals", "DateNotEquals", "2026-01-01", "1767225600", true),
    ("DateEquals", "DateNotEquals", "1767225600", "2026-01-01T00:00Z", true),
    ("DateEquals", "DateNotEquals", "2026-01-01T00:00:00.5Z", "2026-01-01T00:00:00Z", false),
    ("DateEquals", "DateNotEquals", "2026-01-01", "yesterday", false),
    ("IpAddress", "NotIpAddress", "10.0.0.0/8", "10.255.0.1", true),
    ("IpAddress", "NotIpAddress", "10.0.0.0/8", "11.0.0.1", false),
    ("IpAddress", "NotIpAddress", "10.1.2.3", "10.1.2.3", true),
    ("IpAddress", "NotIpAddress", "10.1.2.3", "10.1.2.4", false),
    ("IpAddress", "NotIpAddress", "10.1.2.3/16", "10.1.200.1", true),
    ("IpAddress", "NotIpAddress", "0.0.0.0/0", "203.0.113.9", true),
    ("IpAddress", "NotIpAddress", "2001:db8::/32", "2001:DB8:0:0::1", true),
    ("IpAddress", "NotIpAddress", "2001:db8::1", "2001:db8::1", true),
    ("IpAddress", "NotIpAddress", "2001:db8::1", "2001:db8::2", false),
    // RP-55
    ("IpAddress", "NotIpAddress", "10.0.0.0/8", "::ffff:10.1.2.3", true),
    ("IpAddress", "NotIpAddress", "::ffff:10.0.0.0/104", "10.1.2.3", true),
    ("IpAddress", "NotIpAddress", "::ffff:10.1.2.3", "10.1.2.3", true),
    ("IpAddress", "NotIpAddress", "0.0.0.0/0", "2001:db8::1", false),
    ("IpAddress", "NotIpAddress", "::/0", "10.1.2.3", false),
    ("IpAddress", "NotIpAddress", "::/0", "::ffff:10.1.2.3", false),
    ("IpAddress", "NotIpAddress", "::/0", "2001:db8::1", true),
    ("IpAddress", "NotIpAddress", "10.0.0.0/8", "10.1.2.3:443", false),
    ("IpAddress", "NotIpAddress", "10.0.0.0/8", "10.1.2.03", false),
    (
        "ArnEquals",
        "ArnNotEquals",
        "arn:aws:iam::123456789012:role/a*",
        "arn:aws:iam::123456789012:role/a/b",
        true,
    ),
    ("ArnLike", "ArnNotLike", "arn:aws:iam::*:role/a", "arn:aws:iam::123456789012:role/a", true),
    ("ArnLike", "ArnNotLike", "arn:aws:iam::123456789012:role/?", "arn:aws:iam::123456789012:role/A", true),
    ("ArnLike", "ArnNotLike", "arn:aws:iam::123456789012:role/A", "arn:aws:iam::123456789012:role/a", false),
    ("ArnLike", "ArnNotLike", "arn:aws:*:123456789012:role/a", "arn:aws:iam::123456789012:role/a", false),
    ("ArnLike", "ArnNotLike", "arn:aws:sns:*:1:a", "arn:aws:sns:x:1:1:a", false),
    ("ArnLike", "ArnNotLike", "arn:aws:sns:x:1:*", "arn:aws:sns:x:1:a:b", true),
    ("ArnLike", "ArnNotLike", "arn:aws:sns:x:1:?b", "arn:aws:sns:x:1::b", true),
    ("ArnLike", "ArnNotLike", "arn:aws:sns:x?1:b:c", "arn:aws:sns:x:1:b:c", false),
    ("ArnLike", "ArnNotLike", "*", "arn:aws:iam::123456789012:role/a", true),
    ("ArnLike", "ArnNotLike", "*", "nonsense", false),
    ("ArnLike", "ArnNotLike", "arn:aws:iam::123456789012:*", "arn:aws:iam::123456789012", false),
];

#[test]
fn section_3_1_operators() {
    for &(operator, negation, expected, actual, holds_when_equal) in OPERATORS {
        let key = "aws:UserAgent";
        let context = json!({key: actual});
        let of = |operator: &str| holds(json!({operator: {key: expected}}), context.clone());
        assert_eq!(of(operator), holds_when_equal, "{operator} {expected:?} {actual:?}");
        assert_eq!(of(negation), !holds_when_equal, "{negation} {expected:?} {actual:?}");
        assert_eq!(
            of(&format!("{operator}IfExists")),
            holds_when_equal,
            "{operator}IfExists {expected:?} {actual:?}"
        );
    }
}

#[test]
fn a_star_crosses_colons_in_string_like_alone() {
    let (pattern, actual) = ("arn:aws:*:role/a", "arn:aws:iam::123456789012:role/a");
    assert!(holds(json!({"StringLike": {"aws:PrincipalArn": pattern}}), json!({"aws:PrincipalArn": actual})));
    let six = "arn:aws:*::*:role/a";
    assert!(holds(json!({"ArnLike": {"aws:PrincipalArn": six}}), json!({"aws:PrincipalArn": actual})));
}

#[test]
fn section_3_1_orders() {
    let numbers =
        [("9", "10", "<"), ("-1", "1", "<"), ("10", "10.00", "="), ("2.5", "2.49", ">"), ("x", "1", "?")];
    let dates = [
        ("2025-12-31T23:59:59Z", "2026", "<"),
        ("2026-01-01T00:00:00-01:00", "2026-01-01", ">"),
        ("1767225600", "2026-01-01T00:00:00Z", "="),
        ("2026-01", "2026-01-01", "="),
        ("soon", "2026", "?"),
    ];
    for (prefix, rows) in [("Numeric", &numbers[..]), ("Date", &dates[..])] {
        for (actual, expected, relation) in rows {
            for (operator, relations) in [
                ("LessThan", "<"),
                ("LessThanEquals", "<="),
                ("GreaterThan", ">"),
                ("GreaterThanEquals", ">="),
                ("Equals", "="),
            ] {
                let operator = format!("{prefix}{operator}");
                let holds =
                    holds(json!({&operator: {"aws:EpochTime": expected}}), json!({"aws:EpochTime": actual}));
                assert_eq!(holds, relations.contains(relation), "{actual} {operator} {expected}");
            }
        }
    }
    let any = json!({"NumericLessThan": {"aws:MultiFactorAuthAge": ["5", "10"]}});
    assert!(holds(any, json!({"aws:MultiFactorAuthAge": "7"})));
}

#[test]
fn booleans_and_bytes() {
    for (operator, expected, actual, result) in [
        ("Bool", "true", "TRUE", true),
        ("Bool", "False", "false", true),
        ("Bool", "true", "false", false),
        ("Bool", "true", "yes", false),
        ("Bool", "false", "", false),
        ("BinaryEquals", "QmluYXJ5", "QmluYXJ5", true),
        ("BinaryEquals", "QmluYXJ5", "QmluYXJ4", false),
        ("BinaryEquals", "QQ==", "A", false),
    ] {
        let actual_result =
            holds(json!({operator: {"aws:UserAgent": expected}}), json!({"aws:UserAgent": actual}));
        assert_eq!(actual_result, result, "{operator} {expected} {actual}");
    }
    assert!(!holds(json!({"Bool": {"aws:MultiFactorAuthPresent": "false"}}), json!({})));
    assert!(holds(json!({"BoolIfExists": {"aws:MultiFactorAuthPresent": "false"}}), json!({})));
}

/// Section 3.2, its first column: the key is absent.
#[test]
fn rp_60_to_rp_65_absent_keys() {
    for (operator, value, expected) in [
        ("StringEquals", "a", false),
        ("StringEqualsIgnoreCase", "a", false),
        ("StringLike", "*", false),
        ("NumericEquals", "1", false),
        ("NumericLessThan", "1", false),
        ("DateGreaterThan", "2026", false),
        ("Bool", "false", false),
        ("BinaryEquals", "QQ==", false),
        ("IpAddress", "0.0.0.0/0", false),
        ("ArnLike", "*", false),
        ("ArnEquals", "*", false),
        ("StringNotEquals", "a", true),
        ("StringNotEqualsIgnoreCase", "a", true),
        ("StringNotLike", "*", true),
        ("NumericNotEquals", "1", true),
        ("DateNotEquals", "2026", true),
        ("NotIpAddress", "0.0.0.0/0", true),
        ("ArnNotEquals", "*", true),
        ("ArnNotLike", "*", true),
    ] {
        for context in [json!({}), json!({"aws:UserAgent": null}), json!({"aws:UserAgent": []})] {
            let of = |operator: &str| holds(json!({operator: {"aws:UserAgent": value}}), context.clone());
            assert_eq!(of(operator), expected, "{operator} {context}");
            assert!(of(&format!("{operator}IfExists")), "{operator}IfExists");
            assert!(of(&format!("ForAllValues:{operator}")), "ForAllValues:{operator}");
            assert!(!of(&format!("ForAnyValue:{operator}")), "ForAnyValue:{operator}");
            assert!(of(&format!("ForAllValues:{operator}IfExists")), "ForAllValues:{operator}IfExists");
            assert!(of(&format!("ForAnyValue:{operator}IfExists")), "ForAnyValue:{operator}IfExists");
        }
    }
    // RP-60: a negated operator denies where the key is absent, with or without `IfExists`.
    for operator in ["StringNotEquals", "StringNotEqualsIfExists"] {
        let policy = one(json!({"Effect": "Deny", "Condition": {operator: {"aws:SourceVpce": "vpce-1"}}}));
        assert_eq!(decision(&policy, &json!({})), "explicitDeny");
    }
}

#[test]
fn null_asks_for_presence() {
    for (wanted, context, expected) in [
        (json!("true"), json!({}), true),
        (json!("true"), json!({"aws:username": null}), true),
        (json!("true"), json!({"aws:username": []}), true),
        (json!("true"), json!({"aws:username": "a"}), false),
        (json!("true"), json!({"aws:username": ""}), false),
        (json!(false), json!({}), false),
        (json!(false), json!({"aws:username": "a"}), true),
        (json!("FALSE"), json!({"aws:username": "a"}), true),
        (json!(["true", "false"]), json!({"aws:username": "a"}), true),
    ] {
        assert_eq!(
            holds(json!({"Null": {"aws:username": wanted}}), context.clone()),
            expected,
            "{wanted} {context}"
        );
    }
}

/// RP-62 to RP-64, the other column: the key is present.
#[test]
fn rp_62_to_rp_64_sets() {
    for (operator, actual, expected) in [
        ("ForAllValues:StringEquals", json!(["a", "b"]), true),
        ("ForAllValues:StringEquals", json!(["a", "c"]), false),
        ("ForAllValues:StringEquals", json!("a"), true),
        ("ForAnyValue:StringEquals", json!(["c", "b"]), true),
        ("ForAnyValue:StringEquals", json!(["c", "d"]), false),
        ("ForAnyValue:StringEquals", json!("b"), true),
        ("ForAllValues:StringNotEquals", json!(["c", "d"]), true),
        ("ForAllValues:StringNotEquals", json!(["c", "a"]), false),
        ("ForAnyValue:StringNotEquals", json!(["a", "c"]), true),
        ("ForAnyValue:StringNotEquals", json!(["a", "b"]), false),
        ("ForAnyValue:StringEqualsIfExists", json!(["c"]), false),
        ("ForAllValues:StringEqualsIfExists", json!(["c"]), false),
        // RP-63
        ("StringEquals", json!(["c", "b"]), true),
        ("StringEquals", json!(["c"]), false),
        ("StringNotEquals", json!(["a", "c"]), true),
        ("StringNotEquals", json!(["a", "b"]), false),
    ] {
        let condition = json!({operator: {"aws:PrincipalOrgPaths": ["a", "b"]}});
        let holds = holds(condition, json!({"aws:PrincipalOrgPaths": actual}));
        assert_eq!(holds, expected, "{operator} {actual}");
    }
}

#[test]
fn an_empty_list_of_values_names_none() {
    for (operator, expected) in
        [("StringEquals", false), ("StringNotEquals", true), ("ForAllValues:StringEquals", false)]
    {
        let actual = holds(json!({operator: {"aws:UserAgent": []}}), json!({"aws:UserAgent": "a"}));
        assert_eq!(actual, expected, "{operator}");
    }
    assert!(holds(json!({}), json!({})));
    assert!(holds(json!({"StringEquals": {}}), json!({})));
}

#[test]
fn rp_70_to_rp_74_variables_in_conditions() {
    let tags = json!({"aws:PrincipalTag/team": "a*", "aws:username": "Alice", "aws:PrincipalOrgPaths": ["o"],
        "aws:PrincipalAccount": "123456789012", "aws:PrincipalArn": ALICE, "aws:Referer": ["one", "two"]});
    for (operator, pattern, actual, expected) in [
        ("StringEquals", "${aws:username}", "Alice", true),
        ("StringEquals", "x-${AWS:UserName}-y", "x-Alice-y", true),
        ("StringEqualsIgnoreCase", "${aws:username}", "ALICE", true),
        ("StringLike", "${aws:username}*", "Alice and Bob", true),
        // RP-71
        ("StringEquals", "${aws:userid, 'nobody'}", "nobody", true),
        ("StringEquals", "${aws:userid,'nobody'}", "nobody", true),
        ("StringEquals", "${aws:userid, 'a}b'}", "a}b", true),
        ("StringEquals", "${aws:username, 'nobody'}", "Alice", true),
        ("StringEquals", "${aws:userid, ''}", "", true),
        // RP-72
        ("StringLike", "${*}", "*", true),
        ("StringLike", "${*}", "x", false),
        ("StringLike", "a${?}b", "a?b", true),
        ("StringLike", "a${?}b", "axb", false),
        ("StringEquals", "${$}{aws:username}", "${aws:username}", true),
        ("StringEquals", "$5", "$5", true),
        ("StringEquals", "${*}", "*", true),
        // RP-73
        ("StringEquals", "${aws:userid}", "", false),
        ("StringNotEquals", "${aws:userid}", "x", true),
        ("StringLike", "*${aws:userid}*", "x", false),
        ("StringEquals", "${aws:PrincipalOrgPaths}", "o", false),
        ("StringEquals", "${aws:Referer}", "one", false),
        ("StringEquals", "${aws:PrincipalOrgPaths, 'd'}", "d", true),
        // RP-74
        ("StringLike", "${aws:PrincipalTag/Team}", "a*", true),
        ("StringLike", "${aws:PrincipalTag/Team}", "ab", false),
        ("StringLike", "${aws:userid, '*'}", "x", false),
        // ARNs
        (
            "ArnLike",
            "arn:aws:iam::${aws:PrincipalAccount}:user/*",
            "arn:aws:iam::123456789012:user/Bob",
            true,
        ),
        (
            "ArnLike",
            "arn:aws:iam::${aws:PrincipalAccount}:user/*",
            "arn:aws:iam::999988887777:user/Bob",
            false,
        ),
        ("ArnLike", "arn:aws:iam::*:user/${aws:username}", "arn:aws:iam::999988887777:user/Alice", true),
        ("ArnEquals", "${aws:PrincipalArn}", ALICE, true),
        ("ArnEquals", "${aws:PrincipalArn}", BOB, false),
        ("ArnEquals", "${aws:username}", "Alice", false),
        ("ArnNotLike", "${aws:userid}", ALICE, true),
    ] {
        let mut context = tags.clone();
        context["aws:UserAgent"] = json!(actual);
        let result = holds(json!({operator: {"aws:UserAgent": pattern}}), context);
        assert_eq!(result, expected, "{operator} {pattern} {actual}");
    }
    // One value without its variable leaves the others as they are.
    let either = json!({"StringEquals": {"aws:UserAgent": ["${aws:userid}", "b"]}});
    assert!(holds(either, json!({"aws:UserAgent": "b"})));
    // A list of one value is a single value.
    assert!(holds(
        json!({"StringEquals": {"aws:UserAgent": "${aws:username}"}}),
        json!({"aws:username": ["b"], "aws:UserAgent": "b"})
    ));
}

#[test]
fn rp_81_unknown_keys_are_what_the_context_says() {
    assert!(!holds(json!({"StringEquals": {"custom:key": "a"}}), json!({})));
    assert!(holds(json!({"StringEquals": {"custom:key": "a"}}), json!({"Custom:Key": "a"})));
}

#[test]
fn rp_90_order_never_matters_and_deny_wins() {
    let allow = statement(json!({"Sid": "allow"}));
    let deny = statement(json!({"Sid": "deny", "Effect": "Deny"}));
    let other = statement(json!({"Sid": "other", "Resource": "execute-api:/prod/*"}));
    for (statements, expected) in [
        (json!([allow, deny]), "explicitDeny \"deny\""),
        (json!([deny, allow]), "explicitDeny \"deny\""),
        (json!([other, allow]), "allow \"allow\""),
        (json!([allow, other]), "allow \"allow\""),
        (json!([other]), "implicitDeny null"),
    ] {
        assert_eq!(decide(&json!({"Statement": statements}), &json!({})), expected);
    }
    // The first of several is named; one without `Sid`, or with an empty one, by its index.
    let unnamed = statement(json!({"Effect": "Deny"}));
    let empty = statement(json!({"Effect": "Deny", "Sid": ""}));
    assert_eq!(decide(&json!({"Statement": [allow, unnamed, deny]}), &json!({})), "explicitDeny 1");
    assert_eq!(decide(&json!({"Statement": [allow, allow, empty]}), &json!({})), "explicitDeny 2");
}

/// Tables A and B of section 6, row by row, with identity policies.
#[test]
fn rp_98_tables_a_and_b() {
    let policy = |effect: &str| match effect {
        "allow" => one(json!({})),
        "deny" => one(json!({"Effect": "Deny"})),
        _ => one(json!({"Resource": "execute-api:/prod/*"})),
    };
    let identity = |effect: &str| {
        let mut policy = policy(effect);
        policy["Statement"].as_object_mut().unwrap().remove("Principal");
        policy
    };
    for (of_identity, of_resource, table_a, table_b) in [
        ("allow", "allow", "allow", "allow"),
        ("allow", "silent", "allow", "implicitDeny"),
        ("allow", "deny", "explicitDeny", "explicitDeny"),
        ("silent", "allow", "allow", "implicitDeny"),
        ("silent", "silent", "implicitDeny", "implicitDeny"),
        ("silent", "deny", "explicitDeny", "explicitDeny"),
        ("deny", "allow", "explicitDeny", "explicitDeny"),
        ("deny", "silent", "explicitDeny", "explicitDeny"),
        ("deny", "deny", "explicitDeny", "explicitDeny"),
    ] {
        let request = |principal: &str| {
            let silent = identity("silent");
            json!({"principal": principal, "identityPolicies": [silent, identity(of_identity)]})
        };
        assert_eq!(
            decision(&policy(of_resource), &request(ALICE)),
            table_a,
            "A: {of_identity}, {of_resource}"
        );
        assert_eq!(
            decision(&policy(of_resource), &request(STRANGER)),
            table_b,
            "B: {of_identity}, {of_resource}"
        );
    }
    // Without identity policies, and for anonymous callers, the resource policy decides alone.
    assert_eq!(decision(&policy("allow"), &json!({"principal": STRANGER})), "allow");
    assert_eq!(
        decision(&policy("allow"), &json!({"principal": STRANGER, "identityPolicies": []})),
        "implicitDeny"
    );
    assert_eq!(decision(&policy("allow"), &json!({"principal": ALICE, "identityPolicies": []})), "allow");
    assert_eq!(
        decision(&policy("silent"), &json!({"identityPolicies": [identity("allow")]})),
        "implicitDeny"
    );
}

#[test]
fn rp_98_the_first_of_two_alike_is_the_reason() {
    let text = json!({"Statement": [statement(json!({})), statement(json!({"Effect": "Deny"}))]}).to_string();
    let policy = common::read(PolicyKind::Resource, &text).0.unwrap();
    let [allow, deny] = policy.statements() else { panic!("two statements") };
    let (allow, deny, silent) =
        (Decision::Allow { by: allow }, Decision::Deny { by: deny }, Decision::ImplicitDeny);
    for (first, second, either, both) in [
        (allow, silent, allow, silent),
        (silent, allow, allow, silent),
        (allow, deny, deny, deny),
        (deny, allow, deny, deny),
        (silent, deny, deny, deny),
        (silent, silent, silent, silent),
        (allow, allow, allow, allow),
    ] {
        assert_eq!((either_may_allow(first, second), both_must_allow(first, second)), (either, both));
    }
}

/// Section 8: the three console templates.
#[test]
fn section_8_account_allow_list() {
    let policy = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow",
        "Principal": {"AWS": ["arn:aws:iam::111122223333:root", "arn:aws:iam::111122223333:role/caller"]},
        "Action": "execute-api:Invoke", "Resource": "execute-api:/demo/GET/pets"}]});
    for (principal, path, expected) in [
        ("arn:aws:iam::111122223333:user/any", "demo/GET/pets", "allow"),
        ("arn:aws:sts::111122223333:assumed-role/caller/s", "demo/GET/pets", "allow"),
        ("arn:aws:iam::111122223333:user/any", "demo/GET/dogs", "implicitDeny"),
        (STRANGER, "demo/GET/pets", "implicitDeny"),
        ("anonymous", "demo/GET/pets", "implicitDeny"),
    ] {
        assert_eq!(
            decision(&policy, &json!({"principal": principal, "resource": arn(path)})),
            expected,
            "{principal} {path}"
        );
    }
}

#[test]
fn section_8_address_deny_list() {
    let policy = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Deny", "Principal": "*", "Action": "execute-api:Invoke", "Resource": "execute-api:/*",
         "Condition": {"IpAddress": {"aws:VpcSourceIp": ["10.9.0.0/16", "fd00:9::/64"]}}},
        {"Effect": "Allow", "Principal": "*", "Action": "execute-api:Invoke", "Resource": "execute-api:/*"}]});
    for (address, expected) in [
        (json!({"aws:VpcSourceIp": "10.9.255.255"}), "explicitDeny 0"),
        (json!({"aws:VpcSourceIp": "10.10.0.0"}), "allow 1"),
        (json!({"aws:VpcSourceIp": "fd00:9::1"}), "explicitDeny 0"),
        (json!({"aws:VpcSourceIp": "fd00:9:0:1::1"}), "allow 1"),
        (json!({"aws:VpcSourceIp": "::ffff:10.9.0.1"}), "explicitDeny 0"),
        (json!({"aws:SourceIp": "10.9.0.1"}), "allow 1"),
        (json!({}), "allow 1"),
    ] {
        assert_eq!(decide(&policy, &json!({"context": address})), expected, "{address}");
    }
}

#[test]
fn section_8_source_vpc_allow_list() {
    let policy = |ids: Value| {
        json!({"Version": "2012-10-17", "Statement": [
            {"Effect": "Deny", "Principal": "*", "Action": "execute-api:Invoke", "Resource": "execute-api:/*",
             "Condition": {"StringNotEquals": {"aws:sourceVpce": ids}}},
            {"Effect": "Allow", "Principal": "*", "Action": "execute-api:Invoke", "Resource": "execute-api:/*"}]})
    };
    let one = policy(json!("vpce-08d2bf15fac5001c9"));
    let two = policy(json!(["vpce-08d2bf15fac5001c9", "vpce-0fffffffffffffff0"]));
    for (policy, context, expected) in [
        (&one, json!({"aws:SourceVpce": "vpce-08d2bf15fac5001c9"}), "allow 1"),
        (&one, json!({"aws:SourceVpce": "vpce-0fffffffffffffff0"}), "explicitDeny 0"),
        (&one, json!({}), "explicitDeny 0"),
        (&two, json!({"aws:SourceVpce": "vpce-08d2bf15fac5001c9"}), "allow 1"),
        (&two, json!({"aws:SourceVpce": "vpce-0fffffffffffffff0"}), "allow 1"),
        (&two, json!({"aws:SourceVpce": "vpce-01111111111111111"}), "explicitDeny 0"),
    ] {
        assert_eq!(decide(policy, &json!({"context": context})), expected, "{context}");
    }
}

#[test]
fn an_exported_policy_is_read_as_this_apis() {
    let text = one(json!({"Resource": [
        "arn:aws:execute-api:us-east-1:123456789012:oldapi1234/demo/*", "arn:aws:execute-api:us-east-1:123456789012:other*/prod/*",
    ]}))
    .to_string();
    let allows = |rewrite_api_id: bool, path: &str| {
        let reading =
            Reading { base: Some(&common::API), rewrite_api_id, ..Reading::of(PolicyKind::Resource) };
        let policy = Policy::parse_text("p.json", &text, &reading, &mut Default::default()).unwrap();
        let resource = arn(path);
        let resource = Arn::parse(&resource).unwrap();
        let request = Request { action: "execute-api:Invoke", resource, principal: &Principal::Anonymous };
        (policy.can_speak_of(&common::API), evaluate(&policy, &request, &NoKeys).is_allow())
    };
    assert_eq!(allows(true, "demo/GET/pets"), (true, true));
    assert_eq!(allows(true, "prod/GET/pets"), (true, false), "an id with a wildcard stays");
    assert_eq!(allows(false, "demo/GET/pets"), (false, false));
}

#[test]
fn an_identity_policy_may_leave_parts_of_an_arn_out() {
    let identity =
        json!({"Statement": {"Effect": "Allow", "Action": "*", "Resource": "arn:aws:execute-api"}});
    let silent = one(json!({"Resource": "execute-api:/prod/*"}));
    assert_eq!(decision(&silent, &json!({"principal": ALICE, "identityPolicies": [identity]})), "allow");
}

#[test]
fn a_case_that_is_wrong_says_what() {
    let good = one(json!({}));
    let with = |name: &str, value: Value| {
        let mut case = case(&good, &json!({}));
        case[name] = value;
        case.to_string()
    };
    let without = |name: &str| {
        let mut case = case(&good, &json!({}));
        case.as_object_mut().unwrap().remove(name);
        case.to_string()
    };
    for (line, error) in [
        ("[]".to_owned(), "a case is a list: expected a JSON object"),
        (
            "{".to_owned(),
            "case:1:2: not valid JSON: expected a key in quotation marks, found the end of the text",
        ),
        (without("policy"), "the case has no `policy`"),
        (without("principal"), "the case has no `principal`"),
        (with("action", json!(5)), "`action` is a number: expected text"),
        (with("resource", json!("pets")), "`resource` is `pets`: expected an ARN of six parts, `arn:…`"),
        (with("context", json!([])), "`context` is a list: expected a mapping of keys"),
        (
            with("context", json!({"a:b": {}})),
            "`context.a:b` is a mapping: expected text, a number, a boolean, or a list of these",
        ),
        (
            with("context", json!({"aws:SourceVpce": "a", "aws:sourcevpce": "b"})),
            "`context` has `aws:sourcevpce` twice, letter case aside",
        ),
        (with("identityPolicies", json!({})), "`identityPolicies` is a mapping: expected a list of policies"),
        (
            with("identityPolicies", json!([good])),
            "`identityPolicies[0]` is wrong:\ncase:1:375: `Statement[0].Principal` does not belong into an identity policy: it is about one caller",
        ),
    ] {
        assert_eq!(evaluate_case(&line).unwrap_err(), error, "{line}");
    }
    let error = evaluate_case(&with("principal", json!("Alice"))).unwrap_err();
    assert!(error.starts_with(
        "`principal` is neither `anonymous` nor an ARN of a caller: expected the ARN of an account"
    ));
}

#[test]
fn a_case_is_answered_with_its_own_id() {
    let policy = one(json!({"Sid": "a \"quoted\" one"}));
    for id in [json!("x\ny"), json!(7), json!(null), json!([1, {"a": 2.50}])] {
        let answer =
            evaluate_case(&case(&policy, &json!({"id": id, "note": "not ours"})).to_string()).unwrap();
        let expected = format!(r#"{{"id":{id},"decision":"allow","statement":"a \"quoted\" one"}}"#);
        assert_eq!(answer.to_string(), expected);
    }
}
