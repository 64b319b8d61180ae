//! A worker's way to all backends.

use std::{cell::RefCell, collections::HashMap, rc::Rc};

use postern_gateway::{
    CallBody, Destination, Effects, IntegrationCall, IntegrationFailure, IntegrationFailureKind as Kind,
    RequestBody, Snapshot, Timers,
};

use crate::{
    BackendReply, buffers::Buffers, dial::SharedTls, exchange::Exchange, failure::failure,
    pool::DestinationPool, resolve::Resolver,
};

/// A worker's way to all backends: pools, buffers, names. Nothing of it is shared with other workers.
#[derive(Debug)]
pub struct Upstream<T> {
    pub(crate) timers: Rc<T>,
    pub(crate) tls: SharedTls,
    pub(crate) resolver: Resolver,
    pub(crate) buffers: Buffers,
    pools: RefCell<HashMap<u32, Rc<DestinationPool>>>,
    pub(crate) retries: RetryBudget,
}

impl<T: Timers> Upstream<T> {
    /// The way of one worker, whose clock and deadlines are `timers`.
    #[must_use]
    pub fn new(timers: Rc<T>, tls: SharedTls) -> Self {
        Self {
            timers,
            tls,
            resolver: Resolver::default(),
            buffers: Buffers::default(),
            pools: RefCell::default(),
            retries: RetryBudget::default(),
        }
    }

    /// Forgets the pools of destinations that a snapshot no longer names. Calls in flight end as they
    /// would have.
    pub fn retire(&self, snapshot: &Snapshot) {
        let named = |id: u32| snapshot.destinations().iter().any(|destination| destination.id == id);
        self.pools.borrow_mut().retain(|id, _| named(*id));
    }

    /// Closes connections that have been idle for too long. To be called every few seconds.
    pub fn close_old_connections(&self) {
        let now = self.timers.now().monotonic_nanoseconds;
        for pool in self.pools.borrow().values() {
            pool.close_old(now);
        }
    }

    pub(crate) fn pool(&self, destination: &Destination, connections_max: u64) -> Rc<DestinationPool> {
        let mut pools = self.pools.borrow_mut();
        let pool = pools
            .entry(destination.id)
            .or_insert_with(|| Rc::new(DestinationPool::new(destination, connections_max)));
        Rc::clone(pool)
    }
}

impl<T: Timers> Effects for Upstream<T> {
    type Reply = BackendReply<T>;

    fn monotonic_nanoseconds(&self) -> u64 {
        self.timers.monotonic_nanoseconds()
    }

    async fn integrate<B: RequestBody>(
        &self,
        call: &IntegrationCall<'_>,
        body: CallBody<'_, B>,
    ) -> Result<BackendReply<T>, IntegrationFailure> {
        self.retries.count_call();
        let exchange = Exchange::new(self, call, body);
        self.timers.within(call.deadline_nanoseconds, exchange.run()).await.unwrap_or_else(|_| {
            Err(failure(Kind::TimedOut, call.destination, "no answer within the integration's timeout"))
        })
    }
}

/// At most a tenth of the calls are repeated, so that a sick backend is not given twice its load.
#[derive(Debug)]
pub(crate) struct RetryBudget {
    tokens: std::cell::Cell<u32>,
}

impl Default for RetryBudget {
    fn default() -> Self {
        Self { tokens: std::cell::Cell::new(Self::SAVED_MAX) }
    }
}

impl RetryBudget {
    /// What a call adds, in hundredths of a retry.
    const EARNED: u32 = 10;
    const PRICE: u32 = 100;
    /// Ten retries can be saved up.
    const SAVED_MAX: u32 = 1_000;

    fn count_call(&self) {
        self.tokens.set((self.tokens.get() + Self::EARNED).min(Self::SAVED_MAX));
    }

    /// Whether one more retry is within the budget.
    pub(crate) fn take(&self) -> bool {
        match self.tokens.get().checked_sub(Self::PRICE) {
            Some(rest) => {
                self.tokens.set(rest);
                true
            }
            None => false,
        }
    }
}
