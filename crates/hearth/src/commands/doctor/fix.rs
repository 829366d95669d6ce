//! `hearth doctor --fix`: what can be changed without taking anything from anyone, one by one, each told.

use hearth_sandbox::{Fix, Level};
use serde::Serialize;

use super::{Check, Verdict};

/// One change and what became of it.
#[derive(Debug, Serialize)]
pub struct Outcome {
    pub result: Change,
    /// What a person would type, as root, to the same effect.
    pub command: String,
    /// What it is for.
    pub mends: String,
    /// How to make it last beyond the next boot.
    pub keep: Option<String>,
    /// Why it failed.
    pub problem: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    #[serde(rename = "done")]
    Made,
    /// With `--dry-run`.
    Would,
    NeedsRoot,
    Failed,
}

impl Change {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Made => "done",
            Self::Would => "would do",
            Self::NeedsRoot => "needs root",
            Self::Failed => "FAILED",
        }
    }
}

/// Applies, or with `dry_run` names, what the checks offer: each change once.
pub fn apply(checks: &[Check], dry_run: bool) -> Vec<Outcome> {
    let is_root = hearth_sandbox::level() == Level::Root;
    let mut seen: Vec<&Fix> = Vec::new();
    let mut outcomes = Vec::new();
    for check in checks.iter().filter(|check| check.state != Verdict::Ok || !check.fixes.is_empty()) {
        for fix in &check.fixes {
            if seen.contains(&fix) {
                continue;
            }
            seen.push(fix);
            let (result, problem) = match (dry_run, is_root) {
                (true, _) => (Change::Would, None),
                (false, false) => (Change::NeedsRoot, None),
                (false, true) => fix.apply().map_or_else(|why| (Change::Failed, Some(why)), |()| (Change::Made, None)),
            };
            outcomes.push(Outcome {
                result,
                command: fix.command(),
                mends: check.name.clone(),
                keep: fix.keep(),
                problem,
            });
        }
    }
    outcomes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lacking(name: &str, fixes: Vec<Fix>) -> Check {
        Check {
            fixes,
            ..Check::new("kernel", name, Verdict::Weak, "wrong")
        }
    }

    #[test]
    fn a_dry_run_names_each_change_once_and_makes_none() {
        let sysctl = Fix::Sysctl {
            key: "no.such.switch".into(),
            value: "1".into(),
        };
        let checks = [lacking("a", vec![sysctl.clone()]), lacking("b", vec![sysctl]), lacking("c", Vec::new())];
        let outcomes = apply(&checks, true);
        let told: Vec<_> = outcomes.iter().map(|one| (one.result, one.command.as_str(), one.mends.as_str())).collect();
        assert_eq!(told, [(Change::Would, "sysctl -w no.such.switch=1", "a")]);
    }

    #[test]
    fn what_cannot_be_changed_is_not_called_done() {
        let check = lacking(
            "a",
            vec![Fix::Sysctl {
                key: "no.such.switch".into(),
                value: "1".into(),
            }],
        );
        assert_ne!(apply(&[check], false)[0].result, Change::Made);
    }
}
