//! The level, each mechanism behind it, and the kernel's switches.

use hearth_node::config::Config;
use hearth_node::{Layout, host};
use hearth_sandbox::{Level, Mechanism};

use super::{Check, Verdict};

pub fn checks(config: &Config, layout: &Layout) -> Vec<Check> {
    let (level, wanted) = (hearth_sandbox::level(), host::min_level(config));
    let mechanisms = hearth_sandbox::doctor(&host::sandbox_options(config, layout));
    let lacking = hearth_sandbox::shortfall(wanted, &mechanisms);
    let mut checks = vec![reached(level, wanted, &lacking)];
    checks.extend(mechanisms.into_iter().map(|one| {
        let needed = lacking.contains(&one.name);
        check("isolation", one, needed)
    }));
    // A switch that stands in the way of namespaces has shown above.
    checks.extend(hearth_sandbox::kernel_switches(level).into_iter().map(|one| check("kernel", one, false)));
    checks
}

fn reached(level: Level, wanted: Level, lacking: &[String]) -> Check {
    let name = "level";
    if level >= wanted && lacking.is_empty() {
        let check = Check::new("isolation", name, Verdict::Ok, format!("{level}; sandbox.min_level is {wanted}"));
        return check;
    }
    let detail = format!("{level}; sandbox.min_level is {wanted}, which also takes: {}", lacking.join(", "));
    Check::new("isolation", name, Verdict::Missing, detail)
        .advise("see below what is missing, or lower it: hearth serve --min-level user")
}

fn check(area: &'static str, one: Mechanism, needed: bool) -> Check {
    let state = match (one.in_force, needed) {
        (true, _) => Verdict::Ok,
        (false, true) => Verdict::Missing,
        (false, false) => Verdict::Weak,
    };
    Check {
        advice: one.how_to_improve,
        fixes: one.fixes,
        ..Check::new(area, one.name, state, one.detail)
    }
}
