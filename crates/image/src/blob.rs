//! Bytes that are known by their hash.

use std::fs::File;
use std::io::{Read, Seek, Write};
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::error::ImageError;

const PIECE: usize = 128 << 10;

/// Where an image's parts come from.
pub(crate) trait Source {
    /// The manifest of a tag or digest, with its media type.
    fn manifest(&self, version: &str) -> Result<(Vec<u8>, Option<String>), ImageError>;
    /// Some bytes, not verified yet.
    fn open(&self, digest_hex: &str) -> Result<Box<dyn Read>, ImageError>;
    /// For messages.
    fn name(&self) -> &str;
}

pub(crate) fn hash(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// # Errors
/// [`ImageError::Invalid`] for other bytes than those of that hash.
pub(crate) fn verify(bytes: &[u8], digest_hex: &str) -> Result<(), ImageError> {
    same(&hash(bytes), digest_hex)
}

pub(crate) fn same(found: &str, expected: &str) -> Result<(), ImageError> {
    if found == expected {
        return Ok(());
    }
    Err(ImageError::Invalid(format!("expected bytes with the digest sha256:{expected}, found sha256:{found}")))
}

/// A small one, in memory.
pub(crate) fn read(source: &dyn Source, digest_hex: &str, size: u64, most: u64) -> Result<Vec<u8>, ImageError> {
    if size > most {
        return Err(ImageError::TooLarge {
            limit: most,
            what: "bytes in a document",
        });
    }
    let mut bytes = Vec::new();
    let read = source.open(digest_hex)?.take(most + 1).read_to_end(&mut bytes);
    read.map_err(|error| ImageError::Unreachable(format!("{}: {error}", source.name())))?;
    verify(&bytes, digest_hex)?;
    Ok(bytes)
}

/// A large one, in a file without a name on the disk of `near`. It is rewound.
pub(crate) fn fetch(
    source: &dyn Source,
    digest_hex: &str,
    size: u64,
    near: &Path,
    stopping: &dyn Fn() -> bool,
) -> Result<File, ImageError> {
    let failed = |error: std::io::Error| ImageError::io("keep a layer", error);
    let mut file = tempfile::tempfile_in(near).map_err(failed)?;
    // One byte more than there should be gives the lie to the size.
    let mut from = source.open(digest_hex)?.take(size.saturating_add(1));
    let (mut hash, mut read) = (Sha256::new(), 0_u64);
    let mut piece = vec![0; PIECE];
    loop {
        if stopping() {
            return Err(ImageError::Stopping);
        }
        let count = from.read(&mut piece);
        let count = count.map_err(|error| ImageError::Unreachable(format!("{}: {error}", source.name())))?;
        if count == 0 {
            break;
        }
        read += count as u64;
        hash.update(&piece[..count]);
        file.write_all(&piece[..count]).map_err(failed)?;
    }
    if read != size {
        let found = if read > size { "more".to_owned() } else { read.to_string() };
        return Err(ImageError::Invalid(format!("expected a layer of {size} bytes, found {found}")));
    }
    same(&hex::encode(hash.finalize()), digest_hex)?;
    file.rewind().map_err(failed)?;
    Ok(file)
}
