//! The mappings of a process: what the kernel says of them, and which can be made again elsewhere.

use std::ffi::OsString;
use std::fs::File;
use std::io::Read;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::error::{SnapshotError, Step};

pub(super) const PAGE: u64 = 4096;
/// A process may have 65530, and each takes a kilobyte of text; interpreters have a few hundred.
const MOST_MAPPINGS: usize = 10_000;
const MOST_TEXT: u64 = 32 << 20;
/// Of mappings that have pages of their own, touched or not: each page has to be asked about.
const MOST_BYTES_TO_LOOK_AT: u64 = 64 << 30;

/// A mapping that is to be made again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Mapping {
    pub(super) start: u64,
    pub(super) end: u64,
    /// `PROT_*`.
    pub(super) protection: i32,
    pub(super) kind: Kind,
    pub(super) grows_down: bool,
    pub(super) no_reserve: bool,
    /// `MADV_*`.
    pub(super) advice: Vec<i32>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Kind {
    Anonymous,
    /// The kernel may take its pages away: they come back empty.
    Droppable,
    File(MappedFile),
    /// Of the kernel's own, such as `[vdso]`.
    Special(String),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct MappedFile {
    /// As seen in the sandbox.
    pub(super) path: PathBuf,
    pub(super) offset: u64,
    pub(super) identity: Identity,
    /// Of a file that can only be read: changes by others would be seen.
    pub(super) is_shared: bool,
}

/// What the kernel calls a mapped file: major and minor number, inode.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Identity(pub(super) String, pub(super) u64);

/// A mapping as the kernel shows it.
#[derive(Debug, Clone)]
pub(super) struct Shown {
    pub(super) start: u64,
    pub(super) end: u64,
    permissions: String,
    pub(super) offset: u64,
    pub(super) identity: Identity,
    name: Vec<u8>,
    /// Kilobytes that are the process's own, in memory or swapped out.
    own_kib: u64,
    flags: Vec<String>,
}

impl Mapping {
    pub(super) fn length(&self) -> u64 {
        self.end - self.start
    }

    /// Whether its own pages are part of a copy.
    pub(super) fn has_content(&self) -> bool {
        const WIPE_ON_FORK: i32 = libc::MADV_WIPEONFORK;
        matches!(self.kind, Kind::Anonymous | Kind::File(_)) && !self.advice.contains(&WIPE_ON_FORK)
    }
}

/// Looks at the mappings of a process; with details, what each has of its own and how it is flagged.
pub(super) fn look(pid: i32, with_details: bool) -> Result<Vec<Shown>, SnapshotError> {
    let name = if with_details { "smaps" } else { "maps" };
    let mut text = Vec::new();
    let file = File::open(format!("/proc/{pid}/{name}")).step("open the list of mappings")?;
    file.take(MOST_TEXT).read_to_end(&mut text).step("read the list of mappings")?;
    let shown = parse(&text).ok_or_else(|| SnapshotError::refused("its list of mappings is not understood"))?;
    if shown.len() > MOST_MAPPINGS || text.len() as u64 == MOST_TEXT {
        return Err(SnapshotError::refused(format!("it has more than {MOST_MAPPINGS} mappings")));
    }
    Ok(shown)
}

fn parse(text: &[u8]) -> Option<Vec<Shown>> {
    let mut all: Vec<Shown> = Vec::new();
    for line in text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        if !line[0].is_ascii_uppercase() {
            all.push(parse_header(line)?);
            continue;
        }
        let line = String::from_utf8_lossy(line);
        let (name, value) = line.split_once(':')?;
        let last = all.last_mut()?;
        match name {
            "Anonymous" | "Swap" => last.own_kib += value.trim().trim_end_matches(" kB").parse::<u64>().ok()?,
            "VmFlags" => last.flags = value.split_whitespace().map(str::to_owned).collect(),
            _ => {}
        }
    }
    Some(all)
}

