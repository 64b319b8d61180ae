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

use postern_gateway::{
    Admission, Admitted, ConnectionRefusal, Effects, Entrance, Event, Identity, Recorder, RefusedConnection,
    Snapshot, Timers,
};
use postern_model::Limits;
use postern_protocol::http1;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, TcpStream};

use crate::{
    connection,
    limits::{ConnectionPlace, Counter, Peer},
    timeout::TICK,
    tls::TlsConfiguration,
    worker::Worker,
};

/// What a connection that comes in by one address meets. Replaced whole at a reload.
#[derive(Debug)]
pub(crate) struct Door {
    admission: Arc<Admission>,
    pub(crate) tls: Option<Arc<TlsConfiguration>>,
    pub(crate) http2: bool,
    pub(crate) head_limits: http1::Limits,
}

impl Door {
    pub(crate) fn new(entrance: &Entrance, tls: Option<Arc<TlsConfiguration>>) -> Self {
        Self {
            admission: Arc::clone(&entrance.admission),
            tls,
            http2: entrance.http2,
            head_limits: entrance.head_limits.clone(),
        }
    }
}

/// One address that is listened on: a socket for each worker, so that the kernel spreads connections.
/// Inherited sockets may be more or fewer.
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

    /// An address that somebody else has bound.
    pub(crate) fn inherited(address: SocketAddr, sockets: Vec<Socket>) -> Self {
        let sockets = sockets.into_iter().map(Arc::new).collect();
        Self { address, local: address, sockets, open: Arc::default() }
    }

    /// The sockets that one of so many workers accepts on. All of them have somebody, since each has a
    /// queue of its own.
    pub(crate) fn sockets_of(&self, worker: usize, workers: usize) -> impl Iterator<Item = &Arc<Socket>> {
        let shared = (self.sockets.len() < workers).then(|| worker % self.sockets.len().max(1));
        self.sockets.iter().enumerate().filter_map(move |(index, socket)| {
            let is_mine = shared.map_or_else(|| index % workers == worker, |mine| mine == index);
            is_mine.then_some(socket)
        })
    }

    fn try_bind(address: SocketAddr, workers: usize) -> io::Result<Self> {
        // Another gateway of the same user would share the address with this one, and the connections:
        // nobody wants that by accident.
        drop(socket_at(address, false)?);
        let first = listen(address)?;
        let local = first.local_addr()?.as_socket().unwrap_or(address);
        let rest = (1..workers).map(|_| listen(local));
        let sockets = std::iter::once(Ok(first)).chain(rest).map(|socket| socket.map(Arc::new));
        Ok(Self { address, local, sockets: sockets.collect::<io::Result<_>>()?, open: Arc::default() })
    }
}

fn listen(address: SocketAddr) -> io::Result<Socket> {
    let socket = socket_at(address, true)?;
    socket.listen(BACKLOG)?;
    Ok(socket)
}

/// A bound socket. Only one that does not share its port finds out that somebody else listens there.
fn socket_at(address: SocketAddr, shares_port: bool) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM.nonblocking(), Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(shares_port)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    // Accepted sockets inherit it, so it costs no call for each of them.
    socket.set_tcp_nodelay(true)?;
    socket.bind(&address.into())?;
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

    /// What decides about a connection that comes in now: the snapshot that serves, and what stood here
    /// last where that one has left the address.
    fn admission(&self, house: &Snapshot) -> Arc<Admission> {
        Arc::clone(house.admission_at(self.address).unwrap_or(&self.door.borrow().admission))
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
    pub(crate) peer: SocketAddr,
    pub(crate) local: SocketAddr,
    pub(crate) door: Arc<Door>,
    pub(crate) caller: Caller,
    pub(crate) place: ConnectionPlace,
}

/// Who calls by a connection. That is decided once, by the snapshot of the moment when it was accepted.
#[derive(Debug)]
pub(crate) enum Caller {
    /// The peer itself, who is this.
    Known(Arc<Identity>),
    /// Somebody whom a PROXY header introduces; this decides about it.
    AwaitsHeader(Arc<Admission>),
}

