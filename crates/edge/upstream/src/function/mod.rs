//! Functions whose processes run on this machine (lambda-events.md section 8).
//!
//! All of them live on one thread with a runtime of its own: a process serves one call at a time whichever
//! worker it comes from, and calls beyond wait in one order. A worker hands a call over by a channel and is
//! handed the answer by another; nothing is locked on the way.

mod answer;
mod body;
mod connection;
mod host;
mod pool;
mod process;
mod reply;
mod spawn;
mod standing;

use std::{io, rc::Rc, sync::Arc, thread, time::Duration};

use postern_gateway::{HostedCall, IntegrationFailure, IntegrationFailureKind as Kind, Snapshot, Timers};
use postern_protocol::lambda_invoke::refuse_event;
use tokio::{
    runtime::{Builder, LocalOptions},
    sync::{mpsc, oneshot},
};

pub(crate) use answer::Begun;
use host::Order;
pub(crate) use pool::Invocation;
pub use reply::HostedReply;
pub(crate) use reply::ReplyHeads;
use standing::Board;
pub use standing::{FunctionLine, FunctionOutput, FunctionStatus};

/// The host of all functions whose processes run on this machine. Dropping it ends them all.
#[derive(Debug)]
pub struct FunctionHost {
    orders: mpsc::UnboundedSender<Order>,
    board: Arc<Board>,
    thread: Option<thread::JoinHandle<()>>,
}

impl FunctionHost {
    /// Starts the thread; no process runs yet. What processes write is told to `log`.
    ///
    /// # Errors
    ///
    /// When the system gives no thread or event queue.
    pub fn start(log: impl Fn(FunctionLine<'_>) + Send + 'static) -> io::Result<Self> {
        let (orders, taken) = mpsc::unbounded_channel();
        let board = Arc::new(Board::default());
        let shared = Arc::clone(&board);
        let thread = thread::Builder::new().name("functions".into()).spawn(move || {
            let built =
                Builder::new_current_thread().enable_io().enable_time().build_local(LocalOptions::default());
            // Without an event queue nothing takes orders, and every call of a function fails.
            let Ok(runtime) = built else { return };
            runtime.block_on(host::run(taken, shared, Rc::new(log)));
        })?;
        Ok(Self { orders, board, thread: Some(thread) })
    }

    /// Keeps the processes of this snapshot's functions from now on; the others end when they are idle. To
    /// be called when a snapshot begins to serve.
    pub fn serve(&self, snapshot: &Snapshot) {
        let _ = self.orders.send(Order::Keep(snapshot.functions().to_vec()));
    }

    /// How the functions are doing, in the order of their names.
    #[must_use]
    pub fn statuses(&self) -> Vec<FunctionStatus> {
        self.board.statuses()
    }

    /// Ends all processes: first they may finish what they are at, but not for longer than `patience`.
    pub async fn end(&self, patience: Duration) {
        let (done, ended) = oneshot::channel();
        if self.orders.send(Order::End { patience, done }).is_ok() {
            let _ = ended.await;
        }
    }

    /// Has a process answer a call.
    pub(crate) async fn invoke<T: Timers>(
        &self,
        call: &HostedCall<'_>,
        timers: &T,
        heads: &ReplyHeads,
    ) -> Result<HostedReply, IntegrationFailure> {
        if let Some(fault) = (!call.event_is_json).then(|| refuse_event(call.event)).flatten() {
            return Ok(HostedReply::new(Begun::Refused(fault), heads, call));
        }
        let failure = |kind, reason: &str| IntegrationFailure {
            kind,
            reason: format!("function `{}`: {reason}", call.function.name).into(),
        };
        let (answer, begun) = oneshot::channel();
        let invocation = Box::new(Invocation::new(call, answer));
        let ended = || failure(Kind::Network, "the host of functions has ended");
        self.orders.send(Order::Call(invocation)).map_err(|_| ended())?;
        let begun = timers.within(call.deadline_nanoseconds, begun).await;
        match begun {
            Err(_) => Err(failure(Kind::TimedOut, "no answer within the integration's timeout")),
            Ok(Err(_)) => Err(ended()),
            Ok(Ok(Begun::Overloaded)) => Err(failure(Kind::Overloaded, "too many calls wait for it")),
            Ok(Ok(begun)) => Ok(HostedReply::new(begun, heads, call)),
        }
    }
}

impl Drop for FunctionHost {
    fn drop(&mut self) {
        let _ = self.orders.send(Order::Stop);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
