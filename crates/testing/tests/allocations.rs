//! The budget of a whole request: from the client's bytes to the backend and back, counted and logged, nothing
//! is allocated.
//!
//! The rooms are put together as the program does it, with an allocator that counts for the whole process: the
//! worker, the thread that writes the log, and whatever else runs. Client and backend work in memory of their
//! own.
#![cfg(test)]

use std::{
    alloc::System,
    fs,
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    num::NonZeroUsize,
    path::Path,
    rc::Rc,
    sync::Arc,
    thread,
};

use postern_config::{ReadFailure, Surroundings};
use postern_gateway::{Live, State, compile};
use postern_model::Configuration;
use postern_observe::{AccessLogSink, Instruments};
use postern_server::{Clock, Server};
use postern_testing::{API_HOST, Place, base_configuration, definition, http_proxy, until};
use postern_upstream::{Backends, ClientTls, FunctionHost, Upstream};
use serde_json::json;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const KEY: &str = "abcdefghijklmnopqrstuvwxyz";
const REQUESTS: usize = 1_000;
const BATCHES: usize = 8;

/// What reads a configuration's files: those of the test.
struct Files<'a>(&'a Place);

impl Surroundings for Files<'_> {
    fn read(&self, path: &Path) -> Result<Vec<u8>, ReadFailure> {
        fs::read(self.0.path().join(path)).map_err(ReadFailure::from)
    }

    fn variable(&self, _name: &str) -> Option<String> {
        None
    }
}

/// An API with a method for everybody and one for a key, whose plan throttles and counts.
fn configuration(place: &Place, backend: SocketAddr) -> Configuration {
    let mut keyed = http_proxy("GET", backend, "/keyed");
    keyed["security"] = json!([{"api_key": []}]);
    let paths = json!({
        "/plain": {"get": http_proxy("GET", backend, "/plain"), "post": http_proxy("POST", backend, "/plain")},
        "/keyed": {"get": keyed},
    });
    let mut definition = definition(&paths);
    definition["components"] =
        json!({"securitySchemes": {"api_key": {"type": "apiKey", "name": "x-api-key", "in": "header"}}});
    let mut whole = base_configuration(place, &definition);
    whole["apiKeys"] = json!([{"name": "key", "value": KEY}]);
    whole["usagePlans"] = json!([{
        "name": "plan", "apiKeys": ["key"], "apiStages": [{"apiId": postern_testing::API_ID, "stage": "demo"}],
        "throttle": {"rateLimit": 1e6, "burstLimit": 1_000_000}, "quota": {"limit": 1_000_000, "period": "DAY"},
    }]);
    whole["accessLog"] = json!({
        "destination": place.path().join("access.log"),
        "format": "$context.requestId $context.identity.sourceIp [$context.requestTime] $context.httpMethod \
                   $context.path $context.status $context.responseLength $context.identity.apiKeyId",
    });
    place.write("postern.yaml", &whole.to_string());
    let outcome = postern_config::read("postern.yaml", &Files(place));
    outcome.configuration.unwrap_or_else(|| panic!("{:?}", outcome.problems))
}

/// What the program does (`assemble`), in little.
fn serve(configuration: Configuration) -> Server {
    let log = configuration.access_log.as_ref().map(|log| log.destination.clone()).unwrap();
    let clock = Clock::start();
    let compiled = compile(configuration, None, &mut State::new([7; 32]));
    let live = Arc::new(Live::new(compiled.begin(clock.now())));
    let instruments = Arc::new(Instruments::start().unwrap());
    let functions = FunctionHost::start(NonZeroUsize::MIN, |_| {}).unwrap();
    let backends = Arc::new(Backends::new(ClientTls::with_system_roots().unwrap(), functions));
    let (recorders, shared) = (Arc::clone(&instruments), Arc::clone(&backends));
    let server = Server::start(Arc::clone(&live), clock, NonZeroUsize::MIN, move |context| {
        let recorder = Rc::new(recorders.worker());
        let upstream =
            Upstream::new(context.timers, Rc::clone(&recorder), Arc::clone(&shared), context.outbox);
        tokio::task::spawn_local(upstream.tend(context.live));
        (upstream, recorder)
    });
    let server = server.unwrap();
    let house = live.current();
    instruments.serve(&house, AccessLogSink::open(&log).unwrap());
    backends.serve(&house);
    server.commit(server.prepare(&house).unwrap());
    server
}

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello";

/// A backend that answers each request alike, whose body comes with its head.
fn backend() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut bytes = [0; 4_096];
        while stream.read(&mut bytes).is_ok_and(|count| count > 0) {
            stream.write_all(ANSWER).unwrap();
        }
    });
    address
}

#[test]
fn a_request_through_the_whole_gateway_allocates_nothing() {
    let place = Place::new();
    let configuration = configuration(&place, backend());
    let address = configuration.vpc_endpoints[0].listeners[0].address;
    let server = serve(configuration);
    until("the gateway to listen", || TcpStream::connect(address).ok().map(drop));
    let mut client = TcpStream::connect(address).unwrap();
    client.set_nodelay(true).unwrap();
    let requests = [
        format!("GET /demo/plain?a=b HTTP/1.1\r\nHost: {API_HOST}\r\nAccept: */*\r\n\r\n"),
        format!("GET /demo/keyed HTTP/1.1\r\nHost: {API_HOST}\r\nx-api-key: {KEY}\r\n\r\n"),
        format!("POST /demo/plain HTTP/1.1\r\nHost: {API_HOST}\r\nContent-Length: 7\r\n\r\nconten\n"),
    ];
    let mut buffer = [0; 4_096];
    let mut ask = |request: &str| {
        client.write_all(request.as_bytes()).unwrap();
        let mut filled = 0;
        while !buffer[..filled].ends_with(b"hello") {
            let count = client.read(&mut buffer[filled..]).unwrap();
            assert!(count > 0, "{}", String::from_utf8_lossy(&buffer[..filled]));
            filled += count;
        }
        assert!(buffer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&buffer[..filled]));
    };
    for request in &requests {
        for _ in 0..REQUESTS {
            ask(request);
        }
        // What allocates for a request does so in every batch; a tick of a clock or a thread that starts late does
        // not.
        let batches: Vec<_> = (0..BATCHES)
            .map(|_| {
                let region = Region::new(ALLOCATOR);
                for _ in 0..REQUESTS {
                    ask(request);
                }
                let change = region.change();
                change.allocations + change.reallocations
            })
            .collect();
        assert_eq!(batches.iter().min(), Some(&0), "{request}{batches:?}");
    }
    let logged = || place.read("access.log").lines().count();
    until("every request to be logged", || {
        (logged() == (1 + BATCHES) * requests.len() * REQUESTS).then_some(())
    });
    drop(server);
}
