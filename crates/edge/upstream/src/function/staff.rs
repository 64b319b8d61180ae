//! The processes of one function, as the thread of functions sees them: how many there are, and when more
//! are started.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    sync::{
        Arc,
        atomic::Ordering::{Relaxed, SeqCst},
    },
    time::Duration,
};

use postern_protocol::function_error::FunctionError;
use tokio::{sync::Notify, task::spawn_local, time::sleep};

use super::{
    FunctionOutput,
    child::{self, Child},
    letter::{Letter, Outcome},
    shared::Shared,
    standing::{Standing, count},
};

/// The processes of one function.
pub(crate) struct Staff {
    pub(crate) standing: Arc<Standing>,
    shared: Arc<Shared>,
    children: RefCell<Vec<Rc<Child>>>,
    /// Whether a start waits for its time.
    is_backing_off: Cell<bool>,
    is_ending: Cell<bool>,
    changed: Notify,
}

impl Staff {
    pub(crate) fn new(standing: &Arc<Standing>, shared: &Arc<Shared>) -> Rc<Self> {
        Rc::new(Self {
            standing: Arc::clone(standing),
            shared: Arc::clone(shared),
            children: RefCell::default(),
            is_backing_off: Cell::new(false),
            is_ending: Cell::new(false),
            changed: Notify::new(),
        })
    }

    /// Starts processes for the calls that wait, as far as there may be more: at home with those that wait,
    /// the oldest first.
    pub(crate) fn start_what_is_missing(self: &Rc<Self>) {
        if self.is_backing_off.get() || self.is_ending.get() {
            return;
        }
        for worker in self.standing.slots.by_age() {
            while self.starting_with(worker) < self.standing.slots.waiting_with(worker) {
                if self.standing.is_full() {
                    return;
                }
                if let Some(pause) = back_off(self.standing.failures.load(Relaxed)) {
                    // One after the other until one of them works.
                    if !self.children.borrow().iter().any(|child| child.is_starting()) {
                        self.start_later(pause);
                    }
                    return;
                }
                if !self.start(worker) {
                    return;
                }
            }
        }
    }

    fn starting_with(&self, worker: usize) -> usize {
        let children = self.children.borrow();
        children.iter().filter(|child| child.home == worker && child.is_starting()).count()
    }

    fn start_later(self: &Rc<Self>, pause: Duration) {
        self.is_backing_off.set(true);
        let staff = Rc::clone(self);
        spawn_local(async move {
            sleep(pause).await;
            staff.is_backing_off.set(false);
            let oldest = staff.standing.slots.by_age().into_iter().next();
            if let Some(worker) = oldest.filter(|_| !staff.is_ending.get()) {
                staff.start(worker);
            }
        });
    }

    /// Starts a process; `false` where that failed.
    fn start(self: &Rc<Self>, home: usize) -> bool {
        count(&self.standing.counters.starts);
        let started = child::start(self, home);
        let has_started = started.is_ok();
        match started {
            Ok((child, started)) => {
                self.children.borrow_mut().push(child);
                // Where the worker is gone, the process is told to end.
                let _ =
                    self.shared.write(home, Letter::Process(Arc::clone(&self.standing), Box::new(started)));
            }
            Err(fault) => {
                self.note_failure();
                let text = format!("it cannot be started: {fault}");
                self.tell(None, FunctionOutput::Host, &text);
                let error = FunctionError { message: text, kind: "Runtime.InvalidEntrypoint".to_owned() };
                let (staff, error) = (Rc::clone(self), error.to_json().into_bytes());
                // Not at once: whoever starts processes goes through them.
                spawn_local(async move { staff.go_on_after(Some(error)) });
            }
        }
        self.note_running();
        has_started
    }

    /// A process is gone.
    pub(crate) fn note_end(self: &Rc<Self>, child: &Rc<Child>, outcome: Outcome) {
        self.children.borrow_mut().retain(|other| !Rc::ptr_eq(other, child));
        self.note_running();
        if outcome.is_failure {
            self.note_failure();
        }
        self.go_on_after(outcome.error);
    }

    fn note_failure(&self) {
        // Only this thread counts up.
        self.standing.failures.store(self.standing.failures.load(Relaxed).saturating_add(1), Relaxed);
    }

    fn go_on_after(self: &Rc<Self>, error: Option<Vec<u8>>) {
        self.changed.notify_waiters();
        if let Some(error) = error.filter(|_| self.children.borrow().is_empty()) {
            // Nobody is left who could answer, so what waits fails with what kept the process from it.
            let error: Arc<[u8]> = error.into();
            self.shared.write_to_all(|| Letter::Fail(Arc::clone(&self.standing), Arc::clone(&error)));
        } else {
            self.start_what_is_missing();
        }
    }

    /// Tells what a process wrote.
    pub(crate) fn tell(&self, request_id: Option<&str>, stream: FunctionOutput, text: &str) {
        self.shared.tell(&self.standing.function.name, request_id, stream, text);
    }

    /// Whether a process runs or a call waits.
    pub(crate) fn is_in_use(&self) -> bool {
        !self.children.borrow().is_empty() || self.standing.slots.waiting() > 0
    }

    /// Ends all processes, and starts no more.
    pub(crate) fn end(&self) {
        self.is_ending.set(true);
        self.children.borrow().iter().for_each(|child| child.stop());
    }

    /// Whether all processes are to end.
    pub(crate) const fn is_ending(&self) -> bool {
        self.is_ending.get()
    }

    /// Waits until all processes are gone.
    pub(crate) async fn empty(&self) {
        while !self.children.borrow().is_empty() {
            self.changed.notified().await;
        }
    }

    fn note_running(&self) {
        self.standing.running.store(self.children.borrow().len(), SeqCst);
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
