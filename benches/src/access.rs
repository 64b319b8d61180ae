//! Letting a request in: private APIs with the policy of the walkthrough. What is counted is the walk from
//! a head that has been read to the moment at which the client's body is asked for, with everything that
//! decides who may enter; or the whole walk, with a backend that answers at once.

#[path = "../../crates/pure/gateway/tests/still/mod.rs"]
mod still;

use std::{
    future::{Future, pending},
    hint::black_box,
    net::SocketAddr,
    path::Path,
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use postern_config::{ReadFailure, Surroundings, read};
use postern_gateway::{
    Arrival, BodyFault, BodyLength, Connection, HttpVersion, Record, RequestBody, RequestTimeText, Scratch,
    Sent, Snapshot, State, compile, serve,
};
use postern_protocol::http1::RequestHead;
use serde_json::{Value, json};

use self::still::{NOW, Still, read_head};
use crate::Operation;

const ENDPOINTS: [&str; 2] = ["vpce-01234567abcdef012", "vpce-0fedcba9876543210"];

/// Lets a request in to one of so many APIs, by the endpoint that their policies let in.
pub(crate) fn let_in(apis: usize) -> Operation {
    walked(house(apis, &source_endpoint()), apis / 2, (0, BodyLength::Unknown), None)
}

/// Lets requests of one connection in to one of ten APIs after the other, whose policies are alike.
pub(crate) fn by_turns() -> Operation {
    in_turn(house(TURNS, &source_endpoint()))
}

/// The same, where each policy denies a network of its own.
pub(crate) fn by_turns_unlike() -> Operation {
    let policies = (0..TURNS).map(|number| {
        let network = format!("10.0.{}.0/24", 100 + number);
        let by_network = deny(&json!({"IpAddress": {"aws:VpcSourceIp": network}}));
        json!({"Version": "2012-10-17", "Statement": [allow(), by_endpoint(), by_network]})
    });
    in_turn(house_with(policies.collect(), &proxy()))
}

/// APIs that one connection asks in turn.
const TURNS: usize = 10;

/// The same by a policy without conditions.
pub(crate) fn open() -> Operation {
    let open = json!({"Version": "2012-10-17", "Statement": [allow()]});
    walked(house(1, &open), 0, (0, BodyLength::Unknown), None)
}

/// Refuses a request by the other endpoint, its answer written.
pub(crate) fn denied() -> Operation {
    walked(house(1, &source_endpoint()), 0, (1, BodyLength::Unknown), Some(403))
}

/// Serves a request without a body, to its end.
pub(crate) fn served() -> Operation {
    walked(house(1, &source_endpoint()), 0, (0, BodyLength::None), Some(200))
}

/// The same by a call of a service, which is signed.
pub(crate) fn signed() -> Operation {
    let service = json!({"responses": {"200": {"description": "done"}}, "x-amazon-apigateway-integration": {
        "type": "aws", "httpMethod": "POST", "uri": "arn:aws:apigateway:us-east-1:sqs:path/123456789012/pets",
        "responses": {"default": {"statusCode": "200"}}}});
    walked(house_calling(1, &source_endpoint(), &service), 0, (0, BodyLength::None), Some(200))
}

/// Writes the access log line of a request that was served. What the record borrows lives on with the
/// program.
pub(crate) fn log_line() -> Operation {
    let house: &Snapshot = Box::leak(Box::new(house(1, &source_endpoint())));
    let caller: &Caller = Box::leak(Box::new(Caller::new(house, 0, 0)));
    let arrival = Box::leak(Box::new(caller.arrival()));
    let scratch = Box::leak(Box::default());
    let (mut body, backend, mut nobody) = (AwaitedBody(BodyLength::None), Still::new(), ());
    let mut record = Record::new(house, arrival);
    {
        let walk = pin!(serve(&mut record, &mut body, &backend, scratch, &mut nobody));
        assert!(walk.poll(&mut Context::from_waker(Waker::noop())).is_ready(), "nothing is waited for");
    }
    let sent = Sent {
        body_bytes: 14,
        complete: true,
        first_content_at_nanoseconds: None,
        at_nanoseconds: 7_000_000,
    };
    let format = house.access_log().expect("an access log");
    let (mut time, mut line) = (RequestTimeText::default(), Vec::new());
    Box::new(move || {
        line.clear();
        format.write_line(black_box(&record), sent, &mut time, &mut line);
        line.len()
    })
}

/// Walks as far as the request comes: to an answer, or to the wait for a body that never comes.
fn walked(
    house: Snapshot,
    api: usize,
    (endpoint, length): (usize, BodyLength),
    expected: Option<u16>,
) -> Operation {
    let caller = Caller::new(&house, api, endpoint);
    let (backend, mut scratch) = (Still::new(), Scratch::default());
    Box::new(move || {
        let arrival = black_box(&caller).arrival();
        let (mut body, mut nobody) = (AwaitedBody(length), ());
        let mut record = Record::new(&house, &arrival);
        let walk = pin!(serve(&mut record, &mut body, &backend, &mut scratch, &mut nobody));
        let status = match walk.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(answer) => Some(answer.status),
            Poll::Pending => None,
        };
        assert_eq!(status, expected);
        status.map_or(0, usize::from)
    })
}

