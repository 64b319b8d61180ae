//! `credentials`: what calls of services are signed with.

use postern_model::{AccessKey, CallCredentials, Credentials, Malformed};

use super::credential_chain;
use crate::{fields::Section, reading::Reading, unique::Unique};

/// Reads the list; where calls are signed, also what holds for those that it does not name.
pub(crate) fn read(root: &mut Section<'_>, signs: bool, reading: &mut Reading<'_>) -> Credentials {
    let mut roles = Unique::of("roleArn");
    let sections = root.sections("credentials", &mut reading.problems);
    let of_roles = sections.into_iter().filter_map(|section| of_role(section, &mut roles, reading)).collect();
    let standard = signs.then(|| credential_chain::read(root.place(), reading)).flatten();
    Credentials { of_roles, standard }
}

fn of_role(
    mut section: Section<'_>,
    roles: &mut Unique<String>,
    reading: &mut Reading<'_>,
) -> Option<(Box<str>, CallCredentials)> {
    let role = section.required("roleArn", role_arn, &mut reading.problems);
    if let (Some(role), Some(node)) = (&role, section.node("roleArn")) {
        roles.claim(role.to_string(), &node.place, &mut reading.problems);
    }
    let access_key_id = section.required("accessKeyId", access_key_id, &mut reading.problems);
    let file = section.required_node("secretAccessKeyFile", &mut reading.problems);
    let secret_access_key = reading.secret_text("secretAccessKeyFile", file?)?;
    let key = AccessKey { access_key_id: access_key_id?, secret_access_key, session_token: None };
    Some((role?, CallCredentials::Known(key)))
}

fn role_arn(text: &str) -> Result<Box<str>, Malformed> {
    let is_role = text.starts_with("arn:") && text.contains(":role/");
    if is_role { Ok(text.into()) } else { Err(Malformed::new("`arn:aws:iam::ACCOUNT:role/NAME`")) }
}

fn access_key_id(text: &str) -> Result<Box<str>, Malformed> {
    let is_id = (16..=128).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if is_id { Ok(text.into()) } else { Err(Malformed::new("16 to 128 letters and digits")) }
}
