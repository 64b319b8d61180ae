//! What the edge tells whoever counts.

use std::{net::SocketAddr, rc::Rc};

use crate::{ConnectionRefusal, Record};

/// Who counts: implemented by `observe`, one for each worker, so that nothing is shared on the way.
pub trait Recorder {
    /// An exchange is over: its answer has been written, or the client is gone.
    fn exchange(&self, record: &Record<'_>, sent: Sent);

    /// Something happened that is no exchange.
    fn event(&self, event: Event);
}

/// One worker's callers and backends count with the same.
impl<R: Recorder> Recorder for Rc<R> {
    fn exchange(&self, record: &Record<'_>, sent: Sent) {
        R::exchange(self, record, sent);
    }

    fn event(&self, event: Event) {
        R::event(self, event);
    }
}

/// What was sent of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sent {
    /// Bytes of the body.
    pub body_bytes: u64,
    /// Whether the whole answer went out.
    pub complete: bool,
    /// When the first byte of a body came that passed through, on the monotonic clock, in nanoseconds;
    /// absent where it came with its head, and where none came.
    pub first_content_at_nanoseconds: Option<u64>,
    /// When it was over, on the monotonic clock, in nanoseconds.
    pub at_nanoseconds: u64,
}

/// What happens beside exchanges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A connection was let in.
    ConnectionOpened,
    /// A connection is over.
    ConnectionClosed,
    /// A connection was turned away before anything was answered.
    ConnectionRefused(RefusedConnection),
    /// A TLS handshake finished.
    HandshakeFinished {
        /// Whether it resumed a session.
        resumed: bool,
    },
    /// A TLS handshake failed or took too long.
    HandshakeFailed,
    /// A limit of the table of limits was hit.
    LimitHit(&'static str),
    /// Accepting failed, for want of descriptors or the like.
    AcceptFailed,
    /// A fault in one connection was caught.
    FaultCaught,
    /// A connection to a backend was opened.
    BackendConnected,
    /// A connection to a backend could not be opened.
    BackendConnectFailed,
    /// A call was sent a second time, on another connection.
    BackendRetried,
}

/// A connection that was turned away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RefusedConnection {
    /// Who connected: a load balancer, where one is in front.
    pub peer: SocketAddr,
    /// The address that it came to.
    pub listener: SocketAddr,
    /// Why it was turned away.
    pub refusal: ConnectionRefusal,
}
