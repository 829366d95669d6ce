//! Looking a package through, before it is accepted.

use std::collections::BTreeMap;
use std::io::Read;

use bytes::Bytes;

use super::archive::{self, Entry, Kind, Reader};
use super::{PackageError, PackageHash, hash, links};

/// What a package may be at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Unzipped bytes have to be fewer.
    pub unzipped_bytes: u64,
    pub entries: usize,
}

impl Default for Limits {
    /// The service's size limit (facts, `CreateFunction`), and as many entries as a zip without
    /// zip64 can have: more would be a burden to the file system, not a function.
    fn default() -> Self {
        Self {
            unzipped_bytes: 262_144_000,
            entries: 65_535,
        }
    }
}

/// What was found in a good package.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Inspected {
    /// Sum over the files, as they came out.
    pub unzipped_bytes: u64,
    pub entries: usize,
}

/// A good package's contents and identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    pub inspected: Inspected,
    pub hash: PackageHash,
}

/// Reads all of a package, writing nothing. Seconds for the largest: off the async threads, or
/// use [`accept`].
///
/// # Errors
/// Everything of [`PackageError`] that is the client's fault.
pub fn inspect(zip: &[u8], limits: &Limits) -> Result<Inspected, PackageError> {
    let (mut archive, entries) = archive::open(zip, limits)?;
    let mut budget = Budget::new(limits);
    let mut links = BTreeMap::new();
    for entry in &entries {
        match entry.kind {
            Kind::Dir => {}
            Kind::Link => {
                links.insert(entry.path.clone(), read_link(&mut archive, entry, &mut budget)?);
            }
            Kind::File => {
                let nowhere = &mut |_: &[u8]| Ok(());
                read_file(&mut archive, entry, &mut budget, nowhere)?;
            }
        }
    }
    links::check(&links)?;
    Ok(Inspected {
        unzipped_bytes: budget.used,
        entries: entries.len(),
    })
}

/// [`inspect`] and [`hash`] on a blocking thread.
///
/// # Errors
/// As [`inspect`]; [`PackageError::Io`] when the runtime is shutting down.
pub async fn accept(zip: Bytes, limits: Limits) -> Result<Accepted, PackageError> {
    let work = move || {
        Ok(Accepted {
            inspected: inspect(&zip, &limits)?,
            hash: hash(&zip),
        })
    };
    tokio::task::spawn_blocking(work).await.map_err(|e| PackageError::io("inspect a package", &e))?
}

/// The unzipped bytes that may still come out. A bomb whose headers lie is stopped here.
pub(super) struct Budget {
    limit: u64,
    used: u64,
}

impl Budget {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            limit: limits.unzipped_bytes,
            used: 0,
        }
    }

    fn spend(&mut self, bytes: usize) -> Result<(), PackageError> {
        self.used = self.used.saturating_add(bytes as u64);
        if self.used >= self.limit {
            return Err(PackageError::TooLarge {
                limit: self.limit,
                found: self.used,
            });
        }
        Ok(())
    }
}

/// Unpacks one file, a piece at a time, to `sink`. Its length and checksum are verified.
pub(super) fn read_file(
    archive: &mut Reader<'_>,
    entry: &Entry,
    budget: &mut Budget,
    sink: &mut dyn FnMut(&[u8]) -> Result<(), PackageError>,
) -> Result<(), PackageError> {
    let damaged = |detail: String| PackageError::Damaged {
        name: entry.path.clone(),
        detail,
    };
    let mut file = archive.by_index(entry.index).map_err(|e| damaged(e.to_string()))?;
    let declared = file.size();
    let mut piece = [0u8; 32 * 1024];
    let mut read = 0u64;
    loop {
        let n = file.read(&mut piece).map_err(|e| damaged(e.to_string()))?;
        if n == 0 {
            break;
        }
        budget.spend(n)?;
        read += n as u64;
        sink(&piece[..n])?;
    }
    if read != declared {
        return Err(damaged(format!("expected {declared} bytes, found {read}")));
    }
    Ok(())
}

/// A link's target: its contents.
pub(super) fn read_link(archive: &mut Reader<'_>, entry: &Entry, budget: &mut Budget) -> Result<String, PackageError> {
    let bad = |target: &[u8], reason| PackageError::BadLink {
        name: entry.path.clone(),
        target: String::from_utf8_lossy(&target[..target.len().min(256)]).into_owned(),
        reason,
    };
    let mut target = Vec::new();
    read_file(archive, entry, budget, &mut |piece| {
        target.extend_from_slice(piece);
        if target.len() as u64 > links::TARGET_MAX {
            return Err(bad(&target, "is longer than 4095 bytes"));
        }
        Ok(())
    })?;
    String::from_utf8(target).map_err(|e| bad(e.as_bytes(), "is not UTF-8"))
}
