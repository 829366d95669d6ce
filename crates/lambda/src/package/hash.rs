//! What identifies a package: the SHA-256 and the length of the bytes that were uploaded.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

/// A package's identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackageHash {
    pub sha256: [u8; 32],
    /// Length of the zip in bytes: `CodeSize`.
    pub code_size: u64,
}

impl PackageHash {
    /// `CodeSha256`: base64 with padding.
    #[must_use]
    pub fn code_sha256(&self) -> String {
        STANDARD.encode(self.sha256)
    }

    /// Lowercase hexadecimal: names the unpacked tree in the [`super::CodeCache`].
    #[must_use]
    pub fn hex(&self) -> String {
        hex::encode(self.sha256)
    }
}

/// Hashes the bytes of a zip. Some 100 ms for the largest package: off the async threads, or use
/// [`super::accept`].
#[must_use]
pub fn hash(zip: &[u8]) -> PackageHash {
    PackageHash {
        sha256: Sha256::digest(zip).into(),
        code_size: zip.len() as u64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_vector_of_sha_256() {
        let hash = hash(b"abc");
        assert_eq!(hash.hex(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(hash.code_sha256(), "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=");
        assert_eq!(hash.code_size, 3);
    }
}
