//! Integrations with services (integrations.md section 9): the calls, their signatures, and what becomes of the
//! answers.

use postern_protocol::signature::{
    CredentialScope, PayloadHash, Presented, RequestParts, SigningKey, SigningPlace, StoredCredential,
    StoredSession, Timestamp, read,
};
use postern_testing::{
    API_HOST, Backend, Gateway, Message, Place, SignedCall, Unsigned, answer, base_configuration, bytes,
    close, definition, expect, hang, verify_all,
};
use serde_json::{Value, json};

use crate::{
    callers::{ALICE, ALICE_ARN, principal},
    get, post, refusal, short,
};

/// What the environment of the gateway holds.
pub(crate) const KEY: (&str, &str) = ("AKIDEXAMPLE000000000", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY");
const TOKEN: &str = "IQoJb3JpZ2luX2VjEPT//////////wEaCXVzLWVhc3QtMSJ==";
pub(crate) const ENVIRONMENT: [(&str, &str); 3] =
    [("AWS_ACCESS_KEY_ID", KEY.0), ("AWS_SECRET_ACCESS_KEY", KEY.1), ("AWS_SESSION_TOKEN", TOKEN)];

/// An operation that calls a service of us-east-1, with these entries of the integration beside the usual.
pub(crate) fn service(verb: &str, call: &str, more: &Value) -> Value {
    let mut operation = json!({
        "responses": {"200": {"description": "done"}, "400": {"description": "bad"}},
        "x-amazon-apigateway-integration": {
            "type": "aws",
            "httpMethod": verb,
            "uri": format!("arn:aws:apigateway:us-east-1:{call}"),
            "responses": {"default": {"statusCode": "200"}},
        },
    });
    let integration = operation["x-amazon-apigateway-integration"].as_object_mut().unwrap();
    for (name, value) in more.as_object().unwrap() {
        integration.insert(name.clone(), value.clone());
    }
    operation
}

/// A gateway with the environment's access key, and all these services at one backend.
fn calling(backend: &Backend, paths: &Value, change: impl FnOnce(&Place, &mut Value)) -> Gateway {
    let place = Place::new();
    let mut configuration = base_configuration(&place, &definition(paths));
    let endpoint = format!("http://{}", backend.address());
    let services = ["dynamodb", "kinesis", "states", "events", "sqs", "sns", "s3"];
    configuration["serviceEndpoints"] = services.iter().map(|name| (*name, json!(endpoint))).collect();
    change(&place, &mut configuration);
    Gateway::start_with(place, configuration, &ENVIRONMENT)
}

/// Fails unless every call carries the right signature, as botocore signs and as the gateway's own verifier has it,
/// which knows no paths as S3 signs them.
pub(crate) fn verify(calls: &[SignedCall<'_>]) {
    verify_all(calls);
    for call in calls.iter().filter(|call| call.scope.1 != "s3") {
        let target = call.target();
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let fields = call.request.fields();
        let fields: Vec<(&[u8], &[u8])> =
            fields.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())).collect();
        let method = call.verb().as_bytes();
        let parts = RequestParts { method, path: path.as_bytes(), query: query.as_bytes(), fields: &fields };
        let now: Timestamp = call.request.field("X-Amz-Date").unwrap().parse().unwrap();
        let later = Timestamp::from_epoch_seconds(now.epoch_seconds() + 60);
        let (region, service) = call.scope;
        let token = call.request.field("X-Amz-Security-Token");
        let session = token.map(|token| StoredSession { token, expires_at: later });
        let Presented::Signature(signature) = read(&parts).unwrap() else { panic!("no signature") };
        let find = |scope: &CredentialScope| {
            let signing_key = SigningKey::derive(call.key.1, &scope.date, region, service);
            (*scope.access_key_id == *call.key.0).then_some(StoredCredential { signing_key, session })
        };
        let pending = signature.check(&parts, &SigningPlace { region, service, now }, find).unwrap();
        pending.verify(&PayloadHash::of(&call.request.body)).unwrap();
    }
}

/// A request with a body of JSON.
fn put(path: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "PUT {path} HTTP/1.1\r\nHost: {API_HOST}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    )
}

fn header(name: &str, value: &str) -> Value {
    json!({format!("integration.request.header.{name}"): value})
}

/// What the service is sent: the first line, and `name: value` of fields that are said.
struct Row {
    /// The method and the resource.
    method: (&'static str, &'static str),
    operation: Value,
    /// What the client sends.
    sent: String,
    line: &'static str,
    fields: Vec<(&'static str, Option<&'static str>)>,
    body: &'static str,
    service: &'static str,
}

