//! Real exchanges, decided by the gateway and counted by a recorder.

#![cfg(test)]

use std::{
    convert::Infallible,
    future::Future,
    net::SocketAddr,
    path::Path,
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use postern_config::{ReadFailure, Surroundings};
use postern_gateway::{
    Arrival, BodyFault, BodyLength, CallBody, Connection, Effects, Event, HttpVersion, Identity,
    IntegrationCall, IntegrationFailure, IntegrationFailureKind, Now, Record, Recorder, Reply, RequestBody,
    Scratch, Sent, Snapshot, State, compile, serve,
};
use postern_model::AccessLogDestination;
use postern_observe::{AccessLogSink, Gauges, Instruments};
use postern_protocol::http1::{Limits, Progress, RequestHead, ResponseHead, read_request};

const GATEWAY: &str = r#"
region: us-east-1
accountId: "123456789012"
vpcEndpoints:
  - vpcEndpointId: vpce-01234567abcdef012
    vpcId: vpc-0aaaabbbbccccdddd
    listeners: [{address: 127.0.0.1:8080}]
restApis:
  - id: a1b2c3d4e5
    definition: api.yaml
    endpointConfiguration: {types: [PRIVATE]}
    policyFile: policy.json
    stages: [{stageName: demo}, {stageName: other}]
accessLog:
  format: '$context.requestId [$context.requestTime] $context.identity.sourceIp $context.httpMethod $context.path $context.status $context.responseLength $context.integrationLatency'
"#;

const API: &str = r#"
openapi: 3.0.1
info: {title: test}
paths:
  /mock:
    get: &mock
      responses: {"200": {description: done}}
      x-amazon-apigateway-integration:
        type: mock
        requestTemplates: {application/json: '{"statusCode": 200}'}
        responses: {default: {statusCode: "200"}}
  /backend:
    get:
      responses: {"200": {description: done}}
      x-amazon-apigateway-integration: {type: http_proxy, httpMethod: GET, uri: "http://backend.example/"}
"#;

const POLICY: &str = r#"{"Statement": [
    {"Effect": "Allow", "Principal": "*", "Action": "execute-api:Invoke", "Resource": "execute-api:/demo/*"}]}"#;

struct Files;

impl Surroundings for Files {
    fn read(&self, path: &Path) -> Result<Vec<u8>, ReadFailure> {
        let files = [("postern.yaml", GATEWAY), ("api.yaml", API), ("policy.json", POLICY)];
        let file = files.iter().find(|(name, _)| Path::new(name) == path);
        file.map(|(_, text)| text.as_bytes().to_vec())
            .ok_or_else(|| ReadFailure::new("there is no such file"))
    }

    fn variable(&self, _: &str) -> Option<String> {
        None
    }
}

fn house() -> Snapshot {
    let outcome = postern_config::read("postern.yaml", &Files);
    let problems: Vec<String> = outcome.problems.errors().map(ToString::to_string).collect();
    let configuration = outcome.configuration.unwrap_or_else(|| panic!("{problems:?}"));
    compile(configuration, None, &mut State::new([0; 32])).begin(NOW)
}

const NOW: Now = Now { monotonic_nanoseconds: 1_000_000_000, epoch_milliseconds: 1_795_350_896_789 };

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

/// A backend that cannot be reached.
struct Nobody;

impl Effects for Nobody {
    type Reply = NoReply;

    fn monotonic_nanoseconds(&self) -> u64 {
        NOW.monotonic_nanoseconds
    }

    async fn integrate<B: RequestBody>(
        &self,
        _: &IntegrationCall<'_>,
        _: CallBody<'_, B>,
    ) -> Result<NoReply, IntegrationFailure> {
        Err(IntegrationFailure { kind: IntegrationFailureKind::TimedOut, reason: "nobody answers".into() })
    }
}

struct NoReply(Infallible);

impl Reply for NoReply {
    fn status(&self) -> u16 {
        match self.0 {}
    }

    fn head(&self) -> (&[u8], &ResponseHead) {
        match self.0 {}
    }

