//! The slow twin: a request head read as the tables say, with no thought for speed.

use postern_protocol::http1::{BodyFraming, Limits, RequestHead};

/// What both readers tell about an accepted head.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Summary {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) path: String,
    pub(crate) query: Option<String>,
    pub(crate) host: Option<String>,
    pub(crate) fields: Vec<(Vec<u8>, Vec<u8>, bool)>,
    pub(crate) framing: BodyFraming,
    pub(crate) keep_alive: bool,
    pub(crate) expect_continue: bool,
    pub(crate) length: usize,
}

impl Summary {
    /// What the real reader found.
    pub(crate) fn of(head: &RequestHead, bytes: &[u8]) -> Self {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let request = head.over(bytes);
        Self {
            method: text(request.method()),
            target: text(request.target()),
            path: text(request.path()),
            query: request.query().map(text),
            host: request.authority().map(|it| it.normalised().into_owned()),
            fields: request
                .fields()
                .iter()
                .map(|it| (it.name.to_vec(), it.value.to_vec(), it.field.hop_by_hop))
                .collect(),
            framing: head.framing(),
            keep_alive: head.keep_alive(),
            expect_continue: head.expect_continue(),
            length: head.length(),
        }
    }
}

const HOP_BY_HOP: [&str; 11] = [
    "connection",
    "http2-settings",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authentication-info",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];
const PROTECTED: [&str; 21] = [
    "authorization",
    "content-length",
    "host",
    "transfer-encoding",
    "x-api-key",
    "x-apigw-api-id",
    "x-amz-apigw-id",
    "x-amz-source-arn",
    "x-amzn-apigateway-api-id",
    "x-amzn-cipher-suite",
    "x-amzn-lambda-integration-tag",
    "x-amzn-requestid",
    "x-amzn-tls-version",
    "x-amzn-trace-id",
    "x-amzn-vpc-id",
    "x-amzn-vpce-config",
    "x-amzn-vpce-id",
    "x-amzn-vpce-policy-url",
    "x-forwarded-for",
    "x-forwarded-port",
    "x-forwarded-proto",
];

fn is_token(text: &[u8]) -> bool {
    let is_token_byte = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    !text.is_empty() && text.iter().all(is_token_byte)
}

fn trim(text: &[u8]) -> &[u8] {
    let is_text = |byte: &u8| !matches!(byte, b' ' | b'\t');
    let start = text.iter().position(is_text).unwrap_or(text.len());
    let end = text.iter().rposition(is_text).map_or(start, |last| last + 1);
    &text[start..end]
}

/// Reads a head that ends with an empty line. `None` when it is refused.
pub(crate) fn read(bytes: &[u8], limits: &Limits) -> Option<Summary> {
    let end = bytes.windows(4).skip(1).position(|it| it == b"\r\n\r\n")? + 1;
    let length = end + 4;
    let skipped = if bytes.starts_with(b"\r\n") { 2 } else { 0 };
    let text = &bytes[skipped..end];
    if length > limits.raw_head_bytes {
        return None;
    }
    let mut lines = Vec::new();
    let mut rest = text;
    while let Some(place) = rest.windows(2).position(|it| it == b"\r\n") {
        lines.push(&rest[..place]);
        rest = &rest[place + 2..];
    }
    lines.push(rest);
    let (method, target, minor) = request_line(lines[0])?;
    let mut fields = Vec::new();
    for line in &lines[1..] {
        let colon = line.iter().position(|it| *it == b':')?;
        let (name, value) = (&line[..colon], trim(&line[colon + 1..]));
        let is_value_byte = |byte: &u8| *byte == b'\t' || (*byte >= 0x20 && *byte != 0x7f);
        if !is_token(name) || !value.iter().all(is_value_byte) || name.len() > limits.header_name_bytes {
            return None;
        }
        fields.push((name.to_vec(), value.to_vec(), false));
    }
    let total: usize = fields.iter().map(|(name, value, _)| name.len() + value.len() + 4).sum();
    if total > limits.head_bytes || fields.len() > limits.header_fields {
        return None;
    }
    finish(method, target, minor, fields, length)
}

fn request_line(line: &[u8]) -> Option<(String, String, u8)> {
    let text = str::from_utf8(line).ok()?;
    let parts: Vec<&str> = text.split(' ').collect();
    let [method, target, version] = parts[..] else { return None };
    let minor = match version.strip_prefix("HTTP/1.")? {
        "0" => 0,
        digit if digit.len() == 1 && digit.bytes().all(|it| it.is_ascii_digit()) => 1,
        _ => return None,
    };
    let is_method =
        is_token(method.as_bytes()) && method.len() <= 32 && !["CONNECT", "TRACE"].contains(&method);
    let is_target = target.bytes().all(|it| it > 0x20 && it < 0x7f && it != b'#') && target.len() <= 8_192;
    (is_method && is_target).then(|| (method.to_owned(), target.to_owned(), minor))
}

/// A host in normal form: a name of RFC 3986's unreserved characters and delimiters but for the comma,
/// which would make it a list.
fn normal_host(text: &str) -> Option<String> {
    let (host, port) = text.split_once(':').unwrap_or((text, "0"));
    let host = host.strip_suffix('.').unwrap_or(host);
    let is_host = !host.is_empty()
        && host.bytes().all(|it| it.is_ascii_alphanumeric() || b"-._~!$&'()*+;=".contains(&it));
    let is_port = !port.is_empty() && port.len() <= 5 && port.bytes().all(|it| it.is_ascii_digit());
    (is_host && is_port && port.parse::<u32>().unwrap() < 65_536).then(|| host.to_lowercase())
}

fn finish(
    method: String,
    target: String,
    minor: u8,
    mut fields: Vec<(Vec<u8>, Vec<u8>, bool)>,
    length: usize,
) -> Option<Summary> {
    let values = |name: &str, fields: &[(Vec<u8>, Vec<u8>, bool)]| -> Vec<String> {
        let named = fields.iter().filter(|field| field.0.eq_ignore_ascii_case(name.as_bytes()));
        named.map(|field| String::from_utf8_lossy(&field.1).to_lowercase()).collect()
    };
    let framing = match (&values("content-length", &fields)[..], &values("transfer-encoding", &fields)[..]) {
        ([], []) => BodyFraming::None,
        ([digits], []) if !digits.is_empty() && digits.bytes().all(|it| it.is_ascii_digit()) => {
            BodyFraming::Length(digits.parse::<i64>().ok()?.try_into().unwrap())
        }
        ([], [coding]) if coding == "chunked" && minor > 0 => BodyFraming::Chunked,
        _ => return None,
    };
    let host = match &values("host", &fields)[..] {
        [] if minor == 0 => None,
        [host] => Some(normal_host(host)?),
        _ => return None,
    };
    let is_served = target.starts_with('/') || (target == "*" && method == "OPTIONS");
    let mut path_and_query = target.clone();
    if !is_served {
        let (scheme, rest) = target.split_once("://")?;
        let (authority, rest) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        if !["http", "https"].contains(&&*scheme.to_lowercase()) || normal_host(authority) != host {
            return None;
        }
        host.as_ref()?;
        let slash = if rest.starts_with('/') { "" } else { "/" };
        path_and_query = format!("{slash}{rest}");
    }
    let (path, query) = match path_and_query.split_once('?') {
        Some((path, query)) => (path.to_owned(), Some(query.to_owned())),
        None => (path_and_query, None),
    };
    let expectations = values("expect", &fields);
    if expectations.iter().any(|it| it != "100-continue") {
        return None;
    }
    let connection = values("connection", &fields).join(",");
    let options: Vec<&str> =
        connection.split(',').map(|it| it.trim_matches([' ', '\t'])).filter(|it| !it.is_empty()).collect();
    if options.iter().any(|it| !is_token(it.as_bytes()) || PROTECTED.contains(it)) {
        return None;
    }
    for field in &mut fields {
        let name = String::from_utf8_lossy(&field.0).to_lowercase();
        let is_named = options.contains(&&*name) && !["close", "keep-alive"].contains(&&*name);
        field.2 = HOP_BY_HOP.contains(&&*name) || is_named;
    }
    let keep_alive = !options.contains(&"close") && (minor == 1 || options.contains(&"keep-alive"));
    let expect_continue = !expectations.is_empty() && minor == 1 && framing != BodyFraming::None;
    Some(Summary { method, target, path, query, host, fields, framing, keep_alive, expect_continue, length })
}
