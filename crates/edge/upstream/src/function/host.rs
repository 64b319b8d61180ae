//! The thread of functions: it takes orders, and starts and ends processes.

use std::{collections::HashMap, rc::Rc, sync::Arc, time::Duration};

use postern_gateway::HostedFunction;
use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, timeout_at},
};

use super::{
    letter::{Kept, Letter},
    shared::Shared,
    staff::Staff,
    standing::Standing,
};

/// What the thread of functions is told.
#[derive(Debug)]
pub(crate) enum Order {
    /// Calls of a function wait for which no process is there.
    Start(Arc<Standing>),
    /// Keep the processes of these functions and no others.
    Keep(Vec<Arc<HostedFunction>>),
    /// Tell this worker which functions are kept.
    TellKept(usize),
    /// End all processes, and say when it is done.
    End(oneshot::Sender<()>),
    /// End at once.
    Stop,
}

/// Takes orders until it is told to stop.
pub(crate) async fn run(mut orders: mpsc::UnboundedReceiver<Order>, shared: Arc<Shared>) {
    let mut host = Host { staffs: HashMap::new(), kept: Arc::default(), shared };
    while let Some(order) = orders.recv().await {
        match order {
            Order::Start(standing) => host.staff(&standing).start_what_is_missing(),
            Order::Keep(functions) => host.keep(&functions),
            Order::TellKept(worker) => {
                // A worker that is gone keeps nothing.
                let _ = host.shared.write(worker, Letter::Keep(Arc::clone(&host.kept)));
            }
            Order::End(done) => {
                host.end().await;
                let _ = done.send(());
            }
            Order::Stop => break,
        }
    }
    host.end().await;
}

struct Host {
    staffs: HashMap<u32, Rc<Staff>>,
    kept: Arc<Kept>,
    shared: Arc<Shared>,
}

impl Host {
    fn staff(&mut self, standing: &Arc<Standing>) -> &Rc<Staff> {
        let shared = &self.shared;
        self.staffs.entry(standing.function.id).or_insert_with(|| Staff::new(standing, shared))
    }

    fn keep(&mut self, functions: &[Arc<HostedFunction>]) {
        self.kept = Arc::new(self.kept.next(functions));
        self.staffs.retain(|id, staff| !self.kept.is_retired(*id) || staff.is_in_use());
        self.shared.write_to_all(|| Letter::Keep(Arc::clone(&self.kept)));
    }

    async fn end(&self) {
        for staff in self.staffs.values() {
            staff.end();
        }
        let until = Instant::now() + KILLED_WITHIN;
        for staff in self.staffs.values() {
            let _ = timeout_at(until, staff.empty()).await;
        }
    }
}

/// How long the last processes may take to be gone: they are killed before.
const KILLED_WITHIN: Duration = Duration::from_secs(5);
