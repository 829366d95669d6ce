//! Putting a copied process into the place of another one, in another sandbox.
//!
//! The other one keeps what makes it a member of its sandbox: its number, ids, namespaces, cgroups, system call filter,
//! limits and descriptors. Its memory, registers and handling of signals become those of the copy. All of it happens by
//! system calls in its own name, under its own filter, so that nothing can come of it that the copied process could not
//! have done here itself; and from outside, where its memory is written.

use std::fs::File;
use std::ops::Range;

use super::Place;
use super::batch::{self, Batch, Call};
use super::capture::filters;
use super::error::{SnapshotError, Step};
use super::image::{self, Image};
use super::maps::{self, Identity, Kind, MappedFile, Mapping, PAGE, Shown};
use super::process::{self, Descriptor};
use super::tracee::Tracee;
use crate::error::Errno;
use crate::sys::trace::{self, Fate, Registers};

/// For the kernel's own pages on their way.
const PASSING_BYTES: u64 = 1 << 20;
const HOLE_BYTES: u64 = batch::BYTES.next_multiple_of(PASSING_BYTES) + PASSING_BYTES;
/// Programs, heaps, libraries and stacks lie far from most multiples of this.
const HOLE_STEP: u64 = 1 << 40;
const HIGHEST_HOLE: u64 = 1 << 46;

const FIXED: i32 = libc::MAP_FIXED_NOREPLACE;
const READ_WRITE: i32 = libc::PROT_READ | libc::PROT_WRITE;
/// Of `mmap`: memory that the kernel may take away (Linux 6.11).
const MAP_DROPPABLE: i32 = 0x08;
/// Of `rseq`: instead of registering.
const RSEQ_UNREGISTER: u64 = 1;
/// The numbers of the open descriptors stay as they are, so that the next one opened is known.
const MOST_DESCRIPTORS: i32 = 1024;

/// Makes the only process of a sandbox a copy. When this fails before it is done, the process is to be killed.
pub(super) fn restore(place: &Place<'_>, file: &File) -> Result<(), SnapshotError> {
    let (image, memory) = image::read(file)?;
    let pid = process::only_child(place.first)?;

    // 1. From here on it ends with us, unless all goes well.
    let tracee = Tracee::seize(pid, Fate::IsKilled)?;
    let registers = tracee.stop_where_it_waits()?;
    process::check_alone(pid, place.first, place.mount_namespace)?;

    // 2. It was given the same as the other one.
    let descriptors = process::descriptors(pid)?;
    check_same(pid, &image, &descriptors)?;
    let before = Before::look(pid, &image)?;

    // 3. Nothing of its own memory is left but what makes the calls, and the kernel's pages.
    tracee.block_signals()?;
    let hole = hole(&image, &before.shown)?;
    let batch = Batch::map(&tracee, registers, hole.start)?;
    batch.run(&before.clear(&hole)?)?;

    // 4. The mappings of the copy, with the files that are meant.
    batch.run(&before.move_to(&image, &hole))?;
    batch.run(&map_all(&image, &descriptors)?)?;
    check_files(pid, &image)?;

    // 5. Its pages.
    write_pages(pid, &image, memory.bytes())?;
    batch.run(&protect(&image))?;
    set_layout(&batch, &image)?;

    // 6. What the kernel knows of it beside memory.
    let tid = process::inner_pid(pid)?;
    batch.run(&kernel_state(&image, u64::from(tid), &descriptors))?;
    write_tid(pid, &image, tid)?;
    finish(&tracee, &image, &hole)?;

    // 7. It goes on where the other one waited.
    tracee.stop_for_registers()?;
    trace::set_registers(pid, &image.registers).step("set the registers")?;
    trace::set_xstate(pid, &image.xstate).step("set the processor's other registers")?;
    trace::set_signal_mask(pid, image.blocked_signals).step("set the blocked signals")?;
    tracee.detach()
}

