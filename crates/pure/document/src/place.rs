//! Where something stands in a file.

use std::{fmt, sync::Arc};

/// A place in a text: file, line and column, both counted from 1 (columns in characters).
///
/// Printed as `file:line:column`, the form that editors and compilers share.
///
/// ```
/// use postern_document::Place;
///
/// let place = Place::new("postern.yaml".into(), 31, 9);
/// assert_eq!(place.to_string(), "postern.yaml:31:9");
/// ```
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Place {
    file: Arc<str>,
    line: u32,
    column: u32,
}

impl Place {
    /// A place; `line` and `column` count from 1.
    #[must_use]
    pub const fn new(file: Arc<str>, line: u32, column: u32) -> Self {
        Self { file, line, column }
    }

    /// The start of a file: for a problem that belongs to the whole of it.
    #[must_use]
    pub fn start_of(file: &str) -> Self {
        Self::new(file.into(), 1, 1)
    }

    /// The file, as the user named it.
    #[must_use]
    pub fn file(&self) -> &str {
        &self.file
    }

    /// The line, from 1.
    #[must_use]
    pub const fn line(&self) -> u32 {
        self.line
    }

    /// The column in characters, from 1.
    #[must_use]
    pub const fn column(&self) -> u32 {
        self.column
    }

    /// The same file at another line and column.
    #[must_use]
    pub fn at(&self, line: u32, column: u32) -> Self {
        Self::new(Arc::clone(&self.file), line, column)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// A value and where it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placed<T> {
    /// What was written.
    pub value: T,
    /// Where.
    pub place: Place,
}

impl<T> Placed<T> {
    /// Puts a value and its place together.
    pub const fn new(value: T, place: Place) -> Self {
        Self { value, place }
    }

    /// Changes the value and keeps the place.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Placed<U> {
        Placed { value: change(self.value), place: self.place }
    }
}
