//! The server as a program sees it: started once, told what to listen on, drained at the end.

use std::{
    io,
    net::SocketAddr,
    num::NonZeroUsize,
    process::{Child, Command},
    sync::{Arc, Mutex, PoisonError},
    thread::{self, JoinHandle},
    time::Duration,
};

use postern_gateway::{Effects, Entrance, Live, Recorder, Snapshot};
use tokio::sync::{mpsc, watch};

use crate::{
    Clock, Inherited, WorkerContext,
    handoff::start_successor,
    limits::Counts,
    listener::{Bound, Door},
    tls::{self, TlsConfiguration},
    worker::{self, DOORSTEP_CONNECTIONS, Phase, Plan, Shared},
};

/// Everything that calls Postern: its workers and their listeners.
///
/// Dropping it aborts what is left.
#[derive(Debug)]
pub struct Server {
    shared: Arc<Shared>,
    plan: watch::Sender<Plan>,
    /// Sockets that nobody listens on yet.
    inherited: Mutex<Inherited>,
    threads: Vec<JoinHandle<()>>,
    /// Closed when the last worker has ended.
    workers_ended: mpsc::Receiver<()>,
}

/// What a snapshot needs of the server: certificates read, new addresses bound. Nothing of it is in
/// use yet; dropping it gives everything back.
#[derive(Debug)]
pub struct Prepared {
    listeners: Vec<(Bound, Arc<Door>)>,
    warnings: Vec<String>,
}

impl Prepared {
    /// What an operator should know although it works: expired certificates.
    #[must_use]
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }
}

/// How a drain ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drained {
    /// Connections that were still open when the time was over, and were aborted.
    pub aborted: u64,
}

impl Server {
    /// Starts the workers. They listen on nothing until [`Server::commit`].
    ///
    /// `build` makes the backends' side and the recorder of each worker, on that worker's own thread.
    ///
    /// # Errors
    ///
    /// When the system gives a worker no thread or no event queue, or `build` fails.
    pub fn start<E, R, B>(live: Arc<Live>, clock: Clock, workers: NonZeroUsize, build: B) -> io::Result<Self>
    where
        E: Effects + 'static,
        R: Recorder + 'static,
        B: Fn(WorkerContext) -> (E, R) + Send + Sync + 'static,
    {
        let (doorsteps, handed_over): (Vec<_>, Vec<_>) =
            (0..workers.get()).map(|_| mpsc::channel(DOORSTEP_CONNECTIONS)).unzip();
        let counts = Arc::new(Counts::new(workers.get()));
        let shared = Arc::new(Shared { live, clock, counts, doorsteps: doorsteps.into() });
        let (plan, plans) = watch::channel(Plan { phase: Phase::Serving, listeners: Arc::from([]) });
        let (alive, workers_ended) = mpsc::channel(1);
        let (started, starts) = std::sync::mpsc::channel();
        let build = Arc::new(build);
        let mut threads = Vec::with_capacity(workers.get());
        for (index, handed_over) in handed_over.into_iter().enumerate() {
            let (shared, plans) = (Arc::clone(&shared), plans.clone());
            let (build, alive, started) = (Arc::clone(&build), alive.clone(), started.clone());
            let work = move || {
                worker::run(index, shared, (plans, handed_over), &*build, &started);
                drop(alive);
            };
            threads.push(thread::Builder::new().name(format!("worker-{index}")).spawn(work)?);
        }
        drop(started);
        let server = Self { shared, plan, inherited: Mutex::default(), threads, workers_ended };
        for _ in 0..workers.get() {
            // A worker that says nothing has ended: its backends' side could not be built.
            starts.recv().unwrap_or_else(|_| Err(io::Error::other("a worker ended before it started")))?;
        }
        Ok(server)
    }

    /// Reads the certificates of a snapshot and binds the addresses that are new. Nothing else changes.
    ///
    /// # Errors
    ///
    /// Every problem, one sentence each; then nothing has changed.
    pub fn prepare(&self, house: &Snapshot) -> Result<Prepared, Vec<String>> {
        let current = Arc::clone(&self.plan.borrow().listeners);
        let mut problems = Vec::new();
        let mut warnings = Vec::new();
        let mut listeners = Vec::new();
        for entrance in house.entrances() {
            let old = entrance.addresses.iter().find_map(|address| {
                let (_, door) = current.iter().find(|(bound, _)| bound.address == *address)?;
                door.tls.as_deref()
            });
            let found = problems.len();
            let tls = secure((house, entrance), old, &mut problems, &mut warnings);
            if problems.len() > found {
                continue;
            }
            let door = Arc::new(Door::new(entrance, tls));
            for address in &entrance.addresses {
                match self.bound(&current, *address) {
                    Ok(bound) => listeners.push((bound, Arc::clone(&door))),
                    Err(problem) => problems.push(problem),
                }
            }
        }
        if problems.is_empty() { Ok(Prepared { listeners, warnings }) } else { Err(problems) }
    }

