//! A backend that plays a script: what it expects to be sent, and what it answers, byte for byte.

use std::{
    collections::VecDeque,
    io::Write,
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Condvar, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};

use socket2::SockRef;

use crate::{
    Message, PATIENCE,
    message::{Kind, Reader},
};

/// One step of a script.
#[derive(Clone, Debug)]
pub enum Step {
    /// Reads one request, which must begin with this line's beginning.
    Expect(String),
    /// As [`Step::Expect`], but reads the head alone and leaves the body.
    ExpectHead(String),
    /// Sends these bytes.
    Bytes(Vec<u8>),
    /// Waits until the test calls [`Backend::release`].
    Hang,
    /// Ends the connection.
    Close,
    /// Breaks the connection.
    Reset,
}

/// Expects one request, by the beginning of its first line: `GET /pets`.
#[must_use]
pub fn expect(beginning: &str) -> Step {
    Step::Expect(beginning.to_owned())
}

/// Expects the head of one request, and reads nothing of its body.
#[must_use]
pub fn expect_head(beginning: &str) -> Step {
    Step::ExpectHead(beginning.to_owned())
}

/// Sends these bytes.
#[must_use]
pub fn bytes(bytes: impl AsRef<[u8]>) -> Step {
    Step::Bytes(bytes.as_ref().to_vec())
}

/// Answers with a status and a body of JSON.
#[must_use]
pub fn answer(status: u16, body: &str) -> Step {
    bytes(plain_answer(status, body))
}

/// Waits until the test says to go on.
#[must_use]
pub fn hang() -> Step {
    Step::Hang
}

/// Ends the connection.
#[must_use]
pub fn close() -> Step {
    Step::Close
}

/// Breaks the connection.
#[must_use]
pub fn reset() -> Step {
    Step::Reset
}

