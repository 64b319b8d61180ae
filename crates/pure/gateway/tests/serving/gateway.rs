//! A gateway in memory.

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    future::Future,
    net::SocketAddr,
    path::Path,
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use postern_config::{ReadFailure, Surroundings, read};
use postern_gateway::{
    AnswerBody, Arrival, BodyFault, BodyLength, CallBody, Connection, Effects, HttpVersion, Identity,
    IntegrationCall, IntegrationFailure, IntegrationFailureKind, Now, Record, Reply, RequestBody,
    RequestTimeText, Scratch, Sent, Snapshot, State, compile, serve,
};
use postern_protocol::http1::{
    BodyFraming, Limits, Progress, RequestHead, ResponseFraming, ResponseHead, read_request, read_response,
};

pub(crate) const API: &str = "abc123";
const VPC_ENDPOINT: &str = "vpce-0a1b2c3d";
const VPC: &str = "vpc-0a1b2c3d";
const POLICY: &str = r#"{"Version": "2012-10-17", "Statement": {
    "Effect": "Allow", "Principal": "*", "Action": "execute-api:Invoke", "Resource": "execute-api:/*"
}}"#;

/// 2024-05-24T04:06:15.005Z.
const RECEIVED_MILLISECONDS: u64 = 1_716_523_575_005;

/// What everything random is made of.
const RANDOM: u128 = 0x0123_4567_89ab_cdef_0123_4567_89ab_cdef;

/// What one gateway serves: one API, by MOCK, HTTP or HTTP_PROXY.
#[derive(Clone, Copy, Default)]
pub(crate) struct Setting<'t> {
    /// The definition, as JSON.
    pub(crate) definition: &'t str,
    /// More keys of `postern.yaml`.
    pub(crate) gateway: &'t str,
    /// More keys of the API, as a flow mapping without its braces.
    pub(crate) api: &'t str,
    /// More keys of the stage.
    pub(crate) stage: &'t str,
    /// The resource policy; empty: one that lets everybody in.
    pub(crate) policy: &'t str,
}

/// A gateway with one API.
pub(crate) struct Gateway {
    snapshot: Snapshot,
    /// The monotonic clock while backends are called, in nanoseconds.
    pub(crate) clock: Cell<u64>,
    /// How long each call takes, in nanoseconds.
    pub(crate) call_nanoseconds: Cell<u64>,
}

/// What came of a request.
pub(crate) struct Exchange {
    /// Head and body of every call, as they went out.
    pub(crate) calls: Vec<Vec<u8>>,
    /// When every call must be over, on the monotonic clock, in nanoseconds.
    pub(crate) deadlines: Vec<u64>,
    /// How often the clock was read.
    pub(crate) clock_readings: u32,
    pub(crate) status: u16,
    /// The lines of the answer's fields.
    pub(crate) fields: Vec<u8>,
    pub(crate) body: Vec<u8>,
    /// The most bytes that serving held, the call's copy here among them.
    pub(crate) memory: u64,
    /// How often templates overrode anew.
    pub(crate) repeated_overrides: u32,
    /// The access log line, where there is a log.
    pub(crate) log: Option<String>,
}

impl Gateway {
    pub(crate) fn of(setting: Setting<'_>) -> Self {
        let Setting { definition, gateway, api, stage, policy } = setting;
        let configuration = format!(
            "region: us-east-1\naccountId: '123456789012'\n\
             vpcEndpoints: [{{vpcEndpointId: {VPC_ENDPOINT}, vpcId: {VPC}, listeners: [{{address: '127.0.0.1:443'}}]}}]\n\
             restApis: [{{id: {API}, definition: api.json, policyFile: policy.json, stages: [{{stageName: test, {stage}}}], {api}}}]\n\
             {gateway}\n"
        );
        let policy = if policy.is_empty() { POLICY } else { policy };
        let files = Files { configuration: &configuration, definition, policy };
        let outcome = read("postern.yaml", &files);
        let told: Vec<_> = outcome.problems.iter().map(ToString::to_string).collect();
        let configuration = outcome.configuration.unwrap_or_else(|| panic!("{told:#?}\n{configuration}"));
        let mut state = State::new([7; 32]);
        let now = Now { monotonic_nanoseconds: 0, epoch_milliseconds: RECEIVED_MILLISECONDS };
        let snapshot = compile(configuration, None, &mut state).begin(now);
        Self { snapshot, clock: Cell::new(6_000_000), call_nanoseconds: Cell::new(0) }
    }

