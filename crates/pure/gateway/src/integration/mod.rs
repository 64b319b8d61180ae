//! What call, and what came back.

mod call_head;
mod compiled;
mod forwarding;
mod http_proxy;
mod mapped;
mod mappings;
pub(crate) mod parameters;
mod request_line;
mod template_choice;
mod template_view;

pub(crate) use call_head::CallMemory;
pub(crate) use compiled::{Address, CompiledIntegration, Target, TargetPiece};
pub(crate) use http_proxy::{write_proxy_answer, write_proxy_call};
pub(crate) use mapped::{IntegrationResult, map_request, map_response, write_mapped_call};

use postern_model::{Integration, RequestMapping, RequestSource, RequestTarget, ResponseTransferMode};

use crate::{Arrival, routing::Matched};

/// Whether a backend's answer is passed on as a stream (ST1).
pub(crate) fn is_streamed(matched: &Matched<'_>) -> bool {
    matched.method.model.integration.response_transfer_mode == ResponseTransferMode::Stream
}

/// Whether a template takes a request's body.
pub(crate) fn takes_template(integration: &Integration, arrival: &Arrival<'_>) -> bool {
    template_choice::template_for_request(integration, arrival).is_ok_and(|template| template.is_some())
}

/// Whether a parameter mapping reads the client's body, or sends another in its place.
pub(crate) fn maps_body(integration: &Integration) -> bool {
    let maps = |mapping: &RequestMapping| {
        matches!(mapping.source, RequestSource::Body | RequestSource::BodyPath(_))
            || mapping.target == RequestTarget::Body
    };
    integration.request_parameters.iter().any(maps)
}
