//! Waiting for a condition, with a bound: the one place where a test pauses.

use std::{
    thread,
    time::{Duration, Instant},
};

/// How long a test waits for what ought to happen at once. Long, since a machine may be busy; a test
/// that passes never comes near it.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Asks until there is an answer. Fails the test, naming what was waited for, when patience is over.
pub fn until<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(begun.elapsed() < PATIENCE, "waited in vain for {what}");
        thread::sleep(Duration::from_millis(2));
    }
}
