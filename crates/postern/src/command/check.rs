//! `postern check`.

use clap::{Arg, ArgMatches};
use postern_document::{Problems, Severity};
use postern_gateway::{State, compile};
use postern_model::Configuration;
use serde_json::json;

use super::{
    Action, Command, config_argument, config_path,
    report::{counted_as, counts, problems_json, say_problems},
    terminal::say,
    text,
};
use crate::{
    exit::Exit,
    load::{Loaded, load, place_identity_problems},
    writable::Written,
};

pub(crate) const COMMAND: Command = Command {
    name: "check",
    about: "Reads and compiles everything that `run` would, and prints every problem",
    action: Action::Run { arguments, run },
};

fn arguments() -> Vec<Arg> {
    let format = Arg::new("format").long("format").value_name("FORMAT").value_parser(["text", "json"]);
    vec![config_argument(), format.default_value("text").help("How problems are printed")]
}

fn run(matches: &ArgMatches) -> Exit {
    let path = config_path(matches);
    let Loaded { outcome, .. } = load(&path);
    let mut problems = outcome.problems;
    let counted = outcome.configuration.as_ref().map(summary);
    if let Some(configuration) = outcome.configuration {
        Written::of(&configuration).check(&path, &mut problems);
        check_identities(&path, configuration, &mut problems);
    }
    let is_right = !problems.has_errors();
    if text(matches, "format") == Some("json") {
        say(json!({"ok": is_right, "problems": problems_json(&problems)}));
    } else {
        say_problems(&problems);
        let found = counts(&problems);
        match counted.filter(|_| is_right) {
            Some(counted) if found.is_empty() => say(format_args!("{path}: right: {counted}")),
            Some(counted) => say(format_args!("{path}: right, {found}: {counted}")),
            None => say(format_args!("{path}: {found}")),
        }
    }
    if is_right { Exit::Done } else { Exit::WrongInput }
}

/// What only reading certificates and keys can tell.
fn check_identities(path: &str, configuration: Configuration, problems: &mut Problems) {
    // Nothing is served, so it does not matter how keys are hashed.
    let compiled = compile(configuration, None, &mut State::new([0; 32]));
    let house = compiled.snapshot();
    let (severity, sentences) = match postern_server::check_identities(house) {
        Ok(warnings) => (Severity::Warning, warnings),
        Err(wrong) => (Severity::Error, wrong),
    };
    place_identity_problems(path, house, severity, sentences, problems);
    problems.sort_by_place();
}

/// What a configuration serves, in numbers.
fn summary(configuration: &Configuration) -> String {
    let stages: usize = configuration.rest_apis.iter().map(|api| api.stages.len()).sum();
    let parts = [
        (configuration.vpc_endpoints.len(), "VPC endpoint"),
        (configuration.rest_apis.len(), "API"),
        (stages, "stage"),
    ];
    parts.map(|(count, what)| counted_as(count, what)).join(", ")
}
