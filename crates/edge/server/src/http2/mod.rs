//! HTTP/2 towards clients: hyper keeps the frames, every stream walks the same way as a request of
//! HTTP/1.1 (hardening section 5).

mod io;
mod stream;

use std::{
    cell::Cell,
    convert::Infallible,
    future::poll_fn,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::{Pin, pin},
    rc::Rc,
    task::{Context, Poll},
};

use hyper::{
    Request, Response,
    body::Incoming,
    rt::Executor,
    server::conn::http2::{Builder, Connection},
    service::Service,
};
use postern_gateway::{Effects, Event, Recorder};
use postern_model::Limits;

pub(crate) use self::stream::StreamMemory;
use self::{io::WireIo, stream::AnswerStream};
use crate::{SECOND_NANOSECONDS, connection::Job, timeout::Alarm, wire::Wire, worker::Worker};

/// What the streams of a connection tell the connection.
pub(crate) struct ConnectionState {
    alarm: Alarm,
    /// Something was read.
    has_read: Cell<bool>,
    /// Streams that are being served.
    streams: Cell<usize>,
    /// Pieces of answers that the client has not taken yet, and when it last took one.
    waiting: Cell<usize>,
    last_taken: Cell<u64>,
    /// No more requests: too many, too old.
    is_spent: Cell<bool>,
    /// A fault in a stream was caught: the connection closes.
    is_broken: Cell<bool>,
}

impl ConnectionState {
    /// Has the connection look at its state at the next tick.
    fn nudge(&self) {
        self.alarm.set(0);
    }
}

/// Serves an HTTP/2 connection to its end. `read` is what was read of it already.
pub(crate) async fn serve<S, E, R>(worker: &Rc<Worker<E, R>>, job: Box<Job<S>>, read: Vec<u8>)
where
    S: Wire,
    E: Effects + 'static,
    R: Recorder + 'static,
{
    Box::pin(serve_boxed(worker, job, read)).await;
}

async fn serve_boxed<S, E, R>(worker: &Rc<Worker<E, R>>, job: Box<Job<S>>, read_before: Vec<u8>)
where
    S: Wire,
    E: Effects + 'static,
    R: Recorder + 'static,
{
    let limits = *worker.held.snapshot().limits();
    let state = Rc::new(ConnectionState {
        alarm: worker.timers.alarm(),
        has_read: Cell::new(false),
        streams: Cell::new(0),
        waiting: Cell::new(0),
        last_taken: Cell::new(0),
        is_spent: Cell::new(false),
        is_broken: Cell::new(false),
    });
    state.alarm.set(job.rest_deadline.get());
    let about = Rc::new(stream::About::new(worker, &job, &state));
    let executor = LocalExecutor { state: Rc::clone(&state), worker: Rc::clone(worker) };
    let service = StreamService { about };
    let io = WireIo { job, state: Rc::clone(&state), buffers: worker.body_buffers.clone(), read_before };
    let mut connection = pin!(builder(executor, &limits).serve_connection(io, service));
    let mut leaving = false;
    poll_fn(|context| {
        let mut due = poll_due(worker, &state, &limits, context);
        if matches!(due, Due::Abort) || state.is_broken.get() {
            return Poll::Ready(());
        }
        if worker.draining.get() || state.is_spent.get() {
            due = Due::Leave;
        }
        if matches!(due, Due::Leave) && !std::mem::replace(&mut leaving, true) {
            connection.as_mut().graceful_shutdown();
        }
        poll_connection(connection.as_mut(), context)
    })
    .await;
}

/// hyper's server with the limits of the snapshot.
fn builder<X>(executor: X, limits: &Limits) -> Builder<X>
where
    X: Clone,
{
    let short = |value: u64| u32::try_from(value).unwrap_or(u32::MAX);
    let mut builder = Builder::new(executor);
    builder
        .max_concurrent_streams(short(limits.h2_streams))
        .initial_stream_window_size(short(limits.h2_stream_window))
        .initial_connection_window_size(short(limits.h2_connection_window))
        .max_frame_size(short(limits.h2_frame_bytes))
        .header_table_size(HEADER_TABLE_BYTES)
        .max_header_list_size(short(limits.h2_header_list_bytes))
        .max_pending_accept_reset_streams(usize::try_from(limits.h2_resets_pending).unwrap_or(usize::MAX))
        .max_local_error_reset_streams(usize::try_from(limits.h2_resets_pending).unwrap_or(usize::MAX))
        .max_send_buf_size(SEND_BUFFER_BYTES);
    builder
}

