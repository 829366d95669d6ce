//! Taking a snapshot: what is read of a process, and when it is refused.

use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::fs::FileExt;

use super::Source;
use super::error::{SnapshotError, Step};
use super::image::{Action, Image, Writer};
use super::maps::{self, Kind, Mapping, PAGE, Shown};
use super::process;
use super::tracee::Tracee;
use crate::sys::{
    self,
    trace::{self, Fate, Registers},
};

const SIGNALS: u64 = 64;
/// Of `stack_t`: the process is on it now.
const ON_STACK: u64 = 1;

/// Copies the process into `file`, and lets it go on as before, whatever comes of it.
pub(super) fn capture(source: &Source<'_>, file: &File) -> Result<(), SnapshotError> {
    let pid = process::only_child(source.first)?;
    let tracee = Tracee::seize(pid, Fate::GoesOn)?;
    let copied = copy(source, &tracee, file);
    // Gone when it has ended; that is told by the copy.
    let detached = tracee.detach();
    copied.and(detached)
}

fn copy(source: &Source<'_>, tracee: &Tracee, file: &File) -> Result<(), SnapshotError> {
    let pid = tracee.pid;
    // 1. It waits, alone, with what it was given.
    let registers = tracee.stop_where_it_waits()?;
    process::check_alone(pid, source.first, source.mount_namespace)?;
    check_descriptors(source, pid)?;
    check_state(pid)?;

    // 2. Its memory is of kinds that can be made again.
    let mappings = look_at_mappings(pid)?;
    process::check_tmp_is_empty(pid)?;

    // 3. What only the process itself can ask for.
    let inner = ask(tracee, &registers)?;
    if inner.timers {
        return Err(SnapshotError::refused("a timer of it runs, expected none"));
    }
    if inner.alternate_stack[1] & ON_STACK != 0 {
        return Err(SnapshotError::refused("it waits in a signal handler with a stack of its own"));
    }

    // 4. The rest is seen from outside.
    let mut image = Image {
        registers,
        xstate: trace::xstate(pid).step("read the registers")?,
        blocked_signals: trace::signal_mask(pid).step("read the blocked signals")?,
        actions: inner.actions,
        alternate_stack: inner.alternate_stack,
        layout: layout(pid, inner.heap_end)?,
        rseq: trace::rseq(pid).step("ask for the restartable sequences")?,
        robust_list: trace::robust_list(pid).step("ask for the list of locks")?,
        tid_address: inner.tid_address,
        tid: process::inner_pid(pid)?,
        name: process::name(pid)?,
        working_directory: process::working_directory(pid)?,
        umask: u32::from_str_radix(&process::status(pid, "Umask")?, 8).unwrap_or(0o022),
        filters: filters(pid),
        descriptors: process::descriptors(pid)?,
        mappings: mappings.iter().map(|(_, mapping)| mapping.clone()).collect(),
        versions: versions(pid, &mappings)?,
        runs: Vec::new(),
    };

    // 5. The pages.
    let mut writer = Writer::new(file, source.most_bytes);
    for run in maps::own_pages(pid, &mappings)? {
        copy_run(pid, &mut image, run, &mut writer)?;
    }
    writer.finish(&image)
}

fn layout(pid: i32, heap_end: u64) -> Result<[u64; 11], SnapshotError> {
    const HEAP_END: usize = 5;
    let mut layout = process::layout(pid)?;
    layout[HEAP_END] = heap_end;
    Ok(layout)
}

pub(super) fn filters(pid: i32) -> String {
    // Linux 5.10; before that nobody can tell.
    process::status(pid, "Seccomp_filters").unwrap_or_default()
}

fn check_descriptors(source: &Source<'_>, pid: i32) -> Result<(), SnapshotError> {
    let mut expected: Vec<i32> = [0, 1, 2].iter().chain(source.descriptors).copied().collect();
    expected.sort_unstable();
    expected.dedup();
    let found = process::descriptors(pid)?;
    if let Some(extra) = found.iter().find(|found| !expected.contains(&found.number)) {
        let kind = String::from_utf8_lossy(&extra.kind).into_owned();
        return Err(SnapshotError::refused(format!("it has opened descriptor {} ({kind})", extra.number)));
    }
    match expected.iter().find(|number| !found.iter().any(|found| found.number == **number)) {
        Some(closed) => Err(SnapshotError::refused(format!("it has closed descriptor {closed}"))),
        None => Ok(()),
    }
}

fn check_state(pid: i32) -> Result<(), SnapshotError> {
    if process::has_timers(pid) {
        return Err(SnapshotError::refused("a timer of it runs, expected none"));
    }
    for pending in ["SigPnd", "ShdPnd"] {
        if process::status(pid, pending)?.bytes().any(|digit| digit != b'0') {
            return Err(SnapshotError::refused("a signal to it is pending, expected none"));
        }
    }
    let directory = process::working_directory(pid)?;
    let text = directory.to_string_lossy();
    if !directory.is_absolute() || text.starts_with("/tmp/") || text.ends_with(" (deleted)") {
        return Err(SnapshotError::refused(format!("its working directory is {text}, which a copy would not have")));
    }
    Ok(())
}

fn look_at_mappings(pid: i32) -> Result<Vec<(Shown, Mapping)>, SnapshotError> {
    let shown = maps::look(pid, true)?;
    shown
        .into_iter()
        .filter(|shown| !shown.is_everywhere())
        .map(|shown| shown.copyable().map(|mapping| (shown, mapping)))
        .collect()
}

