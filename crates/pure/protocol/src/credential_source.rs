//! Where access keys come from: what containers and instances are told about theirs, and the shared
//! credentials file. The formats are those of the "AWS SDKs and Tools Reference Guide".

use serde_json::{Map, Value};
use zeroize::Zeroizing;

use crate::signature::Timestamp;

/// An access key as it was found. Never printed.
pub struct FoundKey {
    /// The access key id.
    pub access_key_id: String,
    /// The secret access key.
    pub secret_access_key: Zeroizing<String>,
    /// The session token, of temporary credentials.
    pub session_token: Option<Zeroizing<String>>,
    /// When temporary credentials end; absent: nobody says.
    pub expires_at: Option<Timestamp>,
}

impl std::fmt::Debug for FoundKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "FoundKey({}, (secret))", self.access_key_id)
    }
}

/// Reads what a container endpoint or the instance metadata answers:
/// `{"AccessKeyId": …, "SecretAccessKey": …, "Token": …, "Expiration": "2026-01-31T12:00:00Z"}`.
///
/// ```
/// use postern_protocol::credential_source::read_answer;
///
/// let answer = br#"{"AccessKeyId": "ASIA1", "SecretAccessKey": "s", "Token": "t", "Expiration": "2015-08-30T12:36:00Z"}"#;
/// let key = read_answer(answer).unwrap();
/// assert_eq!(key.expires_at.unwrap().epoch_seconds(), 1_440_938_160);
/// assert_eq!(format!("{key:?}"), "FoundKey(ASIA1, (secret))");
/// ```
///
/// # Errors
///
/// What is wrong with it, in words that quote nothing of it.
pub fn read_answer(answer: &[u8]) -> Result<FoundKey, &'static str> {
    let Ok(Value::Object(members)) = serde_json::from_slice(answer) else {
        return Err("the answer is not a JSON object");
    };
    if text(&members, "Code").is_some_and(|code| code != "Success") {
        return Err("the answer says that there are no credentials");
    }
    let expires_at = match text(&members, "Expiration") {
        None => None,
        Some(moment) => Some(read_moment(moment).ok_or("`Expiration` is no moment")?),
    };
    let required =
        |name| text(&members, name).filter(|text| is_plain(text)).ok_or("the answer has no access key");
    let session_token = text(&members, "Token");
    if !session_token.is_none_or(is_plain) {
        return Err("`Token` is no token");
    }
    Ok(FoundKey {
        access_key_id: required("AccessKeyId")?.to_owned(),
        secret_access_key: Zeroizing::new(required("SecretAccessKey")?.to_owned()),
        session_token: session_token.map(|token| Zeroizing::new(token.to_owned())),
        expires_at,
    })
}

fn text<'m>(members: &'m Map<String, Value>, name: &str) -> Option<&'m str> {
    members.get(name).and_then(Value::as_str).filter(|text| !text.is_empty())
}

