//! The system call filter: [`table`] is the policy, this file turns it into what the kernel loads.
//!
//! Two filters are stacked, because one filter knows two outcomes and the policy has three. The first allows the
//! list and answers everything else with `ENOSYS`, so that programs fall back as on an older kernel. The second
//! refuses with `EPERM` what is known and dangerous, so that a program (and its author) sees a refusal. For the
//! same kind of answer the kernel takes the filter loaded last.

mod table;

use std::collections::{BTreeMap, BTreeSet};

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule, TargetArch,
};

use table::{ALLOWED, REFUSED, When};

/// The compiled filters, in the order of loading.
#[derive(Debug, Clone)]
pub(crate) struct Filters {
    pub(crate) programs: [BpfProgram; 2],
}

/// Compiles the policy for the architecture this program was built for.
pub(crate) fn compile() -> Result<Filters, String> {
    let arch: TargetArch = std::env::consts::ARCH
        .try_into()
        .map_err(|_| format!("no system call table for {}", std::env::consts::ARCH))?;
    let mut allowed = BTreeMap::new();
    for entry in ALLOWED.iter().chain(table::ALLOWED_LEGACY) {
        allowed.insert(entry.number, rules(entry.when)?);
    }
    let mut refused = BTreeMap::new();
    for entry in REFUSED {
        refused.insert(entry.number, Vec::new());
    }
    // Arguments that are known to be dangerous get EPERM, not "no such call".
    for entry in ALLOWED.iter().filter(|entry| entry.when != When::Always) {
        let complement = complement(entry.when)?;
        if !complement.is_empty() {
            refused.insert(entry.number, complement);
        }
    }
    Ok(Filters {
        programs: [
            program(allowed, SeccompAction::Errno(libc::ENOSYS as u32), SeccompAction::Allow, arch)?,
            program(refused, SeccompAction::Allow, SeccompAction::Errno(libc::EPERM as u32), arch)?,
        ],
    })
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
    /// Allowed for the arguments that the reason names.
    Filtered,
    /// `EPERM`.
    Refused,
}

/// The system call policy, line by line. Calls that it does not name do not exist inside (`ENOSYS`).
pub fn policy() -> impl Iterator<Item = PolicyLine> {
    let allowed = ALLOWED.iter().chain(table::ALLOWED_LEGACY).map(|entry| PolicyLine {
        system_call: entry.name,
        verdict: if entry.when == When::Always { Verdict::Allowed } else { Verdict::Filtered },
        why: entry.why,
    });
    let refused = REFUSED.iter().map(|entry| PolicyLine {
        system_call: entry.name,
        verdict: Verdict::Refused,
        why: entry.why,
    });
    allowed.chain(refused)
}

fn program(
    rules: BTreeMap<i64, Vec<SeccompRule>>,
    otherwise: SeccompAction,
    matched: SeccompAction,
    arch: TargetArch,
) -> Result<BpfProgram, String> {
    SeccompFilter::new(rules, otherwise, matched, arch)
        .and_then(BpfProgram::try_from)
        .map_err(|error| error.to_string())
}

fn condition(argument: u8, operator: SeccompCmpOp, value: u64) -> Result<SeccompCondition, String> {
    // Every filtered argument is a C int or a flag word whose upper half the kernel ignores.
    SeccompCondition::new(argument, SeccompCmpArgLen::Dword, operator, value).map_err(|error| error.to_string())
}

fn rule(conditions: Vec<SeccompCondition>) -> Result<SeccompRule, String> {
    SeccompRule::new(conditions).map_err(|error| error.to_string())
}