/// `start-end permissions offset device inode   name`.
fn parse_header(line: &[u8]) -> Option<Shown> {
    let mut rest = line;
    let mut word = || {
        let length = rest.iter().position(|byte| *byte == b' ').unwrap_or(rest.len());
        let (word, after) = rest.split_at(length);
        rest = after.strip_prefix(b" ").unwrap_or(after);
        std::str::from_utf8(word).ok()
    };
    let (start, end) = word()?.split_once('-')?;
    let permissions = word()?.to_owned();
    let offset = u64::from_str_radix(word()?, 16).ok()?;
    let device = word()?.to_owned();
    let inode = word()?.parse().ok()?;
    Some(Shown {
        start: u64::from_str_radix(start, 16).ok()?,
        end: u64::from_str_radix(end, 16).ok()?,
        permissions,
        offset,
        identity: Identity(device, inode),
        name: rest.trim_ascii_start().to_vec(),
        own_kib: 0,
        flags: Vec::new(),
    })
}

impl Shown {
    fn has(&self, flag: &str) -> bool {
        self.flags.iter().any(|found| found == flag)
    }

    /// A page of the kernel's at the same address everywhere.
    pub(super) fn is_everywhere(&self) -> bool {
        self.name == b"[vsyscall]"
    }

    /// The name of a mapping of the kernel's own that every process has, at an address of its own.
    pub(super) fn special(&self) -> Option<String> {
        let name = std::str::from_utf8(&self.name).ok()?;
        (name == "[vdso]" || name.starts_with("[vvar")).then(|| name.to_owned())
    }

    fn describe(&self) -> String {
        let name = match self.name.as_slice() {
            [] => "a mapping without a name".to_owned(),
            name => String::from_utf8_lossy(name).into_owned(),
        };
        format!("{name} at {:x}", self.start)
    }

    /// As it is to be made again.
    ///
    /// # Errors
    /// When it cannot be.
    pub(super) fn copyable(&self) -> Result<Mapping, SnapshotError> {
        let refuse = |what: &str| Err(SnapshotError::refused(format!("{what}: {}", self.describe())));
        if let Some(flag) = self.flags.iter().find(|flag| !KNOWN_FLAGS.contains(&flag.as_str())) {
            return refuse(&format!("memory of a kind that cannot be made again (flag {flag} of the kernel's)"));
        }
        let kind = match self.special() {
            Some(name) => Kind::Special(name),
            None if self.flags.iter().any(|flag| SPECIAL_FLAGS.contains(&flag.as_str())) => {
                return refuse("memory of a device");
            }
            None => self.ordinary_kind()?,
        };
        let advice = ADVICE.iter().filter(|(flag, _)| self.has(flag)).map(|(_, advice)| *advice);
        Ok(Mapping {
            start: self.start,
            end: self.end,
            protection: self.protection(),
            advice: if matches!(kind, Kind::Anonymous | Kind::File(_)) { advice.collect() } else { Vec::new() },
            kind,
            grows_down: self.has("gd"),
            no_reserve: self.has("nr"),
        })
    }

    fn ordinary_kind(&self) -> Result<Kind, SnapshotError> {
        let refuse = |what: &str| Err(SnapshotError::refused(format!("{what}: {}", self.describe())));
        let is_shared = self.permissions.ends_with('s');
        if is_shared && (self.has("sh") || self.has("mw")) {
            return refuse("memory that may be shared with others");
        }
        let is_named = self.name.starts_with(b"/");
        if !is_named && (is_shared || self.identity.1 != 0) {
            return refuse("memory of something that is no file");
        }
        if !is_named {
            let is_plain = self.name.is_empty() || self.name == b"[heap]" || self.name == b"[stack]";
            return match is_plain || self.name.starts_with(b"[anon:") {
                true if self.has("dp") => Ok(Kind::Droppable),
                true => Ok(Kind::Anonymous),
                false => refuse("memory of the kernel's that is not known"),
            };
        }
        if self.name.ends_with(b" (deleted)") {
            return refuse("memory of a file that is deleted, or has no path");
        }
        if [&b"/tmp/"[..], b"/dev/", b"/proc/"].iter().any(|start| self.name.starts_with(start)) {
            return refuse("memory of a file that other sandboxes do not have");
        }
        Ok(Kind::File(MappedFile {
            path: PathBuf::from(OsString::from_vec(self.name.replace(b"\\012", b"\n"))),
            offset: self.offset,
            identity: self.identity.clone(),
            is_shared,
        }))
    }

