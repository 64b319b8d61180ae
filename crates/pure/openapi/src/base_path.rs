//! Base paths: where a definition says one, and what an import does with it.

use std::str::FromStr;

use postern_document::Node;
use postern_model::Malformed;

/// What becomes of the base path that a definition names (openapi-extensions.md section 3).
///
/// ```
/// use postern_openapi::BasePathMode;
///
/// assert_eq!("split".parse(), Ok(BasePathMode::Split));
/// assert_eq!(BasePathMode::default(), BasePathMode::Ignore);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BasePathMode {
    /// It is dropped.
    #[default]
    Ignore,
    /// All of it is put in front of every path.
    Prepend,
    /// Its first segment is dropped, the rest is put in front of every path.
    Split,
}

impl FromStr for BasePathMode {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        match text {
            "ignore" => Ok(Self::Ignore),
            "prepend" => Ok(Self::Prepend),
            "split" => Ok(Self::Split),
            _ => Err(Malformed::new("`ignore`, `prepend` or `split`")),
        }
    }
}

impl BasePathMode {
    /// What is put in front of every path: nothing, or `/` and segments without a slash at the end.
    pub(crate) fn prefix(self, base_path: &str) -> String {
        let segments = base_path.split('/').filter(|segment| !segment.is_empty());
        let dropped = match self {
            Self::Ignore => return String::new(),
            Self::Prepend => 0,
            Self::Split => 1,
        };
        segments.skip(dropped).flat_map(|segment| ["/", segment]).collect()
    }
}

/// The base path of an OpenAPI 3.0 definition: of the first server, the default of the variable
/// `basePath` even where the address does not use it, else the path of the address.
pub(crate) fn of_server(server: &Node) -> String {
    let default = |name: &str| server.get("variables")?.get(name)?.get("default")?.as_scalar_text();
    if let Some(base_path) = default("basePath") {
        return base_path.to_owned();
    }
    let address = server.get("url").and_then(Node::as_text).unwrap_or_default();
    let after_scheme = address.split_once("://").map_or(address, |(_, rest)| rest);
    let path = if after_scheme.len() == address.len() && address.starts_with('/') {
        address
    } else {
        after_scheme.find('/').and_then(|at| after_scheme.get(at..)).unwrap_or_default()
    };
    let path = path.split(['?', '#']).next().unwrap_or_default();
    let fill = |segment: &str| match segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
        Some(name) => default(name).unwrap_or(segment).to_owned(),
        None => segment.to_owned(),
    };
    path.split('/').map(fill).collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use postern_document::parse_yaml;

    use super::*;

    #[test]
    fn a_base_path_is_ignored_prepended_or_split() {
        for (mode, prefix) in
            [(BasePathMode::Ignore, ""), (BasePathMode::Prepend, "/a/b/c"), (BasePathMode::Split, "/b/c")]
        {
            assert_eq!(mode.prefix("/a/b/c"), prefix);
            assert_eq!(mode.prefix("a/b/c/"), prefix);
        }
        assert_eq!(BasePathMode::Prepend.prefix("/"), "");
        assert_eq!(BasePathMode::Split.prefix("/a"), "");
    }

    #[test]
    fn the_base_path_of_openapi_stands_in_a_variable_or_in_the_address() {
        for (server, base_path) in [
            ("{url: 'https://h.example', variables: {basePath: {default: /base-var}}}", "/base-var"),
            ("{url: 'https://h.example/{basePath}', variables: {basePath: {default: v1}}}", "v1"),
            ("{url: 'https://h.example/a/b'}", "/a/b"),
            ("{url: 'https://h.example/{v}/b?x', variables: {v: {default: v2}}}", "/v2/b"),
            ("{url: 'https://h.example'}", ""),
            ("{url: /a}", "/a"),
            ("{url: /}", "/"),
            ("{}", ""),
        ] {
            assert_eq!(of_server(&parse_yaml("a", server).unwrap()), base_path, "{server}");
        }
    }
}
