//! Which header fields pass, which are dropped, which are renamed, and which the gateway adds
//! (gateway-responses.md sections 6 and 7, integrations.md section 6, hardening.md section 4).

use std::{borrow::Cow, io::Write};

use postern_protocol::http1::{FieldBlock, FieldView, Fields, KnownName};
use postern_protocol::signature::holds_signature;

use crate::{Arrival, Connection, Identity, Record, context::trace_root, routing::Located};

/// A set of known names, one bit each.
#[derive(Clone, Copy, Debug)]
struct Names(u128);

impl Names {
    const fn of(names: &[KnownName]) -> Self {
        let mut bits = 0;
        let mut rest = names;
        while let [name, others @ ..] = rest {
            bits |= 1 << *name as u8;
            rest = others;
        }
        Self(bits)
    }

    const fn and(self, others: Self) -> Self {
        Self(self.0 | others.0)
    }

    const fn contains(self, name: KnownName) -> bool {
        self.0 & (1 << name as u8) != 0
    }
}

use KnownName as N;

/// Dropped on entry: no mapping, event or backend sees them (H1 of routing.md, GR-47).
const DROPPED_ON_ENTRY: Names = Names::of(&[
    N::Connection,
    N::ContentLength,
    N::ContentMd5,
    N::Expect,
    N::MaxForwards,
    N::ProxyAuthenticate,
    N::Server,
    N::Te,
    N::TransferEncoding,
    N::Trailer,
    N::Upgrade,
    N::WwwAuthenticate,
    N::KeepAlive,
    N::ProxyConnection,
    N::ProxyAuthorization,
    N::Http2Settings,
]);

/// Fields that the gateway alone sets: a client's own are removed, with `_` for `-` too (PA-67).
const SET_BY_THE_GATEWAY: Names = Names::of(&[
    N::Forwarded,
    N::XForwardedFor,
    N::XForwardedHost,
    N::XForwardedPort,
    N::XForwardedProto,
    N::XAmznVpceId,
    N::XAmznVpcId,
    N::XAmznVpceConfig,
    N::XAmznVpcePolicyUrl,
    N::XAmznCipherSuite,
    N::XAmznTlsVersion,
    N::XAmznTraceId,
    N::XAmznApigatewayApiId,
]);

const INVISIBLE: Names = DROPPED_ON_ENTRY.and(SET_BY_THE_GATEWAY);

/// What an HTTP_PROXY backend does not get of a client's fields.
const NOT_FORWARDED: Names =
    INVISIBLE.and(Names::of(&[N::Host, N::ContentEncoding, N::Via, N::XHttpMethodOverride]));

/// Renamed to `x-amzn-Remapped-…` on the way back.
const REMAPPED: Names = Names::of(&[
    N::Connection,
    N::ContentLength,
    N::Date,
    N::Server,
    N::XAmznRequestId,
    N::XAmzApigwId,
    N::Authorization,
    N::ContentMd5,
    N::Expect,
    N::Host,
    N::MaxForwards,
    N::ProxyAuthenticate,
    N::UserAgent,
    N::WwwAuthenticate,
]);

/// Never passed back by a proxy integration.
const NOT_PASSED_BACK: Names = Names::of(&[
    N::TransferEncoding,
    N::Te,
    N::Trailer,
    N::Upgrade,
    N::Via,
    N::KeepAlive,
    N::ProxyConnection,
    N::ProxyAuthorization,
]);

/// Renamed where a mapping of a non-proxy integration sets them.
const REMAPPED_WHEN_MAPPED: Names = REMAPPED.and(Names::of(&[N::Trailer, N::Upgrade]));

const REMAPPED_PREFIX: &[u8] = b"x-amzn-Remapped-";

/// Whether a client's field of this name is invisible to mappings, templates and events: it is dropped
/// on entry (H1, I2), or the gateway alone says what stands there (PA-67, hardening.md section 4).
pub(crate) fn is_invisible(name: &[u8]) -> bool {
    INVISIBLE.contains(KnownName::of_underscored(name))
}

/// What mappings, templates and events see in the place of a client's fields.
pub(crate) fn own_fields(record: &Record<'_>) -> FieldBlock {
    let mut block = FieldBlock::default();
    write_own_fields(record, &mut Vec::new(), &mut block);
    block
}

/// A field's name as the API sees it: as it was sent, or in lower case (PA-123).
pub(crate) fn spelled<'f>(record: &Record<'_>, name: &'f [u8]) -> Cow<'f, [u8]> {
    match &record.located {
        Some(located) if located.lowers_header_names() => name.to_ascii_lowercase().into(),
        _ => name.into(),
    }
}

/// Writes the same into a block, and the trace id also by itself.
pub(crate) fn write_own_fields(record: &Record<'_>, trace_id: &mut Vec<u8>, block: &mut FieldBlock) {
    block.clear();
    push_own_fields(record, block);
    trace_id.clear();
    write_trace_id(record, trace_id);
    block.push_trusted(b"X-Amzn-Trace-Id", trace_id);
}

