//! What calls of services are signed with: the list, and the chain of places behind it.

use std::path::Path;

use postern_config::{ReadFailure, Surroundings, read};
use postern_model::{CallCredentials, ContainerToken, CredentialSource};

use crate::common::{Memory, files};

const SIGNED: &str = r#"{"openapi": "3.0.1", "info": {"title": "queue"}, "paths": {
  "/pets": {"post": {
    "responses": {"200": {"description": "sent"}},
    "x-amazon-apigateway-integration": {
      "type": "aws", "httpMethod": "POST", "uri": "arn:aws:apigateway:us-east-1:sqs:path/1/pets",
      "responses": {"default": {"statusCode": "200"}}
    }
  }}
}}"#;

const PROFILES: &str = "[default]
aws_access_key_id = AKIDDEFAULT
aws_secret_access_key = the-default-secret
[work]
aws_access_key_id = ASIAWORK
aws_secret_access_key = the-secret-of-work
aws_session_token = the-token-of-work
[role]
role_arn = arn:aws:iam::123456789012:role/r
[broken]
aws_session_token = the secret token
";

/// A gateway that signs calls, on a machine with these variables and, at `/home/p/.aws/credentials`, profiles.
fn on(variables: &[(&str, &str)]) -> Memory {
    let text = "region: us-east-1
accountId: '123456789012'
vpcEndpoints: [{vpcEndpointId: vpce-1, vpcId: vpc-1, listeners: [{address: 127.0.0.1:80}]}]
restApis: [{id: a1, definition: apis/queue.json, policyFile: policies/open.json, stages: [{stageName: one}]}]";
    let mut memory = files()
        .with("postern.yaml", text)
        .with("apis/queue.json", SIGNED)
        .with("/home/p/.aws/credentials", PROFILES);
    memory.variables.clear();
    memory.variables.extend(variables.iter().map(|(name, value)| ((*name).into(), (*value).into())));
    memory
}

/// What calls are signed with, in a line; no secret stands in one.
fn found(memory: &Memory) -> String {
    let outcome = memory.read();
    let configuration = outcome.configuration.unwrap_or_else(|| panic!("{:#?}", outcome.problems));
    match configuration.credentials.standard {
        None => "nothing".to_owned(),
        Some(CallCredentials::Known(key)) => {
            let token = if key.session_token.is_some() { " with a token" } else { "" };
            format!("key {}{token}", key.access_key_id)
        }
        Some(CallCredentials::Fetched(CredentialSource::Instance(endpoint))) => {
            format!("instance {endpoint}")
        }
        Some(CallCredentials::Fetched(CredentialSource::Container { endpoint, path, token })) => {
            let token = match token {
                None => String::new(),
                Some(ContainerToken::Text(_)) => " with a token".to_owned(),
                Some(ContainerToken::File(file)) => format!(" with the token in {}", file.display()),
            };
            format!("container {endpoint} {path}{token}")
        }
    }
}

const ENVIRONMENT: [(&str, &str); 2] =
    [("AWS_ACCESS_KEY_ID", "AKIDENVIRONMENT"), ("AWS_SECRET_ACCESS_KEY", "the-secret-of-the-environment")];
const HOME: (&str, &str) = ("HOME", "/home/p");
const RELATIVE: (&str, &str) = ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2/credentials/7");
const FULL: &str = "AWS_CONTAINER_CREDENTIALS_FULL_URI";

#[test]
fn aw3_the_first_place_that_has_credentials_counts() {
    let all = [ENVIRONMENT[0], ENVIRONMENT[1], HOME, RELATIVE];
    for (variables, expected) in [
        (&all[..], "key AKIDENVIRONMENT"),
        (&all[..2], "key AKIDENVIRONMENT"),
        (&[ENVIRONMENT[0], ENVIRONMENT[1], ("AWS_SESSION_TOKEN", "t")], "key AKIDENVIRONMENT with a token"),
        (&all[2..], "key AKIDDEFAULT"),
        (&[HOME, ("AWS_PROFILE", "work")], "key ASIAWORK with a token"),
        (
            &[("AWS_SHARED_CREDENTIALS_FILE", "/home/p/.aws/credentials"), ("AWS_PROFILE", "work")],
            "key ASIAWORK with a token",
        ),
        (&[("HOME", "/home/q"), RELATIVE], "container http://169.254.170.2 /v2/credentials/7"),
        (
            &[
                (FULL, "http://169.254.170.23/v1/credentials"),
                ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "/t"),
            ],
            "container http://169.254.170.23 /v1/credentials with the token in /t",
        ),
        (
            &[(FULL, "https://keys.internal:8443"), ("AWS_CONTAINER_AUTHORIZATION_TOKEN", "secret")],
            "container https://keys.internal:8443 / with a token",
        ),
        (&[(FULL, "http://[::1]:80/?a=b")], "container http://[::1] /?a=b"),
        (&[], "instance http://169.254.169.254"),
        (&[("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", "ipv6")], "instance http://[fd00:ec2::254]"),
        (
            &[("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://127.0.0.1:1338/")],
            "instance http://127.0.0.1:1338",
        ),
    ] {
        assert_eq!(found(&on(variables)), expected, "{variables:?}");
    }
}

