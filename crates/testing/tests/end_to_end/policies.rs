//! Whom the policies of VPC endpoints and of domain names let in (resource-policies.md sections 6 and 9,
//! private-access.md section 8).

use postern_testing::{
    API_HOST, Gateway, Message, Unsigned, VPCE_A, VPCE_B, Wire, curl, definition, mock, open_policy,
    run_program, sign_all,
};
use serde_json::{Value, json};

use crate::{
    callers::{ALICE, ALICE_ARN, BOB, BOB_ARN, principal},
    gateway, get, pets, refusal, short,
};

const DOMAIN: &str = "api.corp.internal";
const DOMAIN_ARN: &str = "arn:aws:execute-api:us-east-1:123456789012:/domainnames/api.corp.internal+d1";
const PETS_ARN: &str = "arn:aws:execute-api:us-east-1:123456789012:a1b2c3d4e5/demo/GET/pets";

/// A policy of these statements: everybody, whatever is done, wherever, unless they say otherwise.
pub(crate) fn policy(statements: &[Value]) -> Value {
    let complete = |statement: &Value| {
        let mut complete = json!({"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"});
        complete.as_object_mut().unwrap().extend(statement.as_object().unwrap().clone());
        complete
    };
    let statements: Vec<Value> = statements.iter().map(complete).collect();
    json!({"Version": "2012-10-17", "Statement": statements})
}

/// Two methods without authorization, Alice and Bob, and an endpoint policy of these statements.
fn with_endpoint_policy(statements: &[Value]) -> Gateway {
    let definition = definition(
        &json!({"/pets": {"get": mock("pets"), "post": mock("new")}, "/cats": {"get": mock("cats")}}),
    );
    gateway(&definition, |place, configuration| {
        place.write("endpoint.json", &policy(statements).to_string());
        configuration["vpcEndpoints"][0]["policyFile"] = json!("endpoint.json");
        configuration["principals"] = json!([principal(ALICE, ALICE_ARN), principal(BOB, BOB_ARN)]);
    })
}

fn denied(caller: &str, arn: &str, ending: &str) -> String {
    let arn = arn.replace("123456789012", "********9012");
    let body = format!(
        "{{\"Message\":\"User: {caller} is not authorized to perform: execute-api:Invoke on resource: {arn}{ending}\"}}"
    );
    refusal("403 Forbidden", "AccessDeniedException", &body)
}

