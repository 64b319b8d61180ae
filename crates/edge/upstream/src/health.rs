//! How the targets of VPC links are doing: what checks and calls found out, shared by all workers
//! through atomics.

use std::{
    collections::HashMap,
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering},
    },
};

use postern_gateway::{DestinationTarget, Snapshot};
use tokio::sync::watch;

/// Failures in a row, on calls, that put a target out.
const FAILURES_MAX: u32 = 3;
/// How long a target is out at first. Each time in a row doubles it.
const OUT_NANOSECONDS: u64 = 5_000_000_000;
/// How often it is doubled at most: 80 seconds.
const DOUBLINGS_MAX: u32 = 4;

/// How one target of a VPC link is doing.
#[derive(Debug, Default)]
pub(crate) struct TargetHealth {
    /// What active checks say.
    fails_checks: AtomicBool,
    /// Calls that failed in a row.
    failures: AtomicU32,
    /// Times in a row that failed calls put it out.
    times_out: AtomicU32,
    /// Until when failed calls keep it out, on the monotonic clock, in nanoseconds; 0: they do not.
    out_until: AtomicU64,
    /// Times that it was put out, by checks or by calls.
    ejections: AtomicU64,
}

impl TargetHealth {
    /// Whether calls should go elsewhere. The clock, in nanoseconds, is asked only where it matters.
    pub(crate) fn is_out(&self, clock: impl FnOnce() -> u64) -> bool {
        if self.fails_checks.load(Ordering::Relaxed) {
            return true;
        }
        match self.out_until.load(Ordering::Relaxed) {
            0 => false,
            until => clock() < until,
        }
    }

    /// A call was answered.
    pub(crate) fn succeeded(&self) {
        // Reading is free while nobody writes.
        if self.failures.load(Ordering::Relaxed) != 0 {
            self.failures.store(0, Ordering::Relaxed);
            self.times_out.store(0, Ordering::Relaxed);
            self.out_until.store(0, Ordering::Relaxed);
        }
    }

    /// A call failed, through the target's fault. Says whether that puts it out.
    pub(crate) fn failed(&self, now: u64) -> bool {
        let failures = self.failures.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        // Calls that were on their way when it was put out say nothing new.
        if failures < FAILURES_MAX || now < self.out_until.load(Ordering::Relaxed) {
            return false;
        }
        let doublings = self.times_out.fetch_add(1, Ordering::Relaxed).min(DOUBLINGS_MAX);
        self.out_until.store(now.saturating_add(OUT_NANOSECONDS << doublings), Ordering::Relaxed);
        self.ejections.fetch_add(1, Ordering::Relaxed);
        true
    }

    /// Active checks have come to another opinion.
    pub(crate) fn set_checked(&self, is_well: bool) {
        if is_well {
            // It is known to be well, so what calls found out before is over.
            self.failures.store(0, Ordering::Relaxed);
            self.times_out.store(0, Ordering::Relaxed);
            self.out_until.store(0, Ordering::Relaxed);
        } else {
            self.ejections.fetch_add(1, Ordering::Relaxed);
        }
        self.fails_checks.store(!is_well, Ordering::Relaxed);
    }

    /// Times that it was put out, by checks or by calls.
    pub(crate) fn ejections(&self) -> u64 {
        self.ejections.load(Ordering::Relaxed)
    }

    /// No checks are made any more.
    pub(crate) fn forget_checks(&self) {
        self.fails_checks.store(false, Ordering::Relaxed);
    }
}

/// A target of a VPC link, by the link's id and the target as the operator wrote it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct TargetName {
    pub(crate) link: Box<str>,
    pub(crate) host: Box<str>,
    pub(crate) port: u16,
}

impl TargetName {
    pub(crate) fn new(link: &str, target: &DestinationTarget) -> Self {
        Self { link: link.into(), host: target.host.clone(), port: target.port }
    }
}

impl fmt::Display for TargetName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&host_and_port(&self.host, self.port))
    }
}

/// `host:port`, an IPv6 address in brackets.
pub(crate) fn host_and_port(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

/// How a target of a VPC link is doing, for instruments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetStatus {
    /// The id of the VPC link.
    pub link: Box<str>,
    /// The target, as `host:port`.
    pub target: Box<str>,
    /// Whether it is given calls. A target that is not gets them all the same where no other is left.
    pub is_healthy: bool,
    /// Times that it was put out since the process began, by checks or by failed calls.
    pub ejections: u64,
}

