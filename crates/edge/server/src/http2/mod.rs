//! HTTP/2 towards clients: `protocol` keeps the frames, every stream walks the same way as a request of
//! HTTP/1.1 (hardening section 5).
//!
//! A connection is one task, which reads, serves its streams and writes: what many streams say in one turn leaves
//! in one write.

mod ready;
mod stream;

use std::{
    cell::{Cell, RefCell},
    future::poll_fn,
    rc::Rc,
    sync::Arc,
    task::{Context, Poll, Waker, ready},
};

use postern_gateway::{Effects, Event, Recorder, Timers};
use postern_model::Limits;
use postern_protocol::http2::{
    Block, ErrorCode, Heard, NoiseLimits, Opened, Place, Session, SessionFault, SessionLimits,
};
use socket2::SockRef;

pub(crate) use self::stream::StreamDesk;
use self::{ready::Ready, stream::About};
use crate::{SECOND_NANOSECONDS, connection::Job, timeout::Alarm, wire::Wire, worker::Worker};

/// What the streams of a connection tell the connection.
#[derive(Debug)]
pub(crate) struct ConnectionState {
    alarm: Alarm,
    /// Something was read.
    has_read: Cell<bool>,
    /// Streams whose answer the client has not taken, or bytes that it has not.
    waiting: Cell<usize>,
    /// When the client last took something, or when its rest began.
    last_taken: Cell<u64>,
    /// Until when a header block that has begun must be whole.
    block_deadline: Cell<Option<u64>>,
    /// No more requests: too many, too old.
    is_spent: Cell<bool>,
}

/// Serves an HTTP/2 connection to its end. `read` is what was read of it already.
pub(crate) async fn serve<S, E, R>(worker: &Rc<Worker<E, R>>, job: Box<Job<S>>, read: Vec<u8>)
where
    S: Wire,
    E: Effects + 'static,
    R: Recorder + 'static,
{
    let mut connection = Box::new(Connection::new(worker, *job, read));
    poll_fn(|context| connection.poll(context)).await;
}

/// What is announced and borne.
fn session_limits(limits: &Limits) -> SessionLimits {
    let short = |value: u64| u32::try_from(value).unwrap_or(u32::MAX);
    SessionLimits {
        streams: short(limits.h2_streams),
        stream_window: short(limits.h2_stream_window),
        connection_window: short(limits.h2_connection_window),
        frame_bytes: short(limits.h2_frame_bytes),
        header_list_bytes: short(limits.h2_header_list_bytes),
        noise: NoiseLimits {
            resets_per_second: limits.h2_resets_per_second,
            resets_pending: limits.h2_resets_pending,
            control_frames: limits.h2_control_frames,
        },
    }
}

/// What the system holds unsent of all answers of a connection.
const UNSENT_BYTES_MAX: u32 = 128 << 10;

/// One connection: its wire, and the desks of its streams.
struct Connection<S, E, R> {
    about: Rc<About<E, R>>,
    limits: Limits,
    wire: S,
    /// What was read and is no whole frame.
    kept: Vec<u8>,
    /// What was read before came from somebody else and was not heard.
    has_unheard: bool,
    ready: Arc<Ready>,
    seats: Vec<Seat<E, R>>,
    is_leaving: bool,
    /// Something waits that the client does not take.
    is_stuck: bool,
    /// Bytes that the system had taken when it was last asked.
    sent_before: u64,
}

/// The place of a stream.
struct Seat<E, R> {
    waker: Waker,
    desk: Option<StreamDesk<E, R>>,
}

/// The connection is over.
struct Over;

