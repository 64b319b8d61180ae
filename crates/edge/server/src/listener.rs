//! Listening sockets, one for each worker and address, and the accepting of connections.

use std::{
    cell::{Cell, Ref, RefCell},
    future::poll_fn,
    io,
    net::SocketAddr,
    rc::Rc,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use postern_gateway::{Effects, Entrance, Event, Identity, Recorder};
use postern_model::Limits;
use postern_protocol::http1;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, TcpStream};

use crate::{
    connection,
    limits::{ConnectionPlace, Counter},
    timeout::TICK,
    tls::TlsConfiguration,
    worker::Worker,
};

/// What a connection that comes in by one address meets. Replaced whole at a reload; the identity of a
/// connection is that of the moment when it was accepted.
#[derive(Debug)]
pub(crate) struct Door {
    pub(crate) identity: Arc<Identity>,
    pub(crate) tls: Option<Arc<TlsConfiguration>>,
    pub(crate) http2: bool,
    pub(crate) head_limits: http1::Limits,
}

impl Door {
    pub(crate) fn new(entrance: &Entrance, tls: Option<Arc<TlsConfiguration>>) -> Self {
        Self {
            identity: Arc::clone(&entrance.identity),
            tls,
            http2: entrance.http2,
            head_limits: entrance.head_limits.clone(),
        }
    }
}

/// One address that is listened on: a socket for each worker, so that the kernel spreads connections.
#[derive(Clone, Debug)]
pub(crate) struct Bound {
    /// The address that was asked for.
    pub(crate) address: SocketAddr,
    /// The address that the system gave: another one where port 0 was asked for.
    pub(crate) local: SocketAddr,
    pub(crate) sockets: Arc<[Arc<Socket>]>,
    pub(crate) open: Arc<Counter>,
}

impl Bound {
    /// Binds and listens. Connections are taken by the kernel from now on.
    ///
    /// # Errors
    ///
    /// A sentence that names the address.
    pub(crate) fn bind(address: SocketAddr, workers: usize) -> Result<Self, String> {
        Self::try_bind(address, workers).map_err(|fault| format!("cannot listen on {address}: {fault}"))
    }

    fn try_bind(address: SocketAddr, workers: usize) -> io::Result<Self> {
        let first = listen(address)?;
        let local = first.local_addr()?.as_socket().unwrap_or(address);
        let rest = (1..workers).map(|_| listen(local));
        let sockets = std::iter::once(Ok(first)).chain(rest).map(|socket| socket.map(Arc::new));
        Ok(Self { address, local, sockets: sockets.collect::<io::Result<_>>()?, open: Arc::default() })
    }
}

fn listen(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM.nonblocking(), Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    // Accepted sockets inherit it, so it costs no call for each of them.
    socket.set_tcp_nodelay(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket)
}

/// Connections that the kernel holds until they are accepted.
const BACKLOG: i32 = 4_096;

/// One address as one worker sees it.
#[derive(Debug)]
pub(crate) struct Place {
    /// The address that was asked for.
    pub(crate) address: SocketAddr,
    /// The address that the system gave.
    local: SocketAddr,
    pub(crate) open: Arc<Counter>,
    door: RefCell<Arc<Door>>,
    is_closing: Cell<bool>,
    /// How many more connections are accepted once it closes.
    last_calls: Cell<i32>,
    acceptor: RefCell<Option<Waker>>,
}

impl Place {
    pub(crate) fn new(bound: &Bound, door: Arc<Door>) -> Self {
        let place = Self::closed(bound.address, Arc::clone(&bound.open), door);
        Self { local: bound.local, is_closing: Cell::new(false), ..place }
    }

    /// A place where nothing is accepted any more, for a connection that came in by it before.
    pub(crate) fn closed(address: SocketAddr, open: Arc<Counter>, door: Arc<Door>) -> Self {
        Self {
            address,
            local: address,
            open,
            door: RefCell::new(door),
            is_closing: Cell::new(true),
            last_calls: Cell::new(BACKLOG),
            acceptor: RefCell::new(None),
        }
    }

    /// What stands at the address now.
    pub(crate) fn door(&self) -> Arc<Door> {
        Arc::clone(&self.door.borrow())
    }

    /// The limits of heads that come in here.
    pub(crate) fn head_limits(&self) -> Ref<'_, http1::Limits> {
        Ref::map(self.door.borrow(), |door| &door.head_limits)
    }

    /// Whether HTTP/2 is served.
    pub(crate) fn serves_http2(&self) -> bool {
        self.door.borrow().http2
    }

    pub(crate) fn replace_door(&self, door: Arc<Door>) {
        self.door.replace(door);
    }

    /// Accepts what the kernel holds already, then closes the listening socket.
    pub(crate) fn close(&self) {
        self.is_closing.set(true);
        if let Some(waker) = self.acceptor.borrow_mut().take() {
            waker.wake();
        }
    }
}

