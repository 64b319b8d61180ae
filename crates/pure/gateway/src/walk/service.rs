//! AWS with a service: a signed call, whose request and answer go through mappings and templates.

use super::{Paper, Served, answer_mapped, integrate};
use crate::{
    CallBody, Effects, Record, Refusal, RequestBody,
    authorization::Permit,
    body::ClientBody,
    integration::{Target, write_service_call},
    routing::Matched,
};

/// Whether an integration calls a service.
pub(super) const fn is_called(matched: &Matched<'_>) -> bool {
    matches!(matched.stage_method.integration.target, Some(Target::Service(_)))
}

/// Calls the service.
pub(super) async fn service<E: Effects, B: RequestBody>(
    _permit: &Permit,
    record: &mut Record<'_>,
    matched: &Matched<'_>,
    paper: &mut Paper<'_>,
    client_body: &ClientBody<'_, B>,
    effects: &E,
) -> Result<Served<E::Reply>, Refusal> {
    let Paper { call, sheets, fields } = paper;
    let service = match &matched.stage_method.integration.target {
        Some(Target::Service(service)) if !matched.method.integration.always_fails => service,
        _ => return Err(Refusal::Configuration("the integration cannot call its service".into())),
    };
    let body = client_body.text(record);
    let mut mapped = write_service_call(record, matched, service, &body, call, &mut sheets.text)?;
    let sent = match mapped.body(&sheets.text) {
        [] => CallBody::None,
        sent => CallBody::<B>::Whole(sent),
    };
    let reply = integrate(record, matched, effects, (&service.address, &call.head), sent).await?;
    answer_mapped(record, matched, reply, &mut mapped, (sheets, fields)).await
}
