//! Who calls: signatures of signers that we did not write, and what signers may do (authorization.md
//! section 5, resource-policies.md section 6).

use postern_testing::{
    API_HOST, Backend, Gateway, Message, Signed, Unsigned, VPCE_A, answer, curl, definition, expect,
    http_proxy, mock, open_policy, sign_all,
};
use serde_json::{Value, json};

use crate::{gateway, policies::policy, refusal, short};

pub(crate) const ALICE: (&str, &str) = ("AKIAALICE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY");
pub(crate) const ALICE_ARN: &str = "arn:aws:iam::123456789012:user/staff/Alice";
pub(crate) const BOB: (&str, &str) = ("AKIABOB", "je7MtGbClwBF/2Zp9Utk/h3yCo8nvbEXAMPLEKEY");
pub(crate) const BOB_ARN: &str = "arn:aws:iam::123456789012:user/Bob";
const STRANGER_ARN: &str = "arn:aws:iam::999988887777:user/Stranger";
const SESSION: (&str, &str) = ("ASIASESSION", "session-secret");
const SESSION_ARN: &str = "arn:aws:sts::123456789012:assumed-role/caller/nightly";
const TOKEN: &str = "AQoDYXdzEPT//////////wEXAMPLE==";
const SIGNED_ARN: &str = "arn:aws:execute-api:us-east-1:123456789012:a1b2c3d4e5/demo/GET/signed";

/// A principal with nothing but what it needs.
pub(crate) fn principal((access_key_id, secret): (&str, &str), arn: &str) -> Value {
    json!({"arn": arn, "accessKeyId": access_key_id, "secretAccessKey": secret})
}

/// The same with an identity policy that allows everything.
fn trusted(key: (&str, &str), arn: &str) -> Value {
    let mut principal = principal(key, arn);
    principal["identityPolicyFile"] = json!("everything.json");
    principal
}

fn session() -> Value {
    let mut session = trusted(SESSION, SESSION_ARN);
    session["sessionToken"] = json!(TOKEN);
    session
}

/// A GET of the session.
fn of_session() -> Unsigned<'static> {
    Unsigned { session_token: Some(TOKEN), ..Unsigned::get("/demo/signed", SESSION) }
}

/// An operation that asks for a signature.
fn signed(mut operation: Value) -> Value {
    operation["x-amazon-apigateway-auth"] = json!({"type": "AWS_IAM"});
    operation
}

const WHO: &str = "$context.identity.userArn";

