//! The hash of a body, taken while it is read.

#![deny(clippy::arithmetic_side_effects, clippy::as_conversions)]

use std::fmt;

use aws_lc_rs::digest::{Context, Digest, SHA256, digest};

/// The SHA-256 of a body as received, before any decompression (AU-76). Printed as 64 lower-case digits.
///
/// ```
/// use postern_protocol::signature::{PayloadHash, PayloadHasher};
///
/// let mut hasher = PayloadHasher::new();
/// hasher.update(b"Param1");
/// hasher.update(b"=value1");
/// assert_eq!(hasher.finish(), PayloadHash::of(b"Param1=value1"));
/// assert_eq!(
///     PayloadHash::of(b"").to_string(),
///     "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
/// );
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PayloadHash([u8; 32]);

impl PayloadHash {
    /// The hash of a whole body.
    #[must_use]
    pub fn of(body: &[u8]) -> Self {
        Self::from_digest(&digest(&SHA256, body))
    }

    /// The 32 bytes of the hash.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    fn from_digest(digest: &Digest) -> Self {
        let mut bytes = [0; 32];
        for (place, byte) in bytes.iter_mut().zip(digest.as_ref()) {
            *place = *byte;
        }
        Self(bytes)
    }
}

impl fmt::Display for PayloadHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Hashes a body piece by piece.
pub struct PayloadHasher(Context);

impl PayloadHasher {
    /// A hasher that has seen nothing.
    #[must_use]
    pub fn new() -> Self {
        Self(Context::new(&SHA256))
    }

    /// Takes the next piece.
    pub fn update(&mut self, piece: &[u8]) {
        self.0.update(piece);
    }

    /// The hash of all pieces.
    #[must_use]
    pub fn finish(self) -> PayloadHash {
        PayloadHash::from_digest(&self.0.finish())
    }
}

impl Default for PayloadHasher {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for PayloadHasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PayloadHasher")
    }
}
