//! A connection from its first byte to its end: small while it rests, at a desk while it is busy.
//!
//! A desk is everything that a busy connection needs: buffers, scratch, and the future that uses them.
//! It is borrowed from the worker and goes back when the connection rests, so a connection at rest is
//! one small task, and a request of a busy one allocates nothing.

use std::{
    cell::{Cell, RefCell},
    future::poll_fn,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::{Pin, pin},
    rc::Rc,
    sync::Arc,
    task::Poll,
};

use postern_gateway::{Connection, Effects, Event, Recorder, Timers, TlsFacts};
use tokio::net::TcpStream;

use crate::{
    SECOND_NANOSECONDS,
    http1::{DeskMemory, sit},
    http2,
    limits::ConnectionPlace,
    listener::{Accepted, Door, Place},
    timeout::Alarm,
    tls::{self, TlsStream},
    wire::Wire,
    worker::{OpenConnection, Worker},
};

/// One connection.
pub(crate) struct Job<S> {
    pub(crate) stream: RefCell<S>,
    pub(crate) connection: Connection,
    pub(crate) place: Rc<Place>,
    pub(crate) alarm: Alarm,
    /// Until when the first byte of the next request must come.
    pub(crate) rest_deadline: Cell<u64>,
    /// From when on it takes no more requests.
    pub(crate) old_at: u64,
    pub(crate) requests: Cell<u64>,
    pub(crate) is_plain: bool,
    /// Leaves the counts when the connection is over.
    pub(crate) counted: ConnectionPlace,
}

impl<S> Job<S> {
    /// Whether the next bytes may be the preface of HTTP/2: the first ones of a plain connection to a
    /// listener that serves it.
    pub(crate) fn may_speak_http2(&self) -> bool {
        self.is_plain && self.is_fresh() && self.place.serves_http2()
    }

    /// Whether it was accepted for a request that it has not sent yet: that one is served, even by a
    /// gateway that goes away.
    pub(crate) fn is_fresh(&self) -> bool {
        self.requests.get() == 0
    }

    /// The connection rests from now on.
    pub(crate) fn rest(&self, idle_seconds: u64, now: u64) {
        self.rest_deadline.set(now.saturating_add(idle_seconds.saturating_mul(SECOND_NANOSECONDS)));
    }
}

/// How the sitting of a connection at a desk ended.
pub(crate) enum Outcome<S> {
    /// It rests.
    Idle(Box<Job<S>>),
    /// It speaks HTTP/2, and these bytes of it were read already.
    Http2(Box<Job<S>>, Vec<u8>),
    /// It is over.
    Closed,
}

/// Starts to serve a connection that was accepted.
pub(crate) fn start<E, R>(worker: &Rc<Worker<E, R>>, place: &Rc<Place>, accepted: Accepted<TcpStream>)
where
    E: Effects + 'static,
    R: Recorder + 'static,
{
    let open = OpenConnection::new(worker);
    let (worker, place) = (Rc::clone(worker), Rc::clone(place));
    match accepted.door.tls.is_some() {
        true => drop(tokio::task::spawn_local(guard(open, serve_tls(worker, place, accepted)))),
        false => drop(tokio::task::spawn_local(guard(open, serve_plain(worker, place, accepted)))),
    }
}

/// Catches a fault in a connection, so that it takes no other with it.
async fn guard<E, R: Recorder>(open: OpenConnection<E, R>, connection: impl Future<Output = ()>) {
    let mut connection = pin!(connection);
    let poll = |context: &mut std::task::Context<'_>| match catch_unwind(AssertUnwindSafe(|| {
        connection.as_mut().poll(context)
    })) {
        Ok(poll) => poll,
        Err(_) => {
            open.worker().recorder.event(Event::FaultCaught);
            Poll::Ready(())
        }
    };
    poll_fn(poll).await;
}

async fn serve_plain<E, R>(worker: Rc<Worker<E, R>>, place: Rc<Place>, accepted: Accepted<TcpStream>)
where
    E: Effects + 'static,
    R: Recorder + 'static,
{
    let facts = Facts::of(&accepted);
    let job = facts.job(&worker, place, accepted.socket, None, accepted.place);
    if rest(&worker, &job).await {
        serve(&worker, job).await;
    }
}

