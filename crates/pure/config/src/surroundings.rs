//! What lies around a configuration: its files and variables, asked for by path and name.

use std::{fmt, io, path::Path};

/// Where files and variables come from: the machine, a test, a store of documents.
pub trait Surroundings {
    /// The bytes of a file.
    ///
    /// # Errors
    /// Why there are none.
    fn read(&self, path: &Path) -> Result<Vec<u8>, ReadFailure>;

    /// The value of an environment variable; `None` where it is not set or not text.
    fn variable(&self, name: &str) -> Option<String>;

    /// The same of a variable that holds a secret: whoever needs no secrets may give something in its place.
    fn secret_variable(&self, name: &str) -> Option<String> {
        self.variable(name)
    }
}

/// Why a file gave no bytes, in words that complete "`definition` is `apis/pets.json`: …".
///
/// ```
/// use postern_config::ReadFailure;
///
/// let failure = ReadFailure::from(std::io::Error::from(std::io::ErrorKind::NotFound));
/// assert_eq!(failure.to_string(), "there is no such file");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadFailure {
    reason: Box<str>,
    is_absence: bool,
    is_denial: bool,
}

impl ReadFailure {
    /// A failure for a reason, worded as a sentence without a full stop.
    #[must_use]
    pub fn new(reason: &str) -> Self {
        Self { reason: reason.into(), is_absence: false, is_denial: false }
    }

    /// There is no such file.
    #[must_use]
    pub fn absence() -> Self {
        Self { is_absence: true, ..Self::new("there is no such file") }
    }

    /// There may be such a file, and it may not be read.
    #[must_use]
    pub fn denial() -> Self {
        Self { is_denial: true, ..Self::new("the file may not be read") }
    }

    /// Whether the file may not be read.
    #[must_use]
    pub const fn is_denial(&self) -> bool {
        self.is_denial
    }

    /// Whether there is no such file, as opposed to one that cannot be read.
    #[must_use]
    pub const fn is_absence(&self) -> bool {
        self.is_absence
    }
}

impl From<io::Error> for ReadFailure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Self::absence(),
            io::ErrorKind::PermissionDenied => Self::denial(),
            io::ErrorKind::IsADirectory => Self::new("that is a folder"),
            _ => Self::new(&format!("the file cannot be read ({error})")),
        }
    }
}

impl fmt::Display for ReadFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

impl std::error::Error for ReadFailure {}
