//! A gateway on loopback with scripted backends, and a client that writes its bytes by hand.
#![expect(dead_code, reason = "every test file uses a part of it")]

use std::{
    collections::HashMap,
    fs,
    future::pending,
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    num::NonZeroUsize,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use postern_config::{ReadFailure, Surroundings};
use postern_gateway::{
    BodyFault, BodyLength, CallBody, Effects, Event, IntegrationCall, IntegrationFailure,
    IntegrationFailureKind, Live, Record, Recorder, Reply, RequestBody, Sent, Snapshot, State, compile,
};
use postern_protocol::http1::{Limits, ResponseHead, read_response};
use postern_server::{Clock, Inherited, Prepared, Server};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, ServerName},
};
use tempfile::TempDir;

/// The host that every test asks for.
pub(crate) const HOST: &str = "a1b2c3d4e5.execute-api.us-east-1.amazonaws.com";

const DEFINITION: &str = r#"{
  "openapi": "3.0.1", "info": {"title": "test", "version": "1"},
  "paths": {"/{proxy+}": {"x-amazon-apigateway-any-method": {
    "parameters": [{"name": "proxy", "in": "path", "required": true, "schema": {"type": "string"}}],
    "x-amazon-apigateway-integration": {
      "type": "http_proxy", "httpMethod": "ANY", "uri": "http://backend.test/{proxy}",
      "requestParameters": {"integration.request.path.proxy": "method.request.path.proxy"}
    }}}}
}"#;

const POLICY: &str = r#"{"Version": "2012-10-17", "Statement": [
  {"Effect": "Allow", "Principal": "*", "Action": "execute-api:Invoke", "Resource": "execute-api:/*"}]}"#;

/// What a test says about its gateway.
#[derive(Clone, Debug, Default)]
pub(crate) struct Settings {
    /// Lines under `limits:`.
    pub(crate) limits: String,
    /// `tls:` and `http2:` lines of the endpoint, indented by four.
    pub(crate) endpoint: String,
    /// The listener's address; a free port of loopback where nothing is said.
    pub(crate) address: Option<String>,
    /// More listeners of the same endpoint.
    pub(crate) more_addresses: Vec<String>,
    pub(crate) workers: usize,
    /// The limits as they are said, beyond what a file may say.
    pub(crate) snapshot: Option<fn(&mut postern_model::Configuration)>,
}

/// A gateway that serves.
pub(crate) struct Gateway {
    pub(crate) server: Option<Server>,
    pub(crate) live: Arc<Live>,
    pub(crate) seen: Arc<Seen>,
    state: State,
    clock: Clock,
    settings: Settings,
}

/// What the recorder and the backends saw.
#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) events: Mutex<Vec<Event>>,
    pub(crate) exchanges: Mutex<Vec<(u16, Sent)>>,
    pub(crate) calls: Mutex<Vec<Call>>,
    pub(crate) bodies_dropped: Mutex<u64>,
    pub(crate) released: AtomicBool,
}

/// One call of a backend.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
    pub(crate) body_fault: Option<BodyFault>,
}

impl Gateway {
    pub(crate) fn start(settings: Settings) -> Self {
        Self::start_on(settings, Inherited::default())
    }

    pub(crate) fn start_on(settings: Settings, sockets: Inherited) -> Self {
        let clock = Clock::start();
        let mut state = State::new([7; 32]);
        let compiled = compile(configuration(&settings), None, &mut state);
        let live = Arc::new(Live::new(compiled.begin(clock.now())));
        let seen = Arc::new(Seen::default());
        let workers = NonZeroUsize::new(settings.workers.max(1)).unwrap();
        let (backend, watching) = (Arc::clone(&seen), Arc::clone(&seen));
        let server = Server::start(Arc::clone(&live), clock, workers, move |_context| {
            (Backends(Arc::clone(&backend), clock), Watcher(Arc::clone(&watching)))
        })
        .unwrap();
        server.inherit(sockets);
        let prepared = server.prepare(&live.current()).unwrap();
        server.commit(prepared);
        Self { server: Some(server), live, seen, state, clock, settings }
    }

