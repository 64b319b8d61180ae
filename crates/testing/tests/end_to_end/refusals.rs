//! Every answer that the gateway makes itself, byte for byte, over HTTP/1.1 and HTTP/2, as it is built in
//! and as an API has it (gateway-responses.md).

use postern_testing::{
    API_HOST, Backend, Gateway, Message, Place, VPCE_A, base_configuration, bytes, curl, definition, expect,
    hang, http, http_proxy, mock,
};
use serde_json::{Value, json};

use crate::refusal;

const KEY: &str = "checkout-key-of-twenty-characters";

/// What is refused: the path, how it is asked for, the answer's status line, error type and body, the
/// name of its type.
struct Row {
    path: &'static str,
    verb: &'static str,
    field: &'static str,
    body: &'static str,
    status_line: &'static str,
    error_type: &'static str,
    answer: &'static str,
    kind: &'static str,
}

const GET: Row = Row {
    path: "",
    verb: "GET",
    field: "accept: */*",
    body: "",
    status_line: "403 Forbidden",
    error_type: "ForbiddenException",
    answer: r#"{"message":"Forbidden"}"#,
    kind: "",
};

const POST: Row = Row { verb: "POST", field: "content-type: application/json", ..GET };

const WITH_KEY: &str = "x-api-key: checkout-key-of-twenty-characters";

/// Section 1 of gateway-responses.md, as far as there is something that can refuse.
const ROWS: &[Row] = &[
    Row {
        path: "/denied",
        error_type: "AccessDeniedException",
        answer: "{\"Message\":\"User: anonymous is not authorized to perform: execute-api:Invoke on resource: \
                 arn:aws:execute-api:us-east-1:********9012:a1b2c3d4e5/demo/GET/denied with an explicit deny\"}",
        kind: "ACCESS_DENIED",
        ..GET
    },
    Row {
        path: "/unresolved/a",
        status_line: "500 Internal Server Error",
        error_type: "InternalServerErrorException",
        answer: r#"{"message": "Internal server error"}"#,
        kind: "API_CONFIGURATION_ERROR",
        ..GET
    },
    Row {
        path: "/validated",
        status_line: "400 Bad Request",
        error_type: "BadRequestException",
        answer: r#"{"message": "Missing required request parameters: [q]"}"#,
        kind: "BAD_REQUEST_PARAMETERS",
        ..POST
    },
    Row {
        path: "/validated?q=1",
        body: "[]",
        status_line: "400 Bad Request",
        error_type: "BadRequestException",
        answer: r#"{"message": "Invalid request body"}"#,
        kind: "BAD_REQUEST_BODY",
        ..POST
    },
    Row {
        path: "/unreachable",
        status_line: "504 Gateway Timeout",
        error_type: "InternalServerErrorException",
        answer: r#"{"message": "Network error communicating with endpoint"}"#,
        kind: "INTEGRATION_FAILURE",
        ..GET
    },
    Row {
        path: "/nonsense",
        status_line: "502 Bad Gateway",
        error_type: "InternalServerErrorException",
        answer: r#"{"message": "Internal server error"}"#,
        kind: "INTEGRATION_FAILURE",
        ..GET
    },
    Row {
        path: "/slow",
        status_line: "504 Gateway Timeout",
        error_type: "InternalServerErrorException",
        answer: r#"{"message": "Endpoint request timed out"}"#,
        kind: "INTEGRATION_TIMEOUT",
        ..GET
    },
    Row { path: "/keyed", kind: "INVALID_API_KEY", ..GET },
    Row {
        path: "/keyed",
        field: "x-api-key: no-such-key-of-many-characters",
        kind: "INVALID_API_KEY",
        ..GET
    },
    Row {
        path: "/nothing",
        error_type: "MissingAuthenticationTokenException",
        answer: r#"{"message":"Missing Authentication Token"}"#,
        kind: "MISSING_AUTHENTICATION_TOKEN",
        ..GET
    },
    Row {
        path: "/keyed",
        field: WITH_KEY,
        status_line: "429 Too Many Requests",
        error_type: "LimitExceededException",
        answer: r#"{"message":"Limit Exceeded"}"#,
        kind: "QUOTA_EXCEEDED",
        ..GET
    },
    Row {
        path: "/throttled",
        status_line: "429 Too Many Requests",
        error_type: "TooManyRequestsException",
        answer: r#"{"message":"Too Many Requests"}"#,
        kind: "THROTTLED",
        ..GET
    },
    Row {
        path: "/never",
        field: "content-type: text/plain",
        body: "a",
        status_line: "415 Unsupported Media Type",
        error_type: "BadRequestException",
        answer: r#"{"message": "Unsupported Media Type"}"#,
        kind: "UNSUPPORTED_MEDIA_TYPE",
        ..POST
    },
];