    /// Serves one request, given as it comes over the wire, by a backend that answers with these.
    pub(crate) fn serve(&self, version: HttpVersion, request: &[u8], replies: &[Vec<u8>]) -> Exchange {
        let mut head = RequestHead::default();
        let progress = read_request(request, &Limits::PRIVATE, &mut head);
        assert_eq!(progress, Ok(Progress::Complete), "{}", String::from_utf8_lossy(request));
        let (bytes, body) = request.split_at(head.length());
        let identity = Identity::VpcEndpoint {
            vpc_endpoint_id: VPC_ENDPOINT.parse().unwrap(),
            vpc_id: VPC.parse().unwrap(),
        };
        let source = SocketAddr::from(([10, 0, 0, 9], 40_000));
        let connection =
            Connection::new(Arc::new(identity), source, SocketAddr::from(([127, 0, 0, 1], 443)), None);
        let arrival = Arrival {
            connection: &connection,
            bytes,
            head: &head,
            version,
            now: Now { monotonic_nanoseconds: 5_000_000, epoch_milliseconds: RECEIVED_MILLISECONDS },
            random: RANDOM,
        };
        let mut body = Pieces::of_request(&head, body);
        let backend = Backend {
            replies: RefCell::new(replies.iter().cloned().collect()),
            calls: RefCell::default(),
            deadlines: RefCell::default(),
            clock: self.clock.clone(),
            clock_readings: Cell::new(0),
            call_nanoseconds: self.call_nanoseconds.get(),
        };
        let mut scratch = Scratch::default();
        let (mut record, mut answer) = (None, None);
        let memory = allocation_counter::measure(|| {
            let record = record.insert(Record::new(&self.snapshot, &arrival));
            answer = Some(finish(serve(record, &mut body, &backend, &mut scratch, &mut ())));
        });
        let (record, answer) = (record.expect("a record"), answer.expect("an answer"));
        let repeated_overrides = record.repeated_overrides();
        let (status, fields) = (answer.status, answer.fields.as_bytes().to_vec());
        let body = match answer.body {
            AnswerBody::Whole(bytes) => bytes.to_vec(),
            AnswerBody::Stream(mut reply) => finish(whole(&mut reply)),
        };
        let sent = Sent {
            body_bytes: body.len() as u64,
            complete: true,
            first_content_at_nanoseconds: None,
            at_nanoseconds: 7_000_000,
        };
        let log = self.snapshot.access_log().map(|log| {
            let mut line = Vec::new();
            log.write_line(&record, sent, &mut RequestTimeText::default(), &mut line);
            String::from_utf8(line).unwrap()
        });
        Exchange {
            calls: backend.calls.into_inner(),
            deadlines: backend.deadlines.into_inner(),
            clock_readings: backend.clock_readings.get(),
            status,
            fields,
            body,
            memory: memory.bytes_max,
            repeated_overrides,
            log,
        }
    }
}

async fn whole(reply: &mut impl Reply) -> Vec<u8> {
    let mut body = reply.take_arrived().to_vec();
    while let Some(piece) = reply.next().await.unwrap() {
        body.extend_from_slice(piece);
    }
    body
}

/// Nothing here waits: every future is ready at once.
fn finish<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("somebody waits for what never comes"),
    }
}

struct Files<'t> {
    configuration: &'t str,
    definition: &'t str,
    policy: &'t str,
}

impl Surroundings for Files<'_> {
    fn read(&self, path: &Path) -> Result<Vec<u8>, ReadFailure> {
        match path.to_str() {
            Some("postern.yaml") => Ok(self.configuration.into()),
            Some("api.json") => Ok(self.definition.into()),
            Some("policy.json") => Ok(self.policy.into()),
            _ => Err(ReadFailure::new("there is no such file")),
        }
    }

    fn variable(&self, _: &str) -> Option<String> {
        None
    }
}

/// A body that comes in pieces of seven bytes; a large one in larger pieces.
struct Pieces {
    length: BodyLength,
    rest: VecDeque<Vec<u8>>,
    current: Vec<u8>,
}

