//! What the sections share while they read: the surroundings, the problems, the files that were named.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use postern_document::{Node, Place, Problems};
use postern_model::Secret;

use crate::surroundings::{ReadFailure, Surroundings};

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
        let written = self.scalar(key, node)?;
        self.file_text(written)
            .map_err(|reason| self.refuse(node, format!("`{key}` is `{written}`: {reason}")))
            .ok()?
    }

    /// The secret in a file that a key names, without the line end behind it. What stands under the key
    /// is not shown: it may be the secret itself, by mistake.
    pub(crate) fn secret_text(&mut self, key: &str, node: &Node) -> Option<Secret<String>> {
        let written = self.scalar(key, node)?;
        let file = self.file_text(written);
        let file = file.map_err(|reason| self.refuse(node, format!("`{key}`: {reason}"))).ok()??;
        let secret = Secret::new(file.text);
        Some(Secret::new(secret.reveal().trim_end_matches(['\r', '\n']).to_owned()))
    }

    /// A secret file that the environment names: watched where there is one.
    pub(crate) fn secret_file(&mut self, path: &str) -> Result<Secret<String>, ReadFailure> {
        let path = self.path(path);
        let bytes = self.surroundings.read(&path)?;
        self.watch(&path);
        String::from_utf8(bytes).map(Secret::new).map_err(|_| ReadFailure::new("the file is not UTF-8 text"))
    }

    /// The secret in a variable that a key names, of which the same holds.
    pub(crate) fn secret_variable(&mut self, key: &str, node: &Node) -> Option<Secret<String>> {
        let name = self.scalar(key, node)?;
        let value = self.surroundings.secret_variable(name).map(Secret::new);
        if value.is_none() {
            self.refuse(node, format!("`{key}`: there is no such variable"));
        }
        value
    }

    /// One value, and nothing that holds others.
    pub(crate) fn scalar<'node>(&mut self, key: &str, node: &'node Node) -> Option<&'node str> {
        let text = node.as_scalar_text();
        if text.is_none() {
            self.refuse(node, format!("`{key}` is {}: expected one value", node.kind()));
        }
        text
    }

    /// The value of a variable that the service manager sets.
    pub(crate) fn variable(&self, name: &str) -> Option<String> {
        self.surroundings.variable(name)
    }

    /// The text of a file, or why it cannot be read; text that is none is reported here.
    fn file_text(&mut self, written: &str) -> Result<Option<FileText>, String> {
        let path = self.file(written);
        let bytes = self.bytes(&path)?;
        let name = path.to_string_lossy().into_owned();
        let text = self.decode(bytes, &Place::start_of(&name));
        Ok(text.map(|text| FileText { name, text }))
    }

    fn bytes(&self, path: &Path) -> Result<Vec<u8>, String> {
        self.surroundings.read(path).map_err(|failure| failure.to_string())
    }

    fn refuse(&mut self, node: &Node, message: String) {
        self.problems.error(&node.place, message);
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