    pub(crate) fn plain() -> Self {
        Self::start(Settings::default())
    }

    pub(crate) fn with_limits(limits: &str) -> Self {
        Self::start(Settings { limits: limits.to_owned(), ..Settings::default() })
    }

    pub(crate) fn server(&self) -> &Server {
        self.server.as_ref().unwrap()
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.server().addresses()[0]
    }

    pub(crate) fn connect(&self) -> Client<TcpStream> {
        Client::new(connect(self.address()))
    }

    /// Reloads with other settings: prepare, replace, commit, retire.
    pub(crate) fn reload(&mut self, settings: Settings) -> Result<(), Vec<String>> {
        let compiled = compile(configuration(&settings), Some(&self.live.current()), &mut self.state);
        let prepared: Prepared = self.server().prepare(compiled.snapshot())?;
        let old: Arc<Snapshot> = self.live.replace(compiled.begin(self.clock.now()));
        self.server().commit(prepared);
        self.server().retire();
        drop(old);
        self.settings = settings;
        Ok(())
    }

    pub(crate) fn calls(&self) -> Vec<Call> {
        self.seen.calls.lock().unwrap().clone()
    }

    pub(crate) fn saw(&self, event: Event) -> bool {
        self.seen.events.lock().unwrap().contains(&event)
    }

    /// Waits until an event has been seen.
    pub(crate) fn until_saw(&self, event: Event) {
        until(&format!("{event:?}"), || self.saw(event));
    }

    pub(crate) fn count(&self, event: Event) -> usize {
        self.seen.events.lock().unwrap().iter().filter(|seen| **seen == event).count()
    }

    /// Drains on this thread.
    pub(crate) fn drain(&mut self, wait: Duration, limit: Duration) -> postern_server::Drained {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(self.server.take().unwrap().drain(wait, limit))
    }
}

/// Waits for a condition.
pub(crate) fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let started = Instant::now();
    while !condition() {
        assert!(started.elapsed() < PATIENCE, "waited too long for {what}");
        std::thread::yield_now();
    }
}

pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

/// Reads the configuration of a test with the house's own reader.
pub(crate) fn configuration(settings: &Settings) -> postern_model::Configuration {
    let address = settings.address.clone().unwrap_or_else(|| "127.0.0.1:8080".to_owned());
    let listeners: String = std::iter::once(&address)
        .chain(&settings.more_addresses)
        .map(|address| format!("      - address: \"{address}\"\n"))
        .collect();
    let limits = match settings.limits.is_empty() {
        true => String::new(),
        false => format!("limits: {{{}}}\n", settings.limits),
    };
    let file = format!(
        "region: us-east-1\naccountId: \"123456789012\"\nvpcEndpoints:\n  - vpcEndpointId: vpce-01234567abcdef012\n    \
         vpcId: vpc-0aaaabbbbccccdddd\n    listeners:\n{listeners}{endpoint}restApis:\n  - id: a1b2c3d4e5\n    \
         definition: api.json\n    endpointConfiguration: {{types: [PRIVATE]}}\n    policyFile: policy.json\n    \
         stages: [{{stageName: demo}}]\n{limits}",
        endpoint = settings.endpoint,
    );
    let surroundings = Documents(HashMap::from([
        (PathBuf::from("postern.yaml"), file.clone().into_bytes()),
        (PathBuf::from("api.json"), DEFINITION.as_bytes().to_vec()),
        (PathBuf::from("policy.json"), POLICY.as_bytes().to_vec()),
    ]));
    let outcome = postern_config::read("postern.yaml", &surroundings);
    let mut configuration = outcome.configuration.unwrap_or_else(|| panic!("{:?}\n{file}", outcome.problems));
    if settings.address.is_none() {
        // A file must name a port; a test takes any that is free.
        configuration.vpc_endpoints[0].listeners[0].address.set_port(0);
    }
    if let Some(change) = settings.snapshot {
        change(&mut configuration);
    }
    configuration
}

