//! The source tree as the house rules read it: the map, the manifests, the files.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

/// The folder that holds the workspace's `Cargo.toml`.
#[must_use]
pub fn repository_root() -> PathBuf {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
    crates.and_then(Path::parent).expect("this crate stands in `crates/testing`").to_path_buf()
}

/// The table of `crates/README.md`.
#[derive(Debug)]
pub struct Map {
    /// Its rows, by the crate's folder name.
    pub rows: BTreeMap<String, MapRow>,
}

/// What one crate may use.
#[derive(Debug)]
pub struct MapRow {
    /// House crates, by folder name.
    pub house: BTreeSet<String>,
    /// Other crates, by package name.
    pub outside: BTreeSet<String>,
}

impl Map {
    /// Reads the table. Its rows are the lines of six cells of which the first is a name in backticks.
    #[must_use]
    pub fn read() -> Self {
        let page = read(&repository_root().join("crates/README.md"));
        let table: Vec<Vec<&str>> = page
            .lines()
            .map(|line| line.trim().trim_matches('|').split('|').map(str::trim).collect::<Vec<_>>())
            .filter(|cells| cells.len() == 5 && cells[0].starts_with('`'))
            .collect();
        let names: BTreeSet<String> = table.iter().map(|cells| cells[0].replace('`', "")).collect();
        let rows = table.iter().map(|cells| {
            let house = match cells[2] {
                "all" => names.clone(),
                listed => words(listed),
            };
            (cells[0].replace('`', ""), MapRow { house, outside: words(cells[3]) })
        });
        Self { rows: rows.collect() }
    }
}

/// The comma-separated words of a cell; a dash stands for none.
fn words(cell: &str) -> BTreeSet<String> {
    cell.split(',').map(|word| word.trim().replace('`', "")).filter(|word| word != "–").collect()
}

/// One crate's `Cargo.toml`.
#[derive(Debug)]
pub struct Manifest {
    /// The crate's folder name, which is its package name without `postern-`.
    pub name: String,
    /// The crate's folder.
    pub folder: PathBuf,
    /// The sections by their name, each with its lines `key = value`.
    sections: BTreeMap<String, BTreeMap<String, String>>,
}

impl Manifest {
    fn read(folder: &Path) -> Self {
        let mut sections: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
        let mut section = String::new();
        for line in read(&folder.join("Cargo.toml")).lines() {
            if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
                section = name.to_owned();
            } else if let Some((key, value)) = line.split_once('=') {
                // `clap.workspace = true` and `clap = { workspace = true }` are one thing.
                let (key, value) = (key.trim(), value.trim());
                let (key, value) = match key.split_once('.') {
                    Some((key, rest)) => (key, format!("{rest} = {value}")),
                    None => (key, value.to_owned()),
                };
                sections.entry(section.clone()).or_default().insert(key.to_owned(), value);
            }
        }
        let name = folder.file_name().expect("a crate stands in a folder").to_string_lossy().into_owned();
        Self { name, folder: folder.to_path_buf(), sections }
    }

    /// A value as it is written, or nothing.
    #[must_use]
    pub fn value(&self, section: &str, key: &str) -> Option<&str> {
        self.sections.get(section)?.get(key).map(String::as_str)
    }

    /// What the crate uses when it is built for shipping, by package name.
    #[must_use]
    pub fn dependencies(&self) -> BTreeSet<&str> {
        self.in_sections(|section| {
            !section.contains("dev-dependencies")
                && (section.ends_with("dependencies") || section.contains(".dependencies"))
        })
    }

    /// What the crate uses in any way, tests included, by package name.
    #[must_use]
    pub fn all_dependencies(&self) -> BTreeSet<&str> {
        self.in_sections(|section| section.ends_with("dependencies"))
    }

    fn in_sections(&self, wanted: impl Fn(&str) -> bool) -> BTreeSet<&str> {
        let sections = self.sections.iter().filter(|(name, _)| wanted(name));
        sections.flat_map(|(_, lines)| lines.keys().map(String::as_str)).collect()
    }

    /// Whether the crate stands on the pure floor.
    #[must_use]
    pub fn is_pure(&self) -> bool {
        self.folder.parent().is_some_and(|floor| floor.ends_with("pure"))
    }

    /// Its source files, tests left out.
    #[must_use]
    pub fn sources(&self) -> Vec<SourceFile> {
        let root = repository_root();
        let mut files = Vec::new();
        collect(&self.folder.join("src"), &root, &mut files);
        files.retain(|file| file.path.ends_with(".rs"));
        files
    }
}

/// The manifests of every crate of the workspace, found by looking.
#[must_use]
pub fn crate_manifests() -> Vec<Manifest> {
    let crates = repository_root().join("crates");
    let mut manifests: Vec<Manifest> = [crates.clone(), crates.join("pure"), crates.join("edge")]
        .iter()
        .flat_map(|floor| entries(floor))
        // `fuzz` is a workspace of its own.
        .filter(|folder| folder.join("Cargo.toml").is_file() && !folder.ends_with("fuzz"))
        .map(|folder| Manifest::read(&folder))
        .collect();
    manifests.sort_by(|one, other| one.name.cmp(&other.name));
    assert!(manifests.len() >= 10, "only {} crates were found under `crates`", manifests.len());
    manifests
}

/// A text file of the tree.
#[derive(Debug)]
pub struct SourceFile {
    /// Its path from the top of the repository, with `/`.
    pub path: String,
    /// What stands in it.
    pub text: String,
}

/// Every text file that people write: sources, manifests, pages, configuration, scripts. What builds
/// leave and what others wrote (corpora, the lock file, licences) is left out.
#[must_use]
pub fn text_files() -> Vec<SourceFile> {
    let root = repository_root();
    let mut files = Vec::new();
    for entry in entries(&root) {
        let name = entry.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if !matches!(name.as_str(), "target" | ".git" | "Cargo.lock" | "LICENSE") {
            collect(&entry, &root, &mut files);
        }
    }
    files
}

fn collect(path: &Path, root: &Path, files: &mut Vec<SourceFile>) {
    if path.is_dir() {
        if path.ends_with("corpus") || path.ends_with("results") || path.ends_with("target") {
            return;
        }
        for entry in entries(path) {
            collect(&entry, root, files);
        }
    } else if let Ok(text) = fs::read_to_string(path) {
        let path = path.strip_prefix(root).expect("found under the root");
        files.push(SourceFile { path: path.to_string_lossy().into_owned(), text });
    }
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut entries: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    entries.sort();
    entries
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
