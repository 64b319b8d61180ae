//! `principals`: callers that may sign requests (authorization.md section 5).

use postern_document::{Node, Problems};
use postern_model::{AccessKeyId, Secret, Signer, SignerSession};
use postern_policy::{PolicyKind, Principal, Reading as PolicyReading, parse_date};

use crate::{fields::Section, reading::Reading, section::policies, unique::Unique};

/// Reads the list.
pub(crate) fn read(root: &mut Section<'_>, reading: &mut Reading<'_>) -> Vec<Signer> {
    let mut ids = Unique::of("accessKeyId");
    root.sections("principals", &mut reading.problems)
        .into_iter()
        .filter_map(|section| signer(section, &mut ids, reading))
        .collect()
}

fn signer(
    mut section: Section<'_>,
    ids: &mut Unique<AccessKeyId>,
    reading: &mut Reading<'_>,
) -> Option<Signer> {
    let principal = section.required("arn", caller, &mut reading.problems);
    let access_key_id = access_key_id(&mut section, ids, reading);
    let secret_access_key = secret(&mut section, SECRET_KEYS, reading);
    if secret_access_key.is_none() && !SECRET_KEYS.into_iter().any(|key| section.node(key).is_some()) {
        let message = "the principal has no secret: expected one of `secretAccessKey`, `secretAccessKeyFile`, \
                       `secretAccessKeyEnv`";
        reading.problems.error(section.place(), message);
    }
    let session = session(&mut section, reading);
    let user_id = section.optional("userId", filled, &mut reading.problems);
    let organization_id = section.optional("organizationId", filled, &mut reading.problems);
    let organization_paths = organization_paths(&mut section, &mut reading.problems);
    let tags = tags(&mut section, &mut reading.problems);
    let by_policy = PolicyReading::of(PolicyKind::Identity);
    let identity_policy = policies::optional_file(&mut section, "identityPolicyFile", &by_policy, reading);
    Some(Signer {
        principal: principal?,
        access_key_id: access_key_id?,
        secret_access_key: secret_access_key?,
        session,
        user_id,
        organization_id,
        organization_paths,
        tags,
        identity_policy,
    })
}

fn caller(text: &str) -> Result<Principal, String> {
    let principal: Principal = text.parse().map_err(|error| format!("{error}"))?;
    match principal {
        Principal::Caller(_) => Ok(principal),
        Principal::Anonymous => Err("nobody signs anonymously: expected an ARN".to_owned()),
    }
}

/// What stands under the key is not shown: it may be the secret, by mistake.
fn access_key_id(
    section: &mut Section<'_>,
    ids: &mut Unique<AccessKeyId>,
    reading: &mut Reading<'_>,
) -> Option<AccessKeyId> {
    let node = section.required_node("accessKeyId", &mut reading.problems)?;
    let text = reading.scalar("accessKeyId", node)?;
    let id = AccessKeyId::parse(text)
        .map_err(|error| reading.problems.error(&node.place, format!("`accessKeyId` is refused: {error}")))
        .ok()?;
    ids.claim(id.clone(), &node.place, &mut reading.problems);
    Some(id)
}

/// A secret by the one way that is given: in place, in a file or in a variable.
fn secret(
    section: &mut Section<'_>,
    keys: [&'static str; 3],
    reading: &mut Reading<'_>,
) -> Option<Secret<String>> {
    let given: Vec<(&str, &Node)> =
        keys.into_iter().filter_map(|key| Some((key, section.node(key)?))).collect();
    let [in_place, file, variable] = keys;
    let (key, node) = match given.as_slice() {
        [] => return None,
        [one] => *one,
        [_, (_, second), ..] => {
            let message = format!("`{in_place}` in several ways: expected one of `{}`", keys.join("`, `"));
            reading.problems.error(&second.place, message);
            return None;
        }
    };
    let secret = match key {
        _ if key == file => reading.secret_text(key, node)?,
        _ if key == variable => reading.secret_variable(key, node)?,
        _ => Secret::new(reading.scalar(key, node)?.to_owned()),
    };
    if secret.reveal().is_empty() {
        reading.problems.error(&node.place, format!("`{key}` holds nothing: expected a secret"));
        return None;
    }
    Some(secret)
}

/// A session token makes credentials temporary; the other keys of a session say more about it.
fn session(section: &mut Section<'_>, reading: &mut Reading<'_>) -> Option<SignerSession> {
    let token = secret(section, TOKEN_KEYS, reading);
    let problems = &mut reading.problems;
    if !TOKEN_KEYS.into_iter().any(|key| section.node(key).is_some()) {
        for key in SESSION_KEYS {
            if let Some(node) = section.node(key) {
                let message =
                    format!("`{key}` of credentials that are not temporary: expected `sessionToken`");
                problems.error(&node.place, message);
            }
        }
    }
    let [expires_at, issued_at, multi_factor_auth_at] =
        SESSION_KEYS.map(|key| section.optional(key, date, problems));
    Some(SignerSession { token: token?, expires_at, issued_at, multi_factor_auth_at })
}

fn date(text: &str) -> Result<i64, &'static str> {
    parse_date(text).ok_or("expected a date such as `2026-01-31T12:00:00Z`, or seconds since 1970")
}

fn filled(text: &str) -> Result<Box<str>, &'static str> {
    if text.is_empty() { Err("expected some text") } else { Ok(text.into()) }
}

fn organization_paths(section: &mut Section<'_>, problems: &mut Problems) -> Box<[Box<str>]> {
    let mut paths = Vec::new();
    for node in section.list("organizationPaths", problems) {
        match node.as_scalar_text() {
            Some(text) => paths.push(text.into()),
            None => {
                let message = format!("{} among `organizationPaths`: expected one value", node.kind());
                problems.error(&node.place, message);
            }
        }
    }
    paths.into()
}

/// Names of tags have no letter case in conditions (RP-51).
fn tags(section: &mut Section<'_>, problems: &mut Problems) -> Box<[(Box<str>, Box<str>)]> {
    let mut names = Unique::of("tags");
    let mut tags = Vec::new();
    for entry in section.map("tags", problems) {
        let name: Box<str> = entry.key.to_lowercase().into();
        names.claim(name.clone(), &entry.place, problems);
        match entry.value.as_scalar_text() {
            Some(value) => tags.push((name, value.into())),
            None => {
                let message = format!("`{}` is {}: expected one value", entry.key, entry.value.kind());
                problems.error(&entry.value.place, message);
            }
        }
    }
    tags.into()
}

/// The three ways to give the secret, and the token of a session.
const SECRET_KEYS: [&str; 3] = ["secretAccessKey", "secretAccessKeyFile", "secretAccessKeyEnv"];
const TOKEN_KEYS: [&str; 3] = ["sessionToken", "sessionTokenFile", "sessionTokenEnv"];

/// What is said of a session beside its token: when it ends, when it was issued, when a second factor was
/// shown.
const SESSION_KEYS: [&str; 3] = ["expiration", "tokenIssueTime", "multiFactorAuthTime"];