/// A gateway that refuses all of them, with these gateway responses.
fn refusing(backends: &[&Backend; 2], responses: &Value) -> Gateway {
    let place = Place::new();
    let [slow, nonsense] = backends;
    let closed = place.address();
    let mut waits = http("GET", slow.address(), "/slow");
    waits["x-amazon-apigateway-integration"]["timeoutInMillis"] = json!(100);
    let mut unresolved = http_proxy("GET", closed, "/");
    unresolved["x-amazon-apigateway-integration"]["uri"] = json!("http://{host}/");
    unresolved["x-amazon-apigateway-integration"]["requestParameters"] =
        json!({"integration.request.path.host": "method.request.path.host"});
    let mut keyed = mock("keyed");
    keyed["security"] = json!([{"key": []}]);
    let mut never = mock("never");
    never["x-amazon-apigateway-integration"]["passthroughBehavior"] = json!("never");
    let mut validated = mock("validated");
    validated["x-amazon-apigateway-request-validator"] = json!("all");
    validated["parameters"] =
        json!([{"name": "q", "in": "query", "required": true, "schema": {"type": "string"}}]);
    validated["requestBody"] = json!({"content": {"application/json": {"schema": {"type": "object"}}}});
    let mut api = definition(&json!({
        "/denied": {"get": mock("denied")},
        "/unresolved/{host}": {"get": unresolved},
        "/validated": {"post": validated},
        "/unreachable": {"get": http_proxy("GET", closed, "/")},
        "/nonsense": {"get": http_proxy("GET", nonsense.address(), "/nonsense")},
        "/slow": {"get": waits},
        "/keyed": {"get": keyed},
        "/throttled": {"get": mock("throttled")},
        "/never": {"post": never},
    }));
    api["x-amazon-apigateway-request-validators"] =
        json!({"all": {"validateRequestParameters": true, "validateRequestBody": true}});
    api["x-amazon-apigateway-gateway-responses"] = responses.clone();
    api["components"] =
        json!({"securitySchemes": {"key": {"type": "apiKey", "name": "x-api-key", "in": "header"}}});
    let mut configuration = base_configuration(&place, &api);
    place.write("policy.json", &policy().to_string());
    configuration["vpcEndpoints"][0]["http2"] = json!(true);
    configuration["restApis"][0]["strict"] = json!(false);
    configuration["restApis"][0]["stages"][0]["methodSettings"] =
        json!({"/throttled/GET": {"throttlingRateLimit": 0, "throttlingBurstLimit": 0}});
    configuration["apiKeys"] = json!([{"name": "checkout", "value": KEY}]);
    configuration["usagePlans"] = json!([{
        "name": "gold", "apiKeys": ["checkout"], "quota": {"limit": 0, "period": "DAY"},
        "apiStages": [{"apiId": "a1b2c3d4e5", "stage": "demo"}],
    }]);
    assert_eq!(configuration["vpcEndpoints"][0]["vpcEndpointId"], VPCE_A);
    Gateway::start(place, configuration)
}

fn policy() -> Value {
    let statement = |effect: &str, resource: &str| json!({"Effect": effect, "Principal": "*", "Action": "execute-api:Invoke", "Resource": resource});
    json!({"Version": "2012-10-17", "Statement": [
        statement("Allow", "execute-api:/*"), statement("Deny", "execute-api:/demo/GET/denied"),
    ]})
}

/// Backends for two calls each: one never answers, one talks nonsense.
fn backends() -> [Backend; 2] {
    let nonsense = || [expect("GET /nonsense"), bytes("nonsense\r\n\r\n")];
    [
        Backend::script([expect("GET /slow"), hang()]),
        Backend::script([nonsense(), nonsense(), nonsense(), nonsense()].concat()),
    ]
}

