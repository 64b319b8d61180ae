//! The vectors of the corpus: texts, signatures, and whole requests in both forms.

use serde_json::Value;

use super::*;

const VECTORS: &str = include_str!("../../../tests/corpus/sigv4/v4.json");
const SDK_REQUESTS: &str = include_str!("../../../tests/corpus/sigv4/botocore.json");

/// One vector.
struct Vector(Value);

impl Vector {
    fn all() -> Vec<Self> {
        let mut file: Value = serde_json::from_str(VECTORS).unwrap();
        let cases = std::mem::take(file["cases"].as_array_mut().unwrap());
        assert_eq!(cases.len(), 38);
        cases.into_iter().map(Self).collect()
    }

    fn text(&self, key: &str) -> &str {
        self.0[key].as_str().unwrap()
    }

    fn context(&self, key: &str) -> &Value {
        &self.0["context"][key]
    }

    fn is(&self, key: &str) -> bool {
        self.context(key).as_bool().unwrap_or(false)
    }

    fn token(&self) -> Option<&str> {
        self.context("credentials")["token"].as_str()
    }

    fn signed_token(&self) -> Option<&str> {
        self.token().filter(|_| !self.is("omit_session_token"))
    }

    fn path_form(&self) -> PathForm {
        if self.is("normalize") { PathForm::Normalised } else { PathForm::AsSent }
    }

    fn scope(&self) -> CredentialScope {
        let credentials = self.context("credentials");
        assert_eq!(credentials["access_key_id"], ACCESS_KEY_ID);
        assert_eq!(credentials["secret_access_key"], SECRET);
        assert_eq!(self.context("timestamp"), "2015-08-30T12:36:00Z");
        scope(self.context("region").as_str().unwrap(), self.context("service").as_str().unwrap())
    }

    /// Compares the three texts of one form.
    fn check(&self, form: &str, canonical: &[u8]) {
        let id = self.text("id");
        assert_eq!(
            str::from_utf8(canonical).unwrap(),
            self.text(&format!("{form}-canonical-request")),
            "{id}"
        );
        let text = string_to_sign(moment(NOW), &self.scope(), canonical);
        assert_eq!(text, self.text(&format!("{form}-string-to-sign")), "{id}");
        let key = SigningKey::derive(SECRET, "20150830", "us-east-1", "service");
        assert_eq!(key.sign(text.as_bytes()), self.text(&format!("{form}-signature")), "{id}");
    }

    /// What verifying one of the signed requests gives.
    fn verified(&self, key: &str) -> Result<Verified, SignatureFault> {
        let stored = self.token().map(|token| StoredSession { token, expires_at: moment(NOW + 1) });
        let place = SigningPlace { service: "service", ..place(NOW) };
        Request::parse(self.text(key)).verified(stored, &place)
    }
}

#[test]
fn vectors_of_the_header_form() {
    for vector in Vector::all() {
        let mut request = Request::parse(vector.text("request"));
        let hash = PayloadHash::of(&request.body);
        request.set("X-Amz-Date", "20150830T123600Z");
        if vector.is("sign_body") {
            request.set("x-amz-content-sha256", hash.to_string());
        }
        if let Some(token) = vector.signed_token() {
            request.set("X-Amz-Security-Token", token);
        }
        let headers = SignedHeaders::new(request.fields.iter().map(|(name, _)| name.as_bytes()));
        let canonical = request.with(|parts| {
            canonical_request(parts, SignatureForm::Header, vector.path_form(), &headers, &hash)
        });
        vector.check("header", &canonical);
    }
}

#[test]
fn vectors_of_the_query_form() {
    for vector in Vector::all() {
        // The order of parameters is the signer's affair, so the ones of the finished request are taken.
        let signed = Request::parse(vector.text("query-signed-request"));
        let mut request = Request { query: signed.query, ..Request::parse(vector.text("request")) };
        if vector.signed_token().is_none() {
            let keep = |parameter: &&str| !parameter.starts_with("X-Amz-Security-Token=");
            request.query = request.query.split('&').filter(keep).collect::<Vec<_>>().join("&");
        }
        let headers = SignedHeaders::new(request.fields.iter().map(|(name, _)| name.as_bytes()));
        let hash = PayloadHash::of(&request.body);
        let canonical = request.with(|parts| {
            canonical_request(parts, SignatureForm::Query, vector.path_form(), &headers, &hash)
        });
        vector.check("query", &canonical);
    }
}

