//! The admin listener: a thread and a runtime of its own, so that it answers whatever the workers do.

use std::{
    convert::Infallible,
    io,
    net::{SocketAddr, TcpListener},
    sync::Arc,
    time::Duration,
};

use hyper::{
    Method, Request, Response, StatusCode,
    body::Incoming,
    header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use postern_gateway::KeyUsage;
use postern_model::Admin;
use serde_json::{Value, json};
use tokio::{
    net::TcpStream,
    sync::{Semaphore, oneshot},
    time,
};

use crate::{
    background::Background,
    command::problems_json,
    signals::{Event, Events},
    status::{Refused, Serving, Status, since_epoch},
};

/// An address that is listened on, and not served yet.
#[derive(Debug)]
pub(crate) struct AdminListener {
    listener: TcpListener,
    address: SocketAddr,
}

impl AdminListener {
    /// Listens.
    ///
    /// # Errors
    ///
    /// A sentence that names the address.
    pub(crate) fn bind(admin: Admin) -> Result<Self, String> {
        let address = admin.address;
        let listen = || {
            let listener = TcpListener::bind(address)?;
            listener.set_nonblocking(true)?;
            Ok(listener)
        };
        let listener = listen();
        let cannot = |fault: io::Error| format!("the admin listener cannot listen on {address}: {fault}");
        Ok(Self { listener: listener.map_err(cannot)?, address })
    }
}

/// Serves an admin listener until what this gives is dropped.
///
/// # Errors
///
/// When the system gives no thread or event queue.
pub(crate) fn start(listener: AdminListener, status: Arc<Status>, events: Events) -> io::Result<Background> {
    let is_private = listener.address.ip().is_loopback();
    let desk = Arc::new(Desk { status, events, is_private });
    Background::start("admin", move || accept(listener.listener, desk))
}

/// Connections at once; more wait to be accepted.
const CONNECTIONS: usize = 64;
/// The longest life of a connection: nobody holds a place for ever.
const CONNECTION_AGE: Duration = Duration::from_secs(300);
const HEAD_TIME: Duration = Duration::from_secs(5);
/// A pause after a connection could not be accepted.
const BREATH: Duration = Duration::from_millis(100);
/// How long a reload may take before whoever asked is told so.
const RELOAD_TIME: Duration = Duration::from_secs(60);

async fn accept(listener: TcpListener, desk: Arc<Desk>) {
    let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { return };
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, _)) => {
                let desk = Arc::clone(&desk);
                tokio::spawn(async move {
                    // What goes wrong with a connection is its client's affair.
                    let _ = time::timeout(CONNECTION_AGE, serve(stream, desk)).await;
                    drop(place);
                });
            }
            Err(_) => time::sleep(BREATH).await,
        }
    }
}

async fn serve(stream: TcpStream, desk: Arc<Desk>) -> hyper::Result<()> {
    let answer = service_fn(|request: Request<Incoming>| {
        let desk = Arc::clone(&desk);
        async move { Ok::<_, Infallible>(desk.answer(request.method(), request.uri().path()).await) }
    });
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME)
        .serve_connection(TokioIo::new(stream), answer)
        .await
}

/// Who answers.
struct Desk {
    status: Arc<Status>,
    events: Events,
    /// Whether only this machine can ask.
    is_private: bool,
}

/// A page of the admin listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Page {
    Live,
    Ready,
    Metrics,
    Configuration,
    Reload,
    Usage,
}

/// Every page: its path, its method, whether it answers beyond loopback too.
const PAGES: &[(&str, Method, bool, Page)] = &[
    ("/livez", Method::GET, true, Page::Live),
    ("/readyz", Method::GET, true, Page::Ready),
    ("/metrics", Method::GET, true, Page::Metrics),
    ("/config", Method::GET, false, Page::Configuration),
    ("/reload", Method::POST, false, Page::Reload),
    ("/usage", Method::GET, false, Page::Usage),
];

impl Desk {
    async fn answer(&self, method: &Method, path: &str) -> Response<String> {
        let Some((_, allowed, is_public, page)) = PAGES.iter().find(|(own, ..)| *own == path) else {
            return text(StatusCode::NOT_FOUND, "no such page\n");
        };
        if !is_public && !self.is_private {
            return text(StatusCode::FORBIDDEN, "only on a loopback address\n");
        }
        if method != allowed && !(method == Method::HEAD && allowed == Method::GET) {
            let mut refusal = text(StatusCode::METHOD_NOT_ALLOWED, "another method\n");
            if let Ok(allowed) = HeaderValue::from_str(allowed.as_str()) {
                refusal.headers_mut().insert(ALLOW, allowed);
            }
            return refusal;
        }
        match page {
            Page::Live => text(StatusCode::OK, "live\n"),
            Page::Ready if self.status.is_ready() => text(StatusCode::OK, "ready\n"),
            Page::Ready => text(StatusCode::SERVICE_UNAVAILABLE, "not ready\n"),
            Page::Metrics => {
                let kind = "text/plain; version=0.0.4; charset=utf-8";
                page_of(StatusCode::OK, kind, self.status.metrics())
            }
            Page::Configuration => json_page(StatusCode::OK, &self.configuration()),
            Page::Reload => self.reload().await,
            Page::Usage => json_page(StatusCode::OK, &self.usage()),
        }
    }

    fn configuration(&self) -> Value {
        let Serving { generation, file, hash, loaded_at, refused } = self.status.serving();
        let refused = refused.map(
            |Refused { at, problems }| json!({"at": at.as_secs(), "problems": problems_json(&problems)}),
        );
        json!({
            "generation": generation,
            "file": file,
            "hash": hash,
            "loadedAt": loaded_at.as_secs(),
            "refusedReload": refused,
        })
    }

    async fn reload(&self) -> Response<String> {
        let (answer, answered) = oneshot::channel();
        let unavailable = || text(StatusCode::SERVICE_UNAVAILABLE, "the gateway is going away or busy\n");
        if self.events.send(Event::Reload(Some(answer))).await.is_err() {
            return unavailable();
        }
        let Ok(Ok(reloaded)) = time::timeout(RELOAD_TIME, answered).await else { return unavailable() };
        let status = if reloaded.done { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
        let page = json!({
            "reloaded": reloaded.done,
            "generation": reloaded.generation,
            "problems": problems_json(&reloaded.problems),
        });
        json_page(status, &page)
    }

    fn usage(&self) -> Value {
        let house = self.status.live.current();
        let now = u64::try_from(since_epoch().as_millis()).unwrap_or(u64::MAX);
        let rows: Vec<Value> = house.usage().map(|usage| usage_row(&usage, now)).collect();
        json!({"usage": rows})
    }
}

/// What a key has used of a plan; without a quota nothing is counted.
fn usage_row(usage: &KeyUsage<'_>, epoch_milliseconds: u64) -> Value {
    let KeyUsage { plan, key, quota, level } = usage;
    match quota {
        Some(quota) => {
            let (used, left) = level.used_and_left(*quota, epoch_milliseconds);
            let period = quota.period.to_string();
            json!({"plan": plan, "key": key, "period": period, "limit": quota.limit, "used": used, "left": left})
        }
        None => json!({"plan": plan, "key": key}),
    }
}

fn text(status: StatusCode, words: &str) -> Response<String> {
    page_of(status, "text/plain; charset=utf-8", words.to_owned())
}

fn json_page(status: StatusCode, page: &Value) -> Response<String> {
    page_of(status, "application/json", format!("{page}\n"))
}

fn page_of(status: StatusCode, kind: &'static str, body: String) -> Response<String> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
