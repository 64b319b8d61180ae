//! One function: its processes, and the calls that wait for one.

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    rc::Rc,
    sync::Arc,
    time::Duration,
};

use postern_gateway::{HostedCall, HostedFunction};
use postern_protocol::function_error::FunctionError;
use tokio::{
    sync::{Notify, oneshot},
    task::spawn_local,
    time::sleep,
};

use super::{
    Begun, FunctionLine, FunctionOutput,
    answer::Answering,
    host::Log,
    process::{self, Process},
    standing::{Counters, count, set},
};

/// A call on its way to a process.
#[derive(Debug)]
pub(crate) struct Invocation {
    pub(crate) function: Arc<HostedFunction>,
    pub(crate) function_arn: Box<str>,
    pub(crate) event: Vec<u8>,
    pub(crate) request_id: Box<str>,
    pub(crate) trace_id: Box<str>,
    pub(crate) client_context: Option<Box<str>>,
    is_event: bool,
    /// How many calls may wait.
    waiting_max: u64,
    pub(crate) answering: Answering,
}

impl Invocation {
    pub(crate) fn new(call: &HostedCall<'_>, answer: oneshot::Sender<Begun>) -> Self {
        Self {
            function: Arc::clone(call.function),
            function_arn: call.function_arn.into(),
            event: call.event.to_vec(),
            request_id: call.request_id.into(),
            trace_id: call.trace_id.into(),
            client_context: call.client_context.map(Into::into),
            is_event: call.is_event,
            waiting_max: call.limits.backend_pending,
            answering: Answering::new(answer),
        }
    }

    /// Whether nobody would notice if it were never run.
    fn is_given_up(&self) -> bool {
        !self.is_event && !self.answering.is_awaited()
    }
}

/// The processes of one function.
pub(crate) struct FunctionPool {
    pub(crate) function: Arc<HostedFunction>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) log: Log,
    waiting: RefCell<VecDeque<Invocation>>,
    processes: RefCell<Vec<Rc<Process>>>,
    /// Processes that wait for a call; the last one used is the first to be used again.
    idle: RefCell<Vec<Rc<Process>>>,
    /// Processes in a row that ended before they answered anything.
    failures: Cell<u32>,
    /// Whether a start waits for its time.
    is_backing_off: Cell<bool>,
    /// Whether it is looked again soon whether a process is missing.
    looks_again: Cell<bool>,
    is_retired: Cell<bool>,
    changed: Notify,
}

impl FunctionPool {
    pub(crate) fn new(function: &Arc<HostedFunction>, counters: Arc<Counters>, log: Log) -> Rc<Self> {
        Rc::new(Self {
            function: Arc::clone(function),
            counters,
            log,
            waiting: RefCell::default(),
            processes: RefCell::default(),
            idle: RefCell::default(),
            failures: Cell::new(0),
            is_backing_off: Cell::new(false),
            looks_again: Cell::new(false),
            is_retired: Cell::new(false),
            changed: Notify::new(),
        })
    }

    /// Has a process answer a call, now or when there is one.
    pub(crate) fn call(self: &Rc<Self>, mut invocation: Invocation) {
        if invocation.is_event {
            invocation.answering.answer(Begun::Accepted);
        }
        let idle = self.idle.borrow_mut().pop();
        if let Some(process) = idle {
            // A connection that has gone away meanwhile gives it back.
            let Some(back) = process.give(invocation) else { return };
            invocation = back;
        }
        if self.waiting.borrow().len() as u64 >= invocation.waiting_max {
            self.waiting.borrow_mut().retain(|waiting| !waiting.is_given_up());
        }
        if self.waiting.borrow().len() as u64 >= invocation.waiting_max {
            return invocation.answering.answer(Begun::Overloaded);
        }
        self.waiting.borrow_mut().push_back(invocation);
        self.note_waiting();
        self.start_what_is_missing();
    }

    /// The call that a process is to answer next, if one waits.
    pub(crate) fn next_call(&self) -> Option<Invocation> {
        let next = loop {
            let next = self.waiting.borrow_mut().pop_front();
            match next {
                Some(invocation) if invocation.is_given_up() => {}
                next => break next,
            }
        };
        self.note_waiting();
        next
    }

    /// A process waits for a call.
    pub(crate) fn rest(&self, process: &Rc<Process>) {
        if self.is_retired.get() {
            process.stop();
        }
        self.idle.borrow_mut().push(Rc::clone(process));
        self.changed.notify_waiters();
    }

    /// A process does not wait any more.
    pub(crate) fn forget_idle(&self, process: &Rc<Process>) {
        self.idle.borrow_mut().retain(|idle| !Rc::ptr_eq(idle, process));
    }

    /// A process has answered: what it needs to run is there.
    pub(crate) fn note_success(&self) {
        self.failures.set(0);
        self.changed.notify_waiters();
    }

    /// A process is gone. `error` is what became of it where it never came to ask for a call.
    pub(crate) fn note_end(self: &Rc<Self>, process: &Rc<Process>, error: Option<Vec<u8>>) {
        self.forget_idle(process);
        self.processes.borrow_mut().retain(|other| !Rc::ptr_eq(other, process));
        self.note_processes();
        if !process.has_answered() {
            self.note_failure();
        }
        self.go_on_after(error);
    }

    fn note_failure(&self) {
        self.failures.set(self.failures.get().saturating_add(1));
    }

