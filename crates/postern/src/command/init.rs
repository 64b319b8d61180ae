//! `postern init`.

use std::{fs::File, io::Write};

use clap::{Arg, ArgAction, ArgMatches};

use super::{
    Action, Command, files_argument, read_text,
    report::{counted_as, say_problems},
    terminal::{complain, print, say},
    texts,
};
use crate::exit::Exit;

pub(crate) const COMMAND: Command = Command {
    name: "init",
    about: "Writes a postern.yaml that serves some definitions, and marks what only you can say",
    action: Action::Run { arguments, run },
};

/// What is written.
const FILE: &str = "postern.yaml";

fn arguments() -> Vec<Arg> {
    vec![
        Arg::new("print")
            .long("print")
            .action(ArgAction::SetTrue)
            .help("Prints it instead of writing the file"),
        files_argument("DEFINITION", "OpenAPI 3.0 or Swagger 2.0 definitions, JSON or YAML"),
    ]
}

fn run(matches: &ArgMatches) -> Exit {
    let files: Vec<&str> = texts(matches, "files").collect();
    let read: Vec<Option<String>> = files.iter().map(|file| read_text(file)).collect();
    let Some(read) = read.into_iter().collect::<Option<Vec<String>>>() else { return Exit::WrongInput };
    let definitions: Vec<(&str, &str)> = files.into_iter().zip(read.iter().map(String::as_str)).collect();
    let text = match postern_config::init(&definitions) {
        Ok(text) => text,
        Err(problems) => {
            say_problems(&problems);
            return Exit::WrongInput;
        }
    };
    if matches.get_flag("print") {
        print(text.as_bytes());
        return Exit::Done;
    }
    // A file that is there already is somebody's work.
    let written = File::create_new(FILE).and_then(|mut file| file.write_all(text.as_bytes()));
    if let Err(fault) = written {
        complain(format_args!("{FILE}: {fault}"));
        return Exit::WrongInput;
    }
    let blanks = text.lines().filter(|line| line.contains("# FILL IN:")).count();
    let places = counted_as(blanks, "place");
    say(format_args!("{FILE} is written; {places} to fill in. Then: postern check --config {FILE}"));
    Exit::Done
}