    fn length(&self) -> BodyLength {
        match self.0 {}
    }

    async fn next(&mut self) -> Result<Option<&[u8]>, IntegrationFailure> {
        match self.0 {}
    }

    fn take_arrived(&mut self) -> &[u8] {
        match self.0 {}
    }
}

/// Polls a future that never waits.
fn at_once<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("nothing here waits"),
    }
}

/// Has a GET served and its record handed to somebody.
fn exchange<T>(house: &Snapshot, path: &str, take: impl FnOnce(&postern_gateway::Record<'_>) -> T) -> T {
    let bytes =
        format!("GET {path} HTTP/1.1\r\nHost: a1b2c3d4e5.execute-api.us-east-1.amazonaws.com\r\n\r\n");
    let mut head = RequestHead::default();
    assert_eq!(read_request(bytes.as_bytes(), &Limits::default(), &mut head), Ok(Progress::Complete));
    let identity = Arc::new(Identity::VpcEndpoint {
        vpc_endpoint_id: "vpce-01234567abcdef012".parse().unwrap(),
        vpc_id: "vpc-0aaaabbbbccccdddd".parse().unwrap(),
    });
    let address = |text: &str| text.parse::<SocketAddr>().unwrap();
    let connection = Connection::new(identity, address("10.0.0.9:1234"), address("127.0.0.1:8080"), None);
    let arrival = Arrival {
        connection: &connection,
        bytes: bytes.as_bytes(),
        head: &head,
        version: HttpVersion::Http1,
        now: NOW,
        random: 7,
    };
    let mut scratch = Scratch::default();
    let mut record = Record::new(house, &arrival);
    at_once(serve(&mut record, &mut NoBody, &Nobody, &mut scratch, &mut ()));
    take(&record)
}

const SENT: Sent = Sent {
    body_bytes: 12,
    complete: true,
    first_content_at_nanoseconds: None,
    at_nanoseconds: NOW.monotonic_nanoseconds + 700_000,
};

/// The value of a series, with its labels as they are printed.
fn value(page: &str, series: &str) -> Option<u64> {
    let line =
        page.lines().find(|line| line.strip_prefix(series).is_some_and(|rest| rest.starts_with(' ')))?;
    line.rsplit(' ').next()?.parse().ok()
}

#[test]
fn exchanges_are_counted_by_stage_and_outcome() {
    let house = house();
    let instruments = Instruments::start().unwrap();
    instruments.serve(&house, AccessLogSink::none());
    let workers = [instruments.worker(), instruments.worker()];
    for (index, path) in
        ["/demo/mock", "/demo/mock", "/demo/none", "/demo/backend", "/other/mock", "/none/mock"]
            .into_iter()
            .enumerate()
    {
        exchange(&house, path, |record| workers[index % 2].exchange(record, SENT));
    }
    workers[0].exchange_cut_short(&house);
    workers[1].event(Event::LimitHit("headSeconds"));
    workers[1].event(Event::HandshakeFinished { resumed: true });
    for _ in 0..3 {
        workers[0].event(Event::ConnectionOpened);
    }
    workers[0].event(Event::ConnectionClosed);
    instruments.reloaded(true);
    instruments.reloaded(false);
    let page = instruments.metrics(&Gauges { is_ready: true, generation: 1, ..Gauges::default() });
    let demo = r#"api="a1b2c3d4e5",stage="demo""#;
    let other = r#"api="a1b2c3d4e5",stage="other""#;
    let unrouted = r#"api="unrouted",stage="""#;
    for (series, expected) in [
        (format!("postern_requests_total{{{demo}}}"), 5),
        (format!("postern_requests_total{{{other}}}"), 1),
        (format!("postern_requests_total{{{unrouted}}}"), 1),
        (format!("postern_4xx_total{{{demo}}}"), 1),
        (format!("postern_4xx_total{{{other}}}"), 1),
        (format!("postern_4xx_total{{{unrouted}}}"), 1),
        (format!("postern_5xx_total{{{demo}}}"), 1),
        (format!("postern_response_bytes_total{{{demo}}}"), 60),
        (format!("postern_responses_cut_short_total{{{demo}}}"), 1),
        (format!("postern_denied_total{{{other},layer=\"resourcePolicy\"}}"), 1),
        (format!("postern_refused_total{{{demo},reason=\"noSuchMethod\"}}"), 1),
        (format!("postern_refused_total{{{unrouted},reason=\"noSuchStage\"}}"), 1),
        (format!("postern_integration_failures_total{{{demo},kind=\"timedOut\"}}"), 1),
        (format!("postern_latency_seconds_bucket{{{demo},le=\"0.0005\"}}"), 0),
        (format!("postern_latency_seconds_bucket{{{demo},le=\"0.001\"}}"), 5),
        (format!("postern_latency_seconds_count{{{demo}}}"), 5),
        (format!("postern_integration_latency_seconds_count{{{demo}}}"), 1),
        (format!("postern_integration_latency_seconds_count{{{other}}}"), 0),
        ("postern_limit_hits_total{limit=\"headSeconds\"}".to_owned(), 1),
        ("postern_limit_hits_total{limit=\"headBytes\"}".to_owned(), 0),
        ("postern_tls_handshakes_total{resumed=\"true\"}".to_owned(), 1),
        ("postern_connections_opened_total".to_owned(), 3),
        ("postern_connections".to_owned(), 2),
        ("postern_reloads_total{result=\"done\"}".to_owned(), 1),
        ("postern_reloads_total{result=\"refused\"}".to_owned(), 1),
        ("postern_ready".to_owned(), 1),
    ] {
        assert_eq!(value(&page, &series), Some(expected), "{series} in\n{page}");
    }
    assert_eq!(value(&page, &format!("postern_denied_total{{{demo},layer=\"resourcePolicy\"}}")), None);
    assert!(page.contains(&format!("postern_latency_seconds_sum{{{demo}}} 0.003500000\n")), "{page}");
}

trait CutShort {
    fn exchange_cut_short(&self, house: &Snapshot);
}

impl<R: Recorder> CutShort for R {
    fn exchange_cut_short(&self, house: &Snapshot) {
        let sent = Sent { complete: false, ..SENT };
        exchange(house, "/demo/mock", |record| self.exchange(record, sent));
    }
}

#[test]
fn a_stage_keeps_its_counters_over_reloads_under_any_number() {
    let instruments = Instruments::start().unwrap();
    let worker = instruments.worker();
    let mut state = State::new([0; 32]);
    for _ in 0..3 {
        let configuration = postern_config::read("postern.yaml", &Files).configuration.unwrap();
        let house = compile(configuration, None, &mut state).begin(NOW);
        instruments.serve(&house, AccessLogSink::none());
        exchange(&house, "/demo/mock", |record| worker.exchange(record, SENT));
    }
    let page = instruments.metrics(&Gauges::default());
    assert_eq!(value(&page, "postern_requests_total{api=\"a1b2c3d4e5\",stage=\"demo\"}"), Some(3));
}

#[test]
fn counting_and_logging_an_exchange_allocates_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("access.log");
    let house = house();
    let instruments = Instruments::start().unwrap();
    let sink = AccessLogSink::open(&AccessLogDestination::File(path.clone())).unwrap();
    instruments.serve(&house, sink);
    let worker = instruments.worker();
    exchange(&house, "/demo/mock", |record| {
        // The first one makes the stage's counters.
        worker.exchange(record, SENT);
        let counted = allocation_counter::measure(|| {
            for _ in 0..100 {
                worker.exchange(record, SENT);
            }
        });
        assert_eq!(counted.count_total, 0);
    });
    instruments.finish(Duration::from_secs(60));
    let text = std::fs::read_to_string(&path).unwrap();
    assert_eq!(text.lines().count(), 101);
    let line =
        "00000000-0000-4000-8000-000000000007 [22/Nov/2026:12:34:56 +0000] 10.0.0.9 GET /demo/mock 200 12 -";
    assert!(text.lines().all(|own| own == line), "{}", text.lines().next().unwrap_or_default());
}
