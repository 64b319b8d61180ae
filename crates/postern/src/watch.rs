//! Watching the files that a configuration names.
//!
//! Directories are watched, not files: editors and Kubernetes replace a file (or a link in its folder)
//! instead of writing to it. Whether anything changed is then read off the files themselves, without
//! their contents: some of them are secrets.

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsStr,
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError, mpsc},
    thread,
    time::{Duration, Instant},
};

use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use postern_observe::{Severity, log};

use crate::signals::{Event, Events};

/// Watches files and tells when one of them may have changed.
#[derive(Debug)]
pub(crate) struct FileWatch {
    /// Absent where the system has no watch to give: then only signals reload.
    watcher: Option<RecommendedWatcher>,
    folders: BTreeSet<PathBuf>,
    /// The names that matter in these folders.
    names: Arc<Mutex<BTreeSet<PathBuf>>>,
    seen: BTreeMap<PathBuf, Fingerprint>,
}

/// What tells one state of a file from another; `None` where it is not there.
type Fingerprint = Option<(u64, u64, u64, i64, i64)>;

impl FileWatch {
    /// Starts to watch, nothing yet.
    pub(crate) fn start(events: Events) -> Self {
        let names = Arc::<Mutex<BTreeSet<PathBuf>>>::default();
        let (changed, changes) = mpsc::sync_channel(1);
        let matter = Arc::clone(&names);
        let notice = move |event: notify::Result<notify::Event>| {
            if event
                .is_ok_and(|event| matters(&event, &matter.lock().unwrap_or_else(PoisonError::into_inner)))
            {
                // One that waits already says as much.
                let _ = changed.try_send(());
            }
        };
        let watcher = notify::recommended_watcher(notice);
        let debouncing =
            thread::Builder::new().name("files".into()).spawn(move || debounce(&changes, &events));
        let watcher = watcher.map_err(|fault| fault.to_string());
        let watcher =
            watcher.and_then(|watcher| debouncing.map(|_| watcher).map_err(|fault| fault.to_string()));
        let watcher = watcher.map_err(|fault| warn(&fault)).ok();
        Self { watcher, folders: BTreeSet::new(), names, seen: BTreeMap::new() }
    }

    /// Looks at the files. Call it before they are read, so that a change in between is noticed.
    pub(crate) fn look(&mut self) {
        for (file, seen) in &mut self.seen {
            *seen = fingerprint(file);
        }
    }

    /// Watches these files, which were just read, and no others.
    pub(crate) fn follow(&mut self, files: &[PathBuf]) {
        let seen_before = |file: &PathBuf| self.seen.get(file).copied().unwrap_or_else(|| fingerprint(file));
        self.seen = files.iter().map(|file| (file.clone(), seen_before(file))).collect();
        let folders: BTreeSet<PathBuf> = files.iter().flat_map(|file| folders_of(file)).collect();
        let names: BTreeSet<PathBuf> = files.iter().flat_map(|file| names_of(file)).collect();
        *self.names.lock().unwrap_or_else(PoisonError::into_inner) = names;
        let Some(watcher) = &mut self.watcher else { return };
        for gone in self.folders.difference(&folders) {
            // It may have been removed, and its watch with it.
            let _ = watcher.unwatch(gone);
        }
        let mut watched: BTreeSet<PathBuf> = self.folders.intersection(&folders).cloned().collect();
        for new in folders.difference(&self.folders) {
            match watcher.watch(new, RecursiveMode::NonRecursive) {
                Ok(()) => drop(watched.insert(new.clone())),
                Err(fault) => warn(&fault.to_string()),
            }
        }
        self.folders = watched;
    }

    /// Whether a file is another one than it was when it was last looked at.
    pub(crate) fn has_changed(&self) -> bool {
        self.seen.iter().any(|(file, seen)| fingerprint(file) != *seen)
    }
}

fn warn(fault: &str) {
    let message = "changed files are not noticed: a reload must be asked for by SIGHUP";
    log(Severity::Warning, message, &[("reason", &fault)]);
}