impl<S> Accepted<S> {
    /// The same with another kind of socket.
    pub(crate) fn try_map<T>(self, change: impl FnOnce(S) -> io::Result<T>) -> io::Result<Accepted<T>> {
        let Self { socket, peer, local, door, caller, place } = self;
        Ok(Accepted { socket: change(socket)?, peer, local, door, caller, place })
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
    let mut accepted_at_once = 0;
    loop {
        match poll_fn(|context| poll_accept(&place, &sockets, context)).await {
            Ok(Some((socket, source))) => let_in(&worker, &place, socket, source).await,
            Ok(None) => return,
            Err(fault) if is_of_one_connection(&fault) => {}
            Err(_) => {
                worker.recorder.event(Event::AcceptFailed);
                // Two ticks: 100 ms, so that descriptors can come free.
                tokio::time::sleep(TICK * 2).await;
            }
        }
        accepted_at_once += 1;
        if accepted_at_once % ACCEPTED_AT_ONCE == 0 {
            tokio::task::yield_now().await;
        }
    }
}

/// Connections that are accepted before others have their turn.
const ACCEPTED_AT_ONCE: u64 = 32;

/// A listening socket as the runtime sees it, and as the system does.
struct Sockets {
    listener: TcpListener,
    socket: Arc<Socket>,
}

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

/// Has a connection served, if the network layers let it in. Beyond a limit it waits here, unread, and no
/// other is accepted meanwhile.
async fn let_in<E, R>(worker: &Rc<Worker<E, R>>, place: &Rc<Place>, socket: TcpStream, peer: SocketAddr)
where
    E: Effects + 'static,
    R: Recorder + 'static,
{
    let admission = place.admission(&worker.held.snapshot());
    let caller = match admission.admit(peer.ip()) {
        Ok(Admitted::Known(identity)) => Caller::Known(identity),
        Ok(Admitted::AwaitsHeader) => Caller::AwaitsHeader(admission),
        Err(refusal) => return turn_away(worker, (peer, place.local), refusal),
    };
    if !wait_for_room(worker, place).await {
        return;
    }
    let door = place.door();
    let index = worker.counts().better_worker(worker.index).unwrap_or(worker.index);
    if let Some(count) = worker.counts().workers.get(index) {
        count.0.enter(u64::MAX);
    }
    let mut counted = ConnectionPlace {
        counts: Arc::clone(&worker.shared.counts),
        listener: Arc::clone(&place.open),
        peer: None,
        worker: index,
        shakes_hands: Cell::new(door.tls.is_some()),
    };
    if matches!(caller, Caller::Known(_)) && !is_welcome(worker, &mut counted, Peer::Address(peer.ip())) {
        return reset(&socket);
    }
    let local = local_address(place.local, &socket);
    let accepted = Accepted { socket, peer, local, door, caller, place: counted };
    match index == worker.index {
        true => connection::start(worker, place, accepted),
        false => hand_over(worker, place, index, accepted),
    }
}

/// Says to whoever counts why a connection is closed without a byte: by the caller, who drops it. No reset
/// is forced, since it could reach a client that is still connecting and make a riddle of a closed door.
pub(crate) fn turn_away<E, R: Recorder>(
    worker: &Worker<E, R>,
    (peer, listener): (SocketAddr, SocketAddr),
    refusal: ConnectionRefusal,
) {
    worker.recorder.event(Event::ConnectionRefused(RefusedConnection { peer, listener, refusal }));
}

/// Counts a connection among those of its peer. Says whether that one may have another.
pub(crate) fn is_welcome<E, R: Recorder>(
    worker: &Worker<E, R>,
    counted: &mut ConnectionPlace,
    peer: Peer,
) -> bool {
    let limit = worker.held.snapshot().limits().connections_per_peer;
    let is_welcome = counted.enter_peer(peer, limit);
    if !is_welcome {
        worker.recorder.event(Event::LimitHit("connectionsPerPeer"));
    }
    is_welcome
}

/// Makes the end of a connection a reset.
pub(crate) fn reset(socket: &TcpStream) {
    // A socket that refuses the option is gone already.
    let _ = socket.set_zero_linger();
}

/// Waits until every count has room for one more connection, and counts it. Says whether it may come in:
/// not so where the place closes meanwhile.
async fn wait_for_room<E, R: Recorder>(worker: &Worker<E, R>, place: &Place) -> bool {
    let mut told = false;
    loop {
        let limits = *worker.held.snapshot().limits();
        let Err(name) = enter(worker, place, &limits) else { return true };
        if !std::mem::replace(&mut told, true) {
            worker.recorder.event(Event::LimitHit(name));
        }
        if place.is_closing.get() {
            return false;
        }
        tokio::time::sleep(TICK).await;
    }
}
/// Counts a connection in every count that has a limit, or in none: then the error is the limit's name.
fn enter<E, R>(worker: &Worker<E, R>, place: &Place, limits: &Limits) -> Result<(), &'static str> {
    let counts = worker.counts();
    let shakes_hands = place.door.borrow().tls.is_some();
    let second = worker.timers.coarse_nanoseconds();
    if !counts.connections.enter(limits.connections) {
        return Err("connections");
    }
    if !place.open.enter(limits.connections_per_listener) {
        counts.connections.leave();
        return Err("connectionsPerListener");
    }
    if shakes_hands && !counts.handshakes.enter(limits.handshakes) {
        counts.connections.leave();
        place.open.leave();
        return Err("handshakes");
    }
    if !counts.accepts.enter(second, limits.accepts_per_second) {
        counts.connections.leave();
        place.open.leave();
        if shakes_hands {
            counts.handshakes.leave();
        }
        return Err("acceptsPerSecond");
    }
    Ok(())
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

/// Where a connection came in: known, unless the place is every address of the machine.
fn local_address(bound: SocketAddr, socket: &TcpStream) -> SocketAddr {
    if bound.ip().is_unspecified() { socket.local_addr().unwrap_or(bound) } else { bound }
}

#[cfg(test)]
mod tests {
    use std::net::TcpStream as StandardStream;

