//! The events of functions: of a Lambda proxy integration (lambda-events.md sections 1 and 2) and of a Lambda
//! authorizer (authorization.md section 3.2). Written in one pass into one text, without a tree in between.

use std::borrow::Cow;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use postern_protocol::http1::{FieldBlock, KnownName};

use super::{forwarding, json_text::Object, parameters};
use crate::{
    Arrival, HttpVersion, Record, Refusal, calendar, content,
    context::{Variable, View, lossy},
    record::AuthorizerOutcome,
    routing::{By, Located, Matched},
};

/// The most that an event may have, in bytes: 6 MiB and 100 (integrations.md section 13).
pub(crate) const EVENT_BYTES_MAX: usize = 6_291_556;

/// Writes the event of a request. `own_fields` are what the gateway says in the place of what a client says
/// under those names; `body` is as the client sent it.
pub(crate) fn write_event(
    record: &Record<'_>,
    matched: &Matched<'_>,
    own_fields: &FieldBlock,
    body: &[u8],
    output: &mut String,
) -> Result<(), Refusal> {
    let (Some(located), Some(arrival)) = (record.located.as_ref(), record.arrival) else {
        return Err(Refusal::Overloaded);
    };
    output.clear();
    let mut event = Object::begin(output);
    write_request(record, matched, (located, arrival), own_fields, Reader::Integration, &mut event);
    write_body(located, arrival, body, &mut event);
    event.end();
    if output.len() > EVENT_BYTES_MAX { Err(Refusal::EventTooLarge) } else { Ok(()) }
}

/// Writes the event of a TOKEN authorizer.
pub(crate) fn write_token_event(token: &str, method_arn: &str, output: &mut String) {
    output.clear();
    let mut event = Object::begin(output);
    event.text("type", "TOKEN");
    event.text("authorizationToken", token);
    event.text("methodArn", method_arn);
    event.end();
}

/// Writes the event of a REQUEST authorizer: that of a proxy integration without the body.
pub(crate) fn write_authorizer_event(
    record: &Record<'_>,
    matched: &Matched<'_>,
    own_fields: &FieldBlock,
    method_arn: &str,
    output: &mut String,
) -> Result<(), Refusal> {
    let (Some(located), Some(arrival)) = (record.located.as_ref(), record.arrival) else {
        return Err(Refusal::Overloaded);
    };
    output.clear();
    let mut event = Object::begin(output);
    event.text("type", "REQUEST");
    event.text("methodArn", method_arn);
    write_request(record, matched, (located, arrival), own_fields, Reader::Authorizer, &mut event);
    event.end();
    if output.len() > EVENT_BYTES_MAX { Err(Refusal::EventTooLarge) } else { Ok(()) }
}

/// Who is given an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reader {
    Integration,
    /// Its maps are never null (AU-43), and no key was looked up yet when it is asked.
    Authorizer,
}

impl Reader {
    /// What stands in the place of a map without entries.
    fn empty(self, event: &mut Object<'_>, name: &str) {
        match self {
            Self::Integration => event.null(name),
            Self::Authorizer => event.object(name, |_| ()),
        }
    }

    fn map<'v>(self, event: &mut Object<'_>, name: &str, entries: impl Iterator<Item = (&'v str, &'v str)>) {
        let mut entries = entries.peekable();
        if entries.peek().is_none() {
            return self.empty(event, name);
        }
        event.object(name, |map| entries.for_each(|(name, value)| map.text(name, value)));
    }
}

/// Writes what every event tells of a request.
fn write_request(
    record: &Record<'_>,
    matched: &Matched<'_>,
    (located, arrival): (&Located<'_>, &Arrival<'_>),
    own_fields: &FieldBlock,
    reader: Reader,
    event: &mut Object<'_>,
) {
    let view = View { record, error: None, sent: None };
    event.text("resource", &matched.method.path);
    event.text("path", event_path(located));
    event.value("httpMethod", &view, Variable::HttpMethod);
    write_headers(record, arrival, own_fields, event);
    write_query(record, reader, event);
    reader.map(event, "pathParameters", matched.variables());
    let variables = &located.stage.variables;
    reader.map(event, "stageVariables", variables.iter().map(|(name, value)| (&**name, &**value)));
    write_request_context(record, matched, &view, reader, event);
}

