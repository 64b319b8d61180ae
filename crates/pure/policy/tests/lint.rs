//! What the linter tells, byte for byte.

#![cfg(test)]

mod common;

use postern_document::Problems;
use postern_policy::{ExecuteApiBase, Policy, PolicyKind, Reading, lint, mistakes};
use serde_json::{Value, json};

/// What is told of a policy, without places and the word "warning".
fn told(kind: PolicyKind, policy: &Value) -> Vec<String> {
    let reading = Reading { base: Some(&common::API), ..Reading::of(kind) };
    let mut problems = Problems::default();
    let policy = Policy::parse_text("policy.json", &policy.to_string(), &reading, &mut problems);
    let policy = policy.unwrap_or_else(|| panic!("{problems:?}"));
    lint(&policy).iter().map(|problem| problem.message.clone()).collect()
}

fn check(kind: PolicyKind, statement: Value, expected: &[&str]) {
    let policy = json!({"Version": "2012-10-17", "Statement": statement});
    assert_eq!(told(kind, &policy), expected, "{policy}");
}

/// A deny that is right by itself, with some elements changed.
fn deny(changes: Value) -> Value {
    let mut deny = json!({"Effect": "Deny"});
    deny.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    common::statement(deny)
}

#[test]
fn the_templates_of_section_8_are_clean() {
    let of_account = json!({"Principal": {"AWS": ["arn:aws:iam::111122223333:root"]}, "Resource": "execute-api:/demo/GET/pets"});
    check(PolicyKind::Resource, common::statement(of_account), &[]);
    for (operator, key, value) in [
        ("IpAddress", "aws:VpcSourceIp", json!(["10.9.0.0/16", "fd00:9::/64"])),
        ("StringNotEquals", "aws:sourceVpce", json!("vpce-08d2bf15fac5001c9")),
        ("StringNotEquals", "aws:SourceVpc", json!(["vpc-1", "vpc-2"])),
    ] {
        let guarded =
            json!([deny(json!({"Condition": {operator: {key: value}}})), common::statement(json!({}))]);
        check(PolicyKind::Resource, guarded, &[]);
    }
}

#[test]
fn rp_1_no_statements() {
    assert_eq!(told(PolicyKind::Resource, &json!({})), ["the policy has no statements: it allows nothing"]);
}

#[test]
fn a_policy_that_lets_every_endpoint_in() {
    let open = "statement 0 lets every caller of every VPC endpoint in: no condition reads `aws:SourceVpce`, \
                `aws:SourceVpc` or `aws:VpcSourceIp`";
    check(PolicyKind::Resource, common::statement(json!({})), &[open]);
    check(
        PolicyKind::Resource,
        common::statement(json!({"Condition": {"Bool": {"aws:SecureTransport": "true"}}})),
        &[open],
    );
    check(
        PolicyKind::Resource,
        common::statement(json!({"Condition": {"StringEquals": {"aws:SourceVpce": "vpce-1"}}})),
        &[],
    );
    check(
        PolicyKind::Resource,
        common::statement(
            json!({"Condition": {"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::123456789012:user/*"}}}),
        ),
        &[],
    );
    check(PolicyKind::Endpoint, common::statement(json!({})), &[]);
}

#[test]
fn statements_that_can_never_match() {
    for (changes, expected) in [
        (
            json!({"Principal": {"CanonicalUser": "x"}}),
            "statement 0 can never match: nobody that it names ever calls an API",
        ),
        (
            json!({"Principal": {"AWS": "AIDAJQABLZS4A3QDU576Q"}}),
            "statement 0 can never match: nobody that it names ever calls an API",
        ),
        (
            json!({"Principal": null, "NotPrincipal": "*"}),
            "statement 0 can never match: `NotPrincipal` names everybody",
        ),
        (
            json!({"Sid": "odd", "Action": "execute-api:ManageConnections"}),
            "statement 0 (\"odd\") can never match: it is about neither `execute-api:Invoke` nor `execute-api:InvalidateCache`",
        ),
        (
            json!({"Action": null, "NotAction": "execute-api:*"}),
            "statement 0 can never match: it is about neither `execute-api:Invoke` nor `execute-api:InvalidateCache`",
        ),
        (
            json!({"Condition": {"Null": {"aws:username": "true"}, "StringEquals": {"aws:username": "a"}}}),
            "statement 0 can never match: `aws:username` must be absent and have a value",
        ),
    ] {
        check(PolicyKind::Resource, deny(changes), &[expected]);
    }
}

