//! Backends for one request that a person asks about.

use std::{io, num::NonZeroUsize, sync::Arc, time::Duration};

use postern_gateway::{Elapsed, Event, HeldKey, Now, Record, Recorder, Sent, Snapshot, Timers};
use postern_model::{AccessKey, Secret};
use postern_server::Clock;
use postern_upstream::{Backends, ClientTls, FunctionHost, Outbox, Upstream};
use tokio::time;

use crate::assemble::tell_line;

/// The way to all backends. To be called within a runtime.
pub(super) fn backends(house: &Snapshot, clock: Clock) -> io::Result<Upstream<PlainTimers, Nobody>> {
    let tls = ClientTls::with_system_roots().map_err(io::Error::other)?;
    let functions = FunctionHost::start(NonZeroUsize::MIN, tell_line)?;
    let backends = Backends::new(tls, functions);
    backends.serve(house);
    Ok(Upstream::new(PlainTimers(clock), Nobody, Arc::new(backends), Outbox::new()))
}

/// Signs with a key of nobody where credentials would be fetched: nothing is sent, and no signature is shown.
pub(super) fn stand_in_for_credentials(house: &Snapshot) {
    let Some(wanted) = house.fetched_credentials() else { return };
    let (access_key_id, secret_access_key) = ("NOT-FETCHED".into(), Secret::new("not-fetched".to_owned()));
    let key = AccessKey { access_key_id, secret_access_key, session_token: None };
    wanted.hold(HeldKey { key, expires_at: None });
}

/// Fetches what signed calls are signed with, as the running gateway does by itself.
pub(super) async fn fetch_credentials(house: &Snapshot) -> Result<(), String> {
    let Some(wanted) = house.fetched_credentials() else { return Ok(()) };
    let tls = ClientTls::with_system_roots().map_err(|problem| problem.to_string())?;
    let fetched = Backends::fetch_credentials(wanted, &tls).await;
    fetched.map_err(|reason| format!("credentials for signed calls could not be fetched: {reason}"))
}

/// The runtime's own deadlines: for one request no wheel has to turn.
pub(super) struct PlainTimers(Clock);

impl Timers for PlainTimers {
    fn now(&self) -> Now {
        self.0.now()
    }

    async fn within<F: Future + Unpin>(
        &self,
        deadline_nanoseconds: u64,
        future: F,
    ) -> Result<F::Output, Elapsed> {
        let left = deadline_nanoseconds.saturating_sub(self.0.monotonic_nanoseconds());
        time::timeout(Duration::from_nanos(left), future).await.map_err(|_| Elapsed)
    }

    /// One request has no target to change over to.
    fn wake_all(&self) {}
}

/// Nobody counts what a person asks about.
pub(super) struct Nobody;

impl Recorder for Nobody {
    fn exchange(&self, _: &Record<'_>, _: Sent) {}

    fn event(&self, _: Event) {}
}
