//! Small messages of many sockets, which leave together.

use std::{
    cell::RefCell,
    future::poll_fn,
    io::IoSlice,
    rc::Rc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use tokio::task::spawn_local;

use crate::socket::Shared;

/// Where small messages of a worker's sockets wait until every task that is ready has had its turn. Then they are
/// sent, one after the other: all tasks read and decide before anybody is woken who answers, so the kernel wakes the
/// other sides less often and finds its way in the cache. Nothing waits for time to pass.
///
/// Messages leave together while [`Outbox::run`] runs, and at once before and after. What the kernel does not take of a
/// message is sent on by a task of its own, also when the socket was dropped meanwhile; when `run` ends it is given up.
#[derive(Clone, Debug, Default)]
pub struct Outbox(Rc<RefCell<Waiting>>);

/// A larger message is not copied to wait for others, it leaves at once; nor does more than that wait for one socket.
pub(crate) const MESSAGE_BYTES_MAX: u32 = 4 << 10;

/// What waits, at most; it stays in the cache.
const MESSAGES_MAX: usize = 64;
const BYTES_MAX: usize = 64 << 10;

#[derive(Debug, Default)]
struct Waiting {
    /// All messages, one behind the other.
    bytes: Vec<u8>,
    messages: Vec<Message>,
    /// Whoever sends them; absent while nobody does.
    sender: Option<Waker>,
    /// Sockets that the sender has not seen yet, of which the kernel did not take all.
    stuck: Vec<Rc<Shared>>,
    /// Sockets of which the kernel has not taken all.
    stuck_count: usize,
    /// Who waits for there to be none.
    awaits_empty: Option<Waker>,
}

#[derive(Debug)]
struct Message {
    socket: Rc<Shared>,
    length: usize,
}

impl Outbox {
    /// An empty one.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sends what waits, whenever all tasks that were ready had their turn. To be run once, as a task of its own on
    /// the runtime of the sockets' tasks, which needs time. `stall` is how long a peer may take nothing of what is
    /// left of a message before its socket is given up, and `on_stall` is told when one is.
    pub async fn run(&self, stall: impl Fn() -> Duration, on_stall: impl Fn() + 'static) {
        let _running = Running(self);
        let on_stall = Rc::new(on_stall);
        poll_fn(|context| {
            self.attend(context);
            self.send_all();
            let stuck = std::mem::take(&mut self.0.borrow_mut().stuck);
            for socket in stuck {
                let (outbox, stall, on_stall) = (self.clone(), stall(), Rc::clone(&on_stall));
                spawn_local(async move {
                    if !socket.finish(stall).await {
                        on_stall();
                    }
                    outbox.finished();
                });
            }
            Poll::<()>::Pending
        })
        .await;
    }

    fn attend(&self, context: &Context<'_>) {
        match &mut self.0.borrow_mut().sender {
            Some(sender) => sender.clone_from(context.waker()),
            nobody => *nobody = Some(context.waker().clone()),
        }
    }

    /// Sends now what waits. Ready when the kernel has all of it or the peers were given up.
    pub fn poll_empty(&self, context: &Context<'_>) -> Poll<()> {
        self.send_all();
        let mut waiting = self.0.borrow_mut();
        if waiting.stuck_count == 0 {
            return Poll::Ready(());
        }
        waiting.awaits_empty = Some(context.waker().clone());
        Poll::Pending
    }

    /// Sends now what waits.
    pub fn send_all(&self) {
        let mut waiting = self.0.borrow_mut();
        let mut bytes = std::mem::take(&mut waiting.bytes);
        let mut messages = std::mem::take(&mut waiting.messages);
        // Whoever is woken or dropped below may come back here.
        drop(waiting);
        let mut rest = &*bytes;
        for Message { socket, length } in messages.drain(..) {
            let (message, others) = rest.split_at_checked(length).unwrap_or((rest, &[]));
            if socket.send_message(message) {
                self.keep(socket);
            }
            rest = others;
        }
        bytes.clear();
        let mut waiting = self.0.borrow_mut();
        if waiting.messages.is_empty() {
            waiting.bytes = bytes;
            waiting.messages = messages;
        }
    }

    /// A socket of which the kernel did not take all is seen to.
    fn keep(&self, socket: Rc<Shared>) {
        let mut waiting = self.0.borrow_mut();
        waiting.stuck.push(socket);
        waiting.stuck_count += 1;
        if let Some(sender) = &waiting.sender {
            sender.wake_by_ref();
        }
    }

    fn finished(&self) {
        let mut waiting = self.0.borrow_mut();
        waiting.stuck_count -= 1;
        if waiting.stuck_count == 0
            && let Some(waker) = waiting.awaits_empty.take()
        {
            waker.wake();
        }
    }

    /// Takes a message, and says whether it did: not where nobody sends.
    pub(crate) fn take(&self, socket: &Rc<Shared>, parts: &[IoSlice<'_>], length: usize) -> bool {
        let mut waiting = self.0.borrow_mut();
        if waiting.messages.len() >= MESSAGES_MAX || waiting.bytes.len() + length > BYTES_MAX {
            drop(waiting);
            self.send_all();
            waiting = self.0.borrow_mut();
        }
        let Some(sender) = &waiting.sender else { return false };
        if waiting.messages.is_empty() {
            sender.wake_by_ref();
        }
        for part in parts {
            waiting.bytes.extend_from_slice(part);
        }
        match waiting.messages.last_mut() {
            // What a task says at once leaves in one piece.
            Some(last) if Rc::ptr_eq(&last.socket, socket) => last.length += length,
            _ => waiting.messages.push(Message { socket: Rc::clone(socket), length }),
        }
        true
    }
}

/// Messages leave together.
struct Running<'o>(&'o Outbox);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.0.borrow_mut().sender = None;
        self.0.send_all();
        // Nobody would send these on.
        let stuck = std::mem::take(&mut self.0.0.borrow_mut().stuck);
        self.0.0.borrow_mut().stuck_count -= stuck.len();
    }
}
