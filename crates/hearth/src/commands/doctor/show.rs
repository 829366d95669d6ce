//! The report for people: one line for each thing, then the commands that mend what is not well.

use super::fix::{Change, Outcome};
use super::{Check, Verdict};
use crate::exit::Failure;
use crate::output;

pub fn report(checks: &[Check], fixes: Option<&[Outcome]>) -> Result<(), Failure> {
    let paint = Paint(output::is_coloured());
    let mut text = fixes.map(|outcomes| fixed(outcomes, paint)).unwrap_or_default();
    text += &listed(checks, paint);
    text += &advice(checks, paint);
    text += &summary(checks, fixes.is_some());
    output::line(&text)
}

#[derive(Clone, Copy)]
struct Paint(bool);

impl Paint {
    fn on(self, colour: &str, text: &str) -> String {
        if self.0 { format!("\x1b[{colour}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

const GREEN: &str = "32";
const YELLOW: &str = "33";
const RED: &str = "31";
const DIM: &str = "2";

/// A word in a column: padded before it is painted, so that columns stay aligned.
fn word(text: &str, width: usize, colour: &str, paint: Paint) -> String {
    paint.on(colour, &format!("{text:<width$}"))
}

fn listed(checks: &[Check], paint: Paint) -> String {
    let width = checks.iter().map(|check| check.name.chars().count()).max().unwrap_or(0);
    let mut text = String::new();
    let mut area = "";
    for check in checks {
        if check.area != area {
            area = check.area;
            text += &format!("{}{area}\n", if text.is_empty() { "" } else { "\n" });
        }
        let colour = match check.state {
            Verdict::Ok => GREEN,
            Verdict::Weak => YELLOW,
            Verdict::Missing => RED,
        };
        text +=
            &format!("  {}  {:<width$}  {}\n", word(check.state.as_str(), 7, colour, paint), check.name, check.detail);
    }
    text
}

/// Each command once, with what it mends: one often mends several.
fn advice(checks: &[Check], paint: Paint) -> String {
    let mut commands: Vec<(&str, Vec<&str>)> = Vec::new();
    for check in checks {
        let Some(advice) = check.advice.as_deref() else { continue };
        match commands.iter_mut().find(|(command, _)| *command == advice) {
            Some((_, names)) => names.push(&check.name),
            None => commands.push((advice, vec![&check.name])),
        }
    }
    let mut text = String::new();
    for (command, names) in &commands {
        text += &format!("  {command}\n      {}\n", paint.on(DIM, &format!("for: {}", names.join(", "))));
    }
    if text.is_empty() { text } else { format!("\nto change it\n{text}") }
}

fn fixed(outcomes: &[Outcome], paint: Paint) -> String {
    if outcomes.is_empty() {
        return "fixes\n  none: nothing is wrong that can be changed safely\n\n".to_owned();
    }
    let mut text = "fixes\n".to_owned();
    for one in outcomes {
        let colour = match one.result {
            Change::Made => GREEN,
            Change::Would | Change::NeedsRoot => YELLOW,
            Change::Failed => RED,
        };
        text += &format!("  {}  {}  (for: {})\n", word(one.result.as_str(), 10, colour, paint), one.command, one.mends);
        for more in one.problem.iter().cloned().chain(one.keep.iter().map(|keep| format!("to keep it: {keep}"))) {
            text += &format!("{:<14}{}\n", "", paint.on(DIM, &more));
        }
    }
    if outcomes.iter().any(|one| one.result == Change::NeedsRoot) {
        text += "  To do these: sudo hearth doctor --fix\n";
    }
    text + "\n"
}

fn summary(checks: &[Check], fixing: bool) -> String {
    let count = |state: Verdict| checks.iter().filter(|check| check.state == state).count();
    let (weak, missing) = (count(Verdict::Weak), count(Verdict::Missing));
    let mut text = match (missing, weak) {
        (0, 0) => "\nAll is well.".to_owned(),
        (0, weak) => format!("\nHearth runs here; {weak} of {} are weaker than they could be.", checks.len()),
        (missing, weak) => format!("\nHearth does not run here: {missing} missing, {weak} weak of {}.", checks.len()),
    };
    if !fixing && checks.iter().any(|check| !check.fixes.is_empty()) {
        text += " `hearth doctor --fix` changes what is safe to change; add --dry-run to see it first.";
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_aligned_and_each_command_is_told_once() {
        let weak = |name: &str| Check::new("isolation", name, Verdict::Weak, "none").advise("sudo hearth serve");
        let checks = [
            Check::new("isolation", "level", Verdict::Ok, "user"),
            weak("memory limit"),
            weak("cpu quota"),
            Check::new("host", "port", Verdict::Missing, "taken").advise("choose another"),
        ];
        let shown = listed(&checks, Paint(false)) + &advice(&checks, Paint(false)) + &summary(&checks, false);
        let expected = "isolation
  ok       level         user
  weak     memory limit  none
  weak     cpu quota     none

host
  MISSING  port          taken

to change it
  sudo hearth serve
      for: memory limit, cpu quota
  choose another
      for: port

Hearth does not run here: 1 missing, 2 weak of 4.";
        assert_eq!(shown, expected);
    }
}
