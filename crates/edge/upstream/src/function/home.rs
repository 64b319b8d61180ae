//! A worker's part in all functions: its pools, and what it is written.

use std::{
    cell::{Cell, RefCell},
    rc::{Rc, Weak},
    sync::Arc,
    time::Duration,
};

use postern_gateway::HostedFunction;
use tokio::{
    sync::{Notify, mpsc},
    task::spawn_local,
    time::timeout,
};

use super::{
    host::Order,
    letter::{Kept, Letter},
    pool::Pool,
    shared::Shared,
    standing::Standing,
};

/// A worker's part in all functions.
#[derive(Debug)]
pub(crate) struct Home {
    me: usize,
    shared: Arc<Shared>,
    /// In order of their numbers: there are few, and looking one up must cost nothing.
    pools: RefCell<Vec<Rc<Pool>>>,
    kept: RefCell<Arc<Kept>>,
    has_finished: Cell<bool>,
    changed: Rc<Notify>,
}

impl Home {
    /// The part of the worker that asks, whose letters are read from now on; none where there are more
    /// workers than were announced. To be called within the worker's runtime.
    pub(crate) fn join(shared: &Arc<Shared>) -> Option<Rc<Self>> {
        let (me, letters) = shared.join()?;
        let (pools, kept, has_finished) = (RefCell::default(), RefCell::default(), Cell::new(false));
        let (shared_too, changed) = (Arc::clone(shared), Rc::default());
        let home = Rc::new(Self { me, shared: shared_too, pools, kept, has_finished, changed });
        spawn_local(read(Rc::downgrade(&home), letters));
        shared.order(Order::TellKept(me));
        Some(home)
    }

    /// The pool of a function.
    pub(crate) fn pool(&self, function: &Arc<HostedFunction>) -> Rc<Pool> {
        self.find(function.id, || self.shared.board.of(function, self.shared.workers()))
    }

    fn find(&self, id: u32, standing: impl FnOnce() -> Arc<Standing>) -> Rc<Pool> {
        let mut pools = self.pools.borrow_mut();
        let index = pools.partition_point(|pool| pool.standing.function.id < id);
        if let Some(pool) = pools.get(index).filter(|pool| pool.standing.function.id == id) {
            return Rc::clone(pool);
        }
        let pool = Pool::new(standing(), &self.shared, self.me, &self.changed);
        // A request of a snapshot that serves no more may still call it.
        pool.set_retired(self.kept.borrow().is_retired(id));
        pools.insert(index, Rc::clone(&pool));
        pool
    }

    fn take(&self, letter: Letter) {
        let pool = |standing: Arc<Standing>| self.find(standing.function.id, || standing);
        match letter {
            Letter::Call(standing, waiting, why) => pool(standing).receive(*waiting, why),
            Letter::Ask(standing, by) => pool(standing).lend(by),
            Letter::Nothing(standing) => pool(standing).note_nothing(),
            Letter::Process(standing, started) => pool(standing).take_home(*started),
            Letter::Fail(standing, error) => pool(standing).fail(&error),
            Letter::Keep(kept) => self.keep(kept),
        }
    }

    fn keep(&self, kept: Arc<Kept>) {
        let mut pools = self.pools.borrow_mut();
        for pool in &*pools {
            pool.set_retired(kept.is_retired(pool.standing.function.id));
        }
        pools.retain(|pool| !kept.is_retired(pool.standing.function.id) || pool.is_in_use());
        *self.kept.borrow_mut() = kept;
    }

    /// Waits until no worker calls functions any more, and then, with some patience, until what nobody waits
    /// for has ended too.
    pub(crate) async fn finish(&self) {
        let mut crowd = self.shared.crowd.subscribe();
        if !self.has_finished.replace(true) {
            self.shared.crowd.send_modify(|crowd| crowd.finished += 1);
        }
        // The sender is here.
        let _ = crowd.wait_for(|crowd| crowd.finished >= crowd.joined).await;
        let quiet = async {
            while self.pools.borrow().iter().any(|pool| pool.is_busy()) {
                self.changed.notified().await;
            }
        };
        let _ = timeout(FINISH_WITHIN, quiet).await;
    }
}

/// How long processes may go on when the last request has been answered.
const FINISH_WITHIN: Duration = Duration::from_secs(5);

/// Reads letters for as long as the worker lives.
async fn read(home: Weak<Home>, mut letters: mpsc::UnboundedReceiver<Letter>) {
    while let Some(letter) = letters.recv().await {
        let Some(home) = home.upgrade() else { return };
        home.take(letter);
    }
}
