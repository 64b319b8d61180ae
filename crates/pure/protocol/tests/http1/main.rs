//! What HTTP/1.1 reading and writing must do, by the classes of hardening section 14.

#![cfg(test)]

mod budget;
mod chunked;
mod head;
mod host;
mod laws;
mod limits;
mod path;
mod reference;
mod smuggling;
mod upstream;
mod uri;
mod write;

use postern_protocol::http1::{Fault, Limits, Progress, RequestHead, read_request};

/// Reads a whole request head with the private limits.
fn request(bytes: &[u8]) -> Result<RequestHead, Fault> {
    request_within(&Limits::PRIVATE, bytes)
}

fn request_within(limits: &Limits, bytes: &[u8]) -> Result<RequestHead, Fault> {
    let mut head = RequestHead::default();
    match read_request(bytes, limits, &mut head)? {
        Progress::Complete => Ok(head),
        Progress::Partial => panic!("the head is not whole: {:?}", String::from_utf8_lossy(bytes)),
    }
}

/// Reads a head of a request line and fields; `Host` is added.
fn with_fields(line: &str, fields: &str) -> Result<RequestHead, Fault> {
    request(format!("{line}\r\nHost: example.com\r\n{fields}\r\n").as_bytes())
}