struct Documents(HashMap<PathBuf, Vec<u8>>);

impl Surroundings for Documents {
    fn read(&self, path: &Path) -> Result<Vec<u8>, ReadFailure> {
        let name = path.file_name().map(PathBuf::from).unwrap_or_default();
        match self.0.get(&name) {
            Some(bytes) => Ok(bytes.clone()),
            None => std::fs::read(path).map_err(ReadFailure::from),
        }
    }

    fn variable(&self, _name: &str) -> Option<String> {
        None
    }
}

struct Watcher(Arc<Seen>);

impl Recorder for Watcher {
    fn exchange(&self, record: &Record<'_>, sent: Sent) {
        self.0.exchanges.lock().unwrap().push((record.status(), sent));
    }

    fn event(&self, event: Event) {
        self.0.events.lock().unwrap().push(event);
    }
}

/// Backends that do what the path says.
struct Backends(Arc<Seen>, Clock);

impl Effects for Backends {
    type Reply = Scripted;

    fn monotonic_nanoseconds(&self) -> u64 {
        self.1.monotonic_nanoseconds()
    }

    async fn integrate<B: RequestBody>(
        &self,
        call: &IntegrationCall<'_>,
        body: CallBody<'_, B>,
    ) -> Result<Scripted, IntegrationFailure> {
        let head = String::from_utf8(call.head.to_vec()).unwrap();
        let path = head.split(' ').nth(1).unwrap().to_owned();
        let mut words = path.trim_start_matches('/').split('/');
        let what = words.next().unwrap_or_default();
        let mut number = || words.next().and_then(|word| word.parse::<usize>().ok()).unwrap_or(0);
        match what {
            "hang" => {
                let _watched = Dropped(&self.0.bodies_dropped);
                self.0.calls.lock().unwrap().push(Call { head, body: Vec::new(), body_fault: None });
                return pending().await;
            }
            "wait" => {
                self.0.calls.lock().unwrap().push(Call { head, body: Vec::new(), body_fault: None });
                while !self.0.released.load(Ordering::Relaxed) {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
                return Ok(Scripted::whole(b"released", call.is_head));
            }
            "early" => return Ok(Scripted::whole(b"early", call.is_head)),
            "panic" => panic!("a fault in a backend's side"),
            _ => {}
        }
        let mut read = Vec::new();
        let mut fault = None;
        match body {
            CallBody::None => {}
            CallBody::Whole(bytes) => read.extend_from_slice(bytes),
            CallBody::Stream(body) => {
                read.extend_from_slice(body.take_arrived());
                loop {
                    match body.next().await {
                        Ok(Some(piece)) => read.extend_from_slice(piece),
                        Ok(None) => break,
                        Err(found) => {
                            fault = Some(found);
                            break;
                        }
                    }
                }
            }
        }
        self.0.calls.lock().unwrap().push(Call { head, body: read.clone(), body_fault: fault });
        if let Some(fault) = fault {
            let kind = IntegrationFailureKind::ClientBody(fault);
            return Err(IntegrationFailure { kind, reason: "the client's body".into() });
        }
        Ok(match what {
            "echo" => Scripted::whole(&read, call.is_head),
            "count" => Scripted::whole(read.len().to_string().as_bytes(), call.is_head),
            "bytes" => Scripted::whole(&pattern(number()), call.is_head),
            "pieces" => Scripted::pieces(number(), number(), true),
            "chunked" => Scripted::pieces(number(), number(), false),
            "break" => Scripted::broken(number()),
            "empty" => Scripted::status(204),
            "notmodified" => Scripted::status(304),
            _ => Scripted::whole(b"hello", call.is_head),
        })
    }
}

struct Dropped<'s>(&'s Mutex<u64>);

impl Drop for Dropped<'_> {
    fn drop(&mut self) {
        *self.0.lock().unwrap() += 1;
    }
}