    fn go_on_after(self: &Rc<Self>, error: Option<Vec<u8>>) {
        // Nobody is left who could answer, so what waits fails with what kept the process from it.
        if let Some(error) = error.filter(|_| self.processes.borrow().is_empty()) {
            let waiting = std::mem::take(&mut *self.waiting.borrow_mut());
            for mut invocation in waiting {
                invocation.answering.answer(Begun::Failed(error.clone()));
            }
            self.note_waiting();
        }
        self.start_what_is_missing();
        self.changed.notify_waiters();
    }

    /// Starts processes for the calls that wait, as far as there may be more.
    fn start_what_is_missing(self: &Rc<Self>) {
        if self.is_backing_off.get() {
            return;
        }
        loop {
            let waiting = self.waiting.borrow().len();
            let (running, starting, about_to_ask) = {
                let processes = self.processes.borrow();
                let count = |of: fn(&Process) -> bool| processes.iter().filter(|process| of(process)).count();
                (processes.len(), count(Process::is_starting), count(Process::is_about_to_ask))
            };
            if starting < waiting && starting + about_to_ask >= waiting {
                return self.look_again();
            }
            if starting >= waiting || running as u64 >= u64::from(self.function.process.concurrency) {
                return;
            }
            if let Some(pause) = back_off(self.failures.get()) {
                // One after the other until one of them works.
                if starting == 0 {
                    self.start_later(pause);
                }
                return;
            }
            if !self.start() {
                return;
            }
        }
    }

    /// Starts what is missing still when a process that has just answered should have asked for more.
    fn look_again(self: &Rc<Self>) {
        if !self.looks_again.replace(true) {
            let pool = Rc::clone(self);
            spawn_local(async move {
                sleep(process::ASKS_WITHIN).await;
                pool.looks_again.set(false);
                pool.start_what_is_missing();
            });
        }
    }

    fn start_later(self: &Rc<Self>, pause: Duration) {
        self.is_backing_off.set(true);
        let pool = Rc::clone(self);
        spawn_local(async move {
            sleep(pause).await;
            pool.is_backing_off.set(false);
            if !pool.waiting.borrow().is_empty() {
                pool.start();
            }
        });
    }

    /// Starts a process; `false` where that failed.
    fn start(self: &Rc<Self>) -> bool {
        count(&self.counters.starts);
        let started = process::start(self);
        let has_started = started.is_ok();
        match started {
            Ok(process) => self.processes.borrow_mut().push(process),
            Err(fault) => {
                self.note_failure();
                let text = format!("it cannot be started: {fault}");
                self.tell(None, FunctionOutput::Host, &text);
                let error = FunctionError { message: text, kind: "Runtime.InvalidEntrypoint".to_owned() };
                let (pool, error) = (Rc::clone(self), error.to_json().into_bytes());
                // Not at once: whoever starts processes goes through them.
                spawn_local(async move { pool.go_on_after(Some(error)) });
            }
        }
        self.note_processes();
        has_started
    }

    /// Tells what a process wrote.
    pub(crate) fn tell(&self, request_id: Option<&str>, stream: FunctionOutput, text: &str) {
        (self.log)(FunctionLine { function: &self.function.name, request_id, stream, text });
    }

    /// Whether its processes are to end as soon as they are idle.
    pub(crate) fn set_retired(&self, is_retired: bool) {
        self.is_retired.set(is_retired);
        if is_retired {
            self.idle.borrow().iter().for_each(|process| process.stop());
        }
    }

    /// Whether a process runs or a call waits.
    pub(crate) fn is_in_use(&self) -> bool {
        !self.processes.borrow().is_empty() || !self.waiting.borrow().is_empty()
    }

    /// Waits until no process is at a call.
    pub(crate) async fn quiet(&self) {
        let is_busy = || {
            let is_busy = self.processes.borrow().iter().any(|process| process.is_busy());
            is_busy || !self.waiting.borrow().is_empty()
        };
        while is_busy() {
            self.changed.notified().await;
        }
    }

    /// Ends all processes.
    pub(crate) fn end(&self) {
        self.is_retired.set(true);
        self.waiting.borrow_mut().clear();
        self.processes.borrow().iter().for_each(|process| process.stop());
    }

    /// Waits until all processes are gone.
    pub(crate) async fn empty(&self) {
        while !self.processes.borrow().is_empty() {
            self.changed.notified().await;
        }
    }

    fn note_waiting(&self) {
        set(&self.counters.waiting, self.waiting.borrow().len());
    }

    fn note_processes(&self) {
        set(&self.counters.processes, self.processes.borrow().len());
    }
}

/// How long the next start waits after so many failures in a row: not at all after the first, then a tenth
/// of a second, twice as long each time, ten seconds at most.
fn back_off(failures: u32) -> Option<Duration> {
    let doublings = failures.checked_sub(1)?.min(7);
    Some(Duration::from_millis(100 << doublings).min(Duration::from_secs(10)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn starts_wait_longer_with_each_failure() {
        let waits: Vec<_> =
            (0..10).map(|failures| back_off(failures).map(|pause| pause.as_millis())).collect();
        let expected =
            [None, Some(100), Some(200), Some(400), Some(800), Some(1_600), Some(3_200), Some(6_400)];
        assert_eq!(waits[..8], expected);
        assert_eq!(waits[8..], [Some(10_000); 2]);
    }
}