async fn serve_tls<E, R>(worker: Rc<Worker<E, R>>, place: Rc<Place>, accepted: Accepted<TcpStream>)
where
    E: Effects + 'static,
    R: Recorder + 'static,
{
    let Some(job) = Box::pin(shake_hands(&worker, place, accepted)).await else { return };
    if job.stream.borrow().speaks_http2() {
        http2::serve(&worker, job, Vec::new()).await;
    } else {
        // Its first request follows at once, most likely; the tickets leave with the answer.
        serve(&worker, job).await;
    }
}

/// The handshake, within its time.
async fn shake_hands<E, R>(
    worker: &Rc<Worker<E, R>>,
    place: Rc<Place>,
    accepted: Accepted<TcpStream>,
) -> Option<Box<Job<TlsStream>>>
where
    E: Effects + 'static,
    R: Recorder + 'static,
{
    let facts = Facts::of(&accepted);
    let configuration = accepted.door.tls.clone()?;
    let alarm = worker.timers.alarm();
    let house = worker.held.snapshot();
    let limit = house.limits().handshake_seconds.saturating_mul(SECOND_NANOSECONDS);
    alarm.set(worker.timers.coarse_nanoseconds().saturating_add(limit));
    let knows_name = |name: &str| {
        let here = |entrance: &&postern_gateway::Entrance| entrance.addresses.contains(&place.address);
        house.entrances().iter().find(here).is_some_and(|entrance| house.knows_server_name(entrance, name))
    };
    let mut handshake =
        pin!(tls::accept(accepted.socket, &configuration, worker.record_scratch.clone(), knows_name));
    let outcome = poll_fn(|context| match handshake.as_mut().poll(context) {
        Poll::Ready(Ok(stream)) => Poll::Ready(Some(stream)),
        Poll::Ready(Err(_)) => Poll::Ready(None),
        Poll::Pending => alarm.poll_elapsed(context).map(|()| {
            worker.recorder.event(Event::LimitHit("handshakeSeconds"));
            None
        }),
    })
    .await;
    accepted.place.handshake_is_over();
    let Some(stream) = outcome else {
        worker.recorder.event(Event::HandshakeFailed);
        return None;
    };
    worker.recorder.event(Event::HandshakeFinished { resumed: stream.is_resumed() });
    let tls = stream.facts();
    Some(facts.job(worker, Rc::clone(&place), stream, Some(tls), accepted.place))
}

/// What is known of a connection before anything of it was read.
struct Facts {
    door: Arc<Door>,
    source: std::net::SocketAddr,
    local: std::net::SocketAddr,
}

impl Facts {
    fn of(accepted: &Accepted<TcpStream>) -> Self {
        Self { door: Arc::clone(&accepted.door), source: accepted.source, local: accepted.local }
    }

    fn job<S, E, R>(
        self,
        worker: &Worker<E, R>,
        place: Rc<Place>,
        stream: S,
        tls: Option<TlsFacts>,
        counted: ConnectionPlace,
    ) -> Box<Job<S>> {
        let house = worker.held.snapshot();
        let limits = house.limits();
        let now = worker.timers.coarse_nanoseconds();
        // A tenth of jitter, so that connections that came together do not all come again together.
        let age = limits.connection_age_seconds.saturating_mul(SECOND_NANOSECONDS);
        let jitter = u64::try_from(worker.random() % 1_000).unwrap_or(0);
        let age = age - age / 10 + (age / 5_000).saturating_mul(jitter);
        let job = Job {
            stream: RefCell::new(stream),
            connection: Connection::new(Arc::clone(&self.door.identity), self.source, self.local, tls),
            place,
            alarm: worker.timers.alarm(),
            rest_deadline: Cell::new(0),
            old_at: now.saturating_add(age),
            requests: Cell::new(0),
            is_plain: tls.is_none(),
            counted,
        };
        job.rest(limits.first_byte_seconds, now);
        Box::new(job)
    }
}

/// Serves a connection that has something to say, from desk to rest and back, to its end.
async fn serve<S, E, R>(worker: &Rc<Worker<E, R>>, mut job: Box<Job<S>>)
where
    S: Wire + Seated,
    E: Effects + 'static,
    R: Recorder + 'static,
{
    loop {
        match at_desk(worker, job).await {
            Outcome::Idle(resting) => job = resting,
            Outcome::Http2(speaking, read) => return http2::serve(worker, speaking, read).await,
            Outcome::Closed => return,
        }
        if !rest(worker, &job).await {
            return;
        }
    }
}