    fn protection(&self) -> i32 {
        let bits = [('r', libc::PROT_READ), ('w', libc::PROT_WRITE), ('x', libc::PROT_EXEC)];
        bits.iter().filter(|(letter, _)| self.permissions.contains(*letter)).map(|(_, bit)| bit).sum()
    }
}

trait Replace {
    fn replace(&self, from: &[u8], to: &[u8]) -> Vec<u8>;
}

impl Replace for Vec<u8> {
    fn replace(&self, from: &[u8], to: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.len());
        let mut rest = self.as_slice();
        while let Some(byte) = rest.first() {
            match rest.strip_prefix(from) {
                Some(after) => {
                    out.extend_from_slice(to);
                    rest = after;
                }
                None => {
                    out.push(*byte);
                    rest = &rest[1..];
                }
            }
        }
        out
    }
}

/// Flags of the kernel's that we know how to make again, or that mean nothing for the contents. Not among them: locked
/// memory, huge pages of the host's reserve, shadow stacks, watched memory, sealed memory.
const KNOWN_FLAGS: &[&str] = &[
    "rd", "wr", "ex", "sh", "mr", "mw", "me", "ms", "ac", "sd", "gd", "nr", "dc", "dd", "wf", "hg", "nh", "mg", "ur",
    "sr", "dp", "io", "pf", "de", "mm", "??",
];
/// Only what is the kernel's own has these.
const SPECIAL_FLAGS: &[&str] = &["io", "pf", "de", "mm"];
const ADVICE: &[(&str, i32)] = &[
    ("dc", libc::MADV_DONTFORK),
    ("dd", libc::MADV_DONTDUMP),
    ("wf", libc::MADV_WIPEONFORK),
    ("hg", libc::MADV_HUGEPAGE),
    ("nh", libc::MADV_NOHUGEPAGE),
];

/// Where the pages lie that belong to the process alone: (address, number of pages), in order.
pub(super) fn own_pages(pid: i32, mappings: &[(Shown, Mapping)]) -> Result<Vec<(u64, u64)>, SnapshotError> {
    let pagemap = File::open(format!("/proc/{pid}/pagemap")).step("open the map of pages")?;
    let mut runs = Vec::new();
    let mut looked_at = 0;
    for (shown, mapping) in mappings {
        if shown.own_kib == 0 || !mapping.has_content() {
            continue;
        }
        looked_at += mapping.length();
        if looked_at > MOST_BYTES_TO_LOOK_AT {
            return Err(SnapshotError::refused("it has more than 64 GiB of address space in use"));
        }
        own_pages_of(&pagemap, mapping, &mut runs)?;
    }
    Ok(runs)
}

fn own_pages_of(pagemap: &File, mapping: &Mapping, runs: &mut Vec<(u64, u64)>) -> Result<(), SnapshotError> {
    /// How many pages are asked about at once.
    const AT_ONCE: u64 = 1 << 16;
    let mut address = mapping.start;
    while address < mapping.end {
        let pages = ((mapping.end - address) / PAGE).min(AT_ONCE);
        let mut entries = vec![0u8; pages as usize * 8];
        pagemap.read_exact_at(&mut entries, address / PAGE * 8).step("read the map of pages")?;
        for (index, entry) in entries.as_chunks::<8>().0.iter().enumerate() {
            if is_own(u64::from_ne_bytes(*entry)) {
                add_page(runs, address + index as u64 * PAGE);
            }
        }
        address += pages * PAGE;
    }
    Ok(())
}