/// A connection that was accepted, before anything of it was read. Without the runtime's stream it can
/// go to another worker.
#[derive(Debug)]
pub(crate) struct Accepted<S> {
    pub(crate) socket: S,
    pub(crate) source: SocketAddr,
    pub(crate) local: SocketAddr,
    pub(crate) door: Arc<Door>,
    pub(crate) place: ConnectionPlace,
    /// Whether it counts as a handshake in flight.
    pub(crate) shakes_hands: bool,
}

impl<S> Accepted<S> {
    /// The same with another kind of socket.
    pub(crate) fn try_map<T>(self, change: impl FnOnce(S) -> io::Result<T>) -> io::Result<Accepted<T>> {
        let Self { socket, source, local, door, place, shakes_hands } = self;
        Ok(Accepted { socket: change(socket)?, source, local, door, place, shakes_hands })
    }
}

/// Accepts connections at one place until it closes.
pub(crate) async fn accept<E, R>(worker: Rc<Worker<E, R>>, place: Rc<Place>, socket: Arc<Socket>)
where
    E: Effects + 'static,
    R: Recorder + 'static,
{
    let Ok(listener) = socket.try_clone().and_then(|socket| TcpListener::from_std(socket.into())) else {
        worker.recorder.event(Event::AcceptFailed);
        return;
    };
    let sockets = Sockets { listener, socket };
    loop {
        let limits = *worker.held.snapshot().limits();
        match accept_some(&worker, &place, &sockets, &limits).await {
            Pause::None => tokio::task::yield_now().await,
            Pause::Limit(name) => {
                worker.recorder.event(Event::LimitHit(name));
                tokio::time::sleep(TICK).await;
            }
            Pause::Failed => {
                worker.recorder.event(Event::AcceptFailed);
                // Two ticks: 100 ms, so that descriptors can come free.
                tokio::time::sleep(TICK * 2).await;
            }
            Pause::Closing => return,
        }
    }
}

/// A listening socket as the runtime sees it, and as the system does.
struct Sockets {
    listener: TcpListener,
    socket: Arc<Socket>,
}

/// Why accepting pauses.
enum Pause {
    /// It was the turn of others.
    None,
    /// A limit has been reached.
    Limit(&'static str),
    /// The system has no descriptor, or the like.
    Failed,
    /// The place closes and the kernel holds no connection any more.
    Closing,
}

/// Accepts what is there, but only so many before others have their turn.
async fn accept_some<E, R>(
    worker: &Rc<Worker<E, R>>,
    place: &Rc<Place>,
    sockets: &Sockets,
    limits: &Limits,
) -> Pause
where
    E: Effects + 'static,
    R: Recorder + 'static,
{
    for _ in 0..ACCEPTED_AT_ONCE {
        let entered = match Entered::new(worker, place, limits) {
            Ok(entered) => entered,
            Err(name) if place.is_closing.get() => {
                // What waits in the kernel is lost, as it would be by any overload.
                worker.recorder.event(Event::LimitHit(name));
                return Pause::Closing;
            }
            Err(name) => return Pause::Limit(name),
        };
        match poll_fn(|context| poll_accept(place, sockets, context)).await {
            Ok(Some((stream, source))) => entered.let_in(worker, place, stream, source, limits),
            Ok(None) => return Pause::Closing,
            Err(fault) if is_of_one_connection(&fault) => {}
            Err(_) => return Pause::Failed,
        }
    }
    Pause::None
}

const ACCEPTED_AT_ONCE: usize = 32;

/// The next connection; `None` when the place closes and the kernel holds none any more.
fn poll_accept(
    place: &Place,
    sockets: &Sockets,
    context: &mut Context<'_>,
) -> Poll<io::Result<Option<(TcpStream, SocketAddr)>>> {
    if place.is_closing.get() {
        // No more than the kernel can have held then: others that come meanwhile do not keep it open.
        let last_calls = place.last_calls.replace(place.last_calls.get() - 1);
        if last_calls <= 0 {
            return Poll::Ready(Ok(None));
        }
        // The runtime may not know yet of what came last, so the system is asked.
        return Poll::Ready(match sockets.socket.accept() {
            Ok((socket, source)) => with_source(socket, &source).map(Some),
            Err(_) => Ok(None),
        });
    }
    let accepted = sockets.listener.poll_accept(context);
    if accepted.is_pending() {
        *place.acceptor.borrow_mut() = Some(context.waker().clone());
    }
    accepted.map_ok(Some)
}

fn with_source(socket: Socket, source: &socket2::SockAddr) -> io::Result<(TcpStream, SocketAddr)> {
    let source = source.as_socket().ok_or(io::ErrorKind::ConnectionAborted)?;
    socket.set_nonblocking(true)?;
    Ok((TcpStream::from_std(socket.into())?, source))
}

/// Whether only the one connection is lost: it was over before it was accepted.
fn is_of_one_connection(fault: &io::Error) -> bool {
    matches!(
        fault.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::Interrupted
    )
}

/// A connection that was counted before it was accepted, so that no limit is ever exceeded.
struct Entered<'w, E, R> {
    worker: &'w Worker<E, R>,
    open: &'w Counter,
    shakes_hands: bool,
    is_let_in: bool,
}

