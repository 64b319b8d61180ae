//! HTTP/2 over real sockets: streams that walk like requests of HTTP/1.1.
#![expect(clippy::unwrap_used, reason = "the helpers of a test may fail like the test")]

#[cfg(test)]
mod support;

use std::{
    future::{Future, poll_fn},
    net::SocketAddr,
    pin::Pin,
    sync::atomic::Ordering,
    time::Duration,
};

use hyper::{
    Request, Response, StatusCode, Version,
    body::{Body, Bytes, Incoming},
    client::conn::http2::{Builder, SendRequest},
    rt::Executor,
};
use hyper_util::rt::TokioIo;
use postern_gateway::{BodyFault, Event};
use support::{Gateway, HOST, Settings, pattern, until};
use tokio::io::{AsyncRead, AsyncWrite};

#[derive(Clone)]
struct Local;

impl<F: Future + 'static> Executor<F> for Local {
    fn execute(&self, future: F) {
        tokio::task::spawn_local(async move {
            future.await;
        });
    }
}

fn settings() -> Settings {
    Settings { endpoint: "    http2: true\n".to_owned(), ..Settings::default() }
}

/// Runs a client on this thread.
fn run<T>(client: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let local = tokio::task::LocalSet::new();
    local.block_on(&runtime, async { tokio::time::timeout(support::PATIENCE, client).await.unwrap() })
}

async fn connect(address: SocketAddr) -> SendRequest<String> {
    speak(tokio::net::TcpStream::connect(address).await.unwrap()).await
}

async fn speak<S: AsyncRead + AsyncWrite + Unpin + 'static>(stream: S) -> SendRequest<String> {
    let (sender, connection) = Builder::new(Local).handshake(TokioIo::new(stream)).await.unwrap();
    tokio::task::spawn_local(async move {
        let _ = connection.await;
    });
    sender
}

fn request(method: &str, path: &str, body: &str) -> Request<String> {
    let uri = format!("http://{HOST}/demo{path}");
    Request::builder().method(method).uri(uri).body(body.to_owned()).unwrap()
}

async fn ask(sender: &mut SendRequest<String>, request: Request<String>) -> Response<Incoming> {
    sender.ready().await.unwrap();
    sender.send_request(request).await.unwrap()
}

/// The whole body, or the fault that broke it off.
async fn body(response: Response<Incoming>) -> Result<Vec<u8>, hyper::Error> {
    let mut incoming = response.into_body();
    let mut whole = Vec::new();
    while let Some(frame) = poll_fn(|context| Pin::new(&mut incoming).poll_frame(context)).await {
        whole.extend_from_slice(&frame?.into_data().unwrap_or_else(|_| Bytes::new()));
    }
    Ok(whole)
}

#[test]
fn h2_streams_are_served_like_requests() {
    let gateway = Gateway::start(settings());
    run(async {
        let mut sender = connect(gateway.address()).await;
        for _ in 0..3 {
            let answer = ask(&mut sender, request("GET", "/pets?a=b", "")).await;
            assert_eq!((answer.status(), answer.version()), (StatusCode::OK, Version::HTTP_2));
            assert_eq!(answer.headers()["content-length"], "5");
            assert_eq!(answer.headers()["x-backend"], "Yes");
            assert!(answer.headers().contains_key("date"));
            assert!(answer.headers().contains_key("x-amzn-requestid"));
            assert_eq!(body(answer).await.unwrap(), b"hello");
        }
    });
    assert!(gateway.calls()[0].head.starts_with("GET /pets?a=b HTTP/1.1\r\n"), "{}", gateway.calls()[0].head);
    assert_eq!(gateway.count(Event::ConnectionOpened), 1);
    until("every record", || gateway.seen.exchanges.lock().unwrap().len() == 3);
    assert!(
        gateway.seen.exchanges.lock().unwrap().iter().all(|(_, sent)| sent.complete && sent.body_bytes == 5)
    );
}

