//! `postern demo`.

use std::{
    io::{BufRead, BufReader, Read},
    net::TcpStream,
    path::Path,
    process::{Command, Stdio},
};

use postern_testing::{Place, program, run_program};

/// Issue by issue the demo grows; its walk stays right.
#[test]
fn the_walk_is_right_in_every_step() {
    let outcome = run_program(Place::new().path(), &["demo", "--check"], "");
    assert_eq!((outcome.code, &*outcome.complaints), (Some(0), ""), "{}", outcome.output);
    let lines: Vec<&str> = outcome.output.lines().collect();
    let (last, steps) = lines.split_last().unwrap();
    assert_eq!(*last, "22 of 22 steps are right");
    assert_eq!(steps.len(), 22);
    assert!(steps.iter().take(11).all(|line| line.starts_with("ok     plain  ")), "{}", outcome.output);
    assert!(steps.iter().skip(11).all(|line| line.starts_with("ok     TLS    ")), "{}", outcome.output);
}

#[test]
fn a_demo_shows_its_lines_serves_and_leaves_nothing_behind() {
    let place = Place::new();
    let mut demo = Command::new(program())
        .arg("demo")
        .current_dir(place.path())
        .env("TMPDIR", place.path())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut output = BufReader::new(demo.stdout.take().unwrap());
    let mut invitation = String::new();
    while !invitation.contains("Ctrl-C") {
        assert!(output.read_line(&mut invitation).unwrap() > 0, "the demo ended:\n{invitation}");
    }
    let pasted: Vec<&str> = invitation.lines().filter_map(|line| line.strip_prefix("  curl ")).collect();
    assert_eq!(pasted.len(), 6, "{invitation}");
    // What is printed can be pasted.
    for (line, words) in pasted.iter().zip([
        "\"type\":\"dog\"",
        "with an explicit deny",
        "\"type\":\"dog\"",
        "\"type\":\"dog\"",
        "\"message\":\"success\"",
        "Hello, Ada!",
    ]) {
        let answer = Command::new("bash").args(["-c", &format!("curl -sS {line}")]).output().unwrap();
        let text = String::from_utf8_lossy(&answer.stdout);
        assert!(text.contains(words), "curl {line}: {text} {}", String::from_utf8_lossy(&answer.stderr));
    }
    let admin = invitation.lines().find_map(|line| line.trim().strip_prefix("admin       http://")).unwrap();
    assert!(TcpStream::connect(admin.split(' ').next().unwrap()).is_ok());
    let stopped = Command::new("kill").args(["-INT", &demo.id().to_string()]).status().unwrap();
    assert!(stopped.success() && demo.wait().unwrap().success());
    let mut rest = String::new();
    output.read_to_string(&mut rest).unwrap();
    assert!(rest.contains(" 403 "), "every request is told: {rest}");
    assert_eq!(files_in(place.path()), 0, "files are left behind");
}

fn files_in(folder: &Path) -> usize {
    folder.read_dir().unwrap().count()
}
