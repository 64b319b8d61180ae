//! Letting a request in: the whole walk in front of the backend, for private APIs with the policy of the
//! walkthrough. The backend answers at once, and nothing is logged.

use std::{
    future::Future,
    hint::black_box,
    net::SocketAddr,
    path::Path,
    pin::pin,
    rc::Rc,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use postern_config::{ReadFailure, Surroundings, read};
use postern_gateway::{
    Arrival, BodyFault, BodyLength, CallBody, Connection, Effects, HttpVersion, IntegrationCall,
    IntegrationFailure, Now, Reply, RequestBody, Scratch, Snapshot, State, compile, serve,
};
use postern_protocol::http1::{Limits, Progress, RequestHead, ResponseHead, read_request, read_response};
use serde_json::{Value, json};

use crate::Operation;

const ENDPOINTS: [&str; 2] = ["vpce-01234567abcdef012", "vpce-0fedcba9876543210"];
const NOW: Now = Now { monotonic_nanoseconds: 5_000_000, epoch_milliseconds: 1_716_523_575_005 };

/// Serves a request to one of so many APIs, by the endpoint that their policies let in.
pub(crate) fn let_in(apis: usize) -> Operation {
    served(house(apis, &source_endpoint()), apis / 2, 0, 200)
}

/// The same by the other endpoint.
pub(crate) fn denied() -> Operation {
    served(house(1, &source_endpoint()), 0, 1, 403)
}

/// The same with a policy that asks for nothing: what is left of the walk without conditions.
pub(crate) fn open() -> Operation {
    let open = json!({"Version": "2012-10-17", "Statement": [allow()]});
    served(house(1, &open), 0, 0, 200)
}

fn served(house: Snapshot, api: usize, endpoint: usize, expected: u16) -> Operation {
    let entrance = house.entrances().get(endpoint).expect("two endpoints");
    let local = *entrance.addresses.first().expect("an address");
    let identity = Arc::clone(&entrance.identity);
    let connection = Connection::new(identity, SocketAddr::from(([10, 0, 1, 20], 40_000)), local, None);
    let bytes = format!(
        "GET /demo/pets/48151 HTTP/1.1\r\nHost: {}.execute-api.us-east-1.amazonaws.com\r\n\
         User-Agent: curl/8.5.0\r\nAccept: */*\r\n\r\n",
        api_id(api)
    );
    let mut head = RequestHead::default();
    assert_eq!(read_request(bytes.as_bytes(), &Limits::PRIVATE, &mut head), Ok(Progress::Complete));
    let (backend, mut scratch) = (Still::new(), Scratch::default());
    Box::new(move || {
        let arrival = Arrival {
            connection: black_box(&connection),
            bytes: bytes.as_bytes(),
            head: &head,
            version: HttpVersion::Http1,
            now: NOW,
            random: 7,
        };
        let answer = finish(serve(&house, &arrival, &mut NoBody, &backend, &mut scratch, &mut ()));
        assert_eq!(answer.status, expected);
        usize::from(answer.status)
    })
}

fn allow() -> Value {
    json!({"Effect": "Allow", "Principal": "*", "Action": "execute-api:Invoke", "Resource": "execute-api:/*"})
}

/// What the walkthrough of private APIs writes.
fn source_endpoint() -> Value {
    json!({"Version": "2012-10-17", "Statement": [allow(), {
        "Effect": "Deny", "Principal": "*", "Action": "execute-api:Invoke", "Resource": "execute-api:/*",
        "Condition": {"StringNotEquals": {"aws:SourceVpce": ENDPOINTS[0]}},
    }]})
}

fn api_id(number: usize) -> String {
    format!("api{number:07}")
}

/// So many private APIs with this policy, behind two endpoints.
fn house(apis: usize, policy: &Value) -> Snapshot {
    let proxy = json!({"x-amazon-apigateway-integration": {
        "type": "http_proxy", "httpMethod": "GET", "uri": "http://backend.example/in"}});
    let definition = json!({
        "openapi": "3.0.1", "info": {"title": "pets", "version": "1"},
        "paths": {"/pets": {"get": &proxy}, "/pets/{id}": {"get": &proxy}},
    });
    let api = |number: usize| {
        json!({"id": api_id(number), "definition": "api.json", "policyFile": "policy.json",
            "endpointConfiguration": {"types": ["PRIVATE"]}, "stages": [{"stageName": "demo"}]})
    };
    let endpoint = |(number, id): (usize, &&str)| {
        json!({"vpcEndpointId": id, "vpcId": "vpc-0aaaabbbbccccdddd",
            "listeners": [{"address": format!("127.0.0.{}:8080", number + 1)}]})
    };
    let configuration = json!({
        "region": "us-east-1",
        "accountId": "123456789012",
        "vpcEndpoints": ENDPOINTS.iter().enumerate().map(endpoint).collect::<Value>(),
        "restApis": (0..apis).map(api).collect::<Value>(),
    });
    let files = Files([
        ("postern.yaml", configuration.to_string()),
        ("api.json", definition.to_string()),
        ("policy.json", policy.to_string()),
    ]);
    let configuration = read("postern.yaml", &files).configuration.expect("a configuration without problems");
    compile(configuration, None, &mut State::new([7; 32])).begin(NOW)
}

struct Files([(&'static str, String); 3]);

impl Surroundings for Files {
    fn read(&self, path: &Path) -> Result<Vec<u8>, ReadFailure> {
        let file = self.0.iter().find(|(name, _)| Path::new(name) == path);
        file.map(|(_, text)| text.as_bytes().to_vec())
            .ok_or_else(|| ReadFailure::new("there is no such file"))
    }

    fn variable(&self, _: &str) -> Option<String> {
        None
    }
}

/// Nothing here waits: every future is ready at once.
fn finish<F: Future>(future: F) -> F::Output {
    let polled = pin!(future).poll(&mut Context::from_waker(Waker::noop()));
    let ready = if let Poll::Ready(output) = polled { Some(output) } else { None };
    ready.expect("nobody waits")
}

struct NoBody;

impl RequestBody for NoBody {
    fn length(&self) -> BodyLength {
        BodyLength::None
    }

    async fn next(&mut self) -> Result<Option<&[u8]>, BodyFault> {
        Ok(None)
    }

    fn take_arrived(&mut self) -> &[u8] {
        &[]
    }
}

/// A backend whose answer is there already.
struct Still(Rc<ResponseHead>);

const REPLY: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

impl Still {
    fn new() -> Self {
        let mut head = ResponseHead::default();
        assert_eq!(read_response(REPLY, &Limits::PRIVATE, false, &mut head), Ok(Progress::Complete));
        Self(Rc::new(head))
    }
}

impl Effects for Still {
    type Reply = Self;

    fn monotonic_nanoseconds(&self) -> u64 {
        NOW.monotonic_nanoseconds
    }

    async fn integrate<B: RequestBody>(
        &self,
        _: &IntegrationCall<'_>,
        _: CallBody<'_, B>,
    ) -> Result<Self, IntegrationFailure> {
        Ok(Self(Rc::clone(&self.0)))
    }
}

impl Reply for Still {
    fn status(&self) -> u16 {
        200
    }

    fn head(&self) -> (&[u8], &ResponseHead) {
        (REPLY, &self.0)
    }

    fn length(&self) -> BodyLength {
        BodyLength::None
    }

    async fn next(&mut self) -> Result<Option<&[u8]>, IntegrationFailure> {
        Ok(None)
    }

    fn take_arrived(&mut self) -> &[u8] {
        &[]
    }
}