/// Copies a client's fields for an HTTP_PROXY backend. Several lines of one name become one (GR-42).
pub(crate) fn push_client_fields(record: &Record<'_>, fields: Fields<'_>, block: &mut FieldBlock) {
    let lowers_names = record.located.as_ref().is_some_and(Located::lowers_header_names);
    for view in fields.iter().filter(is_forwarded) {
        if is_repeated(fields, &view) {
            if !is_repetition(fields, &view) {
                push_joined(fields, &view, &spelled(record, view.name), block);
            }
        } else if lowers_names {
            block.push_trusted(&spelled(record, view.name), view.value);
        } else {
            block.push_read(&view);
        }
    }
}

/// Visits what mappings and events see of a client's fields, each name once, and says whether it is
/// repeated.
pub(crate) fn each_visible_field<'f>(fields: Fields<'f>, mut visit: impl FnMut(&FieldView<'f>, bool)) {
    for view in fields.iter() {
        let is_hidden = view.field.hop_by_hop
            || INVISIBLE.contains(KnownName::of_underscored(view.name))
            || is_signature(&view);
        if is_hidden {
            continue;
        }
        let is_repeated = is_repeated(fields, &view);
        if !is_repeated || !is_repetition(fields, &view) {
            visit(&view, is_repeated);
        }
    }
}

fn is_forwarded(view: &FieldView<'_>) -> bool {
    let disguised = view.field.alias != view.field.known && INVISIBLE.contains(view.field.alias);
    !view.field.hop_by_hop && !NOT_FORWARDED.contains(view.field.known) && !disguised && !is_signature(view)
}

/// A signature is for us, not for the backend (AU-95).
fn is_signature(view: &FieldView<'_>) -> bool {
    view.field.known == KnownName::Authorization && holds_signature(view.value)
}

/// Whether an earlier field has the same name, and was not left out as a signature.
fn is_repetition(fields: Fields<'_>, view: &FieldView<'_>) -> bool {
    fields
        .iter()
        .take_while(|other| !std::ptr::eq(other.field, view.field))
        .any(|other| other.name.eq_ignore_ascii_case(view.name) && !is_signature(&other))
}

/// Whether there are several fields of this name. Unknown names share one number, which says only that
/// there may be.
fn is_repeated(fields: Fields<'_>, view: &FieldView<'_>) -> bool {
    fields.is_repeated(view.field.known)
        && (view.field.known != KnownName::Other || fields.values_named(view.name).nth(1).is_some())
}

fn push_joined(fields: Fields<'_>, view: &FieldView<'_>, name: &[u8], block: &mut FieldBlock) {
    // HTTP/2 clients split `Cookie` into crumbs (RFC 9113 section 8.2.3).
    let separator: &[u8] = if view.field.known == KnownName::Cookie { b"; " } else { b"," };
    let values: Vec<&[u8]> = fields.values_named(view.name).collect();
    block.push_trusted(name, &values.join(separator));
}

/// Adds what the gateway says of a call to an HTTP_PROXY backend (GR-40, GR-41, PA-65).
pub(crate) fn push_gateway_fields(record: &Record<'_>, block: &mut FieldBlock) {
    let (Some(arrival), Some(located)) = (record.arrival, record.located.as_ref()) else { return };
    let sent = arrival.head.over(arrival.bytes).fields();
    let mut text = ShortText::default();
    if !sent.contains(KnownName::Accept) {
        block.push_trusted(b"Accept", b"application/json");
    }
    if !sent.contains(KnownName::UserAgent) {
        block.push_trusted(b"User-Agent", text.of(format_args!("AmazonAPIGateway_{}", located.api.id)));
    }
    block.push_trusted(b"X-Amzn-Apigateway-Api-Id", located.api.id.as_str().as_bytes());
    push_own_fields(record, block);
}

/// What the gateway says of a request in the place of what a client says under these names.
fn push_own_fields(record: &Record<'_>, block: &mut FieldBlock) {
    let (Some(arrival), Some(located)) = (record.arrival, record.located.as_ref()) else { return };
    push_forwarded_for(arrival, located, block);
    block.append(arrival.connection.told_fields(write_told_fields));
}

/// What every request of a connection tells of it.
fn write_told_fields(connection: &Connection, block: &mut FieldBlock) {
    block.push_number(b"X-Forwarded-Port", u64::from(connection.called_port()));
    block.push_trusted(b"X-Forwarded-Proto", if connection.tls().is_some() { b"https" } else { b"http" });
    if let Identity::VpcEndpoint { vpc_endpoint_id, vpc_id } = connection.identity() {
        block.push_trusted(b"x-amzn-vpc-id", vpc_id.as_str().as_bytes());
        block.push_trusted(b"x-amzn-vpce-id", vpc_endpoint_id.as_str().as_bytes());
        block.push_trusted(b"x-amzn-vpce-config", b"1");
    }
    if let Some(tls) = connection.tls() {
        block.push_trusted(b"x-amzn-tls-version", tls.version.as_bytes());
        block.push_trusted(b"x-amzn-cipher-suite", tls.cipher_suite.as_bytes());
    }
}

