//! Access log lines on their way out: written by workers into memory of their own, carried away in
//! batches by one thread, so that no request ever waits for a disk or a pipe.

use std::{
    fs::{File, OpenOptions},
    io::{self, Write},
    path::Path,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc::{Receiver, sync_channel},
    },
    thread::{self, Thread},
    time::Duration,
};

use postern_gateway::{Record, RequestTimeText, Sent};
use postern_model::AccessLogDestination;

/// Where access log lines go, opened and ready.
#[derive(Debug)]
pub struct AccessLogSink(Sink);

#[derive(Debug)]
enum Sink {
    None,
    StandardError,
    StandardOutput,
    File(File),
}

impl AccessLogSink {
    /// No destination: lines are dropped without being counted.
    #[must_use]
    pub const fn none() -> Self {
        Self(Sink::None)
    }

    /// Opens a destination; a file is opened for appending and made if it is not there.
    ///
    /// # Errors
    ///
    /// A sentence that names the file.
    pub fn open(destination: &AccessLogDestination) -> Result<Self, String> {
        Ok(Self(match destination {
            AccessLogDestination::StandardError => Sink::StandardError,
            AccessLogDestination::StandardOutput => Sink::StandardOutput,
            AccessLogDestination::File(path) => Sink::File(open(path)?),
        }))
    }

    fn write(&mut self, lines: &[u8]) -> io::Result<()> {
        match &mut self.0 {
            Sink::None => Ok(()),
            Sink::StandardError => io::stderr().lock().write_all(lines),
            Sink::StandardOutput => {
                let mut output = io::stdout().lock();
                output.write_all(lines)?;
                output.flush()
            }
            Sink::File(file) => file.write_all(lines),
        }
    }
}

fn open(path: &Path) -> Result<File, String> {
    let opened = OpenOptions::new().append(true).create(true).open(path);
    opened.map_err(|fault| format!("the access log `{}` cannot be opened: {fault}", path.display()))
}

/// The access log of the process: the thread that carries lines away, and what it shares.
#[derive(Debug)]
pub(crate) struct AccessLog {
    shared: Arc<Shared>,
    /// Closed by the thread when it has ended.
    ended: Mutex<Receiver<()>>,
}

#[derive(Debug)]
struct Shared {
    pages: Mutex<Vec<Arc<Page>>>,
    sink: Mutex<AccessLogSink>,
    is_ending: AtomicBool,
    written: AtomicU64,
    lost: AtomicU64,
    /// Who carries lines away, once it has started.
    carrier: OnceLock<Thread>,
}

/// The lines of one worker that nobody has carried away yet.
///
/// The lock is taken by its worker, and by the carrier some times a second for as long as it takes to
/// exchange one string for another: a worker practically never finds it taken.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Page(Mutex<Lines>);

#[derive(Debug, Default)]
struct Lines {
    text: Vec<u8>,
    count: u64,
    /// What its worker's last line had as its time.
    time: RequestTimeText,
}

impl Lines {
    fn with_room() -> Self {
        Self { text: Vec::with_capacity(PAGE_BYTES), ..Self::default() }
    }
}

/// A worker's lines have at most so many bytes before they are dropped.
const PAGE_BYTES_MAX: usize = 1 << 20;
/// From here on the carrier is called at once.
const PAGE_BYTES_URGENT: usize = 256 << 10;
/// What a page has room for from the start, so that it does not grow while the carrier comes in time. The system
/// gives memory only for what is written.
const PAGE_BYTES: usize = PAGE_BYTES_URGENT + (64 << 10);
/// How long lines gather before they are carried away.
const GATHERING: Duration = Duration::from_millis(100);

impl AccessLog {
    /// Starts the thread.
    ///
    /// # Errors
    ///
    /// When the system gives no thread.
    pub(crate) fn start() -> io::Result<Self> {
        let shared = Arc::new(Shared {
            pages: Mutex::default(),
            sink: Mutex::new(AccessLogSink::none()),
            is_ending: AtomicBool::new(false),
            written: AtomicU64::new(0),
            lost: AtomicU64::new(0),
            carrier: OnceLock::new(),
        });
        let (alive, ended) = sync_channel::<()>(1);
        let carried = Arc::clone(&shared);
        thread::Builder::new().name("access-log".into()).spawn(move || {
            carried.carry();
            drop(alive);
        })?;
        Ok(Self { shared, ended: Mutex::new(ended) })
    }

    /// The end where a worker writes.
    pub(crate) fn page(&self) -> LogPage {
        let page = Arc::new(Page(Mutex::new(Lines::with_room())));
        locked(&self.shared.pages).push(Arc::clone(&page));
        LogPage { page, shared: Arc::clone(&self.shared) }
    }

    /// Sends lines somewhere else from now on; closes what was open.
    pub(crate) fn redirect(&self, sink: AccessLogSink) {
        let old = std::mem::replace(&mut *locked(&self.shared.sink), sink);
        drop(old);
    }

    /// Lines that were written, and lines that their destination did not take.
    pub(crate) fn counts(&self) -> (u64, u64) {
        (self.shared.written.load(Ordering::Relaxed), self.shared.lost.load(Ordering::Relaxed))
    }

