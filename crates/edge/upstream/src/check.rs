//! Active health checks of the targets of VPC links: once in a process, whatever the number of workers.

use std::{
    collections::{HashMap, hash_map::Entry},
    io,
    sync::Arc,
    time::Duration,
};

use postern_gateway::{DestinationTarget, Snapshot};
use postern_model::{HealthCheck, HealthCheckProtocol};
use postern_protocol::http1::{Progress, ResponseHead, read_response};
use rustls::pki_types::ServerName;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
    sync::watch,
    task::{AbortHandle, JoinSet},
    time::{Instant, interval_at, timeout},
};
use tokio_rustls::TlsConnector;

use crate::{
    ClientTls,
    health::{HealthBoard, TargetHealth, TargetName, host_and_port},
    incoming::REPLY_LIMITS,
    name::look_up,
    tls::Trust,
};

/// Which targets are checked, and how.
pub(crate) type Checks = HashMap<TargetName, Check>;

/// The checks of one target.
#[derive(Clone, Debug)]
pub(crate) struct Check {
    target: DestinationTarget,
    settings: HealthCheck,
    health: Arc<TargetHealth>,
}

impl PartialEq for Check {
    fn eq(&self, other: &Self) -> bool {
        self.target == other.target
            && self.settings == other.settings
            && Arc::ptr_eq(&self.health, &other.health)
    }
}

/// The checks that a snapshot asks for. A link that is called both in plain text and over TLS is two
/// destinations; its targets are checked once.
pub(crate) fn of(snapshot: &Snapshot, board: &HealthBoard) -> Checks {
    let mut checks = Checks::new();
    for destination in snapshot.destinations() {
        let settings = destination.balancing.as_ref().and_then(|balancing| balancing.health_check.as_ref());
        for target in &destination.targets {
            let name = TargetName::new(&destination.name, target);
            match settings {
                Some(settings) => {
                    let health = board.of(name.clone());
                    checks.insert(name, Check { target: target.clone(), settings: settings.clone(), health });
                }
                // What checks said of it says nothing without them.
                None if destination.balancing.is_some() => board.of(name).forget_checks(),
                None => {}
            }
        }
    }
    checks
}

/// Runs the checks that are asked for, until nobody is left to ask.
pub(crate) async fn run(tls: &ClientTls, board: &HealthBoard, mut wanted: watch::Receiver<Checks>) {
    // Dropped, it ends what it runs.
    let mut tasks = JoinSet::new();
    let mut running: HashMap<TargetName, (Check, AbortHandle)> = HashMap::new();
    loop {
        let checks = wanted.borrow_and_update().clone();
        running.retain(|name, (check, task)| {
            let stays = checks.get(name) == Some(check);
            if !stays {
                task.abort();
            }
            stays
        });
        for (name, check) in checks {
            if let Entry::Vacant(free) = running.entry(name) {
                let task = tasks.spawn(keep_checking(check.clone(), tls.clone(), board.announcer()));
                free.insert((check, task));
            }
        }
        while tasks.try_join_next().is_some() {}
        if wanted.changed().await.is_err() {
            return;
        }
    }
}

/// Checks one target for ever.
async fn keep_checking(check: Check, tls: ClientTls, announce: impl Fn()) {
    let HealthCheck { interval_seconds, healthy_threshold, unhealthy_threshold, .. } = check.settings;
    let interval = Duration::from_secs(u64::from(interval_seconds));
    let mut times = interval_at(Instant::now(), interval);
    let mut opinion = Opinion::default();
    let mut ejections = check.health.ejections();
    loop {
        times.tick().await;
        let succeeded = is_well(&check, &tls).await;
        if check.health.ejections() != ejections {
            // Calls have put it out: what was found out before says nothing about that.
            opinion.start_anew();
        }
        if let Some(is_well) = opinion.hear(succeeded, healthy_threshold, unhealthy_threshold) {
            check.health.set_checked(is_well);
            if !is_well {
                announce();
            }
        }
        ejections = check.health.ejections();
    }
}

