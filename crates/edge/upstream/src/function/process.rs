//! One process of a function: at most one call at a time, watched until it is gone.

use std::{
    cell::{Cell, RefCell},
    future::poll_fn,
    pin::pin,
    process::ExitStatus,
    rc::Rc,
    task::Poll,
    time::Duration,
};

use postern_protocol::function_error::FunctionError;
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, BufReader},
    net::TcpListener,
    process::Child,
    sync::{Notify, oneshot},
    task::spawn_local,
    time::{Instant, sleep_until, timeout},
};

use super::{
    Begun, FunctionOutput, Invocation,
    answer::Answering,
    connection,
    pool::FunctionPool,
    spawn::{self, Spawned},
    standing::count,
};

/// One process of a function.
#[derive(Debug)]
pub(crate) struct Process {
    state: RefCell<State>,
    /// When it came to be in its state.
    since: Cell<Instant>,
    /// The request that it is or was at last: what it writes of it may be read when it is answered.
    last_request_id: RefCell<Option<Box<str>>>,
    /// Whether it has answered a call.
    has_answered: Cell<bool>,
    /// What it reported of a start that failed.
    start_error: RefCell<Option<Vec<u8>>>,
    stop: Notify,
    /// Absent once it is gone: the number may be another's then.
    group: Cell<Option<Pid>>,
}

/// What a process is at.
#[derive(Debug)]
enum State {
    /// It has not asked for a call yet.
    Starting,
    /// It may ask for a call.
    Ready,
    /// It has asked for a call.
    Idle(oneshot::Sender<Invocation>),
    /// It is at a call.
    Busy(Busy),
}

#[derive(Debug)]
struct Busy {
    request_id: Box<str>,
    answering: Answering,
    /// Whether its answer is on the way.
    is_answering: bool,
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
    fn new(group: Option<Pid>) -> Self {
        Self {
            state: RefCell::new(State::Starting),
            since: Cell::new(Instant::now()),
            last_request_id: RefCell::default(),
            has_answered: Cell::new(false),
            start_error: RefCell::default(),
            stop: Notify::new(),
            group: Cell::new(group),
        }
    }

    fn enter(&self, state: State) -> State {
        self.since.set(Instant::now());
        self.state.replace(state)
    }

    pub(crate) fn is_starting(&self) -> bool {
        matches!(*self.state.borrow(), State::Starting)
    }

    /// Whether it has answered not long ago, so that it is about to ask for the next call.
    pub(crate) fn is_about_to_ask(&self) -> bool {
        matches!(*self.state.borrow(), State::Ready) && self.since.get().elapsed() < ASKS_WITHIN
    }

    pub(crate) fn is_busy(&self) -> bool {
        matches!(*self.state.borrow(), State::Busy(_))
    }

    pub(crate) const fn has_answered(&self) -> bool {
        self.has_answered.get()
    }

    /// Has it end.
    pub(crate) fn stop(&self) {
        self.stop.notify_one();
    }

    /// Gives it a call, if it waits for one; else gives the call back.
    pub(crate) fn give(&self, invocation: Invocation) -> Option<Invocation> {
        match self.enter(State::Ready) {
            State::Idle(to) => to.send(invocation).err(),
            other => {
                *self.state.borrow_mut() = other;
                Some(invocation)
            }
        }
    }

    /// It asks for a call: gives one that waits, or what one will come by.
    pub(crate) fn ask(
        self: &Rc<Self>,
        pool: &FunctionPool,
    ) -> Result<Invocation, oneshot::Receiver<Invocation>> {
        if let Some(invocation) = pool.next_call() {
            return Ok(invocation);
        }
        let (to, call) = oneshot::channel();
        self.enter(State::Idle(to));
        pool.rest(self);
        Err(call)
    }

    /// Whether it may ask for a call: it is not at one.
    pub(crate) fn may_ask(&self) -> bool {
        matches!(*self.state.borrow(), State::Starting | State::Ready)
    }

    /// The connection by which it had asked for a call is gone.
    pub(crate) fn stop_asking(self: &Rc<Self>, pool: &FunctionPool) {
        if matches!(*self.state.borrow(), State::Idle(_)) {
            self.enter(State::Ready);
            pool.forget_idle(self);
        }
    }

