//! A connection from its first byte to its end: small while it rests, at a desk while it is busy.
//!
//! A desk is everything that a busy connection needs: buffers, scratch, and the future that uses them.
//! It is borrowed from the worker and goes back when the connection rests, so a connection at rest is
//! one small task, and a request of a busy one allocates nothing.

use std::{
    cell::{Cell, RefCell},
    cmp::Reverse,
    future::poll_fn,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::{Pin, pin},
    rc::Rc,
    sync::Arc,
    task::Poll,
    time::Duration,
};

use postern_gateway::{
    Admission, Connection, Effects, Event, Identity, Introduction, Recorder, Timers, TlsFacts,
};
use postern_socket::Socket;
use tokio::{net::TcpStream, sync::Notify};

use crate::{
    SECOND_NANOSECONDS,
    http1::{DeskMemory, sit},
    http2,
    limits::{ConnectionPlace, Peer},
    listener::{self, Accepted, Caller, Door, Place},
    proxy_header::read_header,
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
}

impl<S: Wire> Job<S> {
    fn new<E, R>(
        worker: &Worker<E, R>,
        place: Rc<Place>,
        stream: S,
        connection: Connection,
        counted: ConnectionPlace,
    ) -> Self {
        // It counts until its last message has left.
        stream.socket().hold(counted);
        let house = worker.held.snapshot();
        let limits = house.limits();
        let now = worker.timers.coarse_nanoseconds();
        // A tenth of jitter, so that connections that came together do not all come again together.
        let age = limits.connection_age_seconds.saturating_mul(SECOND_NANOSECONDS);
        let jitter = u64::try_from(worker.random() % 1_000).unwrap_or(0);
        let age = age - age / 10 + (age / 5_000).saturating_mul(jitter);
        let job = Self {
            stream: RefCell::new(stream),
            is_plain: connection.tls().is_none(),
            connection,
            place,
            alarm: worker.timers.alarm(),
            rest_deadline: Cell::new(0),
            old_at: now.saturating_add(age),
            requests: Cell::new(0),
        };
        job.rest(limits.first_byte_seconds, now);
        job
    }

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
    let Accepted { socket, peer, local, door, caller, place: counted } = accepted;
    let socket = Socket::new(socket, &worker.outbox);
    let introduced = |introduction| Introduced { introduction, socket, local, door, counted };
    match caller {
        Caller::Known(identity) => {
            let introduced = introduced(Introduction { identity, source: peer, called_port: None });
            match introduced.door.tls.is_some() {
                true => drop(tokio::task::spawn_local(guard(open, serve_tls(worker, place, introduced)))),
                false => {
                    let job = introduced.job(&worker, place);
                    drop(tokio::task::spawn_local(guard(open, serve_plain(worker, job))));
                }
            }
        }
        Caller::AwaitsHeader(admission) => {
            // Until the header is read it is a connection of the load balancer's own.
            let identity = Arc::new(Identity::Nobody);
            let unknown = introduced(Introduction { identity, source: peer, called_port: None });
            let carried = serve_carried(worker, place, admission, unknown);
            drop(tokio::task::spawn_local(guard(open, carried)));
        }
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

/// Serves a connection that a load balancer carries, once its header was read. Each part has memory of its
/// own, which goes with it.
async fn serve_carried<E, R>(
    worker: Rc<Worker<E, R>>,
    place: Rc<Place>,
    admission: Arc<Admission>,
    unknown: Introduced,
) where
    E: Effects + 'static,
    R: Recorder + 'static,
{
    let Some(introduced) = Box::pin(introduce(&worker, &admission, unknown)).await else { return };
    match introduced.door.tls.is_some() {
        true => Box::pin(serve_tls(worker, place, introduced)).await,
        false => {
            let job = introduced.job(&worker, place);
            Box::pin(serve_plain(worker, job)).await;
        }
    }
}

/// Reads the PROXY header of a connection: who it is from now on. `None` where that one is turned away.
async fn introduce<E, R: Recorder>(
    worker: &Worker<E, R>,
    admission: &Admission,
    mut unknown: Introduced,
) -> Option<Introduced> {
    let peer = unknown.introduction.source;
    let header = read_header(worker, &unknown.socket).await;
    let introduction = match header.and_then(|header| admission.identify(&header, peer)) {
        Ok(introduction) => introduction,
        Err(refusal) => {
            listener::turn_away(worker, (peer, unknown.local), refusal);
            return None;
        }
    };
    let counted_as = match &*introduction.identity {
        Identity::VpcEndpoint { .. } => Some(Peer::Carried(Arc::clone(&introduction.identity))),
        Identity::Public => Some(Peer::Address(introduction.source.ip())),
        // A health check has no peer but the load balancer, whose connections nobody counts.
        Identity::Nobody => None,
    };
    if let Some(counted_as) = counted_as
        && !listener::is_welcome(worker, &mut unknown.counted, counted_as)
    {
        listener::reset(unknown.socket.stream());
        return None;
    }
    Some(Introduced { introduction, ..unknown })
}

/// Serves a connection that nothing was read of yet.
async fn serve_plain<E, R>(worker: Rc<Worker<E, R>>, job: Box<Job<Socket>>)
where
    E: Effects + 'static,
    R: Recorder + 'static,
{
    if rest(&worker, &job).await {
        serve(&worker, job).await;
    }
}

async fn serve_tls<E, R>(worker: Rc<Worker<E, R>>, place: Rc<Place>, introduced: Introduced)
where
    E: Effects + 'static,
    R: Recorder + 'static,
{
    let Some(job) = Box::pin(shake_hands(&worker, place, introduced)).await else { return };
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
    introduced: Introduced,
) -> Option<Box<Job<TlsStream>>>
where
    E: Effects + 'static,
    R: Recorder + 'static,
{
    let Introduced { introduction, socket, local, door, counted } = introduced;
    let identity = Arc::clone(&introduction.identity);
    let configuration = door.tls.clone()?;
    let alarm = worker.timers.alarm();
    let house = worker.held.snapshot();
    let limit = house.limits().handshake_seconds.saturating_mul(SECOND_NANOSECONDS);
    alarm.set(worker.timers.coarse_nanoseconds().saturating_add(limit));
    let known = |name: &str| {
        let entrance = house.entrance_for(&identity, local)?;
        house.knows_server_name(entrance, name).then(|| house.tls_terms_of(entrance, name))
    };
    let mut handshake = pin!(tls::accept(socket, &configuration, worker.record_scratch.clone(), known));
    let outcome = poll_fn(|context| match handshake.as_mut().poll(context) {
        Poll::Ready(Ok(stream)) => Poll::Ready(Some(stream)),
        Poll::Ready(Err(_)) => Poll::Ready(None),
        Poll::Pending => alarm.poll_elapsed(context).map(|()| {
            worker.recorder.event(Event::LimitHit("handshakeSeconds"));
            None
        }),
    })
    .await;
    counted.handshake_is_over();
    let Some(stream) = outcome else {
        worker.recorder.event(Event::HandshakeFailed);
        return None;
    };
    worker.recorder.event(Event::HandshakeFinished { resumed: stream.is_resumed() });
    let tls = stream.facts();
    let mut connection = connection(introduction, local, Some(tls));
    connection.learn_handshake(stream.server_name(), stream.client_certificate());
    Some(Box::new(Job::new(worker, place, stream, connection, counted)))
}

/// A connection of which is known who calls by it, before its first request.
struct Introduced {
    introduction: Introduction,
    socket: Socket,
    local: std::net::SocketAddr,
    door: Arc<Door>,
    counted: ConnectionPlace,
}

impl Introduced {
    /// The connection in plain text.
    fn job<E, R>(self, worker: &Worker<E, R>, place: Rc<Place>) -> Box<Job<Socket>> {
        let connection = connection(self.introduction, self.local, None);
        Box::new(Job::new(worker, place, self.socket, connection, self.counted))
    }
}

fn connection(introduction: Introduction, local: std::net::SocketAddr, tls: Option<TlsFacts>) -> Connection {
    let Introduction { identity, source, called_port } = introduction;
    let connection = Connection::new(identity, source, local, tls);
    connection.with_called_port(called_port.unwrap_or_else(|| local.port()))
}

/// Serves a connection that has something to say, from desk to rest and back, to its end.
async fn serve<S, E, R>(worker: &Rc<Worker<E, R>>, mut job: Box<Job<S>>)
where
    S: Seated,
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
    S: Seated,
    E: Effects + 'static,
    R: Recorder + 'static,
{
    let mut desk = S::desks(worker).take(worker);
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
    /// Counts the desks that were made.
    number: u64,
    slot: Rc<Slot<S>>,
    work: Pin<Box<dyn Future<Output = ()>>>,
}

struct Slot<S> {
    job: Cell<Option<Box<Job<S>>>>,
    outcome: Cell<Option<Outcome<S>>>,
}

impl<S: Wire> Desk<S> {
    fn new<E, R>(worker: Rc<Worker<E, R>>, number: u64) -> Self
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
        Self { number, slot, work }
    }
}

/// The free desks of a worker, for one kind of wire.
pub(crate) struct Desks<S> {
    free: RefCell<Vec<Desk<S>>>,
    /// How many of them nobody has needed since [`Desks::give_up_unused`] looked last.
    unused: Cell<usize>,
    made: Cell<u64>,
    are_many: Notify,
}

impl<S: Wire> Desks<S> {
    pub(crate) fn new() -> Self {
        let (free, unused, made) = (RefCell::default(), Cell::new(0), Cell::new(0));
        Self { free, unused, made, are_many: Notify::new() }
    }

