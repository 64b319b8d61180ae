//! What else a head tells: names as numbers, connection options, what is forwarded.

use postern_protocol::http1::{Fault, KnownMethod, KnownName};

use crate::{request, with_fields};

/// The names of the fields that are not forwarded.
fn hop_by_hop(fields: &str) -> Vec<String> {
    let bytes = format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
    let head = request(bytes.as_bytes()).unwrap();
    let fields = head.over(bytes.as_bytes()).fields();
    let removed = fields.iter().filter(|view| view.field.hop_by_hop);
    removed.map(|view| String::from_utf8(view.name.to_vec()).unwrap()).collect()
}

#[test]
fn identity_hop_by_hop_fields_are_marked() {
    let standard = "Keep-Alive: 1\r\nproxy-connection: a\r\nTE: trailers\r\nTrailer: X\r\nUpgrade: a\r\n\
                    Proxy-Authenticate: a\r\nProxy-Authorization: a\r\nProxy-Authentication-Info: a\r\n";
    assert_eq!(hop_by_hop(standard).len(), 8);
    assert_eq!(hop_by_hop("Transfer-Encoding: chunked\r\n"), ["Transfer-Encoding"]);
    assert_eq!(hop_by_hop("Connection: close\r\nX: a\r\n"), ["Connection"]);
    assert_eq!(
        hop_by_hop("X-A: 1\r\nConnection: x-a , Y,\r\ny: 2\r\nX-B: 3\r\nx-A: 4\r\n"),
        ["X-A", "Connection", "y", "x-A"]
    );
    assert_eq!(
        hop_by_hop("Connection: keep-alive, cookie\r\nCookie: a\r\nSet-Cookie: a\r\n"),
        ["Connection", "Cookie"]
    );
    assert_eq!(
        hop_by_hop("Connection: a\r\nconnection: b\r\nB: 1\r\nA: 2\r\n"),
        ["Connection", "connection", "B", "A"]
    );
    assert_eq!(hop_by_hop("Accept: a\r\nX_Connection: b\r\n"), [""; 0]);
}

#[test]
fn identity_connection_may_not_name_what_decides() {
    for name in [
        "Host",
        "content-length",
        "Transfer-Encoding",
        "Authorization",
        "X-API-Key",
        "x-apigw-api-id",
        "x-amzn-vpce-id",
        "X-Amzn-Vpc-Id",
        "x-amzn-vpce-config",
        "x-amzn-vpce-policy-url",
        "x-amzn-cipher-suite",
        "x-amzn-tls-version",
        "X-Amzn-Trace-Id",
        "X-Amzn-Apigateway-Api-Id",
        "x-amzn-RequestId",
        "x-amz-apigw-id",
        "X-Forwarded-For",
        "X-Forwarded-Port",
        "X-Forwarded-Proto",
    ] {
        let fault = with_fields("GET / HTTP/1.1", &format!("Connection: close, {name}\r\n")).err();
        assert_eq!(fault, Some(Fault::ConnectionNamesProtected), "{name}");
    }
    assert_eq!(Fault::ConnectionNamesProtected.status(), 400);
    for value in ["a b", "\"close\"", "close; a", "\u{e9}"] {
        let fault = with_fields("GET / HTTP/1.1", &format!("Connection: {value}\r\n")).err();
        assert_eq!(fault, Some(Fault::ConnectionOption), "{value}");
    }
    assert_eq!(Fault::ConnectionOption.status(), 400);
}

#[test]
fn slow_connections_are_kept_as_the_version_and_the_options_say() {
    for (version, options, keeps) in [
        ("1.1", "", true),
        ("1.1", "Connection: close\r\n", false),
        ("1.1", "Connection: Keep-Alive\r\n", true),
        ("1.1", "Connection: keep-alive, CLOSE\r\n", false),
        ("1.1", "Connection: keep-alive\r\nConnection: close\r\n", false),
        ("1.1", "Connection:\r\n", true),
        ("1.1", "Connection: , ,\r\n", true),
        ("1.1", "Connection: closed\r\n", true),
        ("1.1", "Proxy-Connection: close\r\n", true),
        ("1.0", "", false),
        ("1.0", "Connection: keep-alive\r\n", true),
        ("1.0", "Connection: keep-alive, close\r\n", false),
        ("1.0", "Proxy-Connection: keep-alive\r\n", false),
        ("1.9", "", true),
    ] {
        let head = with_fields(&format!("GET / HTTP/{version}"), options).unwrap();
        assert_eq!(head.keep_alive(), keeps, "{version} {options:?}");
    }
}

