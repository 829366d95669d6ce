//! From rules to a BPF program that finds a system call's rule by binary search.
//!
//! Loading a filter costs by its length (the kernel runs it once for every system call there is), and it is loaded on
//! the way of every start; a chain of comparisons would take a millisecond where this takes a few dozen microseconds.

use std::collections::BTreeMap;

use libc::{
    BPF_ABS, BPF_ALU, BPF_AND, BPF_JA, BPF_JEQ, BPF_JGE, BPF_JMP, BPF_JSET, BPF_K, BPF_LD, BPF_RET, BPF_W,
    SECCOMP_RET_ALLOW, SECCOMP_RET_ERRNO, SECCOMP_RET_KILL_PROCESS, sock_filter,
};

use super::Rule;
use super::table::{Socket, When};

pub(super) const AUDIT_ARCH_X86_64: u32 = 0xC000_003E;
pub(super) const AUDIT_ARCH_AARCH64: u32 = 0xC000_00B7;

const ALLOW: u32 = SECCOMP_RET_ALLOW;
const NO_SUCH_CALL: u32 = SECCOMP_RET_ERRNO | libc::ENOSYS as u32;
const NOT_PERMITTED: u32 = SECCOMP_RET_ERRNO | libc::EPERM as u32;
/// Nothing is done, and the caller is told that it was.
const DONE: u32 = SECCOMP_RET_ERRNO;

/// Offsets in the kernel's `struct seccomp_data`.
const NUMBER: u32 = 0;
const ARCHITECTURE: u32 = 4;

/// The lower half of an argument: every filtered one is a C int or a flag word whose upper half the kernel ignores.
const fn argument(index: u8) -> u32 {
    16 + 8 * index as u32
}

/// The other half, which counts in pointers.
const fn upper_half(index: u8) -> u32 {
    argument(index) + 4
}

type Program = Vec<sock_filter>;

pub(super) fn assemble(architecture: u32, rules: &BTreeMap<u32, Rule>) -> Program {
    let mut program = vec![
        load(ARCHITECTURE),
        jump(BPF_JEQ, architecture, 1, 0),
        // Numbers mean something else there: nothing may be concluded from them.
        answer(SECCOMP_RET_KILL_PROCESS),
        load(NUMBER),
    ];
    program.extend(search(&spans(rules)));
    program
}

/// A run of system calls with the same rule, from `first` up to the next span's first. `None` is "no such call".
#[derive(Clone, Copy)]
struct Span {
    first: u32,
    rule: Option<Rule>,
}

fn spans(rules: &BTreeMap<u32, Rule>) -> Vec<Span> {
    let mut spans = vec![Span { first: 0, rule: None }];
    let mut add = |first: u32, rule: Option<Rule>| match spans.last_mut() {
        Some(last) if last.rule == rule => {}
        Some(last) if last.first == first => last.rule = rule,
        _ => spans.push(Span { first, rule }),
    };
    let mut next = 0;
    for (number, rule) in rules {
        if *number > next {
            add(next, None);
        }
        add(*number, Some(*rule));
        next = number + 1;
    }
    add(next, None);
    spans
}

/// A decision tree over the spans, with the number in the accumulator.
fn search(spans: &[Span]) -> Program {
    let (low, high) = spans.split_at(spans.len() / 2);
    match high {
        [] => Vec::new(),
        [only] if low.is_empty() => check(only.rule),
        [first, ..] => {
            let (first, low, high) = (first.first, search(low), search(high));
            let mut program = match u8::try_from(low.len()) {
                Ok(distance) => vec![jump(BPF_JGE, first, distance, 0)],
                // Conditional jumps reach 255 instructions, the unconditional one any number.
                Err(_) => vec![jump(BPF_JGE, first, 0, 1), skip(low.len() as u32)],
            };
            program.extend(low);
            program.extend(high);
            program
        }
    }
}