    /// Writes out what there is and ends the thread. Does not wait longer than this for a destination
    /// that takes nothing.
    pub(crate) fn finish(&self, limit: Duration) {
        self.shared.is_ending.store(true, Ordering::Release);
        self.shared.call_carrier();
        // Nothing is ever sent: the channel closes when the thread has ended.
        let _ = locked(&self.ended).recv_timeout(limit);
    }
}

impl Shared {
    /// The life of the thread.
    fn carry(&self) {
        // Before the first round: what is written before it is seen by that round.
        let _ = self.carrier.set(thread::current());
        let mut spare = Lines::with_room();
        let mut pages = Vec::new();
        loop {
            let is_ending = self.is_ending.load(Ordering::Acquire);
            pages.clone_from(&*locked(&self.pages));
            for page in &pages {
                std::mem::swap(&mut *locked(&page.0), &mut spare);
                self.write(&mut spare);
            }
            if is_ending {
                return;
            }
            if pages.iter().all(|page| locked(&page.0).count == 0) {
                // Until somebody writes a line; then a while longer, so that others gather.
                thread::park();
            }
            thread::park_timeout(GATHERING);
        }
    }

    fn call_carrier(&self) {
        if let Some(carrier) = self.carrier.get() {
            carrier.unpark();
        }
    }

    fn write(&self, lines: &mut Lines) {
        if lines.count == 0 {
            return;
        }
        let count = match locked(&self.sink).write(&lines.text) {
            Ok(()) => &self.written,
            Err(_) => &self.lost,
        };
        count.fetch_add(lines.count, Ordering::Relaxed);
        lines.text.clear();
        lines.count = 0;
    }
}

/// The end of the access log where one worker writes.
#[derive(Debug)]
pub(crate) struct LogPage {
    page: Arc<Page>,
    shared: Arc<Shared>,
}

impl LogPage {
    /// Writes the line of an exchange, if its snapshot has an access log. Says whether there was room.
    pub(crate) fn write(&self, record: &Record<'_>, sent: Sent) -> bool {
        record.house().access_log().is_none_or(|format| {
            self.append(|Lines { text, time, .. }| format.write_line(record, sent, time, text))
        })
    }

    fn append(&self, write: impl FnOnce(&mut Lines)) -> bool {
        let mut lines = locked(&self.page.0);
        let before = lines.text.len();
        if before >= PAGE_BYTES_MAX {
            return false;
        }
        write(&mut lines);
        lines.count += 1;
        let is_urgent = before < PAGE_BYTES_URGENT && lines.text.len() >= PAGE_BYTES_URGENT;
        drop(lines);
        if before == 0 || is_urgent {
            self.shared.call_carrier();
        }
        true
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What is kept here is right after every single step, so a panic elsewhere spoils nothing.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    fn file_sink(path: &Path) -> AccessLogSink {
        AccessLogSink::open(&AccessLogDestination::File(path.into())).unwrap()
    }

    #[test]
    fn lines_of_all_workers_arrive_whole_and_in_the_order_of_each() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("access.log");
        let log = AccessLog::start().unwrap();
        log.redirect(file_sink(&path));
        let writers: Vec<_> = (0..4)
            .map(|worker| {
                let page = log.page();
                thread::spawn(move || {
                    for number in 0..1_000 {
                        assert!(
                            page.append(|lines| lines.text.extend(format!("{worker} {number}\n").bytes()))
                        );
                    }
                })
            })
            .collect();
        writers.into_iter().for_each(|writer| writer.join().unwrap());
        log.finish(LONG);
        let text = std::fs::read_to_string(&path).unwrap();
        for worker in 0..4 {
            let prefix = format!("{worker} ");
            let numbers = text.lines().filter_map(|line| line.strip_prefix(&prefix));
            assert!(numbers.eq((0..1_000).map(|number| number.to_string())), "worker {worker}");
        }
        assert_eq!(log.counts(), (4_000, 0));
    }

    #[test]
    fn limits_lines_beyond_the_page_are_dropped() {
        let log = AccessLog::start().unwrap();
        let page = log.page();
        // The carrier cannot take anything while its sink is held.
        let sink = locked(&log.shared.sink);
        let line = "x".repeat(PAGE_BYTES_MAX / 8);
        let taken = (0..100).take_while(|_| page.append(|lines| lines.text.extend(line.bytes()))).count();
        // One batch may be in the carrier's hands already.
        assert!((8..=16).contains(&taken), "{taken}");
        drop(sink);
        log.finish(LONG);
    }

    #[test]
    fn another_destination_takes_what_comes_after_it() {
        let folder = tempfile::tempdir().unwrap();
        let (first, second) = (folder.path().join("1"), folder.path().join("2"));
        let log = AccessLog::start().unwrap();
        let page = log.page();
        log.redirect(file_sink(&first));
        page.append(|lines| lines.text.extend(b"one\n"));
        while log.counts().0 < 1 {
            thread::yield_now();
        }
        log.redirect(file_sink(&second));
        page.append(|lines| lines.text.extend(b"two\n"));
        log.finish(LONG);
        assert_eq!(std::fs::read_to_string(&first).unwrap(), "one\n");
        assert_eq!(std::fs::read_to_string(&second).unwrap(), "two\n");
    }

    #[test]
    fn a_file_that_cannot_be_opened_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("no/such/folder");
        let problem = AccessLogSink::open(&AccessLogDestination::File(path.clone())).unwrap_err();
        assert!(
            problem.starts_with(&format!("the access log `{}` cannot be opened: ", path.display())),
            "{problem}"
        );
    }
}