#[test]
fn identity_fields_with_underscores_show_what_they_may_be_read_as() {
    let bytes =
        b"GET / HTTP/1.1\r\nHost: a\r\nX_Amzn-VPCE_id: vpce-1\r\nmy_own: b\r\nX-Amzn-Vpce-Id: c\r\n\r\n";
    let head = request(bytes).unwrap();
    let found: Vec<_> = head
        .fields()
        .as_slice()
        .iter()
        .map(|field| (field.known, field.alias, field.has_underscore))
        .collect();
    assert_eq!(
        found,
        [
            (KnownName::Host, KnownName::Host, false),
            (KnownName::Other, KnownName::XAmznVpceId, true),
            (KnownName::Other, KnownName::Other, true),
            (KnownName::XAmznVpceId, KnownName::XAmznVpceId, false),
        ]
    );
    assert!(KnownName::XAmznVpceId.is_identity() && KnownName::XAmznVpceId.is_set_by_gateway());
    assert!(!KnownName::XForwardedFor.is_identity() && KnownName::XForwardedFor.is_set_by_gateway());
}

#[test]
fn identity_repeated_fields_are_known() {
    let bytes =
        b"GET / HTTP/1.1\r\nHost: a\r\nX-API-Key: 1\r\nx-api-key: 2\r\nx-apigw-api-id: 3\r\nX: 4\r\n\r\n";
    let head = request(bytes).unwrap();
    let fields = head.over(bytes).fields();
    assert!(fields.is_repeated(KnownName::XApiKey) && !fields.is_repeated(KnownName::XApigwApiId));
    assert!(fields.contains(KnownName::XApigwApiId) && !fields.contains(KnownName::Authorization));
    assert_eq!(fields.value(KnownName::XApiKey), Some(&b"1"[..]));
    assert_eq!(fields.value(KnownName::Authorization), None);
    assert_eq!(fields.values(KnownName::XApiKey).collect::<Vec<_>>(), [b"1", b"2"]);
    assert_eq!(fields.values_spelled(b"x-api-key").collect::<Vec<_>>(), [b"2"]);
    assert_eq!(fields.values_named(b"x-API-key").collect::<Vec<_>>(), [b"1", b"2"]);
    assert_eq!(fields.values_named(b"x").collect::<Vec<_>>(), [b"4"]);
}

#[test]
fn a_head_may_move_with_its_buffer() {
    let bytes = b"POST /a?b HTTP/1.1\r\nHost: a\r\nX-Id: \t one \r\nEmpty:\r\n\r\nbody".to_vec();
    let head = request(&bytes).unwrap();
    let moved = [bytes.as_slice(), b" and more"].concat();
    drop(bytes);
    let request = head.over(&moved);
    assert_eq!((request.method(), request.target()), (&b"POST"[..], &b"/a?b"[..]));
    assert_eq!(head.known_method(), KnownMethod::Post);
    let fields: Vec<_> = request.fields().iter().map(|view| (view.name, view.value)).collect();
    let expected: [(&[u8], &[u8]); 3] = [(b"Host", b"a"), (b"X-Id", b"one"), (b"Empty", b"")];
    assert_eq!(fields, expected);
    assert_eq!(&moved[head.length()..], b"body and more");
    assert_eq!(head.over(b"").method(), b"", "a wrong buffer is no panic");
}

#[test]
fn log_every_fault_has_a_reason_and_a_status() {
    for fault in Fault::ALL {
        assert!(!fault.reason().is_empty() && fault.reason() == fault.to_string());
        assert!(matches!(fault.status(), 400 | 405 | 414 | 417 | 431 | 501 | 502 | 505), "{fault:?}");
    }
}
