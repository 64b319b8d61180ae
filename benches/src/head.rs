//! Reading heads, and the parts of a request's that have a reader of their own.

use std::hint::black_box;

use postern_protocol::http1::{
    Authority, Limits, Progress, RequestHead, ResponseHead, read_request, read_response,
};
use postern_protocol::uri::Query;

use crate::Operation;

/// What load generators send.
const SHORT_REQUEST: &[u8] = b"GET /hello/world?x=1 HTTP/1.1\r\n\
    Host: api.bench.internal\r\n\
    User-Agent: bench/1\r\n\
    Accept: application/json\r\n\r\n";

/// The same with another field.
const OTHER_REQUEST: &[u8] = b"GET /hello/world?x=1 HTTP/1.1\r\n\
    Host: api.bench.internal\r\n\
    User-Agent: bench/2\r\n\
    Accept: application/json\r\n\r\n";

const RESPONSE: &[u8] = b"HTTP/1.1 200 OK\r\n\
    Server: backend\r\n\
    Date: Tue, 14 Jan 2025 10:00:00 GMT\r\n\
    Content-Type: application/json\r\n\
    Content-Length: 14\r\n\
    Connection: keep-alive\r\n\r\n";

const REQUEST: &[u8] = b"POST /demo/orders/48151?limit=10&sort=name HTTP/1.1\r\n\
    Host: a1b2c3d4e5.execute-api.eu-central-1.amazonaws.com\r\n\
    User-Agent: python-requests/2.32.3\r\n\
    Accept-Encoding: gzip, deflate\r\n\
    Accept: application/json\r\n\
    Connection: keep-alive\r\n\
    X-API-Key: 0123456789abcdef0123456789abcdef01234567\r\n\
    X-Amzn-Trace-Id: Root=1-67891233-abcdef012345678912345678\r\n\
    X-Forwarded-For: 10.0.1.20, 10.0.0.9\r\n\
    Cache-Control: no-cache\r\n\
    X-Correlation-Id: c6af9ac6-7b61-11e6-9a41-93e8deadbeef\r\n\
    Content-Type: application/json\r\n\
    Content-Length: 14\r\n\r\n";

/// Reads a head into the same place again and again, as one connection does.
pub(crate) fn parse() -> Operation {
    read([REQUEST; 2])
}

/// The same with a short head.
pub(crate) fn parse_short() -> Operation {
    read([SHORT_REQUEST; 2])
}

/// The same with two short heads in turn.
pub(crate) fn parse_changed() -> Operation {
    read([SHORT_REQUEST, OTHER_REQUEST])
}

fn read(mut requests: [&'static [u8]; 2]) -> Operation {
    let mut head = RequestHead::default();
    Box::new(move || {
        head.clear();
        requests.reverse();
        let [request, _] = requests;
        let progress = read_request(black_box(request), &Limits::PRIVATE, &mut head);
        assert_eq!(progress, Ok(Progress::Complete));
        head.length()
    })
}

/// Reads a backend's head.
pub(crate) fn response() -> Operation {
    let mut head = ResponseHead::default();
    Box::new(move || {
        head.clear();
        let progress = read_response(black_box(RESPONSE), &Limits::PRIVATE, false, &mut head);
        assert_eq!(progress, Ok(Progress::Complete));
        head.length()
    })
}

/// Checks a query.
pub(crate) fn query() -> Operation {
    Box::new(|| Query::parse(black_box(b"limit=10&sort=name"), 256).expect("a query").as_bytes().len())
}

/// Reads a host and gives its normal form.
pub(crate) fn authority() -> Operation {
    Box::new(|| Authority::parse(black_box(b"api.bench.internal")).expect("a host").normalised().len())
}