/// In memory or swapped out, and not the file's.
fn is_own(entry: u64) -> bool {
    const PRESENT: u64 = 1 << 63;
    const SWAPPED: u64 = 1 << 62;
    const OF_FILE: u64 = 1 << 61;
    entry & (PRESENT | SWAPPED) != 0 && entry & OF_FILE == 0
}

pub(super) fn add_page(runs: &mut Vec<(u64, u64)>, address: u64) {
    match runs.last_mut() {
        Some((start, pages)) if *start + *pages * PAGE == address => *pages += 1,
        _ => runs.push((address, 1)),
    }
}

/// The bytes of a path for the kernel.
pub(super) fn c_path(path: &std::path::Path) -> Vec<u8> {
    [path.as_os_str().as_bytes(), &[0]].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMMON: &str = "Anonymous: 8 kB\nSwap: 4 kB\nVmFlags: ";

    #[track_caller]
    fn check(header: &str, flags: &str, expected: &str) {
        let text = format!("{header}\n{COMMON}{flags} \n");
        let shown = parse(text.as_bytes()).unwrap();
        assert_eq!((shown.len(), shown[0].own_kib), (1, 12));
        let found = match shown[0].copyable() {
            Ok(mapping) => format!("{:?}", mapping.kind),
            Err(error) => error.to_string(),
        };
        assert!(found.contains(expected), "{header} {flags}: {found}");
    }

    #[test]
    fn what_can_be_made_again_is_told_from_what_cannot() {
        let file = "7f00-8f00 r--p 00001000 fe:00 325835          ";
        let shared = "7f00-8f00 r--s 00000000 fe:00 325835          ";
        for (header, flags, expected) in [
            ("7f00-8f00 rw-p 00000000 00:00 0 ", "rd wr mr mw me ac sd", "Anonymous"),
            ("7f00-8f00 rw-p 00000000 00:00 0 [heap]", "rd wr mr mw me ac sd", "Anonymous"),
            ("7f00-8f00 rw-p 00000000 00:00 0 ", "rd wr mr mw me nr wf dd dp", "Droppable"),
            ("7f00-8f00 r-xp 00000000 00:00 0 [vdso]", "rd ex mr mw me de", "Special"),
            ("7f00-8f00 r--p 00000000 00:00 0 [vvar_vclock]", "rd mr pf io de dd", "Special"),
            ("7f00-8f00 rw-p 00000000 00:00 0 [uprobes]", "rd", "not known"),
            ("7f00-8f00 rw-p 00000000 00:00 0 ", "rd lo", "flag lo"),
            ("7f00-8f00 rw-s 00000000 00:01 9 /dev/zero (deleted)", "rd wr sh mr mw me ms", "shared with others"),
            (&format!("{file}/usr/lib/a b.so"), "rd mr mw me", "/usr/lib/a b.so"),
            (&format!("{file}/usr/lib/x.so (deleted)"), "rd mr mw me", "deleted"),
            (&format!("{file}/tmp/x.so"), "rd mr mw me", "other sandboxes do not have"),
            (&format!("{shared}/usr/lib/gconv.cache"), "rd mr me ms", "is_shared: true"),
            (&format!("{shared}/var/task/x"), "rd sh mr mw me ms", "shared with others"),
        ] {
            check(header, flags, expected);
        }
    }

    #[test]
    fn pages_in_a_row_are_one_run() {
        let mut runs = Vec::new();
        [0x1000, 0x2000, 0x4000].into_iter().for_each(|page| add_page(&mut runs, page));
        assert_eq!(runs, [(0x1000, 2), (0x4000, 1)]);
        assert!(is_own(1 << 63) && is_own(1 << 62) && !is_own(1 << 63 | 1 << 61) && !is_own(0));
    }

    #[test]
    fn our_own_mappings_are_understood() {
        let shown = look(std::process::id() as i32, true).unwrap();
        assert!(shown.iter().any(|shown| shown.name == b"[stack]" && shown.own_kib > 0));
    }
}
