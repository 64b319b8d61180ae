//! Heads and chunks of HTTP/1.1: whatever comes, nothing breaks, and pieces are read as the whole is.
#![no_main]

use libfuzzer_sys::fuzz_target;
use postern_protocol::http1::{
    ChunkedReader, Limits, Progress, RequestHead, ResponseHead, read_request, read_response,
};

fuzz_target!(|bytes: &[u8]| {
    let limits = Limits::PRIVATE;
    let (mut whole, mut pieces) = (RequestHead::default(), RequestHead::default());
    if read_request(bytes, &limits, &mut whole) == Ok(Progress::Complete) {
        // One byte less is never enough, and reading then goes on where it stopped.
        let length = whole.length();
        let short = bytes.get(..length.saturating_sub(1)).unwrap_or_default();
        assert_eq!(read_request(short, &limits, &mut pieces), Ok(Progress::Partial));
        assert_eq!(read_request(bytes, &limits, &mut pieces), Ok(Progress::Complete));
        assert_eq!(pieces.length(), length);
        assert_eq!(pieces.over(bytes).target(), whole.over(bytes).target());
    }
    for answers_head in [false, true] {
        let _ = read_response(bytes, &limits, answers_head, &mut ResponseHead::default());
    }
    let mut chunks = ChunkedReader::new();
    let mut rest = bytes;
    while let Ok(step) = chunks.feed(rest, &limits) {
        assert!(step.data.end <= rest.len() && step.consumed <= rest.len());
        rest = rest.get(step.consumed..).unwrap_or_default();
        if step.finished || rest.is_empty() {
            break;
        }
    }
});
