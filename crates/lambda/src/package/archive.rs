//! What an archive says it holds, checked against what a package may hold. Reads headers alone.

use std::collections::HashMap;
use std::io::Cursor;

use zip::result::ZipError;
use zip::{CompressionMethod, System, ZipArchive};

use super::path::{normalise, parents};
use super::{Limits, PackageError};

const TYPE_MASK: u32 = 0o170_000;
const TYPE_FILE: u32 = 0o100_000;
const TYPE_DIR: u32 = 0o040_000;
const TYPE_LINK: u32 = 0o120_000;

pub(super) type Reader<'a> = ZipArchive<Cursor<&'a [u8]>>;

/// What an entry becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Dir,
    File,
    Link,
}

/// One entry of the archive, with a path that stays below the root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// Position in the archive.
    pub(super) index: usize,
    /// As [`normalise`] leaves it.
    pub(super) path: String,
    pub(super) kind: Kind,
    /// Permission bits, at most 0o777.
    pub(super) mode: u32,
}

/// Opens the archive and lists its entries, parents before what is in them.
pub(super) fn open<'a>(zip: &'a [u8], limits: &Limits) -> Result<(Reader<'a>, Vec<Entry>), PackageError> {
    if zip.is_empty() {
        return Err(PackageError::Empty);
    }
    let mut archive = ZipArchive::new(Cursor::new(zip)).map_err(|e| not_a_zip(&e))?;
    if archive.is_empty() {
        return Err(PackageError::Empty);
    }
    if archive.len() > limits.entries {
        return Err(PackageError::TooManyEntries {
            limit: limits.entries,
            found: archive.len(),
        });
    }
    // The reader keeps one of each name, and so would hide the others from every check below.
    if archive.has_duplicate_names() {
        return Err(PackageError::SameName);
    }
    let entries = list(&mut archive)?;
    if archive.has_overlapping_entries().map_err(|e| not_a_zip(&e))? {
        return Err(PackageError::Overlap);
    }
    check_declared_size(&mut archive, limits)?;
    Ok((archive, entries))
}

fn not_a_zip(cause: &ZipError) -> PackageError {
    PackageError::NotAZip { detail: cause.to_string() }
}

/// The cheap refusal, before anything is unpacked. Headers may lie, so reading counts again.
fn check_declared_size(archive: &mut Reader<'_>, limits: &Limits) -> Result<(), PackageError> {
    let mut declared = 0u64;
    for index in 0..archive.len() {
        let entry = archive.by_index_data(index).map_err(|e| not_a_zip(&e))?;
        declared = declared.saturating_add(entry.size());
    }
    if declared >= limits.unzipped_bytes {
        return Err(PackageError::TooLarge {
            limit: limits.unzipped_bytes,
            found: declared,
        });
    }
    Ok(())
}

fn list(archive: &mut Reader<'_>) -> Result<Vec<Entry>, PackageError> {
    let mut entries = Vec::with_capacity(archive.len());
    for index in 0..archive.len() {
        let entry = entry(archive, index)?;
        // `./` names the root, which is there anyway.
        if !entry.path.is_empty() {
            entries.push(entry);
        }
    }
    entries.sort_by(|a, b| a.path.cmp(&b.path));
    check_tree(&entries)?;
    Ok(entries)
}

fn entry(archive: &mut Reader<'_>, index: usize) -> Result<Entry, PackageError> {
    let header = archive.by_index_data(index).map_err(|e| not_a_zip(&e))?;
    let name = header.name().map_err(|e| not_a_zip(&e))?.into_owned();
    let path = normalise(&name)?;
    if header.encrypted() {
        return Err(PackageError::Encrypted { name });
    }
    let method = header.compression();
    if !matches!(method, CompressionMethod::Stored | CompressionMethod::Deflated) {
        return Err(PackageError::UnknownMethod {
            name,
            method: method.to_string(),
        });
    }
    let unix = unix_mode(header.system(), header.external_attributes());
    let kind = kind(&name, unix)?;
    if path.is_empty() && kind != Kind::Dir {
        return Err(PackageError::BadName {
            name,
            reason: "names the root of the package, which is a folder",
        });
    }
    if kind == Kind::Dir && header.size() > 0 {
        return Err(PackageError::BadName {
            name,
            reason: "is a folder that has contents of its own",
        });
    }
    let mode = unix.map_or(if kind == Kind::Dir { 0o755 } else { 0o644 }, |mode| mode & 0o777);
    Ok(Entry { index, path, kind, mode })
}

/// The mode that Unix tools leave in the upper half of the external attributes; `None` for
/// archives made on systems that have none.
///
/// An archive made on Unix that says 0 means 0, as on Lambda: such a file cannot be read.
fn unix_mode(system: System, external_attributes: u32) -> Option<u32> {
    /// "OS X (Darwin)" in the list of APPNOTE 4.4.2.2.
    const DARWIN: u8 = 19;
    let mode = external_attributes >> 16;
    let is_unix = system == System::Unix || u8::from(system) == DARWIN;
    (is_unix || mode != 0).then_some(mode)
}

fn kind(name: &str, unix: Option<u32>) -> Result<Kind, PackageError> {
    let named_dir = name.ends_with('/') || name.ends_with("/.") || name == ".";
    match unix.unwrap_or(0) & TYPE_MASK {
        TYPE_LINK if !named_dir => Ok(Kind::Link),
        TYPE_DIR => Ok(Kind::Dir),
        0 | TYPE_FILE => Ok(if named_dir { Kind::Dir } else { Kind::File }),
        file_type => Err(PackageError::SpecialFile {
            name: name.to_owned(),
            file_type,
        }),
    }
}

/// One entry to a path, and nothing below what is not a directory. Writing below a link would
/// follow it.
fn check_tree(entries: &[Entry]) -> Result<(), PackageError> {
    let mut kinds: HashMap<&str, Kind> = HashMap::with_capacity(entries.len());
    let duplicate = |entry: &Entry| PackageError::Duplicate { name: entry.path.clone() };
    for entry in entries {
        if kinds.insert(&entry.path, entry.kind).is_some() {
            return Err(duplicate(entry));
        }
    }
    for entry in entries {
        if parents(&entry.path).any(|above| kinds.get(above).is_some_and(|kind| *kind != Kind::Dir)) {
            return Err(duplicate(entry));
        }
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn modes_come_from_unix_alone() {
        assert_eq!(unix_mode(System::Unix, 0o100_600 << 16), Some(0o100_600));
        assert_eq!(unix_mode(System::Unix, 0), Some(0));
        assert_eq!(unix_mode(System::Dos, 0x20), None);
        assert_eq!(unix_mode(System::Dos, 0o100_755 << 16), Some(0o100_755));
    }

    #[test]
    fn kinds_follow_the_type_bits_then_the_name() {
        assert_eq!(kind("a", None).unwrap(), Kind::File);
        assert_eq!(kind("a/", None).unwrap(), Kind::Dir);
        assert_eq!(kind("a", Some(0o600)).unwrap(), Kind::File);
        assert_eq!(kind("a", Some(TYPE_DIR | 0o755)).unwrap(), Kind::Dir);
        assert_eq!(kind("a", Some(TYPE_LINK | 0o777)).unwrap(), Kind::Link);
        for special in [0o010_000, 0o020_000, 0o060_000, 0o140_000] {
            assert!(matches!(kind("a", Some(special)), Err(PackageError::SpecialFile { .. })));
        }
        assert!(kind("a/", Some(TYPE_LINK)).is_err());
    }
}