/// AW1, AW4 and section 6.1: actions of services that speak JSON.
fn json_rows() -> Vec<Row> {
    let put_item = r#"{"TableName": "pets", "Item": {"id": {"S": "rex"}}}"#;
    vec![
        Row {
            method: ("post", "/item"),
            operation: service(
                "POST",
                "dynamodb:action/PutItem",
                &json!({"requestTemplates": {"application/json":
                    "{\"TableName\": \"pets\", \"Item\": {\"id\": {\"S\": $input.json('$.id')}}}"}}),
            ),
            sent: post("/demo/item", r#"{"id": "rex"}"#),
            line: "POST /?Action=PutItem HTTP/1.1",
            fields: vec![
                ("X-Amz-Target", Some("DynamoDB_20120810.PutItem")),
                ("Content-Type", Some("application/x-amz-json-1.0")),
                ("Accept", Some("application/json")),
                ("User-Agent", Some("AmazonAPIGateway_a1b2c3d4e5")),
                ("X-Amzn-Apigateway-Api-Id", Some("a1b2c3d4e5")),
                ("X-Amz-Security-Token", Some(TOKEN)),
                ("X-Amz-Content-Sha256", None),
            ],
            body: put_item,
            service: "dynamodb",
        },
        Row {
            method: ("post", "/record"),
            operation: service(
                "POST",
                "kinesis:action/PutRecord",
                &json!({"requestParameters": header("Content-Type", "'application/x-amz-json-1.1'")}),
            ),
            sent: post("/demo/record", "{}"),
            line: "POST /?Action=PutRecord HTTP/1.1",
            fields: vec![
                ("X-Amz-Target", Some("Kinesis_20131202.PutRecord")),
                ("Content-Type", Some("application/x-amz-json-1.1")),
            ],
            body: "{}",
            service: "kinesis",
        },
        Row {
            method: ("post", "/execution"),
            operation: service("POST", "states:action/StartExecution", &json!({})),
            sent: post("/demo/execution", r#"{"input": "{}"}"#),
            line: "POST /?Action=StartExecution HTTP/1.1",
            fields: vec![
                ("X-Amz-Target", Some("AWSStepFunctions.StartExecution")),
                ("Content-Type", Some("application/x-amz-json-1.0")),
            ],
            body: r#"{"input": "{}"}"#,
            service: "states",
        },
    ]
}

/// AW4: EventBridge, whose `X-Amz-Target` is mapped.
fn event_rows() -> Vec<Row> {
    vec![
        Row {
            method: ("post", "/event"),
            operation: service("POST", "events:action/PutEvents", &json!({})),
            sent: post("/demo/event", "{}"),
            line: "POST /?Action=PutEvents HTTP/1.1",
            fields: vec![("X-Amz-Target", None), ("Content-Type", Some("application/x-amz-json-1.1"))],
            body: "{}",
            service: "events",
        },
        Row {
            method: ("put", "/event"),
            operation: service(
                "POST",
                "events:action/PutEvents",
                &json!({"requestParameters": header("X-Amz-Target", "'AWSEvents.PutEvents'")}),
            ),
            sent: put("/demo/event", "{}"),
            line: "POST /?Action=PutEvents HTTP/1.1",
            fields: vec![("X-Amz-Target", Some("AWSEvents.PutEvents"))],
            body: "{}",
            service: "events",
        },
    ]
}

/// AW1: actions in the query, actions in a form, and paths.
fn other_rows() -> Vec<Row> {
    let form = json!({
        "requestParameters": header("Content-Type", "'application/x-www-form-urlencoded'"),
        "requestTemplates": {"application/json": "Action=SendMessage&MessageBody=$util.urlEncode($input.body)"},
    });
    let key = json!({"requestParameters": {
        "integration.request.path.bucket": "method.request.path.bucket",
        "integration.request.path.key": "method.request.path.key",
        "integration.request.header.x-amz-acl": "'private'",
        "integration.request.header.Referer": "'http://elsewhere.example/'",
    }});
    let publish = json!({"requestParameters": {
        "integration.request.querystring.Message": "method.request.querystring.message",
        "integration.request.path.topic": "method.request.querystring.topic",
    }});
    vec![
        Row {
            method: ("post", "/message"),
            operation: service("POST", "sqs:path/123456789012/pets", &form),
            sent: post("/demo/message", r#"{"a": "b&c"}"#),
            line: "POST /123456789012/pets HTTP/1.1",
            fields: vec![("Content-Type", Some("application/x-www-form-urlencoded")), ("X-Amz-Target", None)],
            body: "Action=SendMessage&MessageBody=%7B%22a%22%3A+%22b%26c%22%7D",
            service: "sqs",
        },
        Row {
            method: ("get", "/publish"),
            operation: service(
                "POST",
                "sns:action/Publish&Version=2010-03-31&Subject=${stageVariables.subject}&TopicArn={topic}",
                &publish,
            ),
            sent: get(
                "/demo/publish?message=a%26b+c&topic=arn%3Aaws%3Asns%3Aus-east-1%3A1%3At%26Action%3DDeleteTopic",
            ),
            line: "POST /?Action=Publish&Version=2010-03-31&Subject=news\
                   &TopicArn=arn%3Aaws%3Asns%3Aus-east-1%3A1%3At%26Action%3DDeleteTopic&Message=a%26b%20c HTTP/1.1",
            fields: vec![("X-Amz-Target", None), ("Content-Type", None), ("Content-Length", Some("0"))],
            body: "",
            service: "sns",
        },
        Row {
            method: ("put", "/s3/{bucket}/{key}"),
            operation: service("PUT", "s3:path/{bucket}/a:b/{key}?x-id=PutObject&y=a:b;c&z", &key),
            sent: put("/demo/s3/pets/r%C3%A9x%20(1)+2.json", r#"{"name": "rex"}"#),
            line: "PUT /pets/a%3Ab/r%C3%A9x%20%281%29%2B2.json?x-id=PutObject&y=a%3Ab%3Bc&z HTTP/1.1",
            fields: vec![
                ("x-amz-acl", Some("private")),
                ("Referer", None),
                ("Content-Type", Some("application/json")),
                (
                    "X-Amz-Content-Sha256",
                    Some("44946006be15748a01af4d9c8cf0d73ad656854050a4d8dee466de1cd954948f"),
                ),
            ],
            body: r#"{"name": "rex"}"#,
            service: "s3",
        },
        Row {
            method: ("get", "/s3/{bucket}/{key}"),
            operation: service("GET", "s3:path/{bucket}//{key}", &key),
            sent: get("/demo/s3/pets/a%2Fb"),
            line: "GET /pets//a%2Fb HTTP/1.1",
            fields: vec![("Content-Type", None), ("Content-Length", None)],
            body: "",
            service: "s3",
        },
    ]
}

/// The paths of a definition with the operations of these rows.
fn paths(rows: &[Row]) -> Value {
    let mut paths = json!({});
    for Row { method: (verb, resource), operation, .. } in rows {
        paths[resource][verb] = operation.clone();
    }
    paths
}

#[test]
fn aw1_to_aw4_services_are_called_as_each_of_them_is_spoken_to_and_every_call_is_signed() {
    let rows: Vec<Row> = [json_rows(), event_rows(), other_rows()].into_iter().flatten().collect();
    let backend = Backend::answering(200, "{}");
    let gateway = calling(&backend, &paths(&rows), |_, configuration| {
        configuration["restApis"][0]["stages"][0]["variables"] = json!({"subject": "news"});
    });
    let mut requests = Vec::new();
    for (number, row) in rows.iter().enumerate() {
        assert_eq!(short(&gateway.wire().ask(&row.sent)), (200, "{}"), "{}", row.line);
        let request = backend.request(number);
        assert_eq!(request.first_line(), row.line);
        assert_eq!(request.field("Host"), Some(&*backend.address().to_string()));
        for (name, value) in &row.fields {
            assert_eq!(request.field(name), *value, "{name} of {}", row.line);
        }
        assert_eq!(request.text(), row.body, "{}", row.line);
        requests.push(request);
    }
    let calls: Vec<SignedCall<'_>> = rows
        .iter()
        .zip(&requests)
        .map(|(row, request)| SignedCall { request, key: KEY, scope: ("us-east-1", row.service) })
        .collect();
    verify(&calls);
    let log = gateway.log();
    assert!(!log.contains(KEY.1) && !log.contains(TOKEN), "{log}");
}

#[test]
fn an_endpoint_is_where_the_operator_says_and_for_subdomains_too() {
    let operations = json!({
        "/name": {"get": service("GET", "s3:path/bucket/key", &json!({}))},
        "/subdomain": {"get": service("GET", "bucket.s3:path/key", &json!({}))},
        "/mine": {"get": service("POST", "mine:action/Do", &json!({}))},
    });
    let backends = [Backend::answering(200, "1"), Backend::answering(200, "2")];
    let port = |backend: &Backend| backend.address().port();
    let gateway = calling(&backends[0], &operations, |_, configuration| {
        configuration["serviceEndpoints"] = json!({
            "s3": format!("http://localhost:{}", port(&backends[0])),
            "mine": format!("http://{}", backends[1].address()),
        });
        let hosts = json!({format!("localhost:{}", port(&backends[0])): backends[0].address().to_string()});
        configuration["hosts"] = hosts;
    });
    let called = |path: &str, backend: &Backend, number: usize| {
        assert_eq!(gateway.get(path).status(), 200);
        let request = backend.request(number);
        (request.first_line().to_owned(), request.field("Host").unwrap().to_owned(), request)
    };
    let first = called("/demo/name", &backends[0], 0);
    assert_eq!(
        (&*first.0, first.1),
        ("GET /bucket/key HTTP/1.1", format!("localhost:{}", port(&backends[0])))
    );
    let below = called("/demo/subdomain", &backends[0], 1);
    assert_eq!(
        (&*below.0, below.1),
        ("GET /key HTTP/1.1", format!("bucket.localhost:{}", port(&backends[0])))
    );
    let mine = called("/demo/mine", &backends[1], 0);
    assert_eq!((&*mine.0, mine.1), ("POST /?Action=Do HTTP/1.1", backends[1].address().to_string()));
    let call = |request| SignedCall { request, key: KEY, scope: ("us-east-1", "mine") };
    verify(&[call(&mine.2)]);
}

#[test]
fn aw2_calls_are_signed_for_a_role_for_the_caller_or_for_the_gateway() {
    let role = "arn:aws:iam::123456789012:role/writer";
    let operation =
        |credentials: &str| service("POST", "dynamodb:action/Scan", &json!({"credentials": credentials}));
    let mut of_caller = operation("arn:aws:iam::*:user/*");
    of_caller["x-amazon-apigateway-auth"] = json!({"type": "AWS_IAM"});
    let paths = json!({
        "/role": {"post": operation(role)},
        "/variable": {"post": operation("arn:aws:iam::123456789012:role/${stageVariables.role}")},
        "/other": {"post": operation("arn:aws:iam::123456789012:role/other")},
        "/caller": {"post": of_caller},
    });
    let backend = Backend::answering(200, "{}");
    let gateway = calling(&backend, &paths, |place, configuration| {
        place.write("role.key", "secret of the role\n");
        let entry = json!({
            "roleArn": role, "accessKeyId": "AKIDOFTHEROLE0000000", "secretAccessKeyFile": "role.key",
        });
        configuration["credentials"] = json!([entry]);
        configuration["restApis"][0]["stages"][0]["variables"] = json!({"role": "writer"});
        let mut alice = principal(ALICE, ALICE_ARN);
        place.write(
            "everything.json",
            r#"{"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}"#,
        );
        alice["identityPolicyFile"] = json!("everything.json");
        configuration["principals"] = json!([alice]);
    });
    for path in ["/demo/role", "/demo/variable", "/demo/other"] {
        assert_eq!(gateway.wire().ask(post(path, "{}")).status(), 200);
    }
    let signed = Unsigned { verb: "POST", body: "{}", ..Unsigned::get("/demo/caller", ALICE) }.sign();
    assert_eq!(gateway.wire().ask(signed.bytes()).status(), 200);
    let requests = backend.requests();
    let of_role = ("AKIDOFTHEROLE0000000", "secret of the role");
    let calls: Vec<SignedCall<'_>> = requests
        .iter()
        .zip([of_role, of_role, KEY, ALICE])
        .map(|(request, key)| SignedCall { request, key, scope: ("us-east-1", "dynamodb") })
        .collect();
    assert_eq!(calls.len(), 4);
    verify(&calls);
    assert_eq!(requests[0].field("X-Amz-Security-Token"), None);
    assert!(!gateway.log().contains("secret of the role"), "{}", gateway.log());
}

/// What a client sends under the names that a signature is made of never stands beside ours.
#[test]
fn upstream_a_mapped_header_of_the_signature_is_ours() {
    let mapped = json!({"requestParameters": {
        "integration.request.header.X-Amz-Security-Token": "method.request.header.X-Amz-Security-Token",
        "integration.request.header.x-amz-date": "'20150830T123600Z'",
        "integration.request.header.Host": "'elsewhere.example'",
    }});
    let paths = json!({"/a": {"get": service("POST", "sqs:action/ListQueues", &mapped)}});
    let backend = Backend::answering(200, "{}");
    let gateway = calling(&backend, &paths, |_, _| {});
    assert_eq!(gateway.get_with("/demo/a", "X-Amz-Security-Token: mine\r\n").status(), 200);
    let request = backend.request(0);
    assert_eq!(request.values("X-Amz-Security-Token"), [TOKEN]);
    assert_eq!(request.values("X-Amz-Date").len(), 1);
    assert_eq!(request.values("Host"), [backend.address().to_string()]);
    verify(&[SignedCall { request: &request, key: KEY, scope: ("us-east-1", "sqs") }]);
}

/// SP1: the answers of a service go through the integration responses, chosen by their status.
#[test]
fn sp1_answers_are_chosen_by_status_and_mapped() {
    let responses = json!({"responses": {
        "4\\d{2}": {
            "statusCode": "400",
            "responseTemplates": {"application/json": "{\"why\": $input.json('$.__type')}"},
        },
        "default": {
            "statusCode": "200",
            "responseParameters":
                {"method.response.header.X-Request": "integration.response.header.x-amzn-RequestId"},
            "responseTemplates": {"application/json": "{\"name\": $input.json('$.Item.name.S')}"},
        },
    }});
    let paths = json!({"/item": {"post": service("POST", "dynamodb:action/GetItem", &responses)}});
    let body = r#"{"Item":{"name":{"S":"rex"}}}"#;
    let backend = Backend::script([
        expect("POST /"),
        bytes(format!(
            "HTTP/1.1 200 OK\r\nx-amzn-RequestId: R1\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )),
        expect("POST /"),
        answer(400, r#"{"__type":"com.amazonaws.dynamodb.v20120810#ResourceNotFoundException"}"#),
    ]);
    let gateway = calling(&backend, &paths, |_, _| {});
    let found = gateway.wire().ask(post("/demo/item", "{}"));
    assert_eq!((short(&found), found.field("X-Request")), ((200, r#"{"name": "rex"}"#), Some("R1")));
    assert_eq!(
        short(&gateway.wire().ask(post("/demo/item", "{}"))),
        (400, r#"{"why": "com.amazonaws.dynamodb.v20120810#ResourceNotFoundException"}"#)
    );
}

/// Section 14, for a service: nothing is repeated, since the calls are POST.
#[test]
fn a_service_that_fails_has_the_stated_answer() {
    let internal =
        |line: &str| refusal(line, "InternalServerErrorException", r#"{"message": "Internal server error"}"#);
    let gone = refusal(
        "504 Gateway Timeout",
        "InternalServerErrorException",
        r#"{"message": "Network error communicating with endpoint"}"#,
    );
    let late = refusal(
        "504 Gateway Timeout",
        "InternalServerErrorException",
        r#"{"message": "Endpoint request timed out"}"#,
    );
    let ask = |backend: &Backend| -> Message {
        let paths = json!({"/a": {"post":
            service("POST", "kinesis:action/ListStreams", &json!({"timeoutInMillis": 300}))}});
        calling(backend, &paths, |_, _| {}).wire().ask(post("/demo/a", "{}"))
    };
    assert_eq!(ask(&Backend::script([expect("POST /"), close()])).masked(), gone);
    let silent = Backend::script([expect("POST /"), hang()]);
    assert_eq!(ask(&silent).masked(), late);
    silent.release();
    let garbage = Backend::script([expect("POST /"), bytes("what?\r\n\r\n")]);
    assert_eq!(ask(&garbage).masked(), internal("502 Bad Gateway"));
    let cut =
        Backend::script([expect("POST /"), bytes("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"), close()]);
    assert_eq!(ask(&cut).masked(), internal("502 Bad Gateway"));
}

/// `explain` shows the call as it would be made, and no signature.
#[test]
fn a_call_is_explained_without_its_signature() {
    let role = "arn:aws:iam::123456789012:role/writer";
    let operation = service("POST", "sqs:action/ListQueues", &json!({"credentials": role}));
    let backend = Backend::answering(200, "{}");
    let gateway = calling(&backend, &json!({"/a": {"post": operation}}), |place, configuration| {
        place.write("role.key", KEY.1);
        configuration["credentials"] =
            json!([{"roleArn": role, "accessKeyId": KEY.0, "secretAccessKeyFile": "role.key"}]);
    });
    let told = gateway.explain(0, &post("/demo/a", "{}"), &[]).to_string();
    assert!(told.contains("/?Action=ListQueues") && told.contains("***"), "{told}");
    for secret in [KEY.1, "Signature="] {
        assert!(!told.contains(secret), "{told}");
    }
    assert_eq!(backend.connections(), 0);
}
