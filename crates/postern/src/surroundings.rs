//! The machine's files and variables, for the reader of configurations.

use std::{cell::RefCell, env, fs, path::Path};

use postern_config::{ReadFailure, Surroundings};
use postern_protocol::signature::{PayloadHash, PayloadHasher};

/// The machine. Keeps a hash of everything that was read from it.
#[derive(Debug, Default)]
pub(crate) struct Machine {
    read: RefCell<PayloadHasher>,
}

impl Machine {
    /// A hash of all files that were read, in the order of reading: another one after any change of any
    /// of them.
    pub(crate) fn hash(self) -> PayloadHash {
        self.read.into_inner().finish()
    }
}

impl Surroundings for Machine {
    fn read(&self, path: &Path) -> Result<Vec<u8>, ReadFailure> {
        let bytes = fs::read(path).map_err(ReadFailure::from)?;
        let mut read = self.read.borrow_mut();
        // The length parts one file from the next.
        read.update(&(bytes.len() as u64).to_le_bytes());
        read.update(&bytes);
        Ok(bytes)
    }

    fn variable(&self, name: &str) -> Option<String> {
        env::var(name).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_text_has_another_hash() {
        let folder = tempfile::tempdir().unwrap();
        let hash_of = |texts: &[&str]| {
            let machine = Machine::default();
            for (number, text) in texts.iter().enumerate() {
                let path = folder.path().join(number.to_string());
                fs::write(&path, text).unwrap();
                machine.read(&path).unwrap();
            }
            machine.hash()
        };
        assert_eq!(hash_of(&["a", "b"]), hash_of(&["a", "b"]));
        assert_ne!(hash_of(&["a", "b"]), hash_of(&["ab", ""]));
    }
}
