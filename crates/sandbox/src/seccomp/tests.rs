//! The assembled program says what the table says: run by a small interpreter, for every number.

use super::*;
use assemble::{AUDIT_ARCH_AARCH64, AUDIT_ARCH_X86_64};

const ALLOW: u32 = libc::SECCOMP_RET_ALLOW;
const ENOSYS: u32 = libc::SECCOMP_RET_ERRNO | libc::ENOSYS as u32;
const EPERM: u32 = libc::SECCOMP_RET_ERRNO | libc::EPERM as u32;
const DONE: u32 = libc::SECCOMP_RET_ERRNO;
const RLIMIT_CORE: u64 = libc::RLIMIT_CORE as u64;
const RLIMIT_NOFILE: u64 = libc::RLIMIT_NOFILE as u64;

/// Runs a program as the kernel does.
fn run(program: &[libc::sock_filter], architecture: u32, number: u32, arguments: [u64; 6]) -> u32 {
    let mut data = Vec::new();
    data.extend(number.to_le_bytes());
    data.extend(architecture.to_le_bytes());
    data.extend(0u64.to_le_bytes());
    arguments.iter().for_each(|argument| data.extend(argument.to_le_bytes()));
    let (mut at, mut accumulator) = (0, 0u32);
    loop {
        let step = program[at];
        at += 1;
        let compared = match u32::from(step.code) {
            0x20 => {
                let offset = step.k as usize;
                accumulator = u32::from_le_bytes(data[offset..offset + 4].try_into().unwrap());
                continue;
            }
            0x54 => {
                accumulator &= step.k;
                continue;
            }
            0x05 => {
                at += step.k as usize;
                continue;
            }
            0x06 => return step.k,
            0x15 => accumulator == step.k,
            0x35 => accumulator >= step.k,
            0x45 => accumulator & step.k != 0,
            other => panic!("unknown instruction {other:#x}"),
        };
        at += usize::from(if compared { step.jt } else { step.jf });
    }
}

fn answer_to(number: i64, arguments: [u64; 6]) -> u32 {
    let architecture = if cfg!(target_arch = "x86_64") { AUDIT_ARCH_X86_64 } else { AUDIT_ARCH_AARCH64 };
    run(&compile().unwrap().program, architecture, number as u32, arguments)
}

#[test]
fn every_number_gets_the_answer_of_the_table() {
    let rules = rules();
    for number in (0..1000).chain([0x4000_0000, 0x4000_0001, u32::MAX]) {
        let expected = match rules.get(&number) {
            None => ENOSYS,
            Some(Rule::Refuse) => EPERM,
            Some(Rule::Allow(When::Always)) => ALLOW,
            // Their arguments are another test's matter.
            Some(Rule::Allow(_)) => continue,
        };
        assert_eq!(answer_to(i64::from(number), [0; 6]), expected, "system call {number}");
    }
}

