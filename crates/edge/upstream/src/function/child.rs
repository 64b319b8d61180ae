//! One process of a function, as the thread of functions sees it: a child of this one that is waited for,
//! whose output is read, and that is ended.

use std::{
    cell::Cell,
    future::poll_fn,
    io,
    pin::pin,
    process::ExitStatus,
    rc::{Rc, Weak},
    sync::{Arc, atomic::Ordering},
    task::Poll,
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, BufReader},
    process::Child as Running,
    sync::{mpsc, oneshot},
    task::spawn_local,
    time::timeout,
};

use super::{
    FunctionOutput,
    letter::{Ended, Outcome, Started, Stop, Told},
    spawn::{self, Spawned},
    staff::Staff,
};

/// One process of a function.
#[derive(Debug)]
pub(crate) struct Child {
    /// The worker that speaks with it.
    pub(crate) home: usize,
    told: Arc<Told>,
    stop: mpsc::WeakUnboundedSender<Stop>,
    /// Absent once it is gone: the number may be another's then.
    group: Cell<Option<Pid>>,
}

impl Child {
    /// Whether it has not asked for a call yet.
    pub(crate) fn is_starting(&self) -> bool {
        !self.told.has_asked.load(Ordering::Acquire)
    }

    /// Has it end.
    pub(crate) fn stop(&self) {
        if let Some(stop) = self.stop.upgrade() {
            let _ = stop.send(Stop::Gently);
        }
    }

    fn signal(&self, signal: Signal) {
        if let Some(group) = self.group.get() {
            // It may be gone already.
            let _ = kill_process_group(group, signal);
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
    }
}

/// How long a process that was asked to end may take.
const END_WITHIN: Duration = Duration::from_secs(2);

/// Starts a process and watches it until it is gone. What its home is to be told comes with it.
pub(crate) fn start(staff: &Rc<Staff>, home: usize) -> io::Result<(Rc<Child>, Started)> {
    let Spawned { mut child, listener, group } = spawn::spawn(&staff.standing.function)?;
    let (stop, stops) = mpsc::unbounded_channel();
    let (end, ended) = oneshot::channel();
    let told: Arc<Told> = Arc::default();
    if let Some(stream) = child.stdout.take() {
        tell_lines(stream, FunctionOutput::Output, staff, &told);
    }
    if let Some(stream) = child.stderr.take() {
        tell_lines(stream, FunctionOutput::Error, staff, &told);
    }
    // Its home holds the other end: where that is gone, the process is not needed any more.
    let (weak, group) = (stop.downgrade(), Cell::new(group));
    let process = Rc::new(Child { home, told: Arc::clone(&told), stop: weak, group });
    spawn_local(watch(Rc::clone(staff), Rc::clone(&process), child, stops, end));
    Ok((process, Started { listener, told, stop, ended }))
}

/// Tells every line that comes, until the stream ends.
fn tell_lines(
    stream: impl AsyncRead + Unpin + 'static,
    output: FunctionOutput,
    staff: &Rc<Staff>,
    told: &Arc<Told>,
) {
    let (staff, told): (Weak<Staff>, _) = (Rc::downgrade(staff), Arc::clone(told));
    spawn_local(async move {
        let mut lines = BufReader::new(stream);
        let mut line = Vec::new();
        // What is too long for a line is told in several.
        while let Ok(true) = read_line(&mut lines, &mut line).await {
            let Some(staff) = staff.upgrade() else { return };
            staff.tell(told.request_id.get().as_deref(), output, &String::from_utf8_lossy(&line));
        }
    });
}

/// Reads a line without its end, or a part of one that is too long; `false` at the end.
async fn read_line(lines: &mut BufReader<impl AsyncRead + Unpin>, line: &mut Vec<u8>) -> io::Result<bool> {
    line.clear();
    loop {
        let bytes = lines.fill_buf().await?;
        if bytes.is_empty() {
            return Ok(!line.is_empty());
        }
        let end = bytes.iter().position(|byte| *byte == b'\n');
        let taken = end.unwrap_or(bytes.len());
        line.extend_from_slice(bytes.get(..taken).unwrap_or_default());
        lines.consume(end.map_or(taken, |end| end + 1));
        if end.is_some() || line.len() >= LINE_BYTES_MAX {
            return Ok(true);
        }
    }
}

/// Where lines of a process are cut.
const LINE_BYTES_MAX: usize = 4 << 10;

/// What happened to a process.
enum Happened {
    Ended(io::Result<ExitStatus>),
    Stopped(Stop),
}

async fn watch(
    staff: Rc<Staff>,
    process: Rc<Child>,
    mut child: Running,
    mut stops: mpsc::UnboundedReceiver<Stop>,
    end: oneshot::Sender<Ended>,
) {
    let (status, was_asked) = match happened(&mut child, &mut stops).await {
        Happened::Ended(status) => (status, false),
        Happened::Stopped(how) => (finish(&process, &mut child, how).await, how == Stop::Gently),
    };
    // What it started itself goes with it.
    process.signal(Signal::KILL);
    process.group.set(None);
    let (outcome, told) = oneshot::channel();
    let is_heard = end.send(Ended { status: status.ok(), was_asked, outcome }).is_ok();
    // Where its home is gone, or about to go, nothing comes of it.
    let outcome = match is_heard && !staff.is_ending() {
        true => told.await.unwrap_or_default(),
        false => Outcome::default(),
    };
    staff.note_end(&process, outcome);
}

async fn happened(child: &mut Running, stops: &mut mpsc::UnboundedReceiver<Stop>) -> Happened {
    let mut waiting = pin!(child.wait());
    poll_fn(|context| {
        if let Poll::Ready(status) = waiting.as_mut().poll(context) {
            return Poll::Ready(Happened::Ended(status));
        }
        stops.poll_recv(context).map(|how| Happened::Stopped(how.unwrap_or(Stop::Gently)))
    })
    .await
}

/// Ends a process.
async fn finish(process: &Child, child: &mut Running, how: Stop) -> io::Result<ExitStatus> {
    if how == Stop::Gently {
        process.signal(Signal::TERM);
        if let Ok(status) = timeout(END_WITHIN, child.wait()).await {
            return status;
        }
    }
    process.signal(Signal::KILL);
    child.wait().await
}
