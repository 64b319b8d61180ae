//! A session of HTTP/2: whatever comes, nothing breaks, what is open stays within the limit, and what is to be
//! said is whole frames.
#![no_main]

use libfuzzer_sys::fuzz_target;
use postern_protocol::http1::{FieldBlock, Limits};
use postern_protocol::http2::{AnswerHead, HeadMemory, Heard, NoiseLimits, Opened, Session, SessionLimits};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

fuzz_target!(|bytes: &[u8]| {
    let noise = NoiseLimits { resets_per_second: 10, resets_pending: 5, control_frames: 100 };
    let mut session = Session::new(&SessionLimits {
        streams: 4,
        stream_window: 65_535,
        connection_window: 65_535,
        frame_bytes: 16_384,
        header_list_bytes: 1_000,
        noise,
    });
    let mut memory = HeadMemory::default();
    let input = [PREFACE, bytes].concat();
    let mut rest = input.as_slice();
    while let Ok(heard) = session.hear(&mut rest, 0) {
        match heard {
            Heard::Nothing => break,
            Heard::Body { place, bytes, .. } => session.release(place, bytes.len()),
            Heard::Gone { .. } => {}
            Heard::Block(block) => match session.open(&block, &Limits::PRIVATE, &mut memory, 0) {
                Ok(Opened::Request { place, ends, .. }) => {
                    assert!(session.open_streams() <= 4);
                    let fields = FieldBlock::default();
                    let (date_line, length) = (b"date: now\r\n", Some(5));
                    session.answer(
                        place,
                        &AnswerHead { status: 200, date_line, fields: &fields, length, ends: false },
                    );
                    if session.body(place, b"hello", true) == 5 && ends {
                        session.close(place);
                    }
                }
                Ok(_) => {}
                Err(_) => break,
            },
        }
        session.end_turn();
    }
    let mut said = session.unsent();
    while let Some((head, behind)) = said.split_first_chunk::<9>() {
        let length = usize::try_from(u32::from_be_bytes([0, head[0], head[1], head[2]])).unwrap();
        said = behind.split_at(length).1;
    }
    assert!(said.is_empty());
});
