//! Bytes from and to sockets, with little between the caller and the kernel.
//!
//! **For:** reads and writes of a TCP socket ([`Socket`]), in half the instructions that the runtime's own take: it is
//! asked for the task's waker only where nothing can be done, and no call can be cancelled. Small messages of a worker
//! leave together ([`Outbox`]).
//! **Never enters:** what the bytes mean; deadlines, but for a peer that takes nothing of a message.
//! **Comes in:** a [`TcpStream`](tokio::net::TcpStream). **Goes out:** how many bytes.
//! **Read first:** [`Outbox`].

mod outbox;
mod socket;
mod transfer;

pub use outbox::Outbox;
pub use socket::Socket;
