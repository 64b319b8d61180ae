//! Sockets beside real peers on loopback.
#![expect(clippy::unwrap_used, reason = "the helpers of a test may fail like the test")]

use std::{
    cell::Cell,
    future::poll_fn,
    io::{self, IoSlice},
    rc::Rc,
    task::{Context, Poll},
    time::Duration,
};

use postern_socket::{Outbox, Socket};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    runtime::{Builder, LocalOptions},
    task::{spawn_local, yield_now},
};

/// Runs a test as a worker runs its tasks, all on one thread.
fn on_a_worker(test: impl Future<Output = ()>) {
    let runtime =
        Builder::new_current_thread().enable_io().enable_time().build_local(LocalOptions::default());
    runtime.unwrap().block_on(test);
}

/// An outbox that somebody runs, and how often a peer took nothing for so long.
async fn run_outbox_with(stall: Duration) -> (Outbox, Rc<Cell<usize>>) {
    let (outbox, stalls) = (Outbox::new(), Rc::new(Cell::new(0)));
    let (runs, counts) = (outbox.clone(), Rc::clone(&stalls));
    spawn_local(async move { runs.run(|| stall, move || counts.set(counts.get() + 1)).await });
    yield_now().await;
    (outbox, stalls)
}

async fn run_outbox() -> Outbox {
    run_outbox_with(Duration::from_secs(60)).await.0
}

async fn pair(outbox: &Outbox) -> (Socket, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let ours = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    (Socket::new(ours, outbox), listener.accept().await.unwrap().0)
}

async fn read(socket: &Socket, room: &mut [u8]) -> io::Result<usize> {
    poll_fn(|context| socket.poll_read(context, room)).await
}

async fn write(socket: &Socket, bytes: &[u8]) -> io::Result<usize> {
    poll_fn(|context| socket.poll_write(context, &[IoSlice::new(bytes)])).await
}

async fn post(socket: &Socket, bytes: &[u8]) -> io::Result<usize> {
    poll_fn(|context| socket.poll_post(context, &[IoSlice::new(bytes)])).await
}

/// Whether nothing has come, as the kernel says it.
fn is_silent(peer: &TcpStream) -> bool {
    rustix::net::recv(peer, &mut [0; 1][..], rustix::net::RecvFlags::PEEK)
        .is_err_and(|error| error == rustix::io::Errno::AGAIN)
}

#[test]
fn bytes_come_as_they_are_sent_and_then_the_end() {
    on_a_worker(async {
        let (ours, mut peer) = pair(&Outbox::new()).await;
        let mut room = [0; 8];
        let early = poll_fn(|context| Poll::Ready(ours.poll_read(context, &mut room).is_pending())).await;
        assert!(early, "nothing was sent yet");
        for sent in [&b"a"[..], b"eight by", b"more than that"] {
            peer.write_all(sent).await.unwrap();
            let mut received = Vec::new();
            while received.len() < sent.len() {
                let count = read(&ours, &mut room).await.unwrap();
                received.extend_from_slice(&room[..count]);
            }
            assert_eq!(received, sent);
        }
        drop(peer);
        assert_eq!(read(&ours, &mut room).await.unwrap(), 0);
        assert_eq!(read(&ours, &mut room).await.unwrap(), 0, "the end stays");
    });
}

#[test]
fn a_writer_waits_for_room_and_nothing_is_lost() {
    on_a_worker(async {
        let (ours, mut peer) = pair(&Outbox::new()).await;
        let all: Vec<u8> = (0..=250_u8).cycle().take(32 << 20).collect();
        let reader = tokio::spawn(async move {
            let mut received = Vec::new();
            peer.read_to_end(&mut received).await.unwrap();
            received
        });
        let (mut sent, mut waits) = (0, 0);
        while sent < all.len() {
            let (first, second) = all[sent..].split_at((all.len() - sent) / 2);
            sent += poll_fn(|context| {
                let poll = ours.poll_write(context, &[IoSlice::new(first), IoSlice::new(second)]);
                waits += usize::from(poll.is_pending());
                poll
            })
            .await
            .unwrap();
        }
        assert_eq!(ours.bytes_sent(), all.len() as u64);
        drop(ours);
        assert!(reader.await.unwrap() == all);
        assert!(waits > 0, "32 MiB are more than buffers hold");
    });
}