/// Waits for the next request without a desk. Says whether the connection goes on.
async fn rest<S: Wire, E, R: Recorder>(worker: &Worker<E, R>, job: &Job<S>) -> bool {
    job.alarm.set(job.rest_deadline.get());
    poll_fn(|context| {
        if worker.draining.get() && !job.is_fresh() {
            return Poll::Ready(false);
        }
        if job.alarm.poll_elapsed(context).is_ready() {
            let limit = if job.is_fresh() { "firstByteSeconds" } else { "idleSeconds" };
            worker.recorder.event(Event::LimitHit(limit));
            return Poll::Ready(false);
        }
        job.stream.borrow().poll_readable(context).map(|()| true)
    })
    .await
}

/// Serves a busy connection at a desk.
async fn at_desk<S, E, R>(worker: &Rc<Worker<E, R>>, job: Box<Job<S>>) -> Outcome<S>
where
    S: Wire + Seated,
    E: Effects + 'static,
    R: Recorder + 'static,
{
    let mut desk = S::desks(worker).take().unwrap_or_else(|| Desk::new(Rc::clone(worker)));
    let busy = BusyDesk::new(&worker.busy_desks);
    desk.slot.job.set(Some(job));
    let outcome = poll_fn(|context| {
        // The work never ends by itself; it has a place for each outcome.
        let _ = desk.work.as_mut().poll(context);
        desk.slot.outcome.take().map_or(Poll::Pending, Poll::Ready)
    })
    .await;
    drop(busy);
    S::desks(worker).give(desk);
    outcome
}

/// A desk: the work of serving one busy connection after the other.
pub(crate) struct Desk<S> {
    slot: Rc<Slot<S>>,
    work: Pin<Box<dyn Future<Output = ()>>>,
}

struct Slot<S> {
    job: Cell<Option<Box<Job<S>>>>,
    outcome: Cell<Option<Outcome<S>>>,
}

impl<S: Wire> Desk<S> {
    fn new<E, R>(worker: Rc<Worker<E, R>>) -> Self
    where
        E: Effects + 'static,
        R: Recorder + 'static,
    {
        let slot = Rc::new(Slot { job: Cell::new(None), outcome: Cell::new(None) });
        let at = Rc::clone(&slot);
        let work = Box::pin(async move {
            let mut memory = DeskMemory::new();
            loop {
                // Nobody wakes this: it is polled by the connection that sits down.
                let job = poll_fn(|_| at.job.take().map_or(Poll::Pending, Poll::Ready)).await;
                let outcome = sit(&worker, &mut memory, job).await;
                at.outcome.set(Some(outcome));
            }
        });
        Self { slot, work }
    }
}

/// The free desks of a worker, for one kind of wire.
pub(crate) struct Desks<S>(RefCell<Vec<Desk<S>>>);

impl<S> Desks<S> {
    pub(crate) const fn new() -> Self {
        Self(RefCell::new(Vec::new()))
    }

    fn take(&self) -> Option<Desk<S>> {
        self.0.borrow_mut().pop()
    }

    fn give(&self, desk: Desk<S>) {
        let mut free = self.0.borrow_mut();
        if free.len() < WARM_DESKS_MAX {
            free.push(desk);
        }
    }

    /// Lets go of the free desks, which hold their worker.
    pub(crate) fn clear(&self) {
        self.0.take();
    }
}

/// Free desks that a worker keeps.
const WARM_DESKS_MAX: usize = 32;

/// A kind of wire that has desks at every worker.
pub(crate) trait Seated: Sized {
    fn desks<E, R>(worker: &Worker<E, R>) -> &Desks<Self>;
}

impl Seated for TcpStream {
    fn desks<E, R>(worker: &Worker<E, R>) -> &Desks<Self> {
        &worker.plain_desks
    }
}

impl Seated for TlsStream {
    fn desks<E, R>(worker: &Worker<E, R>) -> &Desks<Self> {
        &worker.tls_desks
    }
}

/// Counts a desk in use.
struct BusyDesk<'w>(&'w Cell<usize>);

impl<'w> BusyDesk<'w> {
    fn new(count: &'w Cell<usize>) -> Self {
        count.set(count.get() + 1);
        Self(count)
    }
}

impl Drop for BusyDesk<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}
