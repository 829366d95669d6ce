//! One layer put over those before it.
//!
//! Source: "Image Layer Filesystem Changeset", OCI image specification: whiteouts take away what
//! lower layers have, never what their own layer brings, in whatever order they stand.

use std::collections::HashSet;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, BufReader, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use sha2::{Digest, Sha256};
use tar::{Archive, EntryType};

use crate::blob;
use crate::error::ImageError;
use crate::headers::{Header, Pending, damaged};
use crate::manifest::Compression;
use crate::tree::{Place, Tree};

const PIECE: usize = 128 << 10;
const WHITEOUT: &[u8] = b".wh.";
const OPAQUE: &[u8] = b".wh..wh..opq";
/// Bookkeeping of an old file system.
const BOOKKEEPING: &[u8] = b".wh..wh.";

/// What is made for every process: what an image has there is never seen.
const NOT_THE_IMAGES: [&str; 3] = ["dev", "proc", "sys"];

/// What may still come out of layers.
pub(crate) struct Budget {
    bytes: u64,
    bytes_max: u64,
    entries: u64,
    entries_max: u64,
}

impl Budget {
    pub(crate) fn new(bytes_max: u64, entries_max: u64) -> Self {
        Self {
            bytes: bytes_max,
            bytes_max,
            entries: entries_max,
            entries_max,
        }
    }

    pub(crate) fn check_packed(&self, bytes: u64) -> Result<(), ImageError> {
        if bytes > self.bytes { Err(self.too_many_bytes()) } else { Ok(()) }
    }

    fn too_many_bytes(&self) -> ImageError {
        ImageError::TooLarge {
            limit: self.bytes_max,
            what: "bytes",
        }
    }

    fn entry(&mut self) -> Result<(), ImageError> {
        self.entries = self.entries.checked_sub(1).ok_or(ImageError::TooLarge {
            limit: self.entries_max,
            what: "entries",
        })?;
        Ok(())
    }
}

/// The layer as it is when it is not compressed: hashed, counted, and stopped.
struct Stream<'s> {
    inner: Box<dyn Read + 's>,
    hash: Sha256,
    left: u64,
    bytes_max: u64,
    stopping: &'s dyn Fn() -> bool,
    /// Why it ended early: the readers in between know only of I/O, and their words may be the layer's.
    ended: Option<ImageError>,
}

impl Stream<'_> {
    fn end(&mut self, error: ImageError) -> io::Error {
        let text = error.to_string();
        self.ended = Some(error);
        io::Error::other(text)
    }
}

impl Read for Stream<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if (self.stopping)() {
            return Err(self.end(ImageError::Stopping));
        }
        let count = self.inner.read(buffer)?;
        self.hash.update(&buffer[..count]);
        match self.left.checked_sub(count as u64) {
            Some(left) => self.left = left,
            None => {
                let limit = self.bytes_max;
                return Err(self.end(ImageError::TooLarge { limit, what: "bytes" }));
            }
        }
        Ok(count)
    }
}

pub(crate) fn stream_error(error: &io::Error) -> ImageError {
    damaged(&format!("a defect: {error}"))
}

/// Puts a layer over the tree. `diff_id` is the hash of what is in `file` when unpacked.
pub(crate) fn apply(
    tree: &Tree,
    file: File,
    compression: Compression,
    diff_id: &str,
    budget: &mut Budget,
    stopping: &dyn Fn() -> bool,
) -> Result<(), ImageError> {
    let file = BufReader::with_capacity(PIECE, file);
    let inner: Box<dyn Read> = match compression {
        Compression::None => Box::new(file),
        // Several members, one after the other, as parallel compressors write them.
        Compression::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(file)),
        Compression::Zstd => {
            let frames = ruzstd::decoding::StreamingDecoder::new(file);
            Box::new(frames.map_err(|error| damaged(&format!("a defect: {error}")))?)
        }
    };
    let mut stream = Stream {
        inner,
        hash: Sha256::new(),
        left: budget.bytes,
        bytes_max: budget.bytes_max,
        stopping,
        ended: None,
    };
    let done = unpack(tree, &mut stream, budget).and_then(|()| drain(&mut stream));
    budget.bytes = stream.left;
    done.map_err(|error| stream.ended.take().unwrap_or(error))?;
    blob::same(&hex::encode(stream.hash.finalize()), diff_id)
}

/// What is behind the end of the archive belongs to the hash.
fn drain(stream: &mut Stream<'_>) -> Result<(), ImageError> {
    io::copy(stream, &mut io::sink()).map(drop).map_err(|error| stream_error(&error))
}

fn unpack(tree: &Tree, stream: &mut Stream<'_>, budget: &mut Budget) -> Result<(), ImageError> {
    let mut archive = Archive::new(stream);
    let entries = archive.entries().map_err(|error| stream_error(&error))?.raw(true);
    let (mut pending, mut layer) = (Pending::default(), Layer { tree, made: HashSet::new() });
    for entry in entries {
        budget.entry()?;
        let mut entry = entry.map_err(|error| stream_error(&error))?;
        if let Some(header) = pending.take(&mut entry)? {
            layer.put(&header, &mut entry)?;
        }
    }
    Ok(())
}

