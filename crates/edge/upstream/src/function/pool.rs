//! One worker's part of a function: its processes that are at home here, and the calls that wait here.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use postern_protocol::{
    http1::{FieldBlock, write_status_line},
    lambda_runtime,
};
use tokio::{sync::Notify, task::spawn_local, time::sleep};

use super::{
    Begun, FunctionOutput,
    answer::Answering,
    host::Order,
    invocation::{Event, Invocation},
    letter::{Letter, Started, Stop, Why},
    process::{self, Process},
    queue::{Call, Next, Queue, Waiting},
    shared::Shared,
    standing::Standing,
};

/// One worker's part of a function.
#[derive(Debug)]
pub(crate) struct Pool {
    pub(crate) standing: Arc<Standing>,
    shared: Arc<Shared>,
    /// The worker.
    me: usize,
    queue: RefCell<Queue<Invocation, Rc<Process>>>,
    processes: RefCell<Vec<Rc<Process>>>,
    /// Whether it is looked again soon whether a process is missing.
    looks_again: Cell<bool>,
    is_retired: Cell<bool>,
    /// The head of the last event, and its fields: kept for their memory.
    head: RefCell<(Vec<u8>, FieldBlock)>,
    changed: Rc<Notify>,
}

impl Call for Invocation {
    fn is_given_up(&self) -> bool {
        self.is_given_up()
    }
}

impl Pool {
    /// Nothing waits and nothing runs yet. `changed` is told whenever something has ended.
    pub(crate) fn new(
        standing: Arc<Standing>,
        shared: &Arc<Shared>,
        me: usize,
        changed: &Rc<Notify>,
    ) -> Rc<Self> {
        Rc::new(Self {
            standing,
            shared: Arc::clone(shared),
            me,
            queue: RefCell::new(Queue::new(me)),
            processes: RefCell::default(),
            looks_again: Cell::new(false),
            is_retired: Cell::new(false),
            head: RefCell::default(),
            changed: Rc::clone(changed),
        })
    }

    /// Has a process answer a call, now or when there is one. `waiting_max` is how many calls may wait.
    pub(crate) fn call(
        self: &Rc<Self>,
        event: &Event<'_>,
        is_event: bool,
        mut answering: Answering,
        waiting_max: u64,
    ) {
        while let Some(process) = self.take_idle() {
            match self.give(&process, event, answering) {
                Ok(()) => return,
                Err(back) => answering = back,
            }
        }
        let slots = &self.standing.slots;
        if slots.waiting() as u64 >= waiting_max {
            self.queue.borrow_mut().forget_given_up(slots);
        }
        if slots.waiting() as u64 >= waiting_max {
            return answering.answer(Begun::Overloaded);
        }
        let call = Invocation::new(event, is_event, answering);
        self.wait(Waiting { since: self.shared.now(), call });
    }

    fn take_idle(&self) -> Option<Rc<Process>> {
        self.queue.borrow_mut().take_idle(&self.standing.slots)
    }

    /// Gives a call to a process; it comes back where the process does not ask any more.
    fn give(&self, process: &Process, event: &Event<'_>, answering: Answering) -> Result<(), Answering> {
        let (head, fields) = &mut *self.head.borrow_mut();
        write_head(event, self.standing.function.process.timeout_seconds, head, fields);
        process.give(event, head, answering)
    }

    /// Has a call wait, here or with a worker that has an idle process.
    fn wait(self: &Rc<Self>, waiting: Waiting<Invocation>) {
        self.queue.borrow_mut().keep(waiting, &self.standing.slots);
        self.send_on();
        self.start_what_is_missing();
    }

    /// Sends what waits to workers that have idle processes.
    fn send_on(&self) {
        loop {
            let sent = self.queue.borrow_mut().send_on(&self.standing.slots);
            let Some((worker, oldest)) = sent else { return };
            if let Some(back) = self.send(worker, oldest, Why::Idle) {
                self.queue.borrow_mut().keep(back, &self.standing.slots);
            }
        }
    }

    /// Sends a call to a worker; it comes back where nobody reads it there.
    fn send(&self, to: usize, waiting: Waiting<Invocation>, why: Why) -> Option<Waiting<Invocation>> {
        let letter = Letter::Call(Arc::clone(&self.standing), Box::new(waiting), why);
        match self.shared.write(to, letter) {
            Err(Letter::Call(_, waiting, _)) => Some(*waiting),
            _ => None,
        }
    }