fn push_forwarded_for(arrival: &Arrival<'_>, located: &Located<'_>, block: &mut FieldBlock) {
    let source = arrival.connection.source_text();
    let fields = arrival.head.over(arrival.bytes).fields();
    if located.entrance.trust_x_forwarded_for && fields.contains(KnownName::XForwardedFor) {
        let mut elements: Vec<&[u8]> = fields.values(KnownName::XForwardedFor).collect();
        elements.push(source);
        block.push_trusted(b"X-Forwarded-For", &elements.join(&b", "[..]));
    } else {
        block.push_trusted(b"X-Forwarded-For", source);
    }
}

/// Writes the value of `X-Amzn-Trace-Id` (integrations.md section 6.5): a client's root is kept, with
/// a parent of ours; else a new root.
pub(crate) fn write_trace_id(record: &Record<'_>, output: &mut Vec<u8>) {
    let random = record.arrival.map_or(0, |arrival| arrival.random.rotate_left(64));
    let client = record
        .arrival
        .and_then(|arrival| arrival.head.over(arrival.bytes).fields().value(KnownName::XAmznTraceId))
        .filter(|value| is_trace_header(value));
    let Some(client) = client else {
        return output.extend_from_slice(&trace_root(record.received.epoch_milliseconds, random));
    };
    output.extend_from_slice(client);
    let has = |key: &[u8]| client.split(|byte| *byte == b';').any(|part| part.trim_ascii().starts_with(key));
    if !has(b"Parent=") {
        let parent = u64::try_from(random & u128::from(u64::MAX)).unwrap_or_default();
        // Writing to a Vec cannot fail.
        let _ = write!(output, ";Parent={parent:016x}");
    }
    if !has(b"Sampled=") {
        output.extend_from_slice(b";Sampled=0");
    }
}

/// Whether a value has a root of the right form; a malformed one is ignored (TR4).
fn is_trace_header(value: &[u8]) -> bool {
    value.split(|byte| *byte == b';').any(|part| {
        let Some(root) = part.trim_ascii().strip_prefix(b"Root=1-") else { return false };
        let digits = |part: &[u8]| part.iter().all(u8::is_ascii_hexdigit);
        root.len() == 33
            && root.get(8) == Some(&b'-')
            && root.get(..8).is_some_and(digits)
            && root.get(9..).is_some_and(digits)
    })
}

/// Copies a backend's fields for the client of a proxy integration.
pub(crate) fn push_proxy_reply_fields(fields: Fields<'_>, block: &mut FieldBlock) {
    for view in fields.iter() {
        let known = view.field.known;
        if NOT_PASSED_BACK.contains(known) {
            continue;
        }
        if REMAPPED.contains(known) {
            block.push_read_as(REMAPPED_PREFIX, &view);
        } else {
            block.push_read(&view);
        }
    }
}

/// Adds a header that a mapping of a non-proxy integration sets. The error is a value that may not
/// stand in a header.
pub(crate) fn push_mapped_reply_field(
    name: &str,
    value: &str,
    block: &mut FieldBlock,
) -> Result<(), postern_protocol::http1::InvalidField> {
    let known = KnownName::of(name.as_bytes());
    // These belong to the connection, which is the gateway's own.
    if matches!(known, KnownName::TransferEncoding | KnownName::KeepAlive | KnownName::ProxyConnection) {
        return Ok(());
    }
    if REMAPPED_WHEN_MAPPED.contains(known) {
        let remapped = [REMAPPED_PREFIX, name.as_bytes()].concat();
        return block.push(&remapped, value.as_bytes());
    }
    block.push(name.as_bytes(), value.as_bytes())
}

/// Adds a header that a function answers with. The error is a name or a value that may not stand in a
/// header.
pub(crate) fn push_function_field(
    name: &str,
    value: &str,
    block: &mut FieldBlock,
) -> Result<(), postern_protocol::http1::InvalidField> {
    let known = KnownName::of(name.as_bytes());
    if NOT_PASSED_BACK.contains(known) {
        return Ok(());
    }
    if REMAPPED.contains(known) {
        return block.push(&[REMAPPED_PREFIX, name.as_bytes()].concat(), value.as_bytes());
    }
    block.push(name.as_bytes(), value.as_bytes())
}

/// A short text made without allocation.
#[derive(Debug)]
struct ShortText {
    bytes: [u8; 96],
}

impl Default for ShortText {
    fn default() -> Self {
        Self { bytes: [0; 96] }
    }
}

impl ShortText {
    /// The text; what does not fit is cut off, which none of the uses here reaches.
    fn of(&mut self, text: std::fmt::Arguments<'_>) -> &[u8] {
        let mut rest = self.bytes.as_mut_slice();
        let before = rest.len();
        // A full buffer is the only error.
        let _ = rest.write_fmt(text);
        let length = before - rest.len();
        self.bytes.get(..length).unwrap_or_default()
    }
}