fn check_same(pid: i32, image: &Image, descriptors: &[Descriptor]) -> Result<(), SnapshotError> {
    let list = |all: &[Descriptor]| -> Vec<String> {
        let one = |found: &Descriptor| format!("{} {}", found.number, String::from_utf8_lossy(&found.kind));
        all.iter().map(one).collect()
    };
    let (found, expected) = (list(descriptors), list(&image.descriptors));
    if found != expected {
        let (found, expected) = (found.join(", "), expected.join(", "));
        return Err(SnapshotError::refused(format!("its descriptors are {found}, those of the copy {expected}")));
    }
    let (found, expected) = (filters(pid), &image.filters);
    if found != *expected {
        return Err(SnapshotError::refused(format!("it has {found} system call filters, the copy {expected}")));
    }
    Ok(())
}

/// The process that makes room.
struct Before {
    shown: Vec<Shown>,
    special: Vec<(String, Range<u64>)>,
    rseq: Option<trace::Rseq>,
}

impl Before {
    fn look(pid: i32, image: &Image) -> Result<Self, SnapshotError> {
        let shown = maps::look(pid, false)?;
        let special: Vec<_> =
            shown.iter().filter_map(|shown| Some((shown.special()?, shown.start..shown.end))).collect();
        let shapes = |all: &[(String, Range<u64>)]| -> Vec<(String, u64)> {
            all.iter().map(|(name, range)| (name.clone(), range.end - range.start)).collect()
        };
        if shapes(&special) != shapes(&special_of(image)) {
            return Err(SnapshotError::refused("the kernel gave it other pages of its own than the copy"));
        }
        Ok(Self {
            shown,
            special,
            rseq: trace::rseq(pid).step("ask for the restartable sequences")?,
        })
    }

    /// The calls that leave nothing but the hole.
    fn clear(&self, hole: &Range<u64>) -> Result<Vec<Call>, SnapshotError> {
        let mut calls = Vec::new();
        // The kernel writes there at every turn.
        if let Some(rseq) = self.rseq {
            let arguments = [rseq.pointer, u64::from(rseq.size), RSEQ_UNREGISTER, u64::from(rseq.signature)];
            calls.push(Call::new(libc::SYS_rseq, arguments, 0, "end the restartable sequences"));
        }
        for ((_, from), to) in self.special.iter().zip(self.passing(hole)?) {
            calls.push(remap(from, to));
        }
        // Up to the hole and beyond; the last mapping of its own ends below the kernel's.
        let own = || self.shown.iter().filter(|shown| !shown.is_everywhere());
        let first = own().map(|shown| shown.start).min().unwrap_or(hole.start);
        let last = own().map(|shown| shown.end).max().unwrap_or(hole.end);
        for (start, end) in [(first, last.min(hole.start)), (first.max(hole.end), last)] {
            if start < end {
                calls.push(Call::new(libc::SYS_munmap, [start, end - start], 0, "unmap what was there"));
            }
        }
        Ok(calls)
    }

    /// Where the kernel's pages are while room is made: at the end of the hole.
    fn passing(&self, hole: &Range<u64>) -> Result<Vec<u64>, SnapshotError> {
        let mut at = hole.end - PASSING_BYTES;
        let mut places = Vec::new();
        for (_, range) in &self.special {
            places.push(at);
            at += range.end - range.start;
        }
        if at > hole.end {
            return Err(SnapshotError::refused("the kernel's own pages are too many"));
        }
        Ok(places)
    }

    fn move_to(&self, image: &Image, hole: &Range<u64>) -> Vec<Call> {
        let passing = self.passing(hole).unwrap_or_default();
        let lengths = self.special.iter().map(|(_, range)| range.end - range.start);
        let from = passing.into_iter().zip(lengths).map(|(at, length)| at..at + length);
        from.zip(special_of(image)).map(|(from, (_, to))| remap(&from, to.start)).collect()
    }
}

fn special_of(image: &Image) -> Vec<(String, Range<u64>)> {
    let special = |mapping: &Mapping| match &mapping.kind {
        Kind::Special(name) => Some((name.clone(), mapping.start..mapping.end)),
        _ => None,
    };
    image.mappings.iter().filter_map(special).collect()
}

fn remap(from: &Range<u64>, to: u64) -> Call {
    let length = from.end - from.start;
    let flags = (libc::MREMAP_MAYMOVE | libc::MREMAP_FIXED) as u64;
    Call::new(libc::SYS_mremap, [from.start, length, length, flags, to], to, "move the kernel's own pages")
}