/// The health of all targets of a process.
#[derive(Debug)]
pub(crate) struct HealthBoard {
    targets: Mutex<HashMap<TargetName, Arc<TargetHealth>>>,
    /// Moves when a target is put out, so that workers look to the calls that wait for it.
    ejections: watch::Sender<u64>,
}

impl HealthBoard {
    pub(crate) fn new() -> Self {
        Self { targets: Mutex::default(), ejections: watch::Sender::new(0) }
    }

    fn locked(&self) -> MutexGuard<'_, HashMap<TargetName, Arc<TargetHealth>>> {
        // The map is right after every single step, so a panic elsewhere spoils nothing.
        self.targets.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The health of one target. Asked for once by each pool, never on the way of a call.
    pub(crate) fn of(&self, name: TargetName) -> Arc<TargetHealth> {
        Arc::clone(self.locked().entry(name).or_default())
    }

    /// Forgets the targets that a snapshot does not name.
    pub(crate) fn retain(&self, snapshot: &Snapshot) {
        let links = || snapshot.destinations().iter().filter(|destination| destination.balancing.is_some());
        self.locked().retain(|name, _| {
            links().any(|link| {
                link.name == name.link
                    && link.targets.iter().any(|target| target.host == name.host && target.port == name.port)
            })
        });
    }

    /// Tells the workers that a target was put out.
    pub(crate) fn announce_ejection(&self) {
        announce(&self.ejections);
    }

    /// [`HealthBoard::announce_ejection`], for whoever lives on his own.
    pub(crate) fn announcer(&self) -> impl Fn() + Send + Sync + 'static {
        let ejections = self.ejections.clone();
        move || announce(&ejections)
    }

    /// Moves when a target is put out.
    pub(crate) fn ejections(&self) -> watch::Receiver<u64> {
        self.ejections.subscribe()
    }

    /// How all targets are doing, in order of their names.
    pub(crate) fn statuses(&self, now: u64) -> Vec<TargetStatus> {
        let mut targets: Vec<_> =
            self.locked().iter().map(|(name, health)| (name.clone(), Arc::clone(health))).collect();
        targets.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
        let status = |(name, health): (TargetName, Arc<TargetHealth>)| TargetStatus {
            target: name.to_string().into(),
            link: name.link,
            is_healthy: !health.is_out(|| now),
            ejections: health.ejections(),
        };
        targets.into_iter().map(status).collect()
    }
}

fn announce(ejections: &watch::Sender<u64>) {
    ejections.send_modify(|count| *count = count.wrapping_add(1));
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    #[test]
    fn upstream_three_failures_in_a_row_put_a_target_out_for_five_seconds() {
        let health = TargetHealth::default();
        let at = 100 * SECOND;
        assert!(!health.failed(at) && !health.failed(at));
        assert!(!health.is_out(|| at));
        assert!(health.failed(at));
        assert!(health.is_out(|| at + 5 * SECOND - 1));
        assert!(!health.is_out(|| at + 5 * SECOND));
    }

    #[test]
    fn upstream_a_success_in_between_starts_the_count_anew() {
        let health = TargetHealth::default();
        for _ in 0..10 {
            assert!(!health.failed(1) && !health.failed(1));
            health.succeeded();
        }
        assert!(!health.is_out(|| 1));
    }

    #[test]
    fn upstream_one_failure_after_the_return_puts_it_out_for_twice_as_long_up_to_80_seconds() {
        let health = TargetHealth::default();
        let mut now = 100 * SECOND;
        assert!(!health.failed(now) && !health.failed(now));
        for seconds in [5, 10, 20, 40, 80, 80] {
            assert!(health.failed(now), "{seconds}");
            assert!(!health.failed(now), "a call that was on its way says nothing new");
            now += seconds * SECOND;
            assert!(health.is_out(|| now - 1) && !health.is_out(|| now), "{seconds}");
        }
        health.succeeded();
        assert!(!health.failed(now) && !health.failed(now) && health.failed(now));
        assert!(!health.is_out(|| now + 5 * SECOND), "a success made it start anew");
    }

    #[test]
    fn upstream_checks_put_out_and_bring_back_at_once() {
        let health = TargetHealth::default();
        for _ in 0..3 {
            health.failed(1);
        }
        assert!(health.is_out(|| 2));
        health.set_checked(true);
        assert!(!health.is_out(|| 2));
        health.set_checked(false);
        assert!(health.is_out(|| u64::MAX));
    }
}
