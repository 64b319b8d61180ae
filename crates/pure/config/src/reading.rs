//! What the sections share while they read: the surroundings, the problems, the files that were named.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use postern_document::{Node, Place, Problems};
use postern_model::Secret;

use crate::surroundings::Surroundings;

/// One reading of a configuration.
pub(crate) struct Reading<'surroundings> {
    surroundings: &'surroundings dyn Surroundings,
    folder: PathBuf,
    files: BTreeSet<PathBuf>,
    /// Everything that was found so far.
    pub(crate) problems: Problems,
}

/// The text of a file and the name that its places have.
pub(crate) struct FileText {
    /// As a person at the configuration's place would write it.
    pub(crate) name: String,
    /// The whole text.
    pub(crate) text: String,
}

impl<'surroundings> Reading<'surroundings> {
    /// Starts with the configuration file itself; other files are named relative to it.
    pub(crate) fn of(configuration_file: &Path, surroundings: &'surroundings dyn Surroundings) -> Self {
        let folder = configuration_file.parent().unwrap_or_else(|| Path::new("")).to_path_buf();
        Self { surroundings, folder, files: BTreeSet::new(), problems: Problems::default() }
    }

    /// Everything that was read or named, each once.
    pub(crate) fn into_files(self) -> Vec<PathBuf> {
        self.files.into_iter().collect()
    }

    /// The path of something that the configuration names and nobody needs to watch.
    pub(crate) fn path(&self, written: &str) -> PathBuf {
        self.folder.join(written)
    }

    /// The path of a file that the configuration names: to be watched.
    pub(crate) fn file(&mut self, written: &str) -> PathBuf {
        let path = self.path(written);
        self.watch(&path);
        path
    }

    /// The text of the configuration file itself.
    pub(crate) fn configuration_text(&mut self, path: &Path) -> Option<String> {
        self.watch(path);
        let start = Place::start_of(&path.to_string_lossy());
        match self.bytes(path) {
            Ok(bytes) => self.decode(bytes, &start),
            Err(reason) => {
                self.problems.error(&start, reason);
                None
            }
        }
    }

    /// The text of a file that a key names.
    pub(crate) fn text(&mut self, key: &str, node: &Node) -> Option<FileText> {
        let Some(written) = node.as_scalar_text() else {
            self.problems.error(&node.place, format!("`{key}` is {}: expected one value", node.kind()));
            return None;
        };
        let path = self.file(written);
        match self.bytes(&path) {
            Ok(bytes) => {
                let name = path.to_string_lossy().into_owned();
                let text = self.decode(bytes, &Place::start_of(&name))?;
                Some(FileText { name, text })
            }
            Err(reason) => {
                self.problems.error(&node.place, format!("`{key}` is `{written}`: {reason}"));
                None
            }
        }
    }

    /// The secret in a file that a key names, without the line end behind it.
    pub(crate) fn secret_text(&mut self, key: &str, node: &Node) -> Option<Secret<String>> {
        let FileText { text, .. } = self.text(key, node)?;
        let secret = Secret::new(text);
        Some(Secret::new(secret.reveal().trim_end_matches(['\r', '\n']).to_owned()))
    }

    /// The secret in a variable that a key names.
    pub(crate) fn secret_variable(&mut self, key: &str, node: &Node) -> Option<Secret<String>> {
        let Some(name) = node.as_scalar_text() else {
            self.problems.error(&node.place, format!("`{key}` is {}: expected one value", node.kind()));
            return None;
        };
        let value = self.surroundings.variable(name).map(Secret::new);
        if value.is_none() {
            self.problems.error(&node.place, format!("`{key}` is `{name}`: the variable is not set"));
        }
        value
    }

    /// The value of a variable that the service manager sets.
    pub(crate) fn variable(&self, name: &str) -> Option<String> {
        self.surroundings.variable(name)
    }

    fn bytes(&self, path: &Path) -> Result<Vec<u8>, String> {
        self.surroundings.read(path).map_err(|failure| failure.to_string())
    }

    /// Bytes that are no text are told at the start of the file and never shown.
    fn decode(&mut self, bytes: Vec<u8>, start: &Place) -> Option<String> {
        let text = String::from_utf8(bytes).ok();
        if text.is_none() {
            self.problems.error(start, "the file is not UTF-8 text");
        }
        text
    }

    fn watch(&mut self, path: &Path) {
        if !self.files.contains(path) {
            self.files.insert(path.to_path_buf());
        }
    }
}
