//! What all workers of a process share towards backends.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use postern_gateway::{FetchedCredentials, Snapshot};
use tokio::sync::watch;

use crate::{
    ClientTls, FunctionHost, TargetStatus,
    check::{self, Checks},
    credentials::{self, CredentialLog},
    health::HealthBoard,
    turns::Turns,
};

/// What all workers of a process share towards backends: whom TLS trusts, and how the targets of VPC
/// links are doing.
#[derive(Debug)]
pub struct Backends {
    tls: ClientTls,
    health: HealthBoard,
    checks: watch::Sender<Checks>,
    turns: Turns,
    functions: FunctionHost,
    credentials: watch::Sender<credentials::Wanted>,
    is_prepared: AtomicBool,
}

impl Backends {
    /// To be made once in a process.
    #[must_use]
    pub fn new(tls: ClientTls, functions: FunctionHost) -> Self {
        Self {
            tls,
            health: HealthBoard::new(),
            checks: watch::Sender::default(),
            turns: Turns::default(),
            functions,
            credentials: watch::Sender::default(),
            is_prepared: AtomicBool::new(false),
        }
    }

    /// The host of the functions whose processes run here.
    #[must_use]
    pub const fn functions(&self) -> &FunctionHost {
        &self.functions
    }

    /// Checks the targets of the VPC links of this snapshot from now on and keeps the processes of its
    /// functions, and forgets the others. To be
    /// called when a snapshot begins to serve.
    pub fn serve(&self, snapshot: &Snapshot) {
        self.health.retain(snapshot);
        self.turns.retain(snapshot);
        self.functions.serve(snapshot);
        self.checks.send_replace(check::of(snapshot, &self.health));
        if snapshot.fetched_credentials().is_none() {
            self.is_prepared.store(true, Ordering::Release);
        }
        self.credentials.send_replace(snapshot.fetched_credentials().cloned());
    }

    /// Whether calls need not wait to be signed: no credentials have to be fetched, or the first fetch of them has
    /// succeeded or failed. Once so, it stays so: a reload takes no gateway out of service.
    #[must_use]
    pub fn is_prepared(&self) -> bool {
        self.is_prepared.load(Ordering::Acquire)
    }

    /// Runs the health checks of VPC links, for ever. To be run once in a process, on any runtime with
    /// sockets and time; dropping the future ends all checks.
    pub async fn check_health(self: Arc<Self>) {
        check::run(&self.tls, &self.health, self.checks.subscribe()).await;
    }

    /// Fetches the credentials that signed calls need, and again before they end, for ever. To be run as
    /// [`Backends::check_health`] is; `log` is told what becomes of it.
    pub async fn keep_credentials(self: Arc<Self>, log: CredentialLog) {
        let backends = Arc::clone(&self);
        let log: CredentialLog = Arc::new(move |news| {
            backends.is_prepared.store(true, Ordering::Release);
            log(news);
        });
        credentials::run(&self.tls, &log, self.credentials.subscribe()).await;
    }

    /// Fetches credentials once; calls are signed with them from then on.
    ///
    /// # Errors
    ///
    /// Why there are none, in a sentence for an operator.
    pub async fn fetch_credentials(wanted: &FetchedCredentials, tls: &ClientTls) -> Result<(), String> {
        credentials::fetch_once(wanted, tls).await.map(drop)
    }

    /// How the targets of VPC links are doing, as far as calls were made to them or checks run, in order
    /// of link and target. `now` is the monotonic clock, in nanoseconds, that the workers go by.
    #[must_use]
    pub fn targets(&self, now: u64) -> Vec<TargetStatus> {
        self.health.statuses(now)
    }

    pub(crate) const fn tls(&self) -> &ClientTls {
        &self.tls
    }

    pub(crate) const fn turns(&self) -> &Turns {
        &self.turns
    }

    pub(crate) const fn health(&self) -> &HealthBoard {
        &self.health
    }
}
