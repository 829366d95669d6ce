//! `make soak`: many environments started, used, frozen and reclaimed, round after round, with
//! everything counted that could be left behind.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::hearth::{Hearth, Source};
use crate::http::{Connection, request};
use crate::{kib, process, row};

/// How the soak runs.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Environments at a time.
    #[arg(long, default_value_t = 1_000)]
    environments: usize,
    /// Rounds are begun until so much time has passed.
    #[arg(long, default_value_t = 10)]
    minutes: u64,
    /// Seconds for which each environment's first invocation lasts: long enough that all of them
    /// run at once.
    #[arg(long, default_value_t = 45)]
    hold_s: u64,
}

impl Options {
    fn idle_s(&self) -> u64 {
        self.hold_s + IDLE_MORE_S
    }
}

const NAME: &str = "soak";

/// What an environment is idle for before it is reclaimed, beyond the time that the first of a round
/// may have to wait for the last.
const IDLE_MORE_S: u64 = 10;

/// What may be left of a round for this long.
const SETTLE: Duration = Duration::from_secs(60);

/// Rounds in which the server's memory may still grow.
const GROWING: usize = 3;

/// Memory that all later rounds may add to the server's and the helper's; allocators keep some of what they got.
const MEMORY_SLACK_KIB: u64 = 16 * 1_024;

pub(crate) fn run(program: &Path, runtime: &str, options: &Options) -> io::Result<()> {
    let server = Hearth::start_with(
        program,
        &[
            ("HEARTH_CONCURRENCY", "100000".to_owned()),
            ("HEARTH_ENVIRONMENTS_IDLE_S", options.idle_s().to_string()),
            ("HEARTH_ENVIRONMENTS_PARKED", "0".to_owned()),
        ],
    )?;
    server.deploy_sized(NAME, &holding(runtime), 128)?;
    // The first few environments and a full reclaim: what is kept for good is there after it.
    round(&server, options.environments.min(20), 1)?;
    let before = settled(&server, options, None);
    before.print("before");
    let began = Instant::now();
    let mut rounds = 0;
    let mut grown: Option<Counts> = None;
    while rounds == 0 || began.elapsed() < Duration::from_secs(60 * options.minutes) {
        rounds += 1;
        let highest = round(&server, options.environments, options.hold_s)?;
        highest.print(&format!("round {rounds}, all environments"));
        let after = settled(&server, options, Some(&before));
        after.print(&format!("round {rounds}, all reclaimed"));
        // Buffers and the allocator's arenas grow to their size in the first rounds; from then on they
        // must not.
        if rounds <= GROWING {
            grown = Some(after);
        }
    }
    let after = settled(&server, options, Some(&before));
    after.print("after");
    row("environments started in all", &(rounds * options.environments).to_string());
    let grown = grown.unwrap_or_else(|| before.clone());
    let left = after.more_than(&before, &grown);
    if left.is_empty() { Ok(()) } else { Err(io::Error::other(format!("left behind: {}", left.join(", ")))) }
}

fn holding(runtime: &str) -> Source {
    Source {
        runtime: runtime.to_owned(),
        handler: "app.handler",
        file: "app.py",
        code: "import time\n\ndef handler(event, context):\n    time.sleep(event['hold'])\n    return {'hello': 'hearth'}\n".into(),
    }
}

/// Starts so many environments at once, uses each a second time after it was frozen, and counts.
fn round(server: &Hearth, environments: usize, hold_s: u64) -> io::Result<Counts> {
    all_at_once(server, environments, hold_s)?;
    // Past the linger: all are frozen.
    std::thread::sleep(Duration::from_secs(1));
    let highest = Counts::of(server);
    all_at_once(server, environments, 1)?;
    Ok(highest)
}

fn all_at_once(server: &Hearth, count: usize, hold_s: u64) -> io::Result<()> {
    let path = format!("/2015-03-31/functions/{NAME}/invocations");
    let event = format!("{{\"hold\":{hold_s}}}");
    let invocation = request("POST", &path, &server.address, event.as_bytes());
    let callers: Vec<_> = (0..count)
        .map(|_| {
            let (address, invocation) = (server.address.clone(), invocation.clone());
            std::thread::Builder::new().stack_size(128 * 1_024).spawn(move || {
                let answer = Connection::open_patient(&address)?.exchange(&invocation)?;
                let good = answer.status == 200 && answer.body.starts_with(b"{\"hello\"");
                let text = || format!("answered {}: {}", answer.status, String::from_utf8_lossy(&answer.body));
                if good { Ok(()) } else { Err(io::Error::other(text())) }
            })
        })
        .collect::<io::Result<_>>()?;
    for caller in callers {
        caller.join().map_err(|_| io::Error::other("a caller panicked"))??;
    }
    Ok(())
}

/// Waits until everything is as it was, or for as long as it may take.
fn settled(server: &Hearth, options: &Options, wanted: Option<&Counts>) -> Counts {
    let began = Instant::now();
    std::thread::sleep(Duration::from_secs(options.idle_s() + 2));
    loop {
        let counts = Counts::of(server);
        let back = wanted.is_none_or(|wanted| counts.more_than(wanted, &counts).is_empty());
        if back || began.elapsed() > SETTLE {
            return counts;
        }
        std::thread::sleep(Duration::from_millis(500));
    }
}

