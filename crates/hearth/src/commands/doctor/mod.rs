//! `hearth doctor`: what this host offers, what it lacks, and what would mend that.

mod fix;
mod host;
mod isolation;
mod show;

use hearth_node::Layout;
use hearth_node::config::Config;
use hearth_sandbox::Fix;
use serde::Serialize;
use serde_json::json;

use crate::cli::Doctor;
use crate::exit::{Exit, Failure};
use crate::output::{self, Format};

/// One thing looked at.
#[derive(Debug, Serialize)]
struct Check {
    area: &'static str,
    name: String,
    state: Verdict,
    detail: String,
    /// The command or change that would mend it.
    advice: Option<String>,
    /// What `--fix` may do about it.
    #[serde(skip)]
    fixes: Vec<Fix>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Verdict {
    Ok,
    /// Hearth runs, and would run better or safer.
    Weak,
    /// Hearth does not run.
    Missing,
}

impl Verdict {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Weak => "weak",
            Self::Missing => "MISSING",
        }
    }
}

impl Check {
    fn new(area: &'static str, name: impl Into<String>, state: Verdict, detail: impl Into<String>) -> Self {
        Self {
            area,
            name: name.into(),
            state,
            detail: detail.into(),
            advice: None,
            fixes: Vec::new(),
        }
    }

    fn advise(self, advice: impl Into<String>) -> Self {
        Self {
            advice: Some(advice.into()),
            ..self
        }
    }
}

pub fn run(args: &Doctor) -> Result<Exit, Failure> {
    let config = args.settings.load()?;
    let layout = Layout::of(&config.data.value);
    let mut checks = examine(&config, &layout);
    let mut outcomes = None;
    if args.fix {
        let done = fix::apply(&checks, args.dry_run);
        if done.iter().any(|outcome| outcome.result == fix::Change::Made) {
            // What holds now.
            checks = examine(&config, &layout);
        }
        outcomes = Some(done);
    }
    let sound = checks.iter().all(|check| check.state != Verdict::Missing);
    let failed = outcomes.iter().flatten().any(|outcome| outcome.result == fix::Change::Failed);
    match args.answer.output {
        Format::Table => show::report(&checks, outcomes.as_deref())?,
        Format::Json => {
            let mut answer = json!({
                "ok": sound,
                "level": hearth_sandbox::level().to_string(),
                "checks": checks,
            });
            if let Some(outcomes) = &outcomes {
                answer["fixes"] = json!(outcomes);
            }
            output::json(&answer)?;
        }
    }
    Ok(if sound && !failed { Exit::Ok } else { Exit::Failed })
}

fn examine(config: &Config, layout: &Layout) -> Vec<Check> {
    // First, while there are no other threads: it makes processes that end at once.
    let mut checks = isolation::checks(config, layout);
    checks.extend(host::checks(config, layout));
    checks
}
