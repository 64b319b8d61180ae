//! The definitions of the corpus: what the import says of each, byte for byte.
#![cfg(test)]
#![expect(clippy::disallowed_methods, reason = "a test reads its corpus")]

use std::fmt::Write as _;
use std::fs;

use postern_openapi::{ImportOptions, Imported, import};

const CORPUS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/corpus");

/// One row of the index.
struct Definition {
    file: String,
    text: String,
    needs: String,
}

impl Definition {
    fn import(&self) -> Imported {
        import(&self.file, &self.text, &ImportOptions::default())
    }
}

fn definitions() -> Vec<Definition> {
    let index = fs::read_to_string(format!("{CORPUS}/dev/index.tsv")).unwrap();
    let rows: Vec<Vec<&str>> = index.lines().map(|line| line.split('\t').collect()).collect();
    let column = |name: &str| rows[0].iter().position(|title| *title == name).unwrap();
    let (file, needs) = (column("file"), column("needs"));
    let read = |row: &Vec<&str>| Definition {
        file: row[file].to_owned(),
        text: fs::read_to_string(format!("{CORPUS}/dev/{}", row[file])).unwrap(),
        needs: row[needs].to_owned(),
    };
    rows[1..].iter().map(read).collect()
}

/// The outcome as `outcomes.txt` has it: one line says it, the others say why, without the file.
fn outcome(definition: &Definition) -> String {
    let imported = definition.import();
    let word = match (&imported.definition, imported.unserved.is_empty()) {
        (Some(_), true) => "accepted",
        (Some(_), false) => "accepted, not served",
        (None, _) => "refused",
    };
    let mut text = format!("== {}: {word}\n", definition.file);
    let short = |line: String| line.replace(&format!("{}:", definition.file), "");
    for problem in &imported.problems {
        writeln!(text, "{}", short(problem.to_string())).unwrap();
    }
    for problem in &imported.unserved {
        writeln!(text, "{}", short(format!("not served: {problem}"))).unwrap();
    }
    text
}

#[test]
fn every_definition_has_the_outcome_of_the_table() {
    let expected = fs::read_to_string(format!("{CORPUS}/outcomes.txt")).unwrap_or_default();
    let actual: String = definitions().iter().map(outcome).collect();
    if let Some((line, (is, was))) = actual
        .lines()
        .chain([""])
        .zip(expected.lines().chain([""]))
        .enumerate()
        .find(|(_, (is, was))| is != was)
    {
        let path = concat!(env!("CARGO_TARGET_TMPDIR"), "/outcomes.txt");
        fs::write(path, &actual).unwrap();
        panic!("line {}:\n  is  {is}\n  was {was}\nthe whole of it stands in {path}", line + 1);
    }
}

#[test]
fn what_needs_nothing_is_accepted_and_all_else_refused() {
    let definitions = definitions();
    assert_eq!(definitions.len(), 119);
    let accepted = |definition: &&Definition| definition.import().definition.is_some();
    let accepted: Vec<&str> =
        definitions.iter().filter(accepted).map(|definition| definition.file.as_str()).collect();
    let needs_nothing = definitions.iter().filter(|definition| definition.needs == "none");
    assert_eq!(accepted, needs_nothing.map(|definition| definition.file.as_str()).collect::<Vec<_>>());
    assert_eq!(accepted.len(), 49);
}

/// The slow twin of the search for placeholders: the text, line by line.
fn first_unfilled(text: &str) -> (u32, u32) {
    for (line, text) in text.lines().enumerate() {
        let function = text.find("Fn::").or_else(|| text.find("\"Ref\":").map(|at| at + 1));
        let function =
            function.or_else(|| text.trim_start().starts_with("Ref:").then(|| text.find("Ref").unwrap()));
        let is_quoted = |at: &usize| at.checked_sub(1).is_some_and(|before| text.as_bytes()[before] == b'"');
        let function = function.map(|at| if is_quoted(&at) { at - 1 } else { at });
        let own = ["${stageVariables.", "${AWS::Region}", "${AWS::AccountId}", "${AWS::Partition}"];
        let placeholder = text
            .match_indices("${")
            .map(|(at, _)| at)
            .find(|at| !own.iter().any(|own| text.split_at(*at).1.starts_with(own)));
        if let Some(at) = function.into_iter().chain(placeholder).min() {
            let column = text.split_at(at).0.chars().count() + 1;
            return (u32::try_from(line).unwrap() + 1, u32::try_from(column).unwrap());
        }
    }
    panic!("nothing is left to fill in")
}

#[test]
fn a_definition_is_refused_at_the_first_that_is_not_filled_in() {
    for definition in definitions().iter().filter(|definition| definition.needs != "none") {
        let imported = definition.import();
        let first = imported.problems.iter().next().unwrap();
        let place = (first.place.line(), first.place.column());
        assert_eq!(place, first_unfilled(&definition.text), "{first}");
    }
}