/// Bytes that show when one is missing.
pub(crate) fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|index| b"0123456789abcdefghijklmnopqrstuvwxyz"[index % 36]).collect()
}

/// An answer that comes as a script says.
pub(crate) struct Scripted {
    head_bytes: Vec<u8>,
    head: ResponseHead,
    length: BodyLength,
    arrived: Vec<u8>,
    later: std::vec::IntoIter<Result<Vec<u8>, ()>>,
    piece: Vec<u8>,
}

impl Scripted {
    fn new(
        status: u16,
        length: BodyLength,
        is_head: bool,
        arrived: Vec<u8>,
        later: Vec<Result<Vec<u8>, ()>>,
    ) -> Self {
        let framing = match length {
            BodyLength::None => "Content-Length: 0\r\n".to_owned(),
            BodyLength::Known(length) => format!("Content-Length: {length}\r\n"),
            BodyLength::Unknown => "Transfer-Encoding: chunked\r\n".to_owned(),
        };
        let text = format!(
            "HTTP/1.1 {status} Scripted\r\nContent-Type: text/plain\r\nX-Backend: Yes\r\n{framing}\r\n"
        );
        let mut head = ResponseHead::default();
        read_response(text.as_bytes(), &Limits::PRIVATE, is_head, &mut head).unwrap();
        let length = if is_head { BodyLength::None } else { length };
        Self {
            head_bytes: text.into_bytes(),
            head,
            length,
            arrived,
            later: later.into_iter(),
            piece: Vec::new(),
        }
    }

    fn whole(body: &[u8], is_head: bool) -> Self {
        let arrived = if is_head { Vec::new() } else { body.to_vec() };
        Self::new(200, BodyLength::Known(body.len() as u64), is_head, arrived, Vec::new())
    }

    fn pieces(count: usize, size: usize, is_counted: bool) -> Self {
        let whole = pattern(count * size);
        let pieces = whole.chunks(size.max(1)).map(|piece| Ok(piece.to_vec())).collect();
        let length = if is_counted { BodyLength::Known(whole.len() as u64) } else { BodyLength::Unknown };
        Self::new(200, length, false, Vec::new(), pieces)
    }

    fn broken(after: usize) -> Self {
        let pieces = vec![Ok(pattern(after)), Err(())];
        Self::new(200, BodyLength::Unknown, false, Vec::new(), pieces)
    }

    fn status(status: u16) -> Self {
        Self::new(status, BodyLength::None, false, Vec::new(), Vec::new())
    }
}

impl Reply for Scripted {
    fn status(&self) -> u16 {
        self.head.status()
    }

    fn head(&self) -> (&[u8], &ResponseHead) {
        (&self.head_bytes, &self.head)
    }

    fn length(&self) -> BodyLength {
        self.length
    }

    async fn next(&mut self) -> Result<Option<&[u8]>, IntegrationFailure> {
        // As a backend's pieces do, each comes after a wait.
        tokio::task::yield_now().await;
        match self.later.next() {
            Some(Ok(piece)) => {
                self.piece = piece;
                Ok(Some(&self.piece))
            }
            Some(Err(())) => Err(IntegrationFailure {
                kind: IntegrationFailureKind::BadAnswer,
                reason: "cut short".into(),
            }),
            None => Ok(None),
        }
    }

    fn take_arrived(&mut self) -> &[u8] {
        self.piece = std::mem::take(&mut self.arrived);
        &self.piece
    }
}

/// A client that writes its bytes by hand.
pub(crate) struct Client<S> {
    pub(crate) stream: S,
    received: Vec<u8>,
}

/// An answer as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn closes(&self) -> bool {
        self.field("connection") == Some("close")
    }
}

