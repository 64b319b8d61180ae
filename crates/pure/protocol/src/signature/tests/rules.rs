//! One rule of `authorization.md` section 5 after the other.

use super::*;

#[test]
fn signing_leaves_out_what_changes_on_the_way() {
    let mut request = Request::get("/", "");
    for name in
        ["Authorization", "x-amz-date", "User-Agent", "Connection", "X-Amzn-Trace-Id", "X-Amz-Security-Token"]
    {
        request.set(name, "old");
    }
    let request = request.signed(None);
    assert!(request.field("Authorization").contains("SignedHeaders=host;x-amz-date, "));
}

#[test]
fn keys_and_secrets_are_not_printed() {
    let credential =
        Credential { access_key_id: ACCESS_KEY_ID, signing_key: &key(), session_token: Some(TOKEN) };
    assert_eq!(format!("{credential:?}"), "Credential(AKIDEXAMPLE, (secret))");
    assert_eq!(format!("{:?}", key()), "(secret)");
    let stored = StoredCredential { signing_key: key(), session: Some(session(NOW)) };
    let request = Request::get("/", "").signed(Some(TOKEN));
    let presented = request.with(|parts| read(parts).unwrap());
    for text in [format!("{stored:?}"), format!("{presented:?}")] {
        assert!(text.contains("(secret)") && !text.contains(TOKEN), "{text}");
    }
}

#[test]
fn au_73_paths() {
    let rows = [
        ("", "/", "/"),
        ("/", "/", "/"),
        ("//", "/", "//"),
        ("/demo/pets", "/demo/pets", "/demo/pets"),
        ("/demo/a%20b", "/demo/a%2520b", "/demo/a%2520b"),
        ("/demo//pets/", "/demo/pets/", "/demo//pets/"),
        ("/demo/./x/../pets", "/demo/pets", "/demo/./x/../pets"),
        ("/../..", "/", "/../.."),
        ("/demo/pets*(1)", "/demo/pets%2A%281%29", "/demo/pets%2A%281%29"),
    ];
    for (path, normalised, as_sent) in rows {
        let written = |form| String::from_utf8(canonical::canonical_path(path.as_bytes(), form)).unwrap();
        assert_eq!(written(PathForm::Normalised), normalised, "{path:?}");
        assert_eq!(written(PathForm::AsSent), as_sent, "{path:?}");
        assert_eq!(written(PathForm::Verbatim), if path.is_empty() { "/" } else { path });
    }
}

#[test]
fn au_73_the_path_is_tried_in_its_normal_form_and_then_as_sent() {
    for (form, holds) in [(PathForm::Normalised, true), (PathForm::AsSent, true), (PathForm::Verbatim, false)]
    {
        let mut request = Request::get("/demo//a%20b", "");
        request.set("X-Amz-Date", "20150830T123600Z");
        let request = request.signed_over(&["host", "x-amz-date"], form);
        assert_eq!(request.verified(None, &place(NOW)).is_ok(), holds, "{form:?}");
    }
}

#[test]
fn au_74_queries() {
    let rows = [
        ("", ""),
        ("b=2&a=1", "a=1&b=2"),
        ("a=2&a=1", "a=1&a=2"),
        ("flag", "flag="),
        ("flag=", "flag="),
        ("a=b=c", "a=b%3Dc"),
        ("a=1&&b=2&", "a=1&b=2"),
        ("a=b+c", "a=b%20c"),
        ("a=b%20c", "a=b%20c"),
        ("a=b%2bc", "a=b%2Bc"),
        ("a=%7e~", "a=~~"),
        ("a=/:@", "a=%2F%3A%40"),
        ("a=1;b=2", "a=1&b=2"),
        ("a=1%3Bb", "a=1%3Bb"),
        ("%E1%88%B4=1&P=2", "%E1%88%B4=1&P=2"),
        ("A=1&a=1", "A=1&a=1"),
        ("a-b=1&a=2", "a=2&a-b=1"),
        ("X-Amz-Signature=1", "X-Amz-Signature=1"),
    ];
    for (query, expected) in rows {
        let canonical = Request::get("/", query).with(|parts| {
            let headers = SignedHeaders::new([]);
            canonical_request(
                parts,
                SignatureForm::Header,
                PathForm::Normalised,
                &headers,
                &PayloadHash::of(b""),
            )
        });
        let canonical = String::from_utf8(canonical).unwrap();
        assert_eq!(canonical.lines().nth(2), Some(expected), "{query:?}");
    }
}

#[test]
fn au_75_what_must_be_signed() {
    let good = Request::get("/demo/pets", "a=1").signed(None);
    assert!(good.verified(None, &place(NOW)).is_ok());
    // Added on the way: an unsigned header is nobody's business, unless its name starts with `x-amz-` or
    // it changes the method.
    assert!(good.clone().and(|it| it.set("X-Amzn-Trace-Id", "Root=1")).verified(None, &place(NOW)).is_ok());
    assert_eq!(good.clone().and(|it| it.set("X-AMZ-Meta", "1")).fault(), SignatureFault::Mismatch);
    let posts = |it: &mut Request| it.set("x-http-method-override", "POST");
    assert_eq!(good.clone().and(posts).fault(), SignatureFault::Mismatch);
    assert!(Request::get("/", "").and(posts).signed(None).verified(None, &place(NOW)).is_ok());
    // Named but not there: counts as empty, so it holds where the signer saw it so.
    assert_eq!(good.clone().authorization("host;", "accept;host;").fault(), SignatureFault::Mismatch);
    let empty = Request::get("/", "").and(|it| it.set("Accept", "")).signed(None);
    assert!(empty.and(|it| it.remove("Accept")).verified(None, &place(NOW)).is_ok());
    // More names than a request can have fields.
    let many: String = (0..99).map(|number| format!("h{number};")).collect();
    assert_eq!(good.authorization("host;", &format!("{many}host;")).fault(), SignatureFault::Mismatch);
}

