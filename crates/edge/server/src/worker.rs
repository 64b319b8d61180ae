//! A worker: one thread, one runtime, its own everything.

use std::{
    cell::{Cell, RefCell},
    future::poll_fn,
    io,
    net::{SocketAddr, TcpStream as StandardStream},
    pin::pin,
    rc::Rc,
    sync::Arc,
    task::{Poll, Waker},
    time::Duration,
};

use postern_gateway::{Effects, Event, Held, Live, Now, Recorder, Timers};
use postern_socket::{Outbox, Socket};
use tokio::{
    net::TcpStream,
    runtime::{Builder, LocalOptions},
    sync::{mpsc, watch},
    task::JoinHandle,
};

use crate::{
    Clock,
    buffers::BodyBuffers,
    clock::DateLine,
    connection::{self, Desks},
    http2::StreamDesk,
    limits::Counts,
    listener::{self, Accepted, Bound, Door, Place},
    random::Randomness,
    timeout::WorkerTimers,
    tls::{RecordScratch, TlsStream},
};

/// What a program is given to build the backends' side and the recorder of one worker, on the worker's
/// own thread.
#[derive(Clone, Debug)]
pub struct WorkerContext {
    /// Which worker it is, from 0.
    pub index: usize,
    /// How many there are.
    pub workers: usize,
    /// The worker's clock and deadlines.
    pub timers: WorkerTimers,
    /// The snapshot that serves.
    pub live: Arc<Live>,
    /// Where small messages wait for each other; the worker sends them.
    pub outbox: Outbox,
}

/// What all workers share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) live: Arc<Live>,
    pub(crate) clock: Clock,
    pub(crate) counts: Arc<Counts>,
    /// Where each worker takes connections that others accepted.
    pub(crate) doorsteps: Box<[mpsc::Sender<HandedOver>]>,
}

/// A connection on its way to another worker.
#[derive(Debug)]
pub(crate) struct HandedOver {
    address: SocketAddr,
    accepted: Accepted<StandardStream>,
}

impl Shared {
    /// Gives a connection to another worker; gives it back when that one takes no more.
    pub(crate) fn hand_over(
        &self,
        worker: usize,
        address: SocketAddr,
        accepted: Accepted<StandardStream>,
    ) -> Option<Accepted<StandardStream>> {
        let handed = HandedOver { address, accepted };
        match self.doorsteps.get(worker) {
            Some(doorstep) => doorstep.try_send(handed).err().map(|refused| refused.into_inner().accepted),
            None => Some(handed.accepted),
        }
    }
}

/// Connections on their way to a worker, at most.
pub(crate) const DOORSTEP_CONNECTIONS: usize = 256;

/// What the workers should be doing.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) phase: Phase,
    pub(crate) listeners: Arc<[(Bound, Arc<Door>)]>,
}

/// How far the process is from its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Connections are accepted and served.
    Serving,
    /// No more connections; requests in flight are finished.
    Draining,
    /// What is left is aborted.
    Aborting,
}

/// One worker's everything. Nothing of it is shared or locked.
pub(crate) struct Worker<E, R> {
    pub(crate) index: usize,
    pub(crate) shared: Arc<Shared>,
    pub(crate) held: Held,
    pub(crate) effects: E,
    pub(crate) recorder: R,
    pub(crate) timers: WorkerTimers,
    pub(crate) draining: Cell<bool>,
    pub(crate) body_buffers: BodyBuffers,
    pub(crate) outbox: Outbox,
    pub(crate) record_scratch: RecordScratch,
    pub(crate) plain_desks: Desks<Socket>,
    pub(crate) tls_desks: Desks<TlsStream>,
    pub(crate) busy_desks: Cell<usize>,
    pub(crate) stream_desks: RefCell<Vec<StreamDesk<E, R>>>,
    random: RefCell<Randomness>,
    date: RefCell<DateLine>,
    output: Cell<Vec<u8>>,
    open: Cell<usize>,
    emptied: RefCell<Option<Waker>>,
}

impl<E, R> Worker<E, R> {
    /// What is counted over all workers.
    pub(crate) fn counts(&self) -> &Counts {
        &self.shared.counts
    }

    /// Random bits for one request.
    pub(crate) fn random(&self) -> u128 {
        self.random.borrow_mut().draw()
    }

    /// The monotonic clock, in nanoseconds.
    pub(crate) fn monotonic_nanoseconds(&self) -> u64 {
        self.shared.clock.monotonic_nanoseconds()
    }

    /// Writes the `Date` field line.
    pub(crate) fn write_date(&self, output: &mut Vec<u8>, now: Now) {
        output.extend_from_slice(self.date.borrow_mut().at(now.epoch_milliseconds));
    }