/// The path without the stage; the base path of a domain name stays.
fn event_path<'a>(located: &Located<'a>) -> &'a str {
    match located.by {
        By::Domain { .. } => located.path,
        _ => located.resource_path,
    }
}

/// `headers` with the last value of each name, `multiValueHeaders` with all of them.
fn write_headers(
    record: &Record<'_>,
    arrival: &Arrival<'_>,
    own_fields: &FieldBlock,
    event: &mut Object<'_>,
) {
    let fields = arrival.head.over(arrival.bytes).fields();
    let spelled = |name: &'_ [u8], known: KnownName| match known {
        // HTTP/2 knows lower case alone; these two the service capitalises.
        KnownName::Host if arrival.version == HttpVersion::Http2 => "Host".to_owned(),
        KnownName::UserAgent if arrival.version == HttpVersion::Http2 => "User-Agent".to_owned(),
        _ => lossy(&forwarding::spelled(record, name)).into_owned(),
    };
    event.object("headers", |headers| {
        forwarding::each_visible_field(fields, |view, is_repeated| {
            let last = if is_repeated { fields.values_named(view.name).last() } else { None };
            headers.text(&spelled(view.name, view.field.known), &lossy(last.unwrap_or(view.value)));
        });
        for (name, value) in own_fields.iter() {
            headers.text(&lossy(name), &lossy(value));
        }
    });
    event.object("multiValueHeaders", |headers| {
        forwarding::each_visible_field(fields, |view, is_repeated| {
            let name = spelled(view.name, view.field.known);
            if is_repeated {
                headers.list(&name, fields.values_named(view.name).map(lossy));
            } else {
                headers.list(&name, [lossy(view.value)].into_iter());
            }
        });
        for (name, value) in own_fields.iter() {
            headers.list(&lossy(name), [lossy(value)].into_iter());
        }
    });
}

/// Both maps of the query, in the order of the names (Q7).
fn write_query(record: &Record<'_>, reader: Reader, event: &mut Object<'_>) {
    let query = parameters::query(record);
    let mut sorted: Vec<(Cow<'_, str>, Cow<'_, str>)> = query
        .into_iter()
        .flat_map(|query| query.parameters())
        .map(|parameter| (parameters::text(parameter.name()), parameters::text(parameter.value())))
        .collect();
    if sorted.is_empty() {
        reader.empty(event, "queryStringParameters");
        reader.empty(event, "multiValueQueryStringParameters");
        return;
    }
    // Values of one name stay in their order.
    sorted.sort_by(|one, other| one.0.as_bytes().cmp(other.0.as_bytes()));
    let same_name = || sorted.chunk_by(|one, other| one.0 == other.0);
    event.object("queryStringParameters", |map| {
        for (name, value) in same_name().filter_map(<[_]>::last) {
            map.text(name, value);
        }
    });
    event.object("multiValueQueryStringParameters", |map| {
        for values in same_name() {
            let name = values.first().map_or("", |(name, _)| name);
            map.list(name, values.iter().map(|(_, value)| Cow::Borrowed(&**value)));
        }
    });
}

fn write_request_context(
    record: &Record<'_>,
    matched: &Matched<'_>,
    view: &View<'_>,
    reader: Reader,
    event: &mut Object<'_>,
) {
    use Variable as V;
    event.object("requestContext", |context| {
        context.value("resourceId", view, V::ResourceId);
        context.value("resourcePath", view, V::ResourcePath);
        if let Some(name) = &matched.method.operation_name {
            context.text("operationName", name);
        }
        context.value("httpMethod", view, V::HttpMethod);
        context.value("extendedRequestId", view, V::ExtendedRequestId);
        context.text("requestTime", &calendar::request_time(record.received.epoch_milliseconds));
        context.value("path", view, V::Path);
        context.value("accountId", view, V::AccountId);
        context.value("protocol", view, V::Protocol);
        context.value("stage", view, V::Stage);
        context.value("domainName", view, V::DomainName);
        context.value("domainPrefix", view, V::DomainPrefix);
        context.number("requestTimeEpoch", record.received.epoch_milliseconds);
        context.value("requestId", view, V::RequestId);
        context.object("identity", |identity| write_identity(record, view, reader, identity));
        context.value("deploymentId", view, V::DeploymentId);
        context.value("apiId", view, V::ApiId);
        if let Some(outcome) = &record.authorizer {
            context.object("authorizer", |authorizer| write_authorizer(outcome, authorizer));
        }
    });
}