    fn take<E, R>(&self, worker: &Rc<Worker<E, R>>) -> Desk<S>
    where
        E: Effects + 'static,
        R: Recorder + 'static,
    {
        let mut free = self.free.borrow_mut();
        let taken = free.pop();
        self.unused.set(self.unused.get().min(free.len()));
        taken.unwrap_or_else(|| {
            self.made.set(self.made.get() + 1);
            Desk::new(Rc::clone(worker), self.made.get())
        })
    }

    fn give(&self, desk: Desk<S>) {
        let mut free = self.free.borrow_mut();
        free.push(desk);
        if free.len() > WARM_DESKS_MAX {
            self.are_many.notify_one();
        }
    }

    /// Gives up desks that were free for a while, for ever. A few stay warm.
    pub(crate) async fn tidy(&self) {
        loop {
            self.are_many.notified().await;
            while self.free.borrow().len() > WARM_DESKS_MAX {
                tokio::time::sleep(UNUSED_DESKS_KEPT).await;
                self.give_up_unused();
            }
        }
    }

    /// The first ones made stay: they lie together, so that the memory of the others becomes free in large
    /// pieces.
    fn give_up_unused(&self) {
        let mut free = self.free.borrow_mut();
        free.sort_unstable_by_key(|desk| Reverse(desk.number));
        let excess = free.len().saturating_sub(WARM_DESKS_MAX).min(self.unused.get());
        let given_up: Vec<_> = free.drain(..excess).collect();
        self.unused.set(free.len());
        drop(free);
        drop(given_up);
    }

    /// Lets go of the free desks, which hold their worker.
    pub(crate) fn clear(&self) {
        self.free.take();
    }
}

/// Free desks that a worker keeps.
const WARM_DESKS_MAX: usize = 16;
/// How long other desks are kept that nobody needs.
const UNUSED_DESKS_KEPT: Duration = Duration::from_millis(500);

/// A kind of wire that has desks at every worker.
pub(crate) trait Seated: Wire {
    fn desks<E, R>(worker: &Worker<E, R>) -> &Desks<Self>;
}

impl Seated for Socket {
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
