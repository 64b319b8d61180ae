//! Idle connections of one worker to one target, and how many may be busy.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    sync::Arc,
};

use postern_gateway::{DestinationTarget, Event, Recorder};
use postern_model::Limits;
use tokio::sync::{Notify, OwnedSemaphorePermit};

use crate::{
    connection::Connection,
    health::{TargetHealth, host_and_port},
    name::Name,
};

/// An idle connection is not used again after so long: most backends close theirs after a minute.
const IDLE_NANOSECONDS: u64 = 50_000_000_000;

/// The connections of one worker to one target.
#[derive(Debug)]
pub(crate) struct TargetPool {
    /// `host:port`, for messages.
    pub(crate) label: Box<str>,
    pub(crate) name: Name,
    /// Shared with the other workers; absent where the target is no link's.
    pub(crate) health: Option<Arc<TargetHealth>>,
    pub(crate) warming: Warming,
    /// How often it was put out: calls that wait for its answer look at it whenever they are woken.
    pub(crate) times_put_out: Cell<u64>,
    /// The last one used is the first to be used again: it is warm, and the others grow old.
    idle: RefCell<Vec<Idle>>,
    busy: Cell<u64>,
    waiting: Cell<u64>,
    freed: Notify,
}

#[derive(Debug)]
struct Idle {
    connection: Connection,
    since: u64,
}

/// How far a target that came back is from its full share.
#[derive(Debug, Default)]
pub(crate) struct Warming {
    pub(crate) was_out: Cell<bool>,
    /// When it came back, on the monotonic clock, in nanoseconds; 0: it has its full share.
    pub(crate) since: Cell<u64>,
    /// What it has saved up for its next turn, in hundredths.
    pub(crate) credit: Cell<u64>,
}

/// A place among the busy connections to a target. Going out of scope gives it up.
#[derive(Debug)]
pub(crate) struct Place {
    target: Rc<TargetPool>,
    /// Held as long as the place, where one call at a time is taken.
    turn: Option<OwnedSemaphorePermit>,
}

/// Too many calls wait for a place.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TooManyWait;

impl TargetPool {
    pub(crate) fn new(target: &DestinationTarget, health: Option<Arc<TargetHealth>>) -> Self {
        Self {
            label: host_and_port(&target.host, target.port).into(),
            name: Name::new(target),
            health,
            warming: Warming::default(),
            times_put_out: Cell::new(0),
            idle: RefCell::default(),
            busy: Cell::new(0),
            waiting: Cell::new(0),
            freed: Notify::new(),
        }
    }

    /// Calls that are with it or wait for it.
    pub(crate) const fn load(&self) -> u64 {
        self.busy.get().saturating_add(self.waiting.get())
    }

    /// Takes a place among the busy connections (`backendConnections`) where one is free and nobody waits
    /// for one: who comes later waits behind those who wait already.
    pub(crate) fn free_place(self: &Rc<Self>, limits: &Limits) -> Option<Place> {
        if self.waiting.get() > 0 || self.busy.get() >= limits.backend_connections {
            return None;
        }
        Some(self.take_place())
    }

    fn take_place(self: &Rc<Self>) -> Place {
        self.busy.set(self.busy.get() + 1);
        Place { target: Rc::clone(self), turn: None }
    }

    /// Waits for a place where none is free, unless too many wait already (`backendPending`).
    pub(crate) async fn place<R: Recorder>(
        self: &Rc<Self>,
        limits: &Limits,
        recorder: &R,
    ) -> Result<Place, TooManyWait> {
        if self.waiting.get() >= limits.backend_pending {
            recorder.event(Event::LimitHit("backendPending"));
            return Err(TooManyWait);
        }
        recorder.event(Event::LimitHit("backendConnections"));
        let _waiting = Waiting::begin(&self.waiting);
        self.freed.notified().await;
        while self.busy.get() >= limits.backend_connections {
            self.freed.notified().await;
        }
        Ok(self.take_place())
    }

    /// An idle connection that the backend has left open, as far as is known.
    pub(crate) fn take_idle(&self, now: u64) -> Option<Connection> {
        let mut idle = self.idle.borrow_mut();
        while let Some(Idle { mut connection, since }) = idle.pop() {
            if now.saturating_sub(since) < IDLE_NANOSECONDS && connection.is_usable() {
                return Some(connection);
            }
        }
        None
    }

