//! Lambda authorizers (authorization.md section 3, resource-policies.md section 6): identity, event, outcome,
//! Table A, what is kept, and the key that an authorizer names.

use postern_gateway::{AuthorizerOutput, HttpVersion};
use serde_json::{Value, json};

use crate::gateway::{API, Exchange, Gateway, Setting};

const FUNCTIONS: &str =
    "functions: [{functionName: guard, invoke: {endpoint: 'http://127.0.0.1:9001', signing: none}}]";
const URI: &str = "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/\
                   arn:aws:lambda:us-east-1:123456789012:function:guard/invocations";
const KEY: &str = "checkout-key-of-twenty-characters";

/// A definition whose `/pets/{id}` answers by itself with what the authorizer said, guarded by an authorizer
/// with these members of its own.
fn definition(authorizer: &Value, key_source: &str) -> Value {
    let mut guard = json!({"type": "token", "authorizerUri": URI});
    for (name, value) in authorizer.as_object().unwrap() {
        guard[name] = value.clone();
    }
    let wanted =
        if key_source.is_empty() { json!([{"guard": []}]) } else { json!([{"guard": [], "key": []}]) };
    let template = "$context.authorizer.principalId,$context.authorizer.n,$context.authorizer.b,\
                    #foreach($name in $context.authorizer.keySet())$name;#end";
    let operation = json!({
        "security": wanted,
        "responses": {"200": {"description": "done"}},
        "x-amazon-apigateway-integration": {
            "type": "mock",
            "requestTemplates": {"application/json": "{\"statusCode\": 200}"},
            "responses": {"default": {"statusCode": "200", "responseTemplates": {"application/json": template}}},
        },
    });
    json!({
        "openapi": "3.0.1",
        "info": {"title": "guarded"},
        "x-amazon-apigateway-api-key-source": if key_source.is_empty() { "HEADER" } else { key_source },
        "paths": {"/pets/{id}": {"get": operation}},
        "components": {"securitySchemes": {
            "guard": {
                "type": "apiKey", "name": "Authorization", "in": "header",
                "x-amazon-apigateway-authorizer": guard,
            },
            "key": {"type": "apiKey", "name": "x-api-key", "in": "header"},
        }},
    })
}

fn gateway(authorizer: &Value) -> Gateway {
    gateway_with(authorizer, "", "", "")
}

fn gateway_with(authorizer: &Value, key_source: &str, more: &str, policy: &str) -> Gateway {
    Gateway::of(Setting {
        definition: &definition(authorizer, key_source).to_string(),
        gateway: &format!("{FUNCTIONS}\n{more}"),
        policy,
        stage: "variables: {tenant: acme}",
        ..Setting::default()
    })
}

fn said(status: u16, fields: &str, payload: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status} X\r\n{fields}Content-Length: {}\r\n\r\n{payload}", payload.len()).into_bytes()
}

/// One statement about these resources.
fn policy(effect: &str, resource: &str) -> Value {
    json!({
        "Version": "2012-10-17",
        "Statement": [{"Effect": effect, "Action": "execute-api:Invoke", "Resource": resource}],
    })
}

fn output(effect: &str, resource: &str) -> Value {
    json!({"principalId": "anna", "policyDocument": policy(effect, resource)})
}

fn ask(gateway: &Gateway, target: &str, lines: &str, replies: &[Vec<u8>]) -> Exchange {
    let host = format!("{API}.execute-api.us-east-1.amazonaws.com");
    let request = format!("GET /test{target} HTTP/1.1\r\nHost: {host}\r\n{lines}\r\n");
    gateway.serve(HttpVersion::Http1, request.as_bytes(), replies)
}

/// Asks with a token, where the function says this.
fn told(gateway: &Gateway, output: &Value) -> Exchange {
    ask(gateway, "/pets/7", "Authorization: Bearer x\r\n", &[said(200, "", &output.to_string())])
}

/// Status, error type and body.
fn answer(exchange: &Exchange) -> (u16, String, String) {
    let fields = String::from_utf8(exchange.fields.clone()).unwrap();
    let error_type = fields.lines().find_map(|line| line.strip_prefix("x-amzn-ErrorType: "));
    let body = String::from_utf8(exchange.body.clone()).unwrap();
    (exchange.status, error_type.unwrap_or_default().to_owned(), body)
}

fn event(exchange: &Exchange) -> Value {
    let call = &exchange.calls[0];
    let start = call.windows(4).position(|window| window == b"\r\n\r\n").unwrap() + 4;
    serde_json::from_slice(&call[start..]).unwrap()
}