    use super::*;

    fn any() -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], 0))
    }

    #[test]
    fn accepted_sockets_send_at_once() {
        let bound = Bound::bind(any(), 1).unwrap();
        let _client = StandardStream::connect(bound.local).unwrap();
        bound.sockets[0].set_nonblocking(false).unwrap();
        let (accepted, _) = bound.sockets[0].accept().unwrap();
        assert!(accepted.tcp_nodelay().unwrap());
    }

    #[test]
    fn an_address_is_listened_on_once() {
        let bound = Bound::bind(any(), 3).unwrap();
        assert_eq!(bound.sockets.len(), 3);
        let problem = Bound::bind(bound.local, 3).unwrap_err();
        assert_eq!(
            problem,
            format!("cannot listen on {}: Address already in use (os error 98)", bound.local)
        );
    }

    #[test]
    fn every_inherited_socket_has_a_worker_and_every_worker_a_socket() {
        for sockets in 1..6 {
            let bound = Bound::bind(any(), sockets).unwrap();
            for workers in 1..6 {
                let mut served = vec![0; sockets];
                for worker in 0..workers {
                    let mine: Vec<_> = bound.sockets_of(worker, workers).collect();
                    assert!(!mine.is_empty(), "{sockets} sockets, worker {worker} of {workers}");
                    for socket in mine {
                        let index = bound.sockets.iter().position(|other| Arc::ptr_eq(other, socket));
                        served[index.unwrap()] += 1;
                    }
                }
                assert!(served.iter().all(|count| *count > 0), "{sockets} sockets, {workers} workers");
            }
        }
    }
}
