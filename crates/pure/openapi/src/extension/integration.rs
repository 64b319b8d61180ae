//! `x-amazon-apigateway-integration`: what a method calls.

use postern_document::{Node, Place, Record};
use postern_model::{
    ConnectionType, Integration, IntegrationType, PassthroughBehavior, RequestTarget, ResponseTransferMode,
    UriSegment, UriTemplate, Verb,
};

use super::{
    Level,
    address::{self, Service},
    content_handling, request_mapping, response_mapping,
};
use crate::{
    context::{Context, whole_number, word},
    mapping,
    operation::Declared,
    reference::reference_of,
    report::Keys,
    template,
};

const KEYS: Keys = Keys {
    what: "an integration",
    documentation: &["description"],
    ignored: &[
        ("payloadFormatVersion", "it belongs to HTTP APIs"),
        ("integrationSubtype", "it belongs to HTTP APIs"),
    ],
    level: Level::Elsewhere,
};

const TYPES: &[(&str, IntegrationType)] = &[
    ("http", IntegrationType::Http),
    ("http_proxy", IntegrationType::HttpProxy),
    ("aws", IntegrationType::Aws),
    ("aws_proxy", IntegrationType::AwsProxy),
    ("mock", IntegrationType::Mock),
];

const PASSTHROUGH_BEHAVIORS: &[(&str, PassthroughBehavior)] = &[
    ("when_no_match", PassthroughBehavior::WhenNoMatch),
    ("when_no_templates", PassthroughBehavior::WhenNoTemplates),
    ("never", PassthroughBehavior::Never),
];

const RESPONSE_TRANSFER_MODES: &[(&str, ResponseTransferMode)] =
    &[("BUFFERED", ResponseTransferMode::Buffered), ("STREAM", ResponseTransferMode::Stream)];

/// Whether a connection goes through a VPC link.
const CONNECTION_TYPES: &[(&str, bool)] = &[("INTERNET", false), ("VPC_LINK", true)];

/// The least of `timeoutInMillis` (integrations.md section 13).
const TIMEOUT_MILLISECONDS_MIN: u32 = 50;

/// The most of `timeoutInMillis`, and what holds where nothing is said.
const TIMEOUT_MILLISECONDS_MAX: u32 = 29_000;

/// The most for an answer that comes in pieces (ST2).
const STREAM_TIMEOUT_MILLISECONDS_MAX: u32 = 900_000;

/// An integration while it is read: what the file says, and what has been made of it.
struct Draft<'a> {
    record: Record<'a>,
    integration: Integration,
    service: Option<Service>,
}

/// Reads an integration. What is wrong is reported; `None` where there is not even a type.
pub(crate) fn read_integration<'a>(
    node: &'a Node,
    declared: &Declared<'_>,
    context: &mut Context<'a>,
) -> Option<Integration> {
    if reference_of(node).is_some() {
        let message = "`$ref` in an integration belongs to HTTP APIs, and is followed here too";
        context.report.once(&node.place, message);
    }
    let node = context.follow(node)?;
    let mut record = Record::read(node, KEYS.what, &mut context.report.problems)?;
    let kind = record.required("type", |text| word(text, TYPES), &mut context.report.problems)?;
    let mut draft = Draft { record, integration: empty(node.place.clone(), kind), service: None };
    draft.read_connection(context);
    draft.read_address(context);
    draft.read_verb(context);
    draft.read_transfer(context);
    draft.read_tls(context);
    draft.read_caching(context);
    draft.read_request(declared, context);
    draft.read_responses(declared, context);
    context.report.unread(&draft.record, &KEYS);
    draft.note_use(context);
    Some(draft.integration)
}

const fn empty(place: Place, kind: IntegrationType) -> Integration {
    Integration {
        place,
        kind,
        http_method: None,
        uri: None,
        connection: ConnectionType::Internet,
        integration_target: None,
        credentials: None,
        timeout_milliseconds: TIMEOUT_MILLISECONDS_MAX,
        passthrough_behavior: PassthroughBehavior::WhenNoMatch,
        content_handling: None,
        request_parameters: Vec::new(),
        request_templates: Vec::new(),
        responses: Vec::new(),
        insecure_skip_verification: false,
        response_transfer_mode: ResponseTransferMode::Buffered,
        cache_namespace: None,
        cache_key_parameters: Vec::new(),
        always_fails: false,
    }
}