/// Lets requests in to all APIs of a house in turn, by one connection.
fn in_turn(house: Snapshot) -> Operation {
    let callers: Vec<Caller> = (0..TURNS).map(|api| Caller::new(&house, api, 0)).collect();
    let mut turn = callers.len();
    let (backend, mut scratch) = (Still::new(), Scratch::default());
    Box::new(move || {
        turn = (turn + 1) % callers.len();
        let (first, caller) = (callers.first().expect("ten"), callers.get(turn).expect("one of ten"));
        let arrival = Arrival { connection: &first.connection, ..black_box(caller).arrival() };
        let (mut body, mut nobody) = (AwaitedBody(BodyLength::Unknown), ());
        let mut record = Record::new(&house, &arrival);
        let walk = pin!(serve(&mut record, &mut body, &backend, &mut scratch, &mut nobody));
        assert!(walk.poll(&mut Context::from_waker(Waker::noop())).is_pending(), "it is let in");
        turn
    })
}

/// A connection, and a request that came by it.
struct Caller {
    connection: Connection,
    bytes: String,
    head: RequestHead,
}

impl Caller {
    /// Calls an API by an endpoint.
    fn new(house: &Snapshot, api: usize, endpoint: usize) -> Self {
        let entrance = house.entrances().get(endpoint).expect("two endpoints");
        let local = *entrance.addresses.first().expect("an address");
        let source = SocketAddr::from(([10, 0, 1, 20], 40_000));
        let bytes = format!(
            "GET /demo/pets/48151 HTTP/1.1\r\nHost: {}.execute-api.us-east-1.amazonaws.com\r\n\
             User-Agent: curl/8.5.0\r\nAccept: */*\r\n\r\n",
            api_id(api)
        );
        let head = read_head(bytes.as_bytes());
        Self { connection: Connection::new(Arc::clone(&entrance.identity), source, local, None), bytes, head }
    }

    fn arrival(&self) -> Arrival<'_> {
        Arrival {
            connection: &self.connection,
            bytes: self.bytes.as_bytes(),
            head: &self.head,
            version: HttpVersion::Http1,
            now: NOW,
            random: 7,
        }
    }
}

/// What an operator logs of each request, seven variables of it.
const LOG_FORMAT: &str = r#"{"requestId":"$context.requestId","ip":"$context.identity.sourceIp","requestTime":"$context.requestTime","httpMethod":"$context.httpMethod","path":"$context.path","status":"$context.status","responseLength":"$context.responseLength"}"#;

fn allow() -> Value {
    json!({"Effect": "Allow", "Principal": "*", "Action": "execute-api:Invoke", "Resource": "execute-api:/*"})
}