/// What is done with a system call once it is known. Ends in an answer on every path.
fn check(rule: Option<Rule>) -> Program {
    match rule {
        None => vec![answer(NO_SUCH_CALL)],
        Some(Rule::Refuse) => vec![answer(NOT_PERMITTED)],
        Some(Rule::Allow(when)) => check_arguments(when),
    }
}

fn check_arguments(when: When) -> Program {
    match when {
        When::Always => vec![answer(ALLOW)],
        When::NoFlags { argument: index, flags } => {
            vec![load(argument(index)), jump(BPF_JSET, flags, 0, 1), answer(NOT_PERMITTED), answer(ALLOW)]
        }
        When::OneOf { argument: index, values } => compare(index, values, ALLOW, NOT_PERMITTED),
        When::NoneOf { argument: index, values } => compare(index, values, NOT_PERMITTED, ALLOW),
        When::Sockets(sockets) => {
            let mut program: Program = sockets.iter().flat_map(check_socket).collect();
            program.push(answer(NOT_PERMITTED));
            program
        }
        When::CoreLimitStays => compare(0, &[libc::RLIMIT_CORE], DONE, ALLOW),
        When::OwnLimits => own_limits(),
    }
}

/// `prlimit64(process, resource, new, old)`.
fn own_limits() -> Program {
    let (process, resource, new, old) = (0, 1, 2, 3);
    let mut program = vec![
        load(argument(process)),
        jump(BPF_JEQ, 0, 1, 0),
        answer(NOT_PERMITTED),
        load(argument(resource)),
        jump(BPF_JEQ, libc::RLIMIT_CORE, 1, 0),
        answer(ALLOW),
    ];
    // Cores: reading is allowed. Who sets and reads at once would read what nobody wrote.
    program.extend(if_null(new, ALLOW));
    program.extend(if_null(old, DONE));
    program.push(answer(NOT_PERMITTED));
    program
}

/// The answer if the pointer is null; for any other it goes on behind its end.
fn if_null(index: u8, then: u32) -> Program {
    vec![load(argument(index)), jump(BPF_JEQ, 0, 0, 3), load(upper_half(index)), jump(BPF_JEQ, 0, 0, 1), answer(then)]
}

fn compare(index: u8, values: &[u32], equal: u32, otherwise: u32) -> Program {
    let mut program = vec![load(argument(index))];
    for value in values {
        program.extend([jump(BPF_JEQ, *value, 0, 1), answer(equal)]);
    }
    program.push(answer(otherwise));
    program
}

/// Allows this kind of socket; for any other it goes on behind its end.
fn check_socket(socket: &Socket) -> Program {
    let protocol = socket.protocol.map(|protocol| [load(argument(2)), jump(BPF_JEQ, protocol, 0, 1)]);
    let protocol: Program = protocol.into_iter().flatten().collect();
    // What is left to jump over after each comparison.
    let tail = protocol.len() as u8 + 1;
    let mut program = vec![
        load(argument(0)),
        jump(BPF_JEQ, socket.family, 0, 3 + tail),
        load(argument(1)),
        // The rest of the word are SOCK_CLOEXEC and SOCK_NONBLOCK.
        instruction(BPF_ALU | BPF_AND | BPF_K, 0xf, 0, 0),
        jump(BPF_JEQ, socket.kind, 0, tail),
    ];
    program.extend(protocol);
    program.push(answer(ALLOW));
    program
}

fn instruction(code: u32, k: u32, jt: u8, jf: u8) -> sock_filter {
    sock_filter { code: code as u16, jt, jf, k }
}

fn load(offset: u32) -> sock_filter {
    instruction(BPF_LD | BPF_W | BPF_ABS, offset, 0, 0)
}

fn jump(condition: u32, value: u32, if_true: u8, if_false: u8) -> sock_filter {
    instruction(BPF_JMP | condition | BPF_K, value, if_true, if_false)
}

fn skip(distance: u32) -> sock_filter {
    instruction(BPF_JMP | BPF_JA, distance, 0, 0)
}

fn answer(value: u32) -> sock_filter {
    instruction(BPF_RET | BPF_K, value, 0, 0)
}