fn versions(
    pid: i32,
    mappings: &[(Shown, Mapping)],
) -> Result<Vec<(std::path::PathBuf, process::Version)>, SnapshotError> {
    let mut all = BTreeMap::new();
    for (_, mapping) in mappings {
        if let Kind::File(file) = &mapping.kind
            && !all.contains_key(&file.path)
        {
            all.insert(file.path.clone(), process::version(pid, file)?);
        }
    }
    Ok(all.into_iter().collect())
}

/// What only calls in the process's own name tell.
struct Inner {
    actions: Vec<Action>,
    alternate_stack: [u64; 3],
    tid_address: u64,
    heap_end: u64,
    timers: bool,
}

/// Makes calls in its name, and puts it back to where it was. If we end meanwhile it must not go on from in between.
fn ask(tracee: &Tracee, registers: &Registers) -> Result<Inner, SnapshotError> {
    let pid = tracee.pid;
    trace::set_fate(pid, Fate::IsKilled).step("tie the process to the one that copies")?;
    let blocked = tracee.block_signals()?;
    let asked = ask_in_page(tracee, registers);
    if let Err(error) = put_back(tracee, registers, blocked) {
        // It must not go on from in between.
        let _ = sys::kill(pid, libc::SIGKILL);
        return Err(error);
    }
    asked
}

fn put_back(tracee: &Tracee, registers: &Registers, blocked: u64) -> Result<(), SnapshotError> {
    let pid = tracee.pid;
    tracee.stop_for_registers()?;
    trace::set_registers(pid, registers).step("put the registers back")?;
    trace::set_signal_mask(pid, blocked).step("put the blocked signals back")?;
    trace::set_fate(pid, Fate::GoesOn).step("untie the process")
}

/// With a page of memory for the answers, which it has only meanwhile.
fn ask_in_page(tracee: &Tracee, registers: &Registers) -> Result<Inner, SnapshotError> {
    let (protection, flags) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
    let arguments = [0, PAGE, protection as u64, flags as u64, u64::MAX, 0];
    let page = tracee.call(registers, libc::SYS_mmap, arguments, "map a page for answers")?;
    let asked = ask_all(tracee, registers, page);
    tracee.call(registers, libc::SYS_munmap, [page, PAGE], "unmap the page for answers")?;
    asked
}

fn ask_all(tracee: &Tracee, registers: &Registers, page: u64) -> Result<Inner, SnapshotError> {
    let mut actions = Vec::new();
    for signal in 1..=SIGNALS {
        let step = format!("ask for the action on signal {signal}");
        tracee.call(registers, libc::SYS_rt_sigaction, [signal, 0, page, 8], &step)?;
        actions.push(answer(tracee, page)?);
    }
    let mut timers = false;
    for which in [libc::ITIMER_REAL, libc::ITIMER_VIRTUAL, libc::ITIMER_PROF] {
        tracee.call(registers, libc::SYS_getitimer, [which as u64, page], "ask for timers")?;
        // The time that remains; the interval means nothing without it.
        timers |= answer::<4>(tracee, page)?[2..] != [0, 0];
    }
    tracee.call(registers, libc::SYS_sigaltstack, [0, page], "ask for the stack of signal handlers")?;
    let mut alternate_stack: [u64; 3] = answer(tracee, page)?;
    // An integer with padding behind it.
    alternate_stack[1] &= u64::from(u32::MAX);
    let arguments = [libc::PR_GET_TID_ADDRESS as u64, page, 0, 0, 0];
    tracee.call(registers, libc::SYS_prctl, arguments, "ask where the thread's number stands")?;
    let [tid_address] = answer(tracee, page)?;
    // An impossible end changes nothing and tells the one there is.
    let heap_end = tracee.call(registers, libc::SYS_brk, [0], "ask where the heap ends")?;
    Ok(Inner {
        actions,
        alternate_stack,
        tid_address,
        heap_end,
        timers,
    })
}

fn answer<const N: usize>(tracee: &Tracee, page: u64) -> Result<[u64; N], SnapshotError> {
    let mut bytes = vec![0; N * 8];
    trace::read_memory(tracee.pid, page, &mut bytes).step("read an answer")?;
    let mut words = [0; N];
    for (word, bytes) in words.iter_mut().zip(bytes.as_chunks::<8>().0) {
        *word = u64::from_ne_bytes(*bytes);
    }
    Ok(words)
}

/// Copies pages in a row; of memory that begins empty only those that are not.
fn copy_run(
    pid: i32,
    image: &mut Image,
    (start, pages): (u64, u64),
    writer: &mut Writer<'_>,
) -> Result<(), SnapshotError> {
    const AT_ONCE: u64 = 256;
    let memory = File::open(format!("/proc/{pid}/mem")).step("open the memory")?;
    let mut buffer = vec![0; (AT_ONCE.min(pages) * PAGE) as usize];
    let mut done = 0;
    while done < pages {
        let count = AT_ONCE.min(pages - done);
        let address = start + done * PAGE;
        let bytes = &mut buffer[..(count * PAGE) as usize];
        memory.read_exact_at(bytes, address).step("read pages")?;
        for (index, page) in bytes.chunks_exact(PAGE as usize).enumerate() {
            let address = address + index as u64 * PAGE;
            let begins_empty = image.mapping_at(address).is_some_and(|mapping| mapping.kind == Kind::Anonymous);
            if !(begins_empty && page.iter().all(|byte| *byte == 0)) {
                writer.add(page)?;
                maps::add_page(&mut image.runs, address);
            }
        }
        done += count;
    }
    Ok(())
}
