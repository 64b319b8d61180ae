//! HTTP/2 towards clients: hyper keeps the frames, every stream walks the same way as a request of
//! HTTP/1.1 (hardening section 5).

mod io;
mod noise;
mod stream;

use std::{
    cell::Cell,
    convert::Infallible,
    future::poll_fn,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    rc::Rc,
    task::{Context, Poll},
};

use hyper::{
    Request, Response, body::Incoming, rt::Executor, server::conn::http2::Builder, service::Service,
};
use postern_gateway::{Effects, Event, Recorder, Timers};
use postern_model::Limits;
use socket2::SockRef;

pub(crate) use self::stream::StreamDesk;
use self::{io::WireIo, noise::Noise, stream::AnswerStream};
use crate::{SECOND_NANOSECONDS, connection::Job, timeout::Alarm, wire::Wire, worker::Worker};

/// What the streams of a connection tell the connection.
pub(crate) struct ConnectionState {
    alarm: Alarm,
    /// Something was read.
    has_read: Cell<bool>,
    /// Streams that are being served.
    streams: Cell<usize>,
    /// Pieces of answers that the client has not taken yet.
    waiting: Cell<usize>,
    /// When the client last took one, or when its rest began.
    last_taken: Cell<u64>,
    /// No more requests: too many, too old.
    is_spent: Cell<bool>,
    /// A fault in a stream was caught: the connection closes.
    is_broken: Cell<bool>,
    /// The limit of noise that the client has exceeded: the connection is over.
    noise: Cell<Option<&'static str>>,
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
    let Job { stream, connection, place, alarm, rest_deadline, old_at, counted, .. } = *job;
    let stream = stream.into_inner();
    // A client that takes its answers slowly is seen to take them. One that refuses the option is gone.
    let _ = SockRef::from(stream.socket()).set_tcp_notsent_lowat(UNSENT_BYTES_MAX);
    alarm.set(rest_deadline.get());
    let state = Rc::new(ConnectionState {
        alarm,
        has_read: Cell::new(false),
        streams: Cell::new(0),
        waiting: Cell::new(0),
        last_taken: Cell::new(worker.timers.coarse_nanoseconds()),
        is_spent: Cell::new(false),
        is_broken: Cell::new(false),
        noise: Cell::new(None),
    });
    let requests = Cell::new(0);
    let about = stream::About {
        worker: Rc::clone(worker),
        connection,
        place,
        state: Rc::clone(&state),
        old_at,
        requests,
    };
    let executor = LocalExecutor { state: Rc::clone(&state), worker: Rc::clone(worker) };
    let service = StreamService { about: Rc::new(about) };
    let buffers = worker.body_buffers.clone();
    let io = WireIo {
        stream,
        _counted: counted,
        state: Rc::clone(&state),
        buffers,
        read_before,
        noise: Noise::new(&limits),
        timers: worker.timers.clone(),
    };
    let mut connection = pin!(builder(executor, &limits).serve_connection(io, service));
    let mut is_leaving = false;
    poll_fn(|context| {
        match poll_due(worker, &state, &limits, is_leaving, context) {
            Due::Abort => return Poll::Ready(()),
            Due::Leave if !std::mem::replace(&mut is_leaving, true) => {
                connection.as_mut().graceful_shutdown()
            }
            Due::Leave | Due::Nothing => {}
        }
        // What was wrong has been told to the client as GOAWAY; there is nobody else to tell.
        connection.as_mut().poll(context).map(drop)
    })
    .await;
    if let Some(limit) = state.noise.get() {
        worker.recorder.event(Event::LimitHit(limit));
    }
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
/// What the system holds unsent of all answers of a connection.
const UNSENT_BYTES_MAX: u32 = 128 << 10;
/// What is held of one stream's answer for a client that opens no window.
const SEND_BUFFER_BYTES: usize = 64 << 10;

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
    is_leaving: bool,
    context: &Context<'_>,
) -> Due {
    if state.is_broken.get() {
        return Due::Abort;
    }
    let now = worker.timers.coarse_nanoseconds();
    let is_due = state.alarm.poll_elapsed(context).is_ready();
    let due = if is_due { look(worker, state, limits, is_leaving, now) } else { Due::Nothing };
    let must_leave = worker.draining.get() || state.is_spent.get() || matches!(due, Due::Leave);
    let due = match due {
        Due::Abort => Due::Abort,
        Due::Leave | Due::Nothing if must_leave => Due::Leave,
        Due::Leave | Due::Nothing => Due::Nothing,
    };
    if matches!(due, Due::Leave) && !is_leaving {
        // A client that does not answer the GOAWAY has so long to notice it.
        state.alarm.set(now.saturating_add(limits.write_stall_seconds.saturating_mul(SECOND_NANOSECONDS)));
    }
    // Where the alarm was moved, the task must be known to it again.
    let _ = state.alarm.poll_elapsed(context);
    due
}

/// What the state of a connection says, now that its alarm went off.
fn look<E, R: Recorder>(
    worker: &Worker<E, R>,
    state: &ConnectionState,
    limits: &Limits,
    is_leaving: bool,
    now: u64,
) -> Due {
    let after =
        |seconds: u64| state.last_taken.get().saturating_add(seconds.saturating_mul(SECOND_NANOSECONDS));
    if !state.has_read.get() {
        worker.recorder.event(Event::LimitHit("firstByteSeconds"));
        return Due::Abort;
    }
    if is_leaving && state.streams.get() == 0 {
        return Due::Abort;
    }
    let (deadline, limit, overdue) = match (state.waiting.get(), state.streams.get()) {
        (0, 0) => (after(limits.h2_idle_seconds), "h2IdleSeconds", Due::Leave),
        // The backends work; the walk has its own deadline.
        (0, _) => {
            state.alarm.clear();
            return Due::Nothing;
        }
        _ => (after(limits.write_stall_seconds), "writeStallSeconds", Due::Abort),
    };
    if now < deadline {
        state.alarm.set(deadline);
        return Due::Nothing;
    }
    worker.recorder.event(Event::LimitHit(limit));
    overdue
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
    type Response = Response<AnswerStream<E, R>>;
    type Error = Infallible;
    type Future = stream::Head<E, R>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        stream::serve(Rc::clone(&self.about), request)
    }
}
