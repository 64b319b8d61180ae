//! The extensions at the root of a definition that describe the API as a whole.

use std::collections::BTreeMap;

use postern_document::{Node, Record, write_json};
use postern_model::{
    ApiKeySource, EndpointAccessMode, GatewayResponse, GatewayResponseType, MediaTypePattern, VpcEndpointId,
};
use postern_policy::{Policy, PolicyKind, Reading};

use super::{Level, gateway_response::read_gateway_responses};
use crate::{
    context::{Context, whole_number, word},
    dialect::Dialect,
    report::{Feature, Keys},
};

/// The most bytes that `minimum-compression-size` may name.
const COMPRESSION_SIZE_MAX: u32 = 10_485_760;

/// The characters of a resource policy that the service allows (resource-policies.md section 1).
const POLICY_CHARACTERS: usize = 8_192;

/// What the extensions at the root say.
#[derive(Default)]
pub(crate) struct RootExtensions {
    pub(crate) policy: Option<Policy>,
    pub(crate) binary_media_types: Vec<MediaTypePattern>,
    pub(crate) minimum_compression_size: Option<u32>,
    pub(crate) api_key_source: ApiKeySource,
    pub(crate) gateway_responses: BTreeMap<GatewayResponseType, GatewayResponse>,
    pub(crate) disable_execute_api_endpoint: Option<bool>,
    pub(crate) vpc_endpoint_ids: Vec<VpcEndpointId>,
    pub(crate) security_policy: Option<Box<str>>,
    pub(crate) endpoint_access_mode: Option<EndpointAccessMode>,
}

/// Reads the extensions at the root, and the endpoint configuration of the servers.
pub(crate) fn read_root<'a>(record: &mut Record<'a>, context: &mut Context<'a>) -> RootExtensions {
    let mut extensions = RootExtensions {
        policy: read_policy(record, context),
        binary_media_types: read_binary_media_types(record, context),
        minimum_compression_size: read_compression(record, context),
        api_key_source: read_api_key_source(record, context),
        ..RootExtensions::default()
    };
    let responses = record.mapping("x-amazon-apigateway-gateway-responses", &mut context.report.problems);
    extensions.gateway_responses = read_gateway_responses(responses, context);
    extensions.read_endpoint_configurations(record, context);
    extensions.read_listener_policy(record, context);
    extensions
}

fn read_policy(record: &mut Record<'_>, context: &mut Context<'_>) -> Option<Policy> {
    let entry = record.entry("x-amazon-apigateway-policy")?;
    let node = context.pseudo_parameters.fill_node(&entry.value);
    let characters =
        node.as_text().map_or_else(|| write_json(&node).chars().count(), |text| text.chars().count());
    if characters > POLICY_CHARACTERS {
        let message = format!("a policy of {characters} characters: the service allows {POLICY_CHARACTERS}");
        context.report.warning(&entry.place, message);
    }
    let base = context.options.base();
    let reading = Reading {
        kind: PolicyKind::Resource,
        base: Some(&base),
        rewrite_api_id: context.options.rewrite_policy_api_id,
    };
    let policy = Policy::parse(&node, &reading, &mut context.report.problems)?;
    if !policy.statements().is_empty() && !policy.can_speak_of(&base) && context.options.api.is_some() {
        let message = "no statement of the policy can ever match a request to this API: \
             `rewritePolicyApiId: true` reads the API id of an exported policy as this one's";
        context.report.error(&entry.place, message);
    }
    Some(policy)
}

fn read_binary_media_types(record: &mut Record<'_>, context: &mut Context<'_>) -> Vec<MediaTypePattern> {
    const KEY: &str = "x-amazon-apigateway-binary-media-types";
    let items = record.sequence(KEY, &mut context.report.problems);
    let types: Vec<_> = items
        .iter()
        .filter_map(|node| context.parse("a binary media type", node, MediaTypePattern::parse))
        .collect();
    let everything = items.iter().find(|node| node.as_text() == Some("*/*"));
    context.lints.everything_is_binary = everything.map(|node| node.place.clone());
    types
}