impl<S, E, R> Connection<S, E, R>
where
    S: Wire,
    E: Effects + 'static,
    R: Recorder + 'static,
{
    fn new(worker: &Rc<Worker<E, R>>, job: Job<S>, read_before: Vec<u8>) -> Self {
        let limits = *worker.held.snapshot().limits();
        let Job { stream, connection, place, alarm, rest_deadline, old_at, .. } = job;
        let wire = stream.into_inner();
        // A client that takes its answers slowly is seen to take them. One that refuses the option is gone.
        let _ = SockRef::from(wire.socket().stream()).set_tcp_notsent_lowat(UNSENT_BYTES_MAX);
        alarm.set(rest_deadline.get());
        let state = ConnectionState {
            alarm,
            has_read: Cell::new(!read_before.is_empty()),
            waiting: Cell::new(0),
            last_taken: Cell::new(worker.timers.coarse_nanoseconds()),
            block_deadline: Cell::new(None),
            is_spent: Cell::new(false),
        };
        let about = About {
            worker: Rc::clone(worker),
            connection,
            place,
            session: RefCell::new(Session::new(&session_limits(&limits))),
            state,
            old_at,
            requests: Cell::new(0),
        };
        Self {
            about: Rc::new(about),
            limits,
            wire,
            has_unheard: !read_before.is_empty(),
            kept: read_before,
            ready: Ready::new(usize::try_from(limits.h2_streams).unwrap_or(usize::MAX)),
            seats: Vec::new(),
            is_leaving: false,
            is_stuck: false,
            sent_before: 0,
        }
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        self.ready.listen(context.waker());
        self.note_progress();
        match self.poll_due(context) {
            Due::Abort => {
                // What it is told reaches a client that listens.
                if self.poll_write(context).is_pending() {
                    self.wire.reset_on_close();
                }
                return Poll::Ready(());
            }
            Due::Leave if !std::mem::replace(&mut self.is_leaving, true) => {
                self.about.session.borrow_mut().leave();
            }
            Due::Leave | Due::Nothing => {}
        }
        for _ in 0..TURNS_MAX {
            match self.poll_turn(context) {
                Ok(true) => {}
                Ok(false) => return Poll::Pending,
                Err(Over) => return Poll::Ready(()),
            }
        }
        // Others are served before this one goes on.
        context.waker().wake_by_ref();
        Poll::Pending
    }

    /// Reads, serves and writes once. Says whether there may be more to do.
    fn poll_turn(&mut self, context: &mut Context<'_>) -> Result<bool, Over> {
        // Nothing is read then, and nobody is told of what comes.
        let was_full = self.about.session.borrow().is_full();
        let has_read = match self.poll_read(context) {
            Poll::Ready(Ok(())) => true,
            Poll::Ready(Err(fault)) => return Err(self.fail(context, fault)),
            Poll::Pending => false,
        };
        self.serve_ready();
        self.serve_unblocked();
        self.about.session.borrow_mut().end_turn();
        self.watch_block();
        let is_sent = match self.poll_write(context) {
            Poll::Ready(Ok(())) => true,
            Poll::Ready(Err(Over)) => return Err(Over),
            Poll::Pending => false,
        };
        self.watch_stall(is_sent);
        if is_sent && self.about.session.borrow().is_over() {
            // A client that does not take its leave is not waited for.
            let _ = self.wire.poll_close(context);
            return Err(Over);
        }
        let session = self.about.session.borrow();
        let has_room_again = was_full && !session.is_full();
        Ok(has_read || has_room_again || self.ready.is_any() || (is_sent && session.may_unblock()))
    }

    /// Reads once and hears what came.
    fn poll_read(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Fault>> {
        if std::mem::take(&mut self.has_unheard) {
            let input = std::mem::take(&mut self.kept);
            return Poll::Ready(self.hear(&input));
        }
        if self.about.session.borrow().is_full() {
            return Poll::Pending;
        }
        let mut buffer = self.about.worker.body_buffers.lend();
        let kept = self.kept.len();
        let (front, room) = match buffer.split_at_mut_checked(kept) {
            Some((front, room)) if room.len() >= ROOM_BYTES_MIN => {
                front.copy_from_slice(&self.kept);
                (kept, room)
            }
            // The frame is larger than a buffer.
            _ => (0, &mut *buffer),
        };
        let read = match ready!(self.wire.poll_read(context, room)) {
            Ok(read) if read > 0 => read,
            Ok(_) | Err(_) => return Poll::Ready(Err(Fault::Gone)),
        };
        self.about.state.has_read.set(true);
        let arrived = buffer.get(..front + read).unwrap_or_default();
        if front == kept {
            return Poll::Ready(self.hear(arrived));
        }
        let mut input = std::mem::take(&mut self.kept);
        input.extend_from_slice(arrived);
        Poll::Ready(self.hear(&input))
    }

    /// Hears all that is whole, and keeps the rest.
    fn hear(&mut self, mut input: &[u8]) -> Result<(), Fault> {
        let now = self.about.worker.timers.coarse_nanoseconds();
        loop {
            let heard = self.about.session.borrow_mut().hear(&mut input, now)?;
            match heard {
                Heard::Nothing => break,
                Heard::Block(block) => self.open(&block, now)?,
                Heard::Body { place, bytes, ends } => self.pass_on(place, bytes, ends),
                Heard::Gone { place } => self.lose(place),
            }
        }
        self.kept.clear();
        self.kept.extend_from_slice(input);
        if input.is_empty() && self.kept.capacity() > KEPT_BYTES_MAX {
            self.kept = Vec::new();
        }
        Ok(())
    }

    fn open(&mut self, block: &Block<'_>, now: u64) -> Result<(), Fault> {
        let worker = &self.about.worker;
        // The next block has its own time.
        self.about.state.block_deadline.set(None);
        let desk = worker.stream_desks.borrow_mut().pop().unwrap_or_else(StreamDesk::new);
        let mut memory = desk.memory();
        let head_limits = self.about.place.head_limits();
        let opened = self.about.session.borrow_mut().open(block, &head_limits, &mut memory, now);
        drop(head_limits);
        match opened? {
            Opened::Request { place, refusal, ends } => {
                let seated = Rc::clone(&self.about);
                seated.requests.set(seated.requests.get() + 1);
                desk.seat(seated, place, memory, refusal, !ends);
                self.seat(place, desk);
                return Ok(());
            }
            Opened::Trailers { place } => self.pass_on(place, &[], true),
            Opened::Gone { place } => self.lose(place),
            Opened::Nothing => {}
        }
        desk.put_back(memory);
        desk.leave(&self.about.worker);
        Ok(())
    }

    /// Puts a desk at its place.
    fn seat(&mut self, place: Place, desk: StreamDesk<E, R>) {
        while self.seats.len() <= place {
            let waker = self.ready.waker(self.seats.len());
            self.seats.push(Seat { waker, desk: None });
        }
        if let Some(seat) = self.seats.get_mut(place) {
            seat.desk = Some(desk);
        }
        self.ready.mark(place);
    }

    /// Gives a part of a body to its stream.
    fn pass_on(&mut self, place: Place, bytes: &[u8], ends: bool) {
        if let Some(desk) = self.seats.get(place).and_then(|seat| seat.desk.as_ref()) {
            desk.receive(bytes, ends);
            self.ready.mark(place);
        }
    }

    /// Gives up a stream, with all that is done for it.
    fn lose(&mut self, place: Place) {
        let desk = self.seats.get_mut(place).and_then(|seat| seat.desk.take());
        drop(desk);
        self.about.stream_is_over();
    }

    fn serve_ready(&mut self) {
        let ready = Arc::clone(&self.ready);
        for place in ready.take() {
            self.serve(place);
        }
    }

    /// Those that wait for room go on in their order.
    fn serve_unblocked(&mut self) {
        let count = self.about.session.borrow_mut().unblocked();
        for _ in 0..count {
            if self.about.session.borrow().is_full() {
                break;
            }
            let Some(place) = self.about.session.borrow_mut().next_unblocked() else { break };
            self.serve(place);
        }
    }

    /// Lets a stream go on.
    fn serve(&mut self, place: Place) {
        let Some(Seat { waker, desk: seated }) = self.seats.get_mut(place) else { return };
        let Some(desk) = seated else { return };
        if desk.poll(&mut Context::from_waker(waker)).is_pending() {
            return;
        }
        if let Some(desk) = seated.take() {
            desk.leave(&self.about.worker);
        }
        self.about.session.borrow_mut().close(place);
        self.about.stream_is_over();
    }

    /// Writes what is to be said.
    fn poll_write(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Over>> {
        let mut session = self.about.session.borrow_mut();
        while !session.unsent().is_empty() {
            match ready!(self.wire.poll_write(context, session.unsent(), &[])) {
                Ok(written) if written > 0 => {
                    session.sent(written);
                    if self.is_stuck {
                        self.about.state.last_taken.set(self.about.worker.timers.coarse_nanoseconds());
                    }
                }
                Ok(_) | Err(_) => return Poll::Ready(Err(Over)),
            }
        }
        drop(session);
        let flushed = self.wire.poll_flush(context).map_err(|_| Over);
        self.note_progress();
        flushed
    }

    /// Notes when the client takes something of what it is waited for: the system may have been told on the way.
    fn note_progress(&mut self) {
        let sent = self.wire.bytes_sent();
        if std::mem::replace(&mut self.sent_before, sent) != sent && self.is_stuck {
            self.about.state.last_taken.set(self.about.worker.timers.coarse_nanoseconds());
        }
    }

    /// A client that takes nothing of what is written is waited for as one that opens no window.
    fn watch_stall(&mut self, is_sent: bool) {
        let state = &self.about.state;
        if std::mem::replace(&mut self.is_stuck, !is_sent) == is_sent {
            match is_sent {
                true => state.waiting.set(state.waiting.get() - 1),
                false => self.about.wait(self.limits.write_stall_seconds),
            }
        }
    }

    /// `headSeconds`, from the first byte of a header block to its last.
    fn watch_block(&self) {
        let state = &self.about.state;
        let has_begun = self.about.session.borrow().has_begun_block(&self.kept);
        if has_begun != state.block_deadline.get().is_some() {
            let now = self.about.worker.timers.coarse_nanoseconds();
            let deadline = now.saturating_add(self.limits.head_seconds.saturating_mul(SECOND_NANOSECONDS));
            state.block_deadline.set(has_begun.then_some(deadline));
            // Where something waits for the client, its alarm is looked at before or soon after.
            if has_begun && state.waiting.get() == 0 {
                state.alarm.set(deadline);
            }
        }
    }

    /// Takes leave of a client that broke the rules, as far as it listens now.
    fn fail(&mut self, context: &mut Context<'_>, fault: Fault) -> Over {
        if let Fault::Session(fault) = fault {
            if let Some(limit) = fault.limit {
                self.about.worker.recorder.event(Event::LimitHit(limit));
            }
            if self.poll_write(context).is_ready() {
                let _ = self.wire.poll_close(context);
            }
        }
        Over
    }
}

/// Why a connection is over.
enum Fault {
    /// The client is gone.
    Gone,
    /// It broke the rules.
    Session(SessionFault),
}

impl From<SessionFault> for Fault {
    fn from(fault: SessionFault) -> Self {
        Self::Session(fault)
    }
}

/// Turns of one connection before others have theirs.
const TURNS_MAX: usize = 8;
/// Room in a buffer behind what was kept; a frame of usual size fits.
const ROOM_BYTES_MIN: usize = 32 << 10;
/// What a connection that waits for nothing keeps of the memory for parts of frames.
const KEPT_BYTES_MAX: usize = 1 << 10;

/// What a look at the clock says about a connection.
enum Due {
    Nothing,
    /// GOAWAY, and an end when the streams are done.
    Leave,
    /// The end at once.
    Abort,
}

impl<S, E, R: Recorder> Connection<S, E, R> {
    fn poll_due(&self, context: &Context<'_>) -> Due {
        let About { worker, state, .. } = &*self.about;
        let is_due = state.alarm.poll_elapsed(context).is_ready();
        let must_leave = || worker.draining.get() || state.is_spent.get();
        let due = match is_due.then(|| self.look(worker.timers.coarse_nanoseconds())) {
            None | Some(Due::Nothing) if must_leave() => Due::Leave,
            None => return Due::Nothing,
            Some(due) => due,
        };
        if matches!(due, Due::Leave) && !self.is_leaving {
            // A client that does not answer the GOAWAY has so long to notice it.
            let stall = self.limits.write_stall_seconds.saturating_mul(SECOND_NANOSECONDS);
            let notice = worker.timers.coarse_nanoseconds().saturating_add(stall);
            state.alarm.set(notice.min(state.block_deadline.get().unwrap_or(u64::MAX)));
        }
        // Where the alarm was moved, the task must be known to it again.
        let _ = state.alarm.poll_elapsed(context);
        due
    }

    /// What the state of a connection says, now that its alarm went off.
    fn look(&self, now: u64) -> Due {
        let About { worker, state, .. } = &*self.about;
        let after =
            |seconds: u64| state.last_taken.get().saturating_add(seconds.saturating_mul(SECOND_NANOSECONDS));
        if !state.has_read.get() {
            worker.recorder.event(Event::LimitHit("firstByteSeconds"));
            return Due::Abort;
        }
        if state.block_deadline.get().is_some_and(|deadline| deadline <= now) {
            worker.recorder.event(Event::LimitHit("headSeconds"));
            self.about.session.borrow_mut().end(ErrorCode::EnhanceYourCalm);
            return Due::Abort;
        }
        if self.is_leaving {
            // Whether or not the client has noticed.
            self.about.session.borrow_mut().leave_now();
        }
        let streams = self.about.session.borrow().open_streams();
        if self.is_leaving && streams == 0 {
            return Due::Abort;
        }
        let (deadline, limit, overdue) = match (state.waiting.get(), streams) {
            (0, 0) => (after(self.limits.h2_idle_seconds), "h2IdleSeconds", Due::Leave),
            // The backends work; the walk has its own deadline.
            (0, _) => {
                match state.block_deadline.get() {
                    Some(deadline) => state.alarm.set(deadline),
                    None => state.alarm.clear(),
                }
                return Due::Nothing;
            }
            _ => (after(self.limits.write_stall_seconds), "writeStallSeconds", Due::Abort),
        };
        if now < deadline {
            state.alarm.set(deadline.min(state.block_deadline.get().unwrap_or(u64::MAX)));
            return Due::Nothing;
        }
        worker.recorder.event(Event::LimitHit(limit));
        overdue
    }
}
