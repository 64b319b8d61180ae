//! What reading and writing may cost: nothing is allocated once a connection has read one head.

use allocation_counter::measure;
use postern_protocol::http1::path::normalise;
use postern_protocol::http1::{
    ChunkedReader, FieldBlock, KnownName, Limits, Progress, RequestHead, ResponseHead, read_request,
    read_response, write_request_line, write_status_line,
};
use postern_protocol::uri::Query;

const REQUEST: &[u8] = b"POST /prod/pets/42?limit=10&sort=name HTTP/1.1\r\n\
    Host: abcdef1234.execute-api.eu-central-1.amazonaws.com\r\n\
    User-Agent: python-requests/2.32.3\r\n\
    Accept-Encoding: gzip, deflate\r\n\
    Accept: */*\r\n\
    Connection: keep-alive\r\n\
    X-API-Key: 0123456789abcdef0123456789abcdef\r\n\
    Content-Type: application/json\r\n\
    Content-Length: 14\r\n\r\n";

const RESPONSE: &[u8] = b"HTTP/1.1 200 OK\r\n\
    Content-Type: application/json\r\n\
    Date: Tue, 14 Jan 2025 10:00:00 GMT\r\n\
    Connection: keep-alive\r\n\
    Content-Length: 2\r\n\r\n";

#[test]
fn a_second_exchange_allocates_nothing() {
    let mut request = RequestHead::default();
    let mut response = ResponseHead::default();
    let mut fields = FieldBlock::default();
    let mut output = Vec::new();
    let mut path = Vec::new();
    let mut exchange = || {
        request.clear();
        response.clear();
        fields.clear();
        output.clear();
        assert_eq!(read_request(REQUEST, &Limits::PRIVATE, &mut request), Ok(Progress::Complete));
        let view = request.over(REQUEST);
        assert_eq!(normalise(view.path(), 128, &mut path), Ok("/prod/pets/42"));
        let query = Query::parse(view.query().unwrap(), 256).unwrap();
        assert_eq!(query.parameters().filter(|it| *it.name() == *b"limit").count(), 1);
        assert!(!view.authority().unwrap().normalised().is_empty());
        assert!(view.fields().value(KnownName::XApiKey).is_some());
        for field in view.fields().iter().filter(|it| !it.field.hop_by_hop) {
            fields.push_trusted(field.name, field.value);
        }
        write_request_line(&mut output, view.method(), view.target()).unwrap();
        output.extend_from_slice(fields.as_bytes());
        assert_eq!(read_response(RESPONSE, &Limits::PRIVATE, false, &mut response), Ok(Progress::Complete));
        write_status_line(&mut output, response.status());
        let mut chunks = ChunkedReader::new();
        assert!(chunks.feed(b"0\r\nX: y\r\n\r\n", &Limits::PRIVATE).unwrap().finished);
    };
    exchange();
    assert_eq!(measure(exchange).count_total, 0);
}

#[test]
fn a_refused_head_allocates_nothing() {
    let cost = measure(|| {
        let mut head = RequestHead::default();
        assert!(read_request(b"\x16\x03\x01", &Limits::PRIVATE, &mut head).is_err());
        assert!(read_request(b"GET / HTTP/2.0\r\n", &Limits::PRIVATE, &mut head).is_err());
    });
    assert_eq!(cost.count_total, 0);
}

#[test]
fn heads_stay_small() {
    // Smaller: lower the bound in the same commit. Larger: each connection in use has one of each.
    assert!(size_of::<RequestHead>() <= 376, "{}", size_of::<RequestHead>());
    assert!(size_of::<ResponseHead>() <= 264, "{}", size_of::<ResponseHead>());
    assert!(size_of::<postern_protocol::http1::Field>() <= 20);
    assert!(size_of::<ChunkedReader>() <= 64);
}