/// Addresses that are free before and after.
fn hole(image: &Image, shown: &[Shown]) -> Result<Range<u64>, SnapshotError> {
    let taken = image.mappings.iter().map(|mapping| (mapping.start, mapping.end));
    let taken: Vec<_> = taken.chain(shown.iter().map(|shown| (shown.start, shown.end))).collect();
    let is_free = |at: &u64| taken.iter().all(|(start, end)| at + HOLE_BYTES <= *start || *end <= *at);
    let candidates = (1..HIGHEST_HOLE / HOLE_STEP).map(|index| index * HOLE_STEP);
    let found = candidates.into_iter().find(is_free);
    found.map(|at| at..at + HOLE_BYTES).ok_or_else(|| SnapshotError::refused("no addresses are free in it"))
}

/// The mappings of the copy, for now writable where pages are to be written.
fn map_all(image: &Image, descriptors: &[Descriptor]) -> Result<Vec<Call>, SnapshotError> {
    let is_free = |number: &i32| descriptors.iter().all(|found| found.number != *number);
    let fd = (0..MOST_DESCRIPTORS).find(is_free).ok_or(Errno(libc::EMFILE)).step("find a free descriptor")? as u64;
    let mut calls = Vec::new();
    let mut open: Option<&MappedFile> = None;
    let close = |calls: &mut Vec<Call>| calls.push(Call::new(libc::SYS_close, [fd], 0, "close a mapped file"));
    for mapping in &image.mappings {
        let file = match &mapping.kind {
            Kind::Special(_) => continue,
            Kind::Anonymous | Kind::Droppable => None,
            Kind::File(file) => Some(file),
        };
        if let Some(file) = file
            && open.is_none_or(|open| open.path != file.path)
        {
            if open.is_some() {
                close(&mut calls);
            }
            open = Some(file);
            let flags = (libc::O_RDONLY | libc::O_CLOEXEC | libc::O_NONBLOCK | libc::O_NOCTTY) as u64;
            let arguments = [libc::AT_FDCWD as u64, 0, flags];
            let step = format!("open {}, which the copied process had mapped", file.path.display());
            calls.push(Call::new(libc::SYS_openat, arguments, fd, step).with_data(1, maps::c_path(&file.path)));
        }
        calls.push(map(image, mapping, file.map(|file| (file, fd))));
    }
    if open.is_some() {
        close(&mut calls);
    }
    Ok(calls)
}

fn map(image: &Image, mapping: &Mapping, file: Option<(&MappedFile, u64)>) -> Call {
    let kind = match &mapping.kind {
        Kind::Droppable => MAP_DROPPABLE | libc::MAP_ANONYMOUS,
        Kind::File(file) if file.is_shared => libc::MAP_SHARED,
        Kind::File(_) => libc::MAP_PRIVATE,
        Kind::Anonymous | Kind::Special(_) => libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
    };
    let grows = if mapping.grows_down { libc::MAP_GROWSDOWN | libc::MAP_STACK } else { 0 };
    let reserve = if mapping.no_reserve { libc::MAP_NORESERVE } else { 0 };
    let flags = kind | FIXED | grows | reserve;
    let (fd, offset) = file.map_or((u64::MAX, 0), |(file, fd)| (fd, file.offset));
    let protection = first_protection(image, mapping) as u64;
    let arguments = [mapping.start, mapping.length(), protection, flags as u64, fd, offset];
    let step = match &mapping.kind {
        Kind::File(file) => format!("map {}", file.path.display()),
        _ => "map memory".to_owned(),
    };
    Call::new(libc::SYS_mmap, arguments, mapping.start, step)
}

/// Writable as long as pages are written.
fn first_protection(image: &Image, mapping: &Mapping) -> i32 {
    let index = image.runs.partition_point(|(start, pages)| start + pages * PAGE <= mapping.start);
    let is_written = image.runs.get(index).is_some_and(|(start, _)| *start < mapping.end);
    if is_written && mapping.protection & READ_WRITE != READ_WRITE { READ_WRITE } else { mapping.protection }
}

