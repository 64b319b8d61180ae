//! Requests signed by a signer that we did not write: botocore, which `.ci/tools` installs.

use std::process::Command;

use serde_json::{Value, json};

use crate::{API_HOST, clients::run, repository_root};

/// A request that is to be signed, and how.
#[derive(Clone, Debug)]
pub struct Unsigned<'t> {
    /// The method.
    pub verb: &'t str,
    /// The host, which is signed.
    pub host: &'t str,
    /// Path and query.
    pub target: &'t str,
    /// Fields that are signed too.
    pub fields: &'t [(&'t str, &'t str)],
    /// The body.
    pub body: &'t str,
    /// The access key id and the secret.
    pub key: (&'t str, &'t str),
    /// The session token of temporary credentials.
    pub session_token: Option<&'t str>,
    /// The region and the service of the scope.
    pub scope: (&'t str, &'t str),
    /// How many seconds the signer's clock is late.
    pub late_seconds: i64,
    /// For how many seconds an address is good; `None`: the signature stands in `Authorization`.
    pub expires_seconds: Option<u32>,
}

/// A request that was signed.
#[derive(Clone, Debug)]
pub struct Signed {
    /// The method.
    pub verb: String,
    /// The host.
    pub host: String,
    /// Path and query, the signature among it where it stands there.
    pub target: String,
    /// The fields, those of the signature among them.
    pub fields: Vec<(String, String)>,
    /// The body.
    pub body: String,
}

impl<'t> Unsigned<'t> {
    /// A GET for the API, signed here and now.
    #[must_use]
    pub const fn get(target: &'t str, key: (&'t str, &'t str)) -> Self {
        Self {
            verb: "GET",
            host: API_HOST,
            target,
            fields: &[],
            body: "",
            key,
            session_token: None,
            scope: ("us-east-1", "execute-api"),
            late_seconds: 0,
            expires_seconds: None,
        }
    }

    /// Signs it.
    #[must_use]
    pub fn sign(&self) -> Signed {
        sign_all(std::slice::from_ref(self)).remove(0)
    }

    fn case(&self) -> Value {
        let fields: serde_json::Map<String, Value> =
            self.fields.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
        json!({
            "verb": self.verb,
            "host": self.host,
            "target": self.target,
            "fields": fields,
            "body": self.body,
            "accessKeyId": self.key.0,
            "secretAccessKey": self.key.1,
            "sessionToken": self.session_token,
            "region": self.scope.0,
            "service": self.scope.1,
            "late": -self.late_seconds,
            "expires": self.expires_seconds,
        })
    }
}

/// Signs them all, which is quicker than one after the other.
#[must_use]
pub fn sign_all(requests: &[Unsigned<'_>]) -> Vec<Signed> {
    let mut command = python();
    command.arg("-c").arg(include_str!("botocore.py"));
    let cases: Vec<Value> = requests.iter().map(Unsigned::case).collect();
    let output = run(command, Value::from(cases).to_string().as_bytes());
    let complaints = String::from_utf8_lossy(&output.stderr);
    let answers: Vec<Value> = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("botocore signs nothing (`.ci/tools` installs it): {complaints}"));
    requests.iter().zip(answers).map(|(request, answer)| Signed::of(request, &answer)).collect()
}

/// The Python that has botocore.
pub(crate) fn python() -> Command {
    let own = repository_root().join("target/python/bin/python");
    if own.exists() { Command::new(own) } else { Command::new("python3") }
}

impl Signed {
    fn of(request: &Unsigned<'_>, answer: &Value) -> Self {
        let text = |value: &Value| value.as_str().expect("text").to_owned();
        let field = |pair: &Value| (text(&pair[0]), text(&pair[1]));
        Self {
            verb: request.verb.to_owned(),
            host: request.host.to_owned(),
            target: text(&answer["target"]),
            fields: answer["fields"].as_array().expect("fields").iter().map(field).collect(),
            body: request.body.to_owned(),
        }
    }

    /// The bytes of the request over HTTP/1.1.
    #[must_use]
    pub fn bytes(&self) -> String {
        let Self { verb, host, target, fields, body } = self;
        let mut lines: String = fields.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        if !body.is_empty() {
            lines += &format!("Content-Length: {}\r\n", body.len());
        }
        format!("{verb} {target} HTTP/1.1\r\nHost: {host}\r\n{lines}\r\n{body}")
    }

    /// The arguments with which curl sends it.
    #[must_use]
    pub fn curl_arguments(&self) -> Vec<String> {
        let Self { verb, host, target, fields, body } = self;
        let mut arguments: Vec<String> =
            ["--path-as-is", "--globoff", "--request", verb].map(ToOwned::to_owned).into();
        for (name, value) in fields {
            arguments.extend(["--header".to_owned(), format!("{name}: {value}")]);
        }
        if !body.is_empty() {
            arguments.extend(["--data-binary".to_owned(), body.clone()]);
            // What curl would add by itself is not signed, and need not be.
            arguments.extend(["--header".to_owned(), "Content-Type:".to_owned()]);
        }
        arguments.push(format!("http://{host}{target}"));
        arguments
    }

    /// The value of a field.
    #[must_use]
    pub fn field(&self, name: &str) -> &str {
        let found = self.fields.iter().find(|(other, _)| other.eq_ignore_ascii_case(name));
        &found.unwrap_or_else(|| panic!("no `{name}` in {self:?}")).1
    }

    /// The same with another value of a field.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.fields.retain(|(other, _)| !other.eq_ignore_ascii_case(name));
        self.fields.push((name.to_owned(), value.into()));
        self
    }
}
