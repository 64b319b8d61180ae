//! Who serves which call: one worker's calls and idle processes of one function. It decides; what is
//! decided is done elsewhere.

use std::collections::VecDeque;

use super::slots::Slots;

/// One worker's calls and idle processes of a function.
///
/// After each step its slot says what it holds, and where it has an idle process, nothing waits here.
#[derive(Debug)]
pub(crate) struct Queue<C, P> {
    me: usize,
    /// In order of the moments since when they wait.
    waiting: VecDeque<Waiting<C>>,
    /// The last one used is the first to be used again.
    idle: Vec<P>,
    /// Processes that are held back while another worker is asked for an older call than those here.
    promised: Vec<P>,
    /// Other workers that were asked for a call and have not said anything yet.
    asked: usize,
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
    pub(crate) const fn new(me: usize) -> Self {
        Self { me, waiting: VecDeque::new(), idle: Vec::new(), promised: Vec::new(), asked: 0 }
    }

    /// How many calls wait.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// A process for a call that has come.
    pub(crate) fn take_idle(&mut self, slots: &Slots) -> Option<P> {
        let process = self.idle.pop()?;
        slots.set_idle(self.me, self.idle.len());
        Some(process)
    }

    /// If calls wait here and another worker has an idle process, the oldest call and that worker.
    pub(crate) fn send_on(&mut self, slots: &Slots) -> Option<(usize, Waiting<C>)> {
        if self.waiting.is_empty() {
            return None;
        }
        let worker = slots.claim(self.me)?;
        // Even if it has been given up: a process is claimed for it, and its worker looks around then.
        let oldest = self.waiting.pop_front()?;
        self.tell_waiting(slots);
        Some((worker, oldest))
    }

    /// A call waits here from now on.
    pub(crate) fn keep(&mut self, waiting: Waiting<C>, slots: &Slots) {
        let place = self.waiting.partition_point(|other| other.since <= waiting.since);
        self.waiting.insert(place, waiting);
        self.tell_waiting(slots);
    }

    /// The call that has waited longest here.
    pub(crate) fn take(&mut self, slots: &Slots) -> Option<Waiting<C>> {
        self.forget_given_up_first(slots);
        let oldest = self.waiting.pop_front()?;
        self.tell_waiting(slots);
        Some(oldest)
    }

    fn forget_given_up_first(&mut self, slots: &Slots) {
        let before = self.waiting.len();
        while self.waiting.front().is_some_and(|first| first.call.is_given_up()) {
            self.waiting.pop_front();
        }
        if self.waiting.len() < before {
            self.tell_waiting(slots);
        }
    }

    /// A process asks for a call.
    pub(crate) fn next(&mut self, process: P, slots: &Slots) -> Next<C, P> {
        self.forget_given_up_first(slots);
        let older = self.waiting.front().and_then(|first| slots.older(self.me, first.since, TOLERANCE));
        if let Some(worker) = older {
            self.promised.push(process);
            self.asked += 1;
            return Next::Asks(worker);
        }
        if let Some(first) = self.waiting.pop_front() {
            self.tell_waiting(slots);
            return Next::Serves(process, first.call);
        }
        self.rest(process, slots);
        Next::Rests
    }

    /// A process is idle from now on.
    pub(crate) fn rest(&mut self, process: P, slots: &Slots) {
        self.idle.push(process);
        slots.set_idle(self.me, self.idle.len());
    }

    /// The worker to be asked for a call: processes are idle here, and calls wait there.
    pub(crate) fn whom_to_ask(&mut self, slots: &Slots) -> Option<usize> {
        if self.idle.len() <= self.asked.saturating_sub(self.promised.len()) {
            return None;
        }
        // Who claimed a process may have sent nothing after all.
        slots.set_idle(self.me, self.idle.len());
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
        self.tell_waiting(slots);
    }

    /// Processes of which this is true are not idle any more.
    pub(crate) fn forget_idle(&mut self, is_gone: impl Fn(&P) -> bool, slots: &Slots) {
        self.promised.retain(|process| !is_gone(process));
        self.idle.retain(|process| !is_gone(process));
        slots.set_idle(self.me, self.idle.len());
    }

    /// All that waits.
    pub(crate) fn take_all(&mut self, slots: &Slots) -> VecDeque<Waiting<C>> {
        let all = std::mem::take(&mut self.waiting);
        self.tell_waiting(slots);
        all
    }

    fn tell_waiting(&self, slots: &Slots) {
        slots.set_waiting(self.me, self.waiting.len(), self.waiting.front().map(|first| first.since));
    }
}

#[cfg(test)]
mod tests;
