//! The client's body and the backend's, where a step reads them whole; and what is refused before a
//! byte of them is read.

use postern_model::IntegrationType;
use postern_protocol::uri::{Query, QueryRefusal};

use crate::{
    Arrival, BodyLength, IntegrationFailure, IntegrationFailureKind, Record, Refusal, Reply, RequestBody,
    Snapshot,
    content::{self, BodyText},
    integration::takes_template,
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
    /// Without its content coding, where that had to come off (Z4).
    decoded: Option<Vec<u8>>,
}

impl Collected {
    /// Gives back memory beyond a size that is usual.
    pub(crate) fn shrink(&mut self, kept_bytes: usize) {
        self.sent.clear();
        self.sent.shrink_to(kept_bytes);
        self.decoded = None;
    }
}

impl<B> ClientBody<'_, B> {
    /// What validation and mappings read: nothing where no step asked for the whole body.
    pub(crate) fn plain(&self) -> &[u8] {
        match self {
            Self::Whole(collected) => collected.decoded.as_deref().unwrap_or(&collected.sent),
            Self::Nothing | Self::Stream(..) => b"",
        }
    }

    /// The same as text.
    pub(crate) fn text(&self, record: &Record<'_>) -> BodyText<'_> {
        let is_coded = match self {
            Self::Whole(collected) => {
                collected.decoded.is_none() && record.arrival.is_some_and(content::is_coded)
            }
            Self::Nothing | Self::Stream(..) => false,
        };
        BodyText::of_request(self.plain(), is_coded)
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

/// Takes the client's body in: whole, and without its content coding, where a step reads it so.
pub(crate) async fn receive<'b, B: RequestBody>(
    (house, arrival): (&Snapshot, &Arrival<'_>),
    located: &Located<'_>,
    matched: &Matched<'_>,
    body: &'b mut B,
    collected: &'b mut Collected,
) -> Result<ClientBody<'b, B>, Refusal> {
    let method = matched.method;
    let integration = &method.model.integration;
    match body.length() {
        BodyLength::None => return Ok(ClientBody::Nothing),
        BodyLength::Known(length)
            if house.request_streaming
                && integration.kind == IntegrationType::HttpProxy
                && !method.reads_body =>
        {
            return Ok(ClientBody::Stream(body, length));
        }
        BodyLength::Known(_) | BodyLength::Unknown => {}
    }
    let Collected { sent, decoded } = collected;
    collect(house, body, sent).await?;
    *decoded = None;
    if let Some(coding) = content::request_coding(located.api, arrival, sent.len())
        && (method.reads_body || takes_template(integration, arrival))
    {
        let plain = coding.and_then(|coding| content::decode(coding, sent, house.limits.payload_bytes));
        *decoded = Some(plain.map_err(Refusal::ContentCoding)?);
    }
    Ok(ClientBody::Whole(collected))
}

/// Reads the client's body whole (TH-51: refused at the first byte over the limit).
async fn collect<B: RequestBody>(
    house: &Snapshot,
    body: &mut B,
    collected: &mut Vec<u8>,
) -> Result<(), Refusal> {
    collected.clear();
    while let Some(piece) = body.next().await.map_err(Refusal::Body)? {
        if (collected.len() + piece.len()) as u64 > house.limits.payload_bytes {
            return Err(Refusal::BodyTooLarge);
        }
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
