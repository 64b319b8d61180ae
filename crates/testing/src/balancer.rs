//! A load balancer that puts bytes of the test's own in front of every connection, so that clients which
//! know nothing of it come with a PROXY header.

use std::{
    io::{self, Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    thread,
};

use crate::Place;

/// A running balancer. It takes connections as long as the test runs.
#[derive(Debug)]
pub struct Balancer {
    address: SocketAddr,
}

impl Balancer {
    /// Starts one. Each connection to it becomes one to `target`, whose first write is the header and the
    /// client's first bytes together.
    #[must_use]
    pub fn start(place: &Place, target: SocketAddr, header: impl Into<Vec<u8>>) -> Self {
        let listener = TcpListener::bind(place.address()).expect("an address of our own");
        let address = listener.local_addr().unwrap();
        let header = header.into();
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let header = header.clone();
                // Where one side is gone the connection is over, which the test sees.
                thread::spawn(move || carry(client, target, header));
            }
        });
        Self { address }
    }

    /// Where clients come.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

fn carry(mut client: TcpStream, target: SocketAddr, header: Vec<u8>) -> io::Result<()> {
    let mut server = TcpStream::connect(target)?;
    for stream in [&client, &server] {
        stream.set_nodelay(true)?;
    }
    let mut first = header;
    let begun = first.len();
    first.resize(begun + 16_384, 0);
    let received = client.read(&mut first[begun..])?;
    server.write_all(&first[..begun + received])?;
    let (mut answers, mut back) = (server.try_clone()?, client.try_clone()?);
    thread::spawn(move || copy(&mut answers, &mut back));
    copy(&mut client, &mut server);
    Ok(())
}

/// Copies until the end of one direction, and passes that end on.
fn copy(from: &mut TcpStream, to: &mut TcpStream) {
    let _ = io::copy(from, to);
    let _ = to.shutdown(Shutdown::Write);
}
