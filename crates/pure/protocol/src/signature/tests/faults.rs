//! The fault table, row by row, with the exact texts.

use super::*;

/// A row of the fault table: what is sent, and what is answered.
type Row = (Request, &'static str, &'static str, &'static str);

fn check_rows(rows: impl IntoIterator<Item = Row>) {
    for (request, error_type, response_type, message) in rows {
        let fault = request.fault();
        let told = (fault.status(), fault.error_type(), fault.response_type(), fault.to_string());
        assert_eq!(told, (403, error_type, response_type, message.to_owned()), "{request:?}");
    }
}

const EQUAL_SIGN_MISSING: &str = "Invalid key=value pair (missing equal-sign) in Authorization header";
const ALL_MISSING: &str = "Authorization header requires 'Credential' parameter. \
    Authorization header requires 'Signature' parameter. Authorization header requires 'SignedHeaders' parameter. \
    Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.";
const MISMATCH: &str = "The request signature we calculated does not match the signature you provided. Check your \
    AWS Secret Access Key and signing method. Consult the service documentation for details.";
const MALFORMED_CREDENTIAL: &str =
    "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term";
const MALFORMED_DATE: &str =
    "Date must be in ISO-8601 'basic format'. See http://en.wikipedia.org/wiki/ISO_8601";

#[test]
fn au_80_to_82_who_is_not_known() {
    let good = || Request::get("/demo/pets", "").signed(None);
    check_rows([
        (
            Request::get("/demo/pets", ""),
            "MissingAuthenticationTokenException",
            "MISSING_AUTHENTICATION_TOKEN",
            "Missing Authentication Token",
        ),
        (
            good().authorization("AKIDEXAMPLE", "AKIDANOTHER"),
            "UnrecognizedClientException",
            "ACCESS_DENIED",
            "The security token included in the request is invalid.",
        ),
    ]);
    let expired =
        Request::get("/", "").signed(Some(TOKEN)).verified(Some(session(NOW)), &place(NOW)).unwrap_err();
    assert_eq!(
        (expired.status(), expired.error_type(), expired.response_type(), &*expired.to_string()),
        (
            403,
            "ExpiredTokenException",
            "EXPIRED_TOKEN",
            "The security token included in the request is expired"
        ),
    );
}

#[test]
fn au_83_headers_that_do_not_parse() {
    let good = || Request::get("/demo/pets", "").signed(None);
    let with = |value: &str| Request::get("/demo/pets", "").and(|it| it.set("Authorization", value));
    let (kind, response) = ("IncompleteSignatureException", "DEFAULT_4XX");
    check_rows([
        (with("Bearer some.secret.token"), kind, response, EQUAL_SIGN_MISSING),
        (with("AWS4-HMAC-SHA256 Credential= AKIDEXAMPLE/20150830"), kind, response, EQUAL_SIGN_MISSING),
        (good().authorization(", Signature=", ", secret, Signature="), kind, response, EQUAL_SIGN_MISSING),
        (with("some.secret.token"), kind, response, ALL_MISSING),
        (with("Basic dXNlcjpzZWNyZXQ="), kind, response, ALL_MISSING),
        (with("AWS4-HMAC-SHA256"), kind, response, ALL_MISSING),
        (with(""), kind, response, ALL_MISSING),
        (
            good().authorization("SignedHeaders", "Headers"),
            kind,
            response,
            "Authorization header requires 'SignedHeaders' parameter.",
        ),
        (
            good().authorization("SignedHeaders=host;x-amz-date", "SignedHeaders="),
            kind,
            response,
            "Authorization header requires 'SignedHeaders' parameter.",
        ),
        (
            good().and(|it| it.remove("X-Amz-Date")),
            kind,
            response,
            "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.",
        ),
        (
            good().authorization(", Signature=", ", Signature=0, Signature="),
            kind,
            response,
            "'Signature' must not be given more than once.",
        ),
        (
            good().and(|it| it.fields.push(("Authorization".into(), "Bearer x".into()))),
            kind,
            response,
            "'Authorization' must not be given more than once.",
        ),
        (
            good().and(|it| it.fields.push(("x-amz-date".into(), "20150830T123600Z".into()))),
            kind,
            response,
            "'X-Amz-Date' must not be given more than once.",
        ),
        (good().and(|it| it.set("X-Amz-Date", "201")), kind, response, MALFORMED_DATE),
        (good().authorization("/aws4_request", ""), kind, response, MALFORMED_CREDENTIAL),
        (good().authorization("/aws4_request", "/aws4_request/"), kind, response, MALFORMED_CREDENTIAL),
        (good().authorization("us-east-1", "<script>"), kind, response, MALFORMED_CREDENTIAL),
        (good().authorization("AKIDEXAMPLE", ""), kind, response, MALFORMED_CREDENTIAL),
    ]);
}

#[test]
fn au_83_queries_that_do_not_parse() {
    let good = || Request::get("/demo/pets", "").presigned(60, None);
    let (kind, response) = ("IncompleteSignatureException", "DEFAULT_4XX");
    check_rows([
        (
            Request::get("/", "X-Amz-Algorithm"),
            kind,
            response,
            "AWS query-string parameters must include 'X-Amz-Algorithm'. \
             AWS query-string parameters must include 'X-Amz-Credential'. \
             AWS query-string parameters must include 'X-Amz-Signature'. \
             AWS query-string parameters must include 'X-Amz-SignedHeaders'. \
             AWS query-string parameters must include 'X-Amz-Date'. \
             AWS query-string parameters must include 'X-Amz-Expires'. Re-examine the query-string parameters.",
        ),
        (
            good().in_query("X-Amz-Expires=60", "X-Amz-Expires="),
            kind,
            response,
            "AWS query-string parameters must include 'X-Amz-Expires'. Re-examine the query-string parameters.",
        ),
        (
            good().in_query("X-Amz-Expires=60", "X-Amz-Expires=60&X-Amz-Expires=60"),
            kind,
            response,
            "'X-Amz-Expires' must not be given more than once.",
        ),
        (good().in_query("X-Amz-Date=2015", "X-Amz-Date=15"), kind, response, MALFORMED_DATE),
        (good().in_query("%2Faws4_request", ""), kind, response, MALFORMED_CREDENTIAL),
    ]);
    for expires in ["0", "604801", "-1", "+60", "1.5", "99999999999"] {
        let request =
            good().in_query("X-Amz-Expires=60", &format!("X-Amz-Expires={}", expires.replace('+', "%2B")));
        check_rows([(
            request,
            kind,
            response,
            "X-Amz-Expires must be a number of seconds from 1 to 604800.",
        )]);
    }
    assert!(Request::get("/", "").presigned(604_800, None).verified(None, &place(NOW + 604_800)).is_ok());
}

#[test]
fn au_84_and_85_moments() {
    let told = |request: &Request, now| request.verified(None, &place(now)).unwrap_err();
    let header = Request::get("/", "").signed(None);
    let early = told(&header, NOW + 301);
    let late = told(&header, NOW - 301);
    let query = told(&Request::get("/", "").presigned(60, None), NOW + 61);
    let seconds = told(&Request::get("/", "").presigned(90, None), NOW + 91);
    for fault in [&early, &late, &query, &seconds] {
        assert_eq!(fault.error_type(), "InvalidSignatureException");
        assert_eq!(fault.response_type(), "INVALID_SIGNATURE");
    }
    assert_eq!(
        early.to_string(),
        "Signature expired: 20150830T123600Z is now earlier than 20150830T123601Z (20150830T124101Z - 5 min.)",
    );
    assert_eq!(
        late.to_string(),
        "Signature not yet current: 20150830T123600Z is still later than 20150830T123559Z (20150830T123059Z + 5 min.)",
    );
    assert_eq!(
        query.to_string(),
        "Signature expired: 20150830T123600Z is now earlier than 20150830T123601Z (20150830T123701Z - 1 min.)",
    );
    assert_eq!(
        seconds.to_string(),
        "Signature expired: 20150830T123600Z is now earlier than 20150830T123601Z (20150830T123731Z - 90 sec.)",
    );
}

#[test]
fn au_86_and_91_what_does_not_match() {
    let good = || Request::get("/demo/pets", "").signed(None);
    let presigned = || Request::get("/demo/pets", "").presigned(60, None);
    let foreign = good().authorization("AWS4-HMAC-SHA256", "Other");
    let asymmetric = "AWS4-ECDSA-P256-SHA256 Credential=AKIDEXAMPLE/20150830/execute-api/aws4_request, \
                      SignedHeaders=host, Signature=30";
    let requests = [
        good().and(|it| it.method = "POST".into()),
        good().authorization("Signature=", "Signature=0"),
        good().and(|it| {
            let (before, signature) = it.field("Authorization").split_once("Signature=").unwrap();
            let value = format!("{before}Signature={}", signature.to_ascii_uppercase());
            it.set("Authorization", value);
        }),
        good().and(|it| it.set("Authorization", asymmetric)),
        good().authorization("AWS4-HMAC-SHA256", "AWS4-HMAC-SHA1"),
        good().authorization("AWS4-HMAC-SHA256", "aws4-hmac-sha256"),
        foreign,
        presigned().in_query("X-Amz-Signature=", "X-Amz-Signature=0"),
        presigned().in_query("AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256"),
    ];
    check_rows(requests.map(|request| (request, "InvalidSignatureException", "INVALID_SIGNATURE", MISMATCH)));
}

#[test]
fn au_87_scopes_for_somewhere_else() {
    let good = || Request::get("/demo/pets", "").signed(None);
    let (kind, response) = ("InvalidSignatureException", "INVALID_SIGNATURE");
    check_rows([
        (
            good().authorization("us-east-1", "eu-west-1"),
            kind,
            response,
            "Credential should be scoped to a valid region, not 'eu-west-1'.",
        ),
        (
            good().authorization("execute-api", "lambda"),
            kind,
            response,
            "Credential should be scoped to correct service: 'execute-api'.",
        ),
        (
            good().authorization("aws4_request", "aws5_request"),
            kind,
            response,
            "Credential should be scoped with a valid terminator: 'aws4_request'.",
        ),
        (
            good().authorization("20150830", "20150829"),
            kind,
            response,
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP.",
        ),
        (
            good().authorization("us-east-1/execute-api", "x/y"),
            kind,
            response,
            "Credential should be scoped to a valid region, not 'x'. \
             Credential should be scoped to correct service: 'execute-api'.",
        ),
    ]);
}

#[test]
fn what_else_is_an_invalid_signature() {
    let good = || Request::get("/demo/pets", "").signed(None);
    let (kind, response) = ("InvalidSignatureException", "INVALID_SIGNATURE");
    check_rows([
        (
            good().authorization("host;", ""),
            kind,
            response,
            "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.",
        ),
        (
            Request::get("/", "").presigned(60, None).and(|it| it.set("Authorization", "Bearer x")),
            kind,
            response,
            "Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP header.",
        ),
    ]);
}