#[test]
fn h2_is_agreed_on_within_tls() {
    let folder = tempfile::TempDir::new().unwrap();
    let (mut settings, trusted) = support::secured(&folder);
    settings.endpoint += "    http2: true\n";
    let gateway = Gateway::start(settings);
    let mut config = support::client_config(trusted);
    config.alpn_protocols = vec![b"h2".to_vec()];
    let connector = tokio_rustls::TlsConnector::from(std::sync::Arc::new(config));
    run(async {
        let socket = tokio::net::TcpStream::connect(gateway.address()).await.unwrap();
        let stream = connector.connect(HOST.try_into().unwrap(), socket).await.unwrap();
        let mut sender = speak(stream).await;
        sender.ready().await.unwrap();
        let answers: Vec<_> = (0..100)
            .map(|size| sender.send_request(request("POST", "/echo", &"x".repeat(size * 100))))
            .collect();
        for (size, answer) in answers.into_iter().enumerate() {
            assert_eq!(body(answer.await.unwrap()).await.unwrap().len(), size * 100);
        }
        let large = ask(&mut sender, request("GET", "/pieces/10/100000", "")).await;
        assert_eq!(body(large).await.unwrap(), pattern(1_000_000));
    });
}

#[test]
fn h2_http_1_is_served_at_the_same_listener() {
    let gateway = Gateway::start(settings());
    assert_eq!(gateway.connect().get("/pets").text(), "hello");
    let mut client = gateway.connect();
    // Both begin alike.
    client.send("P");
    std::thread::sleep(Duration::from_millis(50));
    client.send(support::post("/echo", "Content-Length: 1\r\n", "x").trim_start_matches('P'));
    assert_eq!(client.answer().text(), "x");
}

#[test]
fn h2_bodies_of_every_size_pass_both_ways() {
    let gateway = Gateway::start(settings());
    run(async {
        let mut sender = connect(gateway.address()).await;
        for size in [0, 1, 1_000, 16_384, 16_385, 70_000, 131_073, 1_000_000] {
            let text = String::from_utf8(pattern(size)).unwrap();
            let answer = ask(&mut sender, request("POST", "/echo", &text)).await;
            assert_eq!(body(answer).await.unwrap(), text.as_bytes(), "{size}");
            let answer = ask(&mut sender, request("GET", &format!("/chunked/3/{size}"), "")).await;
            assert!(!answer.headers().contains_key("transfer-encoding"));
            assert_eq!(body(answer).await.unwrap(), pattern(3 * size), "{size}");
            let answer = ask(&mut sender, request("GET", &format!("/pieces/3/{size}"), "")).await;
            assert_eq!(body(answer).await.unwrap(), pattern(3 * size), "{size}");
        }
    });
}

#[test]
fn h2_many_streams_at_once_do_not_wait_for_each_other() {
    let gateway = Gateway::start(settings());
    run(async {
        let mut sender = connect(gateway.address()).await;
        sender.ready().await.unwrap();
        let waiting = sender.send_request(request("GET", "/wait", ""));
        let answers: Vec<_> =
            (0..50).map(|size| sender.send_request(request("GET", &format!("/bytes/{size}"), ""))).collect();
        for (size, answer) in answers.into_iter().enumerate() {
            assert_eq!(body(answer.await.unwrap()).await.unwrap(), pattern(size));
        }
        gateway.seen.released.store(true, Ordering::Relaxed);
        assert_eq!(body(waiting.await.unwrap()).await.unwrap(), b"released");
    });
}

#[test]
fn h2_head_and_bodyless_answers_end_with_their_heads() {
    let gateway = Gateway::start(settings());
    run(async {
        let mut sender = connect(gateway.address()).await;
        let answer = ask(&mut sender, request("HEAD", "/bytes/77", "")).await;
        assert_eq!(answer.headers()["content-length"], "77");
        assert_eq!(body(answer).await.unwrap(), b"");
        for (path, status) in [("/empty", 204), ("/notmodified", 304)] {
            let answer = ask(&mut sender, request("GET", path, "")).await;
            assert_eq!(answer.status().as_u16(), status);
            assert!(!answer.headers().contains_key("content-length"));
            assert_eq!(body(answer).await.unwrap(), b"");
        }
    });
}