fn protect(image: &Image) -> Vec<Call> {
    let mut calls = Vec::new();
    for mapping in image.mappings.iter().filter(|mapping| !matches!(mapping.kind, Kind::Special(_))) {
        let (start, length) = (mapping.start, mapping.length());
        if first_protection(image, mapping) != mapping.protection {
            let arguments = [start, length, mapping.protection as u64];
            calls.push(Call::new(libc::SYS_mprotect, arguments, 0, "protect memory"));
        }
        for advice in &mapping.advice {
            calls.push(Call::new(libc::SYS_madvise, [start, length, *advice as u64], 0, "advise on memory"));
        }
    }
    calls
}

/// No other file may stand for one that was mapped: the copy would run another code than it began with.
fn check_files(pid: i32, image: &Image) -> Result<(), SnapshotError> {
    let shown = maps::look(pid, false)?;
    for mapping in &image.mappings {
        let Kind::File(file) = &mapping.kind else { continue };
        // Neighbours may have become one.
        let found = shown.iter().find(|shown| shown.start <= mapping.start && mapping.start < shown.end);
        let found = found.map(|found| (&found.identity, found.offset + (mapping.start - found.start)));
        if found != Some::<(&Identity, u64)>((&file.identity, file.offset)) {
            return Err(changed(&file.path));
        }
    }
    for (path, version) in &image.versions {
        let file = image.mappings.iter().find_map(|mapping| match &mapping.kind {
            Kind::File(file) if file.path == *path => Some(file),
            _ => None,
        });
        if file.is_none_or(|file| process::version(pid, file).as_ref() != Ok(version)) {
            return Err(changed(path));
        }
    }
    Ok(())
}

fn changed(path: &std::path::Path) -> SnapshotError {
    SnapshotError::FileChanged {
        path: path.display().to_string(),
    }
}

fn write_pages(pid: i32, image: &Image, pages: &[u8]) -> Result<(), SnapshotError> {
    /// The kernel moves less than 2 GiB in one call.
    const MOST_PAGES: u64 = 1 << 18;
    let mut rest = pages;
    let mut places = Vec::new();
    let mut bytes = 0;
    let mut flush = |places: &mut Vec<(u64, u64)>, bytes: &mut usize| {
        let (now, later) = rest.split_at(*bytes);
        rest = later;
        *bytes = 0;
        trace::write_memory(pid, now, &std::mem::take(places)).step("write pages (is the memory limit large enough?)")
    };
    for (start, pages) in &image.runs {
        let mut done = 0;
        while done < *pages {
            let now = (*pages - done).min(MOST_PAGES);
            let length = now * PAGE;
            if places.len() == trace::MOST_PLACES || bytes as u64 + length > MOST_PAGES * PAGE {
                flush(&mut places, &mut bytes)?;
            }
            places.push((start + done * PAGE, length));
            bytes += length as usize;
            done += now;
        }
    }
    if places.is_empty() { Ok(()) } else { flush(&mut places, &mut bytes) }
}

/// Tells the kernel where heap, stack, arguments and environment lie. A heap that does not end where the C library
/// believes it to would corrupt memory when that makes it grow or shrink.
///
/// This is the one call that the filter of sandboxes has not. An ordinary process may make it for itself; it cannot
/// change which program it is said to run.
fn set_layout(batch: &Batch<'_>, image: &Image) -> Result<(), SnapshotError> {
    const MAP: u64 = libc::PR_SET_MM_MAP as u64;
    // No other auxiliary vector, no other program.
    let words: Vec<u64> = image.layout.into_iter().chain([0, u64::from(u32::MAX) << 32]).collect();
    let map = bytes_of(&words);
    let arguments = [libc::PR_SET_MM as u64, MAP, 0, map.len() as u64, 0];
    batch.run_unfiltered(libc::SYS_prctl, arguments, (2, &map), "say where heap and stack lie")
}