/// What the walkthrough of private APIs writes.
fn source_endpoint() -> Value {
    json!({"Version": "2012-10-17", "Statement": [allow(), by_endpoint()]})
}

fn by_endpoint() -> Value {
    deny(&json!({"StringNotEquals": {"aws:SourceVpce": ENDPOINTS[0]}}))
}

fn deny(condition: &Value) -> Value {
    json!({"Effect": "Deny", "Principal": "*", "Action": "execute-api:Invoke", "Resource": "execute-api:/*",
        "Condition": condition})
}

fn api_id(number: usize) -> String {
    format!("api{number:07}")
}

/// So many private APIs with this policy, behind two endpoints.
fn house(apis: usize, policy: &Value) -> Snapshot {
    house_calling(apis, policy, &proxy())
}

/// The same with another integration.
fn house_calling(apis: usize, policy: &Value, operation: &Value) -> Snapshot {
    house_with(vec![policy.clone(); apis], operation)
}

fn proxy() -> Value {
    json!({"x-amazon-apigateway-integration": {
        "type": "http_proxy", "httpMethod": "GET", "uri": "http://backend.example/in"}})
}

/// A private API for each policy, behind two endpoints.
fn house_with(policies: Vec<Value>, operation: &Value) -> Snapshot {
    let definition = json!({
        "openapi": "3.0.1", "info": {"title": "pets", "version": "1"},
        "paths": {"/pets": {"get": operation}, "/pets/{id}": {"get": operation}},
    });
    let api = |number: usize| {
        json!({"id": api_id(number), "definition": "api.json", "policyFile": format!("policy{number}.json"),
            "endpointConfiguration": {"types": ["PRIVATE"]}, "stages": [{"stageName": "demo"}]})
    };
    let endpoint = |(number, id): (usize, &&str)| {
        json!({"vpcEndpointId": id, "vpcId": "vpc-0aaaabbbbccccdddd",
            "listeners": [{"address": format!("127.0.0.{}:8080", number + 1)}]})
    };
    let configuration = json!({
        "region": "us-east-1",
        "accountId": "123456789012",
        "accessLog": {"destination": "/dev/null", "format": LOG_FORMAT},
        "vpcEndpoints": ENDPOINTS.iter().enumerate().map(endpoint).collect::<Value>(),
        "restApis": (0..policies.len()).map(api).collect::<Value>(),
    });
    let files = Files {
        configuration: configuration.to_string(),
        definition: definition.to_string(),
        policies: policies.iter().map(Value::to_string).collect(),
    };
    let configuration = read("postern.yaml", &files).configuration.expect("a configuration without problems");
    compile(configuration, None, &mut State::new([7; 32])).begin(NOW)
}

struct Files {
    configuration: String,
    definition: String,
    /// `policy0.json` and so on.
    policies: Vec<String>,
}

impl Surroundings for Files {
    fn read(&self, path: &Path) -> Result<Vec<u8>, ReadFailure> {
        let file = match path.to_str().unwrap_or_default() {
            "postern.yaml" => Some(&self.configuration),
            "api.json" => Some(&self.definition),
            name => {
                let number = name.strip_prefix("policy").and_then(|name| name.strip_suffix(".json"));
                number.and_then(|number| self.policies.get(number.parse::<usize>().ok()?))
            }
        };
        file.map(|text| text.clone().into()).ok_or_else(|| ReadFailure::new("there is no such file"))
    }

    fn variable(&self, name: &str) -> Option<String> {
        let variables = [
            ("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE"),
            ("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
        ];
        variables.iter().find(|(own, _)| *own == name).map(|(_, value)| (*value).to_owned())
    }
}

/// A body of which no byte ever comes.
struct AwaitedBody(BodyLength);

impl RequestBody for AwaitedBody {
    fn length(&self) -> BodyLength {
        self.0
    }

    async fn next(&mut self) -> Result<Option<&[u8]>, BodyFault> {
        pending().await
    }

    fn take_arrived(&mut self) -> &[u8] {
        &[]
    }
}
