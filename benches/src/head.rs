//! Reading a request's head.

use std::hint::black_box;

use postern_protocol::http1::{Limits, Progress, RequestHead, read_request};

use crate::Operation;

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
    let mut head = RequestHead::default();
    Box::new(move || {
        head.clear();
        let progress = read_request(black_box(REQUEST), &Limits::PRIVATE, &mut head);
        assert_eq!(progress, Ok(Progress::Complete));
        head.length()
    })
}