struct Layer<'t> {
    tree: &'t Tree,
    /// What this layer brought: its whiteouts are not meant for it.
    made: HashSet<PathBuf>,
}

impl Layer<'_> {
    fn put(&mut self, header: &Header, contents: &mut dyn Read) -> Result<(), ImageError> {
        let Some(place) = place(&header.path)? else {
            // The root itself.
            return Ok(());
        };
        let path = place.path();
        if NOT_THE_IMAGES.iter().any(|ours| path.starts_with(ours)) {
            return Ok(());
        }
        let name = place.name.as_bytes();
        if name == OPAQUE {
            return self.clear(&place.folder);
        }
        if name.starts_with(BOOKKEEPING) {
            return Ok(());
        }
        if let Some(doomed) = name.strip_prefix(WHITEOUT) {
            return self.white_out(&place.folder, OsStr::from_bytes(doomed));
        }
        match header.kind {
            EntryType::Directory => self.tree.make_folder(&place, header.mode)?,
            EntryType::Regular | EntryType::Continuous => self.write(&place, header, contents)?,
            EntryType::Symlink if header.link.is_empty() => return Err(damaged("a link that leads nowhere")),
            EntryType::Symlink => self.tree.make_link(&place, OsStr::from_bytes(&header.link))?,
            EntryType::Link => {
                let to = self::place(&header.link)?.ok_or_else(|| damaged("a hard link to its root"))?;
                self.tree.make_hard_link(&place, &to)?;
            }
            EntryType::Char | EntryType::Block => return Err(damaged(&format!("a device node, {path:?}"))),
            EntryType::Fifo => return Err(damaged(&format!("a pipe, {path:?}"))),
            EntryType::GNUSparse => return Err(damaged(&format!("a sparse file, {path:?}"))),
            other => {
                return Err(damaged(&format!("an entry of the unknown type {:?}, {path:?}", other.as_byte() as char)));
            }
        }
        self.note(path);
        Ok(())
    }

    /// With the folders above, which may be there for this alone.
    fn note(&mut self, path: PathBuf) {
        let mut above = path.parent();
        while let Some(folder) = above.filter(|folder| !folder.as_os_str().is_empty()) {
            if !self.made.insert(folder.to_owned()) {
                break;
            }
            above = folder.parent();
        }
        self.made.insert(path);
    }

    fn write(&self, place: &Place, header: &Header, contents: &mut dyn Read) -> Result<(), ImageError> {
        let mut file = self.tree.make_file(place, header.mode)?;
        let mut piece = vec![0; PIECE];
        loop {
            let count = contents.read(&mut piece).map_err(|error| stream_error(&error))?;
            if count == 0 {
                // Interpreters compare it with that of what they compiled.
                set_modified(&file, header.modified_s);
                return Ok(());
            }
            let written = file.write_all(&piece[..count]);
            written.map_err(|error| ImageError::io(format!("unpack {:?}", place.path()), error))?;
        }
    }

    fn white_out(&self, folder: &Path, name: &OsStr) -> Result<(), ImageError> {
        let place = part(folder, name)?;
        let path = place.path();
        if !self.made.contains(&path) {
            return self.tree.remove(&place);
        }
        // A folder that this layer made anew keeps what this layer put into it.
        self.clear(&path)
    }

    /// Takes away what lower layers have in a folder.
    fn clear(&self, folder: &Path) -> Result<(), ImageError> {
        let mut ahead = vec![folder.to_owned()];
        while let Some(folder) = ahead.pop() {
            for name in self.tree.names(&folder)? {
                let place = Place { folder: folder.clone(), name };
                let path = place.path();
                if !self.made.contains(&path) {
                    self.tree.remove(&place)?;
                } else if self.tree.kind(&place).is_some_and(|kind| kind.is_dir()) {
                    ahead.push(path);
                }
            }
        }
        Ok(())
    }
}

/// One that the file system does not take is none.
fn set_modified(file: &File, seconds: u64) {
    let time = UNIX_EPOCH.checked_add(Duration::from_secs(seconds));
    let _ = time.map(|time| file.set_modified(time));
}

/// Where an entry goes; `None` for the root.
fn place(path: &[u8]) -> Result<Option<Place>, ImageError> {
    let mut parts: Vec<OsString> = Vec::new();
    for part in path.split(|byte| *byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." => return Err(damaged(&format!("a path with .. in it, {:?}", OsStr::from_bytes(path)))),
            part => parts.push(OsStr::from_bytes(part).to_owned()),
        }
    }
    let Some(name) = parts.pop() else { return Ok(None) };
    Ok(Some(Place {
        folder: parts.iter().collect(),
        name,
    }))
}

/// What a whiteout names: one name in its folder, and never the folder or what is above it.
fn part(folder: &Path, name: &OsStr) -> Result<Place, ImageError> {
    if name.is_empty() || name == "." || name == ".." {
        return Err(damaged(&format!("a whiteout of {name:?}")));
    }
    Ok(Place {
        folder: folder.to_owned(),
        name: name.to_owned(),
    })
}
