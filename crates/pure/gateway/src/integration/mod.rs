//! What call, and what came back.

mod call_head;
mod compiled;
mod forwarding;
mod function_call;
mod http_proxy;
mod json_text;
mod lambda_answer;
mod lambda_event;
mod mapped;
mod mappings;
pub(crate) mod parameters;
mod request_line;
mod service_call;
mod signing;
mod template_choice;
mod template_view;

pub(crate) use call_head::CallMemory;
pub(crate) use compiled::{
    Address, ApiIntegration, CompiledIntegration, FunctionEndpoint, FunctionTarget, FunctionWay, JsonAction,
    ServiceTarget, Target, TargetPiece,
};
pub(crate) use forwarding::{write_own_fields, write_trace_id};
pub(crate) use function_call::{
    FunctionCall, InvocationFields, OnBehalf, client_context_of, error_of, outcome_of, refused_call,
    selectable_message, write_invoke_call,
};
pub(crate) use http_proxy::{write_proxy_answer, write_proxy_call};
pub(crate) use lambda_answer::{ProxyAnswer, write_fields, write_function_answer};
pub(crate) use lambda_event::{EVENT_BYTES_MAX, write_authorizer_event, write_event, write_token_event};
pub(crate) use mapped::{
    IntegrationResult, MappedRequest, SelectedBy, map_function_call, map_request, map_response,
    write_mapped_call,
};
pub(crate) use service_call::write_service_call;
pub(crate) use signing::{CallKey, Signing};

use postern_model::{Integration, RequestMapping, RequestSource, RequestTarget, ResponseTransferMode};

use crate::routing::Matched;

/// Whether a backend's answer is passed on as a stream (ST1).
pub(crate) fn is_streamed(matched: &Matched<'_>) -> bool {
    matched.method.integration.response_transfer_mode == ResponseTransferMode::Stream
}

/// Whether a parameter mapping reads the client's body, or sends another in its place.
pub(crate) fn maps_body(integration: &Integration) -> bool {
    let maps = |mapping: &RequestMapping| {
        matches!(mapping.source, RequestSource::Body | RequestSource::BodyPath(_))
            || mapping.target == RequestTarget::Body
    };
    integration.request_parameters.iter().any(maps)
}