#[test]
fn a_reset_is_an_error_of_reads_and_writes() {
    on_a_worker(async {
        let (ours, peer) = pair(&Outbox::new()).await;
        peer.set_zero_linger().unwrap();
        drop(peer);
        assert_eq!(read(&ours, &mut [0; 8]).await.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
        assert_eq!(write(&ours, b"x").await.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    });
}

#[test]
fn a_task_that_always_finds_something_gives_way() {
    on_a_worker(async {
        let (ours, mut peer) = pair(&Outbox::new()).await;
        peer.write_all(&[0; 4_096]).await.unwrap();
        ours.stream().readable().await.unwrap();
        let mut reads = 0;
        // One byte each time, so that the runtime goes on to think that there is more.
        let gave_way = poll_fn(|context| {
            while reads < 4_096 {
                match ours.poll_read(context, &mut [0]) {
                    Poll::Ready(_) => reads += 1,
                    Poll::Pending => return Poll::Ready(true),
                }
            }
            Poll::Ready(false)
        });
        assert!(gave_way.await);
        assert!((1..4_096).contains(&reads), "{reads}");
    });
}

#[test]
fn outbox_messages_leave_behind_the_tasks_that_are_ready() {
    on_a_worker(async {
        let outbox = run_outbox().await;
        let (first, mut to_first) = pair(&outbox).await;
        let (second, mut to_second) = pair(&outbox).await;
        let (first, second, silent) = (Rc::new(first), Rc::new(second), Rc::new(Cell::new(false)));
        let (posted, was_silent) = (Rc::clone(&first), Rc::clone(&silent));
        spawn_local(async move { post(&posted, b"one").await.unwrap() });
        let posted = Rc::clone(&second);
        spawn_local(async move {
            was_silent.set(first.is_sending() && is_silent(&to_first));
            post(&posted, b"other").await.unwrap();
            let mut received = [0; 8];
            assert_eq!(to_first.read(&mut received).await.unwrap(), 3);
            assert!(!first.is_sending() && first.bytes_sent() == 3);
        })
        .await
        .unwrap();
        assert!(silent.get(), "what the task before has posted waits");
        let mut received = [0; 8];
        assert_eq!(to_second.read(&mut received).await.unwrap(), 5);
        assert!(!second.is_sending() && second.bytes_sent() == 5);
    });
}

#[test]
fn outbox_what_is_written_behind_a_message_leaves_behind_it() {
    on_a_worker(async {
        let outbox = run_outbox().await;
        let (ours, mut peer) = pair(&outbox).await;
        let large = vec![b'l'; 4_097];
        assert_eq!(post(&ours, b"posted ").await.unwrap(), 7);
        assert_eq!(write(&ours, b"written ").await.unwrap(), 8);
        assert_eq!(post(&ours, b"posted again ").await.unwrap(), 13);
        assert_eq!(ours.push(b"pushed ").unwrap(), 7);
        assert_eq!(post(&ours, b"and at last ").await.unwrap(), 12);
        assert_eq!(post(&ours, &large).await.unwrap(), large.len());
        assert!(!ours.is_sending(), "a large message does not wait");
        ours.shutdown().unwrap();
        let mut received = Vec::new();
        peer.read_to_end(&mut received).await.unwrap();
        assert_eq!(
            received,
            [b"posted written posted again pushed and at last ".as_slice(), &large].concat()
        );
    });
}

#[test]
fn outbox_more_messages_than_it_holds_leave_in_order() {
    on_a_worker(async {
        let outbox = run_outbox().await;
        let (ours, mut peer) = pair(&outbox).await;
        let sent: Vec<u8> = (0..=255_u8).cycle().take(100_000).collect();
        // In one turn, as far as the budget of a task goes.
        for message in sent.chunks(50) {
            assert_eq!(post(&ours, message).await.unwrap(), message.len());
        }
        poll_fn(|context| ours.poll_drain(context)).await.unwrap();
        drop(ours);
        let mut received = Vec::new();
        peer.read_to_end(&mut received).await.unwrap();
        assert!(received == sent);
    });
}

#[test]
fn outbox_a_socket_that_is_dropped_closes_behind_its_message() {
    on_a_worker(async {
        let outbox = run_outbox().await;
        let (ours, mut peer) = pair(&outbox).await;
        post(&ours, b"the last word").await.unwrap();
        drop(ours);
        assert!(is_silent(&peer));
        let mut received = Vec::new();
        peer.read_to_end(&mut received).await.unwrap();
        assert_eq!(received, b"the last word");
    });
}

/// All that comes, to the end.
async fn receive_all(mut peer: TcpStream) -> Vec<u8> {
    let mut received = Vec::new();
    peer.read_to_end(&mut received).await.unwrap();
    received
}

/// Posts until a message does not fit into the kernel, since nobody reads. Returns all that was posted.
async fn fill(socket: &Socket) -> Vec<u8> {
    let mut sent = Vec::new();
    while !socket.is_sending() {
        let message = vec![u8::try_from(sent.len() % 251).unwrap(); 1 + sent.len() % 4_000];
        assert_eq!(post(socket, &message).await.unwrap(), message.len());
        sent.extend(message);
        // The outbox has its turn.
        yield_now().await;
        yield_now().await;
    }
    sent
}

#[test]
fn outbox_what_the_system_does_not_take_is_sent_on_without_its_owner() {
    on_a_worker(async {
        let outbox = run_outbox().await;
        let (ours, peer) = pair(&outbox).await;
        let sent = fill(&ours).await;
        // It must not be overtaken.
        assert_eq!(ours.push(b"too early").unwrap_err().kind(), io::ErrorKind::WouldBlock);
        let post = |context: &mut Context<'_>| ours.poll_post(context, &[IoSlice::new(b"too early")]);
        assert!(poll_fn(|context| Poll::Ready(post(context).is_pending())).await);
        assert!(poll_fn(|context| Poll::Ready(outbox.poll_empty(context).is_pending())).await);
        drop(ours);
        let receiving = spawn_local(receive_all(peer));
        poll_fn(|context| outbox.poll_empty(context)).await;
        assert!(receiving.await.unwrap() == sent);
    });
}

#[test]
fn outbox_whoever_waits_for_a_stuck_message_is_woken_when_it_has_left() {
    on_a_worker(async {
        let outbox = run_outbox().await;
        let (ours, peer) = pair(&outbox).await;
        let sent = fill(&ours).await;
        let receiving = spawn_local(receive_all(peer));
        poll_fn(|context| ours.poll_drain(context)).await.unwrap();
        assert!(!ours.is_sending());
        assert_eq!(ours.bytes_sent(), sent.len() as u64);
        assert_eq!(post(&ours, b"more").await.unwrap(), 4);
        drop(ours);
        assert!(receiving.await.unwrap() == [&sent[..], b"more"].concat());
    });
}

#[test]
fn outbox_a_peer_that_takes_nothing_is_given_up() {
    on_a_worker(async {
        let (outbox, stalls) = run_outbox_with(Duration::from_millis(50)).await;
        let (ours, mut peer) = pair(&outbox).await;
        let mut sent = 0;
        // The kernel may find room for more for a while.
        let fault = loop {
            sent += fill(&ours).await.len();
            if let Err(fault) = poll_fn(|context| ours.poll_flush(context)).await {
                break fault;
            }
        };
        assert_eq!(fault.kind(), io::ErrorKind::TimedOut);
        poll_fn(|context| outbox.poll_empty(context)).await;
        assert_eq!(stalls.get(), 1);
        assert!(ours.unsent().is_none(), "some of it may have left");
        assert_eq!(read(&ours, &mut [0; 8]).await.unwrap(), 0, "whoever waits for the peer is woken");
        drop(ours);
        let mut received = Vec::new();
        let end = peer.read_to_end(&mut received).await;
        assert_eq!(
            end.unwrap_err().kind(),
            io::ErrorKind::ConnectionReset,
            "it must not take that for whole"
        );
        assert!(received.len() < sent);
    });
}

#[test]
fn outbox_a_reset_gives_up_what_is_stuck() {
    on_a_worker(async {
        let (outbox, stalls) = run_outbox_with(Duration::from_secs(60)).await;
        let (ours, mut peer) = pair(&outbox).await;
        fill(&ours).await;
        ours.reset_on_close();
        drop(ours);
        poll_fn(|context| outbox.poll_empty(context)).await;
        assert_eq!(stalls.get(), 0);
        let end = peer.read_to_end(&mut Vec::new()).await;
        assert_eq!(end.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
    });
}

#[test]
fn outbox_behind_a_write_that_did_not_fit_nothing_waits() {
    on_a_worker(async {
        let outbox = run_outbox().await;
        let (ours, _peer) = pair(&outbox).await;
        let large = vec![0; 1 << 20];
        let write = |context: &mut Context<'_>| ours.poll_write(context, &[IoSlice::new(&large)]);
        while poll_fn(|context| Poll::Ready(write(context).is_ready())).await {
            yield_now().await;
        }
        let post = |context: &mut Context<'_>| ours.poll_post(context, &[IoSlice::new(b"small")]);
        assert!(poll_fn(|context| Poll::Ready(post(context).is_pending())).await);
        assert!(!ours.is_sending());
    });
}

#[test]
fn outbox_whoever_posted_what_cannot_leave_learns_it_by_reading() {
    on_a_worker(async {
        let outbox = run_outbox().await;
        let (ours, peer) = pair(&outbox).await;
        peer.set_zero_linger().unwrap();
        drop(peer);
        assert!(ours.unsent().is_none());
        // It is taken: whoever posts does not know yet.
        post(&ours, b"in vain").await.unwrap();
        yield_now().await;
        yield_now().await;
        assert_eq!(read(&ours, &mut [0; 8]).await.unwrap(), 0);
        assert_eq!(ours.unsent().unwrap().kind(), io::ErrorKind::ConnectionReset);
        assert_eq!(ours.bytes_sent(), 0);
        assert!(post(&ours, b"more").await.is_err());
    });
}

#[test]
fn outbox_messages_leave_at_once_where_nobody_runs_it() {
    on_a_worker(async {
        let outbox = Outbox::new();
        let (ours, mut peer) = pair(&outbox).await;
        post(&ours, b"before").await.unwrap();
        assert!(!is_silent(&peer));
        let runs = outbox.clone();
        let running = spawn_local(async move { runs.run(|| Duration::MAX, || ()).await });
        yield_now().await;
        post(&ours, b", meanwhile").await.unwrap();
        running.abort();
        assert!(running.await.unwrap_err().is_cancelled());
        assert!(!ours.is_sending(), "who stops running it sends what waits");
        post(&ours, b" and after").await.unwrap();
        assert!(!ours.is_sending());
        drop(ours);
        let mut received = String::new();
        peer.read_to_string(&mut received).await.unwrap();
        assert_eq!(received, "before, meanwhile and after");
    });
}
