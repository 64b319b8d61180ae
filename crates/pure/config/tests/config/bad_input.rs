//! What is wrong with a file is told at its place, byte for byte: the cases of `bad_input.txt`.

use crate::common::{Memory, files};

/// What every case has at its end, so that its own lines start at 1.
const ACCOUNT: &str = "region: us-east-1\naccountId: '123456789012'\n";

struct Case {
    name: String,
    memory: Memory,
    expected: Vec<String>,
}

/// `== name`, the lines of `postern.yaml`, `@@ path` before another file, `-> problem` for each problem.
/// `== whole name`: nothing is added to the file.
fn cases() -> Vec<Case> {
    let text = include_str!("bad_input.txt");
    text.split("\n== ").skip(1).map(case).collect()
}

fn case(text: &str) -> Case {
    let (name, body) = text.split_once('\n').unwrap();
    let mut memory = files();
    let mut expected = Vec::new();
    let mut path = "postern.yaml";
    let mut content = String::new();
    for line in body.lines() {
        if let Some(problem) = line.strip_prefix("-> ") {
            expected.push(problem.to_owned());
        } else if let Some(next) = line.strip_prefix("@@ ") {
            memory = memory.with(path, std::mem::take(&mut content));
            path = next;
        } else {
            content.push_str(line);
            content.push('\n');
        }
    }
    memory = memory.with(path, content.trim_end().to_owned() + "\n");
    if !name.starts_with("whole ") {
        let own = memory.files.get(std::path::Path::new("postern.yaml")).cloned().unwrap();
        let own = String::from_utf8(own).unwrap().trim_end().to_owned();
        memory = memory.with("postern.yaml", format!("{own}\n{ACCOUNT}"));
    }
    Case { name: name.to_owned(), memory, expected }
}

#[test]
fn every_problem_is_told_at_its_place() {
    let mut wrong = String::new();
    for Case { name, memory, expected } in cases() {
        let told = memory.told();
        if told != expected {
            wrong.push_str(&format!("\n== {name}\n-> {}\n", told.join("\n-> ")));
        }
    }
    assert!(wrong.is_empty(), "told otherwise than expected:\n{wrong}");
}

#[test]
fn an_error_gives_no_configuration_and_a_warning_does() {
    for Case { name, memory, .. } in cases() {
        let outcome = memory.read();
        assert_eq!(outcome.configuration.is_none(), outcome.problems.has_errors(), "{name}");
    }
}

#[test]
fn no_problem_shows_a_secret() {
    for Case { name, memory, .. } in cases() {
        for told in memory.told() {
            assert!(!told.contains("SECRET"), "{name}: {told}");
        }
    }
}
