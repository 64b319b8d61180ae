//! A place of a test's own: a folder for its files and loopback addresses that no other test uses.

use std::{
    fs,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process,
    sync::atomic::{AtomicU16, Ordering},
};

use tempfile::TempDir;

/// A folder and addresses for one test. The folder goes when it is dropped.
#[derive(Debug)]
pub struct Place {
    folder: TempDir,
}

impl Place {
    /// A new, empty place.
    #[must_use]
    pub fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a temporary folder") }
    }

    /// The folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a file, and the folders above it. Only its owner may read it, as private keys ask for.
    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::create_dir_all(path.parent().expect("a file stands in a folder")).unwrap();
        // Written aside and renamed, so that whoever watches the file never sees half of it.
        let aside = path.with_extension("new");
        fs::write(&aside, text).unwrap();
        fs::set_permissions(&aside, fs::Permissions::from_mode(0o600)).unwrap();
        fs::rename(&aside, &path).unwrap();
        path
    }

    /// What stands in a file.
    #[must_use]
    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.folder.path().join(name)).unwrap_or_default()
    }

    /// An address on loopback that nobody else uses.
    ///
    /// Each process has an IP address of its own out of 127.0.0.0/8, by its number, and its ports
    /// are counted; they stay below those that the system gives to clients. So nothing is asked of the
    /// system, and no two tests meet although listeners share ports.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        static PORT: AtomicU16 = AtomicU16::new(20_000);
        SocketAddr::new(self.ip(), PORT.fetch_add(1, Ordering::Relaxed))
    }

    /// The IP address of this process.
    #[must_use]
    pub fn ip(&self) -> IpAddr {
        let [_, high, middle, low] = process::id().to_be_bytes();
        // Process numbers end at 2^22, so the second byte stays below 128 + 64.
        IpAddr::V4(Ipv4Addr::new(127, 128 + high, middle, low))
    }
}

impl Default for Place {
    fn default() -> Self {
        Self::new()
    }
}