/// When the call is allowed: any of the rules; no rules is always.
fn rules(when: When) -> Result<Vec<SeccompRule>, String> {
    match when {
        When::Always => Ok(Vec::new()),
        When::NoFlags { argument, flags } => {
            Ok(vec![rule(vec![condition(argument, SeccompCmpOp::MaskedEq(u64::from(flags)), 0)?])?])
        }
        When::OneOf { argument, values } => {
            values.iter().map(|value| rule(vec![condition(argument, SeccompCmpOp::Eq, u64::from(*value))?])).collect()
        }
        When::NoneOf { argument, values } => {
            let all = values
                .iter()
                .map(|value| condition(argument, SeccompCmpOp::Ne, u64::from(*value)))
                .collect::<Result<_, _>>()?;
            Ok(vec![rule(all)?])
        }
        When::Sockets(kinds) => kinds
            .iter()
            .map(|kind| {
                rule(vec![
                    condition(0, SeccompCmpOp::Eq, u64::from(kind.family))?,
                    condition(1, SeccompCmpOp::MaskedEq(0xf), u64::from(kind.kind))?,
                    condition(
                        2,
                        match kind.protocol {
                            Some(_) => SeccompCmpOp::Eq,
                            None => SeccompCmpOp::Ge,
                        },
                        u64::from(kind.protocol.unwrap_or(0)),
                    )?,
                ])
            })
            .collect(),
    }
}

/// When the call is refused with EPERM; where this cannot be said in rules, the first filter's answer stands.
fn complement(when: When) -> Result<Vec<SeccompRule>, String> {
    match when {
        When::NoFlags { argument, flags } => (0..u32::BITS)
            .map(|bit| 1u32 << bit)
            .filter(|bit| flags & bit != 0)
            .map(|bit| rule(vec![condition(argument, SeccompCmpOp::MaskedEq(u64::from(bit)), u64::from(bit))?]))
            .collect(),
        When::NoneOf { argument, values } => {
            values.iter().map(|value| rule(vec![condition(argument, SeccompCmpOp::Eq, u64::from(*value))?])).collect()
        }
        When::OneOf { argument, values } => {
            let all = values
                .iter()
                .map(|value| condition(argument, SeccompCmpOp::Ne, u64::from(*value)))
                .collect::<Result<_, _>>()?;
            Ok(vec![rule(all)?])
        }
        When::Always => Ok(Vec::new()),
        When::Sockets(kinds) => other_sockets(kinds),
    }
}

/// Every socket that is not one of `kinds`: other families, other kinds of their families, other protocols.
fn other_sockets(kinds: &[table::Socket]) -> Result<Vec<SeccompRule>, String> {
    let families: BTreeSet<u32> = kinds.iter().map(|kind| kind.family).collect();
    let no_family =
        families.iter().map(|family| condition(0, SeccompCmpOp::Ne, u64::from(*family))).collect::<Result<_, _>>()?;
    let mut rules = vec![rule(no_family)?];
    for family in families {
        let listed: Vec<_> = kinds.iter().filter(|kind| kind.family == family).collect();
        let is_family = || condition(0, SeccompCmpOp::Eq, u64::from(family));
        for other in (0..=0xf).filter(|number| listed.iter().all(|kind| kind.kind != *number)) {
            let is_kind = condition(1, SeccompCmpOp::MaskedEq(0xf), u64::from(other))?;
            rules.push(rule(vec![is_family()?, is_kind])?);
        }
        if let Some(protocol) = listed.iter().find_map(|kind| kind.protocol) {
            let is_other = condition(2, SeccompCmpOp::Ne, u64::from(protocol))?;
            rules.push(rule(vec![is_family()?, is_other])?);
        }
    }
    Ok(rules)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policy_compiles() {
        let filters = compile().unwrap();
        assert!(filters.programs.iter().all(|program| program.len() < 4096));
    }

    #[test]
    fn every_line_has_a_reason_and_no_call_is_listed_twice() {
        let mut seen = std::collections::HashSet::new();
        for line in policy() {
            assert!(line.why.len() > 5, "{} has no reason", line.system_call);
            assert!(seen.insert(line.system_call), "{} is listed twice", line.system_call);
        }
        assert!(seen.len() > 250);
    }
}