/// `h2HeaderTableBytes`.
const HEADER_TABLE_BYTES: u32 = 4 << 10;
/// What is held of one stream's answer for a client that opens no window.
const SEND_BUFFER_BYTES: usize = 64 << 10;

fn poll_connection<S, E, R>(
    connection: Pin<&mut Connection<WireIo<S>, StreamService<E, R>, LocalExecutor<E, R>>>,
    context: &mut Context<'_>,
) -> Poll<()>
where
    S: Wire,
    E: Effects + 'static,
    R: Recorder + 'static,
{
    // What was wrong has been told to the client as GOAWAY; there is nobody else to tell.
    connection.poll(context).map(drop)
}

/// What a look at the clock says about a connection.
enum Due {
    Nothing,
    /// GOAWAY, and an end when the streams are done.
    Leave,
    /// The end at once.
    Abort,
}

fn poll_due<E, R: Recorder>(
    worker: &Worker<E, R>,
    state: &ConnectionState,
    limits: &Limits,
    context: &Context<'_>,
) -> Due {
    if state.alarm.poll_elapsed(context).is_pending() {
        return Due::Nothing;
    }
    let now = worker.timers.coarse_nanoseconds();
    let stall = limits.write_stall_seconds.saturating_mul(SECOND_NANOSECONDS);
    let idle = limits.h2_idle_seconds.saturating_mul(SECOND_NANOSECONDS);
    let due = if !state.has_read.get() {
        return Due::Abort;
    } else if state.waiting.get() > 0 {
        let deadline = state.last_taken.get().saturating_add(stall);
        if now >= deadline {
            worker.recorder.event(Event::LimitHit("writeStallSeconds"));
            return Due::Abort;
        }
        state.alarm.set(deadline);
        Due::Nothing
    } else if state.streams.get() == 0 {
        let deadline = state.last_taken.get().saturating_add(idle);
        if now >= deadline && state.last_taken.get() > 0 {
            // The client may answer with requests that it sent before it saw the GOAWAY.
            state.alarm.set(now.saturating_add(stall));
            Due::Leave
        } else {
            // The first look since something was read counts as the start of the rest.
            state.last_taken.set(state.last_taken.get().max(1).max(if deadline > now { 0 } else { now }));
            state.alarm.set(now.saturating_add(idle));
            Due::Nothing
        }
    } else {
        state.alarm.clear();
        Due::Nothing
    };
    // The alarm was moved, so the task must be known to it again.
    let _ = state.alarm.poll_elapsed(context);
    due
}

/// Spawns the streams of a connection on its own thread.
struct LocalExecutor<E, R> {
    state: Rc<ConnectionState>,
    worker: Rc<Worker<E, R>>,
}

impl<E, R> Clone for LocalExecutor<E, R> {
    fn clone(&self) -> Self {
        Self { state: Rc::clone(&self.state), worker: Rc::clone(&self.worker) }
    }
}

impl<E, R, F> Executor<F> for LocalExecutor<E, R>
where
    E: 'static,
    R: Recorder + 'static,
    F: Future<Output = ()> + 'static,
{
    fn execute(&self, stream: F) {
        let Self { state, worker } = self.clone();
        drop(tokio::task::spawn_local(async move {
            let mut stream = pin!(stream);
            poll_fn(|context| {
                // A fault in a stream closes its connection and no other.
                catch_unwind(AssertUnwindSafe(|| stream.as_mut().poll(context))).unwrap_or_else(|_| {
                    worker.recorder.event(Event::FaultCaught);
                    state.is_broken.set(true);
                    state.nudge();
                    Poll::Ready(())
                })
            })
            .await;
        }));
    }
}

/// Serves the streams of one connection.
struct StreamService<E, R> {
    about: Rc<stream::About<E, R>>,
}

impl<E, R> Service<Request<Incoming>> for StreamService<E, R>
where
    E: Effects + 'static,
    R: Recorder + 'static,
{
    type Response = Response<AnswerStream>;
    type Error = Infallible;
    type Future = stream::Head;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        stream::serve(Rc::clone(&self.about), request)
    }
}