impl<'a> Draft<'a> {
    fn is_proxy(&self) -> bool {
        matches!(self.integration.kind, IntegrationType::HttpProxy | IntegrationType::AwsProxy)
    }

    fn is_aws(&self) -> bool {
        matches!(self.integration.kind, IntegrationType::Aws | IntegrationType::AwsProxy)
    }

    fn is_http(&self) -> bool {
        matches!(self.integration.kind, IntegrationType::Http | IntegrationType::HttpProxy)
    }

    fn is_function(&self) -> bool {
        matches!(self.service, Some(Service::Function | Service::StreamingFunction))
    }

    /// Reports what the service answers 500 to: an error where the API is strict, else a warning,
    /// and every call fails.
    fn fails(&mut self, place: &Place, message: String, context: &mut Context<'_>) {
        self.integration.always_fails = true;
        context.report.strict(context.options.strict, place, message);
    }

    fn read_connection(&mut self, context: &mut Context<'_>) {
        let problems = &mut context.report.problems;
        let is_private =
            self.record.optional("connectionType", |text| word(text, CONNECTION_TYPES), problems);
        let id = self.record.node("connectionId");
        let target = self.record.node("integrationTarget");
        match (is_private, id) {
            (Some(true), Some(id)) => {
                if let Some(id) = context.parse("connectionId", id, str::parse) {
                    self.integration.connection = ConnectionType::VpcLink(id);
                }
            }
            (Some(true), None) => {
                let message = "`connectionId` is missing: a `VPC_LINK` is named by it";
                context.report.error(self.record.place(), message);
            }
            (_, Some(id)) => {
                let message = "`connectionId` is ignored: `connectionType` is not `VPC_LINK`";
                context.report.once(&id.place, message);
            }
            (_, None) => {}
        }
        if let Some(target) = target {
            self.integration.integration_target = context.parse("integrationTarget", target, str::parse);
            let message = "`integrationTarget` is not used: the targets of a link are those of `vpcLinks`";
            context.report.once(&target.place, message);
        }
    }

    fn read_address(&mut self, context: &mut Context<'_>) {
        let uri = self.record.node("uri");
        if self.integration.kind == IntegrationType::Mock {
            return; // MK6: ignored, whatever it says.
        }
        let Some(node) = uri else {
            let message = "`uri` is missing: only an integration of type `mock` has none";
            return context.report.error(self.record.place(), message);
        };
        if self.is_http() {
            return self.read_http_address(node, context);
        }
        self.service = node.as_scalar_text().and_then(|text| address::service_of(&context.fill(text)));
        self.integration.uri = context.parse("uri", node, address::service_uri);
        if self.integration.kind == IntegrationType::AwsProxy && self.service == Some(Service::Other) {
            let message = "an integration of type `aws_proxy` calls a Lambda function and nothing else";
            context.report.error(&node.place, message);
        }
    }

    fn read_http_address(&mut self, node: &Node, context: &mut Context<'_>) {
        let Some(text) = node.as_scalar_text() else {
            let message = format!("`uri` is {}: expected text", node.kind());
            return context.report.error(&node.place, message);
        };
        let text = context.fill(text);
        let is_private = self.integration.connection != ConnectionType::Internet;
        match address::http_uri(&text, is_private) {
            Ok(uri) => self.integration.uri = Some(uri),
            Err(error) => {
                self.integration.uri = text.parse().ok();
                self.fails(&node.place, format!("`uri` is `{text}`: {error}"), context);
            }
        }
    }

    fn read_verb(&mut self, context: &mut Context<'_>) {
        let node = self.record.node("httpMethod");
        if self.integration.kind == IntegrationType::Mock {
            return;
        }
        self.integration.http_method = node.and_then(|node| context.parse("httpMethod", node, str::parse));
        let Some(node) = node else {
            if self.is_aws() {
                let message = "`httpMethod` is missing: it is `POST` for a Lambda function or an action";
                context.report.error(self.record.place(), message);
            }
            return;
        };
        if self.is_function() && self.integration.http_method.is_some_and(|verb| verb != Verb::Post) {
            let message = format!(
                "`httpMethod` is `{}`: a Lambda function is called by `POST`, every other call answers 500",
                node.as_scalar_text().unwrap_or_default()
            );
            self.fails(&node.place, message, context);
        }
    }

