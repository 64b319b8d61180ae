//! One process of a function, as its home sees it: at most one call at a time, watched until it is gone.

use std::{
    cell::{Cell, RefCell},
    future::poll_fn,
    net::TcpListener as BoundListener,
    pin::{Pin, pin},
    rc::Rc,
    sync::{Arc, atomic::Ordering},
    task::Poll,
    time::Duration,
};

use postern_protocol::function_error::FunctionError;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{mpsc, oneshot},
    task::spawn_local,
    time::{Instant, sleep_until},
};

use super::{
    Begun, FunctionOutput,
    answer::Answering,
    connection,
    invocation::Event,
    letter::{Ended, Outcome, Started, Stop, Told},
    line::Line,
    pool::Pool,
    spawn,
    standing::count,
};

/// One process of a function.
#[derive(Debug)]
pub(crate) struct Process {
    state: RefCell<State>,
    /// When it came to be in its state.
    since: Cell<Instant>,
    /// The request that it is or was at last.
    request_id: RefCell<String>,
    told: Arc<Told>,
    /// Whether it has answered a call.
    has_answered: Cell<bool>,
    /// Whether it is expected to ask soon, since it has answered.
    is_ready: Cell<bool>,
    /// What it reported of a start that failed.
    start_error: RefCell<Option<Vec<u8>>>,
    stop: mpsc::UnboundedSender<Stop>,
    is_stopped: Cell<bool>,
}

/// What a process is at.
#[derive(Debug)]
enum State {
    /// It has not asked for a call yet.
    Starting,
    /// It may ask for a call.
    Ready,
    /// It has asked for a call by this connection.
    Idle(Rc<Line>),
    /// It is at a call.
    Busy {
        answering: Answering,
        /// Whether its answer is on the way.
        is_answering: bool,
    },
}

/// Why a process may not say what it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OutOfTurn {
    /// It has not been given a call.
    NotCalled,
    /// The id is not that of its call.
    OtherCall,
}

impl Process {
    fn new(told: Arc<Told>, stop: mpsc::UnboundedSender<Stop>) -> Self {
        Self {
            state: RefCell::new(State::Starting),
            since: Cell::new(Instant::now()),
            request_id: RefCell::default(),
            told,
            has_answered: Cell::new(false),
            is_ready: Cell::new(false),
            start_error: RefCell::default(),
            stop,
            is_stopped: Cell::new(false),
        }
    }

    fn enter(&self, state: State) -> State {
        self.since.set(Instant::now());
        self.state.replace(state)
    }

    pub(crate) fn is_starting(&self) -> bool {
        matches!(*self.state.borrow(), State::Starting)
    }

    /// Whether it has answered and should have asked for the next call since.
    pub(crate) fn is_late(&self) -> bool {
        self.is_ready.get() && self.since.get().elapsed() >= ASKS_WITHIN
    }

    /// Whether it was expected to ask soon. From now on it is not.
    pub(crate) const fn take_ready(&self) -> bool {
        self.is_ready.replace(false)
    }

    pub(crate) fn is_busy(&self) -> bool {
        matches!(*self.state.borrow(), State::Busy { .. })
    }

    /// Has it end. It is given no call any more.
    pub(crate) fn stop(&self, how: Stop) {
        self.is_stopped.set(true);
        let _ = self.stop.send(how);
    }

    /// Whether it is to end.
    pub(crate) const fn is_stopped(&self) -> bool {
        self.is_stopped.get()
    }

    /// Whether it may ask for a call: it is not at one.
    pub(crate) fn may_ask(&self) -> bool {
        matches!(*self.state.borrow(), State::Starting | State::Ready)
    }

    /// Whether it has asked for a call by this connection, and has not been given one.
    pub(crate) fn asks_on(&self, line: &Rc<Line>) -> bool {
        matches!(&*self.state.borrow(), State::Idle(other) if Rc::ptr_eq(other, line))
    }

    /// It asks for a call by this connection.
    pub(crate) fn ask(self: &Rc<Self>, line: &Rc<Line>, pool: &Rc<Pool>) {
        if self.is_starting() {
            self.told.has_asked.store(true, Ordering::Release);
        }
        self.enter(State::Idle(Rc::clone(line)));
        pool.serve_or_rest(self);
    }

