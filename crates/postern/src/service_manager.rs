//! Telling systemd how the process is (`sd_notify(3)`): one datagram for each piece of news.

use std::{
    env,
    os::{
        linux::net::SocketAddrExt,
        unix::net::{SocketAddr, UnixDatagram},
    },
    process,
    time::Duration,
};

/// The service manager, if there is one that listens.
#[derive(Debug)]
pub(crate) struct ServiceManager {
    socket: Option<(UnixDatagram, SocketAddr)>,
}

impl ServiceManager {
    /// The manager that the environment names.
    pub(crate) fn of_environment() -> Self {
        Self { socket: env::var("NOTIFY_SOCKET").ok().and_then(|path| connect(&path)) }
    }

    /// The gateway serves.
    pub(crate) fn ready(&self) {
        self.tell("READY=1\nSTATUS=serving");
    }

    /// The configuration is read again.
    pub(crate) fn reloading(&self) {
        self.tell("RELOADING=1\nSTATUS=reading the configuration");
    }

    /// The gateway goes away.
    pub(crate) fn stopping(&self) {
        self.tell("STOPPING=1\nSTATUS=finishing the requests in flight");
    }

    /// Another process is the gateway from now on.
    pub(crate) fn succeeded(&self, successor: u32) {
        self.tell(&format!("MAINPID={successor}"));
    }

    /// The gateway is alive.
    pub(crate) fn alive(&self) {
        self.tell("WATCHDOG=1");
    }

    fn tell(&self, news: &str) {
        if let Some((socket, manager)) = &self.socket {
            // A manager that does not listen has lost interest.
            let _ = socket.send_to_addr(news.as_bytes(), manager);
        }
    }
}

/// How often the manager wants to hear that the process is alive: twice in the time that it allows.
/// Absent where it does not ask, or asks another process.
pub(crate) fn watchdog_interval() -> Option<Duration> {
    let variable = |name: &str| env::var(name).ok();
    let is_for_us = variable("WATCHDOG_PID").is_none_or(|id| id == process::id().to_string());
    let microseconds: u64 = variable("WATCHDOG_USEC")?.parse().ok()?;
    (is_for_us && microseconds > 0).then(|| Duration::from_micros(microseconds) / 2)
}

/// A path, or a name in the abstract name space if it starts with `@`.
fn connect(path: &str) -> Option<(UnixDatagram, SocketAddr)> {
    let address = match path.strip_prefix('@') {
        Some(name) => SocketAddr::from_abstract_name(name),
        None => SocketAddr::from_pathname(path),
    };
    let socket = UnixDatagram::unbound().ok()?;
    // Never wait for a manager that does not read.
    socket.set_nonblocking(true).ok()?;
    Some((socket, address.ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn news_arrives_as_one_datagram() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let manager = UnixDatagram::bind(&path).unwrap();
        let service = ServiceManager { socket: connect(path.to_str().unwrap()) };
        service.ready();
        service.alive();
        let mut news = [0; 64];
        let length = manager.recv(&mut news).unwrap();
        assert_eq!(&news[..length], b"READY=1\nSTATUS=serving");
        let length = manager.recv(&mut news).unwrap();
        assert_eq!(&news[..length], b"WATCHDOG=1");
    }

    #[test]
    fn a_name_without_a_path_is_understood() {
        let name = format!("postern-test-{}", process::id());
        let address = SocketAddr::from_abstract_name(&name).unwrap();
        let manager = UnixDatagram::bind_addr(&address).unwrap();
        ServiceManager { socket: connect(&format!("@{name}")) }.stopping();
        let mut news = [0; 64];
        assert!(manager.recv(&mut news).unwrap() > 0);
    }
}