    fn read_transfer(&mut self, context: &mut Context<'_>) {
        let problems = &mut context.report.problems;
        let mode = self.record.optional(
            "responseTransferMode",
            |text| word(text, RESPONSE_TRANSFER_MODES),
            problems,
        );
        let is_stream = mode == Some(ResponseTransferMode::Stream);
        let most = if is_stream { STREAM_TIMEOUT_MILLISECONDS_MAX } else { TIMEOUT_MILLISECONDS_MAX };
        let timeout = |text: &str| whole_number(text, TIMEOUT_MILLISECONDS_MIN, most);
        let timeout = self.record.optional("timeoutInMillis", timeout, problems);
        self.integration.timeout_milliseconds = timeout.unwrap_or(TIMEOUT_MILLISECONDS_MAX);
        self.integration.response_transfer_mode = mode.unwrap_or_default();
        let place =
            self.record.node("responseTransferMode").map_or_else(|| self.record.place(), |node| &node.place);
        let message = match self.service {
            _ if is_stream && !self.is_proxy() => {
                "`responseTransferMode: STREAM` is for the types `http_proxy` and `aws_proxy` alone"
            }
            Some(Service::Function) if is_stream => {
                "with `responseTransferMode: STREAM` a function is called by `…/response-streaming-invocations`"
            }
            Some(Service::StreamingFunction) if !is_stream => {
                "`…/response-streaming-invocations` wants `responseTransferMode: STREAM`"
            }
            _ => return,
        };
        context.report.error(place, message);
    }

    fn read_tls(&mut self, context: &mut Context<'_>) {
        const KEYS: Keys = Keys {
            what: "`tlsConfig`",
            documentation: &[],
            ignored: &[(
                "serverNameToVerify",
                "it belongs to HTTP APIs, and the name in the `uri` is verified",
            )],
            level: Level::Elsewhere,
        };
        let Some(node) = self.record.node("tlsConfig") else { return };
        let problems = &mut context.report.problems;
        let Some(mut record) = Record::read(node, KEYS.what, problems) else { return };
        let skips = record.boolean("insecureSkipVerification", false, problems);
        context.report.unread(&record, &KEYS);
        self.integration.insecure_skip_verification = skips && self.is_http();
        if skips && !self.is_http() {
            let message = "`insecureSkipVerification` is for the types `http` and `http_proxy` alone";
            context.report.once(&node.place, message);
        }
    }

    /// Caching is switched on by a stage, never by a definition, so that these have no effect by
    /// themselves.
    fn read_caching(&mut self, context: &mut Context<'_>) {
        let namespace = self.record.node("cacheNamespace");
        let parameters = self.record.sequence("cacheKeyParameters", &mut context.report.problems);
        self.integration.cache_namespace = namespace.and_then(Node::as_scalar_text).map(Into::into);
        let parameters = parameters
            .iter()
            .filter_map(|node| context.parse("cacheKeyParameters", node, mapping::cache_key_parameter));
        self.integration.cache_key_parameters = parameters.collect();
        let is_stream = self.integration.response_transfer_mode == ResponseTransferMode::Stream;
        if is_stream && !self.integration.cache_key_parameters.is_empty() {
            let message = "`cacheKeyParameters` has no effect on an answer that comes in pieces";
            context.report.once(self.record.place(), message);
        }
    }