/// AU-79: a token that was added after signing is not signed, so it does not hold here. All else does.
#[test]
fn vectors_verify() {
    for vector in Vector::all() {
        for form in ["header-signed-request", "query-signed-request"] {
            let verified = vector.verified(form);
            if vector.is("omit_session_token") {
                assert_eq!(verified, Err(SignatureFault::Mismatch), "{form}");
            } else {
                assert_eq!(
                    verified.unwrap().access_key_id(),
                    ACCESS_KEY_ID,
                    "{form} of {}",
                    vector.text("id")
                );
            }
        }
    }
}

#[test]
fn signing_gives_the_headers_of_the_vectors() {
    let place = SigningPlace { service: "service", ..place(NOW) };
    let mut count = 0;
    for vector in Vector::all() {
        // The vectors sign the body by a header that only S3 wants, and some are not made for S3's paths.
        if vector.is("sign_body") || !vector.is("normalize") || vector.is("omit_session_token") {
            continue;
        }
        let mut request = Request::parse(vector.text("request"));
        let credential = Credential {
            access_key_id: ACCESS_KEY_ID,
            signing_key: &SigningKey::derive(SECRET, "20150830", "us-east-1", "service"),
            session_token: vector.token(),
        };
        let headers = request.with(|parts| sign(parts, &PayloadHash::of(&request.body), &credential, &place));
        for (name, value) in headers {
            request.set(name, value);
        }
        let expected = Request::parse(vector.text("header-signed-request"));
        for name in ["X-Amz-Date", "Authorization"] {
            assert_eq!(request.field(name), expected.field(name), "{}", vector.text("id"));
        }
        count += 1;
    }
    assert_eq!(count, 28);
}

/// The worked example of "Signature calculations for the authorization header" in the S3 reference (GET Object).
#[test]
fn signing_for_s3() {
    let mut request = Request { method: "GET".into(), path: "/test.txt".into(), ..Request::default() };
    request.set("Host", "examplebucket.s3.amazonaws.com");
    request.set("Range", "bytes=0-9");
    let secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
    let credential = Credential {
        access_key_id: "AKIAIOSFODNN7EXAMPLE",
        signing_key: &SigningKey::derive(secret, "20130524", "us-east-1", "s3"),
        session_token: None,
    };
    let place = SigningPlace { region: "us-east-1", service: "s3", now: moment(1_369_353_600) };
    let headers = request.with(|parts| sign(parts, &PayloadHash::of(b""), &credential, &place));
    let expected = [
        ("X-Amz-Date", "20130524T000000Z"),
        ("X-Amz-Content-Sha256", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        (
            "Authorization",
            "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, \
             SignedHeaders=host;range;x-amz-content-sha256;x-amz-date, \
             Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
        ),
    ];
    assert_eq!(headers, expected.map(|(name, value)| (name, value.to_owned())));
}

/// Requests that the AWS SDK for Python signed: what real callers send to an API.
#[test]
fn requests_of_the_sdk_verify() {
    let file: Value = serde_json::from_str(SDK_REQUESTS).unwrap();
    let cases = file["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 78);
    for case in cases {
        let text = |key: &str| case[key].as_str().unwrap().to_owned();
        let field =
            |field: &Value| (field[0].as_str().unwrap().to_owned(), field[1].as_str().unwrap().to_owned());
        let request = Request {
            method: text("method"),
            path: text("path"),
            query: text("query"),
            fields: case["fields"].as_array().unwrap().iter().map(field).collect(),
            body: text("body").into_bytes(),
        };
        let stored = case["token"].as_str().map(|token| StoredSession { token, expires_at: moment(NOW + 1) });
        let verified = request.verified(stored, &place(NOW));
        assert_eq!(verified.map(drop), Ok(()), "{request:?}");
    }
}