    /// Memory for an answer's head and what leaves with it. An answer seldom waits for its client, so that the
    /// next one finds the same memory again.
    pub(crate) fn take_output(&self) -> Vec<u8> {
        let output = self.output.take();
        if output.capacity() > 0 { output } else { Vec::with_capacity(OUTPUT_BYTES) }
    }

    /// Keeps the memory of an answer that was written for the next one.
    pub(crate) fn put_back_output(&self, output: Vec<u8>) {
        if output.capacity() <= OUTPUT_KEPT_BYTES_MAX {
            self.output.set(output);
        }
    }

    /// Whether so many desks are in use that none may wait for its next request.
    pub(crate) fn desks_are_scarce(&self) -> bool {
        self.busy_desks.get() > LINGERING_DESKS_MAX
    }

    async fn until_empty(&self) {
        poll_fn(|context| {
            let has_left = self.open.get() == 0 && self.outbox.poll_empty(context).is_ready();
            // The shared count knows of connections that are still on their way from another worker.
            let expected = self.counts().workers.get(self.index).map_or(0, |count| count.0.get());
            if has_left && expected == 0 {
                return Poll::Ready(());
            }
            *self.emptied.borrow_mut() = Some(context.waker().clone());
            Poll::Pending
        })
        .await;
    }
}

const OUTPUT_BYTES: usize = 4 << 10;
const OUTPUT_KEPT_BYTES_MAX: usize = 64 << 10;

/// Beyond so many desks in use nobody lingers at one between two requests.
const LINGERING_DESKS_MAX: usize = 128;

/// A connection that its worker counts as open.
pub(crate) struct OpenConnection<E, R: Recorder>(Rc<Worker<E, R>>);

impl<E, R: Recorder> OpenConnection<E, R> {
    pub(crate) fn new(worker: &Rc<Worker<E, R>>) -> Self {
        worker.open.set(worker.open.get() + 1);
        worker.recorder.event(Event::ConnectionOpened);
        Self(Rc::clone(worker))
    }

    pub(crate) fn worker(&self) -> &Worker<E, R> {
        &self.0
    }
}

impl<E, R: Recorder> Drop for OpenConnection<E, R> {
    fn drop(&mut self) {
        self.0.open.set(self.0.open.get() - 1);
        self.0.recorder.event(Event::ConnectionClosed);
        if self.0.open.get() == 0
            && let Some(waker) = self.0.emptied.borrow_mut().take()
        {
            waker.wake();
        }
    }
}

/// Runs a worker on this thread, to the end of its plan. Says when it has started, or why not.
pub(crate) fn run<E, R>(
    index: usize,
    shared: Arc<Shared>,
    inbox: (watch::Receiver<Plan>, mpsc::Receiver<HandedOver>),
    build: &dyn Fn(WorkerContext) -> (E, R),
    started: &std::sync::mpsc::Sender<io::Result<()>>,
) where
    E: Effects + 'static,
    R: Recorder + 'static,
{
    let runtime = Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .max_blocking_threads(BLOCKING_THREADS_MAX)
        .build_local(LocalOptions::default());
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(fault) => {
            // Nobody listens any more where the server has been given up.
            let _ = started.send(Err(fault));
            return;
        }
    };
    runtime.block_on(async {
        let timers = WorkerTimers::new(shared.clock);
        let live = Arc::clone(&shared.live);
        let workers = shared.doorsteps.len();
        let outbox = Outbox::new();
        let context = WorkerContext {
            index,
            workers,
            timers: timers.clone(),
            live: Arc::clone(&live),
            outbox: outbox.clone(),
        };
        let (effects, recorder) = build(context);
        let worker = Rc::new(Worker {
            index,
            shared,
            held: Held::new(live),
            effects,
            recorder,
            timers: timers.clone(),
            draining: Cell::new(false),
            body_buffers: BodyBuffers::default(),
            outbox,
            record_scratch: RecordScratch::new(),
            plain_desks: Desks::new(),
            tls_desks: Desks::new(),
            busy_desks: Cell::new(0),
            stream_desks: RefCell::default(),
            random: RefCell::new(Randomness::new()),
            date: RefCell::new(DateLine::new()),
            output: Cell::default(),
            open: Cell::new(0),
            emptied: RefCell::new(None),
        });
        tokio::task::spawn_local(timers.turn());
        tokio::task::spawn_local(send_together(Rc::clone(&worker)));
        let (at_plain, at_tls) = (Rc::clone(&worker), Rc::clone(&worker));
        tokio::task::spawn_local(async move { at_plain.plain_desks.tidy().await });
        tokio::task::spawn_local(async move { at_tls.tls_desks.tidy().await });
        let _ = started.send(Ok(()));
        follow(&worker, inbox.0, inbox.1).await;
        worker.plain_desks.clear();
        worker.tls_desks.clear();
    });
    // A look-up of a name may still block a thread: nobody waits for it.
    runtime.shutdown_background();
}

