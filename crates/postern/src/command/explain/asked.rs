//! The request as a command line describes it.

use std::{fmt, fmt::Write, net::IpAddr, str::FromStr};

/// An address: `http://HOST[:PORT][/PATH][?QUERY]`, or with `https`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Address {
    pub(super) is_https: bool,
    /// Host and port, as they were given.
    authority: String,
    /// Path and query.
    target: String,
}

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected = || format!("`{text}` is no address: expected http://HOST/PATH or https://HOST/PATH");
        let (scheme, rest) = text.split_once("://").ok_or_else(expected)?;
        let is_https = match () {
            () if scheme.eq_ignore_ascii_case("https") => true,
            () if scheme.eq_ignore_ascii_case("http") => false,
            () => return Err(expected()),
        };
        let rest = rest.split('#').next().unwrap_or_default();
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, target) = rest.split_at(end);
        if authority.is_empty() || authority.contains('@') {
            return Err(expected());
        }
        let slash = if target.starts_with('/') { "" } else { "/" };
        Ok(Self { is_https, authority: authority.to_owned(), target: format!("{slash}{target}") })
    }
}

impl Address {
    pub(super) fn port(&self) -> u16 {
        let port = self.authority.rsplit_once(':').and_then(|(_, port)| port.parse().ok());
        port.unwrap_or(if self.is_https { 443 } else { 80 })
    }

    /// The name that a client puts into its handshake: none where it calls an address.
    pub(super) fn server_name(&self) -> Option<&str> {
        let host = self.authority.rsplit_once(':').map_or(&*self.authority, |(host, _)| host);
        let is_name = host.parse::<IpAddr>().is_err() && !host.starts_with('[');
        is_name.then(|| host.strip_suffix('.').unwrap_or(host))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.is_https { "https" } else { "http" };
        // A query may hold a signature or a token.
        let path = self.target.split('?').next().unwrap_or_default();
        let query = if self.target.contains('?') { "?…" } else { "" };
        write!(f, "{scheme}://{}{path}{query}", self.authority)
    }
}

/// `NAME: VALUE`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct HeaderLine {
    name: String,
    value: String,
}

impl FromStr for HeaderLine {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, value) = text.split_once(':').ok_or("expected NAME: VALUE")?;
        Ok(Self { name: name.to_owned(), value: value.trim().to_owned() })
    }
}

/// The head as a client writes it. `Host` and the length of the body are added where they are not given.
pub(super) fn head_of(method: &str, address: &Address, fields: &[&HeaderLine], body: &str) -> String {
    let is_given = |name: &str| fields.iter().any(|field| field.name.eq_ignore_ascii_case(name));
    let mut head = format!("{method} {} HTTP/1.1\r\n", address.target);
    // Writing to a String cannot fail.
    if !is_given("host") {
        let _ = write!(head, "Host: {}\r\n", address.authority);
    }
    for HeaderLine { name, value } in fields {
        let _ = write!(head, "{name}: {value}\r\n");
    }
    if !body.is_empty() && !is_given("content-length") && !is_given("transfer-encoding") {
        let _ = write!(head, "Content-Length: {}\r\n", body.len());
    }
    head.push_str("\r\n");
    head
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_in_its_parts() {
        for (text, is_https, authority, port, name, target) in [
            ("https://api.example/a/b?c=d", true, "api.example", 443, Some("api.example"), "/a/b?c=d"),
            ("HTTP://api.example.:8080", false, "api.example.:8080", 8080, Some("api.example"), "/"),
            ("http://10.0.0.1?x", false, "10.0.0.1", 80, None, "/?x"),
            ("https://[::1]:8443/#top", true, "[::1]:8443", 8443, None, "/"),
        ] {
            let address: Address = text.parse().unwrap();
            assert_eq!((address.is_https, &*address.authority, address.port()), (is_https, authority, port));
            assert_eq!((address.server_name(), &*address.target), (name, target), "{text}");
        }
        for text in ["/demo", "ftp://a/", "http:///a", "http://user@host/"] {
            assert!(text.parse::<Address>().is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_not_given_is_added() {
        let address: Address = "http://one/p".parse().unwrap();
        assert_eq!(head_of("GET", &address, &[], ""), "GET /p HTTP/1.1\r\nHost: one\r\n\r\n");
        let given: HeaderLine = "host:two".parse().unwrap();
        assert_eq!(
            head_of("POST", &address, &[&given], "body"),
            "POST /p HTTP/1.1\r\nhost: two\r\nContent-Length: 4\r\n\r\n"
        );
    }
}
