//! Workers with their queues, and letters between them that take any time.

use std::collections::VecDeque;

use proptest::prelude::*;

use super::*;

/// A call: its number.
type Number = usize;

impl Call for Number {
    fn is_given_up(&self) -> bool {
        // Those that nobody waits for.
        self % 7 == 6
    }
}

#[derive(Debug)]
enum Letter {
    Call(Waiting<Number>, bool),
    Ask(usize),
    Nothing,
}

/// What happens next.
#[derive(Clone, Copy, Debug)]
enum Event {
    /// A call comes to a worker.
    Call(usize),
    /// The oldest letter of a worker to another is read.
    Read(usize, usize),
    /// A process answers its call.
    Answer(usize),
    /// A process that has answered asks for the next call.
    Ask(usize),
    /// A process that has answered has not asked for long.
    IsLate(usize),
}

/// A call that was served.
struct Served {
    call: Number,
    /// The oldest call that waited then and had no process that was about to ask.
    oldest: Option<u64>,
}

#[derive(Clone, Copy, Default)]
struct Process {
    home: usize,
    /// The call that it is at.
    at: Option<Number>,
    /// Whether it has answered and not asked since.
    has_answered: bool,
    /// Whether it is expected to ask.
    is_ready: bool,
}

/// All workers; a process is known by its number.
struct World {
    queues: Vec<Queue<Number, usize>>,
    slots: Slots,
    letters: Vec<Vec<VecDeque<Letter>>>,
    processes: Vec<Process>,
    since: Vec<u64>,
    now: u64,
    served: Vec<Served>,
}

impl World {
    fn new(workers: usize, homes: &[usize]) -> Self {
        let slots = Slots::new(workers);
        let letters = (0..workers).map(|_| (0..workers).map(|_| VecDeque::new()).collect()).collect();
        let processes: Vec<_> =
            homes.iter().map(|home| Process { home: home % workers, ..Process::default() }).collect();
        for worker in 0..workers {
            slots.set_processes(worker, processes.iter().filter(|process| process.home == worker).count());
        }
        let queues = (0..workers).map(Queue::new).collect();
        let (since, served) = (Vec::new(), Vec::new());
        let mut world = Self { queues, slots, letters, processes, since, now: 0, served };
        for process in 0..world.processes.len() {
            world.serve_or_rest(process);
        }
        world
    }

    fn happen(&mut self, event: Event) {
        self.now += STEP;
        match event {
            Event::Call(worker) => {
                let worker = worker % self.queues.len();
                let call = self.since.len();
                self.since.push(self.now);
                match self.queues[worker].take_idle(&self.slots) {
                    Some(process) => self.serve(process, call),
                    None => {
                        self.queues[worker].keep(Waiting { since: self.now, call }, &self.slots);
                        self.send_on(worker);
                    }
                }
            }
            Event::Read(from, to) => {
                let (from, to) = (from % self.queues.len(), to % self.queues.len());
                if let Some(letter) = self.letters[from][to].pop_front() {
                    self.read(to, letter);
                }
            }
            Event::Answer(process) => {
                let process = process % self.processes.len();
                if self.processes[process].at.take().is_some() {
                    self.processes[process].has_answered = true;
                    self.processes[process].is_ready = true;
                    self.queues[self.processes[process].home].note_ready(&self.slots);
                }
            }
            Event::Ask(process) => {
                let process = process % self.processes.len();
                if std::mem::take(&mut self.processes[process].has_answered) {
                    self.serve_or_rest(process);
                }
            }
            Event::IsLate(process) => {
                let process = process % self.processes.len();
                if std::mem::take(&mut self.processes[process].is_ready) {
                    let home = self.processes[process].home;
                    self.queues[home].forget_ready(&self.slots);
                    self.send_on(home);
                }
            }
        }
    }

    fn read(&mut self, to: usize, letter: Letter) {
        match letter {
            Letter::Call(waiting, was_asked_for) => {
                self.queues[to].keep(waiting, &self.slots);
                if was_asked_for {
                    self.end_asking(to);
                }
                while self.queues[to].waiting() > 0
                    && let Some(process) = self.queues[to].take_idle(&self.slots)
                {
                    self.serve_or_rest(process);
                }
                self.send_on(to);
                self.look_around(to);
            }
            Letter::Ask(by) => {
                let answer = self.queues[to].take(&self.slots);
                let answer = answer.map_or(Letter::Nothing, |oldest| Letter::Call(oldest, true));
                self.letters[to][by].push_back(answer);
            }
            Letter::Nothing => {
                self.end_asking(to);
                self.look_around(to);
            }
        }
    }

    fn serve_or_rest(&mut self, process: usize) {
        let home = self.processes[process].home;
        let was_ready = std::mem::take(&mut self.processes[process].is_ready);
        match self.queues[home].next(process, was_ready, &self.slots) {
            Next::Serves(process, call) => self.serve(process, call),
            Next::Asks(other) => self.letters[home][other].push_back(Letter::Ask(home)),
            Next::Rests => self.look_around(home),
        }
    }

