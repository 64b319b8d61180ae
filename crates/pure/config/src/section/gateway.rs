//! What stands at the root of the file by itself: the gateway's own settings.

use std::{net::SocketAddr, num::NonZeroUsize, path::PathBuf};

use postern_document::{Entry, Problems};
use postern_model::{
    AccessLog, AccessLogDestination, AccountThrottle, Admin, AuthorizerSilence, Compatibility, HostOverride,
    Limits, Partition, Region, WorkerCount,
};

use crate::{
    fields::Section,
    names::Names,
    reading::Reading,
    section::{
        listeners::{address, path_text, socket_address},
        throttle,
        vpc_links::target,
    },
    unique::Unique,
};

/// The longest format of an access log line, in bytes, that raises no warning (AL5).
const LOG_FORMAT_BYTES: usize = 3 * 1_024;

/// `dnsSuffix`, or the service's own in the region's partition.
pub(crate) fn dns_suffix(
    root: &mut Section<'_>,
    region: Option<&Region>,
    problems: &mut Problems,
) -> Box<str> {
    let written = root.optional("dnsSuffix", str::parse::<postern_model::HostName>, problems);
    let partition = region.map_or(Partition::Aws, Partition::of);
    written.map_or_else(|| partition.dns_suffix().into(), |suffix| suffix.as_str().into())
}

/// `stateDirectory`, or the one that the service manager gives (the first, where there are several).
pub(crate) fn state_directory(root: &mut Section<'_>, reading: &mut Reading<'_>) -> Option<PathBuf> {
    if let Some(written) = root.optional("stateDirectory", path_text, &mut reading.problems) {
        return Some(reading.path(&written));
    }
    let given = reading.variable("STATE_DIRECTORY")?;
    given.split(':').find(|path| !path.is_empty()).map(PathBuf::from)
}

/// `quotaFlushSeconds`.
pub(crate) fn quota_flush_seconds(root: &mut Section<'_>, problems: &mut Problems) -> u32 {
    root.whole("quotaFlushSeconds", problems).and_then(|seconds| u32::try_from(seconds).ok()).unwrap_or(1)
}

/// `accountThrottle`.
pub(crate) fn account_throttle(root: &mut Section<'_>, problems: &mut Problems) -> Option<AccountThrottle> {
    let mut section = root.section("accountThrottle", problems)?;
    let limit = throttle::limit(&mut section, problems);
    let before_authorization = section.boolean("beforeAuthorization", problems);
    Some(AccountThrottle { limit: limit?, before_authorization })
}

/// `hosts`: like `curl --resolve`.
pub(crate) fn hosts(root: &mut Section<'_>, problems: &mut Problems) -> Vec<HostOverride> {
    let mut unique = Unique::of("hosts");
    let mut hosts = Vec::new();
    for entry in root.map("hosts", problems) {
        let name = target(&entry.key)
            .map_err(|error| problems.error(&entry.place, format!("host `{}`: {error}", entry.key)))
            .ok();
        let address = host_address(entry, problems);
        if let Some(name) = name {
            unique.claim(format!("{}:{}", name.host, name.port), &entry.place, problems);
            hosts.extend(address.map(|address| HostOverride { host: name.host, port: name.port, address }));
        }
    }
    hosts
}

fn host_address(entry: &Entry, problems: &mut Problems) -> Option<SocketAddr> {
    let Entry { key, value, .. } = entry;
    let Some(text) = value.as_scalar_text() else {
        problems.error(&value.place, format!("`{key}` is {}: expected one value", value.kind()));
        return None;
    };
    socket_address(text)
        .map_err(|error| problems.error(&value.place, format!("`{key}` is `{text}`: {error}")))
        .ok()
}

/// `workers`.
pub(crate) fn workers(root: &mut Section<'_>, problems: &mut Problems) -> WorkerCount {
    if root.is_word("workers") {
        return WorkerCount::Auto;
    }
    let count = root.whole("workers", problems).and_then(|count| usize::try_from(count).ok());
    count.and_then(NonZeroUsize::new).map_or(WorkerCount::Auto, WorkerCount::Exactly)
}

/// `admin`.
pub(crate) fn admin(root: &mut Section<'_>, names: &mut Names, reading: &mut Reading<'_>) -> Option<Admin> {
    let mut section = root.section("admin", &mut reading.problems)?;
    Some(Admin { address: address(&mut section, names, reading)? })
}

/// `metrics`: how many API keys have metrics of their own.
pub(crate) fn api_key_series(root: &mut Section<'_>, problems: &mut Problems) -> u32 {
    let count = root.section("metrics", problems).and_then(|mut section| section.whole("apiKeys", problems));
    count.and_then(|count| u32::try_from(count).ok()).unwrap_or_default()
}

/// `accessLog`.
pub(crate) fn access_log(root: &mut Section<'_>, reading: &mut Reading<'_>) -> Option<AccessLog> {
    let mut section = root.section("accessLog", &mut reading.problems)?;
    let destination = match section.optional("destination", path_text, &mut reading.problems).as_deref() {
        None | Some("stderr") => AccessLogDestination::StandardError,
        Some("stdout") => AccessLogDestination::StandardOutput,
        Some(path) => AccessLogDestination::File(reading.path(path)),
    };
    let problems = &mut reading.problems;
    if let Some(node) = section.node("format")
        && node.as_scalar_text().is_some_and(|format| format.len() > LOG_FORMAT_BYTES)
    {
        problems.warning(&node.place, format!("`format` has more than {LOG_FORMAT_BYTES} bytes"));
    }
    section.required("format", |format| AccessLog::new(destination, format), problems)
}

/// `limits`.
pub(crate) fn limits(root: &mut Section<'_>, problems: &mut Problems) -> Limits {
    let mut limits = Limits::default();
    let Some(mut section) = root.section("limits", problems) else { return limits };
    for row in postern_model::LIMITS {
        if let Some(value) = section.whole(row.name, problems) {
            // The table has the row's own range, so the value is in it.
            let _in_range = limits.set(row.name, value);
        }
    }
    limits
}

/// `compatibility`.
pub(crate) fn compatibility(
    root: &mut Section<'_>,
    names: &mut Names,
    problems: &mut Problems,
) -> Compatibility {
    let Some(mut section) = root.section("compatibility", problems) else { return Compatibility::default() };
    names.says_authorizer_silence = section.node("authorizerSilence").is_some();
    Compatibility {
        method_override: section.boolean("methodOverride", problems),
        case_sensitive_header_names: section.boolean("caseSensitiveHeaderNames", problems),
        authorizer_silence: match section.choice("authorizerSilence", problems) {
            Some("deny") => AuthorizerSilence::Deny,
            _ => AuthorizerSilence::Allow,
        },
    }
}
