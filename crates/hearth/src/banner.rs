//! What a server says when it is up.

use hearth_node::Node;
use hearth_node::config::Config;

use crate::client::endpoint_of;
use crate::commands::version::VERSION;
use crate::exit::Failure;
use crate::output;

/// Prints the facts, aligned.
pub fn announce(_config: &Config, node: &Node) -> Result<(), Failure> {
    let facts = [
        ("version", VERSION.to_owned()),
        ("endpoint", endpoint_of(node.listen())),
        ("data folder", node.data().display().to_string()),
    ];
    let lines: Vec<String> = facts.iter().map(|(name, value)| format!("  {name:<14}{value}")).collect();
    output::line(&format!("Hearth\n{}", lines.join("\n")))
}
