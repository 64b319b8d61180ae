//! The walk's surroundings while it is explained: a body that is there, and backends that are written
//! down before they are called, if they are.

use std::cell::RefCell;

use super::MappedCall;
use crate::{
    BodyFault, BodyLength, CallBody, Effects, HostedCall, IntegrationCall, IntegrationFailure,
    IntegrationFailureKind, RequestBody,
};

/// A body that is here whole.
pub(super) struct Given<'b> {
    length: BodyLength,
    rest: Option<&'b [u8]>,
}

impl<'b> Given<'b> {
    pub(super) const fn new(length: BodyLength, bytes: &'b [u8]) -> Self {
        Self { length, rest: if bytes.is_empty() { None } else { Some(bytes) } }
    }
}

impl RequestBody for Given<'_> {
    fn length(&self) -> BodyLength {
        self.length
    }

    async fn next(&mut self) -> Result<Option<&[u8]>, BodyFault> {
        Ok(self.rest.take())
    }

    fn take_arrived(&mut self) -> &[u8] {
        self.rest.take().unwrap_or_default()
    }
}

/// Writes down the call, and makes it where there is somebody to make it.
pub(super) struct Witness<'e, E> {
    effects: Option<&'e E>,
    now_nanoseconds: u64,
    call: RefCell<Option<MappedCall>>,
}

impl<'e, E> Witness<'e, E> {
    pub(super) const fn new(effects: Option<&'e E>, now_nanoseconds: u64) -> Self {
        Self { effects, now_nanoseconds, call: RefCell::new(None) }
    }

    /// The call, if the walk came to it.
    pub(super) fn call(&self) -> Option<MappedCall> {
        self.call.take()
    }
}

impl<E: Effects> Effects for Witness<'_, E> {
    type Reply = E::Reply;

    fn monotonic_nanoseconds(&self) -> u64 {
        self.effects.map_or(self.now_nanoseconds, E::monotonic_nanoseconds)
    }

    async fn integrate<B: RequestBody>(
        &self,
        call: &IntegrationCall<'_>,
        body: CallBody<'_, B>,
    ) -> Result<E::Reply, IntegrationFailure> {
        let body = whole(body).await?;
        *self.call.borrow_mut() = Some(mapped(call, &body, self.effects.is_some()));
        match self.effects {
            Some(effects) if body.is_empty() => effects.integrate(call, CallBody::<B>::None).await,
            Some(effects) => effects.integrate(call, CallBody::<B>::Whole(&body)).await,
            None => Err(not_called()),
        }
    }

    async fn invoke(&self, call: &HostedCall<'_>) -> Result<E::Reply, IntegrationFailure> {
        *self.call.borrow_mut() = Some(MappedCall {
            destination: format!("function {}", call.function.name),
            method: "POST".to_owned(),
            url: call.function_arn.to_owned(),
            fields: Vec::new(),
            body: String::from_utf8_lossy(call.event).into_owned(),
            is_made: self.effects.is_some(),
        });
        match self.effects {
            Some(effects) => effects.invoke(call).await,
            None => Err(not_called()),
        }
    }
}

/// Never seen: the walk is told as one that ended in front of the backend.
fn not_called() -> IntegrationFailure {
    IntegrationFailure { kind: IntegrationFailureKind::Network, reason: "the backend was not called".into() }
}

async fn whole<B: RequestBody>(body: CallBody<'_, B>) -> Result<Vec<u8>, IntegrationFailure> {
    match body {
        CallBody::None => Ok(Vec::new()),
        CallBody::Whole(bytes) => Ok(bytes.to_vec()),
        CallBody::Stream(body) => {
            let fault = |fault: BodyFault| IntegrationFailure {
                kind: IntegrationFailureKind::ClientBody(fault),
                reason: "the client's body could not be read".into(),
            };
            let mut bytes = Vec::new();
            while let Some(piece) = body.next().await.map_err(fault)? {
                bytes.extend_from_slice(piece);
            }
            Ok(bytes)
        }
    }
}

fn mapped(call: &IntegrationCall<'_>, body: &[u8], is_made: bool) -> MappedCall {
    let head = String::from_utf8_lossy(call.head);
    let mut lines = head.split("\r\n").filter(|line| !line.is_empty());
    let mut first = lines.next().unwrap_or_default().split(' ');
    let (method, target) = (first.next().unwrap_or_default(), first.next().unwrap_or_default());
    let pairs = lines.filter_map(|line| line.split_once(':'));
    let fields: Vec<(String, String)> = pairs
        .map(|(name, value)| {
            (name.to_owned(), if is_own_secret(name, value) { "(secret)" } else { value.trim() })
        })
        .map(|(name, value)| (name, value.to_owned()))
        .collect();
    let host = fields.iter().find(|(name, _)| name.eq_ignore_ascii_case("host"));
    let host = host.map_or("", |(_, host)| host);
    let scheme = if call.destination.tls.is_some() { "https" } else { "http" };
    MappedCall {
        destination: call.destination.name.to_string(),
        method: method.to_owned(),
        url: format!("{scheme}://{host}{target}"),
        fields,
        body: String::from_utf8_lossy(body).into_owned(),
        is_made,
    }
}

/// Whether a field tells what a call of ours is signed with.
fn is_own_secret(name: &str, value: &str) -> bool {
    name.eq_ignore_ascii_case("X-Amz-Security-Token")
        || name.eq_ignore_ascii_case("Authorization") && value.trim_start().starts_with("AWS4-")
}