impl Pieces {
    fn of(length: BodyLength, bytes: &[u8]) -> Self {
        let piece = if bytes.len() < 1 << 16 { 7 } else { 1 << 14 };
        Self { length, rest: bytes.chunks(piece).map(<[u8]>::to_vec).collect(), current: Vec::new() }
    }

    /// A chunked body is given here as what is in its chunks.
    fn of_request(head: &RequestHead, bytes: &[u8]) -> Self {
        let length = match head.framing() {
            BodyFraming::None => BodyLength::None,
            BodyFraming::Length(length) => BodyLength::Known(length),
            BodyFraming::Chunked => BodyLength::Unknown,
        };
        Self::of(length, bytes)
    }

    fn step(&mut self) -> Option<&[u8]> {
        self.current = self.rest.pop_front()?;
        Some(&self.current)
    }
}

impl RequestBody for Pieces {
    fn length(&self) -> BodyLength {
        self.length
    }

    async fn next(&mut self) -> Result<Option<&[u8]>, BodyFault> {
        Ok(self.step())
    }

    fn take_arrived(&mut self) -> &[u8] {
        &[]
    }
}

/// The backend: answers what the script says and keeps what it was asked.
struct Backend {
    replies: RefCell<VecDeque<Vec<u8>>>,
    calls: RefCell<Vec<Vec<u8>>>,
    deadlines: RefCell<Vec<u64>>,
    clock: Cell<u64>,
    clock_readings: Cell<u32>,
    call_nanoseconds: u64,
}

impl Effects for Backend {
    type Reply = ScriptedReply;

    fn monotonic_nanoseconds(&self) -> u64 {
        self.clock_readings.set(self.clock_readings.get() + 1);
        self.clock.get()
    }

    async fn integrate<B: RequestBody>(
        &self,
        call: &IntegrationCall<'_>,
        body: CallBody<'_, B>,
    ) -> Result<ScriptedReply, IntegrationFailure> {
        let mut sent = call.head.to_vec();
        match body {
            CallBody::None => {}
            CallBody::Whole(bytes) => sent.extend_from_slice(bytes),
            CallBody::Stream(body) => {
                while let Some(piece) = body.next().await.unwrap() {
                    sent.extend_from_slice(piece);
                }
            }
        }
        self.calls.borrow_mut().push(sent);
        self.deadlines.borrow_mut().push(call.deadline_nanoseconds);
        let over = self.clock.get() + self.call_nanoseconds;
        self.clock.set(over);
        if over > call.deadline_nanoseconds {
            let reason = "no answer within the integration's timeout".into();
            return Err(IntegrationFailure { kind: IntegrationFailureKind::TimedOut, reason });
        }
        match self.replies.borrow_mut().pop_front() {
            Some(reply) => Ok(ScriptedReply::read(reply, call.is_head)),
            None => Err(IntegrationFailure {
                kind: IntegrationFailureKind::Network,
                reason: "the script has no answer to this call".into(),
            }),
        }
    }
}

/// An answer of the backend's script.
struct ScriptedReply {
    bytes: Vec<u8>,
    head: ResponseHead,
    body: Pieces,
}

impl ScriptedReply {
    fn read(bytes: Vec<u8>, answers_head: bool) -> Self {
        let mut head = ResponseHead::default();
        let progress = read_response(&bytes, &Limits::PRIVATE, answers_head, &mut head);
        assert_eq!(progress, Ok(Progress::Complete), "{}", String::from_utf8_lossy(&bytes));
        let length = match head.framing() {
            ResponseFraming::None => BodyLength::None,
            ResponseFraming::Length(length) => BodyLength::Known(length),
            ResponseFraming::Chunked | ResponseFraming::UntilClose => BodyLength::Unknown,
        };
        let body = Pieces::of(length, bytes.get(head.length()..).unwrap());
        Self { bytes, head, body }
    }
}

impl Reply for ScriptedReply {
    fn status(&self) -> u16 {
        self.head.status()
    }

    fn head(&self) -> (&[u8], &ResponseHead) {
        (&self.bytes, &self.head)
    }

    fn length(&self) -> BodyLength {
        self.body.length
    }

    async fn next(&mut self) -> Result<Option<&[u8]>, IntegrationFailure> {
        Ok(self.body.step())
    }

    fn take_arrived(&mut self) -> &[u8] {
        &[]
    }
}
