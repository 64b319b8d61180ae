//! Requests that sign themselves, for the tests beside this file.

mod faults;
mod properties;
mod rules;
mod vectors;

use super::*;

const ACCESS_KEY_ID: &str = "AKIDEXAMPLE";
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
const TOKEN: &str = "AQoDYXdzEPT//////////wEXAMPLE==";
/// 2015-08-30T12:36:00Z, the moment of all vectors.
const NOW: u64 = 1_440_938_160;

/// A request with its own memory.
#[derive(Clone, Debug, Default)]
struct Request {
    method: String,
    path: String,
    query: String,
    fields: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Request {
    fn get(path: &str, query: &str) -> Self {
        let fields = vec![("Host".to_owned(), "abc.execute-api.us-east-1.amazonaws.com".to_owned())];
        Self { method: "GET".into(), path: path.into(), query: query.into(), fields, body: Vec::new() }
    }

    /// Reads the text of a vector. Spaces and letters beyond ASCII stand raw in its paths, and folded lines in its
    /// headers.
    fn parse(text: &str) -> Self {
        let (head, body) = text.split_once("\n\n").unwrap_or((text, ""));
        let head = head.replace("\n ", "\u{1} ");
        let mut lines = head.lines();
        let (method, target) = lines.next().unwrap().split_once(' ').unwrap();
        let target = target.strip_suffix(" HTTP/1.1").unwrap();
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let field = |line: &str| {
            let (name, value) = line.split_once(':').unwrap();
            (name.to_owned(), value.replace('\u{1}', "\n"))
        };
        Self {
            method: method.into(),
            path: path.into(),
            query: query.into(),
            fields: lines.map(field).collect(),
            body: body.into(),
        }
    }

    fn with<T>(&self, use_parts: impl FnOnce(&RequestParts<'_>) -> T) -> T {
        let fields: Vec<(&[u8], &[u8])> =
            self.fields.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())).collect();
        use_parts(&RequestParts {
            method: self.method.as_bytes(),
            path: self.path.as_bytes(),
            query: self.query.as_bytes(),
            fields: &fields,
        })
    }

    fn set(&mut self, name: &str, value: impl Into<String>) {
        self.fields.retain(|(other, _)| !other.eq_ignore_ascii_case(name));
        self.fields.push((name.to_owned(), value.into()));
    }

    fn remove(&mut self, name: &str) {
        self.fields.retain(|(other, _)| !other.eq_ignore_ascii_case(name));
    }

    fn field(&self, name: &str) -> &str {
        &self.fields.iter().find(|(other, _)| other.eq_ignore_ascii_case(name)).unwrap().1
    }

    /// Changes text in `Authorization`.
    fn authorization(mut self, from: &str, to: &str) -> Self {
        let value = self.field("authorization").to_owned();
        assert!(value.contains(from), "{from:?}");
        self.set("Authorization", value.replace(from, to));
        self
    }

    /// Changes text in the query.
    fn in_query(mut self, from: &str, to: &str) -> Self {
        assert!(self.query.contains(from), "{from:?}");
        self.query = self.query.replace(from, to);
        self
    }

    fn and(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    /// Signs in the header form, as a caller of `execute-api` in `us-east-1` would.
    fn signed(mut self, token: Option<&str>) -> Self {
        let credential =
            Credential { access_key_id: ACCESS_KEY_ID, signing_key: &key(), session_token: token };
        let headers = self.with(|parts| sign(parts, &PayloadHash::of(&self.body), &credential, &place(NOW)));
        for (name, value) in headers {
            self.set(name, value);
        }
        self
    }

    /// Signs in the query form.
    fn presigned(mut self, expires: u32, token: Option<&str>) -> Self {
        let scope = scope("us-east-1", "execute-api");
        let separator = if self.query.is_empty() { "" } else { "&" };
        let credential = format!("{ACCESS_KEY_ID}/{}", scope.text()).replace('/', "%2F");
        self.query += &format!(
            "{separator}X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential={credential}&X-Amz-Date=20150830T123600Z\
             &X-Amz-Expires={expires}&X-Amz-SignedHeaders=host"
        );
        if let Some(token) = token {
            self.query += &format!("&X-Amz-Security-Token={}", token.replace('/', "%2F").replace('=', "%3D"));
        }
        let headers = SignedHeaders::new([&b"host"[..]]);
        let hash = PayloadHash::of(&self.body);
        let canonical = self.with(|parts| {
            canonical_request(parts, SignatureForm::Query, PathForm::Normalised, &headers, &hash)
        });
        let signature = key().sign(string_to_sign(moment(NOW), &scope, &canonical).as_bytes());
        self.query += &format!("&X-Amz-Signature={signature}");
        self
    }

    /// Signs these headers, and the path in this form, by hand.
    fn signed_over(mut self, names: &[&str], path_form: PathForm) -> Self {
        let scope = scope("us-east-1", "execute-api");
        let headers = SignedHeaders::new(names.iter().map(|name| name.as_bytes()));
        let hash = PayloadHash::of(&self.body);
        let canonical =
            self.with(|parts| canonical_request(parts, SignatureForm::Header, path_form, &headers, &hash));
        let signature = key().sign(string_to_sign(moment(NOW), &scope, &canonical).as_bytes());
        let (scope, names) = (scope.text(), names.join(";"));
        self.set(
            "Authorization",
            format!(
                "AWS4-HMAC-SHA256 Credential={ACCESS_KEY_ID}/{scope} SignedHeaders={names} Signature={signature}"
            ),
        );
        self
    }

    /// What the gateway says, for a store that knows one key.
    fn verified(
        &self,
        session: Option<StoredSession<'_>>,
        place: &SigningPlace<'_>,
    ) -> Result<Verified, SignatureFault> {
        let find = |scope: &CredentialScope| {
            (&*scope.access_key_id == ACCESS_KEY_ID).then(|| StoredCredential {
                signing_key: SigningKey::derive(SECRET, &scope.date, &scope.region, &scope.service),
                session,
            })
        };
        self.with(|parts| match read(parts)? {
            Presented::Nothing => Err(SignatureFault::Missing),
            Presented::NotASignature(fault) => Err(fault),
            Presented::Signature(signature) => {
                signature.check(parts, place, find)?.verify(&PayloadHash::of(&self.body))
            }
        })
    }

    fn fault(&self) -> SignatureFault {
        self.verified(None, &place(NOW)).unwrap_err()
    }
}

fn moment(seconds: u64) -> Timestamp {
    Timestamp::from_epoch_seconds(seconds)
}

fn place(now: u64) -> SigningPlace<'static> {
    SigningPlace { region: "us-east-1", service: "execute-api", now: moment(now) }
}

fn scope(region: &str, service: &str) -> CredentialScope {
    CredentialScope {
        access_key_id: ACCESS_KEY_ID.into(),
        date: "20150830".into(),
        region: region.into(),
        service: service.into(),
    }
}

fn key() -> SigningKey {
    SigningKey::derive(SECRET, "20150830", "us-east-1", "execute-api")
}

fn session(expires_at: u64) -> StoredSession<'static> {
    StoredSession { token: TOKEN, expires_at: moment(expires_at) }
}
