//! What commands write to a person: the one place that does.

use std::{
    fmt::Display,
    io::{self, Write},
};

/// Writes one line to the standard output. A reader that has gone away (`postern routes | head`) is no
/// fault: there is nobody left to tell.
pub(crate) fn say(line: impl Display) {
    let _ = writeln!(io::stdout().lock(), "{line}");
}

/// Writes to the standard output, with no line end.
pub(crate) fn put(text: impl Display) {
    let _ = write!(io::stdout().lock(), "{text}");
}

/// Writes bytes to the standard output as they are.
pub(crate) fn print(bytes: &[u8]) {
    let mut output = io::stdout().lock();
    let _ = output.write_all(bytes).and_then(|()| output.flush());
}

/// Writes one line to the standard error stream.
pub(crate) fn complain(line: impl Display) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}
