//! What a server says when it is up: a few facts, and what to try next.

use hearth_node::config::{AuthMode, Config};
use hearth_node::{Node, Summary};

use crate::cli::EnvShell;
use crate::client::endpoint_of;
use crate::commands::env;
use crate::commands::version::VERSION;
use crate::exit::Failure;
use crate::output;

/// Where the example lies, from the root of the repository.
const EXAMPLE: &str = "examples/hello-python";
const PACKAGE: &str = "/tmp/hello-python.zip";
const RESULT: &str = "/tmp/hello-python.json";

/// Prints it on standard output; on a terminal with the names less bright than the facts.
pub fn announce(config: &Config, node: &Node) -> Result<(), Failure> {
    let names = if output::is_coloured() { ("\x1b[2m", "\x1b[0m") } else { ("", "") };
    output::line(&text(config, &node.summary(), names))
}

/// `before` and `after` stand around the names of the facts.
fn text(config: &Config, summary: &Summary, (before, after): (&str, &str)) -> String {
    let facts = [
        ("version", VERSION.to_owned()),
        ("endpoint", endpoint_of(summary.listen)),
        ("data folder", summary.data.display().to_string()),
        ("isolation", summary.isolation.clone()),
        ("raised by", raised_by(summary)),
        ("runtimes", runtimes(summary)),
    ];
    let facts = facts.iter().filter(|(_, value)| !value.is_empty());
    let mut lines = vec!["Hearth is up.".to_owned(), String::new()];
    lines.extend(facts.map(|(name, value)| format!("  {before}{name:<12}{after}  {value}")));
    lines.push(String::new());
    lines.extend(try_next(config, summary));
    lines.push(String::new());
    lines.join("\n")
}

/// The first two, which are the ones that raise most; `hearth doctor` has them all.
fn raised_by(summary: &Summary) -> String {
    summary.raised_by.iter().take(2).map(String::as_str).collect::<Vec<_>>().join(", or: ")
}

fn runtimes(summary: &Summary) -> String {
    match summary.runtimes.as_slice() {
        [] => "none found; `hearth runtimes` says what would install them".to_owned(),
        found => found.join(" "),
    }
}

/// Lines to paste as they stand.
fn try_next(config: &Config, summary: &Summary) -> Vec<String> {
    let Some(python) = summary.runtimes.iter().rfind(|id| id.starts_with("python")) else {
        return vec!["Try next: `hearth runtimes`, to see what a Python or Node.js function needs here.".to_owned()];
    };
    if config.auth_mode.value == AuthMode::Enforce {
        let keys = "Callers have to sign with a configured key; `hearth env` prints what else their tools need.";
        return vec![keys.to_owned()];
    }
    let mut variables = env::variables(config, summary.listen);
    // The second version of the AWS CLI would stop at a pager in the middle of the block.
    variables.push(("AWS_PAGER", String::new()));
    let exports = variables.iter().map(|(name, value)| format!("  {}", env::line(EnvShell::Bash, name, value)));
    let mut lines = vec!["Try next, in a second terminal at the root of the repository:".to_owned(), String::new()];
    lines.extend(exports);
    lines.extend([
        format!("  python3 -m zipfile -c {PACKAGE} {EXAMPLE}/app.py"),
        format!(
            "  aws lambda create-function --function-name hello-python --runtime {python} --handler app.handler \\"
        ),
        format!("    --role arn:aws:iam::{}:role/hello --zip-file fileb://{PACKAGE}", config.account.value),
        "  aws lambda wait function-active-v2 --function-name hello-python".to_owned(),
        "  echo '{\"name\": \"you\"}' | aws lambda invoke --function-name hello-python \\".to_owned(),
        "    --payload fileb:///dev/stdin --log-type Tail --query LogResult --output text \\".to_owned(),
        format!("    {RESULT} | base64 --decode; cat {RESULT}; echo"),
    ]);
    lines
}

#[cfg(test)]
mod tests {
    use hearth_node::config::{Flags, Host};

    use super::*;

    fn config() -> Config {
        let host = Host::of([], "/nowhere".into(), true);
        Config::load(&host, &Flags::default()).unwrap()
    }

    fn summary(runtimes: &[&str]) -> Summary {
        Summary {
            listen: config().listen.value,
            data: "/var/lib/hearth".into(),
            isolation: "root".into(),
            raised_by: Vec::new(),
            runtimes: runtimes.iter().map(|&id| id.to_owned()).collect(),
        }
    }

    fn shown(runtimes: &[&str]) -> String {
        text(&config(), &summary(runtimes), ("", ""))
    }

    #[test]
    fn facts_are_aligned() {
        let shown = shown(&["python3.11", "nodejs20.x"]);
        assert!(
            shown.contains("\n  endpoint      http://127.0.0.1:4566\n  data folder   /var/lib/hearth\n"),
            "{shown}"
        );
        assert!(shown.contains("\n  runtimes      python3.11 nodejs20.x\n"), "{shown}");
    }

    #[test]
    fn what_would_raise_the_level_is_named_where_something_would() {
        assert!(!shown(&[]).contains("raised by"));
        let weak = Summary {
            isolation: "user, without memory limit".into(),
            raised_by: vec!["sudo hearth serve".into(), "systemd-run hearth".into(), "a third".into()],
            ..summary(&[])
        };
        let shown = text(&config(), &weak, ("", ""));
        assert!(shown.contains("\n  raised by     sudo hearth serve, or: systemd-run hearth\n"), "{shown}");
    }

    #[test]
    fn the_block_uses_the_newest_python_found() {
        let shown = shown(&["python3.9", "python3.11", "nodejs20.x"]);
        assert!(shown.contains("--runtime python3.11 "), "{shown}");
        assert!(shown.contains("\n  export AWS_ENDPOINT_URL=http://127.0.0.1:4566\n"), "{shown}");
    }

    #[test]
    fn without_python_it_says_where_to_look() {
        assert!(shown(&[]).contains("`hearth runtimes`"));
    }
}
