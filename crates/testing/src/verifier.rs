//! Signatures of calls that Postern makes, verified by a signer that we did not write: botocore, which
//! `.ci/tools` installs.

use serde_json::{Value, json};

use crate::{Message, clients::run, signer::python};

/// A call that came in, and what it must be signed with.
#[derive(Clone, Debug)]
pub struct SignedCall<'c> {
    /// What came.
    pub request: &'c Message,
    /// The access key id and the secret.
    pub key: (&'c str, &'c str),
    /// The region and the service of the scope.
    pub scope: (&'c str, &'c str),
}

impl SignedCall<'_> {
    /// Path and query.
    #[must_use]
    pub fn target(&self) -> &str {
        self.request.first_line().split(' ').nth(1).expect("a target")
    }

    /// The method.
    #[must_use]
    pub fn verb(&self) -> &str {
        self.request.first_line().split(' ').next().expect("a verb")
    }

    fn case(&self) -> Value {
        json!({
            "verb": self.verb(),
            "target": self.target(),
            "fields": self.request.fields(),
            "body": self.request.text(),
            "accessKeyId": self.key.0,
            "secretAccessKey": self.key.1,
            "region": self.scope.0,
            "service": self.scope.1,
        })
    }
}

/// Fails unless every call carries the signature that botocore gives it.
pub fn verify_all(calls: &[SignedCall<'_>]) {
    let mut command = python();
    command.arg("-c").arg(include_str!("verify.py"));
    let cases: Vec<Value> = calls.iter().map(SignedCall::case).collect();
    let output = run(command, Value::from(cases).to_string().as_bytes());
    let complaints: Vec<Option<String>> = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("botocore: {}", String::from_utf8_lossy(&output.stderr)));
    for (call, complaint) in calls.iter().zip(complaints) {
        assert_eq!(complaint, None, "{}", call.request.masked());
    }
}