fn over_http1(gateway: &Gateway, row: &Row) -> Message {
    let Row { path, verb, field, body, .. } = row;
    let length = if body.is_empty() { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
    gateway
        .wire()
        .ask(format!("{verb} /demo{path} HTTP/1.1\r\nHost: {API_HOST}\r\n{field}\r\n{length}\r\n{body}"))
}

/// What the same answer is over HTTP/2, as curl writes it.
fn over_http2(gateway: &Gateway, row: &Row) -> (String, String) {
    let url = format!("http://{API_HOST}/demo{}", row.path);
    let mut arguments = vec!["--http2-prior-knowledge", "--request", row.verb, "--header", row.field];
    if !row.body.is_empty() {
        arguments.extend(["--data", row.body]);
    }
    arguments.push(&url);
    let answer = curl(gateway.endpoint(0), &arguments);
    assert_eq!(answer.code, 0, "{}: {answer:?}", row.path);
    (answer.head.trim_end().replace("\r\n", "\n"), answer.body)
}

/// The lines of a head without what differs: status and names in the form of HTTP/2, dates and ids
/// masked.
pub(crate) fn in_http2(masked: &str) -> (String, String) {
    let (head, body) = masked.split_once("\r\n\r\n").unwrap();
    let mut lines = head.split("\r\n");
    let status = lines.next().unwrap().split(' ').nth(1).unwrap_or_else(|| panic!("no status: {masked:?}"));
    let mut fields: Vec<String> = lines
        .map(|line| line.split_once(": ").unwrap())
        .map(|(name, value)| format!("{}: {value}", name.to_ascii_lowercase()))
        .collect();
    fields.sort();
    (format!("HTTP/2 {status} \n{}", fields.join("\n")), body.to_owned())
}

/// The same with dates and ids masked, and the fields in the same order.
pub(crate) fn masked_http2((head, body): (String, String)) -> (String, String) {
    let mut head = format!("{}\r\n\r\n", head.replace('\n', "\r\n"));
    for name in ["Date", "x-amzn-RequestId"] {
        head = head.replace(&format!("\r\n{}:", name.to_ascii_lowercase()), &format!("\r\n{name}:"));
    }
    in_http2(&Message { head, body: body.into_bytes() }.masked())
}

/// What an API makes of refusals, with every variable of the error (GR-21, GR-22).
fn customised(status: u16) -> Value {
    let template = concat!(
        r#"{"type": "$context.error.responseType", "text": "$context.error.message", "#,
        r#""string": $context.error.messageString, "details": "$context.error.validationErrorString"}"#
    );
    json!({
        "statusCode": status.to_string(),
        "responseParameters": {"gatewayresponse.header.X-Type": "context.error.responseType"},
        "responseTemplates": {"application/json": template},
    })
}

/// Every row with its body and status as an API has them: by the rows' own types.
fn check_customised(responses: &Value, status_line_of: impl Fn(&Row) -> &'static str) {
    let backends = backends();
    let gateway = refusing(&[&backends[0], &backends[1]], responses);
    for row in ROWS {
        let built_in: Value = serde_json::from_str(row.answer).unwrap();
        let text = built_in.as_object().unwrap().values().next().unwrap().as_str().unwrap();
        let details = match row.kind {
            "BAD_REQUEST_BODY" => {
                "[instance type (array) does not match any allowed primitive type (allowed: [\"object\"])]"
            }
            _ => "",
        };
        let kind = row.kind;
        let body = format!(
            r#"{{"type": "{kind}", "text": "{text}", "string": {}, "details": "{details}"}}"#,
            json!(text)
        );
        let expected = format!(
            "HTTP/1.1 {}\r\nDate: DATE\r\nX-Type: {kind}\r\nContent-Type: application/json\r\nx-amzn-RequestId: UUID\r\n\
             x-amz-apigw-id: EXTENDED\r\nx-amzn-ErrorType: {}\r\nContent-Length: {}\r\n\r\n{body}",
            status_line_of(row),
            row.error_type,
            body.len()
        );
        assert_eq!(over_http1(&gateway, row).masked(), expected, "{kind}");
        assert_eq!(masked_http2(over_http2(&gateway, row)), in_http2(&expected), "{kind}");
    }
}

#[test]
fn every_refusal_is_byte_exact_over_both_versions() {
    let backends = backends();
    let gateway = refusing(&[&backends[0], &backends[1]], &json!({}));
    for row in ROWS {
        let expected = refusal(row.status_line, row.error_type, row.answer);
        assert_eq!(over_http1(&gateway, row).masked(), expected, "{}", row.kind);
        assert_eq!(masked_http2(over_http2(&gateway, row)), in_http2(&expected), "{}", row.kind);
    }
}

#[test]
fn every_refusal_is_what_an_api_makes_of_it() {
    let mut responses: Value = ROWS.iter().map(|row| (row.kind.to_owned(), customised(409))).collect();
    // What the families say does not matter where a type has its own (GR-3).
    responses["DEFAULT_4XX"] = json!({"statusCode": "400"});
    responses["DEFAULT_5XX"] = json!({"statusCode": "500"});
    check_customised(&responses, |_| "409 Conflict");
}

#[test]
fn gr_1_a_family_stands_for_all_its_types() {
    let responses = json!({"DEFAULT_4XX": customised(404), "DEFAULT_5XX": customised(501)});
    check_customised(&responses, |row| {
        if row.status_line.starts_with('5') { "501 Not Implemented" } else { "404 Not Found" }
    });
}