/// Sends the small messages of a worker.
async fn send_together<E: 'static, R: Recorder + 'static>(worker: Rc<Worker<E, R>>) {
    let at = Rc::clone(&worker);
    let stall = || Duration::from_secs(worker.held.snapshot().limits().write_stall_seconds);
    worker.outbox.run(stall, move || at.recorder.event(Event::LimitHit("writeStallSeconds"))).await;
}

/// Threads for look-ups that block: names of backends.
const BLOCKING_THREADS_MAX: usize = 4;

/// Does what the plan says until its end.
async fn follow<E, R>(
    worker: &Rc<Worker<E, R>>,
    mut plans: watch::Receiver<Plan>,
    mut handed_over: mpsc::Receiver<HandedOver>,
) where
    E: Effects + 'static,
    R: Recorder + 'static,
{
    let mut places: Vec<Accepting> = Vec::new();
    loop {
        let plan = plans.borrow_and_update().clone();
        worker.held.refresh();
        match plan.phase {
            Phase::Serving => reconcile(worker, &plan, &mut places),
            Phase::Draining => {
                for accepting in places.drain(..) {
                    accepting.place.close();
                    let _ = accepting.task.await;
                }
                worker.draining.set(true);
                worker.timers.wake_all();
            }
            Phase::Aborting => return,
        }
        let mut changed = pin!(plans.changed());
        let mut empty = pin!(async {
            worker.until_empty().await;
            worker.effects.finish().await;
        });
        let goes_on = poll_fn(|context| {
            while let Poll::Ready(Some(handed)) = handed_over.poll_recv(context) {
                take_over(worker, &places, handed);
            }
            if plan.phase == Phase::Draining && empty.as_mut().poll(context).is_ready() {
                return Poll::Ready(false);
            }
            // Nobody plans any more: the server is gone.
            changed.as_mut().poll(context).map(|outcome| outcome.is_ok())
        })
        .await;
        if !goes_on {
            return;
        }
    }
}

/// A place with the task that accepts at it.
struct Accepting {
    place: Rc<Place>,
    task: JoinHandle<()>,
}

/// Opens the places that are new, tells the others what changed, and closes those that are gone.
fn reconcile<E, R>(worker: &Rc<Worker<E, R>>, plan: &Plan, places: &mut Vec<Accepting>)
where
    E: Effects + 'static,
    R: Recorder + 'static,
{
    places.retain(|accepting| {
        let stays = plan.listeners.iter().any(|(bound, _)| is_at(&accepting.place, bound));
        if !stays {
            accepting.place.close();
        }
        stays
    });
    for (bound, door) in &*plan.listeners {
        let mut is_known = false;
        for known in places.iter().filter(|accepting| is_at(&accepting.place, bound)) {
            known.place.replace_door(Arc::clone(door));
            is_known = true;
        }
        if is_known {
            continue;
        }
        for socket in bound.sockets_of(worker.index, worker.shared.doorsteps.len()) {
            let place = Rc::new(Place::new(bound, Arc::clone(door)));
            let accept = listener::accept(Rc::clone(worker), Rc::clone(&place), Arc::clone(socket));
            places.push(Accepting { place, task: tokio::task::spawn_local(accept) });
        }
    }
}

/// Whether a place is that of a listener, and not of one that had the same address before.
fn is_at(place: &Place, bound: &Bound) -> bool {
    Arc::ptr_eq(&place.open, &bound.open)
}

fn take_over<E, R>(worker: &Rc<Worker<E, R>>, places: &[Accepting], handed: HandedOver)
where
    E: Effects + 'static,
    R: Recorder + 'static,
{
    let HandedOver { address, accepted } = handed;
    let Ok(accepted) = accepted.try_map(TcpStream::from_std) else { return };
    let listener = &accepted.place.listener;
    match places.iter().find(|accepting| Arc::ptr_eq(&accepting.place.open, listener)) {
        Some(accepting) => connection::start(worker, &accepting.place, accepted),
        None => {
            // The place is closed here already; the connection keeps the door that it came in by.
            let place = Place::closed(address, Arc::clone(listener), Arc::clone(&accepted.door));
            connection::start(worker, &Rc::new(place), accepted);
        }
    }
}
