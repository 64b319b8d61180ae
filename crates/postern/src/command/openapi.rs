//! `postern openapi check`.

use clap::{Arg, ArgAction, ArgMatches};
use postern_openapi::{ImportOptions, Imported, import};

use super::{
    Action, Command, files_argument, read_text,
    report::{counted_as, counts, say_problems},
    terminal::say,
    texts,
};
use crate::exit::Exit;

pub(crate) const COMMAND: Command = Command {
    name: "openapi",
    about: "Tries API definitions",
    action: Action::Group(&[Command {
        name: "check",
        about: "Imports definitions and tells what is accepted, ignored and refused",
        action: Action::Run { arguments, run },
    }]),
};

fn arguments() -> Vec<Arg> {
    vec![
        Arg::new("fail-on-warnings")
            .long("fail-on-warnings")
            .action(ArgAction::SetTrue)
            .help("Refuses what is only warned of, too"),
        files_argument("FILE", "OpenAPI 3.0 or Swagger 2.0 definitions, JSON or YAML"),
    ]
}

fn run(matches: &ArgMatches) -> Exit {
    let strictly = matches.get_flag("fail-on-warnings");
    let mut exit = Exit::Done;
    for file in texts(matches, "files") {
        if !read_text(file).is_some_and(|text| check(file, &text, strictly)) {
            exit = Exit::WrongInput;
        }
    }
    exit
}

/// Tells what becomes of a definition. Says whether it is accepted.
fn check(file: &str, text: &str, strictly: bool) -> bool {
    let Imported { definition, problems, unserved } = import(file, text, &ImportOptions::default());
    say_problems(&problems);
    for unserved in &unserved {
        say(format_args!("{}: note: {}", unserved.place, unserved.message));
    }
    let is_accepted = definition.is_some() && !(strictly && problems.warnings().next().is_some());
    let mut verdict = if is_accepted { "accepted".to_owned() } else { "refused".to_owned() };
    if let Some(definition) = definition {
        let methods = definition.resources.iter().map(|resource| resource.methods.len()).sum();
        verdict.push_str(&format!(", {}", counted_as(methods, "method")));
    }
    for found in [counts(&problems), notes(unserved.iter().count())] {
        if !found.is_empty() {
            verdict.push_str(&format!(", {found}"));
        }
    }
    say(format_args!("{file}: {verdict}"));
    is_accepted
}

fn notes(count: usize) -> String {
    if count == 0 { String::new() } else { counted_as(count, "note") }
}
