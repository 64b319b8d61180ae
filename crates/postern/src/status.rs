//! What the admin listener tells of the gateway: written by whoever serves, read by whoever asks.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use postern_document::Problems;
use postern_gateway::{Live, day_of};
use postern_observe::{FunctionGauge, Gauges, Instruments, TargetGauge};
use postern_server::Clock;
use postern_upstream::{Backends, FunctionStatus, TargetStatus};

use crate::usage::UsageStore;

/// The state of a running gateway.
#[derive(Debug)]
pub(crate) struct Status {
    /// What serves.
    pub(crate) live: Arc<Live>,
    /// What is counted.
    pub(crate) instruments: Arc<Instruments>,
    /// What is behind.
    pub(crate) backends: Arc<Backends>,
    clock: Clock,
    is_accepting: AtomicBool,
    started_at: Duration,
    serving: Mutex<Serving>,
    /// Absent where usage is counted in memory alone, and while a successor has it.
    usage_store: Mutex<Option<UsageStore>>,
}

/// Which configuration serves, and what became of the last one that did not come to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Serving {
    /// The number of its snapshot.
    pub(crate) generation: u64,
    /// The configuration file.
    pub(crate) file: String,
    /// A hash of everything that was read.
    pub(crate) hash: String,
    /// When it began to serve, since 1970.
    pub(crate) loaded_at: Duration,
    /// The last reload, if it was refused.
    pub(crate) refused: Option<Refused>,
}

/// A reload that was refused.
#[derive(Clone, Debug)]
pub(crate) struct Refused {
    /// When, since 1970.
    pub(crate) at: Duration,
    /// Why.
    pub(crate) problems: Problems,
}

impl Status {
    /// A gateway that is not ready yet.
    pub(crate) fn new(
        live: Arc<Live>,
        instruments: Arc<Instruments>,
        backends: Arc<Backends>,
        clock: Clock,
    ) -> Self {
        Self {
            live,
            instruments,
            backends,
            clock,
            is_accepting: AtomicBool::new(false),
            started_at: since_epoch(),
            serving: Mutex::default(),
            usage_store: Mutex::default(),
        }
    }

    /// Whether requests are welcome: a configuration serves, and the credentials that it signs with were
    /// asked for once.
    pub(crate) fn is_ready(&self) -> bool {
        self.is_accepting.load(Ordering::Acquire) && self.backends.is_prepared()
    }

    /// Says whether requests are taken: since a configuration serves, until this process drains.
    pub(crate) fn set_accepting(&self, is_accepting: bool) {
        self.is_accepting.store(is_accepting, Ordering::Release);
    }

    /// Which configuration serves.
    pub(crate) fn serving(&self) -> Serving {
        self.serving.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Another configuration serves from now on.
    pub(crate) fn set_serving(&self, generation: u64, file: &str, hash: String) {
        let (file, loaded_at) = (file.to_owned(), since_epoch());
        let serving = Serving { generation, file, hash, loaded_at, refused: None };
        *self.serving.lock().unwrap_or_else(PoisonError::into_inner) = serving;
    }

    /// A reload was refused; what served before serves on.
    pub(crate) fn set_refused(&self, problems: Problems) {
        let refused = Refused { at: since_epoch(), problems };
        self.serving.lock().unwrap_or_else(PoisonError::into_inner).refused = Some(refused);
    }

    /// What keeps the usage of keys.
    pub(crate) fn usage_store(&self) -> Option<UsageStore> {
        self.usage_store.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Keeps the usage of keys there from now on.
    pub(crate) fn set_usage_store(&self, store: Option<UsageStore>) {
        *self.usage_store.lock().unwrap_or_else(PoisonError::into_inner) = store;
    }

    /// The page of metrics.
    pub(crate) fn metrics(&self) -> String {
        let targets = self.backends.targets(self.clock.monotonic_nanoseconds());
        let gauge = |status: TargetStatus| TargetGauge {
            link: status.link,
            target: status.target,
            is_healthy: status.is_healthy,
            ejections: status.ejections,
        };
        let function = |status: FunctionStatus| FunctionGauge {
            function: status.function,
            processes: status.processes,
            waiting: status.waiting,
            starts: status.starts,
            crashes: status.crashes,
        };
        let functions = self.backends.functions().statuses();
        let Serving { generation, loaded_at, .. } = self.serving();
        self.instruments.metrics(&Gauges {
            is_ready: self.is_ready(),
            generation,
            loaded_at_seconds: loaded_at.as_secs(),
            started_at_seconds: self.started_at.as_secs(),
            targets: targets.into_iter().map(gauge).collect(),
            functions: functions.into_iter().map(function).collect(),
        })
    }
}

/// Milliseconds of the wall clock since 1970.
pub(crate) fn epoch_milliseconds() -> u64 {
    u64::try_from(since_epoch().as_millis()).unwrap_or(u64::MAX)
}

/// The day (UTC), counted from 1970-01-01.
pub(crate) fn today() -> u32 {
    day_of(epoch_milliseconds())
}

/// The wall clock.
pub(crate) fn since_epoch() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO)
}
