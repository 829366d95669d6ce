//! Tracing start-up: human lines on a terminal, JSON lines otherwise.

use std::io::IsTerminal;

use tracing_subscriber::{EnvFilter, fmt};

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogStyle {
    /// Human when standard error is a terminal, JSON otherwise.
    Auto,
    Human,
    Json,
}

/// Starts logging to standard error. `filter` has the form of `RUST_LOG`, e.g. `info` or
/// `hearth_invoke=debug,info`. A second call changes nothing.
///
/// # Errors
/// The filter's defect, when it cannot be parsed.
pub fn start(filter: &str, style: LogStyle) -> Result<(), String> {
    let filter = EnvFilter::try_new(filter)
        .map_err(|e| format!("log filter {filter:?} is not of the form level or target=level: {e}"))?;
    let human = match style {
        LogStyle::Auto => std::io::stderr().is_terminal(),
        LogStyle::Human => true,
        LogStyle::Json => false,
    };
    // Colours are for eyes: none in a file, however human the style.
    let base = fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(std::io::stderr().is_terminal());
    // An error here means that a subscriber is set already: a test started it.
    let _ = if human { base.with_target(false).try_init() } else { base.json().flatten_event(true).try_init() };
    log_panics();
    Ok(())
}

/// Routes panics through tracing, so that they reach the same place as every other line.
fn log_panics() {
    std::panic::set_hook(Box::new(|info| {
        let thread = std::thread::current().name().unwrap_or("unnamed").to_owned();
        tracing::error!(thread, "panic: {info}");
    }));
}
