//! Listening sockets that outlive a process: taken from a supervisor or a predecessor, and handed to a
//! successor, so that a restart refuses no connection.
//!
//! The protocol is that of socket units: `LISTEN_FDS` says how many there are, and
//! `LISTEN_FDS_FIRST_FD` where they start. Every socket says itself which address it has.

use std::{
    io,
    net::SocketAddr,
    os::fd::{AsRawFd, OwnedFd},
    process::{Child, Command},
};

use listenfd::ListenFd;
use rustix::io::{FdFlags, fcntl_dupfd_cloexec, fcntl_setfd};
use socket2::Socket;

/// Listening sockets that somebody else has bound.
#[derive(Debug, Default)]
pub struct Inherited {
    sockets: Vec<Socket>,
}

impl Inherited {
    /// The sockets that this process was started with; none where the environment names none. Call it
    /// once, before other threads start: the variables are removed.
    ///
    /// # Errors
    ///
    /// When what the environment names is no listening TCP socket.
    pub fn from_environment() -> io::Result<Self> {
        let mut named = ListenFd::from_env();
        let mut sockets = Vec::with_capacity(named.len());
        for index in 0..named.len() {
            if let Some(listener) = named.take_tcp_listener(index)? {
                listener.set_nonblocking(true)?;
                let socket = Socket::from(listener);
                socket.set_tcp_nodelay(true)?;
                sockets.push(socket);
            }
        }
        Ok(Self { sockets })
    }

    /// Takes the sockets of one address.
    pub(crate) fn take(&mut self, address: SocketAddr) -> Vec<Socket> {
        let is_there =
            |socket: &mut Socket| socket.local_addr().is_ok_and(|local| local.as_socket() == Some(address));
        self.sockets.extract_if(.., is_there).collect()
    }
}

/// Starts a successor that inherits listening sockets. Both processes accept on them until this one
/// closes its own.
pub(crate) fn start_successor<'s>(
    sockets: impl Iterator<Item = &'s Socket> + Clone,
    command: &mut Command,
) -> io::Result<Child> {
    let (first, copies) = in_a_row(sockets)?;
    for copy in &copies {
        fcntl_setfd(copy, FdFlags::empty())?;
    }
    command.env_remove("LISTEN_PID");
    command.env("LISTEN_FDS", copies.len().to_string());
    command.env("LISTEN_FDS_FIRST_FD", first.to_string());
    command.spawn()
}

/// Copies sockets to descriptors with consecutive numbers.
fn in_a_row<'s>(sockets: impl Iterator<Item = &'s Socket> + Clone) -> io::Result<(i32, Vec<OwnedFd>)> {
    for first in (LOWEST_DESCRIPTOR..HIGHEST_DESCRIPTOR).step_by(ROW_DESCRIPTORS) {
        let mut copies = Vec::new();
        for (number, socket) in (first..).zip(sockets.clone()) {
            let copy = fcntl_dupfd_cloexec(socket, number)?;
            let is_in_row = copy.as_raw_fd() == number;
            copies.push(copy);
            if !is_in_row {
                break;
            }
        }
        let is_row = (first..).zip(&copies).all(|(number, copy)| copy.as_raw_fd() == number);
        if is_row && copies.len() == sockets.clone().count() {
            return Ok((first, copies));
        }
    }
    Err(io::Error::other("no row of free descriptors for the listening sockets"))
}

/// Above what a process has open at rest.
const LOWEST_DESCRIPTOR: i32 = 100;
const HIGHEST_DESCRIPTOR: i32 = 60_000;
const ROW_DESCRIPTORS: usize = 500;
