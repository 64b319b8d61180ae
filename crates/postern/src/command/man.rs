//! `postern man`.

use clap::ArgMatches;
use clap_mangen::Man;

use super::{Action, Command, command_line, terminal};
use crate::exit::Exit;

pub(crate) const COMMAND: Command = Command {
    name: "man",
    about: "Prints the manual, a page for each command: postern man | man -l -",
    action: Action::Run { arguments: Vec::new, run },
};

fn run(_: &ArgMatches) -> Exit {
    let mut reader = command_line();
    reader.build();
    let mut pages = Vec::new();
    match write_pages(&reader, &mut pages) {
        Ok(()) => {
            terminal::print(&pages);
            Exit::Done
        }
        Err(_) => Exit::Fault,
    }
}

/// The page of a command, then those of the commands in it.
fn write_pages(reader: &clap::Command, pages: &mut Vec<u8>) -> std::io::Result<()> {
    let source = concat!("postern ", env!("CARGO_PKG_VERSION"));
    Man::new(reader.clone()).source(source).render(pages)?;
    let mut commands = reader.get_subcommands().filter(|inner| inner.get_name() != "help");
    commands.try_for_each(|inner| write_pages(inner, pages))
}
