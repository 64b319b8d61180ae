//! The program: an allocator, the commands, and the exit code.

mod admin;
mod assemble;
mod background;
mod command;
mod descriptors;
mod exit;
mod handover;
mod load;
mod memory;
mod reload;
mod serve;
mod service_manager;
mod signals;
mod status;
mod surroundings;
mod usage;
mod watch;
mod writable;

use std::process::ExitCode;

use mimalloc::MiMalloc;

use crate::exit::Exit;

/// Some requests allocate (templates, collected bodies), each on its worker's own thread: an allocator
/// with a heap for each thread serves them without a lock.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    let outcome = std::panic::catch_unwind(|| command::run(std::env::args_os()));
    outcome.unwrap_or(Exit::Fault).into()
}
