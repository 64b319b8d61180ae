//! Functions whose processes run on this machine (lambda-events.md section 8).
//!
//! A process is at home with the worker whose call had it started, which speaks with it: most calls touch no
//! other thread. Workers find each other's calls and processes by [`slots`] and letters; one more thread
//! starts and ends processes. **Read first:** `queue.rs` (who serves which call), then `pool.rs` and
//! `process.rs`; `staff.rs` for that thread.

mod answer;
mod body;
mod child;
mod connection;
mod home;
mod host;
mod invocation;
mod letter;
mod line;
mod pool;
mod process;
mod queue;
mod reply;
mod request_id;
mod shared;
mod slots;
mod spawn;
mod staff;
mod standing;

use std::{io, num::NonZeroUsize, rc::Rc, sync::Arc, thread};

use postern_gateway::{HostedCall, IntegrationFailure, IntegrationFailureKind as Kind, Snapshot, Timers};
use postern_protocol::lambda_invoke::refuse_event;
use tokio::{
    runtime::{Builder, LocalOptions},
    sync::{mpsc, oneshot},
};

use answer::Answering;
pub(crate) use answer::Begun;
pub(crate) use home::Home;
use host::Order;
use invocation::Event;
pub use reply::HostedReply;
pub(crate) use reply::ReplyHeads;
use shared::Shared;
pub use standing::{FunctionLine, FunctionOutput, FunctionStatus};

/// The host of all functions whose processes run on this machine. Dropping it ends them all.
#[derive(Debug)]
pub struct FunctionHost {
    shared: Arc<Shared>,
    thread: Option<thread::JoinHandle<()>>,
}

impl FunctionHost {
    /// Starts the thread; no process runs yet. What processes write is told to `log`, by any thread. No more
    /// than `workers` can call functions.
    ///
    /// # Errors
    ///
    /// When the system gives no thread or event queue.
    pub fn start(
        workers: NonZeroUsize,
        log: impl Fn(FunctionLine<'_>) + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let (orders, taken) = mpsc::unbounded_channel();
        let shared = Shared::new(workers, orders, Box::new(log));
        let theirs = Arc::clone(&shared);
        let thread = thread::Builder::new().name("functions".into()).spawn(move || {
            let built =
                Builder::new_current_thread().enable_io().enable_time().build_local(LocalOptions::default());
            // Without an event queue nothing takes orders, and no process is ever started.
            let Ok(runtime) = built else { return };
            runtime.block_on(host::run(taken, theirs));
        })?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// Keeps the processes of this snapshot's functions from now on; the others end when they are idle. To
    /// be called when a snapshot begins to serve.
    pub fn serve(&self, snapshot: &Snapshot) {
        self.shared.order(Order::Keep(snapshot.functions().to_vec()));
    }

    /// How the functions are doing, in the order of their names.
    #[must_use]
    pub fn statuses(&self) -> Vec<FunctionStatus> {
        self.shared.board.statuses()
    }

    /// Ends all processes. Workers let them finish what they are at before
    /// ([`Effects::finish`](postern_gateway::Effects::finish)).
    pub async fn end(&self) {
        let (done, ended) = oneshot::channel();
        self.shared.order(Order::End(done));
        // Where the thread is gone, so are the processes.
        let _ = ended.await;
    }

    /// A worker's part in all functions. To be called within the worker's runtime.
    pub(crate) fn join(&self) -> Option<Rc<Home>> {
        Home::join(&self.shared)
    }
}

/// Has a process answer a call, from the worker whose part in functions is `home`.
pub(crate) async fn invoke<T: Timers>(
    home: Option<&Home>,
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
    let home = home.ok_or_else(|| failure(Kind::Network, "there are more workers than were announced"))?;
    let (answer, begun) = oneshot::channel();
    let mut answering = Answering::new(answer);
    if call.is_event {
        answering.answer(Begun::Accepted);
    }
    home.pool(call.function).call(&Event::of(call), call.is_event, answering, call.limits.backend_pending);
    match timers.within(call.deadline_nanoseconds, begun).await {
        Err(_) => Err(failure(Kind::TimedOut, "no answer within the integration's timeout")),
        Ok(Err(_)) => Err(failure(Kind::Network, "the host of functions has ended")),
        Ok(Ok(Begun::Overloaded)) => Err(failure(Kind::Overloaded, "too many calls wait for it")),
        Ok(Ok(begun)) => Ok(HostedReply::new(begun, heads, call)),
    }
}

impl Drop for FunctionHost {
    fn drop(&mut self) {
        self.shared.order(Order::Stop);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