#[test]
fn what_the_chain_names_and_cannot_be_used_is_refused_and_no_secret_shown() {
    for (variables, expected) in [
        (
            &[("AWS_SHARED_CREDENTIALS_FILE", "/none")][..],
            "AWS_SHARED_CREDENTIALS_FILE names the credentials file `/none`: there is no such file",
        ),
        (
            &[("HOME", "/none"), ("AWS_PROFILE", "work")],
            "HOME names the credentials file `/none/.aws/credentials`: there is no such file",
        ),
        (
            &[HOME, ("AWS_PROFILE", "broken")],
            "/home/p/.aws/credentials:11: `aws_session_token`: expected one word of printable ASCII characters",
        ),
        (
            &[HOME, ("AWS_WEB_IDENTITY_TOKEN_FILE", "/var/run/token")],
            "AWS_WEB_IDENTITY_TOKEN_FILE is set, and no role is assumed here: expected access keys, or the variable \
             to be unset",
        ),
        (&[ENVIRONMENT[0], HOME], "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY: expected both or none"),
        (&[ENVIRONMENT[1]], "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY: expected both or none"),
        (
            &[ENVIRONMENT[0], ("AWS_SECRET_ACCESS_KEY", "a-secret\n")],
            "AWS_SECRET_ACCESS_KEY: expected one line without spaces",
        ),
        (
            &[ENVIRONMENT[0], ENVIRONMENT[1], ("AWS_SESSION_TOKEN", "a secret")],
            "AWS_SESSION_TOKEN: expected one line without spaces",
        ),
        (
            &[HOME, ("AWS_PROFILE", "none")],
            "AWS_PROFILE is `none`: /home/p/.aws/credentials has no such profile",
        ),
        (
            &[HOME, ("AWS_PROFILE", "role")],
            "AWS_PROFILE is `role`: in /home/p/.aws/credentials it has no access key, and nothing else is read of it",
        ),
        (
            &[(FULL, "http://keys.internal/v1")],
            "AWS_CONTAINER_CREDENTIALS_FULL_URI: expected `https://`, or a loopback or container endpoint's address",
        ),
        (&[(FULL, "keys")], "AWS_CONTAINER_CREDENTIALS_FULL_URI: expected an address, or a path"),
        (
            &[("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/a b")],
            "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI: expected an address, or a path",
        ),
        (
            &[("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "@evil.example/")],
            "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI: expected an address, or a path",
        ),
        (
            &[("AWS_EC2_METADATA_SERVICE_ENDPOINT", "here")],
            "AWS_EC2_METADATA_SERVICE_ENDPOINT is `here`: expected an endpoint such as `http://127.0.0.1:9001`",
        ),
    ] {
        let told = on(variables).told();
        assert!(told.iter().any(|line| line.ends_with(expected)), "{expected}: {told:#?}");
        assert!(!told.iter().any(|line| line.contains("secret")), "{told:#?}");
    }
}

#[test]
fn the_credentials_file_is_watched_and_read_only_where_calls_are_signed() {
    let signing = on(&[HOME]);
    let watched = |memory: &Memory| memory.read().files.iter().any(|file| file.ends_with(".aws/credentials"));
    assert!(watched(&signing));
    let mocking = signing.with("apis/queue.json", crate::common::PETS);
    assert!(!watched(&mocking));
    assert_eq!(found(&mocking), "nothing");
}

#[test]
fn a_role_without_an_entry_is_warned_of_at_its_method() {
    let role = "arn:aws:iam::123456789012:role/writer";
    let named = SIGNED.replace(r#""type": "aws","#, &format!(r#""type": "aws", "credentials": "{role}","#));
    let told = on(&ENVIRONMENT).with("apis/queue.json", named).told();
    let expected = format!(
        "no entry of `credentials` is for the role `{role}`: calls of `sqs` are signed with the gateway's own key"
    );
    let warned: Vec<_> = told.iter().filter(|line| line.ends_with(&expected)).collect();
    assert!(matches!(&warned[..], [line] if line.starts_with("apis/queue.json:")), "{told:#?}");
    assert!(!on(&ENVIRONMENT).told().iter().any(|line| line.contains("no entry of")));
}

/// A machine on which homes may not be read.
struct WithoutHomes(Memory);

impl Surroundings for WithoutHomes {
    fn read(&self, path: &Path) -> Result<Vec<u8>, ReadFailure> {
        if path.starts_with("/home") { Err(ReadFailure::denial()) } else { Surroundings::read(&self.0, path) }
    }

    fn variable(&self, name: &str) -> Option<String> {
        self.0.variable(name)
    }
}

#[test]
fn a_home_that_may_not_be_read_is_passed_over_unless_it_is_asked_for() {
    let outcome = read("postern.yaml", &WithoutHomes(on(&[HOME, RELATIVE])));
    let told: Vec<String> = outcome.problems.iter().map(ToString::to_string).collect();
    let expected = "HOME names the credentials file `/home/p/.aws/credentials`: the file may not be read";
    let passed_over = format!("{expected}, and is passed over");
    assert!(told.iter().any(|line| line.ends_with(&passed_over)), "{told:#?}");
    let standard = outcome.configuration.unwrap().credentials.standard;
    assert!(matches!(standard, Some(CallCredentials::Fetched(CredentialSource::Container { .. }))));
    let asked_for = [HOME, RELATIVE, ("AWS_PROFILE", "work")];
    let outcome = read("postern.yaml", &WithoutHomes(on(&asked_for)));
    assert!(outcome.configuration.is_none());
    assert!(outcome.problems.iter().any(|problem| problem.message.ends_with(expected)));
}

#[test]
fn a_credentials_file_that_cannot_be_read_is_not_taken_for_none() {
    let told = on(&[HOME]).with("/home/p/.aws/credentials", *b"\xff").told();
    let expected = "HOME names the credentials file `/home/p/.aws/credentials`: the file is not UTF-8 text";
    assert!(told.iter().any(|line| line.ends_with(expected)), "{told:#?}");
}
