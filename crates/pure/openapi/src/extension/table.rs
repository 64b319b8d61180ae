//! Every extension of the service's documentation, as one table.

use postern_document::{Place, did_you_mean};

use crate::report::Report;

/// What every extension of API Gateway starts with.
pub(crate) const PREFIX: &str = "x-amazon-apigateway-";

/// The kinds of objects that extensions stand in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Level {
    Root,
    Server,
    Components,
    PathItem,
    Operation,
    SecurityScheme,
    /// None belongs here.
    Elsewhere,
}

/// One extension: its name behind the prefix, where it belongs, and why it is ignored if it is.
struct Extension {
    name: &'static str,
    levels: &'static [Level],
    ignored: Option<&'static str>,
}

const DOCUMENTATION: Option<&str> = Some("documentation changes no answer");
const HTTP_APIS: Option<&str> = Some("it belongs to HTTP APIs");

/// The extensions (openapi-extensions.md section 1).
const EXTENSIONS: &[Extension] = &[
    Extension { name: "any-method", levels: &[Level::PathItem], ignored: None },
    Extension { name: "api-key-source", levels: &[Level::Root], ignored: None },
    Extension { name: "auth", levels: &[Level::Operation], ignored: None },
    Extension { name: "authorizer", levels: &[Level::SecurityScheme], ignored: None },
    Extension { name: "authtype", levels: &[Level::SecurityScheme], ignored: None },
    Extension { name: "binary-media-types", levels: &[Level::Root], ignored: None },
    Extension { name: "cors", levels: &[Level::Root], ignored: HTTP_APIS },
    Extension { name: "documentation", levels: &[Level::Root], ignored: DOCUMENTATION },
    Extension { name: "endpoint-access-mode", levels: &[Level::Root], ignored: None },
    Extension { name: "endpoint-configuration", levels: &[Level::Root, Level::Server], ignored: None },
    Extension { name: "gateway-responses", levels: &[Level::Root], ignored: None },
    Extension { name: "importexport-version", levels: &[Level::Root], ignored: HTTP_APIS },
    Extension { name: "integration", levels: &[Level::Operation], ignored: None },
    Extension { name: "integrations", levels: &[Level::Components], ignored: None },
    Extension { name: "minimum-compression-size", levels: &[Level::Root], ignored: None },
    Extension { name: "policy", levels: &[Level::Root], ignored: None },
    Extension { name: "request-validator", levels: &[Level::Root, Level::Operation], ignored: None },
    Extension { name: "request-validators", levels: &[Level::Root], ignored: None },
    Extension { name: "security-policy", levels: &[Level::Root], ignored: None },
    Extension { name: "tag-value", levels: &[], ignored: Some("tags change no answer") },
];

/// Tells what becomes of an extension that no reader of this object asked for. `name` stands behind
/// the prefix.
pub(crate) fn unread(name: &str, level: Level, place: &Place, report: &mut Report) {
    let Some(extension) = EXTENSIONS.iter().find(|extension| extension.name == name) else {
        let suggestion = did_you_mean(name, EXTENSIONS.iter().map(|extension| extension.name))
            .map_or_else(String::new, |known| format!(": did you mean `{PREFIX}{known}`?"));
        return report.once(place, format!("`{PREFIX}{name}` is unknown and is ignored{suggestion}"));
    };
    match extension.ignored {
        Some(reason) => report.once(place, format!("`{PREFIX}{name}` is ignored: {reason}")),
        None if extension.levels.contains(&level) => {}
        None => report.once(place, format!("`{PREFIX}{name}` has no effect here: {}", home(extension))),
    }
}

fn home(extension: &Extension) -> &'static str {
    match extension.levels.first() {
        Some(Level::Root) => "it belongs at the root of the definition",
        Some(Level::Server) => "it belongs into a server",
        Some(Level::Components) => "it belongs into `components`",
        Some(Level::PathItem) => "it belongs beside the methods of a path",
        Some(Level::Operation) => "it belongs into an operation",
        Some(Level::SecurityScheme) => "it belongs into a security scheme",
        Some(Level::Elsewhere) | None => "no object takes it",
    }
}