    /// This connection is gone. If it had asked for a call by it, it may ask again.
    pub(crate) fn stop_asking(self: &Rc<Self>, line: &Rc<Line>, pool: &Pool) {
        if self.asks_on(line) {
            self.enter(State::Ready);
            pool.forget_idle(self);
        }
    }

    /// It has asked for a call and is at this one from now on; gives it back where it does not ask any more.
    pub(crate) fn give(&self, event: &Event<'_>, head: &[u8], answering: Answering) -> Result<(), Answering> {
        let line = match &*self.state.borrow() {
            State::Idle(line) => Rc::clone(line),
            _ => return Err(answering),
        };
        self.told.request_id.set(event.request_id);
        let mut request_id = self.request_id.borrow_mut();
        request_id.clear();
        request_id.push_str(event.request_id);
        self.enter(State::Busy { answering, is_answering: false });
        if line.send(head, event.payload).is_err() {
            // It has asked and does not take what it asked for.
            self.stop(Stop::Gently);
        }
        line.changed.notify_one();
        Ok(())
    }

    /// It begins to answer a call: whether that is the call that it is at.
    pub(crate) fn begin_answer(&self, request_id: &str) -> Result<(), OutOfTurn> {
        match &mut *self.state.borrow_mut() {
            State::Busy { is_answering, .. } if *self.request_id.borrow() == request_id && !*is_answering => {
                *is_answering = true;
                Ok(())
            }
            State::Starting => Err(OutOfTurn::NotCalled),
            _ => Err(OutOfTurn::OtherCall),
        }
    }

    /// Says how the answer begins.
    pub(crate) fn answer(&self, begun: Begun) {
        if let State::Busy { answering, .. } = &mut *self.state.borrow_mut() {
            answering.answer(begun);
        }
    }

    /// It is done with its call.
    pub(crate) fn finish(&self, pool: &Pool) {
        self.enter(State::Ready);
        self.has_answered.set(true);
        self.is_ready.set(true);
        pool.note_success();
    }

    /// It reported that its start failed.
    pub(crate) fn fail_start(&self, error: Vec<u8>) {
        *self.start_error.borrow_mut() = Some(error);
        self.stop(Stop::Gently);
    }

    /// The request that it is at.
    fn current_request(&self) -> Option<String> {
        self.is_busy().then(|| self.request_id.borrow().clone())
    }

    /// How long it may stay in its state.
    fn patience(&self, pool: &Pool) -> Duration {
        let (timeout, idle) = limits(pool);
        match &*self.state.borrow() {
            State::Starting => timeout.max(START_WITHIN),
            State::Busy { .. } => timeout,
            State::Ready | State::Idle(_) => idle,
        }
    }

    /// When something may have to be done about it. A state that it enters meanwhile is not due earlier, so
    /// that nobody has to be woken when it does.
    fn next_check(&self, pool: &Pool) -> Instant {
        let (timeout, idle) = limits(pool);
        let due = self.since.get() + self.patience(pool);
        due.min(Instant::now() + timeout.min(idle))
    }

    fn is_due(&self, pool: &Pool) -> bool {
        self.since.get().elapsed() >= self.patience(pool)
    }

    fn rests(&self) -> bool {
        matches!(*self.state.borrow(), State::Ready | State::Idle(_))
    }
}

/// How long a process may take until it asks for its first call, where its calls may not take longer.
const START_WITHIN: Duration = Duration::from_secs(10);

/// How long a process that has answered may take to ask for the next call, before calls do without it.
pub(crate) const ASKS_WITHIN: Duration = Duration::from_millis(50);

/// How long a call of a function may take, and how long its processes may be idle.
fn limits(pool: &Pool) -> (Duration, Duration) {
    let process = &pool.standing.function.process;
    let seconds = |seconds: u32| Duration::from_secs(seconds.into());
    (seconds(process.timeout_seconds), seconds(process.idle_seconds))
}

/// Takes a process home and watches it until it is gone.
pub(crate) fn take_home(pool: &Rc<Pool>, started: Started) -> Rc<Process> {
    let Started { listener, told, stop, ended } = started;
    let process = Rc::new(Process::new(told, stop));
    spawn_local(watch(Rc::clone(pool), Rc::clone(&process), listener, ended));
    process
}

