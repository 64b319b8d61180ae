//! The keys of settings by method: `*/*`, `/pets/{id}/GET`, or `~1pets~1{id}/GET` as exports have it.

use std::fmt;

use postern_model::{Malformed, ResourcePath, Verb};

/// What a setting by method is for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum MethodKey {
    /// `*/*`: each method that has no setting of its own (TH-10).
    Every,
    /// One method.
    One(Box<str>, Verb),
}

impl MethodKey {
    /// Reads a key. `~1` stands for `/` and `~0` for `~`; the root is `/` or `~1` (TH-13).
    /// CloudFormation writes `/*/*` for `*/*`.
    pub(crate) fn parse(text: &str) -> Result<Self, Malformed> {
        let malformed = || Malformed::new("`*/*`, or a path and a verb such as `/pets/{id}/GET`");
        if matches!(text, "*/*" | "/*/*") {
            return Ok(Self::Every);
        }
        let (path, verb) = text.rsplit_once('/').ok_or_else(malformed)?;
        let verb = verb.parse().map_err(|_| malformed())?;
        let escaped = path.strip_prefix('/').filter(|rest| rest.starts_with("~1")).unwrap_or(path);
        let path = match escaped.replace("~1", "/").replace("~0", "~") {
            root if root.is_empty() => "/".to_owned(),
            path => path,
        };
        let path = ResourcePath::parse(&path).map_err(|_| malformed())?;
        Ok(Self::One(path.as_str().into(), verb))
    }
}

impl fmt::Display for MethodKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Every => f.write_str("*/*"),
            Self::One(path, verb) => write!(f, "{}/{}", path.trim_end_matches('/'), verb.as_str()),
        }
    }
}