#[test]
fn rp_28_resources_that_can_never_match() {
    let shape = "a request's resource is `{api}/{stage}/{METHOD}/{path}`, in the short form `/{stage}/{METHOD}/{path}`";
    for (resource, flaw) in [
        ("arn:aws:execute-api:us-east-1:123456789012:a1b2c3d4e5/", shape),
        ("arn:aws:execute-api:us-east-1:123456789012:a1b2c3d4e5", shape),
        ("execute-api:/demo", shape),
        ("execute-api:/demo/GET", shape),
        ("execute-api:/GET/pets/1", shape),
        ("execute-api:/GET/pets/*", shape),
        ("arn:aws:lambda:us-east-1:123456789012:function:pets", "it is not of `execute-api`"),
        ("arn:aws:execute-api:*/GET/*", "an ARN has six parts, and no wildcard crosses a colon"),
    ] {
        let flaw = format!("`{resource}` can never match: {flaw}");
        let statement = "statement 0 can never match: none of its resources can match";
        let mut told = told(PolicyKind::Resource, &json!({"Statement": deny(json!({"Resource": resource}))}));
        told.sort();
        assert_eq!(told, [&*flaw, statement], "{resource}");
        check(PolicyKind::Resource, deny(json!({"Resource": [resource, "execute-api:/demo/*"]})), &[&flaw]);
    }
    for resource in [
        "execute-api:/*/pets/*",
        "execute-api:/demo/*",
        "execute-api:/demo/?ET/*",
        "execute-api:/demo/GET/",
        "*",
    ] {
        check(PolicyKind::Resource, deny(json!({"Resource": resource})), &[]);
    }
}

#[test]
fn resources_that_are_misspelt() {
    for (resource, expected) in [
        ("execute-api:/demo/get/*", "`execute-api:/demo/get/*` has its method in lower case: expected `GET`"),
        (
            "execute-api:/a1b2c3d4e5/*",
            "`execute-api:/a1b2c3d4e5/*` names the API id as its stage: the short form has no API id",
        ),
        (
            "execute-api:/demo/GET/${aws:unheard}/*",
            "`execute-api:/demo/GET/${aws:unheard}/*` has a variable that never has a value: `aws:unheard`",
        ),
    ] {
        check(PolicyKind::Resource, deny(json!({"Resource": resource})), &[expected]);
    }
}

#[test]
fn an_exact_deny_that_a_slash_escapes() {
    let escaped = |resource: &str| {
        format!(
            "`{resource}` is escaped by a slash at the end of the path, which reaches the same method: name both, or end in `*`"
        )
    };
    for resource in [
        "execute-api:/demo/GET/admin",
        "execute-api:/demo/GET/admin/",
        "execute-api:/*/GET/admin",
        "execute-api:/demo/*/a?min",
    ] {
        check(PolicyKind::Resource, deny(json!({"Resource": resource})), &[&escaped(resource)]);
        let exception =
            json!({"Resource": null, "NotResource": resource, "Principal": {"AWS": "123456789012"}});
        check(PolicyKind::Resource, common::statement(exception), &[&escaped(resource)]);
    }
    check(
        PolicyKind::Resource,
        deny(json!({"Resource": ["execute-api:/demo/GET/admin", "execute-api:/demo/GET/admin/*"]})),
        &[],
    );
    check(PolicyKind::Resource, deny(json!({"Resource": "execute-api:/demo/GET/admin*"})), &[]);
    check(PolicyKind::Resource, deny(json!({"Resource": "execute-api:/demo/GET/"})), &[]);
    let allow = json!({"Resource": "execute-api:/demo/GET/admin", "Principal": {"AWS": "123456789012"}});
    check(PolicyKind::Resource, common::statement(allow), &[]);
}

#[test]
fn rp_43_not_principal() {
    let listed = json!({"AWS": "123456789012"});
    check(
        PolicyKind::Endpoint,
        common::statement(json!({"Principal": null, "NotPrincipal": listed})),
        &["`NotPrincipal` with `Allow` lets everybody else in, anonymous callers too"],
    );
    check(
        PolicyKind::Resource,
        deny(json!({"Principal": null, "NotPrincipal": listed})),
        &[
            "`NotPrincipal` with `Deny` spares a caller only where its account, its user or role and, of a role, its session are \
           all listed: `aws:PrincipalArn` in a condition says it plainly",
        ],
    );
}

#[test]
fn rp_35_rp_37_actions() {
    check(
        PolicyKind::Resource,
        deny(
            json!({"Action": ["execute-api:Invok", "execute-api:Invoke", "execute-api:ManageConnections", "s3:GetObject"]}),
        ),
        &["unknown action `execute-api:Invok`: did you mean `execute-api:Invoke`?"],
    );
    let of_another_service =
        json!({"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::bucket/*"});
    let told = told(PolicyKind::Identity, &json!({"Statement": of_another_service}));
    assert_eq!(told, ["`arn:aws:s3:::bucket/*` can never match: it is not of `execute-api`"]);
}