/// Whether an event is about one of the files, or about a link that Kubernetes swaps (`..data`).
fn matters(event: &notify::Event, names: &BTreeSet<PathBuf>) -> bool {
    let is_swapped =
        |path: &Path| path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b".."));
    !event.kind.is_access() && event.paths.iter().any(|path| names.contains(path) || is_swapped(path))
}

/// Passes a change on when files have been quiet for a moment: a file is often written in pieces, and
/// several files together.
fn debounce(changes: &mpsc::Receiver<()>, events: &Events) {
    while changes.recv().is_ok() {
        let begun = Instant::now();
        while begun.elapsed() < NOISE_MAX && changes.recv_timeout(QUIET).is_ok() {}
        if events.blocking_send(Event::FilesChanged).is_err() {
            return;
        }
    }
}

/// So long nothing may happen before a change is passed on.
const QUIET: Duration = Duration::from_millis(100);
/// Files that are never quiet are looked at as often as this.
const NOISE_MAX: Duration = Duration::from_secs(2);

/// The folder that a file is named in and, where it is a link, the one that it leads to.
fn folders_of(file: &Path) -> BTreeSet<PathBuf> {
    names_of(file).iter().filter_map(|name| name.parent().map(Path::to_path_buf)).collect()
}

/// The whole path by which a file is named and, where it is a link, the path that it leads to.
fn names_of(file: &Path) -> BTreeSet<PathBuf> {
    let folder = file.parent().filter(|folder| *folder != Path::new("")).unwrap_or_else(|| Path::new("."));
    let named = folder.canonicalize().ok().zip(file.file_name().map(OsStr::to_os_string));
    named.map(|(folder, name)| folder.join(name)).into_iter().chain(file.canonicalize()).collect()
}

fn fingerprint(file: &Path) -> Fingerprint {
    let data = fs::metadata(file).ok()?;
    Some((data.dev(), data.ino(), data.size(), data.mtime(), data.mtime_nsec()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    const PATIENCE: Duration = Duration::from_secs(30);

    /// Watches a file and waits for the event that a change of it makes.
    fn notices(file: &Path, change: impl FnOnce()) {
        let (events, mut noticed) = tokio::sync::mpsc::channel(1);
        let mut watch = FileWatch::start(events);
        watch.follow(&[file.to_path_buf()]);
        assert!(!watch.has_changed());
        change();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let event = runtime.block_on(async { tokio::time::timeout(PATIENCE, noticed.recv()).await });
        assert!(matches!(event, Ok(Some(Event::FilesChanged))), "{event:?}");
        assert!(watch.has_changed());
    }

    #[test]
    fn swap_a_file_that_is_written_to_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.yaml");
        fs::write(&file, "one").unwrap();
        notices(&file, || fs::write(&file, "three").unwrap());
    }

    #[test]
    fn swap_a_file_that_is_replaced_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let (file, other) = (folder.path().join("a.yaml"), folder.path().join("b.yaml"));
        fs::write(&file, "one").unwrap();
        notices(&file, || {
            fs::write(&other, "two").unwrap();
            fs::rename(&other, &file).unwrap();
        });
    }

    #[test]
    fn swap_the_link_of_a_mounted_volume_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for (version, text) in [("..1", "one"), ("..2", "two")] {
            fs::create_dir(at(version)).unwrap();
            fs::write(at(version).join("a.yaml"), text).unwrap();
        }
        symlink("..1", at("..data")).unwrap();
        symlink("..data/a.yaml", at("a.yaml")).unwrap();
        notices(&at("a.yaml"), || {
            symlink("..2", at("..data_tmp")).unwrap();
            fs::rename(at("..data_tmp"), at("..data")).unwrap();
        });
    }

    #[test]
    fn swap_a_file_that_appears_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.yaml");
        notices(&file, || fs::write(&file, "one").unwrap());
    }
}
