//! Handing the listening sockets to a newly started program (SIGUSR2), so that an upgrade refuses no
//! connection: both accept until the successor serves, then this process drains.

use std::{
    env,
    ffi::OsString,
    io,
    os::{
        linux::net::SocketAddrExt,
        unix::net::{SocketAddr, UnixDatagram},
    },
    path::PathBuf,
    process::{self, Child, Command},
    time::{Duration, Instant},
};

use postern_server::Server;
use tokio::time;

use crate::signals::{Event, Events};

/// What this process was started as, noted before its file may be replaced.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    path: PathBuf,
    arguments: Vec<OsString>,
}

impl Program {
    /// This program and its arguments. To be called early: a path that is asked for after the file was
    /// replaced leads nowhere.
    ///
    /// # Errors
    ///
    /// When the system does not tell.
    pub(crate) fn of_this_process() -> io::Result<Self> {
        Ok(Self { path: env::current_exe()?, arguments: env::args_os().skip(1).collect() })
    }
}

/// Where a successor says that it serves: a name in the abstract name space.
const PREDECESSOR: &str = "POSTERN_PREDECESSOR";
const READY: &[u8] = b"READY=1";
/// How long a successor may take to serve.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often a successor is looked at.
const LOOK: Duration = Duration::from_millis(100);

/// Starts a successor with the listening sockets of a server. What becomes of it is told as an event:
/// [`Event::Succeeded`] or [`Event::SuccessorFailed`].
///
/// # Errors
///
/// When it cannot be started.
pub(crate) fn start_successor(server: &Server, program: &Program, events: Events) -> io::Result<()> {
    let name = format!("postern-{}-{:?}", process::id(), Instant::now());
    let socket = UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(&name)?)?;
    socket.set_nonblocking(true)?;
    let mut successor = Command::new(&program.path);
    successor.args(&program.arguments).env(PREDECESSOR, &name);
    // The watchdog is fed by whichever process is the main one, whatever its number.
    successor.env_remove("WATCHDOG_PID");
    let child = server.hand_over(&mut successor)?;
    tokio::spawn(async move {
        let event = match wait_for(child, &socket).await {
            Ok(child) => Event::Succeeded(child),
            Err(reason) => Event::SuccessorFailed(reason),
        };
        // The gateway may have ended in the meantime.
        let _ = events.send(event).await;
    });
    Ok(())
}

/// Waits until a successor serves, and gives its number.
async fn wait_for(mut child: Child, socket: &UnixDatagram) -> Result<u32, String> {
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE {
        let mut news = [0; READY.len()];
        if socket.recv(&mut news).is_ok_and(|length| news.get(..length) == Some(READY)) {
            return Ok(child.id());
        }
        if let Ok(Some(status)) = child.try_wait() {
            return Err(format!("it ended with {status}"));
        }
        time::sleep(LOOK).await;
    }
    // Nobody would ever hear from it.
    let _ = child.kill();
    let _ = child.wait();
    Err(format!("it did not serve within {} seconds", PATIENCE.as_secs()))
}

/// Tells the process that started this one, if one waits for it, that this one serves.
pub(crate) fn tell_predecessor() {
    let Ok(name) = env::var(PREDECESSOR) else { return };
    let tell = || -> io::Result<()> {
        let address = SocketAddr::from_abstract_name(&name)?;
        UnixDatagram::unbound()?.send_to_addr(READY, &address).map(drop)
    };
    // A predecessor that is gone has nothing to wait for.
    let _ = tell();
}