#[test]
fn rp_81_unknown_keys() {
    for (operator, key, expected) in [
        (
            "StringEquals",
            "aws:SourceVpcId",
            "unknown key `aws:SourceVpcId` is absent from all requests, so the statement never matches them: did you mean \
             `aws:SourceVpce`?",
        ),
        (
            "StringNotEquals",
            "custom:x",
            "unknown key `custom:x` is absent from all requests, so the condition holds for all of them",
        ),
        (
            "StringNotLike",
            "aws:SourceArn",
            "`aws:SourceArn` is absent from all requests, so the condition holds for all of them",
        ),
        (
            "StringLike",
            "aws:sourceIp",
            "`aws:sourceIp` is absent from calls through a VPC endpoint, so the statement never matches them: \
             `aws:VpcSourceIp` is the caller's address there",
        ),
    ] {
        check(PolicyKind::Resource, deny(json!({"Condition": {operator: {key: "xxxxxx"}}})), &[expected]);
    }
}

#[test]
fn rp_60_rp_62_absent_keys() {
    let also_denies = "`StringNotEquals` also denies where `aws:PrincipalOrgID` is absent: add `Null` with `false` if that is not meant";
    let condition = json!({"StringNotEquals": {"aws:PrincipalOrgID": "o-1"}});
    check(PolicyKind::Resource, deny(json!({"Condition": condition})), &[also_denies]);
    let guarded =
        json!({"StringNotEquals": {"aws:PrincipalOrgID": "o-1"}, "Null": {"aws:PrincipalOrgID": "false"}});
    check(PolicyKind::Resource, deny(json!({"Condition": guarded})), &[]);
    let with_if_exists = json!({"StringNotEqualsIfExists": {"aws:UserAgent": "x"}});
    check(
        PolicyKind::Resource,
        deny(json!({"Condition": with_if_exists})),
        &[
            "`StringNotEqualsIfExists` also denies where `aws:UserAgent` is absent: add `Null` with `false` if that is not meant",
        ],
    );
    check(
        PolicyKind::Endpoint,
        common::statement(
            json!({"Condition": {"ForAllValues:StringEquals": {"aws:PrincipalOrgPaths": "o-1/"}}}),
        ),
        &[
            "`ForAllValues:StringEquals` also allows where `aws:PrincipalOrgPaths` is absent: add `Null` with `false` if that is \
           not meant",
        ],
    );
    check(
        PolicyKind::Resource,
        deny(json!({"Condition": {"ForAnyValue:StringEquals": {"aws:SourceVpce": "vpce-1"}}})),
        &["`ForAnyValue:StringEquals` is for keys with several values, and `aws:SourceVpce` has one"],
    );
}

#[test]
fn values_that_mean_something_else() {
    for (operator, key, value, expected) in [
        (
            "StringEquals",
            "aws:UserAgent",
            json!("curl*"),
            "`*` in `curl*` is no wildcard to `StringEquals`: `StringLike` has them",
        ),
        (
            "StringEquals",
            "aws:UserAgent",
            json!([]),
            "`StringEquals` names no value for `aws:UserAgent`: it never holds where the key is present",
        ),
        (
            "IpAddress",
            "aws:VpcSourceIp",
            json!("10.1.2.3/8"),
            "`10.1.2.3/8` has bits behind its prefix: read as `10.0.0.0/8`",
        ),
        (
            "ArnLike",
            "aws:PrincipalArn",
            json!("arn:aws:*:role/a"),
            "`arn:aws:*:role/a` can never match: an ARN has six parts, and no wildcard crosses a colon",
        ),
        (
            "StringEquals",
            "aws:UserAgent",
            json!("${aws:PrincipalOrgPaths}"),
            "`${aws:PrincipalOrgPaths}` has a variable that never has a value: `aws:PrincipalOrgPaths`",
        ),
    ] {
        check(PolicyKind::Resource, deny(json!({"Condition": {operator: {key: value}}})), &[expected]);
    }
    check(
        PolicyKind::Resource,
        deny(json!({"Condition": {"StringEquals": {"aws:UserAgent": "a${*}"}}})),
        &[],
    );
    check(
        PolicyKind::Resource,
        deny(
            json!({"Condition": {"IpAddress": {"aws:VpcSourceIp": ["10.1.2.3/32", "::ffff:10.0.0.0/104"]}}}),
        ),
        &[],
    );
}

