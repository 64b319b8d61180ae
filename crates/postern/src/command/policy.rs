//! `postern policy evaluate` and `postern policy lint`.

use clap::{Arg, ArgMatches, value_parser};
use postern_document::Problems;
use postern_policy::{ExecuteApiBase, Policy, PolicyKind, Reading, evaluate_case, lint};
use serde_json::{Value, json};

use super::{
    Action, Command, files_argument, read_text,
    report::{counts, say_problems},
    terminal::say,
    text, texts,
};
use crate::exit::Exit;

pub(crate) const COMMAND: Command = Command {
    name: "policy",
    about: "Tries resource policies",
    action: Action::Group(&[
        Command {
            name: "evaluate",
            about: "Decides cases: a line of JSON in, a line of JSON out",
            action: Action::Run { arguments: evaluate_arguments, run: evaluate },
        },
        Command {
            name: "lint",
            about: "Tells what in policies can never match, lets everybody in, or is misspelt",
            action: Action::Run { arguments: lint_arguments, run: lint_files },
        },
    ]),
};

fn evaluate_arguments() -> Vec<Arg> {
    vec![
        Arg::new("cases")
            .long("cases")
            .value_name("FILE")
            .required(true)
            .value_parser(value_parser!(String))
            .help(
                "The cases: on each line a JSON object with id, policy, principal, action, resource, context",
            ),
    ]
}

fn evaluate(matches: &ArgMatches) -> Exit {
    let cases = text(matches, "cases").and_then(read_text);
    let Some(cases) = cases else { return Exit::WrongInput };
    let mut exit = Exit::Done;
    for line in cases.lines().filter(|line| !line.trim().is_empty()) {
        match evaluate_case(line) {
            Ok(answer) => say(answer),
            Err(wrong) => {
                // A line for each case, so that answers can be laid beside their cases.
                let case: Value = serde_json::from_str(line).unwrap_or_default();
                let id = case.get("id").cloned().unwrap_or_default();
                say(json!({"id": id, "error": wrong}));
                exit = Exit::WrongInput;
            }
        }
    }
    exit
}

fn lint_arguments() -> Vec<Arg> {
    vec![files_argument("FILE", "Resource policies")]
}

fn lint_files(matches: &ArgMatches) -> Exit {
    let mut exit = Exit::Done;
    for file in texts(matches, "files") {
        match read_text(file).map(|text| problems_of(file, &text)) {
            Some(problems) => {
                say_problems(&problems);
                let found = counts(&problems);
                say(format_args!("{file}: {}", if found.is_empty() { "nothing to say" } else { &found }));
                if problems.has_errors() {
                    exit = Exit::WrongInput;
                }
            }
            None => exit = Exit::WrongInput,
        }
    }
    exit
}

/// What is wrong with a policy, and what is doubtful. The API that it belongs to is not known here: a
/// sample stands for it.
fn problems_of(file: &str, text: &str) -> Problems {
    let mut problems = Problems::default();
    let api = ExecuteApiBase::sample();
    let reading = Reading { base: Some(&api), rewrite_api_id: true, ..Reading::of(PolicyKind::Resource) };
    if let Some(policy) = Policy::parse_text(file, text, &reading, &mut problems) {
        problems.extend(lint(&policy));
    }
    problems.sort_by_place();
    problems
}
