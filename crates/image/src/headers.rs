//! The headers of a tar stream, with bounded memory.
//!
//! The `tar` crate reads headers and contents; long names and attributes, which it would read into
//! memory at whatever length they claim, are read here.

use std::io::Read;

use tar::{EntryType, PaxExtensions};

use crate::error::ImageError;

/// Of a long name or of the attributes of one entry.
const EXTENSION_MAX: u64 = 1 << 20;
const PATH_MAX: usize = 4_095;

/// What precedes an entry and belongs to it.
#[derive(Default)]
pub(crate) struct Pending {
    path: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
}

/// One entry: its contents are still to be read.
pub(crate) struct Header {
    pub(crate) path: Vec<u8>,
    pub(crate) link: Vec<u8>,
    pub(crate) kind: EntryType,
    pub(crate) mode: u32,
    /// Unix seconds.
    pub(crate) modified_s: u64,
}

impl Pending {
    /// `None` for an entry that says something of the next one.
    pub(crate) fn take<R: Read>(&mut self, entry: &mut tar::Entry<'_, R>) -> Result<Option<Header>, ImageError> {
        let kind = entry.header().entry_type();
        match kind {
            EntryType::GNULongName => self.path = Some(without_nul(read(entry)?)),
            EntryType::GNULongLink => self.link = Some(without_nul(read(entry)?)),
            EntryType::XHeader => self.attributes(&read(entry)?)?,
            EntryType::XGlobalHeader => drop(read(entry)?),
            _ => return self.header(entry, kind).map(Some),
        }
        Ok(None)
    }

    fn attributes(&mut self, bytes: &[u8]) -> Result<(), ImageError> {
        for attribute in PaxExtensions::new(bytes) {
            let attribute = attribute.map_err(|_| damaged("attributes that cannot be read"))?;
            match attribute.key_bytes() {
                b"path" => self.path = Some(attribute.value_bytes().to_vec()),
                b"linkpath" => self.link = Some(attribute.value_bytes().to_vec()),
                b"size" => return Err(damaged("a file of more than 8 GiB")),
                key if key.starts_with(b"GNU.sparse.") => return Err(damaged("a sparse file")),
                // Owners and extended attributes do not come along, nor do parts of seconds.
                _ => {}
            }
        }
        Ok(())
    }

    fn header<R: Read>(&mut self, entry: &tar::Entry<'_, R>, kind: EntryType) -> Result<Header, ImageError> {
        let header = entry.header();
        let pending = std::mem::take(self);
        let path = pending.path.unwrap_or_else(|| header.path_bytes().into_owned());
        let link = pending.link.or_else(|| header.link_name_bytes().map(|name| name.into_owned()));
        let link = link.unwrap_or_default();
        if path.len() > PATH_MAX || link.len() > PATH_MAX {
            return Err(damaged("a path of more than 4,095 bytes"));
        }
        if path.contains(&0) || link.contains(&0) {
            return Err(damaged("a path with a NUL in it"));
        }
        Ok(Header {
            path,
            link,
            kind,
            modified_s: header.mtime().unwrap_or_default(),
            mode: header.mode().map_err(|_| damaged("a mode that cannot be read"))? & 0o777,
        })
    }
}

fn read<R: Read>(entry: &mut tar::Entry<'_, R>) -> Result<Vec<u8>, ImageError> {
    if entry.size() > EXTENSION_MAX {
        return Err(damaged("a name or attributes of more than a megabyte"));
    }
    let mut bytes = Vec::new();
    entry.take(EXTENSION_MAX).read_to_end(&mut bytes).map_err(|error| crate::layer::stream_error(&error))?;
    Ok(bytes)
}

fn without_nul(mut bytes: Vec<u8>) -> Vec<u8> {
    while bytes.last() == Some(&0) {
        bytes.pop();
    }
    bytes
}

pub(crate) fn damaged(what: &str) -> ImageError {
    ImageError::Invalid(format!("a layer has {what}"))
}
