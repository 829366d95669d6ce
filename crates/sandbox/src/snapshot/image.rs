//! What a snapshot holds, and its form in memory.
//!
//! One sealed memory file: the pages, then everything else, then the length of everything else in eight bytes.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::PathBuf;

use rustix::fs::SealFlags;
use serde::{Deserialize, Serialize};

use super::error::{SnapshotError, Step};
use super::maps::{Mapping, PAGE};
use super::process::{Descriptor, Version};
use crate::error::Errno;
use crate::sys::trace::{Registers, Rseq, Sealed};

/// The kernel's `struct sigaction`: handler, flags, restorer, mask.
pub(super) type Action = [u64; 4];

/// Everything of a process but its pages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Image {
    pub(super) registers: Registers,
    pub(super) xstate: Vec<u8>,
    pub(super) blocked_signals: u64,
    /// Of the signals from 1 on; nothing for the two that have none.
    pub(super) actions: Vec<Action>,
    /// The kernel's `stack_t`.
    pub(super) alternate_stack: [u64; 3],
    /// See [`super::process::layout`], with the end of the heap.
    pub(super) layout: [u64; 11],
    pub(super) rseq: Option<Rseq>,
    pub(super) robust_list: (u64, u64),
    /// Where the thread's number is to be cleared when it ends, and stands until then.
    pub(super) tid_address: u64,
    pub(super) tid: u32,
    pub(super) name: Vec<u8>,
    pub(super) working_directory: PathBuf,
    pub(super) umask: u32,
    /// How many system call filters it is under.
    pub(super) filters: String,
    pub(super) descriptors: Vec<Descriptor>,
    pub(super) mappings: Vec<Mapping>,
    /// Of the mapped files, each once.
    pub(super) versions: Vec<(PathBuf, Version)>,
    /// (address, number of pages), in the order in which the pages are stored.
    pub(super) runs: Vec<(u64, u64)>,
}

impl Image {
    /// The mapping that an address lies in.
    pub(super) fn mapping_at(&self, address: u64) -> Option<&Mapping> {
        let index = self.mappings.partition_point(|mapping| mapping.end <= address);
        self.mappings.get(index).filter(|mapping| mapping.start <= address)
    }
}

/// Takes the pages one after the other, then the rest.
pub(super) struct Writer<'a> {
    out: BufWriter<&'a File>,
    bytes: u64,
    most: u64,
}

impl<'a> Writer<'a> {
    pub(super) fn new(file: &'a File, most: u64) -> Self {
        Self {
            out: BufWriter::with_capacity(1 << 20, file),
            bytes: 0,
            most,
        }
    }

    /// # Errors
    /// When the whole gets larger than allowed.
    pub(super) fn add(&mut self, pages: &[u8]) -> Result<(), SnapshotError> {
        self.bytes += pages.len() as u64;
        if self.bytes > self.most {
            let most = self.most;
            return Err(SnapshotError::refused(format!(
                "it has more memory than the {most} bytes of its sandbox's limit"
            )));
        }
        self.out.write_all(pages).step("store pages")
    }

    /// Writes the rest and forbids every change.
    pub(super) fn finish(mut self, image: &Image) -> Result<(), SnapshotError> {
        const STEP: &str = "store the snapshot";
        let rest = postcard::to_stdvec(image).map_err(|_| Errno(libc::EINVAL)).step(STEP)?;
        self.out.write_all(&rest).step(STEP)?;
        self.out.write_all(&(rest.len() as u64).to_le_bytes()).step(STEP)?;
        let file = self.out.into_inner().map_err(|error| Errno::from(error.into_error())).step(STEP)?;
        let all = SealFlags::SEAL | SealFlags::SHRINK | SealFlags::GROW | SealFlags::WRITE;
        rustix::fs::fcntl_add_seals(file, all).step(STEP)
    }
}

/// Reads what a [`Writer`] wrote: the image, and the file with its pages at the start.
pub(super) fn read(file: &File) -> Result<(Image, Sealed), SnapshotError> {
    let damaged = |what: &str| SnapshotError::Damaged(what.to_owned());
    let memory = Sealed::map(file).step("map the snapshot")?;
    let (rest, length) = memory.bytes().split_last_chunk::<8>().ok_or_else(|| damaged("too few bytes"))?;
    let length = u64::from_le_bytes(*length);
    let at = (rest.len() as u64).checked_sub(length).ok_or_else(|| damaged("a length that is too large"))?;
    let image: Image = postcard::from_bytes(&rest[at as usize..]).map_err(|error| damaged(&error.to_string()))?;
    let pages: u64 = image.runs.iter().map(|(_, pages)| pages).sum();
    if pages * PAGE != at {
        return Err(damaged("other pages than it lists"));
    }
    Ok((image, memory))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::MemfdFlags;

    fn memory() -> File {
        rustix::fs::memfd_create("test", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING).unwrap().into()
    }

    #[track_caller]
    fn check_damaged(bytes: &[u8], expected: &str) {
        let mut file = memory();
        file.write_all(bytes).unwrap();
        rustix::fs::fcntl_add_seals(&file, SealFlags::SHRINK | SealFlags::WRITE).unwrap();
        let error = read(&file).unwrap_err();
        assert!(matches!(&error, SnapshotError::Damaged(what) if what.contains(expected)), "{error}");
    }

    #[test]
    fn what_is_no_snapshot_is_told() {
        check_damaged(&[1, 2, 3], "too few bytes");
        check_damaged(&[0xff; 64], "a length that is too large");
        check_damaged(&0u64.to_le_bytes(), "");
    }

    #[test]
    fn one_that_could_still_change_is_not_read() {
        let mut file = memory();
        file.write_all(&[0; 64]).unwrap();
        assert!(matches!(read(&file), Err(SnapshotError::Step { .. })));
    }

    #[test]
    fn more_memory_than_allowed_is_refused() {
        let file = memory();
        let mut writer = Writer::new(&file, PAGE);
        writer.add(&[0; PAGE as usize]).unwrap();
        let error = writer.add(&[0; PAGE as usize]).unwrap_err();
        assert!(
            matches!(&error, SnapshotError::Refused(why) if why.contains("more memory than the 4096 bytes")),
            "{error}"
        );
    }
}