#[test]
fn h2_heads_pass_the_grammar_of_http_1() {
    let gateway = Gateway::start(settings());
    run(async {
        let mut sender = connect(gateway.address()).await;
        let long = "x".repeat(8_100);
        for (name, value, status) in [
            ("host", "elsewhere.example.test", 400),
            ("host", HOST, 200),
            ("x-long", long.as_str(), 431),
            ("expect", "something", 417),
            ("connection", "close", 0),
        ] {
            let mut asked = request("GET", "/pets", "");
            asked.headers_mut().insert(name, value.parse().unwrap());
            sender.ready().await.unwrap();
            let answer = sender.send_request(asked).await;
            let found = answer.map_or(0, |answer| answer.status().as_u16());
            // hyper's client drops `connection` itself.
            let expected = if status == 0 { 200 } else { status };
            assert_eq!(found, expected, "{name}: {}", value.len());
        }
        let answer = ask(&mut sender, request("GET", "/..%2Fadmin", "")).await;
        assert_eq!(answer.status(), 400);
        let connect =
            Request::builder().method("CONNECT").uri(format!("{HOST}:443")).body(String::new()).unwrap();
        assert_eq!(ask(&mut sender, connect).await.status(), 405);
    });
}

#[test]
fn h2_cookies_in_pieces_become_one_field() {
    let gateway = Gateway::start(settings());
    run(async {
        let mut sender = connect(gateway.address()).await;
        let mut asked = request("GET", "/pets", "");
        for piece in ["a=1", "b=2", "c=3"] {
            asked.headers_mut().append("cookie", piece.parse().unwrap());
        }
        assert_eq!(ask(&mut sender, asked).await.status(), 200);
    });
    assert!(gateway.calls()[0].head.contains("cookie: a=1; b=2; c=3\r\n"), "{}", gateway.calls()[0].head);
}

#[test]
fn h2_an_answer_that_breaks_off_resets_its_stream_alone() {
    let gateway = Gateway::start(settings());
    run(async {
        let mut sender = connect(gateway.address()).await;
        let answer = ask(&mut sender, request("GET", "/break/5", "")).await;
        assert_eq!(answer.status(), 200);
        assert!(body(answer).await.is_err());
        assert_eq!(body(ask(&mut sender, request("GET", "/pets", "")).await).await.unwrap(), b"hello");
    });
    assert!(!gateway.seen.exchanges.lock().unwrap()[0].1.complete);
}

#[test]
fn h2_a_client_that_resets_its_stream_ends_the_call() {
    let gateway = Gateway::start(settings());
    run(async {
        let mut sender = connect(gateway.address()).await;
        sender.ready().await.unwrap();
        let waiting = sender.send_request(request("GET", "/hang", ""));
        let task = tokio::task::spawn_local(waiting);
        while gateway.calls().is_empty() {
            tokio::task::yield_now().await;
        }
        task.abort();
        while *gateway.seen.bodies_dropped.lock().unwrap() == 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(ask(&mut sender, request("GET", "/pets", "")).await.status(), 200);
    });
}

#[test]
fn h2_a_fault_closes_its_connection_and_no_other() {
    let gateway = Gateway::start(settings());
    run(async {
        let mut bystander = connect(gateway.address()).await;
        assert_eq!(ask(&mut bystander, request("GET", "/pets", "")).await.status(), 200);
        let mut sender = connect(gateway.address()).await;
        sender.ready().await.unwrap();
        assert!(sender.send_request(request("GET", "/panic", "")).await.is_err());
        while !sender.is_closed() {
            tokio::task::yield_now().await;
        }
        assert_eq!(ask(&mut bystander, request("GET", "/pets", "")).await.status(), 200);
    });
    assert!(gateway.saw(Event::FaultCaught));
}

