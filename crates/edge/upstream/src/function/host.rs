//! The thread of functions: it takes orders, and hands calls to the processes.

use std::{
    collections::{HashMap, HashSet},
    rc::Rc,
    sync::Arc,
    time::Duration,
};

use postern_gateway::HostedFunction;
use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, timeout_at},
};

use super::{FunctionLine, Invocation, pool::FunctionPool, standing::Board};

/// What the host is told.
#[derive(Debug)]
pub(crate) enum Order {
    /// Have a process answer this.
    Call(Box<Invocation>),
    /// Keep the processes of these functions and no others.
    Keep(Vec<Arc<HostedFunction>>),
    /// End all processes, with some patience, and say when it is done.
    End { patience: Duration, done: oneshot::Sender<()> },
    /// End at once.
    Stop,
}

/// Who is told what processes write.
pub(crate) type Log = Rc<dyn Fn(FunctionLine<'_>)>;

/// Takes orders until it is told to stop.
pub(crate) async fn run(mut orders: mpsc::UnboundedReceiver<Order>, board: Arc<Board>, log: Log) {
    let mut host = Host { pools: HashMap::new(), kept: HashSet::new(), board, log };
    while let Some(order) = orders.recv().await {
        match order {
            Order::Call(invocation) => host.pool(&invocation.function).call(*invocation),
            Order::Keep(functions) => host.keep(&functions),
            Order::End { patience, done } => {
                host.end(patience).await;
                let _ = done.send(());
            }
            Order::Stop => break,
        }
    }
    host.end(Duration::ZERO).await;
}

struct Host {
    pools: HashMap<u32, Rc<FunctionPool>>,
    kept: HashSet<u32>,
    board: Arc<Board>,
    log: Log,
}

impl Host {
    fn pool(&mut self, function: &Arc<HostedFunction>) -> &Rc<FunctionPool> {
        let is_kept = self.kept.contains(&function.id);
        self.pools.entry(function.id).or_insert_with(|| {
            let pool = FunctionPool::new(function, self.board.of(&function.name), Rc::clone(&self.log));
            // A request of a snapshot that serves no more may still call it.
            pool.set_retired(!is_kept);
            pool
        })
    }

    fn keep(&mut self, functions: &[Arc<HostedFunction>]) {
        self.kept = functions.iter().map(|function| function.id).collect();
        for (id, pool) in &self.pools {
            pool.set_retired(!self.kept.contains(id));
        }
        self.pools.retain(|id, pool| self.kept.contains(id) || pool.is_in_use());
    }

    async fn end(&self, patience: Duration) {
        let until = Instant::now() + patience;
        for pool in self.pools.values() {
            let _ = timeout_at(until, pool.quiet()).await;
        }
        for pool in self.pools.values() {
            pool.end();
        }
        let until = Instant::now() + KILLED_WITHIN;
        for pool in self.pools.values() {
            let _ = timeout_at(until, pool.empty()).await;
        }
    }
}

/// How long the last processes may take to be gone: they are killed before.
const KILLED_WITHIN: Duration = Duration::from_secs(5);
