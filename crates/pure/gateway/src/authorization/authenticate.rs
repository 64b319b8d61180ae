//! Who calls: the signature of a request, where somebody asks for it (authorization.md section 5).

use postern_model::AuthorizationType;
use postern_protocol::http1::KnownName;
use postern_protocol::signature::{
    PayloadHasher, PendingVerification, Presented, RequestParts, SignatureFault, SigningPlace, Timestamp,
    perhaps_in_query, read,
};

use super::SigningCaller;
use crate::{
    Arrival, BodyLength, Gate, Observer, Refusal, RequestBody, Snapshot,
    body::{self, Collected},
    routing::{Located, Matched},
};

/// What step 10 of authorization.md section 1 found out.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Authenticated<'a> {
    /// Who signed. `None`: nobody did, or nobody wants to know.
    pub(crate) caller: Option<&'a SigningCaller>,
    /// The same, where the method itself asks for it. To all others a caller is anonymous (RP-42).
    pub(crate) signer: Option<&'a SigningCaller>,
}

impl<'a> Authenticated<'a> {
    /// Nobody has signed.
    pub(crate) const fn nobody() -> Self {
        Self { caller: None, signer: None }
    }

    /// The same as what was found out about a request before, by the access key that had signed it.
    pub(crate) fn again(
        house: &'a Snapshot,
        access_key_id: &str,
        located: &Located<'_>,
        matched: Option<&Matched<'_>>,
    ) -> Self {
        let caller = house.signers.find(access_key_id);
        let is_of_method = Wanted::of(located, matched) != Wanted::IfPresent;
        Self { caller, signer: caller.filter(|_| is_of_method) }
    }
}

/// Why a signature is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    /// It is not.
    No,
    /// The endpoint policy is asked about the signer, if there is one (RP-95).
    IfPresent,
    /// The method has AWS_IAM authorization.
    ByMethod,
    /// No method is there, which is answered as one with AWS_IAM authorization is (PA-40).
    ByNothing,
}

impl Wanted {
    fn of(located: &Located<'_>, matched: Option<&Matched<'_>>) -> Self {
        let authorization = matched.map(|matched| &matched.method.authorization);
        match authorization {
            None => Self::ByNothing,
            Some(AuthorizationType::AwsIam) => Self::ByMethod,
            Some(_) if located.entrance.policy.is_some() => Self::IfPresent,
            Some(_) => Self::No,
        }
    }
}

/// Verifies the signature of a request, if somebody asks for one. The body is read only for a signature
/// of which everything else is right.
pub(crate) async fn authenticate<'a, B: RequestBody, O: Observer>(
    (house, arrival): (&'a Snapshot, &Arrival<'_>),
    located: &Located<'_>,
    matched: Option<&Matched<'_>>,
    body: &mut B,
    collected: &mut Collected,
    observer: &mut O,
) -> Result<Authenticated<'a>, Refusal> {
    collected.is_read = false;
    let wanted = Wanted::of(located, matched);
    let Some((caller, pending)) = presented(house, arrival, wanted, observer)? else {
        return Ok(Authenticated::nobody());
    };
    let mut hasher = PayloadHasher::new();
    collected.is_read = body.length() != BodyLength::None;
    if collected.is_read {
        body::collect(house, body, &mut collected.sent, |piece| hasher.update(piece)).await?;
    }
    pending.verify(&hasher.finish()).map_err(Refusal::Signature)?;
    let signer = (wanted != Wanted::IfPresent).then_some(caller);
    Ok(Authenticated { caller: Some(caller), signer })
}

/// A signature, all of it judged but for the body.
type Pending<'a> = (&'a SigningCaller, Box<PendingVerification<'a>>);

fn presented<'a>(
    house: &'a Snapshot,
    arrival: &Arrival<'_>,
    wanted: Wanted,
    observer: &mut impl Observer,
) -> Result<Option<Pending<'a>>, Refusal> {
    let request = arrival.head.over(arrival.bytes);
    let fields = request.fields();
    let has_header = fields.contains(KnownName::Authorization);
    let is_unsigned = !has_header && !request.query().is_some_and(perhaps_in_query);
    match wanted {
        Wanted::No => return Ok(None),
        Wanted::IfPresent if is_unsigned => return Ok(None),
        Wanted::ByNothing if is_unsigned => return Err(Refusal::NoSuchMethod),
        _ => observer.at(Gate::Signature),
    }
    if fields.is_repeated(KnownName::Authorization) {
        return Err(Refusal::Head { status: 400, reason: "Authorization came more than once" });
    }
    let fields: Vec<(&[u8], &[u8])> = fields.iter().map(|view| (view.name, view.value)).collect();
    let parts = RequestParts {
        method: request.method(),
        path: request.path(),
        query: request.query().unwrap_or_default(),
        fields: &fields,
    };
    let signature = match read(&parts).map_err(Refusal::Signature)? {
        Presented::Signature(signature) => signature,
        Presented::Nothing if wanted == Wanted::ByNothing => return Err(Refusal::NoSuchMethod),
        Presented::Nothing if wanted == Wanted::ByMethod => {
            return Err(Refusal::Signature(SignatureFault::Missing));
        }
        // A bearer token is nobody's signature: the caller is anonymous to the endpoint policy (RP-95).
        Presented::NotASignature(fault) if wanted != Wanted::IfPresent => {
            return Err(Refusal::Signature(fault));
        }
        Presented::Nothing | Presented::NotASignature(_) => return Ok(None),
    };
    let now = Timestamp::from_epoch_seconds(arrival.now.epoch_milliseconds / 1_000);
    let place = SigningPlace { region: &house.region, service: "execute-api", now };
    let mut caller = None;
    let pending = signature.check(&parts, &place, |scope| {
        caller = house.signers.find(&scope.access_key_id);
        caller.map(|caller| caller.credential(scope))
    });
    let pending = pending.map_err(Refusal::Signature)?;
    Ok(caller.map(|caller| (caller, Box::new(pending))))
}
