//! Want of descriptors. One test alone in this file: the limit is the process's.

#[cfg(test)]
mod support;

use std::{fs::File, os::fd::AsRawFd};

use postern_gateway::Event;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use support::{Gateway, get};

#[test]
fn want_of_descriptors_pauses_accepting_and_ends_nothing() {
    let gateway = Gateway::plain();
    let mut before = gateway.connect();
    assert_eq!(before.get("/pets").status, 200);
    let usual = getrlimit(Resource::Nofile);
    // The next descriptor is the client's, and there is none for the gateway.
    let next = File::open("/dev/null").unwrap().as_raw_fd();
    let scarce = u64::try_from(next).unwrap() + 1;
    setrlimit(Resource::Nofile, Rlimit { current: Some(scarce), maximum: usual.maximum }).unwrap();
    let mut client = gateway.connect();
    client.send(get("/pets"));
    gateway.until_saw(Event::AcceptFailed);
    assert_eq!(before.get("/pets").status, 200);
    setrlimit(Resource::Nofile, usual).unwrap();
    assert_eq!(client.answer().status, 200);
}
