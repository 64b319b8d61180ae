//! The rules of the house: each a test of its own, with a sentence for whoever breaks it.

#![cfg(test)]

use std::{collections::BTreeSet, fs};

use postern_testing::{Map, SourceFile, crate_manifests, repository_root, text_files};

/// The table in `crates/README.md` is the law; manifests must agree with it.
#[test]
fn every_dependency_is_on_the_map() {
    let map = Map::read();
    let mut strangers = Vec::new();
    for manifest in crate_manifests() {
        let name = &manifest.name;
        let row =
            map.rows.get(name).unwrap_or_else(|| panic!("`{name}` is not in the table of crates/README.md"));
        for used in manifest.dependencies() {
            let allowed = match used.strip_prefix("postern-") {
                Some(house) => row.house.contains(house),
                None => row.outside.contains(used),
            };
            if !allowed {
                strangers.push(format!("`{name}` uses `{used}`"));
            }
        }
    }
    assert!(
        strangers.is_empty(),
        "the map in crates/README.md does not allow these: move the line, or change the map and say why:\n{}",
        strangers.join("\n")
    );
}

/// A map that names more than there is misleads.
#[test]
fn the_map_names_only_what_is_used() {
    let manifests = crate_manifests();
    let mut idle = Vec::new();
    for (name, row) in &Map::read().rows {
        let manifest = manifests.iter().find(|manifest| manifest.name == *name);
        let manifest =
            manifest.unwrap_or_else(|| panic!("the map has a row for `{name}`, and there is no such crate"));
        let used = manifest.dependencies();
        let unused = row.outside.iter().filter(|outside| !used.contains(outside.as_str()));
        idle.extend(unused.map(|outside| format!("`{name}` does not use `{outside}`")));
    }
    assert!(idle.is_empty(), "the map in crates/README.md allows more than there is:\n{}", idle.join("\n"));
}

/// A line may use only lines above it, so the rooms cannot form a circle.
#[test]
fn the_map_goes_one_way() {
    let page = fs::read_to_string(repository_root().join("crates/README.md")).unwrap();
    let map = Map::read();
    let row_of = |name: &str| page.find(&format!("\n| `{name}` |")).expect("a row");
    for (name, row) in &map.rows {
        if name == "testing" {
            continue;
        }
        for used in row.house.iter().filter(|used| *used != name && *used != "testing") {
            assert!(row_of(used) < row_of(name), "`{name}` may use `{used}`, which stands below it");
        }
    }
}

#[test]
fn no_crate_ships_what_only_tests_share() {
    for manifest in crate_manifests() {
        assert!(
            !manifest.dependencies().contains("postern-testing"),
            "`{}` uses `postern-testing` outside its tests: make it a dev-dependency",
            manifest.name
        );
    }
}

#[test]
fn the_pure_floor_knows_no_runtime() {
    for manifest in crate_manifests().iter().filter(|manifest| manifest.is_pure()) {
        for runtime in ["tokio", "hyper", "rustls", "mio", "socket2", "rustix"] {
            assert!(
                !manifest.all_dependencies().contains(runtime),
                "`{}` stands on the pure floor and uses `{runtime}`, even if only in tests: what waits belongs to `edge`",
                manifest.name
            );
        }
    }
}

#[test]
fn every_crate_is_under_the_lint_table() {
    for manifest in crate_manifests() {
        assert_eq!(
            manifest.value("lints", "workspace"),
            Some("true"),
            "`{}` lacks `[lints] workspace = true`",
            manifest.name
        );
    }
}

#[test]
fn every_crate_takes_its_versions_from_the_workspace() {
    for manifest in crate_manifests() {
        for used in manifest.all_dependencies() {
            let sections = ["dependencies", "dev-dependencies", "build-dependencies"];
            let written =
                sections.iter().find_map(|section| manifest.value(section, used)).unwrap_or_default();
            assert!(
                written.contains("workspace = true"),
                "`{}` gives `{used}` a version of its own: write it into the root `Cargo.toml` with its reason",
                manifest.name
            );
        }
    }
}

#[test]
fn every_file_opens_with_a_sentence() {
    for file in rust_files() {
        let first = file.text.lines().next().unwrap_or_default();
        assert!(
            first.starts_with("//! "),
            "{} does not open with a `//!` sentence that says what it is for",
            file.path
        );
    }
}

#[test]
fn every_library_has_the_sign_on_its_door() {
    for file in rust_files().iter().filter(|file| file.path.ends_with("/src/lib.rs")) {
        for line in ["**For:**", "**Never enters:**", "**Comes in:**", "**Read first:**"] {
            let door: String = file.text.lines().take_while(|line| line.starts_with("//!")).collect();
            assert!(door.contains(line), "{} has no line {line} at its door", file.path);
        }
    }
}

/// Clippy takes the nearest file and does not merge, so the pure floor's file repeats the limits.
#[test]
fn the_pure_floor_has_the_limits_of_all() {
    let read = |path: &str| fs::read_to_string(repository_root().join(path)).unwrap();
    let pure = read("crates/pure/clippy.toml");
    for line in read("crates/clippy.toml").lines().filter(|line| !line.trim().is_empty()) {
        assert!(
            pure.lines().any(|other| other == line),
            "crates/pure/clippy.toml lacks the line `{line}` of crates/clippy.toml"
        );
    }
}

