//! Resources: paths of an API and the methods on them.

use std::fmt;

use crate::{Malformed, Method};

/// A path of an API with its methods.
#[derive(Clone, Debug)]
pub struct Resource {
    /// The path template.
    pub path: ResourcePath,
    /// Its methods; no verb twice, `ANY` at most once.
    pub methods: Vec<Method>,
}

/// A path template such as `/pets/{petId}`.
///
/// ```
/// use postern_model::{PathPart, ResourcePath};
///
/// let path = ResourcePath::parse("/files/{name}/{proxy+}").unwrap();
/// assert_eq!(path.parts().len(), 3);
/// assert_eq!(path.parts()[2], PathPart::Greedy("proxy".into()));
/// assert_eq!(path.to_string(), "/files/{name}/{proxy+}");
/// assert!(ResourcePath::parse("/{proxy+}/more").is_err());
/// assert!(ResourcePath::parse("/v{n}").is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ResourcePath {
    text: Box<str>,
    parts: Vec<PathPart>,
}

/// One part of a path template.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PathPart {
    /// Matches these bytes.
    Literal(Box<str>),
    /// `{name}`: matches one segment that is not empty (M6).
    Variable(Box<str>),
    /// `{name+}`: matches one or more segments to the end (P3, M5).
    Greedy(Box<str>),
}

impl ResourcePath {
    /// Reads a template: `/`, or `/` and parts as P1 to P3 of routing.md allow. A trailing slash is
    /// dropped; the caller warns.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        let Some(rest) = text.strip_prefix('/') else {
            return Err(Malformed::new("a path that starts with `/`"));
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let mut parts = Vec::new();
        if !rest.is_empty() {
            for part in rest.split('/') {
                if matches!(parts.last(), Some(PathPart::Greedy(_))) {
                    return Err(Malformed::new("nothing after a greedy part such as `{proxy+}`"));
                }
                let part = PathPart::parse(part)?;
                if part.variable().is_some()
                    && parts.iter().any(|other: &PathPart| other.variable() == part.variable())
                {
                    return Err(Malformed::new("each path variable once"));
                }
                parts.push(part);
            }
        }
        Ok(Self { text: format!("/{rest}").into(), parts })
    }

    /// The parts; none for the root.
    #[must_use]
    pub fn parts(&self) -> &[PathPart] {
        &self.parts
    }

    /// The template as text, without a trailing slash but for the root.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for ResourcePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl PathPart {
    /// The variable's name, if this part is one.
    #[must_use]
    pub fn variable(&self) -> Option<&str> {
        match self {
            Self::Literal(_) => None,
            Self::Variable(name) | Self::Greedy(name) => Some(name),
        }
    }

    fn parse(part: &str) -> Result<Self, Malformed> {
        if let Some(name) = part.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
            let (name, greedy) = name.strip_suffix('+').map_or((name, false), |name| (name, true));
            let allowed = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | ':' | '-');
            if name.is_empty() || !name.chars().all(allowed) {
                return Err(Malformed::new("a variable such as `{name}` or `{name+}`"));
            }
            return Ok(if greedy { Self::Greedy(name.into()) } else { Self::Variable(name.into()) });
        }
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b".:_-,~!$&'()*;=@%+".contains(&byte);
        if part.is_empty() || !part.bytes().all(allowed) {
            return Err(Malformed::new(
                "path parts of letters, digits and `.:_-`, or whole variables such as `{name}`",
            ));
        }
        Ok(Self::Literal(part.into()))
    }
}