/// What the checks of a target have come to.
#[derive(Debug, Default)]
struct Opinion {
    /// Nothing before the first check.
    is_well: Option<bool>,
    /// The outcome of the last check, and how many in a row had it.
    last: bool,
    row: u32,
}

impl Opinion {
    /// Hears of one more check. Says what it makes of as many as are needed in a row, the first one
    /// alone being enough; that a target is ill it says once.
    fn hear(&mut self, succeeded: bool, healthy_threshold: u32, unhealthy_threshold: u32) -> Option<bool> {
        if succeeded != self.last {
            self.start_anew();
        }
        self.last = succeeded;
        self.row = self.row.saturating_add(1);
        let threshold = match (self.is_well, succeeded) {
            (None, _) => 1,
            (Some(false), false) => return None,
            (_, true) => healthy_threshold,
            (_, false) => unhealthy_threshold,
        };
        if self.row != threshold {
            return None;
        }
        self.is_well = Some(succeeded);
        self.is_well
    }

    /// The checks so far belong to no row.
    const fn start_anew(&mut self) {
        self.row = 0;
    }
}

/// One check.
async fn is_well(check: &Check, tls: &ClientTls) -> bool {
    let limit = Duration::from_secs(u64::from(check.settings.timeout_seconds));
    matches!(timeout(limit, ask(check, tls)).await, Ok(Ok(true)))
}

async fn ask(check: &Check, tls: &ClientTls) -> io::Result<bool> {
    let mut socket = connect(&check.target).await?;
    match check.settings.protocol {
        HealthCheckProtocol::Tcp => Ok(true),
        HealthCheckProtocol::Http => answers(&mut socket, check).await,
        HealthCheckProtocol::Https => {
            let name = ServerName::try_from(check.target.host.to_string()).map_err(io::Error::other)?;
            let connector = TlsConnector::from(tls.config(Trust::Anybody));
            answers(&mut connector.connect(name, socket).await?, check).await
        }
    }
}

/// Connects to the first address that answers.
async fn connect(target: &DestinationTarget) -> io::Result<TcpStream> {
    if let Some(address) = target.address {
        return TcpStream::connect(address).await;
    }
    let addresses = look_up(&target.host, target.port, true).await.map_err(io::Error::other)?;
    TcpStream::connect(&*addresses).await
}

/// Whether `GET` is answered with a status of 200 to 399.
async fn answers<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S, check: &Check) -> io::Result<bool> {
    let request = format!(
        "GET {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: Postern-HealthChecker\r\nAccept: */*\r\nConnection: close\r\n\r\n",
        check.settings.path,
        host_and_port(&check.target.host, check.target.port),
    );
    stream.write_all(request.as_bytes()).await?;
    stream.flush().await?;
    let (mut bytes, mut head) = (Vec::new(), ResponseHead::default());
    loop {
        if stream.read_buf(&mut bytes).await? == 0 {
            return Ok(false);
        }
        while let Progress::Complete = read_response(&bytes, &REPLY_LIMITS, false, &mut head)
            .map_err(|fault| io::Error::other(fault.reason()))?
        {
            if !head.is_interim() {
                return Ok(matches!(head.status(), 200..=399));
            }
            bytes.drain(..head.length());
            head.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn upstream_checks_in_a_row_decide_and_the_first_one_alone() {
        // What is heard, and what is made of it; `x`: calls put the target out before the next check.
        for (checks, expected) in [
            ("+--+-+--++-+++-", "U.D..........U."),
            ("-+++---", "D..U.D."),
            ("++++++", "U.U..."),
            ("++++x++++", "U.U...U."),
            ("+x-x-x--", "U..."),
        ] {
            let mut opinion = Opinion::default();
            let mut heard = String::new();
            for check in checks.chars() {
                if check == 'x' {
                    opinion.start_anew();
                    continue;
                }
                heard.push(match opinion.hear(check == '+', 3, 2) {
                    None => '.',
                    Some(true) => 'U',
                    Some(false) => 'D',
                });
            }
            assert!(heard.starts_with(expected), "{checks}: {heard}");
        }
    }
}