fn read_compression(record: &mut Record<'_>, context: &mut Context<'_>) -> Option<u32> {
    const KEY: &str = "x-amazon-apigateway-minimum-compression-size";
    let size = |text: &str| whole_number(text, 0, COMPRESSION_SIZE_MAX);
    record.optional(KEY, size, &mut context.report.problems)
}

fn read_api_key_source(record: &mut Record<'_>, context: &mut Context<'_>) -> ApiKeySource {
    const KEY: &str = "x-amazon-apigateway-api-key-source";
    const SOURCES: &[(&str, ApiKeySource)] =
        &[("HEADER", ApiKeySource::Header), ("AUTHORIZER", ApiKeySource::Authorizer)];
    record.optional(KEY, |text| word(text, SOURCES), &mut context.report.problems).unwrap_or_default()
}

fn note(feature: Feature, node: Option<&Node>, context: &mut Context<'_>) {
    if let Some(node) = node {
        context.report.uses(feature, &node.place);
    }
}

impl RootExtensions {
    fn read_listener_policy(&mut self, record: &mut Record<'_>, context: &mut Context<'_>) {
        const POLICY: &str = "x-amazon-apigateway-security-policy";
        const MODE: &str = "x-amazon-apigateway-endpoint-access-mode";
        const MODES: &[(&str, EndpointAccessMode)] =
            &[("BASIC", EndpointAccessMode::Basic), ("STRICT", EndpointAccessMode::Strict)];
        let problems = &mut context.report.problems;
        self.security_policy = record.optional(POLICY, |text| Ok::<_, String>(text.into()), problems);
        self.endpoint_access_mode = record.optional(MODE, |text| word(text, MODES), problems);
        note(Feature::SecurityPolicy, record.node(POLICY), context);
        note(Feature::EndpointAccessMode, record.node(MODE), context);
    }

    /// Swagger has it at the root, OpenAPI inside a server; both are looked at in both.
    fn read_endpoint_configurations(&mut self, record: &mut Record<'_>, context: &mut Context<'_>) {
        const KEY: &str = "x-amazon-apigateway-endpoint-configuration";
        if let Some(node) = record.node(KEY) {
            self.read_endpoint_configuration(node, context);
        }
        if context.dialect == Dialect::OpenApi3 {
            let servers = record.sequence("servers", &mut context.report.problems);
            for server in servers {
                read_server(server, context);
                if let Some(node) = server.get(KEY) {
                    self.read_endpoint_configuration(node, context);
                }
            }
        }
    }

    fn read_endpoint_configuration(&mut self, node: &Node, context: &mut Context<'_>) {
        const KEYS: Keys = Keys {
            what: "an endpoint configuration",
            documentation: &[],
            ignored: &[("types", "the endpoint type is said by the configuration of the gateway")],
            level: Level::Elsewhere,
        };
        let problems = &mut context.report.problems;
        let Some(mut record) = Record::read(node, KEYS.what, problems) else { return };
        let ids = record.sequence("vpcEndpointIds", problems);
        if record.node("disableExecuteApiEndpoint").is_some() {
            self.disable_execute_api_endpoint =
                Some(record.boolean("disableExecuteApiEndpoint", false, problems));
        }
        context.report.unread(&record, &KEYS);
        let ids = ids.iter().filter_map(|node| context.parse("vpcEndpointIds", node, str::parse));
        self.vpc_endpoint_ids.extend(ids);
    }
}

fn read_server(server: &Node, context: &mut Context<'_>) {
    const KEYS: Keys = Keys {
        what: "a server",
        documentation: &["url", "description", "variables"],
        ignored: &[],
        level: Level::Server,
    };
    if let Some(record) = Record::read(server, KEYS.what, &mut context.report.problems) {
        context.report.unread(&record, &KEYS);
    }
}