    fn read_request(&mut self, declared: &Declared<'_>, context: &mut Context<'a>) {
        let problems = &mut context.report.problems;
        let behavior = |text: &str| word(text, PASSTHROUGH_BEHAVIORS);
        let behavior = self.record.optional("passthroughBehavior", behavior, problems);
        self.integration.passthrough_behavior = behavior.unwrap_or_default();
        self.integration.content_handling = content_handling(&mut self.record, problems);
        let parameters = self.record.mapping("requestParameters", problems);
        let templates = self.record.mapping("requestTemplates", problems);
        let credentials = self.record.node("credentials");

        for entry in parameters {
            let kind = self.integration.kind;
            let Some((mapping, fault)) = request_mapping::read(entry, kind, declared, context) else {
                continue;
            };
            if let Some(fault) = fault {
                self.fails(&entry.place, fault, context);
            }
            self.integration.request_parameters.push(mapping);
        }
        if self.is_proxy() {
            template::has_no_effect("requestTemplates", templates, context);
        } else {
            self.integration.request_templates = template::read_all("requestTemplates", templates, context);
        }
        if let Some(node) = credentials.filter(|node| node.as_scalar_text() != Some("")) {
            self.read_credentials(node, context);
        }
        let overrides = |entry: &postern_document::Entry| {
            entry.value.as_text().is_some_and(|text| text.contains("requestOverride.path"))
        };
        if !templates.iter().any(overrides) {
            self.check_path(context);
        }
        let overrides = |entry: &postern_document::Entry| {
            entry.value.as_text().is_some_and(|text| text.contains("requestOverride.header"))
        };
        if !templates.iter().any(overrides) {
            self.check_target(context);
        }
    }

    /// EventBridge is told its action by a mapping alone (AW4).
    fn check_target(&self, context: &mut Context<'_>) {
        let is_of_events = |uri: &UriTemplate| uri.as_str().contains(":events:action/");
        let is_target = |target: &RequestTarget| matches!(target, RequestTarget::Header(name) if name.eq_ignore_ascii_case("X-Amz-Target"));
        if self.is_aws()
            && self.integration.uri.as_ref().is_some_and(is_of_events)
            && !self.integration.request_parameters.iter().any(|mapping| is_target(&mapping.target))
        {
            let message = "EventBridge knows no action without \
                `integration.request.header.X-Amz-Target`, such as `'AWSEvents.PutEvents'`";
            context.report.warning(self.record.place(), message);
        }
    }

    fn read_credentials(&mut self, node: &Node, context: &mut Context<'_>) {
        self.integration.credentials = context.parse("credentials", node, str::parse::<UriTemplate>);
        if !self.is_aws() {
            let message = "`credentials` is for the types `aws` and `aws_proxy` alone, and is ignored";
            context.report.once(&node.place, message);
        }
    }

    /// A `{name}` of the address that nothing fills makes it a bad one (PM7).
    fn check_path(&self, context: &mut Context<'_>) {
        let Some(uri) = &self.integration.uri else { return };
        let parameters = &self.integration.request_parameters;
        for segment in uri.segments() {
            let UriSegment::PathParameter(name) = segment else { continue };
            let fills =
                |target: &RequestTarget| matches!(target, RequestTarget::Path(filled) if filled == name);
            if self.integration.kind != IntegrationType::AwsProxy
                && !parameters.iter().any(|mapping| fills(&mapping.target))
            {
                let message = format!(
                    "`{{{name}}}` in `uri` is filled by nothing: without `integration.request.path.{name}` every \
                     call answers 500"
                );
                context.report.warning(self.record.place(), message);
            }
        }
    }

    fn read_responses(&mut self, declared: &Declared<'_>, context: &mut Context<'a>) {
        let responses = self.record.mapping("responses", &mut context.report.problems);
        if self.is_proxy() {
            return response_mapping::have_no_effect(responses, context);
        }
        let calls_function = self.is_function();
        self.integration.responses = responses
            .iter()
            .filter_map(|entry| response_mapping::read(entry, calls_function, declared, context))
            .collect();
        if responses.is_empty() {
            let message = "without `responses` every call answers 500: expected at least `default`";
            context.report.warning(self.record.place(), message);
        }
    }

    fn note_use(&self, context: &mut Context<'_>) {
        let Integration { place, kind, .. } = &self.integration;
        context.lints.proxied_function |= *kind == IntegrationType::AwsProxy;
        if self.integration.cache_namespace.is_some() || !self.integration.cache_key_parameters.is_empty() {
            let message = "`cacheNamespace` and `cacheKeyParameters` have no effect yet: response caching is not served";
            context.report.once(place, message);
        }
    }
}
