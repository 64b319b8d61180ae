//! `postern template run`.

use clap::{Arg, ArgMatches, value_parser};
use postern_template::{Limits, run_case, run_cases};

use super::{
    Action, Command, read_text,
    terminal::{complain, print, say},
    text,
};
use crate::exit::Exit;

pub(crate) const COMMAND: Command = Command {
    name: "template",
    about: "Tries mapping templates",
    action: Action::Group(&[Command {
        name: "run",
        about: "Renders one mapping template, or runs a list of cases",
        action: Action::Run { arguments, run },
    }]),
};

fn arguments() -> Vec<Arg> {
    let file = |name: &'static str| Arg::new(name).value_parser(value_parser!(String));
    vec![
        file("template").value_name("FILE").required_unless_present("cases").help("The template"),
        file("input").long("input").value_name("CASE.json").conflicts_with("cases").help(
            "What the template reads: a JSON object with body, params, context, stageVariables [default: nothing]",
        ),
        file("cases").long("cases").value_name("FILE.json").conflicts_with("template").help(
            "A JSON list of cases, each with its template and what is expected of it",
        ),
    ]
}

fn run(matches: &ArgMatches) -> Exit {
    match (text(matches, "cases"), text(matches, "template")) {
        (Some(cases), _) => run_list(cases),
        (None, Some(template)) => render(template, text(matches, "input")),
        (None, None) => Exit::WrongCommandLine,
    }
}

fn render(file: &str, input: Option<&str>) -> Exit {
    let Some(template) = read_text(file) else { return Exit::WrongInput };
    let case = match input.map(read_text) {
        None => "{}".to_owned(),
        Some(Some(case)) => case,
        Some(None) => return Exit::WrongInput,
    };
    match run_case(&template, &case, &Limits::default()) {
        Ok(output) => {
            print(output.text.as_bytes());
            Exit::Done
        }
        Err(failure) => {
            complain(format_args!("{file}: {failure}"));
            Exit::WrongInput
        }
    }
}

fn run_list(file: &str) -> Exit {
    let Some(cases) = read_text(file) else { return Exit::WrongInput };
    let results = match run_cases(&cases, &Limits::default()) {
        Ok(results) => results,
        Err(failure) => {
            complain(format_args!("{file}: {failure}"));
            return Exit::WrongInput;
        }
    };
    for (id, difference) in results.differences() {
        say(format_args!("{id}: {difference}"));
    }
    say(format_args!("{} passed, {} failed", results.passed(), results.failed()));
    if results.failed() == 0 { Exit::Done } else { Exit::WrongInput }
}
