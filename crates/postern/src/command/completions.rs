//! `postern completions`.

use clap::{Arg, ArgMatches, value_parser};
use clap_complete::Shell;

use super::{Action, Command, NAME, command_line, terminal};
use crate::exit::Exit;

pub(crate) const COMMAND: Command = Command {
    name: "completions",
    about: "Prints the completions of a shell",
    action: Action::Run { arguments, run },
};

fn arguments() -> Vec<Arg> {
    vec![
        Arg::new("shell")
            .value_name("SHELL")
            .required(true)
            .value_parser(value_parser!(Shell))
            .help("The shell"),
    ]
}

fn run(matches: &ArgMatches) -> Exit {
    let Some(shell) = matches.get_one::<Shell>("shell") else { return Exit::WrongCommandLine };
    let mut script = Vec::new();
    clap_complete::generate(*shell, &mut command_line(), NAME, &mut script);
    terminal::print(&script);
    Exit::Done
}
