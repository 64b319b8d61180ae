//! The two languages of definitions, and where each puts what.

use postern_document::{Node, Place};

use crate::report::Report;

/// The language of a definition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// Swagger 2.0.
    Swagger2,
    /// OpenAPI 3.0.
    OpenApi3,
}

impl Dialect {
    /// The language that the root names. What is neither is reported.
    pub(crate) fn of(root: &Node, report: &mut Report) -> Option<Self> {
        let (key, version) = match (root.get("openapi"), root.get("swagger")) {
            (Some(version), None) => ("openapi", version),
            (None, Some(version)) => ("swagger", version),
            (Some(version), Some(_)) => {
                report.error(&version.place, "both `openapi` and `swagger` stand here: expected one of them");
                return None;
            }
            (None, None) => {
                report.error(&root.place, not_a_definition(root));
                return None;
            }
        };
        let text = version.as_scalar_text().unwrap_or_default();
        let is_openapi_3 = text == "3.0" || text.starts_with("3.0.");
        match key {
            "openapi" if is_openapi_3 => Some(Self::OpenApi3),
            "swagger" if text == "2.0" => Some(Self::Swagger2),
            _ => {
                let message =
                    format!("`{key}` is `{text}`: expected OpenAPI 3.0 (`openapi: 3.0.…`) or Swagger 2.0");
                report.error(&version.place, message);
                None
            }
        }
    }

    /// The models by name.
    pub(crate) fn schemas(self, root: &Node) -> Option<&Node> {
        match self {
            Self::Swagger2 => root.get("definitions"),
            Self::OpenApi3 => root.get("components")?.get("schemas"),
        }
    }

    /// What a local `$ref` to a model starts with.
    pub(crate) const fn schema_prefix(self) -> &'static str {
        match self {
            Self::Swagger2 => "#/definitions/",
            Self::OpenApi3 => "#/components/schemas/",
        }
    }

    /// The security schemes by name.
    pub(crate) fn security_schemes(self, root: &Node) -> Option<&Node> {
        match self {
            Self::Swagger2 => root.get("securityDefinitions"),
            Self::OpenApi3 => root.get("components")?.get("securitySchemes"),
        }
    }

    /// The base path; empty where there is none.
    pub(crate) fn base_path(self, root: &Node) -> (String, &Place) {
        let (node, base_path) = match self {
            Self::Swagger2 => {
                let node = root.get("basePath");
                (node, node.and_then(Node::as_text).unwrap_or_default().to_owned())
            }
            Self::OpenApi3 => {
                let server = root.get("servers").and_then(Node::as_sequence).and_then(<[Node]>::first);
                (server, server.map(crate::base_path::of_server).unwrap_or_default())
            }
        };
        (base_path, node.map_or(&root.place, |node| &node.place))
    }
}

fn not_a_definition(root: &Node) -> String {
    let is_cloud_formation =
        root.get("Resources").is_some() || root.get("AWSTemplateFormatVersion").is_some();
    if is_cloud_formation {
        "this is a CloudFormation template: expected the OpenAPI or Swagger definition alone".to_owned()
    } else {
        "neither `openapi` nor `swagger` stands at the root: expected `openapi: 3.0.…` or `swagger: \"2.0\"`"
            .to_owned()
    }
}
