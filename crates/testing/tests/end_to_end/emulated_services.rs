//! Integrations with services of an emulator that we did not write: moto's server, which `.ci/tools` installs. What
//! goes in through the gateway is read back through it.

use std::{
    net::{SocketAddr, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
};

use postern_testing::{API_HOST, Gateway, Message, Place, base_configuration, definition, until};
use serde_json::{Value, json};

use crate::services::{ENVIRONMENT, service};

/// A running emulator. It is ended, by its number, when this is dropped.
struct Emulator {
    address: SocketAddr,
    process: Child,
}

impl Emulator {
    fn start(place: &Place) -> Self {
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
        let program = target.join("emulators/bin/moto_server");
        assert!(program.exists(), "`.ci/tools` installs the emulator: {}", program.display());
        let address = place.address();
        let process = Command::new(program)
            .args(["-H", &address.ip().to_string(), "-p", &address.port().to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the emulator starts");
        let emulator = Self { address, process };
        until("the emulator", || TcpStream::connect(address).ok());
        emulator
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// An emulator, and a gateway that calls these services there.
struct Scene {
    gateway: Gateway,
    _emulator: Emulator,
}

impl Scene {
    /// With these paths, and `POST /SERVICE/ACTION` for each of these actions of services that speak JSON, whose
    /// parameters pass.
    fn with(actions: &[&str], mut paths: Value) -> Self {
        for action in actions {
            let (name, action) = action.split_once('/').unwrap();
            let target = format!("'AWSEvents.{action}'");
            let mapped = if name == "events" {
                json!({"requestParameters": {"integration.request.header.X-Amz-Target": target}})
            } else {
                json!({})
            };
            let call = format!("{name}:action/{action}");
            paths[format!("/{name}/{action}")] = json!({"post": service("POST", &call, &mapped)});
        }
        let operations = paths.as_object_mut().unwrap().values_mut();
        for operation in operations.flat_map(|path| path.as_object_mut().unwrap().values_mut()) {
            // What fails is not to be taken for an answer.
            let responses = &mut operation["x-amazon-apigateway-integration"]["responses"];
            responses["[45]\\d{2}"] = json!({"statusCode": "400"});
        }
        let place = Place::new();
        let emulator = Emulator::start(&place);
        let mut configuration = base_configuration(&place, &definition(&paths));
        let endpoint = json!(format!("http://{}", emulator.address));
        let services = ["dynamodb", "kinesis", "sqs", "sns", "states", "s3", "events"];
        configuration["serviceEndpoints"] =
            services.iter().map(|name| ((*name).to_owned(), endpoint.clone())).collect();
        Self { gateway: Gateway::start_with(place, configuration, &ENVIRONMENT), _emulator: emulator }
    }

    /// Sends a request, which is answered 200, and gives the answer.
    fn ask(&self, verb: &str, path: &str, body: &str) -> Message {
        let answer = self.gateway.wire().ask(format!(
            "{verb} /demo{path} HTTP/1.1\r\nHost: {API_HOST}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        ));
        assert_eq!(answer.status(), 200, "{verb} {path}: {}", answer.text());
        answer
    }

    /// Does an action of a service that speaks JSON.
    fn act(&self, action: &str, parameters: &Value) -> Value {
        let answer = self.ask("POST", &format!("/{action}"), &parameters.to_string());
        serde_json::from_str(answer.text()).unwrap_or(Value::Null)
    }
}

#[test]
fn an_item_goes_into_dynamodb_and_comes_back() {
    let put = json!({"requestTemplates": {"application/json":
        "{\"TableName\": \"pets\", \"Item\": {\"id\": {\"S\": $input.json('$.id')}, \"name\": {\"S\": $input.json('$.name')}}}"}});
    let get = json!({
        "requestTemplates": {"application/json":
            "{\"TableName\": \"pets\", \"Key\": {\"id\": {\"S\": \"$util.escapeJavaScript($input.params('id'))\"}}}"},
        "responses": {"default": {
            "statusCode": "200",
            "responseTemplates": {"application/json": "{\"name\": $input.json('$.Item.name.S')}"},
        }},
    });
    let paths = json!({
        "/pets": {"post": service("POST", "dynamodb:action/PutItem", &put)},
        "/pets/{id}": {"get": service("POST", "dynamodb:action/GetItem", &get)},
    });
    let scene = Scene::with(&["dynamodb/CreateTable"], paths);
    scene.act(
        "dynamodb/CreateTable",
        &json!({
            "TableName": "pets",
            "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
            "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
            "BillingMode": "PAY_PER_REQUEST",
        }),
    );
    assert_eq!(scene.ask("POST", "/pets", r#"{"id": "7", "name": "Rex \"é\""}"#).text(), "{}");
    assert_eq!(scene.ask("GET", "/pets/7", "").text(), r#"{"name": "Rex \"é\""}"#);
    let refused = r#"{"id": "", "name": "nobody"}"#;
    let answer = scene.gateway.wire().ask(format!(
        "POST /demo/pets HTTP/1.1\r\nHost: {API_HOST}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{refused}",
        refused.len()
    ));
    assert_eq!(answer.status(), 400, "{}", answer.text());
    assert!(answer.text().contains("ValidationException"), "{}", answer.text());
}

#[test]
fn a_record_goes_into_kinesis_and_comes_back() {
    let put = json!({
        "requestParameters": {"integration.request.header.Content-Type": "'application/x-amz-json-1.1'"},
        "requestTemplates": {"application/json":
            "{\"StreamName\": \"pets\", \"Data\": \"$util.base64Encode($input.body)\", \"PartitionKey\": \"$context.requestId\"}"},
    });
    let get = json!({"responses": {"default": {
        "statusCode": "200",
        "responseTemplates": {"application/json":
            "#foreach($record in $input.path('$.Records'))$util.base64Decode($record.Data)#end"},
    }}});
    let paths = json!({
        "/records": {
            "post": service("POST", "kinesis:action/PutRecord", &put),
            "put": service("POST", "kinesis:action/GetRecords", &get),
        },
    });
    let scene = Scene::with(&["kinesis/CreateStream", "kinesis/GetShardIterator"], paths);
    scene.act("kinesis/CreateStream", &json!({"StreamName": "pets", "ShardCount": 1}));
    let put = scene.ask("POST", "/records", r#"{"name": "Rex"}"#);
    let shard: Value = serde_json::from_str(put.text()).unwrap();
    let iterator = scene.act(
        "kinesis/GetShardIterator",
        &json!({
            "StreamName": "pets", "ShardId": shard["ShardId"], "ShardIteratorType": "TRIM_HORIZON",
        }),
    );
    let body = json!({"ShardIterator": iterator["ShardIterator"]}).to_string();
    assert_eq!(scene.ask("PUT", "/records", &body).text(), r#"{"name": "Rex"}"#);
}

/// An action whose parameters are a form, which the template writes.
fn form(call: &str, form: &str) -> Value {
    let mapped = json!({
        "requestParameters":
            {"integration.request.header.Content-Type": "'application/x-www-form-urlencoded'"},
        "requestTemplates": {"application/json": form},
    });
    service("POST", call, &mapped)
}

/// A queue. The emulator reads parameters of SQS in forms alone.
fn queue_paths() -> Value {
    let queue = "sqs:path/123456789012/pets";
    json!({"/queue": {
        "put": form("sqs:action/CreateQueue", "Action=CreateQueue&QueueName=pets"),
        "post": form(queue, "Action=SendMessage&MessageBody=$util.urlEncode($input.body)"),
        "get": form(queue, "Action=ReceiveMessage"),
    }})
}

#[test]
fn a_message_goes_into_a_queue_and_comes_back() {
    let scene = Scene::with(&[], queue_paths());
    let created = scene.ask("PUT", "/queue", "");
    assert!(created.text().contains("/123456789012/pets</QueueUrl>"), "{}", created.text());
    scene.ask("POST", "/queue", r#"{"name": "Rex & Ré"}"#);
    let received = scene.ask("GET", "/queue", "");
    let body = "<Body>{&quot;name&quot;: &quot;Rex &amp; Ré&quot;}</Body>";
    let plain = "<Body>{\"name\": \"Rex &amp; Ré\"}</Body>";
    assert!(received.text().contains(body) || received.text().contains(plain), "{}", received.text());
}

#[test]
fn what_is_published_and_what_happens_reaches_a_queue() {
    let topic = "arn:aws:sns:us-east-1:123456789012:pets";
    let subscribe = format!(
        "sns:action/Subscribe&TopicArn={topic}&Protocol=sqs&Endpoint=arn:aws:sqs:us-east-1:123456789012:pets"
    );
    let message = json!({"requestParameters":
        {"integration.request.querystring.Message": "method.request.querystring.message"}});
    let mut paths = queue_paths();
    paths["/topic"] = json!({"put": service("POST", "sns:action/CreateTopic&Name=pets", &json!({}))});
    paths["/subscription"] = json!({"put": service("POST", &subscribe, &json!({}))});
    paths["/publication"] =
        json!({"put": service("POST", &format!("sns:action/Publish&TopicArn={topic}"), &message)});
    let scene = Scene::with(&["events/PutRule", "events/PutTargets", "events/PutEvents"], paths);
    scene.ask("PUT", "/queue", "");
    scene.ask("PUT", "/topic", "");
    scene.ask("PUT", "/subscription", "");
    scene.ask("PUT", "/publication?message=Rex%20%2B%20R%C3%A9", "");
    let received = scene.ask("GET", "/queue", "");
    assert!(received.text().contains("Rex + R"), "{}", received.text());

    let queue = json!({"Id": "queue", "Arn": "arn:aws:sqs:us-east-1:123456789012:pets"});
    scene.act("events/PutRule", &json!({"Name": "all", "EventPattern": r#"{"source": ["pets"]}"#}));
    scene.act("events/PutTargets", &json!({"Rule": "all", "Targets": [queue]}));
    let event = json!({"Source": "pets", "DetailType": "born", "Detail": r#"{"name": "Rita"}"#});
    let put = scene.act("events/PutEvents", &json!({"Entries": [event]}));
    assert_eq!(put["FailedEntryCount"], json!(0));
    let received = scene.ask("GET", "/queue", "");
    assert!(received.text().contains("Rita"), "{}", received.text());
}

#[test]
fn an_object_goes_into_a_bucket_and_comes_back() {
    let mapped = json!({"requestParameters": {
        "integration.request.path.key": "method.request.path.key",
        "integration.request.header.Content-Type": "'text/plain'",
    }});
    let paths = json!({
        "/bucket": {"put": service("PUT", "s3:path/pets", &json!({}))},
        "/objects/{key+}": {
            "put": service("PUT", "s3:path/pets/{key}", &mapped),
            "get": service("GET", "s3:path/pets/{key}", &mapped),
        },
        "/list": {"get": service("GET", "s3:path/pets?list-type=2&prefix=a%20b/", &json!({}))},
    });
    let scene = Scene::with(&[], paths);
    scene.ask("PUT", "/bucket", "");
    scene.ask("PUT", "/objects/a%20b/r%C3%A9x%2B(1).txt", "what Rex said");
    assert_eq!(scene.ask("GET", "/objects/a%20b/r%C3%A9x%2B(1).txt", "").text(), "what Rex said");
    let list = scene.ask("GET", "/list", "");
    assert!(list.text().contains("<Key>a b/réx+(1).txt</Key>"), "{}", list.text());
}

#[test]
fn an_execution_is_started_and_described() {
    let actions = ["states/CreateStateMachine", "states/StartExecution", "states/DescribeExecution"];
    let scene = Scene::with(&actions, json!({}));
    let machine = scene.act(
        "states/CreateStateMachine",
        &json!({
            "name": "pets",
            "definition": r#"{"StartAt": "Done", "States": {"Done": {"Type": "Pass", "End": true}}}"#,
            "roleArn": "arn:aws:iam::123456789012:role/states",
        }),
    );
    let started = scene.act(
        "states/StartExecution",
        &json!({"stateMachineArn": machine["stateMachineArn"], "input": r#"{"name": "Rex"}"#}),
    );
    let described = scene.act("states/DescribeExecution", &json!({"executionArn": started["executionArn"]}));
    assert_eq!(described["input"], json!(r#"{"name": "Rex"}"#));
}