    /// A call has come from another worker.
    pub(crate) fn receive(self: &Rc<Self>, waiting: Waiting<Invocation>, why: Why) {
        self.queue.borrow_mut().keep(waiting, &self.standing.slots);
        if why == Why::Asked {
            self.end_asking();
        }
        self.serve_what_waits();
        self.send_on();
        self.look_around();
        self.start_what_is_missing();
    }

    /// Another worker has a process for a call.
    pub(crate) fn lend(self: &Rc<Self>, to: usize) {
        let oldest = self.queue.borrow_mut().take(&self.standing.slots);
        let Some(oldest) = oldest else {
            // Who is gone does not ask again.
            let _ = self.shared.write(to, Letter::Nothing(Arc::clone(&self.standing)));
            return;
        };
        if let Some(back) = self.send(to, oldest, Why::Asked) {
            self.wait(back);
        }
    }

    /// A worker that was asked for a call has none.
    pub(crate) fn note_nothing(&self) {
        self.end_asking();
        self.look_around();
    }

    /// A worker that was asked for a call has answered.
    fn end_asking(&self) {
        let process = self.queue.borrow_mut().answered();
        if let Some(process) = process {
            self.serve_or_rest(&process);
        }
    }

    /// Gives waiting calls to idle processes.
    fn serve_what_waits(&self) {
        while self.queue.borrow().waiting() > 0
            && let Some(process) = self.take_idle()
        {
            self.serve_or_rest(&process);
        }
    }

    fn serve_oldest_or_rest(&self, process: &Rc<Process>) {
        let oldest = self.queue.borrow_mut().take(&self.standing.slots);
        match oldest {
            Some(oldest) => self.serve(process, oldest.call),
            None => self.queue.borrow_mut().rest(Rc::clone(process), &self.standing.slots),
        }
    }

    fn serve(&self, process: &Process, mut call: Invocation) {
        let (event, answering) = call.parts();
        // It asks, so it takes the call.
        let _ = self.give(process, &event, answering);
    }

    /// A process asks for a call: it is given the next one, or is idle.
    pub(crate) fn serve_or_rest(&self, process: &Rc<Process>) {
        if process.is_stopped() {
            return;
        }
        if self.is_retired.get() && self.queue.borrow().waiting() == 0 {
            self.forget_ready(process);
            return process.stop(Stop::Gently);
        }
        let was_ready = process.take_ready();
        let next = self.queue.borrow_mut().next(Rc::clone(process), was_ready, &self.standing.slots);
        match next {
            Next::Serves(process, call) => self.serve(&process, call),
            Next::Asks(worker) => self.ask(worker),
            Next::Rests => self.look_around(),
        }
    }

    /// Asks for a call that waits elsewhere if a process is idle here.
    fn look_around(&self) {
        let worker = self.queue.borrow_mut().whom_to_ask(&self.standing.slots);
        if let Some(worker) = worker {
            self.ask(worker);
        }
    }

    fn ask(&self, worker: usize) {
        if self.shared.write(worker, Letter::Ask(Arc::clone(&self.standing), self.me)).is_err() {
            // It is gone, and nobody else is asked for its sake.
            let process = self.queue.borrow_mut().answered();
            if let Some(process) = process {
                self.serve_oldest_or_rest(&process);
            }
        }
    }

    /// Has processes started for the calls that wait here, as far as there may be more.
    fn start_what_is_missing(self: &Rc<Self>) {
        let (waiting, ready) = (self.queue.borrow().waiting(), self.queue.borrow().ready());
        if waiting == 0 {
            return;
        }
        if ready > 0 {
            self.look_again();
        }
        if self.standing.is_full() {
            return;
        }
        let starting = self.processes.borrow().iter().filter(|process| process.is_starting()).count();
        if starting + ready >= waiting {
            return;
        }
        self.shared.order(Order::Start(Arc::clone(&self.standing)));
    }

