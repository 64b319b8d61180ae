//! The backend of the demo: a pet store over plain HTTP/1.1 that keeps what is posted.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
};

use postern_protocol::{
    http1::{BodyFraming, KnownMethod, Limits, Progress, RequestHead, read_request, write_status_line},
    uri::Query,
};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use crate::background::Background;

/// A running pet store. Dropping it ends it.
pub(super) struct PetStore {
    address: SocketAddr,
    _thread: Background,
}

impl PetStore {
    /// Opens at a free port of loopback.
    ///
    /// # Errors
    ///
    /// When the system gives no port or thread.
    pub(super) fn open() -> io::Result<Self> {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let thread = Background::start("pet-store", move || accept(listener))?;
        Ok(Self { address, _thread: thread })
    }

    /// Where it is.
    pub(super) const fn address(&self) -> SocketAddr {
        self.address
    }
}

async fn accept(listener: std::net::TcpListener) {
    let Ok(listener) = TcpListener::from_std(listener) else { return };
    let pets = Arc::new(Mutex::new(Pets::new()));
    while let Ok((stream, _)) = listener.accept().await {
        let pets = Arc::clone(&pets);
        // The gateway alone knows the address, and its pool is bounded.
        tokio::spawn(async move {
            let _ = serve(stream, &pets).await;
        });
    }
}

async fn serve(mut stream: TcpStream, pets: &Mutex<Pets>) -> io::Result<()> {
    let mut bytes = Vec::new();
    let mut head = RequestHead::default();
    loop {
        head.clear();
        loop {
            match read_request(&bytes, &Limits::default(), &mut head) {
                Ok(Progress::Complete) => break,
                Ok(Progress::Partial) => read_more(&mut stream, &mut bytes).await?,
                Err(_) => return Ok(()),
            }
        }
        let body_length = match head.framing() {
            BodyFraming::None => 0,
            BodyFraming::Length(length) if length <= BODY_BYTES_MAX => {
                usize::try_from(length).unwrap_or(usize::MAX)
            }
            BodyFraming::Length(_) | BodyFraming::Chunked => return Ok(()),
        };
        let end = head.length().saturating_add(body_length);
        while bytes.len() < end {
            read_more(&mut stream, &mut bytes).await?;
        }
        let body = bytes.get(head.length()..end).unwrap_or_default();
        let (status, answer) =
            pets.lock().unwrap_or_else(PoisonError::into_inner).answer(&head, &bytes, body);
        stream.write_all(&message(status, &answer)).await?;
        if !head.keep_alive() {
            return Ok(());
        }
        bytes.drain(..end);
    }
}

/// The largest pet.
const BODY_BYTES_MAX: u64 = 64 << 10;

async fn read_more(stream: &mut TcpStream, bytes: &mut Vec<u8>) -> io::Result<()> {
    match stream.read_buf(bytes).await? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        _ => Ok(()),
    }
}

fn message(status: u16, answer: &Value) -> Vec<u8> {
    let body = answer.to_string();
    let mut message = Vec::new();
    write_status_line(&mut message, status);
    let fields = format!("Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    message.extend_from_slice(fields.as_bytes());
    message
}

/// The pets that there are.
struct Pets(Vec<Value>);

/// The store is full then, and new pets take the places of the oldest.
const PETS_MAX: usize = 1_000;
/// Pets on one page.
const PAGE: usize = 10;

impl Pets {
    /// The three of the original.
    fn new() -> Self {
        Self(vec![
            json!({"id": 1, "type": "dog", "price": 249.99}),
            json!({"id": 2, "type": "cat", "price": 124.99}),
            json!({"id": 3, "type": "fish", "price": 0.99}),
        ])
    }

    fn answer(&mut self, head: &RequestHead, bytes: &[u8], body: &[u8]) -> (u16, Value) {
        let request = head.over(bytes);
        let path = std::str::from_utf8(request.path()).unwrap_or_default();
        match (head.known_method(), path.strip_prefix("/petstore/pets")) {
            (KnownMethod::Get, Some("")) => (200, self.list(request.query().unwrap_or_default())),
            (KnownMethod::Post, Some("")) => self.add(body),
            (KnownMethod::Get, Some(id)) => self.find(id.trim_start_matches('/')),
            _ => (404, fault("Path", "there is nothing here")),
        }
    }

    /// `?type=dog&page=2`
    fn list(&self, query: &[u8]) -> Value {
        let parameter = |name: &str| {
            let query = Query::parse(query, 16).ok()?;
            let last = query.parameters().filter(|parameter| *parameter.name() == *name.as_bytes()).last()?;
            Some(String::from_utf8_lossy(&last.value()).into_owned())
        };
        let kind = parameter("type").filter(|kind| !kind.is_empty());
        let page = parameter("page").and_then(|page| page.parse::<usize>().ok()).unwrap_or(1).max(1);
        let of_kind = |pet: &&Value| kind.as_ref().is_none_or(|kind| pet.get("type") == Some(&json!(kind)));
        self.0.iter().filter(of_kind).skip((page - 1).saturating_mul(PAGE)).take(PAGE).cloned().collect()
    }

    fn find(&self, id: &str) -> (u16, Value) {
        let has_id = |id: u64| move |pet: &&Value| pet.get("id").and_then(Value::as_u64) == Some(id);
        let found = id.parse().ok().and_then(|id| self.0.iter().find(has_id(id)));
        match found {
            Some(pet) => (200, pet.clone()),
            None => (404, fault("GetPetResponse", "no pet has this id")),
        }
    }

    fn add(&mut self, body: &[u8]) -> (u16, Value) {
        let asked: Value = serde_json::from_slice(body).unwrap_or_default();
        let (Some(kind), Some(price)) = (asked.get("type"), asked.get("price")) else {
            return (400, fault("NewPet", "a pet has a type and a price"));
        };
        let id = self.0.last().and_then(|pet| pet.get("id")?.as_u64()).unwrap_or_default() + 1;
        let pet = json!({"id": id, "type": kind, "price": price});
        if self.0.len() == PETS_MAX {
            self.0.remove(0);
        }
        self.0.push(pet.clone());
        (200, json!({"pet": pet, "message": "success"}))
    }
}

fn fault(key: &str, message: &str) -> Value {
    json!({"errors": [{"key": key, "message": message}]})
}
