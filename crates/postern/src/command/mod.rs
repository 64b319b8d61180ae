//! The commands: one table, from which the reading of command lines, help, manual and completions
//! follow.

mod check;
mod completions;
mod demo;
mod explain;
mod init;
mod man;
mod openapi;
mod policy;
mod report;
mod routes;
mod run;
mod schema;
mod template;
mod terminal;
mod usage;

use std::ffi::OsString;

use clap::{Arg, ArgMatches, value_parser};

pub(crate) use self::{
    explain::{denial_json, denial_text},
    report::problems_json,
};
use crate::exit::Exit;

/// A command, or a group of them.
#[derive(Clone, Copy)]
pub(crate) struct Command {
    /// What is typed.
    pub(crate) name: &'static str,
    /// What it does, as one sentence without a full stop.
    pub(crate) about: &'static str,
    /// What it takes and does.
    pub(crate) action: Action,
}

/// What a command is.
#[derive(Clone, Copy)]
pub(crate) enum Action {
    /// It does something with its arguments.
    Run {
        /// Its arguments.
        arguments: fn() -> Vec<Arg>,
        /// What it does with them.
        run: fn(&ArgMatches) -> Exit,
    },
    /// It holds others.
    Group(&'static [Command]),
}

/// Every command, in the order in which people meet them.
const COMMANDS: &[Command] = &[
    demo::COMMAND,
    run::COMMAND,
    check::COMMAND,
    explain::COMMAND,
    routes::COMMAND,
    usage::COMMAND,
    openapi::COMMAND,
    policy::COMMAND,
    template::COMMAND,
    init::COMMAND,
    schema::COMMAND,
    completions::COMMAND,
    man::COMMAND,
];

/// Commands that the program itself starts: no help tells of them.
const HIDDEN: &[Command] = &[demo::FUNCTION];

const NAME: &str = "postern";
const ABOUT: &str = "A self-hosted private API gateway that behaves as Amazon API Gateway does";

/// Reads a command line and does what it says.
pub(crate) fn run(arguments: impl IntoIterator<Item = OsString>) -> Exit {
    let matches = match command_line().try_get_matches_from(arguments) {
        Ok(matches) => matches,
        Err(refusal) if refusal.use_stderr() => {
            terminal::complain(refusal.render().to_string().trim_end());
            return Exit::WrongCommandLine;
        }
        // Not a refusal: help or the version was asked for.
        Err(page) => {
            terminal::print(page.render().to_string().as_bytes());
            return Exit::Done;
        }
    };
    run_one_of(&[COMMANDS, HIDDEN].concat(), &matches)
}

fn run_one_of(commands: &[Command], matches: &ArgMatches) -> Exit {
    let chosen = matches.subcommand().and_then(|(name, matches)| {
        let command = commands.iter().find(|command| command.name == name)?;
        Some((command, matches))
    });
    match chosen {
        Some((Command { action: Action::Run { run, .. }, .. }, matches)) => run(matches),
        Some((Command { action: Action::Group(inner), .. }, matches)) => run_one_of(inner, matches),
        // The reader asks for one of the table.
        None => Exit::WrongCommandLine,
    }
}

/// The whole command line, as its reader, the manual and the completions see it.
pub(crate) fn command_line() -> clap::Command {
    clap::Command::new(NAME)
        .about(ABOUT)
        .version(env!("CARGO_PKG_VERSION"))
        .subcommand_required(true)
        .subcommands(COMMANDS.iter().map(Command::reader))
        .subcommands(HIDDEN.iter().map(|command| command.reader().hide(true)))
}

impl Command {
    fn reader(&self) -> clap::Command {
        let reader = clap::Command::new(self.name).about(self.about);
        match self.action {
            Action::Run { arguments, .. } => reader.args(arguments()),
            Action::Group(commands) => reader
                .subcommand_required(true)
                .disable_help_subcommand(true)
                .subcommands(commands.iter().map(Self::reader)),
        }
    }
}

/// `--config FILE`.
fn config_argument() -> Arg {
    Arg::new("config")
        .long("config")
        .value_name("FILE")
        .value_parser(value_parser!(String))
        .help("The configuration [default: config/postern.yaml, then /etc/postern/postern.yaml]")
}

/// The configuration that a command line names, or the usual one.
fn config_path(matches: &ArgMatches) -> String {
    const USUAL: [&str; 2] = ["config/postern.yaml", "/etc/postern/postern.yaml"];
    let named = matches.get_one::<String>("config").cloned();
    let usual = || USUAL.into_iter().find(|path| std::path::Path::new(path).exists());
    named.unwrap_or_else(|| usual().unwrap_or("config/postern.yaml").to_owned())
}

/// The texts of an argument that may be given several times.
fn texts<'m>(matches: &'m ArgMatches, name: &str) -> impl Iterator<Item = &'m str> {
    matches.get_many::<String>(name).into_iter().flatten().map(String::as_str)
}

/// The text of an argument.
fn text<'m>(matches: &'m ArgMatches, name: &str) -> Option<&'m str> {
    matches.get_one::<String>(name).map(String::as_str)
}

/// One or more file names.
fn files_argument(what: &'static str, help: &'static str) -> Arg {
    Arg::new("files")
        .value_name(what)
        .required(true)
        .num_args(1..)
        .value_parser(value_parser!(String))
        .help(help)
}

/// Reads a text file, or says why it cannot be read.
fn read_text(path: &str) -> Option<String> {
    let told = |why: &str| {
        terminal::complain(format_args!("{path}: {why}"));
        None
    };
    match std::fs::read(path) {
        Ok(bytes) => String::from_utf8(bytes).map_or_else(|_| told("the file is not UTF-8 text"), Some),
        Err(fault) => told(&postern_config::ReadFailure::from(fault).to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_makes_a_sound_command_line() {
        command_line().debug_assert();
    }

    #[test]
    fn every_command_is_told_in_one_sentence_without_a_full_stop() {
        fn check(commands: &[Command]) {
            for command in commands {
                assert!(!command.about.ends_with('.'), "{}", command.name);
                if let Action::Group(inner) = command.action {
                    check(inner);
                }
            }
        }
        check(COMMANDS);
    }
}