impl<S: Read + Write> Client<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self { stream, received: Vec::new() }
    }

    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).unwrap();
        self.stream.flush().unwrap();
    }

    pub(crate) fn get(&mut self, path: &str) -> Answer {
        self.send(get(path));
        self.answer()
    }

    /// Reads some; `false` at the end.
    fn fill(&mut self) -> io::Result<bool> {
        let mut buffer = [0; 65536];
        let read = self.stream.read(&mut buffer)?;
        self.received.extend_from_slice(&buffer[..read]);
        Ok(read > 0)
    }

    pub(crate) fn take(&mut self, length: usize) -> Vec<u8> {
        while self.received.len() < length {
            assert!(
                self.fill().unwrap(),
                "ended within a body: {:?}",
                String::from_utf8_lossy(&self.received)
            );
        }
        self.received.drain(..length).collect()
    }

    fn take_until(&mut self, end: &[u8]) -> Vec<u8> {
        loop {
            if let Some(at) = self.received.windows(end.len()).position(|window| window == end) {
                return self.received.drain(..at + end.len()).collect();
            }
            assert!(
                self.fill().unwrap(),
                "ended within a head: {:?}",
                String::from_utf8_lossy(&self.received)
            );
        }
    }

    /// Reads the head of an answer.
    pub(crate) fn head(&mut self) -> Answer {
        let head = String::from_utf8(self.take_until(b"\r\n\r\n")).unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Answer { status, head, body: Vec::new() }
    }

    /// Reads a whole answer to anything but HEAD.
    pub(crate) fn answer(&mut self) -> Answer {
        let mut answer = self.head();
        if let Some(length) = answer.field("content-length") {
            answer.body = self.take(length.parse().unwrap());
        } else if answer.field("transfer-encoding") == Some("chunked") {
            loop {
                let line = String::from_utf8(self.take_until(b"\r\n")).unwrap();
                let size = usize::from_str_radix(line.trim(), 16).unwrap();
                let data = self.take(size + 2);
                assert_eq!(&data[size..], b"\r\n");
                if size == 0 {
                    break;
                }
                answer.body.extend_from_slice(&data[..size]);
            }
        }
        answer
    }

    /// Reads to the end; `Err` is a reset.
    pub(crate) fn rest(&mut self) -> io::Result<Vec<u8>> {
        while self.fill()? {}
        Ok(std::mem::take(&mut self.received))
    }

    /// The connection is closed and nothing more comes.
    pub(crate) fn ends(&mut self) {
        match self.rest() {
            Ok(rest) => assert_eq!(String::from_utf8_lossy(&rest), ""),
            Err(fault) => panic!("ended with {fault}"),
        }
    }
}

pub(crate) fn get(path: &str) -> String {
    format!("GET /demo{path} HTTP/1.1\r\nHost: {HOST}\r\n\r\n")
}

pub(crate) fn post(path: &str, fields: &str, body: &str) -> String {
    format!("POST /demo{path} HTTP/1.1\r\nHost: {HOST}\r\n{fields}\r\n{body}")
}

/// Settings of an endpoint with a fresh certificate, and the certificate.
pub(crate) fn secured(folder: &TempDir) -> (Settings, CertificateDer<'static>) {
    let made = rcgen::generate_simple_self_signed(vec![HOST.to_owned()]).unwrap();
    let (certificate, key) = (folder.path().join("gateway.crt"), folder.path().join("gateway.key"));
    fs::write(&certificate, made.cert.pem()).unwrap();
    fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    fs::set_permissions(&key, fs::Permissions::from_mode(0o400)).unwrap();
    let endpoint = format!(
        "    tls:\n      - certificateFile: {}\n        privateKeyFile: {}\n",
        certificate.display(),
        key.display()
    );
    (Settings { endpoint, ..Settings::default() }, made.cert.der().clone())
}

/// A client that trusts one certificate.
pub(crate) fn client_config(trusted: CertificateDer<'static>) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(trusted).unwrap();
    ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth()
}

/// A secured connection that asks for the host of every test.
pub(crate) fn secure(
    address: SocketAddr,
    config: &Arc<ClientConfig>,
) -> Client<StreamOwned<ClientConnection, TcpStream>> {
    let session = ClientConnection::new(Arc::clone(config), ServerName::try_from(HOST).unwrap()).unwrap();
    Client::new(StreamOwned::new(session, connect(address)))
}
