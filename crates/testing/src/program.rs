//! The real program: found beside the tests, built if it is not there or older than its sources.

use std::{
    env, fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::OnceLock,
    time::SystemTime,
};

use crate::{crate_manifests, repository_root};

/// Where the program is.
pub fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        // A test is `TARGET/PROFILE/deps/NAME`, and the program `TARGET/PROFILE/postern`.
        let test = env::current_exe().expect("a test has a path");
        let profile_folder =
            test.parent().and_then(Path::parent).expect("tests stand in `deps`").to_path_buf();
        let program = profile_folder.join("postern");
        if built_at(&program).is_none_or(|built| built < newest_source()) {
            build(&profile_folder);
        }
        program
    })
}

fn built_at(program: &Path) -> Option<SystemTime> {
    fs::metadata(program).and_then(|data| data.modified()).ok()
}

fn newest_source() -> SystemTime {
    let shipped = crate_manifests().into_iter().filter(|manifest| manifest.name != "testing");
    let newest = shipped.flat_map(|manifest| manifest.sources()).map(|file| {
        let path = repository_root().join(file.path);
        fs::metadata(path).and_then(|data| data.modified()).unwrap_or(SystemTime::UNIX_EPOCH)
    });
    newest.max().unwrap_or(SystemTime::UNIX_EPOCH)
}

fn build(profile_folder: &Path) {
    let profile = match profile_folder.file_name().and_then(|name| name.to_str()) {
        Some("debug") | None => "dev",
        Some(profile) => profile,
    };
    let target = profile_folder.parent().expect("a profile's folder stands in the target folder");
    let output = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .current_dir(repository_root())
        .args(["build", "--package", "postern", "--bin", "postern", "--profile", profile, "--target-dir"])
        .arg(target)
        .stdin(Stdio::null())
        .output()
        .expect("cargo starts");
    assert!(
        output.status.success(),
        "the program does not build:\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// What a finished program left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Its exit code; `None` if a signal ended it.
    pub code: Option<i32>,
    /// What it wrote.
    pub output: String,
    /// What it complained of.
    pub complaints: String,
}

/// Runs the program in a folder, gives it some input, and waits for its end.
pub fn run_program(folder: &Path, arguments: &[&str], input: &str) -> Outcome {
    run_program_with(folder, arguments, input, &[])
}

/// As [`run_program`], with these variables in its environment.
pub(crate) fn run_program_with(
    folder: &Path,
    arguments: &[&str],
    input: &str,
    variables: &[(String, String)],
) -> Outcome {
    let mut process = Command::new(program())
        .current_dir(folder)
        .args(arguments)
        .envs(variables.iter().map(|(name, value)| (name, value)))
        .env_remove("STATE_DIRECTORY")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    // A program that reads no input may be gone before it is written.
    let _ = process.stdin.take().expect("piped").write_all(input.as_bytes());
    let output = process.wait_with_output().expect("the program ends");
    Outcome {
        code: output.status.code(),
        output: String::from_utf8_lossy(&output.stdout).into_owned(),
        complaints: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}
