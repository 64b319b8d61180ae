//! Addresses of integrations: what is legal in a `uri` (integrations.md sections 9 to 11).

use postern_model::{UriSegment, UriTemplate};

/// What an `arn:…:apigateway:…` address names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Service {
    /// A call of a Lambda function whose answer comes whole.
    Function,
    /// A call of a Lambda function whose answer comes in pieces.
    StreamingFunction,
    /// Anything else.
    Other,
    /// A stage variable stands where the service would.
    Unknown,
}

/// Reads the address of a service: `arn:aws:apigateway:REGION:SERVICE:path/…` or `:action/…` (AW1).
pub(crate) fn service_uri(text: &str) -> Result<UriTemplate, String> {
    let uri = parse(text)?;
    if service_of(text).is_none() {
        return Err("expected `arn:aws:apigateway:REGION:SERVICE:path/…` or `…:action/…`".to_owned());
    }
    Ok(uri)
}

/// Reads the address of a Lambda function.
pub(crate) fn function_uri(text: &str) -> Result<UriTemplate, String> {
    let uri = parse(text)?;
    match service_of(text) {
        Some(Service::Other) | None => Err("expected \
             `arn:aws:apigateway:REGION:lambda:path/2015-03-31/functions/FUNCTION_ARN/invocations`"
            .to_owned()),
        Some(Service::Function | Service::StreamingFunction | Service::Unknown) => Ok(uri),
    }
}

/// What a service address names; `None` where it is none.
pub(crate) fn service_of(text: &str) -> Option<Service> {
    if text.starts_with("${stageVariables.") {
        return Some(Service::Unknown);
    }
    let mut parts = text.splitn(6, ':');
    let mut next = || parts.next();
    if next()? != "arn" {
        return None;
    }
    let _partition = next()?;
    if next()? != "apigateway" {
        return None;
    }
    let _region = next()?;
    let (service, call) = (next()?, next()?);
    if service.contains("${") {
        return Some(Service::Unknown);
    }
    if !call.starts_with("path/") && !call.starts_with("action/") {
        return None;
    }
    let is_lambda = service.rsplit('.').next() == Some("lambda");
    Some(match call {
        _ if !is_lambda => Service::Other,
        _ if call.contains("/response-streaming-invocations") => Service::StreamingFunction,
        _ if call.contains("/invocations") => Service::Function,
        _ if call.contains("${") => Service::Unknown,
        _ => Service::Other,
    })
}

/// Reads the address of an HTTP backend (HB1). `is_private`: through a VPC link, where the ports are
/// those of the load balancer's listeners.
pub(crate) fn http_uri(text: &str, is_private: bool) -> Result<UriTemplate, String> {
    let uri = parse(text)?;
    let Some(UriSegment::Literal(first)) = uri.segments().first() else { return Ok(uri) };
    let lower = first.to_ascii_lowercase();
    let Some(rest) = lower.strip_prefix("http://").or_else(|| lower.strip_prefix("https://")) else {
        return Err("expected an address that starts with `http://` or `https://`".to_owned());
    };
    let end = rest.find(['/', '?', '#']);
    if end.is_none() && uri.segments().len() > 1 {
        return Ok(uri); // The host ends in a variable.
    }
    let authority = end.and_then(|end| rest.get(..end)).unwrap_or(rest);
    check_authority(authority, is_private).map(|()| uri)
}

fn check_authority(authority: &str, is_private: bool) -> Result<(), String> {
    let is_host_byte =
        |byte: u8| byte.is_ascii_alphanumeric() || !byte.is_ascii() || b".-_:[]".contains(&byte);
    if authority.is_empty() || !authority.bytes().all(is_host_byte) {
        return Err("expected a host name".to_owned());
    }
    let after_address = authority.rsplit(']').next().unwrap_or(authority);
    let Some((_, port)) = after_address.rsplit_once(':') else { return Ok(()) };
    match port.parse::<u16>() {
        Ok(80 | 443 | 1024..) => Ok(()),
        Ok(1..) if is_private => Ok(()),
        _ => Err("expected port 80, 443, or one from 1024 to 65535".to_owned()),
    }
}

fn parse(text: &str) -> Result<UriTemplate, String> {
    let uri: UriTemplate = text.parse().map_err(|error: postern_model::Malformed| error.to_string())?;
    if text.bytes().any(|byte| byte <= b' ' || byte == 0x7f) {
        return Err("expected an address without spaces and control characters".to_owned());
    }
    Ok(uri)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hb1_an_address_has_a_scheme_a_host_and_an_allowed_port() {
        for good in [
            "http://a.example",
            "HTTPS://a.example:8443/x?y={z}",
            "http://a:80",
            "http://a:443/",
            "http://a:65535",
            "http://${stageVariables.host}/x",
            "http://${stageVariables.host}:${stageVariables.port}/",
            "http://[::1]:8080/",
            "${stageVariables.url}/pets",
            "http://a_b.example/{proxy}",
            "http://{host}/",
        ] {
            assert!(http_uri(good, false).is_ok(), "{good}");
        }
        for (bad, reason) in [
            ("a.example/x", "expected an address that starts with `http://` or `https://`"),
            ("ftp://a.example", "expected an address that starts with `http://` or `https://`"),
            ("http:///x", "expected a host name"),
            ("http://user@a/x", "expected a host name"),
            ("http://a:81/", "expected port 80, 443, or one from 1024 to 65535"),
            ("http://a:0/", "expected port 80, 443, or one from 1024 to 65535"),
            ("http://a:65536/", "expected port 80, 443, or one from 1024 to 65535"),
            ("http://a/{b", "expected a `}` for every `{`"),
            ("http://a/b c", "expected an address without spaces and control characters"),
        ] {
            assert_eq!(http_uri(bad, false).unwrap_err(), reason, "{bad}");
        }
        assert!(http_uri("http://a:81/", true).is_ok());
    }

    #[test]
    fn aw1_a_service_address_names_region_service_and_call() {
        let lambda = "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/arn:aws:lambda:us-east-1:1:function:f/";
        for (text, service) in [
            (format!("{lambda}invocations"), Some(Service::Function)),
            (format!("{lambda}response-streaming-invocations"), Some(Service::StreamingFunction)),
            (format!("{lambda}${{stageVariables.call}}"), Some(Service::Unknown)),
            ("arn:aws:apigateway:us-east-1:s3:path/{key}".to_owned(), Some(Service::Other)),
            ("arn:aws-cn:apigateway:cn-north-1:kinesis:action/PutRecord".to_owned(), Some(Service::Other)),
            ("arn:aws:apigateway:us-east-1:api.ecr:action/X".to_owned(), Some(Service::Other)),
            ("arn:aws:lambda:us-east-1:123456789012:function:f".to_owned(), None),
            ("http://a.example/".to_owned(), None),
        ] {
            assert_eq!(service_of(&text), service, "{text}");
        }
    }
}
