//! An integration's URI in one stage (integrations.md sections 2 and 11).

use std::net::IpAddr;

use postern_model::{
    ConnectionType, Integration, ResourcePath, StageVariables, Target as HostAndPort, UriSegment,
};

use super::Destinations;
use crate::{
    DestinationTls,
    integration::{Address, TargetPiece},
};

/// Resolves the address of an HTTP integration.
pub(crate) fn resolve(
    (integration, path): (&Integration, &ResourcePath),
    variables: &StageVariables,
    destinations: &mut Destinations<'_>,
) -> Result<Address, String> {
    let uri = integration.uri.as_ref().ok_or("the integration has no URI")?;
    let segments = uri.filled(variables);
    let (origin, rest) = split_origin(&segments)?;
    let tls = origin.https.then(|| DestinationTls {
        server_name: origin.host.clone(),
        insecure_skip_verification: integration.insecure_skip_verification,
    });
    let destination = match &integration.connection {
        ConnectionType::Internet => {
            let named_by_operator = origin.host.parse::<IpAddr>().is_ok() || &*origin.host == "localhost";
            let target = HostAndPort { host: origin.host.clone(), port: origin.port };
            destinations.host(&target, named_by_operator, tls)
        }
        ConnectionType::VpcLink(id) => {
            let id = id.filled_text(variables).ok_or("`connectionId` has a place that nothing fills")?;
            destinations.link(&id, tls).ok_or_else(|| format!("there is no VPC link `{id}`"))?
        }
    };
    let (pieces, has_query) = TargetPiece::of(&rest, &integration.request_parameters, path);
    let mut address = Address {
        destination,
        host: origin.host_header(),
        pieces,
        has_query,
        copies_all: false,
        verb: integration.http_method.filter(|verb| *verb != postern_model::Verb::Any),
    };
    address.copies_all = integration.request_parameters.iter().all(|mapping| address.copies(mapping));
    Ok(address)
}

/// Scheme, host and port of a URI.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Origin {
    https: bool,
    host: Box<str>,
    port: u16,
}

impl Origin {
    fn parse(https: bool, authority: &str) -> Result<Self, String> {
        let malformed = || format!("`{authority}` is not a host, or a host and a port");
        let (host, port) = match authority.rsplit_once(':') {
            // The colons of an IPv6 address are no port.
            Some((host, port)) if !port.ends_with(']') => (host, port.parse().map_err(|_| malformed())?),
            _ => (authority, if https { 443 } else { 80 }),
        };
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let is_address = bare.parse::<IpAddr>().is_ok();
        let is_name = !host.is_empty()
            && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_'));
        if !is_address && !is_name {
            return Err(malformed());
        }
        // HB1: 80, 443 and the ports that need no privilege.
        if !matches!(port, 80 | 443 | 1_024..) {
            return Err(format!("port {port} may not be called: expected 80, 443 or 1024 to 65535"));
        }
        Ok(Self { https, host: bare.to_ascii_lowercase().into(), port })
    }

    /// The value of `Host`: without the port where it is the scheme's own.
    fn host_header(&self) -> Box<str> {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.to_string() };
        match (self.https, self.port) {
            (true, 443) | (false, 80) => host.into(),
            (_, port) => format!("{host}:{port}").into(),
        }
    }
}

/// The origin, and what stands behind it. The host is made of the definition's text and stage
/// variables alone: a client's value can never change it (hardening.md section 8).
fn split_origin(segments: &[UriSegment]) -> Result<(Origin, Vec<UriSegment>), String> {
    let Some((UriSegment::Literal(first), rest)) = segments.split_first() else {
        return Err("the URI does not start with `http://` or `https://`".to_owned());
    };
    let (https, behind) = match (strip_scheme(first, "http://"), strip_scheme(first, "https://")) {
        (Some(behind), _) => (false, behind),
        (_, Some(behind)) => (true, behind),
        _ => return Err("the URI does not start with `http://` or `https://`".to_owned()),
    };
    let end = behind.find(['/', '?']);
    if end.is_none() && !rest.is_empty() {
        return Err("a path parameter stands in the host of the URI".to_owned());
    }
    let (authority, path) = behind.split_at(end.unwrap_or(behind.len()));
    let origin = Origin::parse(https, authority)?;
    let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
    let mut pieces = vec![UriSegment::Literal(path.into())];
    pieces.extend(rest.iter().cloned());
    Ok((origin, pieces))
}

fn strip_scheme<'t>(text: &'t str, scheme: &str) -> Option<&'t str> {
    let start = text.get(..scheme.len())?;
    start.eq_ignore_ascii_case(scheme).then(|| text.get(scheme.len()..)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use postern_model::UriTemplate;

    fn split(uri: &str) -> Result<(Origin, Vec<UriSegment>), String> {
        let variables = StageVariables::from([("host".into(), "api.example".into())]);
        let uri: UriTemplate = uri.parse().unwrap();
        split_origin(&uri.filled(&variables))
    }

    fn literal(text: &str) -> UriSegment {
        UriSegment::Literal(text.into())
    }

    #[test]
    fn an_address_is_split_into_origin_and_target() {
        for (uri, https, host, port, path) in [
            ("http://h.example", false, "h.example", 80, "/"),
            ("https://H.Example/a", true, "h.example", 443, "/a"),
            ("http://h.example:8080?x=1", false, "h.example", 8_080, "/?x=1"),
            ("http://[::1]:8080/a", false, "::1", 8_080, "/a"),
            ("https://${stageVariables.host}:8443/b", true, "api.example", 8_443, "/b"),
        ] {
            let expected = Origin { https, host: host.into(), port };
            assert_eq!(split(uri), Ok((expected, vec![literal(path)])), "{uri}");
        }
    }

    #[test]
    fn upstream_a_clients_value_can_never_change_the_host() {
        for uri in ["http://{host}/a", "http://a.{host}/", "http://h{x}", "{x}"] {
            assert!(split(uri).is_err(), "{uri}");
        }
    }

    #[test]
    fn hb1_ports_below_1024_are_refused() {
        assert!(split("http://h:22/").is_err());
        assert!(split("http://h:443/").is_ok());
        assert!(split("http://h:/").is_err());
        assert!(split("ftp://h/").is_err());
        assert!(split("http:///a").is_err());
    }

    #[test]
    fn the_host_header_leaves_out_the_schemes_own_port() {
        let header = |uri: &str| split(uri).unwrap().0.host_header().to_string();
        assert_eq!(header("http://h.example:80/"), "h.example");
        assert_eq!(header("https://h.example:80/"), "h.example:80");
        assert_eq!(header("http://[::1]:8080/"), "[::1]:8080");
    }
}