impl<'w, E, R> Entered<'w, E, R> {
    fn new(worker: &'w Worker<E, R>, place: &'w Place, limits: &Limits) -> Result<Self, &'static str> {
        let counts = worker.counts();
        let mut entered = Self { worker, open: &place.open, shakes_hands: false, is_let_in: true };
        if !counts.connections.enter(limits.connections) {
            return Err("connections");
        }
        if !place.open.enter(limits.connections_per_listener) {
            counts.connections.leave();
            return Err("connectionsPerListener");
        }
        if !counts.accepts.enter(worker.timers.coarse_nanoseconds(), limits.accepts_per_second) {
            counts.connections.leave();
            place.open.leave();
            return Err("acceptsPerSecond");
        }
        // From here on dropping it leaves all counts again.
        entered.is_let_in = false;
        if place.door.borrow().tls.is_some() {
            entered.shakes_hands = counts.handshakes.enter(limits.handshakes);
            if !entered.shakes_hands {
                return Err("handshakes");
            }
        }
        Ok(entered)
    }

    fn let_in(
        mut self,
        worker: &Rc<Worker<E, R>>,
        place: &Rc<Place>,
        socket: TcpStream,
        source: SocketAddr,
        limits: &Limits,
    ) where
        E: Effects + 'static,
        R: Recorder + 'static,
    {
        let counts = worker.counts();
        if !counts.peers.enter(source.ip(), limits.connections_per_peer) {
            worker.recorder.event(Event::LimitHit("connectionsPerPeer"));
            // A socket that refuses the option is gone already.
            let _ = socket.set_zero_linger();
            return;
        }
        self.is_let_in = true;
        let better = counts.better_worker(worker.index);
        let index = better.unwrap_or(worker.index);
        if let Some(count) = counts.workers.get(index) {
            count.0.enter(u64::MAX);
        }
        let accepted = Accepted {
            local: local_address(place.local, &socket),
            socket,
            source,
            door: place.door(),
            place: ConnectionPlace {
                counts: Arc::clone(&worker.shared.counts),
                listener: Arc::clone(&place.open),
                peer: source.ip(),
                worker: index,
            },
            shakes_hands: self.shakes_hands,
        };
        match better {
            Some(other) => hand_over(worker, place, other, accepted),
            None => connection::start(worker, place, accepted),
        }
    }
}

/// Gives a connection to a worker that has fewer; keeps it when that one takes no more.
fn hand_over<E, R>(worker: &Rc<Worker<E, R>>, place: &Rc<Place>, other: usize, accepted: Accepted<TcpStream>)
where
    E: Effects + 'static,
    R: Recorder + 'static,
{
    let Ok(leaving) = accepted.try_map(TcpStream::into_std) else { return };
    if let Some(kept) = worker.shared.hand_over(other, place.address, leaving)
        && let Ok(kept) = kept.try_map(TcpStream::from_std)
    {
        connection::start(worker, place, kept);
    }
}

impl<E, R> Drop for Entered<'_, E, R> {
    fn drop(&mut self) {
        if !self.is_let_in {
            let counts = self.worker.counts();
            counts.connections.leave();
            counts.accepts.refund();
            self.open.leave();
            if self.shakes_hands {
                counts.handshakes.leave();
            }
        }
    }
}

/// Where a connection came in: known, unless the place is every address of the machine.
fn local_address(bound: SocketAddr, socket: &TcpStream) -> SocketAddr {
    if bound.ip().is_unspecified() { socket.local_addr().unwrap_or(bound) } else { bound }
}
