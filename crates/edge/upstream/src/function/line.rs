//! The way out of a connection of a process: events and answers leave at once, wherever they come from.

use std::{
    cell::{Cell, RefCell},
    io::{self, IoSlice},
    rc::Rc,
};

use tokio::{net::tcp::OwnedWriteHalf, sync::Notify, task::spawn_local};

/// The way out of a connection of a process.
#[derive(Debug)]
pub(crate) struct Line {
    socket: OwnedWriteHalf,
    /// What the kernel has not taken yet.
    unsent: RefCell<Vec<u8>>,
    is_broken: Cell<bool>,
    /// What it is waited for has changed: everything has left, or a call was given.
    pub(crate) changed: Notify,
}

impl Line {
    pub(crate) fn new(socket: OwnedWriteHalf) -> Rc<Self> {
        let (unsent, is_broken) = (RefCell::default(), Cell::new(false));
        Rc::new(Self { socket, unsent, is_broken, changed: Notify::new() })
    }

    /// Sends a head and a body behind everything that was sent before. What the kernel does not take now
    /// follows as soon as it does.
    pub(crate) fn send(self: &Rc<Self>, head: &[u8], body: &[u8]) -> io::Result<()> {
        if self.is_broken.get() {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        let is_behind = !self.unsent.borrow().is_empty();
        let sent = if is_behind { 0 } else { self.write(head, body)? };
        let rest = (head.get(sent..).unwrap_or_default(), body.get(sent.saturating_sub(head.len())..));
        let mut unsent = self.unsent.borrow_mut();
        unsent.extend_from_slice(rest.0);
        unsent.extend_from_slice(rest.1.unwrap_or_default());
        if !is_behind && !unsent.is_empty() {
            spawn_local(flush(Rc::clone(self)));
        }
        Ok(())
    }

    fn write(&self, head: &[u8], body: &[u8]) -> io::Result<usize> {
        match self.socket.try_write_vectored(&[IoSlice::new(head), IoSlice::new(body)]) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
            written => written,
        }
    }

    /// Whether something could not be sent.
    pub(crate) const fn is_broken(&self) -> bool {
        self.is_broken.get()
    }

    /// Waits until everything has left.
    pub(crate) async fn flushed(&self) {
        while !self.unsent.borrow().is_empty() && !self.is_broken.get() {
            self.changed.notified().await;
        }
    }
}

/// Sends what is left.
async fn flush(line: Rc<Line>) {
    while !line.unsent.borrow().is_empty() {
        let is_writable = line.socket.writable().await;
        let mut unsent = line.unsent.borrow_mut();
        match is_writable.and_then(|()| line.write(&unsent, &[])) {
            Ok(sent) => drop(unsent.drain(..sent)),
            Err(_) => {
                unsent.clear();
                line.is_broken.set(true);
            }
        }
    }
    line.changed.notify_one();
}
