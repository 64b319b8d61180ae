//! Who serves which call: one worker's calls and idle processes of one function. It decides; what is
//! decided is done elsewhere.

use std::collections::VecDeque;

use super::slots::Slots;

/// One worker's calls and idle processes of a function.
///
/// After each step its slot says what it holds.
#[derive(Debug)]
pub(crate) struct Queue<C, P> {
    me: usize,
    /// In order of the moments since when they wait.
    waiting: VecDeque<Waiting<C>>,
    /// The last one used is the first to be used again.
    idle: Vec<P>,
    /// Processes that have just answered: they ask in no time, so that a call waits for them rather than
    /// change over to another worker.
    ready: usize,
    /// Processes that are held back while another worker is asked for an older call than those here.
    promised: Vec<P>,
    /// Other workers that were asked for a call and have not said anything yet.
    asked: usize,
    /// What its slot says of the calls that wait.
    told: (usize, Option<u64>),
}

/// A call, and since when it waits, in nanoseconds of a clock that all workers share.
#[derive(Debug)]
pub(crate) struct Waiting<C> {
    pub(crate) since: u64,
    pub(crate) call: C,
}

/// A call that may have been given up.
pub(crate) trait Call {
    /// Whether nobody would notice if it were never run.
    fn is_given_up(&self) -> bool;
}

/// What a process does that asks for a call.
#[derive(Debug)]
pub(crate) enum Next<C, P> {
    /// It serves this one.
    Serves(P, C),
    /// It is held back: this worker is to be asked for its oldest call.
    Asks(usize),
    /// It is idle.
    Rests,
}

/// By how much a call may be older than one that is served before it, in nanoseconds, where its worker has
/// processes of its own.
pub(crate) const TOLERANCE: u64 = 10_000_000;

impl<C: Call, P> Queue<C, P> {
    pub(crate) fn new(me: usize) -> Self {
        let (waiting, idle, promised) = (VecDeque::new(), Vec::new(), Vec::new());
        Self { me, waiting, idle, ready: 0, promised, asked: 0, told: (0, None) }
    }

    /// How many calls wait.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// How many processes are about to ask.
    pub(crate) const fn ready(&self) -> usize {
        self.ready
    }

    /// A process for a call that has come.
    pub(crate) fn take_idle(&mut self, slots: &Slots) -> Option<P> {
        let process = self.idle.pop()?;
        self.tell(slots);
        Some(process)
    }

    /// A call waits here from now on.
    pub(crate) fn keep(&mut self, waiting: Waiting<C>, slots: &Slots) {
        let place = self.waiting.partition_point(|other| other.since <= waiting.since);
        self.waiting.insert(place, waiting);
        self.tell(slots);
    }

    /// The oldest call and a worker that has an idle process, if there is one and more calls wait here than
    /// processes are about to ask.
    pub(crate) fn send_on(&mut self, slots: &Slots) -> Option<(usize, Waiting<C>)> {
        if self.waiting.len() <= self.ready {
            return None;
        }
        let worker = slots.claim(self.me)?;
        // Even if it has been given up: a process is claimed for it, and its worker looks around then.
        let oldest = self.waiting.pop_front()?;
        self.tell(slots);
        Some((worker, oldest))
    }

    /// The call that has waited longest here.
    pub(crate) fn take(&mut self, slots: &Slots) -> Option<Waiting<C>> {
        self.forget_first_given_up();
        let oldest = self.waiting.pop_front();
        self.tell(slots);
        oldest
    }

    /// A process has answered and is about to ask for the next call.
    pub(crate) fn note_ready(&mut self, slots: &Slots) {
        self.ready += 1;
        self.tell(slots);
    }

    /// A process that was about to ask does not.
    pub(crate) fn forget_ready(&mut self, slots: &Slots) {
        self.ready = self.ready.saturating_sub(1);
        self.tell(slots);
    }

    /// A process asks for a call; `was_ready` says whether it was known to be about to.
    pub(crate) fn next(&mut self, process: P, was_ready: bool, slots: &Slots) -> Next<C, P> {
        self.ready = self.ready.saturating_sub(usize::from(was_ready));
        self.forget_first_given_up();
        let older = self.waiting.front().and_then(|first| slots.older(self.me, first.since, TOLERANCE));
        let next = if let Some(worker) = older {
            self.promised.push(process);
            self.asked += 1;
            Next::Asks(worker)
        } else if let Some(first) = self.waiting.pop_front() {
            Next::Serves(process, first.call)
        } else {
            self.idle.push(process);
            Next::Rests
        };
        self.tell(slots);
        next
    }

    /// A process is idle from now on.
    pub(crate) fn rest(&mut self, process: P, slots: &Slots) {
        self.idle.push(process);
        self.tell(slots);
    }

    /// The worker to be asked for a call: processes are idle here, and calls wait there.
    pub(crate) fn whom_to_ask(&mut self, slots: &Slots) -> Option<usize> {
        if self.idle.len() <= self.asked.saturating_sub(self.promised.len()) {
            return None;
        }
        // Who claimed a process may have sent nothing after all.
        self.tell(slots);
        let worker = slots.any_waiting(self.me)?;
        self.asked += 1;
        Some(worker)
    }

    /// A worker that was asked has sent a call, or has none: a process that was held back for that asks
    /// anew.
    pub(crate) fn answered(&mut self) -> Option<P> {
        self.asked = self.asked.saturating_sub(1);
        self.promised.pop()
    }

    /// Calls that nobody waits for are let go of.
    pub(crate) fn forget_given_up(&mut self, slots: &Slots) {
        self.waiting.retain(|waiting| !waiting.call.is_given_up());
        self.tell(slots);
    }

    fn forget_first_given_up(&mut self) {
        while self.waiting.front().is_some_and(|first| first.call.is_given_up()) {
            self.waiting.pop_front();
        }
    }

    /// Processes of which this is true are not idle any more.
    pub(crate) fn forget_idle(&mut self, is_gone: impl Fn(&P) -> bool, slots: &Slots) {
        self.promised.retain(|process| !is_gone(process));
        self.idle.retain(|process| !is_gone(process));
        self.tell(slots);
    }

    /// All that waits.
    pub(crate) fn take_all(&mut self, slots: &Slots) -> VecDeque<Waiting<C>> {
        let all = std::mem::take(&mut self.waiting);
        self.tell(slots);
        all
    }

    /// Says on the board what is here. Calls for which processes are about to ask are nobody else's concern.
    fn tell(&mut self, slots: &Slots) {
        let first = self.waiting.front().filter(|_| self.waiting.len() > self.ready);
        let told = (self.waiting.len(), first.map(|first| first.since));
        if std::mem::replace(&mut self.told, told) != told {
            slots.set_waiting(self.me, told.0, told.1);
        }
        // Others count down what they claim.
        slots.set_idle(self.me, self.idle.len() + self.ready.saturating_sub(self.waiting.len()));
    }
}

#[cfg(test)]
mod tests;
