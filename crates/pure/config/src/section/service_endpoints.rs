//! `serviceEndpoints`: where integrations call services that are not at their own hosts.

use postern_document::{Entry, Problems};
use postern_model::{HttpEndpoint, Malformed, ServiceEndpoints};

use crate::{fields::Section, unique::Unique};

/// Reads the mapping.
pub(crate) fn read(root: &mut Section<'_>, problems: &mut Problems) -> ServiceEndpoints {
    let mut services = Unique::of("serviceEndpoints");
    let mut endpoints = Vec::new();
    for entry in root.map("serviceEndpoints", problems) {
        let name = service(&entry.key);
        let name = name.map_err(|fault| problems.error(&entry.place, fault)).ok();
        let endpoint = endpoint(entry, problems);
        if let (Some(name), Some(endpoint)) = (name, endpoint) {
            services.claim(name.to_string(), &entry.place, problems);
            endpoints.push((name, endpoint));
        }
    }
    ServiceEndpoints::new(endpoints)
}

fn service(name: &str) -> Result<Box<str>, String> {
    let is_label_byte =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'.' | b'_');
    if name == "lambda" {
        return Err(
            "`lambda` is no service here: expected an `invoke` of the entry of `functions`".to_owned()
        );
    }
    if name.is_empty() || !name.bytes().all(is_label_byte) {
        return Err(format!("service `{name}`: expected a name such as `dynamodb`"));
    }
    Ok(name.into())
}

fn endpoint(entry: &Entry, problems: &mut Problems) -> Option<HttpEndpoint> {
    let Entry { key, value, .. } = entry;
    let Some(text) = value.as_scalar_text() else {
        problems.error(&value.place, format!("`{key}` is {}: expected one value", value.kind()));
        return None;
    };
    text.parse()
        .map_err(|error: Malformed| problems.error(&value.place, format!("`{key}` is `{text}`: {error}")))
        .ok()
}
