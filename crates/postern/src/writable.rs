//! Whether a gateway could write where its configuration tells it to: what `postern check` tries without
//! leaving anything behind.

use std::{
    fs::{self, OpenOptions},
    io,
    path::{Path, PathBuf},
};

use postern_document::{Node, Place, Problems, parse_yaml};
use postern_model::{AccessLogDestination, Configuration};

/// What a gateway writes to.
pub(crate) struct Written {
    access_log: Option<PathBuf>,
    state_directory: Option<PathBuf>,
}

impl Written {
    /// What a configuration names.
    pub(crate) fn of(configuration: &Configuration) -> Self {
        let access_log = configuration.access_log.as_ref().and_then(|log| match &log.destination {
            AccessLogDestination::File(path) => Some(path.clone()),
            AccessLogDestination::StandardError | AccessLogDestination::StandardOutput => None,
        });
        Self { access_log, state_directory: configuration.state_directory.clone() }
    }

    /// Tries everything, and tells of what cannot be written where the configuration at `path` names it.
    pub(crate) fn check(&self, path: &str, problems: &mut Problems) {
        let text = fs::read_to_string(path).unwrap_or_default();
        let root = parse_yaml(path, &text).ok();
        let named: [(&[&str], Option<&PathBuf>, Attempt); 2] = [
            (&["accessLog", "destination"], self.access_log.as_ref(), try_file),
            (&["stateDirectory"], self.state_directory.as_ref(), try_directory),
        ];
        for (keys, file, attempt) in named {
            let Some((file, Err(fault))) = file.map(|file| (file, attempt(file))) else { continue };
            let below = |root| keys.iter().try_fold(root, |node: &Node, key| node.get(key));
            let node = root.as_ref().and_then(below);
            // Where the file says nothing, the service manager has named it.
            let place = node.map_or_else(|| Place::start_of(path), |node| node.place.clone());
            let key = keys.last().copied().unwrap_or_default();
            let message = format!("`{key}` is `{}`: cannot be written: {fault}", file.display());
            problems.error(&place, message);
        }
    }
}

/// Finds out whether a file or a directory could be written.
type Attempt = fn(&Path) -> io::Result<()>;

/// Tries a file that is opened for appending and made where it is not there.
fn try_file(file: &Path) -> io::Result<()> {
    match fs::metadata(file) {
        // A pipe would wait for its reader.
        Ok(data) if !data.is_file() && !data.is_dir() => Ok(()),
        Ok(_) => OpenOptions::new().append(true).open(file).map(drop),
        Err(fault) if fault.kind() == io::ErrorKind::NotFound => try_folder(folder_of(file)),
        Err(fault) => Err(fault),
    }
}

/// Tries a directory that is made, with those above it, where it is not there.
fn try_directory(directory: &Path) -> io::Result<()> {
    match fs::metadata(directory) {
        Err(fault) if fault.kind() == io::ErrorKind::NotFound && directory.parent().is_some() => {
            try_directory(folder_of(directory))
        }
        Err(fault) => Err(fault),
        Ok(_) => try_folder(directory),
    }
}

/// The folder that something stands in: the current one for a name alone.
fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."))
}

/// Makes a file without a name, which is gone at once.
fn try_folder(folder: &Path) -> io::Result<()> {
    tempfile::tempfile_in(folder).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_written_is_tried_and_nothing_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("file"), "text").unwrap();
        for file in ["file", "new"] {
            assert!(try_file(&at(file)).is_ok(), "{file}");
        }
        for file in ["", "nowhere/new", "file/new"] {
            assert!(try_file(&at(file)).is_err(), "{file}");
        }
        for directory in ["", "state", "some/where/state"] {
            assert!(try_directory(&at(directory)).is_ok(), "{directory}");
        }
        for directory in ["file", "file/state"] {
            assert!(try_directory(&at(directory)).is_err(), "{directory}");
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        assert_eq!(fs::read_to_string(at("file")).unwrap(), "text");
    }
}