fn ask(gateway: &Gateway, host: &str, path: &str) -> Message {
    gateway.wire().ask(format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n"))
}

#[test]
fn rp_96_an_endpoint_policy_must_allow() {
    let gateway = with_endpoint_policy(&[json!({"Resource": PETS_ARN})]);
    assert_eq!(short(&gateway.get("/demo/pets")), (200, "pets"));
    let cats = PETS_ARN.replace("pets", "cats");
    assert_eq!(gateway.get("/demo/cats").masked(), denied("anonymous", &cats, ""));
    let post = format!("POST /demo/pets HTTP/1.1\r\nHost: {API_HOST}\r\nContent-Length: 0\r\n\r\n");
    let arn = PETS_ARN.replace("GET", "POST");
    assert_eq!(gateway.wire().ask(post).masked(), denied("anonymous", &arn, ""));
    // It is the policy of one endpoint: full access through the other.
    assert_eq!(short(&Wire::to(gateway.endpoint(1)).ask(get("/demo/cats"))), (200, "cats"));
    // A method that nobody has is none of its business before a signature is there (F4).
    assert_eq!(gateway.get("/demo/dogs").text(), r#"{"message":"Missing Authentication Token"}"#);
    assert!(gateway.metric("postern_denied_total", &["layer=\"endpointPolicy\""]) >= 2.0);
}

#[test]
fn an_explicit_deny_of_the_endpoint_is_told_and_wins_over_the_apis_policy() {
    let gateway = with_endpoint_policy(&[
        json!({}),
        json!({"Effect": "Deny", "Condition": {"StringEquals": {"aws:SourceVpce": VPCE_A}}}),
    ]);
    let told = denied("anonymous", PETS_ARN, " with an explicit deny");
    assert_eq!(gateway.get("/demo/pets").masked(), told);
    // Over HTTP/2, too.
    let mut configuration = gateway.configuration().clone();
    configuration["vpcEndpoints"][0]["http2"] = json!(true);
    let mut gateway = gateway;
    gateway.reload(configuration);
    let url = format!("http://{API_HOST}/demo/pets");
    let answer = curl(gateway.endpoint(0), &["--http2-prior-knowledge", &url]);
    assert_eq!((&*answer.version, answer.status), ("2", 403));
    assert_eq!(answer.body, told.split_once("\r\n\r\n").unwrap().1);
    assert_eq!(answer.field("x-amzn-errortype"), Some("AccessDeniedException"));
}

/// RP-95 and RP-122: the endpoint policy sees who signed, whatever the method asks for; the API's own
/// policy does not (RP-42).
#[test]
fn rp_95_an_endpoint_policy_sees_who_signed() {
    let gateway = with_endpoint_policy(&[json!({"Principal": {"AWS": ALICE_ARN}})]);
    let requests = [Unsigned::get("/demo/pets", ALICE), Unsigned::get("/demo/pets", BOB)];
    let [alice, bob] = &sign_all(&requests)[..] else { panic!("two") };
    assert_eq!(short(&gateway.wire().ask(alice.bytes())), (200, "pets"));
    assert_eq!(gateway.wire().ask(bob.bytes()).masked(), denied(BOB_ARN, PETS_ARN, ""));
    assert_eq!(gateway.get("/demo/pets").masked(), denied("anonymous", PETS_ARN, ""));
    // A bearer token makes nobody, and a signature that does not hold is refused at once.
    let bearer = gateway.get_with("/demo/pets", "Authorization: Bearer secret-token\r\n");
    assert_eq!(bearer.masked(), denied("anonymous", PETS_ARN, ""));
    let wrong = alice.clone().with("X-Amz-Date", "20150830T123600Z").bytes();
    assert!(gateway.wire().ask(wrong).text().starts_with(r#"{"message":"Signature expired: "#));
    let twice = alice.bytes().replace("\r\n\r\n", "\r\nAuthorization: Bearer x\r\n\r\n");
    assert_eq!(gateway.wire().ask(twice).status(), 400);
    // SigV4a is not spoken, and is no other scheme either (AU-91).
    let asymmetric = "Authorization: AWS4-ECDSA-P256-SHA256 Credential=AKIAALICE/20260101/execute-api/aws4_request, \
                      SignedHeaders=host, Signature=00\r\n";
    assert_eq!(
        gateway.get_with("/demo/pets", asymmetric).field("x-amzn-ErrorType"),
        Some("InvalidSignatureException")
    );
}

#[test]
fn rp_95_without_an_endpoint_policy_nobody_looks_at_a_signature() {
    let gateway = gateway(&pets(), |place, configuration| {
        configuration["principals"] = json!([principal(ALICE, ALICE_ARN)]);
        let mut open = open_policy();
        open["Statement"][0]["Condition"] = json!({"Null": {"aws:PrincipalArn": "true"}});
        place.write("policy.json", &open.to_string());
    });
    for lines in ["", "Authorization: AWS4-HMAC-SHA256 nonsense\r\n", "Authorization: Bearer x\r\n"] {
        assert_eq!(short(&gateway.get_with("/demo/pets", lines)), (200, "pets"), "{lines}");
    }
    // RP-42: to the API's policy of a method without authorization even a signer is anonymous.
    let alice = Unsigned::get("/demo/pets", ALICE).sign();
    assert_eq!(short(&gateway.wire().ask(alice.bytes())), (200, "pets"));
}

#[test]
fn rp_42_a_signer_is_anonymous_to_the_policy_of_a_method_without_authorization() {
    let gateway = gateway(&pets(), |place, configuration| {
        configuration["principals"] = json!([principal(ALICE, ALICE_ARN)]);
        place.write("policy.json", &policy(&[json!({"Principal": {"AWS": ALICE_ARN}})]).to_string());
        place.write("endpoint.json", &policy(&[json!({"Principal": {"AWS": ALICE_ARN}})]).to_string());
        configuration["vpcEndpoints"][0]["policyFile"] = json!("endpoint.json");
    });
    let alice = Unsigned::get("/demo/pets", ALICE).sign();
    assert_eq!(gateway.wire().ask(alice.bytes()).masked(), denied("anonymous", PETS_ARN, ""));
}

/// A domain name behind an endpoint with a policy, and a policy of its own.
fn with_domain(endpoint: &[Value], domain: &[Value]) -> Gateway {
    gateway(&pets(), |place, configuration| {
        place.write("endpoint.json", &policy(endpoint).to_string());
        place.write("domain.json", &policy(domain).to_string());
        configuration["vpcEndpoints"][0]["policyFile"] = json!("endpoint.json");
        configuration["domainNames"] = json!([{
            "domainName": DOMAIN,
            "domainNameId": "d1",
            "policyFile": "domain.json",
            "basePathMappings": [{"basePath": "store", "restApiId": "a1b2c3d4e5", "stage": "demo"}],
        }]);
    })
}

/// PA-104 and PA-105: the endpoint policy for the name, the name's own, the endpoint policy for the
/// method, then the API's. Each may refuse, and the first that does is told.
#[test]
fn pa_105_policies_are_asked_in_their_order() {
    let (of_domain, of_method) = (json!({"Resource": DOMAIN_ARN}), json!({"Resource": PETS_ARN}));
    let short_form = json!({"Resource": "execute-api:/*"});
    let deny = json!({"Effect": "Deny"});
    for (endpoint, domain, expected) in [
        (vec![&of_domain, &of_method], vec![&short_form], None),
        (vec![&of_method], vec![&short_form], Some((DOMAIN_ARN, ""))),
        (vec![&of_method, &deny], vec![&short_form], Some((DOMAIN_ARN, " with an explicit deny"))),
        (vec![&of_domain, &of_method], vec![&of_method], Some((DOMAIN_ARN, ""))),
        (vec![&of_domain], vec![&short_form, &deny], Some((DOMAIN_ARN, " with an explicit deny"))),
        (vec![&of_domain], vec![&short_form], Some((PETS_ARN, ""))),
    ] {
        let own = |statements: Vec<&Value>| statements.into_iter().cloned().collect::<Vec<_>>();
        let gateway = with_domain(&own(endpoint), &own(domain));
        let answer = ask(&gateway, DOMAIN, "/store/pets");
        match expected {
            None => assert_eq!(short(&answer), (200, "pets")),
            Some((arn, ending)) => assert_eq!(answer.masked(), denied("anonymous", arn, ending)),
        }
    }
}

/// Examples 4 and 5 of the guide's endpoint policies: only by a domain name, and never by it.
#[test]
fn pa_105_the_domain_name_is_a_key_of_its_calls() {
    let by_name = json!({"Condition": {"StringEquals": {"execute-api:viaDomainArn": DOMAIN_ARN}}});
    let gateway = with_domain(&[by_name], &[json!({"Resource": "execute-api:/*"})]);
    assert_eq!(short(&ask(&gateway, DOMAIN, "/store/pets")), (200, "pets"));
    assert_eq!(gateway.get("/demo/pets").masked(), denied("anonymous", PETS_ARN, ""));
    let not_by_name = json!({"Condition": {"Null": {"execute-api:viaDomainArn": "true"}}});
    let gateway = with_domain(&[not_by_name], &[json!({"Resource": "execute-api:/*"})]);
    assert_eq!(short(&gateway.get("/demo/pets")), (200, "pets"));
    assert_eq!(ask(&gateway, DOMAIN, "/store/pets").masked(), denied("anonymous", DOMAIN_ARN, ""));
}

#[test]
fn the_id_of_a_domain_name_stands_in_its_arn() {
    let gateway = with_domain(&[json!({})], &[json!({"Effect": "Deny"})]);
    let told = |gateway: &Gateway| ask(gateway, DOMAIN, "/store/pets").text().to_owned();
    assert!(told(&gateway).contains("/domainnames/api.corp.internal+d1 with"), "{}", told(&gateway));
    let mut configuration = gateway.configuration().clone();
    configuration["domainNames"][0]["domainNameId"] = json!("d2");
    let mut gateway = gateway;
    gateway.reload(configuration.clone());
    assert!(told(&gateway).contains("/domainnames/api.corp.internal+d2 with"), "{}", told(&gateway));
    configuration["domainNames"][0].as_object_mut().unwrap().remove("domainNameId");
    gateway.reload(configuration);
    let own = told(&gateway);
    let id = own.split("corp.internal+").nth(1).unwrap().split(' ').next().unwrap();
    assert_eq!(id.len(), 10, "{own}");
    assert_eq!(told(&gateway), own);
}

/// What is decided once for a connection is decided anew for another API, another name and another
/// configuration (RP-130, RP-131).
#[test]
fn one_connection_asks_the_policies_of_what_it_calls() {
    let source = |id: &str| json!({"Condition": {"StringEquals": {"aws:SourceVpce": id}}});
    let mut gateway = gateway(&pets(), |place, configuration| {
        for (name, statements) in [
            ("first.json", [source(VPCE_A)]),
            ("second.json", [source(VPCE_B)]),
            ("domain.json", [json!({"Resource": "execute-api:/*"})]),
        ] {
            place.write(name, &policy(&statements).to_string());
        }
        let mut first = configuration["restApis"][0].clone();
        first["policyFile"] = json!("first.json");
        let mut second = first.clone();
        second["id"] = json!("second");
        second["policyFile"] = json!("second.json");
        configuration["restApis"] = json!([first, second]);
        configuration["vpcEndpoints"][0]["policyFile"] = json!("first.json");
        let name = |name: &str, api: &str| {
            json!({"domainName": name, "policyFile": "domain.json",
                "basePathMappings": [{"restApiId": api, "stage": "demo"}]})
        };
        configuration["domainNames"] =
            json!([name("first.internal", "a1b2c3d4e5"), name("second.internal", "second")]);
    });
    let mut wire = gateway.wire();
    let second = "second.execute-api.us-east-1.amazonaws.com";
    let statuses = |wire: &mut Wire| -> Vec<u16> {
        let targets = [
            (API_HOST, "/demo/pets"),
            (second, "/demo/pets"),
            ("first.internal", "/pets"),
            ("second.internal", "/pets"),
            (API_HOST, "/demo/pets"),
        ];
        let ask = |(host, path): &(&str, &str)| {
            wire.ask(format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n")).status()
        };
        targets.iter().map(ask).collect()
    };
    assert_eq!(statuses(&mut wire), [200, 403, 200, 403, 200]);
    gateway.place().write("domain.json", &policy(&[json!({"Effect": "Deny"})]).to_string());
    let configuration = gateway.configuration().clone();
    gateway.reload(configuration.clone());
    assert_eq!(statuses(&mut wire), [200, 403, 403, 403, 200]);
    gateway.place().write("first.json", &policy(&[source(VPCE_B)]).to_string());
    gateway.reload(configuration);
    assert_eq!(statuses(&mut wire), [403, 403, 403, 403, 403]);
}

/// Tables A and B of RP-98 and the third template of section 8, as `postern policy evaluate` answers them.
#[test]
fn the_worked_examples_have_the_documented_decision() {
    let statement = |effect: &str| json!({"Effect": effect, "Action": "*", "Resource": "*"});
    let of_api = |word: &str| match word {
        "silent" => policy(&[json!({"Principal": {"AWS": BOB_ARN}})]),
        "allow" => policy(&[json!({})]),
        _ => policy(&[json!({}), json!({"Effect": "Deny"})]),
    };
    let of_caller = |word: &str| match word {
        "silent" => json!({"Statement": []}),
        "allow" => json!({"Statement": [statement("Allow")]}),
        _ => json!({"Statement": [statement("Allow"), statement("Deny")]}),
    };
    let mut cases: Vec<(Value, &str)> = Vec::new();
    for (identity, resource, same, other) in [
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
        for (caller, expected) in [(ALICE_ARN, same), ("arn:aws:iam::999988887777:user/Stranger", other)] {
            cases.push((
                json!({"policy": of_api(resource), "principal": caller, "identityPolicies": [of_caller(identity)]}),
                expected,
            ));
        }
    }
    let condition = json!({"StringNotEquals": {"aws:sourceVpce": ["vpce-08d2bf15fac5001c9", "vpce-0b"]}});
    let of_source = policy(&[json!({"Effect": "Deny", "Condition": condition}), json!({})]);
    for (context, expected) in [
        (json!({"aws:SourceVpce": "vpce-08d2bf15fac5001c9"}), "allow"),
        (json!({"aws:SourceVpce": "vpce-0b"}), "allow"),
        (json!({"aws:SourceVpce": "vpce-0c"}), "explicitDeny"),
        (json!({}), "explicitDeny"),
    ] {
        cases.push((json!({"policy": of_source, "principal": "anonymous", "context": context}), expected));
    }
    let place = postern_testing::Place::new();
    let line = |(id, (case, _)): (usize, &(Value, &str))| {
        let mut case = case.clone();
        case["id"] = json!(id);
        case["action"] = json!("execute-api:Invoke");
        case["resource"] = json!(PETS_ARN);
        case.to_string()
    };
    let lines: Vec<String> = cases.iter().enumerate().map(line).collect();
    place.write("cases.jsonl", &lines.join("\n"));
    let outcome = run_program(place.path(), &["policy", "evaluate", "--cases", "cases.jsonl"], "");
    assert_eq!((outcome.code, outcome.output.lines().count()), (Some(0), cases.len()));
    for (answer, (case, expected)) in outcome.output.lines().zip(&cases) {
        let answer: Value = serde_json::from_str(answer).unwrap();
        assert_eq!(answer["decision"], *expected, "{case}");
    }
}

#[test]
fn what_cannot_be_meant_is_warned_of_at_load() {
    let gateway = with_endpoint_policy(&[json!({}), json!({"Action": "execute-api:invok"})]);
    let line = gateway.log_line("unknown action");
    assert!(line.contains("endpoint.json:1:"), "{line}");
    let checked = run_program(gateway.place().path(), &["check", "--config", "postern.yaml"], "");
    assert_eq!(checked.code, Some(0));
    let told = format!("{}{}", checked.output, checked.complaints);
    assert!(
        told.contains("warning: unknown action `execute-api:invok`: did you mean `execute-api:Invoke`?"),
        "{told}"
    );
}