#[test]
fn arguments_decide() {
    let socket = |family: i32, kind: i32, protocol: i32| {
        let arguments = [family as u64, kind as u64, protocol as u64, 0, 0, 0];
        answer_to(libc::SYS_socket, arguments)
    };
    let first = |number: i64, value: u64| answer_to(number, [value, 0, 0, 0, 0, 0]);
    let second = |number: i64, value: u64| answer_to(number, [0, value, 0, 0, 0, 0]);
    let third = |number: i64, value: u64| answer_to(number, [0, 0, value, 0, 0, 0]);
    let fourth = |number: i64, value: u64| answer_to(number, [0, 0, 0, value, 0, 0]);
    let limit = |process, resource, new, old| answer_to(libc::SYS_prlimit64, [process, resource, new, old, 0, 0]);
    let cases = [
        ("a thread", first(libc::SYS_clone, 0x003d_0f00), ALLOW),
        ("a user namespace", first(libc::SYS_clone, 0x1000_0000), EPERM),
        ("a network namespace among others", first(libc::SYS_clone, 0x4000_0011), EPERM),
        ("tcp", socket(libc::AF_INET, libc::SOCK_STREAM | libc::SOCK_CLOEXEC, 0), ALLOW),
        ("udp over v6", socket(libc::AF_INET6, libc::SOCK_DGRAM | libc::SOCK_NONBLOCK, 17), ALLOW),
        ("raw", socket(libc::AF_INET, libc::SOCK_RAW, 1), EPERM),
        ("packet", socket(libc::AF_PACKET, libc::SOCK_DGRAM, 0), EPERM),
        ("local", socket(libc::AF_UNIX, libc::SOCK_SEQPACKET, 0), ALLOW),
        ("routes", socket(libc::AF_NETLINK, libc::SOCK_RAW, 0), ALLOW),
        ("audit", socket(libc::AF_NETLINK, libc::SOCK_RAW, 9), EPERM),
        ("vsock", socket(libc::AF_VSOCK, libc::SOCK_STREAM, 0), EPERM),
        ("terminal size", second(libc::SYS_ioctl, 0x5413), ALLOW),
        ("typing into a terminal", second(libc::SYS_ioctl, 0x5412), EPERM),
        // The kernel takes the lower half only, and so must we.
        ("typing, dressed up", second(libc::SYS_ioctl, 0x1_0000_5412), EPERM),
        ("a thread's name", first(libc::SYS_prctl, 15), ALLOW),
        ("the bounding set", first(libc::SYS_prctl, 24), EPERM),
        ("mptcp", socket(libc::AF_INET, libc::SOCK_STREAM, 262), EPERM),
        ("sctp", socket(libc::AF_INET, libc::SOCK_STREAM, 132), EPERM),
        ("ping", socket(libc::AF_INET, libc::SOCK_DGRAM, 1), EPERM),
        ("a local pair", first(libc::SYS_socketpair, libc::AF_UNIX as u64), ALLOW),
        ("a tipc pair", first(libc::SYS_socketpair, libc::AF_TIPC as u64), EPERM),
        ("a line discipline", second(libc::SYS_ioctl, libc::TIOCSETD), EPERM),
        ("a duplicate", second(libc::SYS_fcntl, libc::F_DUPFD_CLOEXEC as u64), ALLOW),
        ("a lease", second(libc::SYS_fcntl, libc::F_SETLEASE as u64), EPERM),
        ("watching changes", third(libc::SYS_inotify_add_watch, u64::from(libc::IN_MODIFY | libc::IN_CREATE)), ALLOW),
        ("watching readers", third(libc::SYS_inotify_add_watch, u64::from(libc::IN_ALL_EVENTS)), EPERM),
        ("a pipe", third(libc::SYS_mknodat, u64::from(libc::S_IFIFO | 0o600)), ALLOW),
        ("a local socket's file", third(libc::SYS_mknodat, u64::from(libc::S_IFSOCK | 0o600)), ALLOW),
        ("a character device", third(libc::SYS_mknodat, u64::from(libc::S_IFCHR | 0o600)), EPERM),
        ("a block device", third(libc::SYS_mknodat, u64::from(libc::S_IFBLK | 0o600)), EPERM),
        ("memory", fourth(libc::SYS_mmap, libc::MAP_ANONYMOUS as u64), ALLOW),
        ("huge memory", fourth(libc::SYS_mmap, (libc::MAP_ANONYMOUS | libc::MAP_HUGETLB) as u64), EPERM),
        ("batch", second(libc::SYS_sched_setscheduler, libc::SCHED_BATCH as u64), ALLOW),
        ("real time", second(libc::SYS_sched_setscheduler, libc::SCHED_FIFO as u64), EPERM),
        ("real time, not inherited", second(libc::SYS_sched_setscheduler, 0x4000_0002), EPERM),
        ("the limit of files", first(libc::SYS_setrlimit, RLIMIT_NOFILE), ALLOW),
        ("the limit of cores", first(libc::SYS_setrlimit, RLIMIT_CORE), DONE),
        ("prlimit: reading", limit(0, RLIMIT_NOFILE, 0, 8), ALLOW),
        ("prlimit: setting", limit(0, RLIMIT_NOFILE, 8, 8), ALLOW),
        ("prlimit: another's", limit(1, RLIMIT_NOFILE, 0, 8), EPERM),
        ("prlimit: reading cores", limit(0, RLIMIT_CORE, 0, 8), ALLOW),
        ("prlimit: setting cores", limit(0, RLIMIT_CORE, 8, 0), DONE),
        ("prlimit: setting cores, far away", limit(0, RLIMIT_CORE, 8 << 32, 0), DONE),
        ("prlimit: setting and reading cores", limit(0, RLIMIT_CORE, 8, 8), EPERM),
        ("prlimit: setting and reading cores, far away", limit(0, RLIMIT_CORE, 8 << 32, 8 << 32), EPERM),
        ("asking for the personality", first(libc::SYS_personality, 0xffff_ffff), ALLOW),
        ("no address randomisation", first(libc::SYS_personality, 0x0004_0000), EPERM),
    ];
    for (what, answer, expected) in cases {
        assert_eq!(answer, expected, "{what}");
    }
}

#[test]
fn another_architecture_is_the_end() {
    let program = compile().unwrap().program;
    assert_eq!(run(&program, 0x4000_0003, 1, [0; 6]), libc::SECCOMP_RET_KILL_PROCESS);
}

#[test]
fn every_line_has_a_reason_and_no_call_is_listed_twice() {
    let mut seen = std::collections::HashSet::new();
    for line in policy() {
        assert!(line.why.len() > 5, "{} has no reason", line.system_call);
        assert!(seen.insert(line.system_call), "{} is listed twice", line.system_call);
    }
    assert_eq!(seen.len(), rules().len() + table::ABSENT.len());
}

/// Name and number here (`None`: not on this architecture) of every system call that Linux has.
fn system_calls() -> impl Iterator<Item = (&'static str, Option<u32>)> {
    let column = if cfg!(target_arch = "x86_64") { 1 } else { 2 };
    include_str!("system_calls.txt").lines().filter(|line| !line.starts_with('#')).map(move |line| {
        let fields: Vec<_> = line.split(' ').collect();
        (fields[0], fields[column].parse().ok())
    })
}

#[test]
fn every_system_call_has_a_verdict() {
    let decided: std::collections::HashSet<_> = policy().map(|line| line.system_call).collect();
    let undecided: Vec<_> =
        system_calls().filter(|(name, number)| number.is_some() && !decided.contains(name)).collect();
    assert_eq!(undecided, [], "expected each in one list of seccomp/table");
}

#[test]
fn every_line_has_the_number_of_its_name() {
    let numbers: std::collections::HashMap<_, _> = system_calls().collect();
    let rows = allowed().map(|row| (row.name, row.number)).chain(refused().map(|row| (row.name, row.number)));
    for (name, number) in rows {
        assert_eq!(numbers.get(name).copied().flatten(), Some(number as u32), "{name}");
    }
    let unknown: Vec<_> = policy().map(|line| line.system_call).filter(|name| !numbers.contains_key(name)).collect();
    assert_eq!(unknown, [""; 0], "expected names that Linux has");
}
