//! The chain of places where AWS SDKs look for credentials: the environment, the shared credentials file, the
//! container's endpoint, the instance's metadata. The first that there is counts.

use std::net::IpAddr;

use postern_document::Place;
use postern_model::{AccessKey, CallCredentials, ContainerToken, CredentialSource, HttpEndpoint, Secret};
use postern_protocol::credential_source::{Profile, read_profile};

use crate::reading::Reading;

/// Walks the chain. What is wrong in it stands in no file of ours, and is reported at `place`.
pub(crate) fn read(place: &Place, reading: &mut Reading<'_>) -> Option<CallCredentials> {
    let found = of_environment(reading).and_then(|key| match key {
        Some(key) => Ok(Some(CallCredentials::Known(key))),
        None => of_elsewhere(place, reading),
    });
    found.map_err(|fault| reading.problems.error(place, fault)).ok()?
}

fn of_elsewhere(place: &Place, reading: &mut Reading<'_>) -> Result<Option<CallCredentials>, String> {
    // Whoever sets it means a role of its own, and not the one of the node that comes last.
    if variable(reading, "AWS_WEB_IDENTITY_TOKEN_FILE").is_some() {
        return Err(
            "AWS_WEB_IDENTITY_TOKEN_FILE is set, and no role is assumed here: expected access keys, or the \
                    variable to be unset"
                .to_owned(),
        );
    }
    if let Some(key) = of_file(place, reading)? {
        return Ok(Some(CallCredentials::Known(key)));
    }
    let source = match of_container(reading)? {
        None => of_instance(reading)?,
        of_container => of_container,
    };
    Ok(source.map(CallCredentials::Fetched))
}

fn of_environment(reading: &Reading<'_>) -> Result<Option<AccessKey>, String> {
    let id = plain_variable(reading, "AWS_ACCESS_KEY_ID")?;
    let secret = plain_variable(reading, "AWS_SECRET_ACCESS_KEY")?;
    let (access_key_id, secret) = match (id, secret) {
        (Some(id), Some(secret)) => (id.into(), secret),
        (None, None) => return Ok(None),
        _ => return Err("AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY: expected both or none".to_owned()),
    };
    let session_token = plain_variable(reading, "AWS_SESSION_TOKEN")?.map(Secret::new);
    Ok(Some(AccessKey { access_key_id, secret_access_key: Secret::new(secret), session_token }))
}

/// The profile `AWS_PROFILE` (`default`) of `AWS_SHARED_CREDENTIALS_FILE` (`~/.aws/credentials`). Whoever names one of
/// them means it: then it must be there. A home that may not be read has nothing for us.
fn of_file(place: &Place, reading: &mut Reading<'_>) -> Result<Option<AccessKey>, String> {
    let (named, profile) = (variable(reading, FILE), variable(reading, PROFILE));
    let of_home = variable(reading, "HOME").map(|home| format!("{home}/.aws/credentials"));
    let Some(path) = named.clone().or(of_home) else { return Ok(None) };
    let text = match reading.secret_file(&path) {
        Ok(text) => text,
        Err(failure) if failure.is_absence() && named.is_none() && profile.is_none() => return Ok(None),
        Err(failure) if failure.is_denial() && named.is_none() && profile.is_none() => {
            let message = format!("HOME names the credentials file `{path}`: {failure}, and is passed over");
            reading.problems.warning(place, message);
            return Ok(None);
        }
        Err(failure) => {
            let variable = if named.is_some() { FILE } else { "HOME" };
            return Err(format!("{variable} names the credentials file `{path}`: {failure}"));
        }
    };
    let is_named = profile.is_some();
    let profile = profile.unwrap_or_else(|| "default".to_owned());
    match read_profile(text.reveal(), &profile) {
        Profile::Key(key) => Ok(Some(AccessKey::from(&key))),
        Profile::Unusable { line, key } => {
            Err(format!("{path}:{line}: `{key}`: expected one word of printable ASCII characters"))
        }
        Profile::Absent if is_named => Err(format!("{PROFILE} is `{profile}`: {path} has no such profile")),
        Profile::WithoutKey if is_named => Err(format!(
            "{PROFILE} is `{profile}`: in {path} it has no access key, and nothing else is read of it"
        )),
        Profile::Absent | Profile::WithoutKey => Ok(None),
    }
}