fn kernel_state(image: &Image, tid: u64, descriptors: &[Descriptor]) -> Vec<Call> {
    let mut calls = Vec::new();
    for (signal, action) in (1..).zip(&image.actions).filter(|(signal, _)| has_action(*signal)) {
        calls.push(set_action(signal, action));
    }
    let stack = image.alternate_stack;
    let set_stack = Call::new(libc::SYS_sigaltstack, [0, 0], 0, "set the stack of signal handlers");
    calls.push(set_stack.with_data(0, bytes_of(&stack)));
    let directory = &image.working_directory;
    let enter = Call::new(libc::SYS_chdir, [0], 0, format!("enter {}", directory.display()));
    calls.push(enter.with_data(0, maps::c_path(directory)));
    let name = [image.name.as_slice(), &[0]].concat();
    let set_name = Call::new(libc::SYS_prctl, [libc::PR_SET_NAME as u64, 0, 0, 0, 0], 0, "set the name");
    calls.push(set_name.with_data(1, name));
    for (was, is) in image.descriptors.iter().zip(descriptors).filter(|(was, is)| was.flags != is.flags) {
        calls.extend(set_flags(was, is));
    }
    if image.robust_list.0 != 0 {
        let (head, length) = image.robust_list;
        calls.push(Call::new(libc::SYS_set_robust_list, [head, length], 0, "set the list of locks"));
    }
    let at = image.tid_address;
    calls.push(Call::new(libc::SYS_set_tid_address, [at], tid, "say where the thread's number stands"));
    if let Some(rseq) = image.rseq {
        let arguments = [rseq.pointer, u64::from(rseq.size), 0, u64::from(rseq.signature)];
        calls.push(Call::new(libc::SYS_rseq, arguments, 0, "begin the restartable sequences"));
    }
    calls
}

/// Close-on-exec and what `fcntl` may change. The descriptor itself is the sandbox's own.
fn set_flags(was: &Descriptor, is: &Descriptor) -> Vec<Call> {
    const CHANGEABLE: u32 = (libc::O_NONBLOCK | libc::O_APPEND) as u32;
    let on_exec = if was.flags & libc::O_CLOEXEC as u32 != 0 { libc::FD_CLOEXEC as u64 } else { 0 };
    let number = was.number as u64;
    let step = format!("set the flags of descriptor {number}");
    let mut calls = vec![Call::new(libc::SYS_fcntl, [number, libc::F_SETFD as u64, on_exec], 0, step.clone())];
    if (was.flags ^ is.flags) & CHANGEABLE != 0 {
        let flags = u64::from(is.flags & !CHANGEABLE | was.flags & CHANGEABLE);
        calls.push(Call::new(libc::SYS_fcntl, [number, libc::F_SETFL as u64, flags], 0, step));
    }
    calls
}

fn has_action(signal: u64) -> bool {
    signal != libc::SIGKILL as u64 && signal != libc::SIGSTOP as u64
}

fn set_action(signal: u64, action: &image::Action) -> Call {
    let step = format!("set the action on signal {signal}");
    Call::new(libc::SYS_rt_sigaction, [signal, 0, 0, 8], 0, step).with_data(1, bytes_of(action))
}

fn bytes_of(words: &[u64]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_ne_bytes()).collect()
}

/// Its own number in its own memory, where the C library keeps it.
fn write_tid(pid: i32, image: &Image, tid: u32) -> Result<(), SnapshotError> {
    const STEP: &str = "tell the copy its number";
    let mut stored = [0; 4];
    if image.tid_address == 0 || trace::read_memory(pid, image.tid_address, &mut stored).is_err() {
        return Ok(());
    }
    // One that keeps something else there is none that we know.
    if u32::from_ne_bytes(stored) != image.tid {
        return Ok(());
    }
    trace::write_memory(pid, &tid.to_ne_bytes(), &[(image.tid_address, 4)]).step(STEP)
}

/// The last calls, with code of the copy's own: the batch goes.
fn finish(tracee: &Tracee, image: &Image, hole: &Range<u64>) -> Result<(), SnapshotError> {
    let base: &Registers = &image.registers;
    tracee.call(base, libc::SYS_umask, [u64::from(image.umask)], "set the mask of new files")?;
    // The batch ended at a breakpoint. Had the copy's action on that been in force, the kernel could have reset it.
    let trap = libc::SIGTRAP as u64;
    if let Some(action) = image.actions.get(libc::SIGTRAP as usize - 1) {
        let data = hole.start + PAGE;
        let bytes = bytes_of(action);
        trace::write_memory(tracee.pid, &bytes, &[(data, bytes.len() as u64)]).step("set the action on breakpoints")?;
        tracee.call(base, libc::SYS_rt_sigaction, [trap, data, 0, 8], "set the action on breakpoints")?;
    }
    tracee.call(base, libc::SYS_munmap, [hole.start, batch::BYTES], "unmap the code for calls")?;
    Ok(())
}
