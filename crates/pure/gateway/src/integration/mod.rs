//! What call, and what came back.

mod compiled;
mod content;
mod forwarding;
mod http_proxy;
mod mapped;
pub(crate) mod parameters;
mod request_line;
mod template_view;

pub(crate) use compiled::{Address, CompiledIntegration, Target, TargetPiece};

pub(crate) use http_proxy::{CallMemory, write_proxy_answer, write_proxy_call};
pub(crate) use mapped::{
    IntegrationResult, map_request, map_response, mock_integration_status, write_mapped_call,
};

use postern_model::RequestSource;

use crate::routing::Matched;

/// Whether a parameter mapping reads the client's body.
pub(crate) fn reads_body(matched: &Matched<'_>) -> bool {
    let mappings = &matched.method.model.integration.request_parameters;
    mappings.iter().any(|mapping| matches!(mapping.source, RequestSource::Body | RequestSource::BodyPath(_)))
}
