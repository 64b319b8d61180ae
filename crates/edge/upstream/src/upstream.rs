//! A worker's way to all backends.

use std::{
    cell::{OnceCell, RefCell},
    pin::pin,
    rc::Rc,
    sync::Arc,
    time::Duration,
};

use postern_gateway::{
    BodyLength, CallBody, Destination, Effects, HostedCall, IntegrationCall, IntegrationFailure, Live,
    Recorder, Reply, RequestBody, Snapshot, Timers,
};
use postern_protocol::http1::ResponseHead;
use postern_socket::Outbox;
use tokio::time::{Instant, timeout_at};

use crate::{
    BackendReply, Backends, HostedReply,
    buffers::Buffers,
    exchange::Exchange,
    function::{self, Home, ReplyHeads},
    health::TargetHealth,
    pool::TargetPool,
    vpc_link::DestinationPool,
};

/// A worker's way to all backends: pools, buffers, names. Nothing of it is shared with other workers
/// but what [`Backends`] holds.
#[derive(Debug)]
pub struct Upstream<T, R>(Rc<Worker<T, R>>);

impl<T, R> Clone for Upstream<T, R> {
    fn clone(&self) -> Self {
        Self(Rc::clone(&self.0))
    }
}

/// What one worker has.
#[derive(Debug)]
pub(crate) struct Worker<T, R> {
    pub(crate) timers: T,
    pub(crate) recorder: R,
    pub(crate) backends: Arc<Backends>,
    pub(crate) buffers: Buffers,
    pub(crate) outbox: Outbox,
    reply_heads: ReplyHeads,
    /// Its part in hosted functions, since it called the first; none where there is no place for it.
    home: OnceCell<Option<Rc<Home>>>,
    /// In order of their numbers: there are few, and looking one up must cost nothing.
    pools: RefCell<Vec<Rc<DestinationPool>>>,
}

impl<T: Timers, R: Recorder> Upstream<T, R> {
    /// The way of one worker, whose clock and deadlines are `timers`, whose events are counted by `recorder` and
    /// whose small requests leave by `outbox`.
    #[must_use]
    pub fn new(timers: T, recorder: R, backends: Arc<Backends>, outbox: Outbox) -> Self {
        let (buffers, reply_heads, pools) = (Buffers::default(), ReplyHeads::default(), RefCell::default());
        let home = OnceCell::new();
        Self(Rc::new(Worker { timers, recorder, backends, buffers, outbox, reply_heads, home, pools }))
    }

    /// Keeps the worker's connections in order for as long as it lives: closes what is old or leads
    /// where a name no longer does, forgets what no snapshot names, and lets go of targets that were put
    /// out. To be run on the worker's own runtime.
    pub fn tend(&self, live: Arc<Live>) -> impl Future<Output = ()> + use<T, R> {
        let worker = Rc::downgrade(&self.0);
        let mut ejections = self.0.backends.health().ejections();
        async move {
            let mut generation = live.current().generation();
            let mut next = Instant::now() + TEND_EVERY;
            loop {
                let is_time = match timeout_at(next, ejections.changed()).await {
                    Err(_) => true,
                    Ok(Ok(())) => false,
                    // Nobody puts targets out any more: the process ends.
                    Ok(Err(_)) => return,
                };
                let Some(worker) = worker.upgrade() else { return };
                if !is_time {
                    worker.let_go_of_what_is_out();
                    continue;
                }
                next += TEND_EVERY;
                let house = live.current();
                if house.generation() != generation {
                    generation = house.generation();
                    worker.retire(&house);
                }
                worker.close_useless().await;
            }
        }
    }
}

/// How often a worker looks after its connections.
const TEND_EVERY: Duration = Duration::from_secs(5);

impl<T: Timers, R: Recorder> Worker<T, R> {
    pub(crate) fn pool(&self, destination: &Destination) -> Rc<DestinationPool> {
        let mut pools = self.pools.borrow_mut();
        let index = pools.partition_point(|pool| pool.id < destination.id);
        if let Some(pool) = pools.get(index).filter(|pool| pool.id == destination.id) {
            return Rc::clone(pool);
        }
        let pool = Rc::new(DestinationPool::new(
            destination,
            self.backends.health(),
            self.backends.turns().of(destination),
        ));
        pools.insert(index, Rc::clone(&pool));
        pool
    }