    /// It is at a call from now on. What is left of the call is its answer.
    pub(crate) fn begin(&self, request_id: Box<str>, answering: Answering) {
        *self.last_request_id.borrow_mut() = Some(request_id.clone());
        self.enter(State::Busy(Busy { request_id, answering, is_answering: false }));
    }

    /// It begins to answer a call: `true` where that is the call that it is at.
    pub(crate) fn begin_answer(&self, request_id: &str) -> Result<(), OutOfTurn> {
        match &mut *self.state.borrow_mut() {
            State::Busy(busy) if *busy.request_id == *request_id && !busy.is_answering => {
                busy.is_answering = true;
                Ok(())
            }
            State::Starting => Err(OutOfTurn::NotCalled),
            _ => Err(OutOfTurn::OtherCall),
        }
    }

    /// Says how the answer begins.
    pub(crate) fn answer(&self, begun: Begun) {
        if let State::Busy(busy) = &mut *self.state.borrow_mut() {
            busy.answering.answer(begun);
        }
    }

    /// It is done with its call.
    pub(crate) fn finish(&self, pool: &FunctionPool) {
        self.enter(State::Ready);
        self.has_answered.set(true);
        pool.note_success();
    }

    /// It reported that its start failed.
    pub(crate) fn fail_start(&self, error: Vec<u8>) {
        *self.start_error.borrow_mut() = Some(error);
        self.stop();
    }

    /// The request that it is at.
    fn request_id(&self) -> Option<Box<str>> {
        match &*self.state.borrow() {
            State::Busy(busy) => Some(busy.request_id.clone()),
            _ => None,
        }
    }

    /// How long it may stay in its state.
    fn patience(&self, pool: &FunctionPool) -> Duration {
        let (timeout, idle) = limits(pool);
        match &*self.state.borrow() {
            State::Starting => timeout.max(START_WITHIN),
            State::Busy(_) => timeout,
            State::Ready | State::Idle(_) => idle,
        }
    }

    /// When something may have to be done about it. A state that it enters meanwhile is not due earlier, so
    /// that nobody has to be woken when it does.
    fn next_check(&self, pool: &FunctionPool) -> Instant {
        let (timeout, idle) = limits(pool);
        let due = self.since.get() + self.patience(pool);
        due.min(Instant::now() + timeout.min(idle))
    }

    /// Whether it has to end, and why: `Some(true)` where it was too slow.
    fn is_due(&self, pool: &FunctionPool) -> Option<bool> {
        let is_idle = matches!(*self.state.borrow(), State::Ready | State::Idle(_));
        (self.since.get().elapsed() >= self.patience(pool)).then_some(!is_idle)
    }

