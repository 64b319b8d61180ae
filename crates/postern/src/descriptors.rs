//! How many files and sockets the process may have open.

use postern_observe::{Severity, log};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Takes as many descriptors as the system allows: what a shell or a container starts with (1,024 at
/// most places) is meant for programs that still use `select`.
pub(crate) fn take_all() {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current != maximum && setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).is_err() {
        log(Severity::Warning, "the limit of open files cannot be raised", &[]);
    }
}

/// Warns where as many connections as a configuration allows cannot be open.
pub(crate) fn warn_of_too_few(connections: u64) {
    let wanted = connections.saturating_add(RESERVE);
    if let Some(allowed) = getrlimit(Resource::Nofile).current.filter(|allowed| *allowed < wanted) {
        let fields: [(&str, &dyn std::fmt::Display); 2] = [("allowed", &allowed), ("wanted", &wanted)];
        log(Severity::Warning, "`limits.connections` allows more than the limit of open files", &fields);
    }
}

/// Listeners, files, event queues, connections to backends.
const RESERVE: u64 = 256;
