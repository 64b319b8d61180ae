//! The configuration file, with no other file and no variable beside it.
#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use postern_config::{ReadFailure, Surroundings, read};

/// One file, whatever its name.
struct OneFile<'text>(&'text str);

impl Surroundings for OneFile<'_> {
    fn read(&self, path: &Path) -> Result<Vec<u8>, ReadFailure> {
        if path == Path::new("postern.yaml") {
            return Ok(self.0.as_bytes().to_vec());
        }
        Err(ReadFailure::new("there is no such file"))
    }

    fn variable(&self, _name: &str) -> Option<String> {
        None
    }
}

fuzz_target!(|text: &str| {
    let _ = read("postern.yaml", &OneFile(text));
});
