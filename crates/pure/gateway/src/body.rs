//! The client's body and the backend's, where a step reads them whole; and what is refused before a
//! byte of them is read.

use postern_model::IntegrationType;
use postern_protocol::uri::{Query, QueryRefusal};

use crate::{
    Arrival, BodyLength, IntegrationFailure, IntegrationFailureKind, Record, Refusal, Reply, RequestBody,
    Snapshot,
    content::{self, BodyText},
    routing::{Located, Matched},
};

/// The client's body as the steps after it are given it.
#[derive(Debug)]
pub(crate) enum ClientBody<'b, B> {
    /// There is none.
    Nothing,
    /// It is here, whole.
    Whole(&'b Collected),
    /// It passes in pieces; its length.
    Stream(&'b mut B, u64),
}

/// The memory of a body that was read whole.
#[derive(Debug, Default)]
pub(crate) struct Collected {
    /// As it was sent.
    pub(crate) sent: Vec<u8>,
    /// Whether it was read for a signature, of which it is a part (AU-76).
    pub(crate) is_read: bool,
    /// Without its content coding, where that had to come off (Z4).
    decoded: Option<Vec<u8>>,
}

impl Collected {
    /// The body as the steps after it see it.
    pub(crate) fn plain(&self) -> &[u8] {
        self.decoded.as_deref().unwrap_or(&self.sent)
    }

    /// Gives back memory beyond a size that is usual.
    pub(crate) fn shrink(&mut self, kept_bytes: usize) {
        self.sent.clear();
        self.sent.shrink_to(kept_bytes);
        self.decoded = None;
    }
}

impl<B> ClientBody<'_, B> {
    /// What validation and mappings read and backends get: nothing where no step asked for the whole body.
    pub(crate) fn plain(&self) -> &[u8] {
        match self {
            Self::Whole(collected) => collected.plain(),
            Self::Nothing | Self::Stream(..) => b"",
        }
    }

    /// The same as text.
    pub(crate) fn text(&self, record: &Record<'_>) -> BodyText<'_> {
        BodyText::of_request(self.plain(), self.is_coded(record))
    }

    /// Whether the body goes on with the content coding that it came with.
    pub(crate) fn is_coded(&self, record: &Record<'_>) -> bool {
        let keeps_coding = match self {
            Self::Nothing => false,
            Self::Whole(collected) => collected.decoded.is_none() && !collected.sent.is_empty(),
            Self::Stream(_, length) => *length > 0,
        };
        keeps_coding && record.arrival.is_some_and(content::is_coded)
    }
}

/// Refuses a query that cannot be read (Q6 of routing.md, `queryParameters`).
pub(crate) fn check_query(house: &Snapshot, arrival: &Arrival<'_>) -> Result<(), Refusal> {
    let Some(query) = arrival.head.over(arrival.bytes).query() else { return Ok(()) };
    let parameters_max = usize::try_from(house.limits.query_parameters).unwrap_or(usize::MAX);
    let malformed = |reason| Refusal::Head { status: 400, reason };
    let refused = |refusal| match refusal {
        QueryRefusal::TooManyParameters => Refusal::TooManyQueryParameters,
        QueryRefusal::RawCharacter => malformed("the query has a character that must be escaped"),
        QueryRefusal::MalformedEscape => malformed("the query has a malformed escape"),
    };
    Query::parse(query, parameters_max).map(|_| ()).map_err(refused)
}

/// Refuses a declared length over the limit, before a byte is read.
pub(crate) fn check_declared_length(house: &Snapshot, length: BodyLength) -> Result<(), Refusal> {
    match length {
        BodyLength::Known(length) if length > house.limits.payload_bytes => Err(Refusal::BodyTooLarge),
        BodyLength::None | BodyLength::Known(_) | BodyLength::Unknown => Ok(()),
    }
}

/// Takes the client's body in: whole, unless it passes in pieces, and without its content coding. The
/// service takes the coding off whoever reads the body then, and a backend is not told of it (Z4).
pub(crate) async fn receive<'b, B: RequestBody>(
    (house, arrival): (&Snapshot, &Arrival<'_>),
    located: &Located<'_>,
    matched: &Matched<'_>,
    body: &'b mut B,
    collected: &'b mut Collected,
) -> Result<ClientBody<'b, B>, Refusal> {
    let method = matched.method;
    match body.length() {
        BodyLength::None => return Ok(ClientBody::Nothing),
        BodyLength::Known(length)
            if !collected.is_read
                && house.request_streaming
                && method.integration.kind == IntegrationType::HttpProxy
                && !method.reads_body
                && content::request_coding(located.api, arrival, length).is_none() =>
        {
            return Ok(ClientBody::Stream(body, length));
        }
        BodyLength::Known(_) | BodyLength::Unknown => {}
    }
    let Collected { sent, is_read, decoded } = collected;
    if !*is_read {
        collect(house, body, sent, |_| ()).await?;
    }
    *decoded = None;
    if let Some(coding) = content::request_coding(located.api, arrival, sent.len() as u64) {
        let plain = coding.and_then(|coding| content::decode(coding, sent, house.limits.payload_bytes));
        *decoded = Some(plain.map_err(Refusal::ContentCoding)?);
    }
    Ok(ClientBody::Whole(collected))
}

/// Reads the client's body whole (TH-51: refused at the first byte over the limit), and shows each piece.
pub(crate) async fn collect<B: RequestBody>(
    house: &Snapshot,
    body: &mut B,
    collected: &mut Vec<u8>,
    mut show: impl FnMut(&[u8]),
) -> Result<(), Refusal> {
    collected.clear();
    while let Some(piece) = body.next().await.map_err(Refusal::Body)? {
        if (collected.len() + piece.len()) as u64 > house.limits.payload_bytes {
            return Err(Refusal::BodyTooLarge);
        }
        show(piece);
        collected.extend_from_slice(piece);
    }
    Ok(())
}

/// Reads a backend's body whole.
pub(crate) async fn collect_reply<R: Reply>(
    house: &Snapshot,
    reply: &mut R,
    collected: &mut Vec<u8>,
) -> Result<(), Refusal> {
    collected.clear();
    while let Some(piece) = reply.next().await.map_err(Refusal::Integration)? {
        if (collected.len() + piece.len()) as u64 > house.limits.payload_bytes {
            return Err(Refusal::Integration(IntegrationFailure {
                kind: IntegrationFailureKind::BadAnswer,
                reason: "the answer is larger than `payloadBytes`".into(),
            }));
        }
        collected.extend_from_slice(piece);
    }
    Ok(())
}
