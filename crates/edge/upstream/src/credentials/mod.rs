//! Credentials that end: fetched from where they come from, and again before they do. On a task of their own: no
//! request waits for it.

mod fetch;

use std::{
    fmt,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use postern_gateway::{FetchedCredentials, HeldKey};
use tokio::{
    sync::watch,
    task::JoinSet,
    time::{Instant, sleep, timeout},
};

use crate::ClientTls;

/// How long one fetch may take.
const FETCH_TIME: Duration = Duration::from_secs(5);
/// How long before their end credentials are fetched anew, where they hold long enough.
const EARLY: u64 = 300;
/// Credentials are looked for again at least so often: their source may know of better ones.
const WAIT_MAX: u64 = 3_600;
/// How often a wait looks at the wall clock.
const LOOK: Duration = Duration::from_secs(60);
/// The first and the longest wait after a fetch that failed; each is twice the one before.
const RETRY_FIRST: Duration = Duration::from_secs(1);
const RETRY_MAX: Duration = Duration::from_secs(60);

/// What became of a fetch, for an operator: no secret is in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CredentialNews {
    /// Calls are signed with this key from now on.
    Fetched {
        /// The access key id.
        access_key_id: Box<str>,
        /// For how many seconds it holds; absent: nobody says.
        seconds: Option<u64>,
    },
    /// None could be fetched, for this reason; the ones before are used until they end.
    Failed(Box<str>),
}

/// Who is told of it.
pub type CredentialLog = Arc<dyn Fn(CredentialNews) + Send + Sync>;

/// Which credentials are wanted; none where no call is signed with such.
pub(crate) type Wanted = Option<Arc<FetchedCredentials>>;

/// Keeps what is wanted fresh, until nobody is left to want it.
pub(crate) async fn run(tls: &ClientTls, log: &CredentialLog, mut wanted: watch::Receiver<Wanted>) {
    let mut running: Wanted = None;
    // Dropped, it ends what it runs.
    let mut task = JoinSet::new();
    loop {
        let now = wanted.borrow_and_update().clone();
        if running.as_ref().map(Arc::as_ptr) != now.as_ref().map(Arc::as_ptr) {
            task.abort_all();
            if let Some(credentials) = now.clone() {
                task.spawn(keep(credentials, tls.clone(), Arc::clone(log)));
            }
            running = now;
        }
        while task.try_join_next().is_some() {}
        if wanted.changed().await.is_err() {
            return;
        }
    }
}

/// Fetches credentials, and again before they end, for ever.
async fn keep(credentials: Arc<FetchedCredentials>, tls: ClientTls, log: CredentialLog) {
    let mut retry = RETRY_FIRST;
    loop {
        let wait = match fetch_once(&credentials, &tls).await {
            Ok(held) => {
                retry = RETRY_FIRST;
                let seconds = held.expires_at.map(|end| end.saturating_sub(seconds_now()));
                log(CredentialNews::Fetched { access_key_id: held.key.access_key_id, seconds });
                until_next(seconds)
            }
            Err(reason) => {
                log(CredentialNews::Failed(reason.into()));
                let wait = retry;
                retry = (retry * 2).min(RETRY_MAX);
                wait
            }
        };
        wait_for(wait, SystemTime::now).await;
    }
}

/// Waits by whichever clock is earlier: the monotonic one stands still while the machine is suspended, and the wall
/// clock, by which credentials end, may be set back.
async fn wait_for(wait: Duration, wall_clock: impl Fn() -> SystemTime) {
    let (end, wall_end) = (Instant::now() + wait, wall_clock() + wait);
    loop {
        let left = end.saturating_duration_since(Instant::now());
        let left = left.min(wall_end.duration_since(wall_clock()).unwrap_or_default());
        if left.is_zero() {
            return;
        }
        sleep(left.min(LOOK)).await;
    }
}

/// Fetches credentials, which calls are signed with from then on.
pub(crate) async fn fetch_once(credentials: &FetchedCredentials, tls: &ClientTls) -> Result<HeldKey, String> {
    let fetched = timeout(FETCH_TIME, fetch::fetch(credentials.source(), tls)).await;
    let held = fetched.map_err(|_| "no answer in time".to_owned())??;
    if held.expires_at.is_some_and(|end| end <= seconds_now()) {
        return Err("they have ended already".to_owned());
    }
    credentials.hold(held.clone());
    Ok(held)
}

/// How long to wait before credentials are fetched anew that hold for so many seconds: until shortly before their
/// end, or for half of what is left where that is little.
fn until_next(seconds: Option<u64>) -> Duration {
    let wait = match seconds {
        None => WAIT_MAX,
        Some(left) if left > 2 * EARLY => left - EARLY,
        Some(left) => left / 2,
    };
    Duration::from_secs(wait.clamp(1, WAIT_MAX))
}

fn seconds_now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

impl fmt::Display for CredentialNews {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fetched { .. } => f.write_str("credentials for signed calls were fetched"),
            Self::Failed(_) => f.write_str("credentials for signed calls could not be fetched"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    /// What the wall clock says at each look, in seconds, and how many of 600 pass on the monotonic clock.
    #[test]
    fn a_wait_ends_when_the_machine_wakes_and_no_later_where_the_clock_is_set_back() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        let runtime = runtime.unwrap();
        for (looks, seconds) in [
            (vec![0, 0, 60, 120, 4_000], 180),
            (vec![0, 0, 4_000], 60),
            (vec![5_000, 5_000, 60], 600),
            (vec![0, 600], 0),
        ] {
            let look = Cell::new(0);
            let passed = runtime.block_on(async {
                let begun = Instant::now();
                let wait = Duration::from_secs(600);
                wait_for(wait, || {
                    let now = looks.get(look.replace(look.get() + 1)).or_else(|| looks.last());
                    UNIX_EPOCH + Duration::from_secs(*now.unwrap())
                })
                .await;
                begun.elapsed()
            });
            assert_eq!(passed.as_secs(), seconds, "{looks:?}");
        }
    }

    #[test]
    fn credentials_are_fetched_anew_before_they_end() {
        for (left, wait) in [
            (None, 3_600),
            (Some(21_600), 3_600),
            (Some(3_600), 3_300),
            (Some(601), 301),
            (Some(600), 300),
            (Some(9), 4),
            (Some(1), 1),
            (Some(0), 1),
        ] {
            assert_eq!(until_next(left), Duration::from_secs(wait), "{left:?}");
        }
    }
}