/// What an environment is made of. Of this server's alone: others may come and go meanwhile.
#[derive(Clone)]
struct Counts {
    counted: Vec<(&'static str, u64)>,
    memory_kib: u64,
}

impl Counts {
    fn of(server: &Hearth) -> Self {
        let groups = Groups::of(server);
        let mut pids = process::tree(server.pid());
        pids.extend(groups.members());
        pids.sort_unstable();
        pids.dedup();
        let own: Vec<u32> = pids.iter().copied().filter(|pid| is_ours(*pid)).collect();
        let data = server.data_dir().to_string_lossy().into_owned();
        Self {
            counted: vec![
                ("processes", pids.len() as u64),
                ("namespaces", namespaces(&pids)),
                ("cgroups", groups.folders.len() as u64),
                ("mounts", own.iter().map(|pid| mentions(&format!("/proc/{pid}/mountinfo"), &data)).max().unwrap_or(0)),
                ("loop devices", loop_devices(&data)),
                ("network links", lines(Path::new("/proc/net/dev"))),
                ("descriptors of server and helper", own.iter().map(|pid| descriptors(*pid)).sum()),
                ("files and folders of the server", files(server.data_dir())),
            ],
            memory_kib: process::memory_kib(&own),
        }
    }

    /// What there is more of than `before`; memory is compared with `grown`, the same moment of
    /// an earlier round.
    fn more_than(&self, before: &Self, grown: &Self) -> Vec<String> {
        let mut left: Vec<String> = self
            .counted
            .iter()
            .zip(&before.counted)
            .filter(|((_, now), (_, then))| now > then)
            .map(|((name, now), (_, then))| format!("{name} {then} -> {now}"))
            .collect();
        if self.memory_kib > grown.memory_kib + MEMORY_SLACK_KIB {
            left.push(format!("memory {} -> {}", kib(grown.memory_kib), kib(self.memory_kib)));
        }
        left
    }

    fn print(&self, when: &str) {
        let counted: Vec<String> = self.counted.iter().map(|(name, count)| format!("{count} {name}")).collect();
        row(when, &format!("{}, {} of server and helper", counted.join(", "), kib(self.memory_kib)));
    }
}

/// The server and its helper, as opposed to what runs in sandboxes: they see the host's processes.
fn is_ours(pid: u32) -> bool {
    let namespace = |pid: &str| fs::read_link(format!("/proc/{pid}/ns/pid")).ok();
    namespace(&pid.to_string()) == namespace("self")
}

fn namespaces(pids: &[u32]) -> u64 {
    let mut seen: HashSet<PathBuf> = HashSet::new();
    for pid in pids {
        let links = fs::read_dir(format!("/proc/{pid}/ns")).into_iter().flatten().flatten();
        seen.extend(links.filter_map(|link| fs::read_link(link.path()).ok()));
    }
    seen.len() as u64
}

/// The control groups of one server, in every hierarchy.
struct Groups {
    folders: Vec<PathBuf>,
}

impl Groups {
    /// Found by the name of the group in which its sandboxes are.
    fn of(server: &Hearth) -> Self {
        let names: HashSet<String> = process::tree(server.pid()).into_iter().flat_map(group_names).collect();
        let mut folders = Vec::new();
        collect(Path::new("/sys/fs/cgroup"), &names, false, &mut folders);
        Self { folders }
    }

    fn members(&self) -> Vec<u32> {
        let files = self.folders.iter().filter_map(|folder| fs::read_to_string(folder.join("cgroup.procs")).ok());
        files.flat_map(|text| text.lines().filter_map(|line| line.parse().ok()).collect::<Vec<u32>>()).collect()
    }
}

/// Parts of a process's groups that a server gave their names.
fn group_names(pid: u32) -> Vec<String> {
    let text = fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap_or_default();
    text.split(['/', '\n']).filter(|part| part.starts_with("hearth-")).map(ToOwned::to_owned).collect()
}

fn collect(folder: &Path, names: &HashSet<String>, inside: bool, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            continue;
        }
        let inside = inside || entry.file_name().to_str().is_some_and(|name| names.contains(name));
        collect(&entry.path(), names, inside, found);
        if inside {
            found.push(entry.path());
        }
    }
}

/// Lines that name the text.
fn mentions(file: &str, text: &str) -> u64 {
    fs::read_to_string(file).map_or(0, |all| all.lines().filter(|line| line.contains(text)).count() as u64)
}

fn files(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| 1 + if entry.path().is_dir() { files(&entry.path()) } else { 0 }).sum()
}

fn loop_devices(data: &str) -> u64 {
    let devices = fs::read_dir("/sys/block").into_iter().flatten().flatten();
    devices.filter(|device| mentions(&device.path().join("loop/backing_file").to_string_lossy(), data) > 0).count()
        as u64
}

fn lines(file: &Path) -> u64 {
    fs::read_to_string(file).map_or(0, |text| text.lines().count() as u64)
}

fn descriptors(pid: u32) -> u64 {
    fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, |entries| entries.count() as u64)
}
