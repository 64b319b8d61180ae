//! The client's body and the backend's, where a step reads them whole; and what is refused before a
//! byte of them is read.

use postern_protocol::uri::{Query, QueryRefusal};

use crate::{
    Arrival, BodyLength, IntegrationFailure, IntegrationFailureKind, Refusal, Reply, RequestBody, Snapshot,
};

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

/// Reads the client's body whole (TH-51: refused at the first byte over the limit).
pub(crate) async fn collect<B: RequestBody>(
    house: &Snapshot,
    body: &mut B,
    collected: &mut Vec<u8>,
) -> Result<(), Refusal> {
    collected.clear();
    if body.length() == BodyLength::None {
        return Ok(());
    }
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
