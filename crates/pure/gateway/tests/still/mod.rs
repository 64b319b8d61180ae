//! A backend whose answer is there already, for whoever counts what a walk costs: these tests, and the benches.

use std::rc::Rc;

use postern_gateway::{
    BodyLength, CallBody, Effects, IntegrationCall, IntegrationFailure, Now, Reply, RequestBody,
};
use postern_protocol::http1::{Limits, Progress, RequestHead, ResponseHead, read_request, read_response};

/// When everything happens.
pub(crate) const NOW: Now = Now { monotonic_nanoseconds: 5_000_000, epoch_milliseconds: 1_716_523_575_005 };

/// A backend that always gives the same answer and allocates nothing.
pub(crate) struct Still(Rc<ResponseHead>);

const REPLY: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

impl Still {
    pub(crate) fn new() -> Self {
        let mut head = ResponseHead::default();
        assert_eq!(read_response(REPLY, &Limits::PRIVATE, false, &mut head), Ok(Progress::Complete));
        Self(Rc::new(head))
    }
}

impl Effects for Still {
    type Reply = Self;

    fn monotonic_nanoseconds(&self) -> u64 {
        NOW.monotonic_nanoseconds
    }

    async fn integrate<B: RequestBody>(
        &self,
        _: &IntegrationCall<'_>,
        _: CallBody<'_, B>,
    ) -> Result<Self, IntegrationFailure> {
        Ok(Self(Rc::clone(&self.0)))
    }
}

impl Reply for Still {
    fn status(&self) -> u16 {
        200
    }

    fn head(&self) -> (&[u8], &ResponseHead) {
        (REPLY, &self.0)
    }

    fn length(&self) -> BodyLength {
        BodyLength::None
    }

    async fn next(&mut self) -> Result<Option<&[u8]>, IntegrationFailure> {
        Ok(None)
    }

    fn take_arrived(&mut self) -> &[u8] {
        &[]
    }
}

/// Reads a whole head.
pub(crate) fn read_head(bytes: &[u8]) -> RequestHead {
    let mut head = RequestHead::default();
    assert_eq!(read_request(bytes, &Limits::PRIVATE, &mut head), Ok(Progress::Complete));
    head
}
