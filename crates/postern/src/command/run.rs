//! `postern run`.

use clap::{Arg, ArgMatches};

use super::{Action, Command, config_argument, config_path};
use crate::{assemble::Source, exit::Exit, handover::Program, load::load, serve::serve};

pub(crate) const COMMAND: Command = Command {
    name: "run",
    about: "Serves a configuration, in the foreground, until it is told to end",
    action: Action::Run { arguments, run },
};

fn arguments() -> Vec<Arg> {
    vec![config_argument()]
}

fn run(matches: &ArgMatches) -> Exit {
    let program = Program::of_this_process().ok();
    serve(Source { path: config_path(matches), load: Box::new(load), program }, |_| {})
}
