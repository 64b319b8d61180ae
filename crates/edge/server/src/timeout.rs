//! One coarse wheel of deadlines for each worker: setting one is a store, and no timer is armed per read.
//!
//! A deadline lies in the slot of the tick at which it is looked at next. Moving a deadline to a later
//! moment leaves it in its slot: the visit finds that it is not due and puts it where it belongs, so a
//! busy connection that moves its deadline with every request costs one visit now and then.

use std::{
    cell::{Cell, RefCell},
    future::{Future, poll_fn},
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use postern_gateway::{Elapsed, Now, Timers};

use crate::Clock;

/// How often a wheel looks for what is due.
pub(crate) const TICK: Duration = Duration::from_millis(50);

/// The clock and the deadlines of one worker.
#[derive(Clone, Debug)]
pub struct WorkerTimers {
    wheel: Rc<Wheel>,
}

impl Timers for WorkerTimers {
    fn now(&self) -> Now {
        let monotonic_nanoseconds = self.wheel.clock.monotonic_nanoseconds();
        let since_epoch = monotonic_nanoseconds.saturating_add_signed(self.wheel.epoch_offset.get());
        Now { monotonic_nanoseconds, epoch_milliseconds: since_epoch / NANOSECONDS_OF_MILLISECOND }
    }

    fn monotonic_nanoseconds(&self) -> u64 {
        self.wheel.clock.monotonic_nanoseconds()
    }

    fn coarse_nanoseconds(&self) -> u64 {
        self.wheel.coarse_nanoseconds()
    }

    async fn within<F: Future + Unpin>(
        &self,
        deadline_nanoseconds: u64,
        mut future: F,
    ) -> Result<F::Output, Elapsed> {
        let mut alarm = None;
        poll_fn(|context| {
            if let Poll::Ready(output) = Pin::new(&mut future).poll(context) {
                return Poll::Ready(Ok(output));
            }
            let alarm = alarm.get_or_insert_with(|| {
                let alarm = self.alarm();
                alarm.set(deadline_nanoseconds);
                alarm
            });
            alarm.poll_elapsed(context).map(|()| Err(Elapsed))
        })
        .await
    }

    fn wake_all(&self) {
        for entry in &self.wheel.entries.borrow().slab {
            if let Some(waker) = &entry.waker {
                waker.wake_by_ref();
            }
        }
    }
}

impl WorkerTimers {
    /// A wheel that goes by a clock. It turns while [`WorkerTimers::turn`] runs.
    pub(crate) fn new(clock: Clock) -> Self {
        let hand = tick_at_or_before(clock.monotonic_nanoseconds());
        let entries = Entries {
            slab: Vec::new(),
            free: Vec::new(),
            slots: vec![NONE; SLOTS].into_boxed_slice(),
            linked: 0,
            hand,
        };
        Self {
            wheel: Rc::new(Wheel {
                clock,
                entries: RefCell::new(entries),
                turner: RefCell::new(None),
                coarse: Cell::new(hand),
                epoch_offset: Cell::new(clock.epoch_offset()),
            }),
        }
    }

    /// A deadline of its own for somebody, not set yet.
    pub(crate) fn alarm(&self) -> Alarm {
        let index = self.wheel.entries.borrow_mut().insert();
        Alarm { wheel: Rc::clone(&self.wheel), index }
    }

    /// Turns the wheel for ever, at the moments where a tick begins: turned between them, it would find a
    /// deadline, which was put off to a tick already, up to another tick later. It sleeps while none is set.
    pub(crate) async fn turn(self) {
        loop {
            poll_fn(|context| self.wheel.poll_in_use(context)).await;
            tokio::time::sleep(until_next_tick(self.wheel.clock.monotonic_nanoseconds())).await;
            self.wheel.advance(tick_at_or_before(self.wheel.clock.monotonic_nanoseconds()));
        }
    }
}

/// One deadline, for as long as its owner lives. Setting it allocates nothing.
#[derive(Debug)]
pub(crate) struct Alarm {
    wheel: Rc<Wheel>,
    index: u32,
}

impl Alarm {
    /// Sets the deadline, on the monotonic clock, in nanoseconds. The one before is forgotten.
    pub(crate) fn set(&self, deadline_nanoseconds: u64) {
        let newly_in_use = {
            let mut entries = self.wheel.entries.borrow_mut();
            let was_in_use = entries.linked > 0;
            entries.set(self.index, tick_at_or_after(deadline_nanoseconds));
            !was_in_use
        };
        if newly_in_use {
            self.wheel.wake_turner();
        }
    }

    /// Forgets the deadline.
    pub(crate) fn clear(&self) {
        if let Some(entry) = self.wheel.entries.borrow_mut().entry(self.index) {
            entry.deadline = NEVER;
        }
    }

    /// Ready once the deadline has passed; the task is woken then.
    pub(crate) fn poll_elapsed(&self, context: &Context<'_>) -> Poll<()> {
        let mut entries = self.wheel.entries.borrow_mut();
        let hand = entries.hand;
        let Some(entry) = entries.entry(self.index) else { return Poll::Pending };
        if entry.deadline <= hand {
            return Poll::Ready(());
        }
        if !entry.waker.as_ref().is_some_and(|waker| waker.will_wake(context.waker())) {
            entry.waker = Some(context.waker().clone());
        }
        Poll::Pending
    }
}

impl Drop for Alarm {
    fn drop(&mut self) {
        // The waker is dropped outside of the borrow: dropping the last reference to a task frees it,
        // and what it owns may have alarms too.
        let waker = self.wheel.entries.borrow_mut().remove(self.index);
        drop(waker);
    }
}

#[derive(Debug)]
struct Wheel {
    clock: Clock,
    entries: RefCell<Entries>,
    /// Who turns the wheel, while it sleeps because nothing is set.
    turner: RefCell<Option<Waker>>,
    /// The tick that was seen last.
    coarse: Cell<u64>,
    /// From the monotonic clock to nanoseconds since 1970. Looked up with each tick, so that a request
    /// reads one clock and not two, and a clock that is set is noticed.
    epoch_offset: Cell<i64>,
}

impl Wheel {
    /// The monotonic clock as the last tick saw it, in nanoseconds: up to a tick old, and free.
    fn coarse_nanoseconds(&self) -> u64 {
        if self.entries.borrow().linked == 0 {
            // The wheel sleeps, so what it saw last may be long ago.
            return self.clock.monotonic_nanoseconds();
        }
        self.coarse.get().saturating_mul(TICK_NANOSECONDS)
    }

    fn poll_in_use(&self, context: &Context<'_>) -> Poll<()> {
        if self.entries.borrow().linked > 0 {
            return Poll::Ready(());
        }
        *self.turner.borrow_mut() = Some(context.waker().clone());
        Poll::Pending
    }

    fn wake_turner(&self) {
        // The clock went on while it slept.
        self.coarse.set(tick_at_or_before(self.clock.monotonic_nanoseconds()));
        self.epoch_offset.set(self.clock.epoch_offset());
        if let Some(waker) = self.turner.borrow_mut().take() {
            waker.wake();
        }
    }

    fn advance(&self, now: u64) {
        self.entries.borrow_mut().advance(now);
        self.coarse.set(now);
        self.epoch_offset.set(self.clock.epoch_offset());
    }
}

/// The slab of deadlines, and the wheel's slots: lists through the slab.
#[derive(Debug)]
struct Entries {
    slab: Vec<Entry>,
    /// Unused entries. One that still lies in a slot stays there until it is looked at: whoever takes it
    /// next most likely sets a deadline behind that.
    free: Vec<u32>,
    /// The first entry of each slot.
    slots: Box<[u32]>,
    /// How many entries are in a slot.
    linked: usize,
    /// The last tick that was looked at.
    hand: u64,
}

#[derive(Debug)]
struct Entry {
    /// The tick from which on it is due.
    deadline: u64,
    /// The tick at which it is looked at; [`NEVER`] while it is in no slot.
    visit: u64,
    next: u32,
    previous: u32,
    waker: Option<Waker>,
}

impl Entries {
    fn entry(&mut self, index: u32) -> Option<&mut Entry> {
        self.slab.get_mut(index as usize)
    }

    fn insert(&mut self) -> u32 {
        self.free.pop().unwrap_or_else(|| {
            let fresh = Entry { deadline: NEVER, visit: NEVER, next: NONE, previous: NONE, waker: None };
            self.slab.push(fresh);
            u32::try_from(self.slab.len()).map_or(NONE, |length| length - 1)
        })
    }

    fn remove(&mut self, index: u32) -> Option<Waker> {
        let entry = self.entry(index)?;
        entry.deadline = NEVER;
        let waker = entry.waker.take();
        self.free.push(index);
        waker
    }

    fn set(&mut self, index: u32, deadline: u64) {
        let Some(entry) = self.entry(index) else { return };
        entry.deadline = deadline;
        // A visit before the deadline stays: it finds that nothing is due and moves the entry on.
        if deadline < entry.visit {
            self.unlink(index);
            self.link(index, deadline);
        }
    }

    fn link(&mut self, index: u32, visit: u64) {
        // A deadline that is past already is found at the next tick.
        let visit = visit.max(self.hand.saturating_add(1));
        let Some(slot) = self.slots.get_mut(slot_of(visit)) else { return };
        let first = std::mem::replace(slot, index);
        if let Some(entry) = self.entry(index) {
            entry.visit = visit;
            entry.previous = NONE;
            entry.next = first;
        }
        if let Some(second) = self.entry(first) {
            second.previous = index;
        }
        self.linked += 1;
    }

    fn unlink(&mut self, index: u32) {
        let Some(entry) = self.entry(index) else { return };
        if entry.visit == NEVER {
            return;
        }
        let (visit, previous, next) = (entry.visit, entry.previous, entry.next);
        entry.visit = NEVER;
        entry.previous = NONE;
        entry.next = NONE;
        if let Some(before) = self.entry(previous) {
            before.next = next;
        } else if let Some(slot) = self.slots.get_mut(slot_of(visit)) {
            *slot = next;
        }
        if let Some(after) = self.entry(next) {
            after.previous = previous;
        }
        self.linked -= 1;
    }

    fn advance(&mut self, now: u64) {
        // After a long sleep one turn visits every slot.
        let steps = now.saturating_sub(self.hand).min(SLOTS as u64);
        let first = now.saturating_sub(steps);
        self.hand = now;
        for tick in first..now {
            self.visit_slot(slot_of(tick + 1), now);
        }
    }

    fn visit_slot(&mut self, slot: usize, now: u64) {
        let mut index = self.slots.get(slot).copied().unwrap_or(NONE);
        while let Some(entry) = self.entry(index) {
            let next = entry.next;
            let (visit, deadline) = (entry.visit, entry.deadline);
            if visit <= now || deadline == NEVER {
                if deadline <= now
                    && let Some(waker) = &entry.waker
                {
                    waker.wake_by_ref();
                }
                self.unlink(index);
                if deadline > now && deadline != NEVER {
                    self.link(index, deadline);
                }
            }
            index = next;
        }
    }
}

fn slot_of(tick: u64) -> usize {
    usize::try_from(tick % SLOTS as u64).unwrap_or(0)
}

fn tick_at_or_before(nanoseconds: u64) -> u64 {
    nanoseconds / TICK_NANOSECONDS
}

fn tick_at_or_after(nanoseconds: u64) -> u64 {
    nanoseconds.div_ceil(TICK_NANOSECONDS)
}

fn until_next_tick(nanoseconds: u64) -> Duration {
    Duration::from_nanos(TICK_NANOSECONDS - nanoseconds % TICK_NANOSECONDS)
}

const NANOSECONDS_OF_MILLISECOND: u64 = 1_000_000;
const TICK_NANOSECONDS: u64 = 50 * NANOSECONDS_OF_MILLISECOND;
/// Slots of a wheel: 25.6 seconds; what is further away is looked at once in each turn.
const SLOTS: usize = 512;
/// No entry.
const NONE: u32 = u32::MAX;
/// No tick.
const NEVER: u64 = u64::MAX;

#[cfg(test)]
mod tests {
    use std::{
        sync::{
            Arc,
            atomic::{AtomicU64, Ordering},
        },
        task::Wake,
    };

    use proptest::prelude::*;

    use super::*;

    #[derive(Default)]
    struct Counted(AtomicU64);

    impl Wake for Counted {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn empty() -> Entries {
        let slots = vec![NONE; SLOTS].into_boxed_slice();
        Entries { slab: Vec::new(), free: Vec::new(), slots, linked: 0, hand: 0 }
    }

    #[derive(Clone, Copy, Debug)]
    enum Act {
        Set { who: usize, ahead: u64 },
        Clear { who: usize },
        Replace { who: usize },
        Advance { ticks: u64 },
    }

    fn acts() -> impl Strategy<Value = Vec<Act>> {
        let who = 0..8_usize;
        let act = prop_oneof![
            4 => (who.clone(), 0..2_000_u64).prop_map(|(who, ahead)| Act::Set { who, ahead }),
            1 => who.clone().prop_map(|who| Act::Clear { who }),
            1 => who.prop_map(|who| Act::Replace { who }),
            4 => prop_oneof![0..4_u64, 0..2_000_u64].prop_map(|ticks| Act::Advance { ticks }),
        ];
        prop::collection::vec(act, 1..80)
    }

    proptest! {
        /// The twin: every deadline in a list, looked through at every tick.
        #[test]
        fn a_wheel_wakes_whom_a_list_would_wake(acts in acts()) {
            let mut wheel = empty();
            let (mut now, mut next) = (0_u64, [0_u32; 8]);
            let wakes: Vec<_> = (0..8).map(|_| Arc::new(Counted::default())).collect();
            let mut twin = [(NEVER, 0_u64); 8];
            let insert = |wheel: &mut Entries, who: usize| {
                let index = wheel.insert();
                wheel.entry(index).unwrap().waker = Some(Waker::from(Arc::clone(&wakes[who])));
                index
            };
            for (who, index) in next.iter_mut().enumerate() {
                *index = insert(&mut wheel, who);
            }
            for act in acts {
                match act {
                    Act::Set { who, ahead } => {
                        wheel.set(next[who], now + ahead);
                        // What is due already is found at the next tick.
                        twin[who].0 = (now + ahead).max(now + 1);
                    }
                    Act::Clear { who } => {
                        wheel.entry(next[who]).unwrap().deadline = NEVER;
                        twin[who].0 = NEVER;
                    }
                    Act::Replace { who } => {
                        wheel.remove(next[who]);
                        next[who] = insert(&mut wheel, who);
                        twin[who].0 = NEVER;
                    }
                    Act::Advance { ticks } => {
                        now += ticks;
                        wheel.advance(now);
                        for (deadline, woken) in &mut twin {
                            if *deadline <= now {
                                *deadline = NEVER;
                                *woken += 1;
                            }
                        }
                        for (who, (_, woken)) in twin.iter().enumerate() {
                            prop_assert_eq!(wakes[who].0.load(Ordering::Relaxed), *woken, "{}", who);
                        }
                    }
                }
            }
            for index in next {
                wheel.remove(index);
            }
            prop_assert!(wheel.slab.len() <= 8);
            prop_assert_eq!(wheel.free.len(), wheel.slab.len());
            wheel.advance(now + 2 * SLOTS as u64);
            prop_assert_eq!(wheel.linked, 0, "what nobody uses is let go of when it is looked at");
        }
    }

    #[test]
    fn a_wait_ends_at_its_deadline_and_not_before() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        tokio::task::LocalSet::new().block_on(&runtime, async {
            let timers = WorkerTimers::new(Clock::start());
            tokio::task::spawn_local(timers.clone().turn());
            let started = timers.monotonic_nanoseconds();
            let deadline = started + 120_000_000;
            assert_eq!(timers.within(deadline, std::future::pending::<()>()).await, Err(Elapsed));
            let took = timers.monotonic_nanoseconds() - started;
            assert!((120_000_000..1_000_000_000).contains(&took), "{took}");
            assert_eq!(timers.within(0, std::future::ready(7)).await, Ok(7));
            let entries = timers.wheel.entries.borrow();
            assert_eq!(entries.free.len(), entries.slab.len());
        });
    }

    #[test]
    fn the_wheel_sleeps_to_the_moment_where_the_next_tick_begins() {
        for (now, milliseconds) in
            [(0, 50), (1_000_000, 49), (49_000_000, 1), (50_000_000, 50), (120_000_000, 30)]
        {
            assert_eq!(until_next_tick(now), Duration::from_millis(milliseconds), "{now}");
        }
        assert_eq!(until_next_tick(TICK_NANOSECONDS - 1), Duration::from_nanos(1));
    }

    #[test]
    fn the_time_of_day_agrees_with_the_clock() {
        let clock = Clock::start();
        let timers = WorkerTimers::new(clock);
        let (coarse, exact) = (timers.now(), clock.now());
        assert!(exact.epoch_milliseconds - coarse.epoch_milliseconds <= 100);
        assert!(exact.monotonic_nanoseconds >= coarse.monotonic_nanoseconds);
    }
}
