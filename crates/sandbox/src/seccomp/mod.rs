//! The system call filter: [`table`] is the policy, [`assemble`] turns it into what the kernel loads.
//!
//! Three answers: allowed; `EPERM` for what is known and dangerous, so that a program and its author see a refusal;
//! `ENOSYS` for everything else, so that programs fall back as they would on an older kernel.

mod assemble;
mod table;

use std::collections::BTreeMap;

use table::{
    ABSENT, ALLOWED, ALLOWED_LEGACY, Allowed, FILTERED, FILTERED_LEGACY, REFUSED, REFUSED_LEGACY, Refused, When,
};

/// The compiled policy, ready to be loaded.
#[derive(Debug, Clone)]
pub(crate) struct Filter {
    pub(crate) program: Vec<libc::sock_filter>,
}

/// What happens to one system call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rule {
    /// As the kernel decides.
    Allow(When),
    /// `EPERM`.
    Refuse,
}

/// Compiles the policy for the architecture this program was built for.
pub(crate) fn compile() -> Result<Filter, String> {
    let architecture = match std::env::consts::ARCH {
        "x86_64" => assemble::AUDIT_ARCH_X86_64,
        "aarch64" => assemble::AUDIT_ARCH_AARCH64,
        other => return Err(format!("no system call table for {other}, expected x86_64 or aarch64")),
    };
    let program = assemble::assemble(architecture, &rules());
    // The kernel's own limit.
    if program.len() > 4096 {
        return Err(format!("the filter has {} instructions, expected at most 4096", program.len()));
    }
    Ok(Filter { program })
}

fn allowed() -> impl Iterator<Item = &'static Allowed> {
    [FILTERED, FILTERED_LEGACY, ALLOWED, ALLOWED_LEGACY].into_iter().flatten()
}

fn refused() -> impl Iterator<Item = &'static Refused> {
    [REFUSED, REFUSED_LEGACY].into_iter().flatten()
}

fn rules() -> BTreeMap<u32, Rule> {
    let allowed = allowed().map(|entry| (entry.number as u32, Rule::Allow(entry.when)));
    let refused = refused().map(|entry| (entry.number as u32, Rule::Refuse));
    allowed.chain(refused).collect()
}

/// One line of the policy, to be shown to people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PolicyLine {
    pub system_call: &'static str,
    pub verdict: Verdict,
    pub why: &'static str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Allowed,
    /// Allowed for some arguments, else `EPERM` (or nothing happens).
    Filtered,
    /// `EPERM`.
    Refused,
    /// `ENOSYS`.
    Absent,
}

/// The system call policy, line by line. Calls that it does not name are absent too.
pub fn policy() -> impl Iterator<Item = PolicyLine> {
    let line = |system_call, verdict, why| PolicyLine { system_call, verdict, why };
    let allowed = allowed().map(move |entry| {
        let verdict = if entry.when == When::Always { Verdict::Allowed } else { Verdict::Filtered };
        line(entry.name, verdict, entry.why)
    });
    let refused = refused().map(move |entry| line(entry.name, Verdict::Refused, entry.why));
    let absent = ABSENT.iter().map(move |entry| line(entry.name, Verdict::Absent, entry.why));
    allowed.chain(refused).chain(absent)
}

#[cfg(test)]
mod tests;