    fn signal(&self, signal: Signal) {
        if let Some(group) = self.group.get() {
            // It may be gone already.
            let _ = kill_process_group(group, signal);
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
    }
}

/// How long a process may take until it asks for its first call, where its calls may not take longer.
const START_WITHIN: Duration = Duration::from_secs(10);

/// How long a process that has answered may take to ask for the next call, before another is started.
pub(crate) const ASKS_WITHIN: Duration = Duration::from_millis(50);

/// How long a process that was asked to end may take.
const END_WITHIN: Duration = Duration::from_secs(2);

/// How long a call of a function may take, and how long its processes may be idle.
fn limits(pool: &FunctionPool) -> (Duration, Duration) {
    let process = &pool.function.process;
    let seconds = |seconds: u32| Duration::from_secs(seconds.into());
    (seconds(process.timeout_seconds), seconds(process.idle_seconds))
}

/// Starts a process and watches it until it is gone.
pub(crate) fn start(pool: &Rc<FunctionPool>) -> std::io::Result<Rc<Process>> {
    let Spawned { mut child, listener, group } = spawn::spawn(&pool.function)?;
    let process = Rc::new(Process::new(group));
    if let Some(stream) = child.stdout.take() {
        tell_lines(stream, FunctionOutput::Output, pool, &process);
    }
    if let Some(stream) = child.stderr.take() {
        tell_lines(stream, FunctionOutput::Error, pool, &process);
    }
    spawn_local(watch(Rc::clone(pool), Rc::clone(&process), child, listener));
    Ok(process)
}

/// Tells every line that comes, until the stream ends.
fn tell_lines(
    stream: impl AsyncRead + Unpin + 'static,
    output: FunctionOutput,
    pool: &Rc<FunctionPool>,
    process: &Rc<Process>,
) {
    let (pool, process) = (Rc::clone(pool), Rc::downgrade(process));
    spawn_local(async move {
        let mut lines = BufReader::new(stream);
        let mut line = Vec::new();
        // What is too long for a line is told in several.
        while let Ok(true) = read_line(&mut lines, &mut line).await {
            let request_id = process.upgrade().and_then(|process| process.last_request_id.borrow().clone());
            pool.tell(request_id.as_deref(), output, &String::from_utf8_lossy(&line));
        }
    });
}

/// Reads a line without its end, or a part of one that is too long; `false` at the end.
async fn read_line(
    lines: &mut BufReader<impl AsyncRead + Unpin>,
    line: &mut Vec<u8>,
) -> std::io::Result<bool> {
    line.clear();
    loop {
        let bytes = lines.fill_buf().await?;
        if bytes.is_empty() {
            return Ok(!line.is_empty());
        }
        let end = bytes.iter().position(|byte| *byte == b'\n');
        let taken = end.unwrap_or(bytes.len());
        line.extend_from_slice(bytes.get(..taken).unwrap_or_default());
        lines.consume(end.map_or(taken, |end| end + 1));
        if end.is_some() || line.len() >= LINE_BYTES_MAX {
            return Ok(true);
        }
    }
}

/// Where lines of a process are cut.
const LINE_BYTES_MAX: usize = 4 << 10;

/// What happened to a process.
enum Happened {
    Ended(std::io::Result<ExitStatus>),
    Stopped,
    TimeToLook,
}

async fn watch(pool: Rc<FunctionPool>, process: Rc<Process>, mut child: Child, listener: TcpListener) {
    let accepting = spawn_local(connection::accept(listener, Rc::clone(&pool), Rc::clone(&process)));
    let mut was_asked = false;
    let mut was_slow = false;
    let ended = loop {
        let next = process.next_check(&pool);
        match happened(&process, &mut child, next).await {
            Happened::Ended(status) => break status,
            Happened::Stopped => was_asked = true,
            Happened::TimeToLook => match process.is_due(&pool) {
                None => continue,
                Some(is_slow) => {
                    was_slow = is_slow;
                    was_asked = !is_slow;
                }
            },
        }
        if was_slow {
            tell_slow(&pool, &process);
        } else {
            process.signal(Signal::TERM);
            if let Ok(status) = timeout(END_WITHIN, child.wait()).await {
                break status;
            }
        }
        process.signal(Signal::KILL);
        break child.wait().await;
    };
    accepting.abort();
    // What it started itself goes with it.
    process.signal(Signal::KILL);
    process.group.set(None);
    end(&pool, &process, &ended, was_asked);
}

async fn happened(process: &Process, child: &mut Child, next: Instant) -> Happened {
    let mut waiting = pin!(child.wait());
    let mut stopped = pin!(process.stop.notified());
    let mut looking = pin!(sleep_until(next));
    poll_fn(|context| {
        if let Poll::Ready(status) = waiting.as_mut().poll(context) {
            return Poll::Ready(Happened::Ended(status));
        }
        if stopped.as_mut().poll(context).is_ready() {
            return Poll::Ready(Happened::Stopped);
        }
        looking.as_mut().poll(context).map(|()| Happened::TimeToLook)
    })
    .await
}

/// Answers the call of a process that takes too long. It is ended behind that.
fn tell_slow(pool: &FunctionPool, process: &Process) {
    let request_id = process.request_id();
    let timeout = pool.function.process.timeout_seconds;
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
fn end(
    pool: &Rc<FunctionPool>,
    process: &Rc<Process>,
    status: &std::io::Result<ExitStatus>,
    was_asked: bool,
) {
    let how = status.as_ref().ok().map(spawn::how_it_ended);
    let request_id = process.request_id();
    if !was_asked {
        count(&pool.counters.crashes);
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
    let error = reported.or_else(|| (was_starting && !was_asked).then_some(exited));
    pool.note_end(process, error);
}
