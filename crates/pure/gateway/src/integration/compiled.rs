//! An integration as it runs in one stage: stage variables filled in, the destination resolved.

use std::sync::Arc;

use postern_model::{
    ContentHandling, FunctionArn, Integration, IntegrationResponse, IntegrationType, PassthroughBehavior,
    PathPart, RequestMapping, RequestTarget, ResourcePath, ResponseTransferMode, Template, UriSegment, Verb,
};

use super::Signing;
use crate::{Destination, HostedFunction};

/// What of an integration does not depend on the stage, as far as requests ask for it.
#[derive(Debug)]
pub(crate) struct ApiIntegration {
    pub(crate) kind: IntegrationType,
    pub(crate) passthrough_behavior: PassthroughBehavior,
    pub(crate) content_handling: Option<ContentHandling>,
    pub(crate) response_transfer_mode: ResponseTransferMode,
    /// Every call fails with 500.
    pub(crate) always_fails: bool,
    pub(crate) timeout_milliseconds: u32,
    pub(crate) request_parameters: Box<[RequestMapping]>,
    /// By media type or `$default`, in the order of the definition.
    pub(crate) request_templates: Box<[(Box<str>, Template)]>,
    /// In the order of the definition.
    pub(crate) responses: Box<[IntegrationResponse]>,
}

impl ApiIntegration {
    pub(crate) fn of(model: Integration) -> Self {
        Self {
            kind: model.kind,
            passthrough_behavior: model.passthrough_behavior,
            content_handling: model.content_handling,
            response_transfer_mode: model.response_transfer_mode,
            always_fails: model.always_fails,
            timeout_milliseconds: model.timeout_milliseconds,
            request_parameters: model.request_parameters.into(),
            request_templates: model.request_templates.into(),
            responses: model.responses.into(),
        }
    }
}

/// An integration in one stage.
#[derive(Debug)]
pub(crate) struct CompiledIntegration {
    pub(crate) kind: IntegrationType,
    /// Where it calls; absent for MOCK.
    pub(crate) target: Option<Target>,
    pub(crate) timeout_nanoseconds: u64,
}

/// Where an integration calls. An address that stage variables leave malformed answers 500 (HB3).
#[derive(Debug)]
pub(crate) enum Target {
    /// A usable address.
    Address(Box<Address>),
    /// A function.
    Function(Box<FunctionTarget>),
    /// A service.
    Service(Box<ServiceTarget>),
    /// Why there is none.
    Malformed(Box<str>),
}

/// A usable address.
#[derive(Debug)]
pub(crate) struct Address {
    pub(crate) destination: Arc<Destination>,
    /// The value of `Host`.
    pub(crate) host: Box<str>,
    /// Path and query of the URI.
    pub(crate) pieces: Vec<TargetPiece>,
    /// Whether the URI itself has a query.
    pub(crate) has_query: bool,
    /// Whether every mapping of parameters is copied (see [`Address::copies`]), so that none is evaluated.
    pub(crate) copies_all: bool,
    /// The verb of the call; absent: the client's.
    pub(crate) verb: Option<Verb>,
}

/// A function, and the way to it.
#[derive(Debug)]
pub(crate) struct FunctionTarget {
    pub(crate) arn: FunctionArn,
    pub(crate) way: FunctionWay,
}

/// The way to a function.
#[derive(Debug)]
pub(crate) enum FunctionWay {
    /// Its processes run on this machine.
    Hosted(Arc<HostedFunction>),
    /// It is behind an Invoke API.
    Invoke {
        endpoint: FunctionEndpoint,
        /// How calls are signed; absent: they are not.
        signing: Option<Signing>,
    },
    /// It is in a container with the Runtime Interface Emulator.
    Emulator(FunctionEndpoint),
}

/// Where an HTTP API for functions is.
#[derive(Debug)]
pub(crate) struct FunctionEndpoint {
    pub(crate) destination: Arc<Destination>,
    /// The value of `Host`.
    pub(crate) host: Box<str>,
}

/// A service, and how it is called.
#[derive(Debug)]
pub(crate) struct ServiceTarget {
    pub(crate) address: Address,
    pub(crate) signing: Signing,
    /// What an action is asked for by; absent: by path or query.
    pub(crate) json_action: Option<JsonAction>,
}

/// The headers of an action whose parameters are a JSON object, each where no mapping sets it.
#[derive(Debug)]
pub(crate) struct JsonAction {
    /// `X-Amz-Target`; absent where the definition must map it (AW4).
    pub(crate) target: Option<Box<str>>,
    /// `Content-Type`.
    pub(crate) content_type: Box<str>,
}

/// A piece of a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum TargetPiece {
    /// As it stands.
    Literal(Box<str>),
    /// The value of `integration.request.path.NAME`.
    Parameter {
        name: Box<str>,
        /// Which of the resource's own path variables the mapping names, from 0, if one: its text is copied.
        variable: Option<usize>,
        /// Whether it stands in the query.
        in_query: bool,
    },
}

impl Address {
    /// Whether a mapping fills a place of the path with the text of a path variable, which is copied
    /// without being evaluated.
    pub(crate) fn copies(&self, mapping: &RequestMapping) -> bool {
        let RequestTarget::Path(target) = &mapping.target else { return false };
        let mut places = self.pieces.iter().filter_map(|piece| match piece {
            TargetPiece::Parameter { name, variable, in_query } if name == target => {
                Some((variable, *in_query))
            }
            _ => None,
        });
        places.all(|(variable, in_query)| variable.is_some() && !in_query)
    }
}

impl TargetPiece {
    /// The pieces of path and query of a URI, after scheme and authority.
    pub(crate) fn of(
        segments: &[UriSegment],
        mappings: &[RequestMapping],
        path: &ResourcePath,
    ) -> (Vec<Self>, bool) {
        let mut has_query = false;
        let pieces = segments
            .iter()
            .map(|segment| match segment {
                UriSegment::Literal(text) | UriSegment::StageVariable(text) => {
                    has_query |= text.contains('?');
                    Self::Literal(text.clone())
                }
                UriSegment::PathParameter(name) => Self::Parameter {
                    name: name.clone(),
                    variable: path_source(mappings, name).and_then(|name| place_of(name, path)),
                    in_query: has_query,
                },
            })
            .collect();
        (pieces, has_query)
    }
}

/// The place of a path variable among those of its path.
fn place_of(name: &str, path: &ResourcePath) -> Option<usize> {
    path.parts().iter().filter_map(PathPart::variable).position(|own| own == name)
}

fn path_source<'m>(mappings: &'m [RequestMapping], name: &str) -> Option<&'m str> {
    mappings.iter().rev().find_map(|mapping| match (&mapping.target, &mapping.source) {
        (RequestTarget::Path(target), postern_model::RequestSource::Path(variable)) if **target == *name => {
            Some(&**variable)
        }
        _ => None,
    })
}
