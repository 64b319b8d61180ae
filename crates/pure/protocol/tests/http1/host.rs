//! One row for each class of hardening section 2: host, authority and target.

use postern_protocol::http1::{Authority, Fault, TargetForm};

use crate::{request, with_fields};

/// The normalised host and the port of a request with this `Host`.
fn host(value: &[u8]) -> Result<(String, Option<u16>), Fault> {
    let bytes = [b"GET / HTTP/1.1\r\nHost: ", value, b"\r\n\r\n"].concat();
    let head = request(&bytes)?;
    let authority = head.over(&bytes).authority().unwrap();
    Ok((authority.normalised().into_owned(), authority.port()))
}

#[test]
fn host_is_a_host_and_perhaps_a_port() {
    for (value, name, port) in [
        ("example.com", "example.com", None),
        ("EXAMPLE.Com", "example.com", None),
        ("example.com.", "example.com", None),
        ("example.com.:8443", "example.com", Some(8443)),
        ("example.com:0", "example.com", Some(0)),
        ("example.com:65535", "example.com", Some(65535)),
        ("example.com:00443", "example.com", Some(443)),
        ("a_b~c-d.e", "a_b~c-d.e", None),
        ("a!$&'()*+;=b", "a!$&'()*+;=b", None),
        ("192.0.2.1:80", "192.0.2.1", Some(80)),
        ("[2001:DB8::1]", "[2001:db8::1]", None),
        ("[::1]:443", "[::1]", Some(443)),
        ("[::ffff:192.0.2.1]", "[::ffff:192.0.2.1]", None),
        ("localhost", "localhost", None),
    ] {
        assert_eq!(host(value.as_bytes()), Ok((name.to_owned(), port)), "{value}");
    }
}

#[test]
fn host_that_is_anything_else_is_refused() {
    for value in [
        &b""[..],
        b" ",
        b".",
        b":80",
        b"example.com:",
        b"example.com:65536",
        b"example.com:99999",
        b"example.com:000443",
        b"example.com:+80",
        b"example.com:-1",
        b"example.com:8a",
        b"example.com:80:80",
        b"user@example.com",
        b"user:password@example.com",
        b"example.com/",
        b"example.com/path",
        b"example.com?query",
        b"example.com#fragment",
        b"example.com, example.org",
        b"example.com,example.org",
        b"exam ple.com",
        b"exam\tple.com",
        b"example.com\\",
        b"example%2ecom",
        b"example.com%00",
        b"ex\xe4mple.com",
        b"http://example.com",
        b"\"example.com\"",
        b"<example.com>",
        b"{example}",
        b"[::1",
        b"::1",
        b"[::1]x",
        b"[::1].",
        b"[]",
        b"[1::2::3]",
        b"[fe80::1%25eth0]",
        b"[fe80::1%eth0]",
        b"[v1.fe80]",
        b"[192.0.2.1]",
        b"[::1]:",
        b"[[::1]]",
    ] {
        assert_eq!(host(value), Err(Fault::HostInvalid), "{:?}", String::from_utf8_lossy(value));
    }
    assert_eq!(host(b"example.com\0"), Err(Fault::FieldValue));
    assert_eq!(Fault::HostInvalid.status(), 400);
}

#[test]
fn host_missing_and_repeated() {
    for (head, fault) in [
        ("GET / HTTP/1.1\r\n\r\n", Fault::HostMissing),
        ("GET / HTTP/1.2\r\nX: y\r\n\r\n", Fault::HostMissing),
        ("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", Fault::HostRepeated),
        ("GET / HTTP/1.1\r\nHost: a\r\nhost: b\r\n\r\n", Fault::HostRepeated),
        ("GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n", Fault::HostRepeated),
        ("GET / HTTP/1.0\r\nHost:\r\n\r\n", Fault::HostInvalid),
        ("GET / HTTP/1.1\r\nHost:\r\n\r\n", Fault::HostInvalid),
    ] {
        assert_eq!(request(head.as_bytes()).err(), Some(fault), "{head:?}");
        assert_eq!(fault.status(), 400);
    }
    let bytes = b"GET / HTTP/1.0\r\n\r\n";
    assert_eq!(request(bytes).unwrap().over(bytes).authority(), None, "HTTP/1.0 needs no `Host`");
}

#[test]
fn host_in_normal_form_is_borrowed() {
    use std::borrow::Cow;
    assert!(matches!(Authority::parse(b"a.example.com.:443").unwrap().normalised(), Cow::Borrowed(_)));
    assert!(matches!(Authority::parse(b"A.example.com").unwrap().normalised(), Cow::Owned(_)));
}

/// Form, path and query of a target sent with `Host: example.com`.
fn target(line: &str) -> Result<(TargetForm, String, Option<String>), Fault> {
    let bytes = format!("{line} HTTP/1.1\r\nHost: example.com\r\n\r\n");
    let head = request(bytes.as_bytes())?;
    let request = head.over(bytes.as_bytes());
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    Ok((head.target_form(), text(request.path()), request.query().map(text)))
}