/// Whether a text can be a part of a header.
fn is_plain(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// `2026-01-31T12:00:00Z`, with or without fractions of the second.
fn read_moment(moment: &str) -> Option<Timestamp> {
    let whole = moment.strip_suffix('Z')?.split('.').next()?;
    format!("{}Z", whole.replace(['-', ':'], "")).parse().ok()
}

/// What the shared credentials file says of a profile.
#[derive(Debug)]
pub enum Profile {
    /// There is none of that name.
    Absent,
    /// It names no access key: other settings make the credentials.
    WithoutKey,
    /// A part of its access key cannot stand in a header.
    Unusable {
        /// The line of the file, from 1.
        line: usize,
        /// What stands before the `=` in it.
        key: &'static str,
    },
    /// Its access key.
    Key(FoundKey),
}

/// Reads a profile of the shared credentials file: `[name]`, and lines `name = value` behind it. Lines that begin
/// with `#` or `;` are comments; those that are indented belong to the setting before.
///
/// ```
/// use postern_protocol::credential_source::{Profile, read_profile};
///
/// let file = "[default]\naws_access_key_id = AKID\naws_secret_access_key = s\n";
/// assert!(matches!(read_profile(file, "default"), Profile::Key(key) if key.access_key_id == "AKID"));
/// assert!(matches!(read_profile(file, "other"), Profile::Absent));
/// ```
#[must_use]
pub fn read_profile(file: &str, profile: &str) -> Profile {
    let mut is_inside = false;
    let mut is_there = false;
    let (mut id, mut secret, mut token) = (None, None, None);
    let lines = file.lines().zip(1..).filter(|(line, _)| !line.starts_with(['#', ';', ' ', '\t']));
    for (line, number) in lines {
        if let Some(rest) = line.strip_prefix('[') {
            is_inside = rest.split(']').next().is_some_and(|name| name.trim() == profile);
            is_there |= is_inside;
            continue;
        }
        let Some((name, value)) = line.split_once('=').filter(|_| is_inside) else { continue };
        let (place, key) = match name.trim() {
            "aws_access_key_id" => (&mut id, "aws_access_key_id"),
            "aws_secret_access_key" => (&mut secret, "aws_secret_access_key"),
            "aws_session_token" => (&mut token, "aws_session_token"),
            _ => continue,
        };
        let value = value.trim();
        if !value.is_empty() && !is_plain(value) {
            return Profile::Unusable { line: number, key };
        }
        *place = Some(Zeroizing::new(value.to_owned())).filter(|value| !value.is_empty());
    }
    match (id, secret) {
        _ if !is_there => Profile::Absent,
        (Some(id), Some(secret_access_key)) => Profile::Key(FoundKey {
            access_key_id: id.to_string(),
            secret_access_key,
            session_token: token,
            expires_at: None,
        }),
        _ => Profile::WithoutKey,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_without_a_usable_key_is_refused_with_a_reason() {
        for (answer, reason) in [
            ("", "the answer is not a JSON object"),
            ("[1]", "the answer is not a JSON object"),
            (r#"{"Code": "AssumeRoleUnauthorizedAccess"}"#, "the answer says that there are no credentials"),
            (r#"{"AccessKeyId": "A"}"#, "the answer has no access key"),
            (r#"{"AccessKeyId": "A\r\nB: c", "SecretAccessKey": "s"}"#, "the answer has no access key"),
            (r#"{"AccessKeyId": "A", "SecretAccessKey": "s", "Token": "t\r\nB: c"}"#, "`Token` is no token"),
            (
                r#"{"AccessKeyId": "A", "SecretAccessKey": "s", "Expiration": "soon"}"#,
                "`Expiration` is no moment",
            ),
        ] {
            assert_eq!(read_answer(answer.as_bytes()).unwrap_err(), reason, "{answer}");
        }
    }

    #[test]
    fn an_answer_may_leave_out_token_and_end() {
        let key = read_answer(br#"{"Code": "Success", "AccessKeyId": "A", "SecretAccessKey": "s"}"#).unwrap();
        assert_eq!((&*key.access_key_id, &**key.secret_access_key), ("A", "s"));
        assert!(key.session_token.is_none() && key.expires_at.is_none());
        let fractions =
            br#"{"AccessKeyId": "A", "SecretAccessKey": "s", "Expiration": "2015-08-30T12:36:00.999Z"}"#;
        assert_eq!(read_answer(fractions).unwrap().expires_at.unwrap().epoch_seconds(), 1_440_938_160);
    }

    #[test]
    fn a_profile_is_what_stands_behind_its_name() {
        let file = "# a comment\naws_access_key_id = outside\n[one]\naws_access_key_id=AKID1\n\
                    aws_secret_access_key = a=b/c+ \naws_session_token = t\nregion = eu-west-1\n\
                    [ two ]\n; another\nrole_arn = r\n s3 =\n  aws_access_key_id = nested\n\
                    [three]\naws_access_key_id = AKID3\naws_secret_access_key =\n";
        let Profile::Key(key) = read_profile(file, "one") else { panic!("no key") };
        assert_eq!((&*key.access_key_id, &**key.secret_access_key), ("AKID1", "a=b/c+"));
        assert_eq!(key.session_token.as_ref().map(|token| &***token), Some("t"));
        assert!(matches!(read_profile(file, "two"), Profile::WithoutKey));
        assert!(matches!(read_profile(file, "three"), Profile::WithoutKey));
        assert!(matches!(read_profile(file, "four"), Profile::Absent));
        assert!(matches!(read_profile("", "default"), Profile::Absent));
    }

    #[test]
    fn what_cannot_stand_in_a_header_is_told_by_its_line() {
        let file = "[one]\n# a comment\naws_access_key_id = AKID1\naws_secret_access_key = a b\n\
                    [two]\naws_session_token = t\u{e9}\n";
        for (profile, expected) in [("one", (4, "aws_secret_access_key")), ("two", (6, "aws_session_token"))]
        {
            let Profile::Unusable { line, key } = read_profile(file, profile) else { panic!("{profile}") };
            assert_eq!((line, key), expected);
        }
    }
}