const UNAUTHORIZED: (u16, &str, &str) = (401, "UnauthorizedException", r#"{"message":"Unauthorized"}"#);
const UNUSABLE: (u16, &str, &str) = (500, "AuthorizerConfigurationException", r#"{"message":null}"#);
const DENIED: (u16, &str, &str) = (
    403,
    "AccessDeniedException",
    r#"{"Message":"User is not authorized to access this resource with an explicit deny"}"#,
);
const SILENT: (u16, &str, &str) =
    (403, "AccessDeniedException", r#"{"Message":"User is not authorized to access this resource"}"#);

fn check(exchange: &Exchange, expected: (u16, &str, &str), what: &str) {
    let (status, error_type, body) = answer(exchange);
    assert_eq!((status, &*error_type, &*body), expected, "{what}");
}

/// Section 3.4, row by row, with AU-50 and AU-61.
#[test]
fn outcomes_are_those_of_the_table() {
    let failed = "X-Amz-Function-Error: Unhandled\r\n";
    let long = format!("arn:aws:execute-api:us-east-1:123456789012:{API}/{}", "x".repeat(512));
    let with = |name: &str, value: Value| {
        let mut output = output("Allow", "*");
        output[name] = value;
        said(200, "", &output.to_string())
    };
    let rows = [
        (said(200, "", &output("Deny", "*").to_string()), DENIED),
        (said(200, failed, r#"{"errorMessage": "Unauthorized"}"#), UNAUTHORIZED),
        (said(200, failed, r#"{"errorMessage": "Unauthorized."}"#), UNUSABLE),
        (said(200, failed, r#"{"errorMessage": "unauthorized", "errorType": "Error"}"#), UNUSABLE),
        // Without the marker it is an answer like any other.
        (said(200, "", r#"{"errorMessage": "Unauthorized"}"#), UNUSABLE),
        (said(403, "x-amzn-ErrorType: AccessDeniedException\r\n", r#"{"Message": "no"}"#), UNUSABLE),
        (said(404, "x-amzn-ErrorType: ResourceNotFoundException\r\n", "{}"), UNUSABLE),
        (said(429, "x-amzn-ErrorType: TooManyRequestsException\r\n", "{}"), UNUSABLE),
        (said(500, "", "Unauthorized"), UNUSABLE),
        (said(202, "", ""), UNUSABLE),
        (said(200, "", ""), UNUSABLE),
        (said(200, "", "no JSON"), UNUSABLE),
        (said(200, "", "null"), UNUSABLE),
        (said(200, "", "[]"), UNUSABLE),
        (said(200, "", "\"Allow\""), UNUSABLE),
        (said(200, "", "{}"), UNUSABLE),
        (said(200, "", r#"{"isAuthorized": true}"#), UNUSABLE),
        (said(200, "", &output("Allow", &long).to_string()), UNUSABLE),
        (said(200, "", &output("allow", "*").to_string()), UNUSABLE),
        (with("policyDocument", Value::Null), UNUSABLE),
        (with("policyDocument", json!({})), UNUSABLE),
        (with("policyDocument", json!({"Version": "2012-10-17", "Statement": []})), UNUSABLE),
        (with("policyDocument", json!(policy("Allow", "*").to_string())), UNUSABLE),
        (
            with(
                "policyDocument",
                json!({"Statement": {"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}}),
            ),
            UNUSABLE,
        ),
        (with("context", json!({"a": [1]})), UNUSABLE),
        (with("context", json!({"a": {}})), UNUSABLE),
        (with("context", json!("a")), UNUSABLE),
        (with("context", json!([])), UNUSABLE),
        (with("principalId", json!({})), UNUSABLE),
        (with("usageIdentifierKey", json!([KEY])), UNUSABLE),
    ];
    for (reply, expected) in rows {
        let gateway = gateway(&json!({}));
        let what = String::from_utf8_lossy(&reply).into_owned();
        let exchange = ask(&gateway, "/pets/7", "Authorization: x\r\n", &[reply]);
        check(&exchange, expected, &what);
        assert_eq!(exchange.calls.len(), 1, "{what}");
    }
    // Nobody answers at all.
    check(&ask(&gateway(&json!({})), "/pets/7", "Authorization: x\r\n", &[]), UNUSABLE, "no answer");
}

/// AU-52; a member that is null is as good as none.
#[test]
fn au_52_what_an_authorizer_says_is_seen_as_texts() {
    for (members, expected) in [
        (
            r#""principalId": "anna", "context": {"n": 1.50, "b": true, "t": "ü\"", "none": null}"#,
            "anna,1.50,true,principalId;n;b;t;",
        ),
        (r#""principalId": 7, "context": null"#, "7,,,principalId;"),
        (r#""context": {"n": "1"}"#, ",1,,n;"),
        (r#""principalId": "anna", "context": {"principalId": "eve"}"#, "anna,,,principalId;"),
    ] {
        let payload = format!(r#"{{"policyDocument": {}, {members}}}"#, policy("Allow", "*"));
        let exchange =
            ask(&gateway(&json!({})), "/pets/7", "Authorization: x\r\n", &[said(200, "", &payload)]);
        assert_eq!(answer(&exchange).2, expected, "{members}");
    }
}

/// Section 3.1: what is sent, and whether the function is called.
#[test]
fn au_30_to_32_the_identity_is_looked_at_before_the_function_is_called() {
    let token = json!({"identityValidationExpression": "Bearer [a-z]+"});
    let request = |source: &str, ttl: u32| json!({"type": "request", "identitySource": source, "authorizerResultTtlInSeconds": ttl});
    let several = "method.request.header.X-User, method.request.querystring.tenant,stageVariables.tenant,context.httpMethod";
    let header = "method.request.header.X-User";
    let rows = [
        (&token, "/pets/7", "Authorization: Bearer abc\r\n", 200, 1),
        (&token, "/pets/7", "authorization: Bearer abc\r\n", 200, 1),
        (&token, "/pets/7", "Authorization: Bearer abc1\r\n", 401, 0),
        (&token, "/pets/7", "Authorization: xBearer abc\r\n", 401, 0),
        (&token, "/pets/7", "Authorization: \r\n", 401, 0),
        (&token, "/pets/7", "", 401, 0),
        (&token, "/pets/7", "Authorization: Bearer abc\r\nAuthorization: Bearer abc\r\n", 400, 0),
        (&request(header, 300), "/pets/7", "x-user: a\r\n", 200, 1),
        (&request(header, 300), "/pets/7", "X-User: \r\n", 401, 0),
        (&request(header, 300), "/pets/7", "X-User: a\r\nX-User: \r\n", 401, 0),
        (&request(header, 300), "/pets/7", "", 401, 0),
        (&request(header, 0), "/pets/7", "", 200, 1),
        (&request(several, 300), "/pets/7?tenant=t", "X-User: a\r\n", 200, 1),
        (&request(several, 300), "/pets/7?Tenant=t", "X-User: a\r\n", 401, 0),
        (&request("context.identity.sourceIp", 300), "/pets/7", "", 200, 1),
        (
            &json!({"type": "request", "identitySource": "", "authorizerResultTtlInSeconds": 0}),
            "/pets/7",
            "",
            200,
            1,
        ),
    ];
    for (authorizer, target, lines, status, calls) in rows {
        let replies = [said(200, "", &output("Allow", "*").to_string())];
        let exchange = ask(&gateway(authorizer), target, lines, &replies);
        assert_eq!((exchange.status, exchange.calls.len()), (status, calls), "{authorizer} {target} {lines}");
        if status == 401 {
            check(&exchange, UNAUTHORIZED, lines);
        }
    }
}

#[test]
fn the_event_of_a_token_authorizer() {
    let exchange = ask(
        &gateway(&json!({})),
        "/pets/a%20b?x=1",
        "Authorization: Bearer \"x\"\r\n",
        &[said(200, "", &output("Allow", "*").to_string())],
    );
    assert_eq!(
        event(&exchange),
        json!({
            "type": "TOKEN",
            "authorizationToken": "Bearer \"x\"",
            "methodArn": format!("arn:aws:execute-api:us-east-1:123456789012:{API}/test/GET/pets/a%20b"),
        })
    );
    let call = String::from_utf8_lossy(&exchange.calls[0]).into_owned();
    let source = call.lines().find_map(|line| line.strip_prefix("X-Amz-Source-Arn: ")).unwrap();
    let (api, id) = source.rsplit_once('/').unwrap();
    assert_eq!(api, format!("arn:aws:execute-api:us-east-1:123456789012:{API}/authorizers"));
    assert_eq!(id.len(), 6);
}

/// AU-40 to AU-43: a proxy's event without the body, whose maps are never null.
#[test]
fn au_43_the_event_of_a_request_authorizer() {
    let authorizer = json!({"type": "request", "identitySource": "method.request.header.X-User"});
    let gateway = gateway_with(&authorizer, "HEADER", &plan(""), "");
    let replies = [said(200, "", &output("Allow", "*").to_string())];
    let lines = format!("X-User: a\r\nX-User: b\r\nx-api-key: {KEY}\r\n");
    let exchange = ask(&gateway, "/pets/7?b=1&b=2&a=%C3%BC", &lines, &replies);
    let event = event(&exchange);
    assert_eq!(event["type"], "REQUEST");
    assert_eq!(
        event["methodArn"],
        format!("arn:aws:execute-api:us-east-1:123456789012:{API}/test/GET/pets/7")
    );
    for (name, expected) in [
        ("resource", json!("/pets/{id}")),
        ("path", json!("/pets/7")),
        ("httpMethod", json!("GET")),
        ("queryStringParameters", json!({"a": "ü", "b": "2"})),
        ("multiValueQueryStringParameters", json!({"a": ["ü"], "b": ["1", "2"]})),
        ("pathParameters", json!({"id": "7"})),
        ("stageVariables", json!({"tenant": "acme"})),
        ("body", Value::Null),
        ("isBase64Encoded", Value::Null),
    ] {
        assert_eq!(event[name], expected, "{name}");
    }
    assert!(event.get("body").is_none());
    assert_eq!(event["headers"]["X-User"], "b");
    assert_eq!(event["multiValueHeaders"]["X-User"], json!(["a", "b"]));
    assert_eq!(event["headers"]["X-Forwarded-For"], "10.0.0.9");
    let context = &event["requestContext"];
    for (name, expected) in [
        ("resourcePath", "/pets/{id}"),
        ("httpMethod", "GET"),
        ("path", "/test/pets/7"),
        ("accountId", "123456789012"),
        ("apiId", API),
        ("stage", "test"),
        ("requestId", "01234567-89ab-4def-8123-456789abcdef"),
        ("protocol", "HTTP/1.1"),
    ] {
        assert_eq!(context[name], expected, "{name}");
    }
    assert!(context.get("authorizer").is_none());
    let identity = &context["identity"];
    assert_eq!(
        (&identity["sourceIp"], &identity["vpceId"], &identity["vpcId"], &identity["apiKey"]),
        (&json!("10.0.0.9"), &json!("vpce-0a1b2c3d"), &json!("vpc-0a1b2c3d"), &json!(KEY))
    );
    let bare = json!({"type": "request", "identitySource": "", "authorizerResultTtlInSeconds": 0});
    let bare = Gateway::of(Setting {
        definition: &definition(&bare, "").to_string().replace("/pets/{id}", "/pets"),
        gateway: FUNCTIONS,
        ..Setting::default()
    });
    let event = self::event(&ask(&bare, "/pets", "", &replies));
    for name in
        ["queryStringParameters", "multiValueQueryStringParameters", "pathParameters", "stageVariables"]
    {
        assert_eq!(event[name], json!({}), "{name}");
    }
}

/// RP-98 and RP-99: Table A, cell by cell, and what `authorizerSilence: deny` makes of it.
#[test]
fn rp_98_table_a_decides() {
    let of_api = |effect: &str, resource: &str| {
        json!({
            "Version": "2012-10-17",
            "Statement": [{
                "Effect": effect, "Principal": "*", "Action": "execute-api:Invoke", "Resource": resource,
            }],
        })
    };
    let by_resource = (403, "User: anonymous is not authorized to perform: execute-api:Invoke on resource: ");
    let silent = format!("arn:aws:execute-api:us-east-1:123456789012:{API}/test/POST/*");
    let rows = [
        // authorizer, resource policy, status and message; with silence refused
        ("allow", "allow", (200, ""), 200),
        ("allow", "silent", (200, ""), 200),
        ("allow", "deny", by_resource, 403),
        ("silent", "allow", (200, ""), 403),
        ("silent", "silent", (403, SILENT.2), 403),
        ("silent", "deny", by_resource, 403),
        ("deny", "allow", (403, DENIED.2), 403),
        ("deny", "silent", (403, DENIED.2), 403),
        ("deny", "deny", by_resource, 403),
    ];
    for (own, of_resource, (status, message), strict) in rows {
        let resource_policy = match of_resource {
            "allow" => of_api("Allow", "execute-api:/*"),
            "silent" => of_api("Allow", "execute-api:/*/PUT/*"),
            _ => of_api("Deny", "execute-api:/*"),
        };
        let output = match own {
            "allow" => output("Allow", "*"),
            "silent" => output("Allow", &silent),
            _ => output("Deny", "*"),
        };
        let expected_calls = usize::from(of_resource != "deny");
        for (more, status) in [("", status), ("compatibility: {authorizerSilence: deny}", strict)] {
            let gateway = gateway_with(&json!({}), "", more, &resource_policy.to_string());
            let exchange = told(&gateway, &output);
            let (is, _, body) = answer(&exchange);
            assert_eq!(is, status, "{own}, {of_resource}, {more}");
            // RP-101, AU-71: a deny of the resource policy comes before the function.
            assert_eq!(exchange.calls.len(), expected_calls, "{own}, {of_resource}");
            if more.is_empty() {
                assert!(body.contains(message), "{own}, {of_resource}: {body}");
                assert_eq!(body.contains("explicit deny"), own == "deny" || of_resource == "deny", "{body}");
            } else if strict == 403 && own == "silent" && of_resource != "deny" {
                check(&exchange, SILENT, "silence is refused");
            }
        }
    }
}

/// RP-1: without a policy a private API lets nobody in, and asks nobody.
#[test]
fn rp_1_a_private_api_without_a_policy_asks_no_authorizer() {
    let gateway = gateway_with(&json!({}), "", "", r#"{"Version": "2012-10-17", "Statement": []}"#);
    let exchange = told(&gateway, &output("Allow", "*"));
    assert_eq!((exchange.status, exchange.calls.len()), (403, 0));
    assert!(answer(&exchange).2.starts_with(r#"{"Message":"User: anonymous is not authorized"#));
}

/// AU-51: conditions of what the authorizer returned hold.
#[test]
fn au_51_conditions_are_honoured() {
    for (endpoint, status) in [("vpce-0a1b2c3d", 200), ("vpce-0fffffff", 403)] {
        let mut output = output("Allow", "*");
        output["policyDocument"]["Statement"] = json!([
            {"Effect": "Allow", "Action": "*", "Resource": "*"},
            {"Effect": "Deny", "Action": "*", "Resource": "*",
             "Condition": {"StringNotEquals": {"aws:SourceVpce": endpoint}}},
        ]);
        assert_eq!(told(&gateway(&json!({})), &output).status, status, "{endpoint}");
    }
}

/// The keys of postern.yaml for one key in one plan.
fn plan(limits: &str) -> String {
    format!(
        "apiKeys: [{{name: checkout, value: {KEY}}}]\n\
         usagePlans: [{{name: gold, apiStages: [{{apiId: {API}, stage: test}}], apiKeys: [checkout], {limits}}}]"
    )
}

/// AU-11: the authorizer names the key, and the header is ignored.
#[test]
fn au_11_the_key_of_a_request_is_the_authorizers() {
    let forbidden = (403, "ForbiddenException", r#"{"message":"Forbidden"}"#);
    let other = "unknown-key-of-twenty-characters";
    let with_key = |key: Value| {
        let mut output = output("Allow", "*");
        output["usageIdentifierKey"] = key;
        output
    };
    for (source, key, header, is_allowed) in [
        ("AUTHORIZER", json!(KEY), "", true),
        ("AUTHORIZER", json!(KEY), other, true),
        ("AUTHORIZER", json!(other), KEY, false),
        ("AUTHORIZER", json!(""), KEY, false),
        ("AUTHORIZER", Value::Null, KEY, false),
        ("HEADER", json!(other), KEY, true),
        ("HEADER", json!(KEY), "", false),
    ] {
        let gateway = gateway_with(&json!({}), source, &plan(""), "");
        let lines = match header {
            "" => "Authorization: x\r\n".to_owned(),
            header => format!("Authorization: x\r\nx-api-key: {header}\r\n"),
        };
        let reply = said(200, "", &with_key(key.clone()).to_string());
        let exchange = ask(&gateway, "/pets/7", &lines, &[reply]);
        if is_allowed {
            assert_eq!(exchange.status, 200, "{source} {key} {header}");
        } else {
            check(&exchange, forbidden, &format!("{source} {key} {header}"));
        }
    }
    // Throttled by the plan of the key that comes from what is kept.
    let limits = "throttle: {rateLimit: 1, burstLimit: 2}, quota: {limit: 100, period: DAY}";
    let gateway = gateway_with(&json!({}), "AUTHORIZER", &plan(limits), "");
    let first = told(&gateway, &with_key(json!(KEY))).status;
    let statuses = [first, told(&gateway, &json!({})).status, told(&gateway, &json!({})).status];
    assert_eq!(statuses, [200, 200, 429]);
    let limits = "quota: {limit: 2, period: DAY}";
    let gateway = gateway_with(&json!({}), "AUTHORIZER", &plan(limits), "");
    told(&gateway, &with_key(json!(KEY)));
    told(&gateway, &json!({}));
    let exceeded = (429, "LimitExceededException", r#"{"message":"Limit Exceeded"}"#);
    check(&told(&gateway, &json!({})), exceeded, "the quota");
}

/// AU-1: the authorizer comes before the key.
#[test]
fn au_1_a_bad_token_goes_before_a_bad_key() {
    let gateway = gateway_with(&json!({}), "HEADER", &plan(""), "");
    check(&ask(&gateway, "/pets/7", "x-api-key: bad\r\n", &[]), UNAUTHORIZED, "no token, bad key");
}

const SECOND: u64 = 1_000_000_000;

/// Calls of the function in a row of requests, each with a clock, a target and lines.
fn calls(gateway: &Gateway, rows: &[(u64, &str, &str)], output: &Value) -> Vec<usize> {
    let row = |(seconds, target, lines): &(u64, &str, &str)| {
        gateway.clock.set(seconds * SECOND);
        ask(gateway, target, lines, &[said(200, "", &output.to_string())]).calls.len()
    };
    rows.iter().map(row).collect()
}

/// AU-65, AU-66, AU-68.
#[test]
fn au_65_answers_are_kept_for_their_time_by_every_identity_source() {
    let allow = output("Allow", "*");
    let token = |name: &'static str| ("/pets/7", name);
    let (a, b) = (token("Authorization: a\r\n"), token("Authorization: b\r\n"));
    let at = |seconds, (target, lines)| (seconds, target, lines);
    let rows = [at(1, a), at(2, a), at(2, b), at(300, a), at(301, a), at(302, a)];
    assert_eq!(calls(&gateway(&json!({})), &rows, &allow), [1, 0, 1, 0, 1, 0]);
    assert_eq!(calls(&gateway(&json!({})), &rows, &output("Deny", "*")), [1, 0, 1, 0, 1, 0], "AU-68");
    let ttl = |seconds: u32| json!({"authorizerResultTtlInSeconds": seconds});
    assert_eq!(calls(&gateway(&ttl(0)), &rows, &allow), [1, 1, 1, 1, 1, 1]);
    assert_eq!(calls(&gateway(&ttl(2)), &rows, &allow), [1, 0, 1, 1, 0, 1]);
    assert_eq!(calls(&gateway(&ttl(3600)), &[at(1, a), at(3600, a), at(3601, a)], &allow), [1, 0, 1]);

    let request = json!({
        "type": "request",
        "identitySource": "method.request.header.X-User,method.request.querystring.tenant",
    });
    let rows = [
        (1, "/pets/7?tenant=t", "X-User: a\r\n"),
        (1, "/pets/8?tenant=t&other=1", "X-User: a\r\n"),
        (1, "/pets/7?tenant=u", "X-User: a\r\n"),
        (1, "/pets/7?tenant=t", "X-User: b\r\n"),
        // AU-32: the last value is the same, and the identity another one.
        (1, "/pets/7?tenant=t", "X-User: b\r\nX-User: a\r\n"),
        (1, "/pets/7?tenant=x&tenant=t", "X-User: a\r\n"),
        (1, "/pets/7?tenant=t", "X-User: a\r\n"),
    ];
    assert_eq!(calls(&gateway(&request), &rows, &allow), [1, 0, 1, 1, 1, 1, 0]);
}

/// AU-68: what is no answer is not kept.
#[test]
fn au_68_failures_are_not_kept() {
    let gateway = gateway(&json!({}));
    let failed = said(200, "X-Amz-Function-Error: Unhandled\r\n", r#"{"errorMessage": "Unauthorized"}"#);
    for reply in [failed, said(200, "", "no JSON"), said(500, "", "")] {
        let exchange = ask(&gateway, "/pets/7", "Authorization: x\r\n", &[reply]);
        assert_eq!(exchange.calls.len(), 1);
    }
    assert_eq!(told(&gateway, &output("Allow", "*")).status, 200);
}

/// TH-20, TH-22: throttles and quota are taken when the authorizer has answered, and not before.
#[test]
fn th_20_what_is_taken_is_taken_after_the_authorizer_has_answered() {
    const HOURS: u64 = 3_600 * SECOND;
    let mut output = output("Allow", "*");
    output["usageIdentifierKey"] = json!(KEY);
    for (limits, waited) in [
        ("throttle: {rateLimit: 1, burstLimit: 1}", 2 * SECOND),
        ("quota: {limit: 1, period: DAY}", 20 * HOURS),
    ] {
        let kept = json!({"authorizerResultTtlInSeconds": 0});
        let gateway = gateway_with(&kept, "AUTHORIZER", &plan(limits), "");
        assert_eq!(told(&gateway, &output).status, 200, "{limits}");
        assert_eq!(told(&gateway, &output).status, 429, "{limits}");
        // The function's call begins late enough: the arrival stays where it was.
        gateway.clock.set(waited);
        gateway.call_nanoseconds.set(SECOND);
        assert_eq!(told(&gateway, &output).status, 200, "{limits}");
    }
}

/// A walk that waits for nothing reads no clock.
#[test]
fn a_request_that_waits_for_nothing_is_taken_at_its_arrival() {
    let mut definition = definition(&json!({}), "");
    definition["paths"]["/pets/{id}"]["get"]["security"] = json!([]);
    let gateway = Gateway::of(Setting {
        definition: &definition.to_string(),
        gateway: FUNCTIONS,
        ..Setting::default()
    });
    let exchange = ask(&gateway, "/pets/7", "", &[]);
    assert_eq!((exchange.status, exchange.clock_readings), (200, 0));
}

/// AU-62: authorizer and integration each have their whole time, from when they are called.
#[test]
fn an_integrations_time_begins_when_it_is_called() {
    for integration in [
        json!({"type": "aws_proxy", "httpMethod": "POST", "uri": URI}),
        json!({"type": "http_proxy", "httpMethod": "GET", "uri": "http://127.0.0.1:9002/"}),
    ] {
        let mut definition = definition(&json!({}), "");
        definition["paths"]["/pets/{id}"]["get"]["x-amazon-apigateway-integration"] = integration;
        definition["paths"]["/pets/{id}"]["get"]["x-amazon-apigateway-integration"]["timeoutInMillis"] =
            json!(2_000);
        let gateway = Gateway::of(Setting {
            definition: &definition.to_string(),
            gateway: FUNCTIONS,
            ..Setting::default()
        });
        gateway.clock.set(SECOND);
        gateway.call_nanoseconds.set(2 * SECOND);
        let replies = [said(200, "", &output("Allow", "*").to_string()), said(200, "", "{}")];
        let exchange = ask(&gateway, "/pets/7", "Authorization: x\r\n", &replies);
        assert_eq!((exchange.status, exchange.deadlines), (200, vec![11 * SECOND, 5 * SECOND]));
    }
}

/// What the function says may hold the caller's token; and a time-out names the limit that was hit.
#[test]
fn the_reason_of_a_failure_holds_nothing_that_the_function_said() {
    let failed = |payload: &str| said(200, "X-Amz-Function-Error: Unhandled\r\n", payload);
    let late = "authorizer `guard`: no answer within `authorizerSeconds`";
    for (seconds, reply, expected) in [
        (
            0,
            failed(r#"{"errorMessage": "bad token x", "errorType": "jwt.Error"}"#),
            "function `guard` failed: jwt.Error",
        ),
        (0, failed(r#"{"errorMessage": "bad", "errorType": "Bearer x"}"#), "function `guard` failed"),
        (0, failed("Bearer x"), "function `guard` failed"),
        (11, said(200, "", ""), late),
    ] {
        let gateway = gateway_with(
            &json!({}),
            "",
            "accessLog: {format: '$context.requestId $context.authorizer.error'}",
            "",
        );
        gateway.call_nanoseconds.set(seconds * SECOND);
        let exchange = ask(&gateway, "/pets/7", "Authorization: Bearer x\r\n", &[reply]);
        check(&exchange, UNUSABLE, expected);
        let line = exchange.log.unwrap();
        assert_eq!(line.trim_end().split_once(' ').unwrap().1, expected);
    }
}

/// AU-67: the policy is asked for every request anew, and a cached one of a single method is silent about
/// the others.
#[test]
fn au_67_a_kept_policy_is_asked_for_each_request() {
    let closed = r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*",
        "Action": "execute-api:Invoke", "Resource": "execute-api:/*/PUT/*"}]}"#;
    for (policy, status) in [(closed, 403), ("", 200)] {
        let gateway = gateway_with(&json!({}), "", "", policy);
        let only = format!("arn:aws:execute-api:us-east-1:123456789012:{API}/test/GET/pets/7");
        assert_eq!(told(&gateway, &output("Allow", &only)).status, 200);
        let other = ask(&gateway, "/pets/8", "Authorization: Bearer x\r\n", &[]);
        assert_eq!((other.status, other.calls.len()), (status, 0));
    }
}

/// AU-53, and section 2.2 of lambda-events.md.
#[test]
fn au_53_a_proxys_event_holds_what_the_authorizer_said() {
    let mut definition = definition(&json!({}), "");
    let proxy = json!({"type": "aws_proxy", "httpMethod": "POST", "uri": URI});
    definition["paths"]["/pets/{id}"]["get"]["x-amazon-apigateway-integration"] = proxy;
    let gateway = Gateway::of(Setting {
        definition: &definition.to_string(),
        gateway: FUNCTIONS,
        ..Setting::default()
    });
    let mut output = output("Allow", "*");
    output["context"] = json!({"n": 1, "b": false, "integrationLatency": "mine"});
    let replies = [said(200, "", &output.to_string()), said(200, "", "{}")];
    let exchange = ask(&gateway, "/pets/7", "Authorization: x\r\n", &replies);
    assert_eq!((exchange.status, exchange.calls.len()), (200, 2));
    let body = String::from_utf8_lossy(&exchange.calls[1]).into_owned();
    let event: Value = serde_json::from_str(body.split_once("\r\n\r\n").unwrap().1).unwrap();
    let expected = json!({"principalId": "anna", "n": "1", "b": "false", "integrationLatency": 0});
    assert_eq!(event["requestContext"]["authorizer"], expected);
}

/// `$context.authorizer` in gateway responses and in the access log; `$context.error` of its refusals.
#[test]
fn gateway_responses_and_logs_know_what_the_authorizer_said() {
    let mut definition = definition(&json!({}), "");
    definition["x-amazon-apigateway-gateway-responses"] = json!({
        "ACCESS_DENIED": {
            "responseParameters": {"gatewayresponse.header.x-who": "context.authorizer.principalId"},
            "responseTemplates": {"application/json": "$context.authorizer.why $context.error.messageString"},
        },
        "AUTHORIZER_CONFIGURATION_ERROR": {
            "statusCode": 503,
            "responseTemplates": {
                "application/json": "<$context.error.message> $context.error.messageString $context.error.responseType",
            },
        },
        "UNAUTHORIZED": {"statusCode": 401, "responseParameters": {"gatewayresponse.header.WWW-Authenticate": "'Bearer'"}},
    });
    let names = ["status", "error", "integrationStatus", "integrationLatency", "principalId", "why", "none"];
    let format: Vec<String> = names.iter().map(|name| format!("$context.authorizer.{name}")).collect();
    let gateway = Gateway::of(Setting {
        definition: &definition.to_string(),
        gateway: &format!("{FUNCTIONS}\naccessLog: {{format: '$context.requestId {}'}}", format.join("|")),
        ..Setting::default()
    });
    let log = |exchange: &Exchange| {
        let line = exchange.log.clone().unwrap();
        line.trim_end().split_once(' ').unwrap().1.to_owned()
    };
    let mut denying = output("Deny", "*");
    denying["context"] = json!({"why": "no \"pets\""});
    let exchange = told(&gateway, &denying);
    let (status, _, body) = answer(&exchange);
    assert_eq!(
        (status, &*body),
        (403, r#"no "pets" "User is not authorized to access this resource with an explicit deny""#)
    );
    assert!(String::from_utf8_lossy(&exchange.fields).contains("x-who: anna\r\n"));
    assert_eq!(
        log(&exchange),
        r#"403|User is not authorized to access this resource with an explicit deny|200|0|anna|no \"pets\"|-"#
    );
    let exchange = ask(&gateway, "/pets/7", "Authorization: y\r\n", &[said(200, "", "no JSON")]);
    assert_eq!(answer(&exchange).2, "<> null AUTHORIZER_CONFIGURATION_ERROR");
    assert_eq!(exchange.status, 503);
    let line = log(&exchange);
    assert!(line.starts_with("500|the answer of authorizer `guard` is not usable: output:1:"), "{line}");
    assert!(line.ends_with("|200|0|-|-|-"), "{line}");
    let exchange = ask(&gateway, "/pets/7", "", &[]);
    assert_eq!(log(&exchange), "-|Unauthorized|-|-|-|-|-");
    assert!(String::from_utf8_lossy(&exchange.fields).contains("WWW-Authenticate: Bearer\r\n"));
    let exchange =
        ask(&gateway, "/pets/7", "Authorization: z\r\n", &[said(200, "", &output("Allow", "*").to_string())]);
    assert_eq!(log(&exchange), "200|-|200|0|anna|-|-");
    // What was kept is told as nothing that was called.
    assert_eq!(log(&ask(&gateway, "/pets/7", "Authorization: z\r\n", &[])), "200|-|-|0|anna|-|-");
}

/// A stage variable may name the function.
#[test]
fn a_stage_variable_in_the_uri_leads_to_the_function_of_the_stage() {
    let uri = URI.replace(":guard/", ":${stageVariables.function}/");
    let gateway = Gateway::of(Setting {
        definition: &definition(&json!({"authorizerUri": uri}), "").to_string(),
        gateway: FUNCTIONS,
        stage: "variables: {function: guard}",
        ..Setting::default()
    });
    let exchange = told(&gateway, &output("Allow", "*"));
    assert_eq!(exchange.status, 200);
    let call = String::from_utf8_lossy(&exchange.calls[0]).into_owned();
    assert!(call.starts_with("POST /2015-03-31/functions/"), "{call}");
    assert!(call.lines().next().unwrap().contains("guard/invocations"), "{call}");
}

/// What an answer that is kept holds of memory, in bytes: config/README.md says it.
#[test]
fn a_kept_answer_takes_a_few_times_its_length() {
    let statement = |path: usize| {
        json!({
            "Effect": "Allow", "Action": "execute-api:Invoke",
            "Resource": format!("arn:aws:execute-api:us-east-1:123456789012:{API}/test/GET/pets/{path}/*"),
        })
    };
    for statements in [1, 8] {
        let mut output = output("Allow", "*");
        output["policyDocument"]["Statement"] = (0..statements).map(statement).collect();
        output["context"] = json!({"tenant": "acme", "level": 7});
        let payload = output.to_string();
        let base = postern_policy::ExecuteApiBase::sample();
        let mut kept = None;
        let memory = allocation_counter::measure(|| {
            kept = Some(AuthorizerOutput::parse(payload.as_bytes(), &base).unwrap());
        });
        let (held, came) = (u64::try_from(memory.bytes_current).unwrap(), payload.len() as u64);
        // Smaller or larger: say so there.
        assert!((3 * came..=5 * came).contains(&held), "{held} bytes for {came}");
    }
}