    fn end_asking(&mut self, worker: usize) {
        if let Some(process) = self.queues[worker].answered() {
            self.serve_or_rest(process);
        }
    }

    fn send_on(&mut self, worker: usize) {
        while let Some((other, oldest)) = self.queues[worker].send_on(&self.slots) {
            self.letters[worker][other].push_back(Letter::Call(oldest, false));
        }
    }

    fn look_around(&mut self, worker: usize) {
        if let Some(other) = self.queues[worker].whom_to_ask(&self.slots) {
            self.letters[worker][other].push_back(Letter::Ask(worker));
        }
    }

    fn serve(&mut self, process: usize, call: Number) {
        assert_eq!(self.processes[process].at.replace(call), None, "one call at a time");
        let seen = self.queues.iter().filter(|queue| queue.waiting.len() > queue.ready);
        let waiting = seen.flat_map(|queue| &queue.waiting);
        let oldest = waiting.filter(|waiting| !waiting.call.is_given_up()).map(|waiting| waiting.since).min();
        self.served.push(Served { call, oldest });
    }

    /// All letters are read.
    fn settle(&mut self) {
        let workers = self.queues.len();
        while let Some((from, to)) = (0..workers * workers)
            .map(|pair| (pair / workers, pair % workers))
            .find(|(from, to)| !self.letters[*from][*to].is_empty())
        {
            self.happen(Event::Read(from, to));
        }
    }

    fn is_anything_missed(&self) -> bool {
        let is_idle = self.processes.iter().any(|process| process.at.is_none() && !process.has_answered);
        let waits = |queue: &Queue<Number, usize>| {
            let waiting = queue.waiting.iter().filter(|waiting| !waiting.call.is_given_up());
            waiting.count() > queue.ready
        };
        is_idle && self.queues.iter().any(waits)
    }

    /// Ends all calls, and says which were served.
    fn finish(mut self) -> Vec<Number> {
        loop {
            self.settle();
            assert!(!self.is_anything_missed(), "{:?}", self.queues);
            let next = |of: fn(&Process) -> bool| self.processes.iter().position(of);
            if let Some(asks) = next(|process| process.has_answered) {
                self.happen(Event::Ask(asks));
            } else if let Some(busy) = next(|process| process.at.is_some()) {
                self.happen(Event::Answer(busy));
            } else {
                break;
            }
        }
        self.served.into_iter().map(|served| served.call).collect()
    }
}

/// How far apart events are, in nanoseconds.
const STEP: u64 = 1_000_000;

const WORKERS: usize = 4;

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        (0..WORKERS).prop_map(Event::Call),
        (0..WORKERS, 0..WORKERS).prop_map(|(from, to)| Event::Read(from, to)),
        (0..6_usize).prop_map(Event::Answer),
        (0..6_usize).prop_map(Event::Ask),
        (0..6_usize).prop_map(Event::IsLate),
    ]
}

proptest! {
    #[test]
    fn every_call_is_served_once_and_no_process_is_idle_while_one_waits(
        workers in 1..=WORKERS,
        homes in prop::collection::vec(0..WORKERS, 1..6),
        events in prop::collection::vec(event(), 0..200),
    ) {
        let mut world = World::new(workers, &homes);
        for event in events {
            world.happen(event);
        }
        let calls = world.since.len();
        let mut served = world.finish();
        served.sort_unstable();
        // One that nobody waits for may be served if it comes at the right moment.
        let given_up = |call: &Number| call.is_given_up();
        prop_assert!(served.windows(2).all(|pair| pair[0] != pair[1]));
        served.retain(|call| !given_up(call));
        let expected: Vec<_> = (0..calls).filter(|call| !given_up(call)).collect();
        prop_assert_eq!(served, expected);
    }

    #[test]
    fn where_letters_come_at_once_calls_are_served_by_age(
        workers in 1..=WORKERS,
        homes in prop::collection::vec(0..WORKERS, 1..6),
        events in prop::collection::vec(event(), 0..300),
    ) {
        let mut world = World::new(workers, &homes);
        for event in events {
            let before = world.served.len();
            world.happen(event);
            world.settle();
            for served in &world.served[before..] {
                let since = world.since[served.call];
                prop_assert!(served.oldest.is_none_or(|oldest| oldest + TOLERANCE >= since));
            }
        }
        world.finish();
    }
}

#[test]
fn calls_of_a_worker_without_processes_are_served_in_turn_with_those_of_the_others() {
    let mut world = World::new(2, &[0]);
    for turn in 0..100 {
        world.happen(Event::Call(turn % 2));
    }
    let order = world.finish();
    assert!(order.is_sorted() && order.len() > 80, "{order:?}");
}
