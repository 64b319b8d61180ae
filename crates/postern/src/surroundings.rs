//! The machine's files and variables, for the reader of configurations.

use std::{cell::RefCell, env, fs, path::Path};

use postern_config::{ReadFailure, Surroundings};
use postern_protocol::signature::{PayloadHash, PayloadHasher};

/// The machine. Keeps a hash of everything that was read from it.
#[derive(Debug, Default)]
pub(crate) struct Machine {
    read: RefCell<PayloadHasher>,
    /// Whether the hash of a variable's name may stand for the secret in it.
    invents_secrets: bool,
}

impl Machine {
    /// The machine for a command that needs no secrets: it need not be given those that stand in variables.
    pub(crate) fn without_secrets() -> Self {
        Self { invents_secrets: true, ..Self::default() }
    }

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

    fn secret_variable(&self, name: &str) -> Option<String> {
        let stand_in = || self.invents_secrets.then(|| PayloadHash::of(name.as_bytes()).to_string());
        self.variable(name).or_else(stand_in)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_that_nobody_needs_is_invented() {
        let name = "POSTERN_TEST_NO_SUCH_VARIABLE";
        assert_eq!(Machine::default().secret_variable(name), None);
        let machine = Machine::without_secrets();
        assert_eq!(machine.secret_variable(name).map(|secret| secret.len()), Some(64));
        assert_ne!(machine.secret_variable(name), machine.secret_variable("POSTERN_TEST_ANOTHER"));
        assert_eq!(machine.variable(name), None);
    }

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