/// What happened to a process.
enum Happened {
    Connected(TcpStream),
    Ended(Option<Ended>),
    TimeToLook,
}

async fn watch(
    pool: Rc<Pool>,
    process: Rc<Process>,
    listener: BoundListener,
    mut ended: oneshot::Receiver<Ended>,
) {
    let mut listener = listen(listener);
    let ended = loop {
        let next = (!process.is_stopped.get()).then(|| process.next_check(&pool));
        match happened(&mut listener, &mut ended, next).await {
            Happened::Ended(ended) => break ended,
            Happened::Connected(socket) => {
                spawn_local(connection::serve(socket, Rc::clone(&pool), Rc::clone(&process)));
            }
            Happened::TimeToLook if process.is_stopped.get() || !process.is_due(&pool) => {}
            Happened::TimeToLook if process.rests() => {
                pool.forget_idle(&process);
                process.stop(Stop::Gently);
            }
            Happened::TimeToLook => {
                tell_slow(&pool, &process);
                process.stop(Stop::AtOnce);
            }
        }
    };
    end(&pool, &process, ended);
}

/// The listener as the home's runtime sees it. Without one the process is not heard, and ends for it.
fn listen(listener: BoundListener) -> Option<TcpListener> {
    listener.set_nonblocking(true).and_then(|()| TcpListener::from_std(listener)).ok()
}

async fn happened(
    listener: &mut Option<TcpListener>,
    ended: &mut oneshot::Receiver<Ended>,
    next: Option<Instant>,
) -> Happened {
    let mut looking = pin!(async {
        match next {
            Some(next) => sleep_until(next).await,
            None => std::future::pending().await,
        }
    });
    poll_fn(|context| {
        if let Poll::Ready(ended) = Pin::new(&mut *ended).poll(context) {
            return Poll::Ready(Happened::Ended(ended.ok()));
        }
        if let Some(Poll::Ready(came)) = listener.as_ref().map(|listener| listener.poll_accept(context)) {
            match came {
                Ok((socket, _)) => return Poll::Ready(Happened::Connected(socket)),
                Err(_) => *listener = None,
            }
        }
        looking.as_mut().poll(context).map(|()| Happened::TimeToLook)
    })
    .await
}

/// Answers the call of a process that takes too long. It is ended behind that.
fn tell_slow(pool: &Pool, process: &Process) {
    let request_id = process.current_request();
    let timeout = pool.standing.function.process.timeout_seconds;
    let error = FunctionError::timed_out(request_id.as_deref().unwrap_or_default(), timeout);
    pool.tell(request_id.as_deref(), FunctionOutput::Host, "it took too long and is ended");
    let error = error.to_json().into_bytes();
    if request_id.is_some() {
        process.answer(Begun::Failed(error));
    } else {
        *process.start_error.borrow_mut() = Some(error);
    }
}

/// Draws the line under a process that is gone.
fn end(pool: &Rc<Pool>, process: &Rc<Process>, ended: Option<Ended>) {
    let was_asked = ended.as_ref().is_none_or(|ended| ended.was_asked);
    let how = ended.as_ref().and_then(|ended| ended.status.as_ref()).map(spawn::how_it_ended);
    let request_id = process.current_request();
    if !was_asked {
        count(&pool.standing.counters.crashes);
        let text = format!("its process ended: {}", how.as_deref().unwrap_or("nobody knows how"));
        pool.tell(request_id.as_deref(), FunctionOutput::Host, &text);
    }
    let exited = FunctionError::exited(request_id.as_deref().unwrap_or_default(), how.as_deref())
        .to_json()
        .into_bytes();
    let was_starting = process.is_starting();
    let reported = process.start_error.borrow_mut().take();
    // What it may have had to say of a call that it was at.
    process.answer(Begun::Failed(exited.clone()));
    process.enter(State::Ready);
    pool.forget(process);
    let error = reported.or_else(|| (was_starting && !was_asked).then_some(exited));
    let outcome = Outcome { is_failure: !process.has_answered.get(), error };
    let _ = ended.map(|ended| ended.outcome.send(outcome));
}
