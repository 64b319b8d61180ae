//! The admin listener: a thread and a runtime of its own, so that it answers whatever the workers do.

use std::{
    borrow::Cow,
    convert::Infallible,
    io,
    net::{SocketAddr, TcpListener},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use hyper::{
    HeaderMap, Method, Request, Response, StatusCode,
    body::{Body, Bytes, Frame, Incoming, SizeHint},
    header::{ACCEPT, ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use postern_model::Admin;
use postern_observe::{Severity, log};
use serde_json::{Value, json};
use tokio::{
    net::TcpStream,
    sync::{Semaphore, oneshot},
    time,
};

use crate::{
    background::Background,
    command::{denial_json, denial_text, problems_json},
    signals::{Event, Events},
    status::{Refused, Serving, Status, epoch_milliseconds, today},
    usage::{Question, UsagePage, UsageStore},
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
        async move { Ok::<_, Infallible>(desk.answer(&request).await) }
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
    Remaining,
    Denial,
}

/// Every page: its path, its method, whether it answers beyond loopback too. A path that ends with `/`
/// stands for all that begin so.
const PAGES: &[(&str, Method, bool, Page)] = &[
    ("/livez", Method::GET, true, Page::Live),
    ("/readyz", Method::GET, true, Page::Ready),
    ("/metrics", Method::GET, true, Page::Metrics),
    ("/config", Method::GET, false, Page::Configuration),
    ("/reload", Method::POST, false, Page::Reload),
    ("/usage", Method::GET, false, Page::Usage),
    ("/usage", Method::PATCH, false, Page::Remaining),
    (DENIALS, Method::GET, false, Page::Denial),
];

/// Behind it stands a request's id.
const DENIALS: &str = "/denials/";

/// What is answered.
enum Paper {
    /// A page that is there.
    Whole(Option<Bytes>),
    /// A page that is written while it is sent.
    Usage(Box<UsagePage>),
}

impl Body for Paper {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match self.get_mut() {
            Self::Whole(page) => Poll::Ready(page.take().map(|page| Ok(Frame::data(page)))),
            Self::Usage(page) => match page.next_piece() {
                // Others have their turn before the next one.
                Some(piece) if piece.is_empty() => {
                    context.waker().wake_by_ref();
                    Poll::Pending
                }
                piece => Poll::Ready(piece.map(|piece| Ok(Frame::data(piece.into())))),
            },
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(page) => SizeHint::with_exact(page.as_ref().map_or(0, |page| page.len() as u64)),
            Self::Usage(_) => SizeHint::default(),
        }
    }
}

impl Desk {
    async fn answer(&self, request: &Request<Incoming>) -> Response<Paper> {
        match self.page_of(request.method(), request.uri().path()) {
            Ok(page) => self.page(page, request).await.unwrap_or_else(Refusal::into_response),
            Err(refusal) => refusal.into_response(),
        }
    }

    async fn page(&self, page: Page, request: &Request<Incoming>) -> Result<Response<Paper>, Refusal> {
        let query = request.uri().query();
        Ok(match page {
            Page::Live => text(StatusCode::OK, "live\n"),
            Page::Ready if self.status.is_ready() => text(StatusCode::OK, "ready\n"),
            Page::Ready => text(StatusCode::SERVICE_UNAVAILABLE, "not ready\n"),
            Page::Metrics => {
                let kind = "text/plain; version=0.0.4; charset=utf-8";
                whole(StatusCode::OK, kind, self.status.metrics())
            }
            Page::Configuration => json_page(StatusCode::OK, &self.configuration()),
            Page::Usage => self.usage(query)?,
            Page::Remaining => self.set_remaining(query)?,
            Page::Reload => self.reload().await,
            Page::Denial => self.denial(request.uri().path(), request.headers())?,
        })
    }

    fn page_of(&self, method: &Method, path: &str) -> Result<Page, Refusal> {
        let is_at = |own: &str| own == path || own.ends_with('/') && path.starts_with(own);
        let pages: Vec<_> = PAGES.iter().filter(|(own, ..)| is_at(own)).collect();
        let Some((_, _, is_public, _)) = pages.first() else {
            return Err(Refusal::new(StatusCode::NOT_FOUND, "no such page"));
        };
        if !is_public && !self.is_private {
            return Err(Refusal::new(StatusCode::FORBIDDEN, "only on a loopback address"));
        }
        let asked = if method == Method::HEAD { &Method::GET } else { method };
        let found = pages.iter().find(|(_, allowed, ..)| asked == allowed);
        found.map(|(.., page)| *page).ok_or_else(|| {
            let allowed: Vec<&str> = pages.iter().map(|(_, allowed, ..)| allowed.as_str()).collect();
            let refusal = Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "another method");
            Refusal { allowed: Some(allowed.join(", ")), ..refusal }
        })
    }

    /// Why a request was denied: as text where that is what is asked for, else as JSON.
    fn denial(&self, path: &str, fields: &HeaderMap) -> Result<Response<Paper>, Refusal> {
        let request_id = path.strip_prefix(DENIALS).unwrap_or_default();
        let denial = self.status.instruments.denial(request_id);
        let unknown = || Refusal::new(StatusCode::NOT_FOUND, "no denial of that request id is kept");
        let denial = denial.ok_or_else(unknown)?;
        let transcript = denial.explain(&self.status.live.current());
        let mut accepted = fields.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
        Ok(if accepted.any(|value| value.contains("text/plain")) {
            text(StatusCode::OK, &denial_text(&denial, transcript.as_ref()))
        } else {
            json_page(StatusCode::OK, &denial_json(&denial, transcript.as_ref()))
        })
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

    async fn reload(&self) -> Response<Paper> {
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

    fn usage(&self, query: Option<&str>) -> Result<Response<Paper>, Refusal> {
        let house = self.status.live.current();
        let question = question(query)?;
        if question.remaining.is_some() {
            return Err(Refusal::new(StatusCode::BAD_REQUEST, "`remaining` is set with PATCH"));
        }
        if question.plan.as_ref().is_some_and(|plan| !house.has_usage_plan(plan)) {
            return Err(Refusal::new(StatusCode::NOT_FOUND, "no usage plan has this name"));
        }
        let reader = self.status.usage_store().as_ref().map(UsageStore::reader).transpose();
        let reader =
            reader.map_err(|_| Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "usage cannot be read"))?;
        let page = UsagePage::new(house, reader, question, today());
        Ok(paper(StatusCode::OK, "application/json", Paper::Usage(Box::new(page))))
    }

    fn set_remaining(&self, query: Option<&str>) -> Result<Response<Paper>, Refusal> {
        let Question { plan: Some(plan), key: Some(key), start: None, end: None, remaining: Some(remaining) } =
            question(query)?
        else {
            return Err(Refusal::new(StatusCode::BAD_REQUEST, "expected `plan`, `key` and `remaining`"));
        };
        let house = self.status.live.current();
        house
            .set_remaining(&plan, &key, remaining, epoch_milliseconds())
            .map_err(|problem| Refusal::new(StatusCode::NOT_FOUND, problem))?;
        let fields: [(&str, &dyn std::fmt::Display); 3] =
            [("plan", &plan), ("key", &key), ("remaining", &remaining)];
        log(Severity::Info, "what a key has left was set", &fields);
        Ok(text(StatusCode::OK, "set\n"))
    }
}

/// Why a page is not given.
struct Refusal {
    status: StatusCode,
    reason: Cow<'static, str>,
    /// The methods that are allowed, where another one was used.
    allowed: Option<String>,
}

impl Refusal {
    fn new(status: StatusCode, reason: impl Into<Cow<'static, str>>) -> Self {
        Self { status, reason: reason.into(), allowed: None }
    }

    fn into_response(self) -> Response<Paper> {
        let mut response = text(self.status, &format!("{}\n", self.reason));
        if let Some(allowed) = self.allowed.and_then(|allowed| HeaderValue::try_from(allowed).ok()) {
            response.headers_mut().insert(ALLOW, allowed);
        }
        response
    }
}

fn question(query: Option<&str>) -> Result<Question, Refusal> {
    Question::of(query).map_err(|problem| Refusal::new(StatusCode::BAD_REQUEST, problem))
}

fn text(status: StatusCode, words: &str) -> Response<Paper> {
    whole(status, "text/plain; charset=utf-8", words.to_owned())
}

fn json_page(status: StatusCode, page: &Value) -> Response<Paper> {
    whole(status, "application/json", format!("{page}\n"))
}

fn whole(status: StatusCode, kind: &'static str, body: String) -> Response<Paper> {
    paper(status, kind, Paper::Whole(Some(body.into())))
}

fn paper(status: StatusCode, kind: &'static str, paper: Paper) -> Response<Paper> {
    let mut response = Response::new(paper);
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
