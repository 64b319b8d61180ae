//! `postern schema`.

use clap::ArgMatches;

use super::{Action, Command, terminal::say};
use crate::exit::Exit;

pub(crate) const COMMAND: Command = Command {
    name: "schema",
    about: "Prints the JSON Schema of postern.yaml, for editors",
    action: Action::Run { arguments: Vec::new, run },
};

fn run(_: &ArgMatches) -> Exit {
    say(postern_config::json_schema());
    Exit::Done
}