    fn bound(&self, current: &[(Bound, Arc<Door>)], address: SocketAddr) -> Result<Bound, String> {
        if let Some((bound, _)) = current.iter().find(|(bound, _)| bound.address == address) {
            return Ok(bound.clone());
        }
        let inherited = self.inherited.lock().unwrap_or_else(PoisonError::into_inner).take(address);
        match inherited.is_empty() {
            true => Bound::bind(address, self.shared.doorsteps.len()),
            false => Ok(Bound::inherited(address, inherited)),
        }
    }

    /// Listens on sockets that somebody else has bound, where a snapshot names their addresses, instead
    /// of binding them.
    pub fn inherit(&self, sockets: Inherited) {
        *self.inherited.lock().unwrap_or_else(PoisonError::into_inner) = sockets;
    }

    /// Starts a successor that takes over the listening sockets, by [`Inherited::from_environment`].
    /// Connections are accepted here and there until this server is drained.
    ///
    /// # Errors
    ///
    /// When the successor cannot be started.
    pub fn hand_over(&self, successor: &mut Command) -> io::Result<Child> {
        let listeners = Arc::clone(&self.plan.borrow().listeners);
        let sockets = listeners.iter().flat_map(|(bound, _)| bound.sockets.iter().map(|socket| &**socket));
        start_successor(sockets, successor)
    }

    /// Puts to use what was prepared: new addresses are accepted on, new certificates are shown, and
    /// addresses that are gone are closed without hurting a connection. Call it when the snapshot that
    /// it was prepared for serves.
    pub fn commit(&self, prepared: Prepared) {
        let listeners: Arc<[_]> = prepared.listeners.into();
        self.plan.send_modify(|plan| plan.listeners = listeners);
    }

    /// Has every worker let go of a snapshot that no longer serves, so that whoever holds it last can
    /// free it; let that be no worker, since taking a large one apart would delay its requests.
    pub fn retire(&self) {
        self.plan.send_modify(|_| {});
    }

    /// The addresses that are listened on, as the system gave them.
    #[must_use]
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.plan.borrow().listeners.iter().map(|(bound, _)| bound.local).collect()
    }

    /// How many connections each worker has.
    #[must_use]
    pub fn connections(&self) -> Vec<u64> {
        self.shared.counts.workers.iter().map(|count| count.0.get()).collect()
    }

    /// Goes away in order: waits, stops accepting, finishes the requests in flight, and aborts what is
    /// left when the limit is over, counted from the moment when accepting stopped.
    pub async fn drain(mut self, wait: Duration, limit: Duration) -> Drained {
        tokio::time::sleep(wait).await;
        // The listening sockets close when nobody holds them any more.
        self.plan.send_modify(|plan| *plan = Plan { phase: Phase::Draining, listeners: Arc::from([]) });
        // Nothing is ever sent: the channel closes when the last worker has ended.
        if tokio::time::timeout(limit, self.workers_ended.recv()).await.is_ok() {
            return Drained { aborted: 0 };
        }
        let aborted = self.shared.counts.connections.get();
        self.plan.send_modify(|plan| plan.phase = Phase::Aborting);
        self.workers_ended.recv().await;
        Drained { aborted }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.plan.send_modify(|plan| plan.phase = Phase::Aborting);
        for thread in self.threads.drain(..) {
            // What went wrong in a worker was counted there.
            let _ = thread.join();
        }
    }
}

/// Reads every certificate and key that a snapshot names and binds nothing: what `postern check` does.
///
/// # Errors
///
/// Every problem, one sentence each. What is fine but for a warning (an expired certificate) is given
/// back as warnings.
pub fn check_identities(house: &Snapshot) -> Result<Vec<String>, Vec<String>> {
    let (mut problems, mut warnings) = (Vec::new(), Vec::new());
    for entrance in house.entrances() {
        secure((house, entrance), None, &mut problems, &mut warnings);
    }
    if problems.is_empty() { Ok(warnings) } else { Err(problems) }
}

/// Whether one of an entrance's certificates is for a name: clients may then ask for it.
///
/// # Errors
///
/// What cannot be read, one sentence each.
pub fn certificates_cover(entrance: &Entrance, name: &str) -> Result<bool, Vec<String>> {
    let mut problems = Vec::new();
    let identities = tls::read_identities(&entrance.tls, &mut problems);
    if problems.is_empty() { Ok(tls::Identities::new(identities).cover(name)) } else { Err(problems) }
}

/// The TLS configuration of an entrance; none where it is plain text, or where there are problems.
fn secure(
    (house, entrance): (&Snapshot, &Entrance),
    old: Option<&TlsConfiguration>,
    problems: &mut Vec<String>,
    warnings: &mut Vec<String>,
) -> Option<Arc<TlsConfiguration>> {
    if entrance.tls.is_empty() {
        return None;
    }
    let found = problems.len();
    let identities = tls::read_identities(&entrance.tls, problems);
    warnings.extend(identities.iter().filter_map(|identity| identity.warning.clone()));
    if problems.len() > found {
        return None;
    }
    match TlsConfiguration::new(identities, house, entrance.http2, old) {
        Ok(configuration) => Some(Arc::new(configuration)),
        Err(fault) => {
            problems.push(format!("TLS cannot be set up: {fault}"));
            None
        }
    }
}
