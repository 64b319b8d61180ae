//! Exit codes.

use std::process::ExitCode;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// As it should.
    Done,
    /// What it was given is wrong.
    WrongInput,
    /// The command line is wrong.
    WrongCommandLine,
    /// The program is wrong, or the machine.
    Fault,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Done => 0,
            Exit::WrongInput => 1,
            Exit::WrongCommandLine => 2,
            Exit::Fault => 70,
        })
    }
}