#[test]
fn the_pure_floor_bans_clocks_files_sockets_threads_and_environment() {
    let pure = fs::read_to_string(repository_root().join("crates/pure/clippy.toml")).unwrap();
    for banned in [
        "std::time::Instant::now",
        "std::time::SystemTime::now",
        "std::fs::File",
        "std::fs::read_to_string",
        "std::net::TcpStream",
        "std::thread::spawn",
        "std::env::var",
        "std::sync::Mutex",
    ] {
        assert!(pure.contains(&format!("\"{banned}\"")), "crates/pure/clippy.toml does not ban `{banned}`");
    }
}

/// Rooms inside `gateway`: what decides about a request does not know the order, nor how it was compiled.
#[test]
fn the_inner_walls_of_gateway_stand() {
    let rooms =
        ["routing", "authorization", "usage", "throttle", "validation", "cache", "integration", "response"];
    let forbidden = ["walk", "compile", "explain"];
    for file in rust_files() {
        let Some(within) = file.path.strip_prefix("crates/pure/gateway/src/") else { continue };
        let room = within.split(['/', '.']).next().unwrap_or_default();
        if !rooms.contains(&room) {
            continue;
        }
        let used = uses_of_own_crate(&shipped(&file.text));
        for wall in forbidden {
            assert!(
                !used.contains(wall),
                "{} uses `crate::{wall}`: `{room}` answers one question; order stands in walk.rs, and what is \
                 prepared at load is handed to it",
                file.path
            );
        }
    }
}

/// hyper is for the admin listener; HTTP/1.1 is ours on both sides, and HTTP/2 towards clients.
#[test]
fn hyper_stays_where_it_is_let_in() {
    let room = "crates/postern/src/admin";
    for file in rust_files().iter().filter(|file| file.path.contains("/src/")) {
        let uses = file.text.lines().any(|line| {
            let code = line.split("//").next().unwrap_or_default();
            code.contains("hyper::") || code.contains("hyper_util::") || code.contains("use hyper")
        });
        assert!(
            !uses || file.path.starts_with(room),
            "{} uses hyper, which serves the admin listener and nothing else",
            file.path
        );
    }
}

/// One tree of our own says the measured rule of routing for all verbs at once.
#[test]
fn there_is_no_second_router() {
    let root = fs::read_to_string(repository_root().join("Cargo.toml")).unwrap();
    assert!(
        !root.contains("matchit"),
        "`matchit` is back: routing has a tree of its own, see crates/README.md"
    );
}

#[test]
fn nothing_is_unsafe() {
    let root = fs::read_to_string(repository_root().join("Cargo.toml")).unwrap();
    assert!(root.contains("unsafe_code = \"forbid\""), "the lint table no longer forbids unsafe code");
}

/// What is written here is read elsewhere: no path of one machine stands in it.
#[test]
fn no_page_names_a_path_of_one_machine() {
    // Written in two halves, so that this file passes its own test.
    let paths = [concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("../sha", "red")];
    for file in text_files() {
        for (number, line) in file.text.lines().enumerate() {
            for path in paths {
                assert!(
                    !line.contains(path),
                    "{}:{}: names `{path}`, which only one machine has",
                    file.path,
                    number + 1
                );
            }
        }
    }
}

#[test]
fn nothing_is_left_for_later() {
    let marks = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X:"), concat!("#[ig", "nore")];
    for file in rust_files() {
        for mark in marks {
            assert!(!file.text.contains(mark), "{} has a `{mark}`: do it, or file it as an issue", file.path);
        }
    }
}

fn rust_files() -> Vec<SourceFile> {
    let mut files = text_files();
    files.retain(|file| file.path.starts_with("crates/") && file.path.ends_with(".rs"));
    assert!(files.len() > 50, "only {} source files were found", files.len());
    files
}

/// A file without its own tests, which stand last in it.
fn shipped(text: &str) -> String {
    text.split("#[cfg(test)]").next().unwrap_or_default().to_owned()
}

/// The first segments of everything that a file uses as `crate::…`, groups in braces included.
fn uses_of_own_crate(text: &str) -> BTreeSet<String> {
    let mut used = BTreeSet::new();
    for part in text.split("crate::").skip(1) {
        match part.strip_prefix('{') {
            Some(group) => used.extend(first_segments(group)),
            None => used.extend(word_of(part)),
        }
    }
    used
}

/// The first segment of each item of a group, up to its closing brace.
fn first_segments(group: &str) -> Vec<String> {
    let mut depth = 1;
    let mut item = String::new();
    let mut segments = Vec::new();
    for letter in group.chars() {
        match letter {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 1 => segments.extend(word_of(std::mem::take(&mut item).trim())),
            _ if depth == 1 => item.push(letter),
            _ => {}
        }
        if depth == 0 {
            break;
        }
    }
    segments.extend(word_of(item.trim()));
    segments
}

fn word_of(text: &str) -> Option<String> {
    let word: String = text.chars().take_while(|letter| letter.is_alphanumeric() || *letter == '_').collect();
    (!word.is_empty()).then_some(word)
}

#[test]
fn uses_are_read_in_every_form() {
    let text = "use crate::walk::serve;\nuse crate::{Now, compile::{self, address}, record::Record};\n crate::explain::x();";
    let used: Vec<String> = uses_of_own_crate(text).into_iter().collect();
    assert_eq!(used, ["Now", "compile", "explain", "record", "walk"]);
}