    /// Notes that a call failed through a target's fault.
    pub(crate) fn note_failure(&self, pool: &DestinationPool, target: &TargetPool) {
        if let Some(health) = pool.health(target)
            && health.failed(self.timers.monotonic_nanoseconds())
        {
            self.backends.health().announce_ejection();
        }
    }

    /// Forgets the pools of destinations that a snapshot no longer names. Calls in flight end as they
    /// would have.
    fn retire(&self, snapshot: &Snapshot) {
        let is_named = |id: u32| snapshot.destinations().iter().any(|destination| destination.id == id);
        self.pools.borrow_mut().retain(|pool| is_named(pool.id));
    }

    async fn close_useless(&self) {
        let now = || self.timers.monotonic_nanoseconds();
        let pools = self.pools.borrow().clone();
        for target in pools.iter().flat_map(|pool| pool.targets()).filter(|target| target.has_idle()) {
            if target.name.is_asked_for() {
                // Where DNS fails, what it said last goes on for a while.
                let _ = target.name.addresses(now).await;
            }
            target.close_useless(now());
        }
    }

    /// Closes idle connections to targets that are out, and tells the calls that wait for them.
    fn let_go_of_what_is_out(&self) {
        for pool in self.pools.borrow().iter().filter(|pool| pool.has_alternatives()) {
            for target in pool.targets() {
                let is_out =
                    |health: &Arc<TargetHealth>| health.is_out(|| self.timers.monotonic_nanoseconds());
                if target.health.as_ref().is_some_and(is_out) {
                    target.close_idle();
                    target.times_put_out.set(target.times_put_out.get().wrapping_add(1));
                }
            }
        }
        self.timers.wake_all();
    }
}

impl<T: Timers, R: Recorder> Effects for Upstream<T, R> {
    type Reply = UpstreamReply<T, R>;

    fn monotonic_nanoseconds(&self) -> u64 {
        self.0.timers.monotonic_nanoseconds()
    }

    async fn integrate<B: RequestBody>(
        &self,
        call: &IntegrationCall<'_>,
        body: CallBody<'_, B>,
    ) -> Result<Self::Reply, IntegrationFailure> {
        let mut exchange = Exchange::new(&self.0, call, body);
        let answered = self.0.timers.within(call.deadline_nanoseconds, pin!(exchange.run())).await;
        answered.unwrap_or_else(|_| Err(exchange.timed_out())).map(UpstreamReply::Backend)
    }

    async fn invoke(&self, call: &HostedCall<'_>) -> Result<Self::Reply, IntegrationFailure> {
        let Worker { timers, backends, reply_heads, home, .. } = &*self.0;
        let home = home.get_or_init(|| backends.functions().join()).as_deref();
        let reply = function::invoke(home, call, timers, reply_heads).await?;
        Ok(UpstreamReply::Hosted(self.clone(), Box::new(reply)))
    }

    async fn finish(&self) {
        if let Some(Some(home)) = self.0.home.get() {
            home.finish().await;
        }
    }
}

/// An answer, wherever it comes from.
#[derive(Debug)]
pub enum UpstreamReply<T, R> {
    /// A backend's.
    Backend(BackendReply<T, R>),
    /// That of a function whose processes run here, and the worker whose clock it goes by.
    Hosted(Upstream<T, R>, Box<HostedReply>),
}

impl<T: Timers, R: Recorder> Reply for UpstreamReply<T, R> {
    fn status(&self) -> u16 {
        match self {
            Self::Backend(reply) => reply.status(),
            Self::Hosted(_, reply) => reply.status(),
        }
    }

    fn head(&self) -> (&[u8], &ResponseHead) {
        match self {
            Self::Backend(reply) => reply.head(),
            Self::Hosted(_, reply) => reply.head(),
        }
    }

    fn length(&self) -> BodyLength {
        match self {
            Self::Backend(reply) => reply.length(),
            Self::Hosted(_, reply) => reply.length(),
        }
    }

    async fn next(&mut self) -> Result<Option<&[u8]>, IntegrationFailure> {
        match self {
            Self::Backend(reply) => reply.next().await,
            Self::Hosted(upstream, reply) => reply.next(&upstream.0.timers).await,
        }
    }

    fn take_arrived(&mut self) -> &[u8] {
        match self {
            Self::Backend(reply) => reply.take_arrived(),
            Self::Hosted(_, reply) => reply.take_arrived(),
        }
    }
}