#[test]
fn host_targets_that_are_served() {
    use TargetForm::{Absolute, Asterisk, Origin};
    for (line, form, path, query) in [
        ("GET /", Origin, "/", None),
        ("GET /a/b?c=d", Origin, "/a/b", Some("c=d")),
        ("GET /?", Origin, "/", Some("")),
        ("GET /a?b?c", Origin, "/a", Some("b?c")),
        ("GET //a", Origin, "//a", None),
        ("GET /http://example.org/", Origin, "/http://example.org/", None),
        ("GET /!\"$%&'()*+,-.:;<=>@[\\]^_`{|}~", Origin, "/!\"$%&'()*+,-.:;<=>@[\\]^_`{|}~", None),
        ("OPTIONS *", Asterisk, "*", None),
        ("GET http://example.com/a?b", Absolute, "/a", Some("b")),
        ("GET HTTPS://EXAMPLE.com.:443/a", Absolute, "/a", None),
        ("GET http://example.com", Absolute, "/", None),
        ("GET http://example.com?b", Absolute, "/", Some("b")),
        ("GET http://example.com?", Absolute, "/", Some("")),
        ("GET https://example.com/?a=http://x", Absolute, "/", Some("a=http://x")),
        ("OPTIONS http://example.com", Absolute, "/", None),
    ] {
        assert_eq!(target(line), Ok((form, path.to_owned(), query.map(str::to_owned))), "{line}");
    }
}

#[test]
fn host_targets_that_are_refused() {
    for (line, fault) in [
        ("GET ftp://example.com/", Fault::TargetForm),
        ("GET ws://example.com/", Fault::TargetForm),
        ("GET http:/example.com/", Fault::TargetForm),
        ("GET http:example.com", Fault::TargetForm),
        ("GET example.com:443", Fault::TargetForm),
        ("GET example.com", Fault::TargetForm),
        ("GET a/b", Fault::TargetForm),
        ("GET ?a", Fault::TargetForm),
        ("GET *", Fault::TargetForm),
        ("OPTIONS */", Fault::TargetForm),
        ("OPTIONS *?a", Fault::TargetForm),
        ("options *", Fault::TargetForm),
        ("GET http://example.org/", Fault::TargetAuthority),
        ("GET http:///a", Fault::TargetAuthority),
        ("GET http://", Fault::TargetAuthority),
        ("GET http://user@example.com/", Fault::TargetAuthority),
        ("GET http://example.com:x/", Fault::TargetAuthority),
        ("GET http://example.com:/", Fault::TargetAuthority),
        ("GET http://example.com\\@example.org/", Fault::TargetAuthority),
        ("GET /a#b", Fault::TargetByte),
        ("GET /#", Fault::TargetByte),
        ("GET http://example.com#b", Fault::TargetByte),
        ("GET /a\tb", Fault::TargetByte),
        ("GET /a\0", Fault::TargetByte),
        ("GET /a\x7f", Fault::TargetByte),
        ("GET /\u{e9}", Fault::TargetByte),
    ] {
        assert_eq!(target(line), Err(fault), "{line:?}");
        assert_eq!(fault.status(), 400, "{line:?}");
    }
}

#[test]
fn host_and_an_absolute_target_agree_after_normalising() {
    for (authority, host, agree) in [
        ("a.example", "A.EXAMPLE.", true),
        ("a.example:443", "a.example", true),
        ("a.example", "a.example:443", true),
        ("a.example:443", "a.example:443", true),
        ("a.example:443", "a.example:8443", false),
        ("a.example", "b.example", false),
        ("[::1]", "[::1]:80", true),
    ] {
        let bytes = format!("GET http://{authority}/ HTTP/1.1\r\nHost: {host}\r\n\r\n");
        let expected = (!agree).then_some(Fault::TargetAuthority);
        assert_eq!(request(bytes.as_bytes()).err(), expected, "{authority} {host}");
    }
    let without_host = b"GET http://a.example/ HTTP/1.0\r\n\r\n";
    assert_eq!(request(without_host).err(), Some(Fault::TargetAuthority));
}

#[test]
fn host_says_nothing_through_other_fields() {
    let fields = "X-Forwarded-Host: b\r\nForwarded: host=b\r\nX-Host: b\r\nX-Original-URL: /b\r\n";
    let bytes = format!("GET /a HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
    let head = request(bytes.as_bytes()).unwrap();
    let request = head.over(bytes.as_bytes());
    assert_eq!((request.authority().unwrap().host(), request.path()), (&b"a"[..], &b"/a"[..]));
    assert!(with_fields("GET / HTTP/1.1", "Ho_st: b\r\n").is_ok());
}
