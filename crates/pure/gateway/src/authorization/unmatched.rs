//! A path or verb that nothing serves is answered as a method that wants a signature (PA-40).

use postern_protocol::signature::{Presented, RequestParts, SignatureFault, SigningPlace, Timestamp, read};

use crate::{Arrival, Refusal, Snapshot};

/// F4 and F5 of private-access.md, and the faults of a signature (AU-81 to AU-87). Nobody's access
/// key is known here, so a signature that is right so far is that of an unknown key.
pub(crate) fn refuse_unmatched(house: &Snapshot, arrival: &Arrival<'_>) -> Refusal {
    let request = arrival.head.over(arrival.bytes);
    let fields: Vec<(&[u8], &[u8])> = request.fields().iter().map(|view| (view.name, view.value)).collect();
    let parts = RequestParts {
        method: request.method(),
        path: request.path(),
        query: request.query().unwrap_or_default(),
        fields: &fields,
    };
    let now = Timestamp::from_epoch_seconds(arrival.now.epoch_milliseconds / 1_000);
    let place = SigningPlace { region: &house.region, service: "execute-api", now };
    match read(&parts) {
        Ok(Presented::Nothing) => Refusal::NoSuchMethod,
        Ok(Presented::NotASignature(fault)) | Err(fault) => Refusal::Signature(fault),
        Ok(Presented::Signature(signature)) => match signature.check(&parts, &place, |_| None) {
            Err(fault) => Refusal::Signature(fault),
            Ok(_) => Refusal::Signature(SignatureFault::UnknownClient),
        },
    }
}