    /// Makes room for a new connection beside the idle ones: the oldest goes where all together would
    /// be more than may be busy.
    pub(crate) fn make_room(&self, limits: &Limits) {
        let mut idle = self.idle.borrow_mut();
        if !idle.is_empty() && self.busy.get().saturating_add(idle.len() as u64) > limits.backend_connections
        {
            idle.remove(0);
        }
    }

    /// Closes idle connections: those that are too old, and those whose address the name has no more.
    pub(crate) fn close_useless(&self, now: u64) {
        let keeps = |idle: &Idle| {
            now.saturating_sub(idle.since) < IDLE_NANOSECONDS && self.name.has(idle.connection.address())
        };
        self.idle.borrow_mut().retain(keeps);
    }

    /// Closes every idle connection.
    pub(crate) fn close_idle(&self) {
        self.idle.borrow_mut().clear();
    }

    /// Whether it has idle connections.
    pub(crate) fn has_idle(&self) -> bool {
        !self.idle.borrow().is_empty()
    }
}

impl Place {
    /// The target that it is at.
    pub(crate) const fn target(&self) -> &Rc<TargetPool> {
        &self.target
    }

    /// Keeps a turn for as long as the place.
    pub(crate) fn hold(mut self, turn: Option<OwnedSemaphorePermit>) -> Self {
        self.turn = turn;
        self
    }

    /// Keeps a connection for the next call, unless it leads where the target no longer is.
    pub(crate) fn keep(&self, connection: Connection, now: u64) {
        if self.target.name.has(connection.address()) {
            self.target.idle.borrow_mut().push(Idle { connection, since: now });
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.target.busy.set(self.target.busy.get().saturating_sub(1));
        if self.target.waiting.get() > 0 {
            self.target.freed.notify_one();
        }
    }
}

/// Counts a waiting call, also one that is given up.
struct Waiting<'w>(&'w Cell<u64>);

impl<'w> Waiting<'w> {
    fn begin(count: &'w Cell<u64>) -> Self {
        count.set(count.get() + 1);
        Self(count)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get().saturating_sub(1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connection::Wire;
    use postern_socket::{Outbox, Socket};
    use std::net::SocketAddr;
    use tokio::net::{TcpListener, TcpStream};

    #[test]
    fn upstream_connections_follow_their_name() {
        let target = DestinationTarget {
            host: "backend.test".into(),
            port: 80,
            address: None,
            named_by_operator: true,
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
        runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let elsewhere: SocketAddr = "10.0.0.1:80".parse().unwrap();
            let pool = Rc::new(TargetPool::new(&target, None));
            let place = pool.free_place(&Limits::default()).unwrap();
            let open = async || {
                let socket = TcpStream::connect(address).await.unwrap();
                Connection::new(Wire::Plain(Socket::new(socket, &Outbox::new())), Some(Rc::new(address)))
            };
            pool.name.learn(&[address, elsewhere], 0);
            place.keep(open().await, 0);
            pool.close_useless(1);
            assert!(pool.has_idle(), "it still leads there");
            pool.name.learn(&[elsewhere], 1);
            pool.close_useless(2);
            assert!(!pool.has_idle(), "it leads elsewhere now");
            place.keep(open().await, 3);
            assert!(!pool.has_idle(), "what was busy is not kept either");
        });
    }

    #[test]
    fn limits_idle_and_busy_connections_together_are_no_more_than_may_be_busy() {
        let target =
            DestinationTarget { host: "127.0.0.1".into(), port: 80, address: None, named_by_operator: true };
        let limits = Limits { backend_connections: 2, ..Limits::default() };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
        runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let pool = Rc::new(TargetPool::new(&target, None));
            let place = pool.free_place(&limits).unwrap();
            for at in 0..2 {
                let socket = TcpStream::connect(address).await.unwrap();
                place.keep(Connection::new(Wire::Plain(Socket::new(socket, &Outbox::new())), None), at);
            }
            pool.make_room(&limits);
            assert_eq!(pool.idle.borrow().iter().map(|idle| idle.since).collect::<Vec<_>>(), [1]);
            pool.make_room(&limits);
            assert!(pool.has_idle(), "there is room already");
        });
    }
}