fn plain_answer(status: u16, body: &str) -> String {
    format!(
        "HTTP/1.1 {status} Whatever\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// A backend on loopback.
#[derive(Debug)]
pub struct Backend {
    address: SocketAddr,
    shared: Arc<Shared>,
    release: mpsc::Sender<()>,
}

#[derive(Debug, Default)]
struct Shared {
    requests: Mutex<Vec<Message>>,
    changed: Condvar,
    connections: AtomicUsize,
    /// What went against the script.
    complaint: Mutex<Option<String>>,
    finished: AtomicBool,
    over: AtomicBool,
}

impl Backend {
    /// Plays the script from its first step to its last. A step that needs a connection waits for one;
    /// a connection that the peer ends between requests is followed by the next.
    #[must_use]
    pub fn script(steps: impl IntoIterator<Item = Step>) -> Self {
        let steps: VecDeque<Step> = steps.into_iter().collect();
        Self::start(move |listener, shared, released| play(&listener, steps, &shared, &released))
    }

    /// Answers every request on every connection with this status and this body of JSON.
    #[must_use]
    pub fn answering(status: u16, body: &str) -> Self {
        let answer = plain_answer(status, body);
        Self::with(move |_| answer.clone().into_bytes())
    }

    /// Answers every request on every connection with the bytes that the function makes of it.
    #[must_use]
    pub fn with(respond: impl Fn(&Message) -> Vec<u8> + Send + Sync + 'static) -> Self {
        let respond = Arc::new(respond);
        Self::start(move |listener, shared, _| {
            for stream in listener.incoming().map_while(Result::ok) {
                if shared.over.load(Ordering::Acquire) {
                    return;
                }
                shared.connections.fetch_add(1, Ordering::AcqRel);
                let (respond, shared) = (Arc::clone(&respond), Arc::clone(&shared));
                thread::spawn(move || serve(stream, &*respond, &shared));
            }
        })
    }

    fn start(run: impl FnOnce(TcpListener, Arc<Shared>, mpsc::Receiver<()>) + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared::default());
        let (release, released) = mpsc::channel();
        let theirs = Arc::clone(&shared);
        thread::spawn(move || run(listener, theirs, released));
        Self { address, shared, release }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Lets a script that hangs go on by one step.
    pub fn release(&self) {
        let _ = self.release.send(());
    }

    /// How many connections it has accepted.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::Acquire)
    }

    /// What it has been asked so far.
    #[must_use]
    pub fn requests(&self) -> Vec<Message> {
        self.shared.requests.lock().unwrap().clone()
    }

    /// Waits for a request by its number, counted from zero.
    #[must_use]
    pub fn request(&self, number: usize) -> Message {
        let requests = self.shared.requests.lock().unwrap();
        let (requests, _) = self
            .shared
            .changed
            .wait_timeout_while(requests, PATIENCE, |requests| requests.len() <= number)
            .unwrap();
        requests.get(number).cloned().unwrap_or_else(|| panic!("request {number} never came"))
    }

    /// Waits for the end of the script; fails where something went against it.
    pub fn finished(&self) {
        crate::until("the end of a backend's script", || {
            if let Some(complaint) = self.shared.complaint.lock().unwrap().clone() {
                panic!("a backend's script: {complaint}");
            }
            self.shared.finished.load(Ordering::Acquire).then_some(())
        });
    }
}

impl Drop for Backend {
    fn drop(&mut self) {
        // Wakes whoever accepts.
        self.shared.over.store(true, Ordering::Release);
        let _ = TcpStream::connect_timeout(&self.address, Duration::from_secs(1));
    }
}

fn serve(stream: TcpStream, respond: &(impl Fn(&Message) -> Vec<u8> + ?Sized), shared: &Shared) {
    let _ = stream.set_nodelay(true);
    let mut reader = Reader::new(stream);
    while let Ok(Some(request)) = Message::read(&mut reader, Kind::Request) {
        let answer = respond(&request);
        note(shared, request);
        if reader.inner.write_all(&answer).is_err() {
            return;
        }
    }
}

fn note(shared: &Shared, request: Message) {
    shared.requests.lock().unwrap().push(request);
    shared.changed.notify_all();
}

fn play(listener: &TcpListener, mut steps: VecDeque<Step>, shared: &Shared, released: &mpsc::Receiver<()>) {
    let mut connection: Option<Reader<TcpStream>> = None;
    while let Some(step) = steps.pop_front() {
        if connection.is_none() {
            let Some(accepted) = accept(listener, shared) else { return };
            shared.connections.fetch_add(1, Ordering::AcqRel);
            connection = Some(accepted);
        }
        let Some(reader) = &mut connection else { return };
        let body = matches!(step, Step::Expect(_));
        let again = step.clone();
        match step {
            Step::Expect(beginning) | Step::ExpectHead(beginning) => {
                match Message::read(reader, if body { Kind::Request } else { Kind::HeadAlone }) {
                    Ok(Some(request)) if request.head.starts_with(&beginning) => note(shared, request),
                    Ok(Some(request)) => {
                        return complain(shared, format!("expected {beginning}, got {}", request.head));
                    }
                    // The peer ended between requests: the step is for the next connection.
                    Ok(None) => {
                        connection = None;
                        steps.push_front(again);
                    }
                    Err(error) => return complain(shared, format!("expected {beginning}: {error}")),
                }
            }
            Step::Bytes(bytes) => {
                if let Err(error) = reader.inner.write_all(&bytes) {
                    return complain(shared, format!("could not answer: {error}"));
                }
            }
            Step::Hang => {
                if released.recv_timeout(PATIENCE).is_err() {
                    return;
                }
            }
            Step::Close => {
                let _ = reader.inner.shutdown(Shutdown::Both);
                connection = None;
            }
            Step::Reset => {
                let _ = SockRef::from(&reader.inner).set_linger(Some(Duration::ZERO));
                connection = None;
            }
        }
    }
    shared.finished.store(true, Ordering::Release);
    // The last connection stays as it is until the test is over, which a last connection tells.
    while accept(listener, shared).is_some() {
        shared.connections.fetch_add(1, Ordering::AcqRel);
    }
}

fn accept(listener: &TcpListener, shared: &Shared) -> Option<Reader<TcpStream>> {
    let (stream, _) = listener.accept().ok()?;
    if shared.over.load(Ordering::Acquire) {
        return None;
    }
    stream.set_nodelay(true).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    Some(Reader::new(stream))
}

fn complain(shared: &Shared, complaint: String) {
    *shared.complaint.lock().unwrap() = Some(complaint);
}
