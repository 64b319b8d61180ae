//! What is told of a policy that is wrong: statement, element, place and what was expected.

#![cfg(test)]

mod common;

use common::read;
use postern_document::{Problems, parse_yaml};
use postern_policy::{Policy, PolicyKind, Reading};

const ANYTHING: &str = r#""Action": "execute-api:Invoke", "Resource": "*""#;

fn told_of(kind: PolicyKind, text: &str) -> Vec<String> {
    let (policy, told) = read(kind, text);
    assert!(policy.is_none(), "{text} was accepted");
    told.into_iter().map(|line| line.strip_prefix("policy.json:").unwrap().to_owned()).collect()
}

fn check(rows: &[(&str, &[&str])]) {
    for (text, expected) in rows {
        assert_eq!(told_of(PolicyKind::Resource, text), *expected, "{text}");
    }
}

#[test]
fn the_whole_document() {
    check(&[
        ("5", &["1:1: a number where a policy is expected: expected a mapping, or its JSON text"]),
        ("[]", &["1:1: a list where a policy is expected: expected a mapping, or its JSON text"]),
        ("{", &["1:2: not valid JSON: expected a key in quotation marks, found the end of the text"]),
        (
            r#"{"Version": "2012-10-18"}"#,
            &["1:13: `Version` is `2012-10-18`: expected `2012-10-17` or `2008-10-17`"],
        ),
        (r#"{"Version": {}}"#, &["1:13: `Version` is a mapping: expected `2012-10-17` or `2008-10-17`"]),
        (r#"{"Id": 5}"#, &["1:8: `Id` is a number: expected text"]),
        (
            r#"{"Statments": []}"#,
            &["1:2: unknown element `Statments` in a policy: did you mean `Statement`?"],
        ),
        (
            r#"{"version": "2012-10-17"}"#,
            &["1:2: unknown element `version` in a policy: did you mean `Version`?"],
        ),
        (r#"{"Statement": 5}"#, &["1:15: `Statement[0]` is a number: expected a mapping"]),
        (r#"{"Statement": null}"#, &["1:15: `Statement[0]` is null: expected a mapping"]),
        (
            r#"{"Statement": [], "Statement": []}"#,
            &["1:19: duplicate key `Statement`: it stands at policy.json:1:2 already"],
        ),
    ]);
}

#[test]
fn every_problem_is_told_at_once() {
    let text = "{\"Statement\": [\n {},\n {\"Effect\": \"allow\", \"Principal\": [], \"NotAction\": 5, \"Resource\": []}]}";
    assert_eq!(
        told_of(PolicyKind::Resource, text),
        [
            "2:2: `Statement[0]` has no `Effect`: expected `Allow` or `Deny`",
            "2:2: `Statement[0]` has no `Principal`: expected `Principal` or `NotPrincipal`",
            "2:2: `Statement[0]` has no `Action`: expected `Action` or `NotAction`",
            "2:2: `Statement[0]` has no `Resource`: expected `Resource` or `NotResource`",
            "3:13: `Statement[1].Effect` is `allow`: expected `Allow` or `Deny`",
            "3:35: `Statement[1].Principal` is neither `\"*\"` nor a mapping with entries: expected `\"*\"` or `{\"AWS\": …}`",
            "3:52: `Statement[1].NotAction` is a number: expected text or a list of texts",
            "3:67: `Statement[1].Resource` is an empty list: expected at least one text",
        ]
    );
}

#[test]
fn rp_12_rp_13_rp_15_elements() {
    let with = |element: &str| {
        format!(r#"{{"Statement": {{"Effect": "Deny", "Principal": "*", {ANYTHING}, {element}}}}}"#)
    };
    for (element, expected) in [
        (r#""sid": "x""#, "1:101: unknown element `sid` in `Statement[0]`: did you mean `Sid`?"),
        (r#""Sid": 5"#, "1:108: `Statement[0].Sid` is a number: expected text"),
        (
            r#""NotAction": "*""#,
            "1:101: `Statement[0]` has both `Action` and `NotAction`: expected one of them",
        ),
        (
            r#""NotPrincipal": "*""#,
            "1:101: `Statement[0]` has both `Principal` and `NotPrincipal`: expected one of them",
        ),
        (r#""Condition": []"#, "1:114: `Statement[0].Condition` is a list: expected a mapping of operators"),
        (
            r#""Condition": {"StringEquals": "x"}"#,
            "1:131: `Statement[0].Condition.StringEquals` is text: expected a mapping of condition keys",
        ),
        (
            r#""Condition": {"StringEqual": {}}"#,
            "1:115: unknown condition operator `StringEqual` in `Statement[0].Condition`: did you mean `StringEquals`?",
        ),
        (
            r#""Condition": {"NullIfExists": {}}"#,
            "1:115: unknown condition operator `NullIfExists` in `Statement[0].Condition`: `Null` takes neither `IfExists` \
             nor a set operator",
        ),
        (
            r#""Condition": {"StringEquals": {"a": 1}, "stringequals": {"a": 1}}"#,
            "1:141: `Statement[0].Condition` has the operator `stringequals` twice, letter case aside: expected it once",
        ),
        (
            r#""Condition": {"StringEquals": {"aws:SourceVpce": "a", "aws:sourcevpce": "a"}}"#,
            "1:155: `Statement[0].Condition.StringEquals` has the key `aws:sourcevpce` twice, letter case aside: expected it \
             once",
        ),
        (
            r#""Condition": {"StringEquals": {"a": {"b": 1}}}"#,
            "1:137: `Statement[0].Condition.StringEquals.a` is a mapping: expected text, a number, a boolean, or a list of \
             these",
        ),
        (
            r#""Condition": {"StringEquals": {"a": ["x", null]}}"#,
            "1:143: `Statement[0].Condition.StringEquals.a` is null: expected text, a number, a boolean, or a list of these",
        ),
    ] {
        assert_eq!(told_of(PolicyKind::Resource, &with(element)), [expected], "{element}");
    }
}

#[test]
fn rp_56_malformed_values() {
    for (operator, value, expected) in [
        ("NumericEquals", "ten", "expected a decimal number of at most 38 digits"),
        ("NumericLessThan", "${aws:EpochTime}", "expected a decimal number of at most 38 digits"),
        ("DateLessThan", "tomorrow", "expected a date such as `2026-01-31T12:00:00Z`, or seconds since 1970"),
        (
            "DateLessThan",
            "2026-01-01T00:00:00",
            "expected a date such as `2026-01-31T12:00:00Z`, or seconds since 1970",
        ),
        ("Bool", "yes", "expected `true` or `false`"),
        ("Bool", "${aws:SecureTransport}", "expected `true` or `false`"),
        ("Null", "0", "expected `true` or `false`"),
        ("BinaryEquals", "QQ", "expected base64"),
        ("BinaryEquals", "QR==", "expected base64"),
        ("IpAddress", "10.0.0", "expected an address or a range such as `10.0.0.0/16` or `2001:db8::/32`"),
        (
            "IpAddress",
            "10.0.0.0/33",
            "expected an address or a range such as `10.0.0.0/16` or `2001:db8::/32`",
        ),
        (
            "IpAddress",
            "10.0.0.0/08",
            "expected an address or a range such as `10.0.0.0/16` or `2001:db8::/32`",
        ),
        (
            "IpAddress",
            "10.0.0.0/+8",
            "expected an address or a range such as `10.0.0.0/16` or `2001:db8::/32`",
        ),
        ("IpAddress", "10.0.0.*", "expected an address or a range such as `10.0.0.0/16` or `2001:db8::/32`"),
        (
            "NotIpAddress",
            "2001:db8::/129",
            "expected an address or a range such as `10.0.0.0/16` or `2001:db8::/32`",
        ),
        (
            "ArnLike",
            "role/x",
            "expected an ARN of six parts such as `arn:aws:iam::123456789012:user/*`, or `*`",
        ),
        (
            "ArnLike",
            "role/*",
            "expected an ARN of six parts such as `arn:aws:iam::123456789012:user/*`, or `*`",
        ),
        (
            "ArnEquals",
            "arn:aws:iam",
            "expected an ARN of six parts such as `arn:aws:iam::123456789012:user/*`, or `*`",
        ),
        ("StringEquals", "${aws:username", "expected `}` behind `${`"),
        ("StringLike", "${}", "expected a condition key behind `${`"),
        ("StringLike", "${aws:username, nobody}", "expected `${key, 'default'}`"),
        ("StringLike", "${aws:username, 'nobody}", "expected `${key, 'default'}`"),
        ("StringLike", "${aws:username, 'a' 'b'}", "expected `${key, 'default'}`"),
    ] {
        let text = format!(
            r#"{{"Version": "2012-10-17", "Statement": {{"Effect": "Deny", "Principal": "*", {ANYTHING},
 "Condition": {{"{operator}": {{"a:b": ["{value}"]}}}}}}}}"#
        );
        let column = 29 + operator.len();
        let message = format!("2:{column}: `Statement[0].Condition.{operator}.a:b` is `{value}`: {expected}");
        assert_eq!(told_of(PolicyKind::Resource, &text), [message], "{operator} {value}");
    }
}

#[test]
fn principals_actions_and_resources() {
    let of_principal = |principal: &str| {
        format!(r#"{{"Statement": {{"Effect": "Deny", "Principal": {principal}, {ANYTHING}}}}}"#)
    };
    let not_one = "expected the ARN of an account (`arn:aws:iam::123456789012:root`), a user (`…:user/name`), a role \
                   (`…:role/name`) or a role session (`arn:aws:sts::123456789012:assumed-role/name/session`), without wildcards";
    let star = "arn:aws:iam::123456789012:user/*";
    for (principal, expected) in [
        (
            r#""123456789012""#,
            "1:47: `Statement[0].Principal` is neither `\"*\"` nor a mapping with entries: expected `\"*\"` or `{\"AWS\": …}`".to_owned(),
        ),
        (
            "{}",
            "1:47: `Statement[0].Principal` is neither `\"*\"` nor a mapping with entries: expected `\"*\"` or `{\"AWS\": …}`".to_owned(),
        ),
        (r#"{"aws": "*"}"#, "1:48: unknown element `aws` in `Statement[0].Principal`: did you mean `AWS`?".to_owned()),
        (r#"{"AWS": 123456789012}"#, "1:55: `Statement[0].Principal.AWS` is a number: expected text or a list of texts".to_owned()),
        (r#"{"AWS": []}"#, "1:55: `Statement[0].Principal.AWS` is an empty list: expected at least one text".to_owned()),
        (&format!(r#"{{"AWS": ["*", "{star}"]}}"#), format!("1:61: `Statement[0].Principal.AWS` is `{star}`: {not_one}")),
    ] {
        assert_eq!(told_of(PolicyKind::Resource, &of_principal(principal)), [expected], "{principal}");
    }
    let an_action = "expected `*`, or a service and an action such as `execute-api:Invoke`";
    let an_arn = "expected `*`, an ARN of six parts, or the short form `execute-api:/…`";
    for (element, value, expected) in [
        ("Action", "Invoke", an_action),
        ("Action", "execute-api:", an_action),
        ("NotAction", ":Invoke", an_action),
        ("Resource", "demo/*", an_arn),
        ("Resource", "", an_arn),
        ("NotResource", "arn:aws:execute-api", an_arn),
        ("Resource", "execute-api:demo/*", "expected `/` behind `execute-api:`, as in `execute-api:/*`"),
        ("Resource", "execute-api:*", "expected `/` behind `execute-api:`, as in `execute-api:/*`"),
        (
            "Resource",
            "arn:aws:exec*:a:b:c/*",
            "expected a service without wildcards in the third part of the ARN",
        ),
        (
            "Resource",
            "arn:aws:execute-api:${aws:RequestedRegion}:b:c/*",
            "expected variables behind the fifth colon of the ARN only",
        ),
        ("Resource", "arn:aws:execute-api:a:b:c/${", "expected `}` behind `${`"),
    ] {
        let other = if element.ends_with("Action") { "\"Resource\"" } else { "\"Action\"" };
        let text = format!(
            "{{\"Version\": \"2012-10-17\", \"Statement\": {{\"Effect\": \"Deny\", \"Principal\": \"*\", {other}: \"*\",\n\"{element}\": \"{value}\"}}}}"
        );
        let message = format!("2:{}: `Statement[0].{element}` is `{value}`: {expected}", element.len() + 5);
        assert_eq!(told_of(PolicyKind::Resource, &text), [message], "{element} {value}");
    }
}

#[test]
fn each_kind_of_policy_has_its_rules() {
    let without = format!(r#"{{"Statement": {{"Effect": "Deny", {ANYTHING}}}}}"#);
    let with = format!(r#"{{"Statement": {{"Effect": "Deny", "Principal": "*", {ANYTHING}}}}}"#);
    for kind in [PolicyKind::Resource, PolicyKind::Domain, PolicyKind::Endpoint] {
        assert!(read(kind, &with).0.is_some(), "{kind:?}");
        let expected = "1:15: `Statement[0]` has no `Principal`: expected `Principal` or `NotPrincipal`";
        assert_eq!(told_of(kind, &without), [expected], "{kind:?}");
    }
    for (kind, words) in [
        (PolicyKind::Identity, "an identity policy"),
        (PolicyKind::AuthorizerOutput, "the policy of an authorizer"),
    ] {
        assert!(read(kind, &without).0.is_some(), "{kind:?}");
        let expected =
            format!("1:34: `Statement[0].Principal` does not belong into {words}: it is about one caller");
        assert_eq!(told_of(kind, &with), [expected], "{kind:?}");
    }
    let of_length = |length: usize| {
        let arn = "arn:aws:execute-api:us-east-1:123456789012:a1b2c3d4e5/";
        let resource = format!("{arn}{}", "é".repeat(length - arn.len()));
        format!(r#"{{"Statement": {{"Effect": "Allow", "Action": "*", "Resource": "{resource}"}}}}"#)
    };
    assert!(read(PolicyKind::AuthorizerOutput, &of_length(512)).0.is_some());
    assert!(read(PolicyKind::Identity, &of_length(513)).0.is_some());
    let told = told_of(PolicyKind::AuthorizerOutput, &of_length(513));
    assert_eq!(told, ["1:62: `Statement[0].Resource` is longer than 512 characters"]);
    let mut problems = Problems::default();
    let short = with.replace("\"*\"}", "\"execute-api:/*\"}");
    assert!(Policy::parse_text("p", &short, &Reading::of(PolicyKind::Endpoint), &mut problems).is_none());
    assert_eq!(
        problems.iter().next().unwrap().to_string(),
        "p:1:96: `Statement[0].Resource` is `execute-api:/*`: expected a whole ARN: no API is known that the short form could \
         stand for"
    );
}

#[test]
fn rp_63_many_values_without_a_set_operator() {
    let text = format!(
        r#"{{"Statement": {{"Effect": "Deny", "Principal": "*", {ANYTHING}, "Condition": {{
 "StringLike": {{"aws:PrincipalOrgPaths": "o-1/*"}}, "Null": {{"aws:PrincipalOrgPaths": "false"}}}}}}}}"#
    );
    let (policy, told) = read(PolicyKind::Resource, &text);
    assert!(policy.is_some());
    assert_eq!(
        told,
        [
            "policy.json:2:17: warning: `Statement[0].Condition.StringLike.aws:PrincipalOrgPaths` has no set operator, though \
          `aws:PrincipalOrgPaths` may have several values: read as `ForAnyValue:StringLike`"
        ]
    );
}

#[test]
fn rp_16_places_of_text_in_text() {
    let of = |yaml: &str| {
        let node = parse_yaml("api.yaml", yaml).unwrap();
        let mut problems = Problems::default();
        let policy =
            Policy::parse(node.get("policy").unwrap(), &Reading::of(PolicyKind::Resource), &mut problems);
        assert!(policy.is_none(), "{yaml}");
        problems.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(
        of("policy: |\n  {\"Id\": 1,\n   \"Statement\": []}\n"),
        ["api.yaml:2:10: `Id` is a number: expected text"]
    );
    assert_eq!(of("policy: '{\"Id\": 1}'\n"), ["api.yaml:1:17: `Id` is a number: expected text"]);
    assert_eq!(of(r#"policy: '{\"Id\": 1}'"#), ["api.yaml:1:9: `Id` is a number: expected text"]);
    assert_eq!(
        of("policy: |\n  {\"Id\"\n   1}\n"),
        [
            "api.yaml:3:4: the text of the policy is not JSON: not valid JSON: expected `:`, found `1` (line 2 of it)"
        ]
    );
    let thrice =
        serde_json::json!(serde_json::json!(serde_json::json!("{}").to_string()).to_string()).to_string();
    let deep = serde_json::json!(thrice).to_string();
    assert_eq!(
        told_of(PolicyKind::Resource, &deep),
        ["1:1: the policy is a text inside a text inside a text: expected a mapping"]
    );
}