#[test]
fn drain_h2_streams_are_finished_and_no_more_are_taken() {
    let mut gateway = Gateway::start(settings());
    let address = gateway.address();
    let seen = std::sync::Arc::clone(&gateway.seen);
    std::thread::scope(|scope| {
        let client = scope.spawn(|| {
            run(async {
                let mut idle = connect(address).await;
                assert_eq!(ask(&mut idle, request("GET", "/pets", "")).await.status(), 200);
                let mut busy = connect(address).await;
                busy.ready().await.unwrap();
                let waiting = busy.send_request(request("GET", "/wait", ""));
                while !idle.is_closed() {
                    tokio::task::yield_now().await;
                }
                seen.released.store(true, Ordering::Relaxed);
                assert_eq!(body(waiting.await.unwrap()).await.unwrap(), b"released");
                while !busy.is_closed() {
                    tokio::task::yield_now().await;
                }
            });
        });
        until("both calls", || gateway.calls().len() == 2);
        let drained = gateway.drain(Duration::ZERO, Duration::from_secs(60));
        assert_eq!(drained.aborted, 0);
        client.join().unwrap();
    });
}

#[test]
fn slow_h2_an_idle_connection_is_closed() {
    let gateway = Gateway::start(Settings { limits: "h2IdleSeconds: 1".to_owned(), ..settings() });
    run(async {
        let mut sender = connect(gateway.address()).await;
        assert_eq!(ask(&mut sender, request("GET", "/pets", "")).await.status(), 200);
        while !sender.is_closed() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    gateway.until_saw(Event::ConnectionClosed);
}

#[test]
fn slow_h2_a_connection_that_says_nothing_after_its_preface_is_closed() {
    let gateway = Gateway::start(Settings {
        limits: "h2IdleSeconds: 1, firstByteSeconds: 1, writeStallSeconds: 1".to_owned(),
        ..settings()
    });
    let mut client = gateway.connect();
    client.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0");
    let _ = client.rest();
    gateway.until_saw(Event::ConnectionClosed);
}

#[test]
fn slow_h2_a_body_that_stands_still_is_refused() {
    let gateway = Gateway::start(Settings { limits: "bodyIdleSeconds: 1".to_owned(), ..settings() });
    run(async {
        let stream = tokio::net::TcpStream::connect(gateway.address()).await.unwrap();
        let (mut sender, connection) =
            Builder::new(Local).handshake::<_, Stuck>(TokioIo::new(stream)).await.unwrap();
        tokio::task::spawn_local(async move {
            let _ = connection.await;
        });
        let uri = format!("http://{HOST}/demo/echo");
        let asked = Request::builder().method("POST").uri(uri).header("content-length", "10");
        let answer = sender.send_request(asked.body(Stuck(Some(()))).unwrap()).await.unwrap();
        assert_eq!(answer.status(), 408);
    });
    assert_eq!(gateway.calls()[0].body_fault, Some(BodyFault::TooSlow));
}

/// A body that sends half of itself.
struct Stuck(Option<()>);

impl Body for Stuck {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<hyper::body::Frame<Bytes>, Self::Error>>> {
        match self.0.take() {
            Some(()) => {
                std::task::Poll::Ready(Some(Ok(hyper::body::Frame::data(Bytes::from_static(b"half")))))
            }
            None => std::task::Poll::Pending,
        }
    }
}

#[test]
fn slow_h2_a_client_that_opens_no_window_is_aborted() {
    let gateway = Gateway::start(Settings { limits: "writeStallSeconds: 1".to_owned(), ..settings() });
    run(async {
        let mut sender = connect(gateway.address()).await;
        let answer = ask(&mut sender, request("GET", "/pieces/100/100000", "")).await;
        assert_eq!(answer.status(), 200);
        // The body is not read, so the window stays shut.
        while !sender.is_closed() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        drop(answer);
    });
    assert!(gateway.saw(Event::LimitHit("writeStallSeconds")));
}

#[test]
fn h2_an_old_connection_takes_no_more_requests() {
    let gateway = Gateway::start(Settings { limits: "requestsPerConnection: 2".to_owned(), ..settings() });
    run(async {
        let mut sender = connect(gateway.address()).await;
        for _ in 0..2 {
            assert_eq!(body(ask(&mut sender, request("GET", "/pets", "")).await).await.unwrap(), b"hello");
        }
        while !sender.is_closed() {
            tokio::task::yield_now().await;
        }
    });
}