/// One method that asks for a signature and says who signed, and principals.
fn iam(principals: &[Value]) -> Gateway {
    let definition = definition(&json!({
        "/signed": {"get": signed(mock(WHO)), "post": signed(mock(WHO))},
        "/things/{proxy+}": {"x-amazon-apigateway-any-method": signed(mock(WHO))},
    }));
    gateway(&definition, |place, configuration| {
        let everything = json!({"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}});
        place.write("everything.json", &everything.to_string());
        configuration["principals"] = json!(principals);
    })
}

fn ask(gateway: &Gateway, request: &Signed) -> Message {
    gateway.wire().ask(request.bytes())
}

fn fault(error_type: &str, message: &str) -> String {
    refusal("403 Forbidden", error_type, &format!("{{\"message\":\"{message}\"}}"))
}

fn denied(caller: &str, arn: &str, ending: &str) -> String {
    let arn = arn.replace("123456789012", "********9012");
    let body = format!(
        "{{\"Message\":\"User: {caller} is not authorized to perform: execute-api:Invoke on resource: {arn}{ending}\"}}"
    );
    refusal("403 Forbidden", "AccessDeniedException", &body)
}

const MISMATCH: &str = "The request signature we calculated does not match the signature you provided. Check your AWS \
                        Secret Access Key and signing method. Consult the service documentation for details.";

/// AU-73 to AU-79: bodies, queries, paths and fields as botocore signs them, in the header and in the
/// query.
#[test]
fn what_botocore_signs_holds() {
    let gateway = iam(&[trusted(ALICE, ALICE_ARN), session()]);
    let body = r#"{"name": "zoë", "tags": ["a b", "c&d"]}"#;
    let fields = [("X-Amz-Meta", "  two   words  "), ("Content-Type", "application/json"), ("x-other", "")];
    let base = Unsigned::get("/demo/signed", ALICE);
    let requests = [
        base.clone(),
        Unsigned { verb: "POST", body, ..base.clone() },
        Unsigned { verb: "POST", body, fields: &fields, ..base.clone() },
        Unsigned { target: "/demo/signed?b=2&a=1&a=0&empty=&e%20%2F=%2B%26", ..base.clone() },
        Unsigned { target: "/demo/signed?flag&z=%E2%82%AC&A=~-_.", ..base.clone() },
        Unsigned { target: "/demo/things/a%20b/c%2Fd/~e/f*(1)'!", ..base.clone() },
        Unsigned { target: "/demo/things//twice///thrice/", ..base.clone() },
        Unsigned { target: "/demo/things/z%C3%BCrich/a:b@c,d;e=f", ..base.clone() },
        Unsigned { late_seconds: 290, ..base.clone() },
        Unsigned { late_seconds: -290, ..base.clone() },
        Unsigned { expires_seconds: Some(60), ..base.clone() },
        Unsigned { expires_seconds: Some(3_600), late_seconds: 3_000, ..base.clone() },
        Unsigned { expires_seconds: Some(60), target: "/demo/signed?b=2&a=1", ..base.clone() },
        Unsigned { expires_seconds: Some(60), target: "/demo/things/a%20b", ..base.clone() },
        Unsigned { key: SESSION, session_token: Some(TOKEN), ..base.clone() },
        Unsigned { key: SESSION, session_token: Some(TOKEN), verb: "POST", body, ..base.clone() },
        Unsigned { key: SESSION, session_token: Some(TOKEN), expires_seconds: Some(60), ..base },
    ];
    let all_signed = sign_all(&requests);
    // One connection for all of them.
    let mut wire = gateway.wire();
    for (request, signed) in requests.iter().zip(all_signed) {
        let expected = if request.key == SESSION { SESSION_ARN } else { ALICE_ARN };
        assert_eq!(short(&wire.ask(signed.bytes())), (200, expected), "{request:?}\n{signed:?}");
    }
}

#[test]
fn what_curl_signs_holds() {
    const JSON: &str = "Content-Type: application/json";
    let gateway = iam(&[trusted(ALICE, ALICE_ARN), session()]);
    let user = |(id, secret): (&str, &str)| format!("{id}:{secret}");
    let (alice, session) = (user(ALICE), user(SESSION));
    let token = format!("x-amz-security-token: {TOKEN}");
    let signing = ["--aws-sigv4", "aws:amz:us-east-1:execute-api", "--user"];
    let url = format!("http://{API_HOST}/demo/signed");
    for (arguments, status, expected) in [
        (vec![&*alice, &*url], 200, ALICE_ARN),
        (vec![&*alice, "--header", JSON, "--data-binary", "{}", &*url], 200, ALICE_ARN),
        (vec![&*session, "--header", &*token, &*url], 200, SESSION_ARN),
        (vec!["AKIAALICE:wrong", &*url], 403, MISMATCH),
    ] {
        let answer = curl(gateway.endpoint(0), &[&signing[..], &arguments].concat());
        assert_eq!(answer.status, status, "{answer:?}");
        assert!(answer.body.contains(expected), "{answer:?}");
    }
}

/// A gateway that lets Alice in and Bob not, with a session, one that has ended, and HTTP/2 at its second
/// endpoint.
fn judging() -> Gateway {
    let definition = definition(&json!({"/signed": {"get": signed(mock(WHO)), "post": signed(mock(WHO))}}));
    gateway(&definition, |place, configuration| {
        let mut ended = principal(("ASIAENDED", SESSION.1), SESSION_ARN);
        ended["sessionToken"] = json!(TOKEN);
        ended["expiration"] = json!("2020-01-01T00:00:00Z");
        let mut session = session();
        session.as_object_mut().unwrap().remove("identityPolicyFile");
        configuration["principals"] =
            json!([principal(ALICE, ALICE_ARN), principal(BOB, BOB_ARN), session, ended]);
        configuration["vpcEndpoints"][1]["http2"] = json!(true);
        place.write("policy.json", &policy(&[json!({"Principal": {"AWS": ALICE_ARN}})]).to_string());
    })
}

/// Asks over HTTP/1.1 and HTTP/2, and compares byte for byte.
fn check_refusals(gateway: &Gateway, table: &[(&Signed, String)]) {
    for (request, expected) in table {
        assert_eq!(ask(gateway, request).masked(), *expected, "{request:?}");
        let arguments = request.curl_arguments();
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let answer = curl(gateway.endpoint(1), &[&["--http2-prior-knowledge"], &*arguments].concat());
        let (head, body) = expected.split_once("\r\n\r\n").unwrap();
        assert_eq!((&*answer.version, answer.status, &*answer.body), ("2", 403, body), "{request:?}");
        let error_type = head.split("x-amzn-ErrorType: ").nth(1).unwrap().split("\r\n").next();
        assert_eq!(answer.field("x-amzn-errortype"), error_type);
    }
}

#[test]
fn au_80_to_au_83_callers_that_are_not_known_are_answered() {
    let base = Unsigned::get("/demo/signed", ALICE);
    let requests = [
        base.clone(),
        Unsigned { key: ("AKIANOBODY", "secret"), ..base.clone() },
        Unsigned { session_token: Some("another"), ..of_session() },
        Unsigned { session_token: None, ..of_session() },
        Unsigned { session_token: Some(TOKEN), ..base.clone() },
        Unsigned { key: ("ASIAENDED", SESSION.1), ..of_session() },
        Unsigned { key: BOB, ..base },
    ];
    let signed = sign_all(&requests);
    let [good, nobody, wrong_token, no_token, needless_token, ended, bob] = &signed[..] else {
        panic!("as many as there are requests")
    };
    let authorization = good.field("Authorization");
    let without = |part: &str| {
        let kept = authorization.split(", ").filter(|piece| !piece.contains(part)).collect::<Vec<_>>();
        good.clone().with("Authorization", kept.join(", "))
    };
    let unknown =
        fault("UnrecognizedClientException", "The security token included in the request is invalid.");
    let incomplete = |message: &str| fault("IncompleteSignatureException", message);
    let unsigned = Signed { fields: Vec::new(), ..good.clone() };
    let bearer = unsigned.clone().with("Authorization", "Bearer secret-token");
    let needs = "Authorization header requires 'Credential' parameter. Authorization header requires 'Signature' \
                 parameter. Authorization header requires 'SignedHeaders' parameter.";
    let gateway = judging();
    check_refusals(
        &gateway,
        &[
            (&unsigned, fault("MissingAuthenticationTokenException", "Missing Authentication Token")),
            (nobody, unknown.clone()),
            (wrong_token, unknown.clone()),
            (no_token, unknown.clone()),
            (needless_token, unknown),
            (ended, fault("ExpiredTokenException", "The security token included in the request is expired")),
            (&bearer, incomplete("Invalid key=value pair (missing equal-sign) in Authorization header")),
            (&good.clone().with("Authorization", "AWS4-HMAC-SHA256"), incomplete(needs)),
            (&without("Signature="), incomplete("Authorization header requires 'Signature' parameter.")),
            (bob, denied(BOB_ARN, SIGNED_ARN, "")),
        ],
    );
    assert_eq!(short(&ask(&gateway, good)), (200, ALICE_ARN));
    assert!(!gateway.log().contains("secret-token") && !gateway.log().contains(ALICE.1));
}

#[test]
fn au_86_and_au_87_signatures_that_do_not_hold_are_answered() {
    let base = Unsigned::get("/demo/signed", ALICE);
    let requests = [
        base.clone(),
        Unsigned { key: (ALICE.0, "another secret"), ..base.clone() },
        Unsigned { verb: "POST", body: "a body", ..base.clone() },
        Unsigned { scope: ("eu-west-1", "execute-api"), ..base.clone() },
        Unsigned { scope: ("us-east-1", "lambda"), ..base.clone() },
        Unsigned { host: "other.execute-api.us-east-1.amazonaws.com", ..base.clone() },
        Unsigned { fields: &[("x-amz-meta", "1")], ..base },
    ];
    let signed = sign_all(&requests);
    let [good, wrong_key, posted, region, service, host, meta] = &signed[..] else {
        panic!("as many as there are requests")
    };
    let invalid = |message: &str| fault("InvalidSignatureException", message);
    let mismatch = invalid(MISMATCH);
    let gateway = judging();
    check_refusals(
        &gateway,
        &[
            (wrong_key, mismatch.clone()),
            (&Signed { body: "another body".into(), ..posted.clone() }, mismatch.clone()),
            (&Signed { target: "/demo/signed?more=1".into(), ..good.clone() }, mismatch.clone()),
            (&Signed { verb: "POST".into(), ..good.clone() }, mismatch.clone()),
            (&meta.clone().with("x-amz-meta", "2"), mismatch.clone()),
            (&good.clone().with("x-amz-more", "not signed"), mismatch.clone()),
            (&good.clone().with("X-HTTP-Method-Override", "POST"), mismatch.clone()),
            (&Signed { host: API_HOST.into(), ..host.clone() }, mismatch.clone()),
            (&good.clone().with("x-amz-content-sha256", "UNSIGNED-PAYLOAD"), mismatch),
            (region, invalid("Credential should be scoped to a valid region, not 'eu-west-1'.")),
            (service, invalid("Credential should be scoped to correct service: 'execute-api'.")),
        ],
    );
}

/// AU-84 and AU-85: five minutes.
#[test]
fn au_84_a_clock_may_be_five_minutes_wrong() {
    let gateway = iam(&[trusted(ALICE, ALICE_ARN)]);
    let base = Unsigned::get("/demo/signed", ALICE);
    let requests = [
        Unsigned { late_seconds: 400, ..base.clone() },
        Unsigned { late_seconds: -400, ..base.clone() },
        Unsigned { late_seconds: 100, expires_seconds: Some(30), ..base },
    ];
    let signed = sign_all(&requests);
    for (request, [before, between, after]) in signed.iter().zip([
        ["Signature expired: ", " is now earlier than ", " - 5 min.)"],
        ["Signature not yet current: ", " is still later than ", " + 5 min.)"],
        ["Signature expired: ", " is now earlier than ", " - 30 sec.)"],
    ]) {
        let answer = ask(&gateway, request);
        assert_eq!(answer.field("x-amzn-ErrorType"), Some("InvalidSignatureException"));
        let text = answer.text();
        let message = text.strip_prefix("{\"message\":\"").and_then(|rest| rest.strip_suffix("\"}")).unwrap();
        let (sent, rest) = message.strip_prefix(before).unwrap().split_once(between).unwrap();
        let (limit, now) = rest.strip_suffix(after).unwrap().split_once(" (").unwrap();
        for moment in [sent, limit, now] {
            assert_eq!((moment.len(), moment.chars().nth(8)), (16, Some('T')), "{message}");
        }
    }
}

/// Tables A and B of RP-98, with the forms of principals that RP section 2.3 has.
#[test]
fn rp_98_identity_policy_and_resource_policy_decide_together() {
    const ROOT: &str = "arn:aws:iam::123456789012:root";
    const ROLE: &str = "arn:aws:iam::123456789012:role/caller";
    let allow = |principal: &str| json!({"Principal": {"AWS": principal}});
    let deny = |principal: &str| json!({"Effect": "Deny", "Principal": {"AWS": principal}});
    let nobody = json!({"Principal": {"AWS": "arn:aws:iam::123456789012:user/Nobody"}});
    let statement =
        |effect: &str| json!({"Effect": effect, "Action": "execute-api:Invoke", "Resource": SIGNED_ARN});
    let (allows, denies) = (statement("Allow"), statement("Deny"));
    let silent = json!({"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": "arn:aws:execute-api:*:*:other/*"});
    let explicit = Some(" with an explicit deny");
    let implicit = Some("");
    let requests = sign_all(&[Unsigned::get("/demo/signed", ALICE), of_session()]);
    // The caller, its own policy, the API's, and the ending of the refusal.
    for (caller, own, of_api, refused) in [
        (ALICE_ARN, &allows, vec![allow(ALICE_ARN)], None),
        (ALICE_ARN, &allows, vec![nobody.clone()], None),
        (ALICE_ARN, &allows, vec![deny(ALICE_ARN), allow("*")], explicit),
        (ALICE_ARN, &silent, vec![allow(ALICE_ARN)], None),
        (ALICE_ARN, &silent, vec![allow(ROOT)], None),
        (ALICE_ARN, &silent, vec![allow("123456789012")], None),
        (ALICE_ARN, &silent, vec![allow(BOB_ARN)], implicit),
        (ALICE_ARN, &silent, vec![deny(ROOT)], explicit),
        (ALICE_ARN, &denies, vec![allow("*")], explicit),
        (ALICE_ARN, &denies, vec![nobody.clone()], explicit),
        // RP-1: an API without a policy lets nobody in.
        (ALICE_ARN, &allows, vec![], implicit),
        (STRANGER_ARN, &allows, vec![allow(STRANGER_ARN)], None),
        (STRANGER_ARN, &allows, vec![allow("arn:aws:iam::999988887777:root")], None),
        (STRANGER_ARN, &allows, vec![allow("*")], None),
        (STRANGER_ARN, &allows, vec![nobody], implicit),
        (STRANGER_ARN, &allows, vec![allow(ROOT)], implicit),
        (STRANGER_ARN, &silent, vec![allow("*")], implicit),
        (STRANGER_ARN, &silent, vec![deny("*")], explicit),
        (STRANGER_ARN, &denies, vec![allow("*")], explicit),
        (SESSION_ARN, &silent, vec![allow(ROLE)], None),
        (SESSION_ARN, &silent, vec![allow(SESSION_ARN)], None),
        (SESSION_ARN, &silent, vec![allow("arn:aws:sts::123456789012:assumed-role/caller/daily")], implicit),
        (SESSION_ARN, &silent, vec![allow("arn:aws:iam::123456789012:role/Caller")], implicit),
    ] {
        let mut principal = if caller == SESSION_ARN { session() } else { principal(ALICE, caller) };
        principal["identityPolicyFile"] = json!("own.json");
        let definition = definition(&json!({"/signed": {"get": signed(mock(WHO))}}));
        let gateway = gateway(&definition, |place, configuration| {
            place.write("own.json", &json!({"Statement": own}).to_string());
            place.write("policy.json", &policy(&of_api).to_string());
            configuration["principals"] = json!([principal]);
        });
        let answer = ask(&gateway, &requests[usize::from(caller == SESSION_ARN)]);
        match refused {
            None => assert_eq!(short(&answer), (200, caller), "{own} {of_api:?}"),
            Some(ending) => {
                assert_eq!(answer.masked(), denied(caller, SIGNED_ARN, ending), "{own} {of_api:?}");
            }
        }
    }
}

/// F4 to F7: what no method has is told to signers only, and only to those that may call it.
#[test]
fn f6_and_f7_answer_a_signer_where_no_method_is() {
    let gateway = iam(&[trusted(ALICE, ALICE_ARN), principal(BOB, BOB_ARN)]);
    gateway.place().write("policy.json", &policy(&[json!({"Principal": {"AWS": ALICE_ARN}})]).to_string());
    let mut gateway = gateway;
    let configuration = gateway.configuration().clone();
    gateway.reload(configuration);
    let base = Unsigned::get("/demo/cats", ALICE);
    let requests = [
        base.clone(),
        Unsigned { verb: "PROPFIND", ..base.clone() },
        Unsigned { key: BOB, ..base.clone() },
        Unsigned { verb: "DELETE", key: BOB, target: "/demo/signed", ..base.clone() },
        Unsigned { key: ("AKIAALICE", "wrong"), ..base },
    ];
    let signed = sign_all(&requests);
    let not_found = refusal("404 Not Found", "ResourceNotFoundException", r#"{"message":"Not Found"}"#);
    let cats = SIGNED_ARN.replace("signed", "cats");
    for (request, expected) in signed.iter().zip([
        not_found.clone(),
        not_found,
        denied(BOB_ARN, &cats, ""),
        denied(BOB_ARN, &SIGNED_ARN.replace("GET", "DELETE"), ""),
        fault("InvalidSignatureException", MISMATCH),
    ]) {
        assert_eq!(ask(&gateway, request).masked(), expected);
    }
}

/// AU-95: a signature is for the gateway. The body that was read for it goes on.
#[test]
fn au_95_a_signature_does_not_reach_the_backend() {
    let backend =
        Backend::script([expect("POST /in"), answer(200, "{}"), expect("POST /in"), answer(200, "{}")]);
    let definition =
        definition(&json!({"/signed": {"post": signed(http_proxy("POST", backend.address(), "/in"))}}));
    let gateway = gateway(&definition, |_, configuration| {
        configuration["principals"] = json!([principal(ALICE, ALICE_ARN)]);
    });
    let base = Unsigned { verb: "POST", body: "a body", ..Unsigned::get("/demo/signed", ALICE) };
    assert_eq!(ask(&gateway, &base.sign()).status(), 200);
    // A body in chunks is hashed without its framing.
    let signed = base.sign();
    let chunked = signed.bytes().replace("Content-Length: 6", "Transfer-Encoding: chunked");
    let chunked = chunked.replace("a body", "2\r\na \r\n4\r\nbody\r\n0\r\n\r\n");
    assert_eq!(gateway.wire().ask(chunked).status(), 200);
    for request in backend.requests() {
        assert_eq!(request.text(), "a body");
        assert_eq!(request.field("Authorization"), None);
    }
}

/// AU-95 and lambda-events.md section 2.1: a function is told who signed, and not how.
#[test]
fn a_function_is_told_who_signed() {
    let backend = Backend::answering(200, r#"{"statusCode": 200, "body": "done"}"#);
    let arn = "arn:aws:lambda:us-east-1:123456789012:function:f";
    let operation = json!({"x-amazon-apigateway-integration": {
        "type": "aws_proxy", "httpMethod": "POST",
        "uri": format!("arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{arn}/invocations"),
    }});
    let gateway =
        gateway(&definition(&json!({"/signed": {"get": signed(operation)}})), |_, configuration| {
            let mut alice = principal(ALICE, ALICE_ARN);
            alice["userId"] = json!("AIDAALICE");
            configuration["principals"] = json!([alice]);
            let endpoint = format!("http://{}", backend.address());
            configuration["functions"] =
                json!([{"functionName": "f", "invoke": {"endpoint": endpoint, "signing": "none"}}]);
        });
    let request = Unsigned::get("/demo/signed", ALICE).sign();
    assert_eq!(short(&ask(&gateway, &request)), (200, "done"));
    let requests = backend.requests();
    let event: Value = serde_json::from_str(requests[0].text()).unwrap();
    let identity = &event["requestContext"]["identity"];
    for (name, expected) in [
        ("accountId", json!("123456789012")),
        ("accessKey", json!("AKIAALICE")),
        ("caller", json!("AIDAALICE")),
        ("user", json!("AIDAALICE")),
        ("userArn", json!(ALICE_ARN)),
        ("principalOrgId", Value::Null),
        ("cognitoIdentityId", Value::Null),
    ] {
        assert_eq!(identity[name], expected, "{name}");
    }
    assert!(!requests[0].text().contains("AWS4-HMAC-SHA256"), "{event:#}");
}

/// AU-76 and hardening.md section 1: the body is asked for once the head's part of the signature is right.
#[test]
fn a_signed_body_is_asked_for_when_the_rest_is_right() {
    let gateway = iam(&[trusted(ALICE, ALICE_ARN)]);
    let base = Unsigned { verb: "POST", body: "a body", ..Unsigned::get("/demo/signed", ALICE) };
    let unknown = Unsigned { key: ("AKIANOBODY", "x"), ..base.clone() };
    let signed = sign_all(&[base, unknown]);
    let head = |signed: &Signed| signed.bytes().replace("\r\n\r\na body", "\r\nExpect: 100-continue\r\n\r\n");
    let mut wire = gateway.wire();
    assert_eq!(wire.send(head(&signed[0])).answer_to_head().first_line(), "HTTP/1.1 100 Continue");
    assert_eq!(short(&wire.ask("a body")), (200, ALICE_ARN));
    assert_eq!(gateway.wire().ask(head(&signed[1])).status(), 403);
}

#[test]
fn a_signed_body_has_the_limit_of_all_bodies() {
    let definition = definition(&json!({"/signed": {"post": signed(mock(WHO))}}));
    let gateway = gateway(&definition, |_, configuration| {
        configuration["principals"] = json!([principal(ALICE, ALICE_ARN)]);
        configuration["limits"]["payloadBytes"] = json!(1_024);
    });
    let (whole, larger) = ("a".repeat(1_024), "a".repeat(1_025));
    let base = Unsigned { verb: "POST", body: &whole, ..Unsigned::get("/demo/signed", ALICE) };
    let larger = Unsigned { body: &larger, ..base.clone() };
    let signed = sign_all(&[base, larger]);
    assert_eq!(ask(&gateway, &signed[0]).status(), 200);
    let chunked = signed[1].bytes().replace("Content-Length: 1025", "Transfer-Encoding: chunked");
    let (head, body) = chunked.split_once("\r\n\r\n").unwrap();
    let answer = gateway.wire().ask(format!("{head}\r\n\r\n401\r\n{body}\r\n0\r\n\r\n"));
    assert_eq!(answer.status(), 413);
}

#[test]
fn the_context_and_the_log_tell_who_signed() {
    let names = ["accessKey", "accountId", "caller", "principalOrgId", "user", "userArn"];
    let text: Vec<String> = names.iter().map(|name| format!("$context.identity.{name}")).collect();
    let definition = definition(&json!({
        "/signed": {"get": signed(mock(&text.join(" ")))},
        "/open": {"get": mock(&text.join(" "))},
    }));
    let gateway = gateway(&definition, |place, configuration| {
        let mut alice = principal(ALICE, ALICE_ARN);
        alice["userId"] = json!("AIDAALICE");
        alice["organizationId"] = json!("o-1234567890");
        configuration["principals"] = json!([alice, principal(BOB, BOB_ARN)]);
        let statements =
            [json!({}), json!({"Sid": "NoBob", "Effect": "Deny", "Principal": {"AWS": BOB_ARN}})];
        place.write("policy.json", &policy(&statements).to_string());
        let format = "$context.requestId $context.authenticate.status $context.authorize.status \
                      $context.identity.userArn $context.policy.sid $context.authenticate.error $context.authorize.error";
        configuration["accessLog"] = json!({"destination": "stdout", "format": format});
    });
    let base = Unsigned::get("/demo/signed", ALICE);
    let wrong = Unsigned { key: (ALICE.0, "wrong"), ..base.clone() };
    let signed = sign_all(&[base.clone(), Unsigned { key: BOB, ..base }, wrong]);
    let answer = ask(&gateway, &signed[0]);
    let expected = format!("AKIAALICE 123456789012 AIDAALICE o-1234567890 AIDAALICE {ALICE_ARN}");
    assert_eq!(short(&answer), (200, &*expected));
    let line = |answer: &Message| {
        let id = answer.field("x-amzn-RequestId").unwrap().to_owned();
        gateway.output_line(&id).replace(&id, "").trim().to_owned()
    };
    assert_eq!(line(&answer), format!("200 200 {ALICE_ARN} - - -"));
    let denied = line(&ask(&gateway, &signed[1]));
    let told = format!(
        "200 403 {BOB_ARN} NoBob - User: {BOB_ARN} is not authorized to perform: execute-api:Invoke on"
    );
    assert!(denied.starts_with(&told), "{denied}");
    let refused = line(&ask(&gateway, &signed[2]));
    assert!(refused.starts_with("403 - - - The request signature we calculated"), "{refused}");
    // Nobody signs where nobody asks for it.
    assert_eq!(short(&gateway.get("/demo/open")), (200, "     "));
    assert_eq!(line(&gateway.get("/demo/open")), "- 200 - - - -");
    let report = gateway.metric("postern_denied_total", &["layer=\"signature\""]);
    assert!(report >= 1.0, "{report}");
}

/// A gateway whose one method is open to whom a condition lets in.
fn conditioned(principal: &Value, condition: &Value, variables: &[(&str, &str)]) -> Gateway {
    let definition = definition(&json!({"/signed": {"get": signed(mock(WHO))}}));
    let place = postern_testing::Place::new();
    let mut configuration = postern_testing::base_configuration(&place, &definition);
    place.write("policy.json", &policy(&[json!({"Condition": condition})]).to_string());
    place.write("secret", &format!("{}\n", ALICE.1));
    place.write("token", &format!("{TOKEN}\n"));
    configuration["principals"] = json!([principal]);
    Gateway::start_with(place, configuration, variables)
}

/// What a principal is given, the condition that sees it, and whether it is let in.
#[test]
fn what_is_known_of_a_principal_stands_in_conditions() {
    let with = |key: &str, value: Value| {
        let mut alice = principal(ALICE, ALICE_ARN);
        alice[key] = value;
        alice
    };
    let tag = |value: &str| json!({"StringEquals": {"aws:PrincipalTag/Team": value}});
    let path = |value: &str| json!({"ForAnyValue:StringLike": {"aws:PrincipalOrgPaths": value}});
    let paths = json!(["o-1/r-1/ou-1/", "o-1/r-1/"]);
    let request = Unsigned::get("/demo/signed", ALICE).sign();
    let equals = |key: &str, value: &str| json!({"StringEquals": {key: value}});
    for (principal, condition, is_let_in) in [
        (with("userId", json!("AIDAALICE")), equals("aws:userid", "AIDAALICE"), true),
        (with("userId", json!("AIDABOB")), equals("aws:userid", "AIDAALICE"), false),
        (with("organizationId", json!("o-1")), equals("aws:PrincipalOrgID", "o-1"), true),
        (with("organizationId", json!("o-2")), equals("aws:PrincipalOrgID", "o-1"), false),
        (with("organizationPaths", paths.clone()), path("o-1/r-1/ou-1/*"), true),
        (with("organizationPaths", paths), path("o-1/r-1/ou-2/*"), false),
        (with("tags", json!({"team": "red"})), tag("red"), true),
        (with("tags", json!({"team": "blue"})), tag("red"), false),
        (with("tags", json!({})), equals("aws:username", "Alice"), true),
        (with("tags", json!({})), equals("aws:PrincipalArn", ALICE_ARN), true),
        (with("tags", json!({})), equals("aws:PrincipalAccount", "123456789012"), true),
        (with("tags", json!({})), equals("aws:PrincipalType", "User"), true),
        (with("tags", json!({})), json!({"Null": {"aws:MultiFactorAuthPresent": "true"}}), true),
        (with("arn", json!(BOB_ARN)), equals("aws:PrincipalArn", ALICE_ARN), false),
    ] {
        let gateway = conditioned(&principal, &condition, &[]);
        let status = ask(&gateway, &request).status();
        assert_eq!(status, if is_let_in { 200 } else { 403 }, "{principal} {condition}");
    }
}

#[test]
fn what_is_known_of_a_session_stands_in_conditions() {
    let with = |key: &str, value: &str| {
        let mut session = session();
        session.as_object_mut().unwrap().remove("identityPolicyFile");
        session[key] = json!(value);
        session
    };
    let bool_of = |key: &str, value: &str| json!({"Bool": {key: value}});
    let after_2020 = json!({"DateGreaterThan": {"aws:TokenIssueTime": "2020-01-01T00:00:00Z"}});
    let old = json!({"NumericGreaterThan": {"aws:MultiFactorAuthAge": "86400"}});
    let request = of_session().sign();
    for (principal, condition, is_let_in) in [
        (with("expiration", "2099-01-01T00:00:00Z"), json!({}), true),
        (with("expiration", "2020-01-01T00:00:00Z"), json!({}), false),
        (with("tokenIssueTime", "2020-06-01T00:00:00Z"), after_2020.clone(), true),
        (with("tokenIssueTime", "1577836799"), after_2020, false),
        (with("multiFactorAuthTime", "2020-01-01T00:00:00Z"), old, true),
        (
            with("multiFactorAuthTime", "2020-01-01T00:00:00Z"),
            bool_of("aws:MultiFactorAuthPresent", "true"),
            true,
        ),
        (with("userId", "AROA:nightly"), bool_of("aws:MultiFactorAuthPresent", "false"), true),
        (with("sessionToken", "another"), json!({}), false),
        (
            with("userId", "AROA:nightly"),
            json!({"StringEquals": {"aws:PrincipalArn": "arn:aws:iam::123456789012:role/caller"}}),
            true,
        ),
    ] {
        let gateway = conditioned(&principal, &condition, &[]);
        let status = ask(&gateway, &request).status();
        assert_eq!(status, if is_let_in { 200 } else { 403 }, "{principal} {condition}");
    }
}

#[test]
fn secrets_are_given_in_place_in_a_file_or_in_a_variable() {
    let base = Unsigned::get("/demo/signed", ALICE);
    let of_session = Unsigned { session_token: Some(TOKEN), ..base.clone() };
    let signed = sign_all(&[base, of_session]);
    let principal = |keys: Value| {
        let mut principal = json!({"arn": ALICE_ARN, "accessKeyId": ALICE.0});
        principal.as_object_mut().unwrap().extend(keys.as_object().unwrap().clone());
        principal
    };
    let variables = [("ALICES_SECRET", ALICE.1), ("ALICES_TOKEN", TOKEN)];
    for (keys, request) in [
        (json!({"secretAccessKey": ALICE.1}), 0),
        (json!({"secretAccessKeyFile": "secret"}), 0),
        (json!({"secretAccessKeyEnv": "ALICES_SECRET"}), 0),
        (json!({"secretAccessKey": ALICE.1, "sessionToken": TOKEN}), 1),
        (json!({"secretAccessKeyFile": "secret", "sessionTokenFile": "token"}), 1),
        (json!({"secretAccessKeyEnv": "ALICES_SECRET", "sessionTokenEnv": "ALICES_TOKEN"}), 1),
    ] {
        let gateway = conditioned(&principal(keys.clone()), &json!({}), &variables);
        assert_eq!(short(&ask(&gateway, &signed[request])), (200, ALICE_ARN), "{keys}");
        let other = &signed[1 - request];
        assert_eq!(ask(&gateway, other).status(), 403, "{keys}");
        assert!(!gateway.log().contains(ALICE.1) && !gateway.log().contains(TOKEN));
    }
}

#[test]
fn an_identity_policy_is_the_callers_own() {
    let definition = definition(&json!({"/signed": {"get": signed(mock(WHO)), "post": signed(mock(WHO))}}));
    let gateway = gateway(&definition, |place, configuration| {
        let own =
            json!({"Statement": {"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": SIGNED_ARN}});
        place.write("own.json", &own.to_string());
        let mut alice = principal(ALICE, ALICE_ARN);
        alice["identityPolicyFile"] = json!("own.json");
        configuration["principals"] = json!([alice, principal(BOB, BOB_ARN)]);
        let mut of_endpoint = open_policy();
        of_endpoint["Statement"][0]["Condition"] = json!({"StringNotEquals": {"aws:SourceVpce": VPCE_A}});
        place.write("policy.json", &of_endpoint.to_string());
    });
    let base = Unsigned::get("/demo/signed", ALICE);
    let requests = [base.clone(), Unsigned { verb: "POST", ..base.clone() }, Unsigned { key: BOB, ..base }];
    let signed = sign_all(&requests);
    assert_eq!(short(&ask(&gateway, &signed[0])), (200, ALICE_ARN));
    let posted = SIGNED_ARN.replace("GET", "POST");
    assert_eq!(ask(&gateway, &signed[1]).masked(), denied(ALICE_ARN, &posted, ""));
    assert_eq!(ask(&gateway, &signed[2]).masked(), denied(BOB_ARN, SIGNED_ARN, ""));
}