#[test]
fn au_76_the_body_is_part_of_the_signature() {
    let mut request = Request::get("/", "");
    request.body = b"{}".to_vec();
    let signed = request.clone().signed(None);
    assert!(signed.verified(None, &place(NOW)).is_ok());
    assert_eq!(signed.and(|it| it.body = b"{ }".to_vec()).fault(), SignatureFault::Mismatch);
    // A declared hash must be one, and that of the body.
    let declared = |value: &str| {
        let mut request = request.clone();
        request.set("X-Amz-Date", "20150830T123600Z");
        request.set("X-Amz-Content-Sha256", value);
        let names = ["host", "x-amz-content-sha256", "x-amz-date"];
        request.signed_over(&names, PathForm::Normalised).verified(None, &place(NOW))
    };
    assert!(declared(&PayloadHash::of(b"{}").to_string()).is_ok());
    for value in
        ["UNSIGNED-PAYLOAD", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", "", &PayloadHash::of(b"").to_string()]
    {
        assert_eq!(declared(value), Err(SignatureFault::Mismatch), "{value:?}");
    }
}

#[test]
fn au_78_the_date_header_stands_in() {
    for date in ["Sun, 30 Aug 2015 12:36:00 GMT", "20150830T123600Z"] {
        let mut request = Request::get("/", "");
        request.set("Date", date);
        let request = request.signed_over(&["host"], PathForm::Normalised);
        assert!(request.verified(None, &place(NOW)).is_ok(), "{date}");
        // `X-Amz-Date` wins where both are there.
        let later = request.and(|it| it.set("X-Amz-Date", "20150830T123700Z"));
        assert_eq!(later.fault(), SignatureFault::Mismatch);
    }
}

#[test]
fn au_78_five_minutes_either_way() {
    let header = Request::get("/", "").signed(None);
    let query = Request::get("/", "").presigned(900, None);
    let rows = [
        (&header, NOW - 301, false),
        (&header, NOW - 300, true),
        (&header, NOW + 300, true),
        (&header, NOW + 301, false),
        (&query, NOW - 301, false),
        (&query, NOW - 300, true),
        (&query, NOW + 900, true),
        (&query, NOW + 901, false),
    ];
    for (request, now, holds) in rows {
        assert_eq!(request.verified(None, &place(now)).is_ok(), holds, "{now}");
    }
}

#[test]
fn au_79_sessions() {
    let with_token = Request::get("/", "").signed(Some(TOKEN));
    let without = Request::get("/", "").signed(None);
    let other = Request::get("/", "").signed(Some("other"));
    let query = Request::get("/", "").presigned(60, Some(TOKEN));
    let lasting = Some(session(NOW + 1));
    let rows = [
        (&with_token, lasting, Ok(())),
        (&query, lasting, Ok(())),
        (&without, None, Ok(())),
        (&with_token, Some(session(NOW)), Err(SignatureFault::SessionExpired)),
        (&query, Some(session(NOW)), Err(SignatureFault::SessionExpired)),
        (&other, lasting, Err(SignatureFault::UnknownClient)),
        (&other, Some(session(NOW)), Err(SignatureFault::UnknownClient)),
        (&without, lasting, Err(SignatureFault::UnknownClient)),
        (&with_token, None, Err(SignatureFault::UnknownClient)),
    ];
    for (request, session, expected) in rows {
        assert_eq!(request.verified(session, &place(NOW)).map(drop), expected);
    }
    let unsigned = without.clone().and(|it| it.set("X-Amz-Security-Token", TOKEN));
    assert_eq!(unsigned.verified(lasting, &place(NOW)), Err(SignatureFault::Mismatch));
}

#[test]
fn au_95_what_counts_as_a_signature() {
    let rows = [
        ("AWS4-HMAC-SHA256 Credential=a", true),
        ("AWS4-ECDSA-P256-SHA256 Credential=a", true),
        ("  aws4-hmac-sha256", true),
        ("Bearer AWS4-", false),
        ("AWS4", false),
        ("", false),
    ];
    for (value, expected) in rows {
        assert_eq!(holds_signature(value.as_bytes()), expected, "{value:?}");
    }
}

/// RP-95: a bearer token is no signature, so it makes a caller anonymous and not wrong.
#[test]
fn a_foreign_authorization_is_told_apart_from_a_broken_signature() {
    let presented = |value: &str| Request::get("/", "").and(|it| it.set("Authorization", value)).with(read);
    assert!(matches!(presented("Bearer x"), Ok(Presented::NotASignature(SignatureFault::EqualSignMissing))));
    assert!(matches!(presented("AWS4-HMAC-SHA256 x"), Err(SignatureFault::EqualSignMissing)));
    assert!(matches!(Request::get("/", "").with(read), Ok(Presented::Nothing)));
}

/// AU-3: a caller that is refused by the head costs no body.
#[test]
fn an_unknown_key_is_refused_before_the_body_is_known() {
    Request::get("/", "").signed(None).with(|parts| {
        let Ok(Presented::Signature(signature)) = read(parts) else { panic!() };
        assert_eq!(signature.form(), SignatureForm::Header);
        assert_eq!(*signature.scope(), scope("us-east-1", "execute-api"));
        assert_eq!(signature.check(parts, &place(NOW), |_| None).unwrap_err(), SignatureFault::UnknownClient);
    });
}