const FILE: &str = "AWS_SHARED_CREDENTIALS_FILE";
const PROFILE: &str = "AWS_PROFILE";

fn of_container(reading: &Reading<'_>) -> Result<Option<CredentialSource>, String> {
    const RELATIVE: &str = "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI";
    const FULL: &str = "AWS_CONTAINER_CREDENTIALS_FULL_URI";
    let (name, uri) = match (variable(reading, RELATIVE), variable(reading, FULL)) {
        (Some(path), _) => (RELATIVE, format!("http://169.254.170.2{path}")),
        (None, Some(uri)) => (FULL, uri),
        (None, None) => return Ok(None),
    };
    let (endpoint, path) =
        split_uri(&uri).ok_or_else(|| format!("{name}: expected an address, or a path"))?;
    if !endpoint.https && !is_near(&endpoint) {
        return Err(format!("{name}: expected `https://`, or a loopback or container endpoint's address"));
    }
    let of_file = variable(reading, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
    let of_text = variable(reading, "AWS_CONTAINER_AUTHORIZATION_TOKEN");
    let token = of_file
        .map(|file| ContainerToken::File(file.into()))
        .or_else(|| of_text.map(|text| ContainerToken::Text(Secret::new(text))));
    Ok(Some(CredentialSource::Container { endpoint, path, token }))
}

fn split_uri(uri: &str) -> Option<(HttpEndpoint, Box<str>)> {
    let start = uri.find("://")? + 3;
    let end = uri.get(start..)?.find('/').map_or(uri.len(), |slash| start + slash);
    let (endpoint, path) = uri.split_at_checked(end)?;
    let path = if path.is_empty() { "/" } else { path };
    let is_path = path.bytes().all(|byte| byte.is_ascii_graphic());
    is_path.then(|| Some((endpoint.parse().ok()?, path.into())))?
}

/// Whether plain text may be spoken there: loopback, and the endpoints of Amazon ECS and EKS.
fn is_near(endpoint: &HttpEndpoint) -> bool {
    let host = &*endpoint.target.host;
    match host.parse::<IpAddr>() {
        Ok(address) => {
            address.is_loopback() || ["169.254.170.2", "169.254.170.23", "fd00:ec2::23"].contains(&host)
        }
        Err(_) => host == "localhost",
    }
}

fn of_instance(reading: &Reading<'_>) -> Result<Option<CredentialSource>, String> {
    const ENDPOINT: &str = "AWS_EC2_METADATA_SERVICE_ENDPOINT";
    let is = |name, value: &str| variable(reading, name).is_some_and(|own| own.eq_ignore_ascii_case(value));
    if is("AWS_EC2_METADATA_DISABLED", "true") {
        return Ok(None);
    }
    let usual = if is("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", "IPv6") {
        "http://[fd00:ec2::254]"
    } else {
        "http://169.254.169.254"
    };
    let endpoint = variable(reading, ENDPOINT).unwrap_or_else(|| usual.to_owned());
    let endpoint = endpoint.parse().map_err(|error| format!("{ENDPOINT} is `{endpoint}`: {error}"))?;
    Ok(Some(CredentialSource::Instance(endpoint)))
}

/// A variable that says something.
fn variable(reading: &Reading<'_>, name: &str) -> Option<String> {
    reading.variable(name).filter(|value| !value.is_empty())
}

/// A variable whose value becomes a part of a header. What it says is never shown.
fn plain_variable(reading: &Reading<'_>, name: &str) -> Result<Option<String>, String> {
    let value = variable(reading, name);
    let is_plain = |value: &String| value.bytes().all(|byte| byte.is_ascii_graphic());
    if value.as_ref().is_none_or(is_plain) {
        Ok(value)
    } else {
        Err(format!("{name}: expected one line without spaces"))
    }
}