    /// Does without a process that has answered if it does not ask soon.
    fn look_again(self: &Rc<Self>) {
        if !self.looks_again.replace(true) {
            let pool = Rc::clone(self);
            spawn_local(async move {
                sleep(process::ASKS_WITHIN).await;
                pool.looks_again.set(false);
                pool.forget_those_that_do_not_ask();
                pool.send_on();
                pool.start_what_is_missing();
            });
        }
    }

    fn forget_those_that_do_not_ask(&self) {
        let late =
            self.processes.borrow().iter().filter(|process| process.is_late()).cloned().collect::<Vec<_>>();
        late.iter().for_each(|process| self.forget_ready(process));
    }

    /// A process is not about to ask.
    fn forget_ready(&self, process: &Process) {
        if process.take_ready() {
            self.queue.borrow_mut().forget_ready(&self.standing.slots);
        }
    }

    /// A process was started whose home is here.
    pub(crate) fn take_home(self: &Rc<Self>, started: Started) {
        let process = process::take_home(self, started);
        self.processes.borrow_mut().push(process);
        self.tell_processes();
    }

    /// A process does not wait any more.
    pub(crate) fn forget_idle(&self, process: &Rc<Process>) {
        let is_it = |idle: &Rc<Process>| Rc::ptr_eq(idle, process);
        self.queue.borrow_mut().forget_idle(is_it, &self.standing.slots);
        self.forget_ready(process);
    }

    /// A process is gone.
    pub(crate) fn forget(&self, process: &Rc<Process>) {
        self.forget_idle(process);
        self.processes.borrow_mut().retain(|other| !Rc::ptr_eq(other, process));
        self.tell_processes();
        self.changed.notify_waiters();
    }

    fn tell_processes(&self) {
        self.standing.slots.set_processes(self.me, self.processes.borrow().len());
    }

    /// A process has answered.
    pub(crate) fn note_success(&self) {
        self.standing.note_success();
        self.queue.borrow_mut().note_ready(&self.standing.slots);
        self.changed.notify_waiters();
    }

    /// No process is left: what waits fails.
    pub(crate) fn fail(&self, error: &[u8]) {
        let waiting = self.queue.borrow_mut().take_all(&self.standing.slots);
        for mut waiting in waiting {
            waiting.call.answering.answer(Begun::Failed(error.to_vec()));
        }
        self.changed.notify_waiters();
    }

    /// Whether its processes are to end as soon as they are idle.
    pub(crate) fn set_retired(&self, is_retired: bool) {
        self.is_retired.set(is_retired);
        while is_retired && let Some(process) = self.take_idle() {
            process.stop(Stop::Gently);
        }
    }

    /// Whether a process runs or a call waits.
    pub(crate) fn is_in_use(&self) -> bool {
        !self.processes.borrow().is_empty() || self.queue.borrow().waiting() > 0
    }

    /// Whether a process is at a call or a call waits.
    pub(crate) fn is_busy(&self) -> bool {
        self.queue.borrow().waiting() > 0 || self.processes.borrow().iter().any(|process| process.is_busy())
    }

    /// Tells what became of a process.
    pub(crate) fn tell(&self, request_id: Option<&str>, stream: FunctionOutput, text: &str) {
        self.shared.tell(&self.standing.function.name, request_id, stream, text);
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        let slots = &self.standing.slots;
        slots.set_idle(self.me, 0);
        slots.set_processes(self.me, 0);
        slots.set_waiting(self.me, 0, None);
    }
}

/// Writes the head that a process is given an event with.
fn write_head(event: &Event<'_>, timeout_seconds: u32, head: &mut Vec<u8>, fields: &mut FieldBlock) {
    let deadline = Duration::from_secs(timeout_seconds.into());
    let deadline = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default() + deadline;
    let invocation = lambda_runtime::Invocation {
        request_id: event.request_id,
        deadline_milliseconds: u64::try_from(deadline.as_millis()).unwrap_or(u64::MAX),
        function_arn: event.function_arn,
        trace_id: Some(event.trace_id),
        client_context: event.client_context,
        cognito_identity: None,
        tenant_id: None,
    };
    fields.clear();
    invocation.write_fields(fields);
    fields.push_number(b"Content-Length", event.payload.len() as u64);
    head.clear();
    write_status_line(head, 200);
    head.extend_from_slice(fields.as_bytes());
    head.extend_from_slice(b"\r\n");
}
