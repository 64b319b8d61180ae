//! PROXY protocol version 2: what was read, written again and read again is the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use postern_protocol::proxy_protocol::{Progress, read, write};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(Progress::Done { header, rest }) = read(bytes, 4_096) {
        assert!(bytes.ends_with(rest));
        let written = write(&header);
        assert!(
            matches!(read(&written, u16::MAX), Ok(Progress::Done { header: again, rest: [] }) if again == header)
        );
    }
});