/// What the authorizer said, and how long it took: 0 milliseconds where it had said so before
/// (lambda-events.md section 2.2).
fn write_authorizer(outcome: &AuthorizerOutcome, authorizer: &mut Object<'_>) {
    for (name, value) in outcome.context().filter(|(name, _)| *name != "integrationLatency") {
        authorizer.text(name, value);
    }
    authorizer.number("integrationLatency", outcome.latency_milliseconds());
}

/// Keys that are there in every event, null where nobody signed (section 2.1). There are no Cognito
/// identity pools here.
const OF_SIGNERS: [(&str, Option<Variable>); 10] = [
    ("cognitoIdentityPoolId", None),
    ("accountId", Some(Variable::IdentityAccountId)),
    ("cognitoIdentityId", None),
    ("caller", Some(Variable::IdentityCaller)),
    ("principalOrgId", Some(Variable::IdentityPrincipalOrgId)),
    ("accessKey", Some(Variable::IdentityAccessKey)),
    ("cognitoAuthenticationType", None),
    ("cognitoAuthenticationProvider", None),
    ("userArn", Some(Variable::IdentityUserArn)),
    ("user", Some(Variable::IdentityUser)),
];

fn write_identity(record: &Record<'_>, view: &View<'_>, reader: Reader, identity: &mut Object<'_>) {
    for (name, variable) in OF_SIGNERS {
        match variable.and_then(|variable| view.text(variable)) {
            Some(text) => identity.text(name, &text),
            None => identity.null(name),
        }
    }
    identity.value("sourceIp", view, Variable::IdentitySourceIp);
    identity.value("userAgent", view, Variable::IdentityUserAgent);
    match reader {
        Reader::Integration => {
            if let Some(key) = parameters::api_key(record) {
                identity.text("apiKey", &key);
                identity.value("apiKeyId", view, Variable::IdentityApiKeyId);
            }
        }
        Reader::Authorizer => {
            if let Some(key) = parameters::sent_api_key(record) {
                identity.text("apiKey", &key);
            }
        }
    }
    for (name, variable) in [("vpcId", Variable::IdentityVpcId), ("vpceId", Variable::IdentityVpceId)] {
        if let Some(id) = view.text(variable) {
            identity.text(name, &id);
        }
    }
    if view.text(Variable::IdentityClientCertSubject).is_some() {
        identity.object("clientCert", |certificate| write_certificate(view, certificate));
    }
}

/// Who the client has shown to be, where the domain name asks for that.
fn write_certificate(view: &View<'_>, certificate: &mut Object<'_>) {
    use Variable as V;
    certificate.value("clientCertPem", view, V::IdentityClientCertPem);
    certificate.value("subjectDN", view, V::IdentityClientCertSubject);
    certificate.value("issuerDN", view, V::IdentityClientCertIssuer);
    certificate.value("serialNumber", view, V::IdentityClientCertSerialNumber);
    certificate.object("validity", |validity| {
        validity.value("notBefore", view, V::IdentityClientCertNotBefore);
        validity.value("notAfter", view, V::IdentityClientCertNotAfter);
    });
}

/// The body as text, or as base64 where its type is binary (BM1); null where it is empty.
fn write_body(located: &Located<'_>, arrival: &Arrival<'_>, body: &[u8], event: &mut Object<'_>) {
    let is_binary = content::is_binary_request(located.api, arrival);
    if body.is_empty() {
        event.null("body");
    } else if is_binary {
        event.plain_text("body", |output| BASE64_STANDARD.encode_string(body, output));
    } else {
        event.text("body", &lossy(body));
    }
    event.boolean("isBase64Encoded", is_binary);
}