#[test]
fn rp_11_variables_of_the_older_version() {
    let old = json!({"Version": "2008-10-17", "Statement": deny(json!({
        "Resource": "execute-api:/demo/GET/${aws:username}/*", "Condition": {"StringLike": {"aws:UserAgent": "${aws:username}"}},
    }))});
    assert_eq!(
        told(PolicyKind::Resource, &old),
        [
            "`execute-api:/demo/GET/${aws:username}/*` has no variables in version 2008-10-17: `${` is literal text",
            "`${aws:username}` has no variables in version 2008-10-17: `${` is literal text",
        ]
    );
}

#[test]
fn rp_121_endpoint_policies() {
    for (condition, expected) in [
        (
            json!({"StringLike": {"aws:PrincipalAccount": "1234567*"}}),
            "`1234567*` for `aws:PrincipalAccount`: AWS takes no wildcards for ids in endpoint policies",
        ),
        (
            json!({"NumericEquals": {"aws:PrincipalAccount": "123456789012"}}),
            "`NumericEquals` with `aws:PrincipalAccount`: AWS takes no numeric operators for ids in endpoint policies",
        ),
        (
            json!({"StringLike": {"aws:username": "Ali*"}}),
            "`Ali*` has fewer than the six characters that AWS wants beside a wildcard",
        ),
        (
            json!({"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::1234*:user/Alice"}}),
            "`1234*` as account of an ARN: AWS takes an id or `*` in endpoint policies",
        ),
    ] {
        check(PolicyKind::Endpoint, common::statement(json!({"Condition": condition})), &[expected]);
        check(PolicyKind::Domain, common::statement(json!({"Condition": condition})), &[]);
    }
    let resource = json!({"Resource": "arn:aws:execute-api:us-east-1:1234*:a1b2c3d4e5/*"});
    let expected = "`1234*` as account of an ARN: AWS takes an id or `*` in endpoint policies";
    check(PolicyKind::Endpoint, common::statement(resource), &[expected]);
}

#[test]
fn a_sid_that_stands_twice() {
    let twice = json!([deny(json!({"Sid": "a"})), deny(json!({"Sid": "b"})), deny(json!({"Sid": "a"}))]);
    check(PolicyKind::Resource, twice, &["statement 2 (\"a\") has the `Sid` of another statement"]);
}

#[test]
fn places_are_those_of_the_file() {
    let text = "{\"Statement\": {\n \"Effect\": \"Deny\", \"Principal\": \"*\", \"Action\": \"*\",\n \"Resource\": [\"*\",\n  \
                \"execute-api:/demo\"],\n \"Condition\": {\"StringEquals\": {\"a:b\": \"c\"}}}}";
    let base = ExecuteApiBase::sample();
    let reading = Reading { base: Some(&base), ..Reading::of(PolicyKind::Resource) };
    let policy = Policy::parse_text("p.json", text, &reading, &mut Problems::default()).unwrap();
    let places: Vec<_> = lint(&policy).iter().map(|problem| problem.place.to_string()).collect();
    assert_eq!(places, ["p.json:4:3", "p.json:5:33"]);
}

/// What a gateway tells of when it loads a policy: nothing that may be meant.
#[test]
fn mistakes_are_what_can_never_match() {
    let source_ip = "`aws:SourceIp` is absent from calls through a VPC endpoint, so the statement never matches them: \
                     `aws:VpcSourceIp` is the caller's address there";
    let unknown = "unknown key `aws:SourceVcpe` is absent from all requests, so the statement never matches them: did \
                   you mean `aws:SourceVpce`?";
    let no_path = "`execute-api:/demo` can never match: a request's resource is `{api}/{stage}/{METHOD}/{path}`, in \
                   the short form `/{stage}/{METHOD}/{path}`";
    let never = "statement 0 can never match: none of its resources can match";
    for (changes, is_private, expected) in [
        (json!({}), true, &[][..]),
        (json!({"Resource": "execute-api:/demo"}), true, &[never, no_path]),
        (json!({"Condition": {"StringEquals": {"aws:SourceVcpe": "vpce-1"}}}), true, &[unknown]),
        (json!({"Condition": {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}}), true, &[source_ip]),
        (json!({"Condition": {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}}), false, &[]),
        (json!({"Effect": "Deny", "Condition": {"StringNotEquals": {"aws:PrincipalArn": "a"}}}), true, &[]),
    ] {
        let policy = json!({"Statement": common::statement(changes)}).to_string();
        let reading = Reading { base: Some(&common::API), ..Reading::of(PolicyKind::Resource) };
        let policy = Policy::parse_text("p", &policy, &reading, &mut Problems::default()).unwrap();
        let told = mistakes(&policy, is_private);
        assert_eq!(told.iter().map(|problem| &*problem.message).collect::<Vec<_>>(), expected);
    }
}
