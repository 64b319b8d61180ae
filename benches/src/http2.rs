//! HTTP/2 between a client's frames and the walk: heads that are opened, answers that are framed.

use std::hint::black_box;

use postern_protocol::http1::{FieldBlock, Limits};
use postern_protocol::http2::{
    AnswerHead, HeadMemory, Heard, NoiseLimits, Opened, Place, Session, SessionLimits,
};

use crate::Operation;

const HEADERS: u8 = 1;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// What a client begins with.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

/// A request of 13 fields that the client keeps in its table, Huffman coded.
const KEPT: &str = "\
    8287449b6242d2760f6485b10c34f05b0ff941a93260083e107b130543a4bf41a21863111991a2b6b97c9496a4ab0eb32e5b\
    56216a4d83a160ae3a47ecf50fc21721e97a90afd2673d4b585ed6950943025d912ecf90538b1d75d0620d263d4c7441ea40\
    87f2b0eb32dd4beb9d0044cb4db8ebcf8e324859401132d36e3af3e38c921650044cb4db8eff408bf2b0e9f752c9b0642ac6\
    939dda73a600ace3af3e1132cac38c921650044cb4db8ebcf844cb4db8ebdf408bf2b4a7b3c0ec90b22d29ec8e081702e15c\
    40fa50205c0b8177ff5886a8eb10649cbf408cf2b10f6585a06931ea58d27f9a238395f191c59d8dc0ac1095c59f1b4159f6\
    4af4851c9194b2ff5f8b1d75d0620d263d4c7441ea";

/// The same, all of it from the table.
const AGAIN: &str = "8287c7c6c590c4c3c2c1c0bfbe";

/// The same with two other ids.
const CHANGED: [&str; 2] = [
    "\
    8287c7c6c590c4c30f339cda73a600ace3af3e1132cac38c921650044cb4db8ebcf844cb4d8001c1c00f3099238395f191c5\
    9d8dc0ac1095c59f1b4159f64af4851c918001be",
    "\
    8287c7c6c590c4c30f339dda73a600ace3af3e1132cac38c921650044cb4db8ebcf844cb4d82597fc1c00f309a238395f191\
    c59d8dc0ac1095c59f1b4159f64af4851c9182597fbe",
];

/// The same, spelled out and kept by nobody.
const SPELLED: &str = "\
    8287049b6242d2760f6485b10c34f05b0ff941a93260083e107b130543a4bf01a21863111991a2b6b97c9496a4ab0eb32e5b\
    56216a4d83a160ae3a47ecf50fc21721e90f2b90afd2673d4b585ed6950943025d912ecf900f048b1d75d0620d263d4c7441\
    ea0087f2b0eb32dd4beb9d0044cb4db8ebcf8e324859401132d36e3af3e38c921650044cb4db8eff008bf2b0e9f752c9b064\
    2ac6939dda73a600ace3af3e1132cac38c921650044cb4db8ebcf844cb4db8ebdf008bf2b4a7b3c0ec90b22d29ec8e081702\
    e15c40fa50205c0b8177ff0f0986a8eb10649cbf008cf2b10f6585a06931ea58d27f9a238395f191c59d8dc0ac1095c59f1b\
    4159f64af4851c9194b2ff0f108b1d75d0620d263d4c7441ea";

/// Opens the head of a request that comes again.
pub(crate) fn head() -> Operation {
    open([AGAIN; 2])
}

/// The same, where two ids differ each time.
pub(crate) fn head_changed() -> Operation {
    open(CHANGED)
}

/// The same, where all of it is spelled out.
pub(crate) fn head_spelled() -> Operation {
    open([SPELLED; 2])
}

fn open(blocks: [&str; 2]) -> Operation {
    let mut client = Client::new();
    let mut blocks = blocks.map(bytes);
    Box::new(move || {
        blocks.reverse();
        let [block, _] = &blocks;
        let place = client.request(block);
        client.session.close(place);
        client.take()
    })
}

/// Opens such a request and writes its answer of 6 fields and 14 bytes.
pub(crate) fn exchange() -> Operation {
    let mut client = Client::new();
    let block = bytes(AGAIN);
    let mut fields = FieldBlock::default();
    for (name, value) in [
        ("Content-Type", "application/json"),
        ("Server", "backend"),
        ("x-amzn-RequestId", "c6af9ac6-7b61-11e6-9a41-93e8deadbeef"),
        ("x-amz-apigw-id", "HdRUHGbGoAMFvWg="),
    ] {
        fields.push(name.as_bytes(), value.as_bytes()).expect("a field");
    }
    Box::new(move || {
        let place = client.request(&block);
        let date_line = b"Date: Tue, 14 Jan 2025 10:00:00 GMT\r\n";
        let head = AnswerHead { status: 200, date_line, fields: &fields, length: Some(14), ends: false };
        client.session.answer(place, &head);
        client.session.body(place, black_box(b"{\"hello\":true}"), true);
        client.session.close(place);
        client.take()
    })
}

/// A connection, and the memory for its heads.
struct Client {
    session: Session,
    memory: HeadMemory,
    frame: Vec<u8>,
    stream: u32,
}

impl Client {
    /// One that has the request in its table.
    fn new() -> Self {
        let noise = NoiseLimits { resets_per_second: 100, resets_pending: 100, control_frames: 100 };
        let mut session = Session::new(&SessionLimits {
            streams: 100,
            stream_window: 65_535,
            connection_window: 65_535,
            frame_bytes: 16_384,
            header_list_bytes: 16_384,
            noise,
        });
        assert_eq!(session.hear(&mut &*PREFACE, 0), Ok(Heard::Nothing));
        let mut client = Self { session, memory: HeadMemory::default(), frame: Vec::new(), stream: 1 };
        let place = client.request(&bytes(KEPT));
        client.session.close(place);
        client
    }

    /// Hears a request without a body.
    fn request(&mut self, block: &[u8]) -> Place {
        let [_, length @ ..] = u32::try_from(block.len()).expect("a short block").to_be_bytes();
        self.frame.clear();
        for part in [&length[..], &[HEADERS, END_STREAM | END_HEADERS], &self.stream.to_be_bytes(), block] {
            self.frame.extend_from_slice(part);
        }
        self.stream += 2;
        let Ok(Heard::Block(block)) = self.session.hear(&mut &*self.frame, 0) else { panic!("no block") };
        match self.session.open(&block, &Limits::PRIVATE, &mut self.memory, 0) {
            Ok(Opened::Request { place, refusal: None, ends: true }) => place,
            other => panic!("no request: {other:?}"),
        }
    }

    /// Takes what is to be sent.
    fn take(&mut self) -> usize {
        let length = self.session.unsent().len();
        self.session.sent(length);
        length
    }
}

fn bytes(hexadecimal: &str) -> Vec<u8> {
    let digits = hexadecimal.as_bytes().as_chunks::<2>().0;
    let digit = |digit: &u8| char::from(*digit).to_digit(16).expect("a digit");
    digits.iter().map(|[high, low]| u8::try_from(digit(high) << 4 | digit(low)).expect("a byte")).collect()
}
