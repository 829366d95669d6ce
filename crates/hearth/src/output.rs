//! What commands print: text, tables and JSON on standard output, complaints on standard error.

use std::io::{ErrorKind, IsTerminal, Write};

use clap::ValueEnum;
use serde::Serialize;

use crate::exit::{Exit, Failure};

/// How a command answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Table,
    /// For programs; members are added, never renamed.
    Json,
}

/// Whether colour is welcome on standard output: see <https://no-color.org>.
pub fn is_coloured() -> bool {
    std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// Writes to standard output. A reader that has gone ends the command quietly.
pub fn write(bytes: &[u8]) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    let done = out.write_all(bytes).and_then(|()| out.flush());
    done.map_err(|e| match e.kind() {
        ErrorKind::BrokenPipe => Failure::unheard(),
        _ => Failure::new(Exit::Internal, format!("failed to write to standard output: {e}")),
    })
}

/// One line, or several, with a line end behind it.
pub fn line(text: &str) -> Result<(), Failure> {
    write(format!("{text}\n").as_bytes())
}

pub fn json(value: &impl Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(value)
        .map_err(|e| Failure::new(Exit::Internal, format!("failed to render the answer: {e}")))?;
    line(&text)
}

/// Aligned columns without rules.
pub fn table(header: &[&str], rows: &[Vec<String>]) -> Result<(), Failure> {
    line(&columns(header, rows))
}

fn columns(header: &[&str], rows: &[Vec<String>]) -> String {
    let header = header.iter().map(|&title| title.to_owned()).collect();
    let all: Vec<&Vec<String>> = std::iter::once(&header).chain(rows).collect();
    let width = |column: usize| all.iter().map(|row| row.get(column).map_or(0, |cell| cell.chars().count())).max();
    let widths: Vec<usize> = (0..header.len()).filter_map(width).collect();
    let aligned = |row: &&Vec<String>| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    all.iter().map(aligned).collect::<Vec<_>>().join("\n")
}

/// A line on standard error.
#[allow(clippy::print_stderr)] // The one place where people are told that something failed.
pub fn complain(message: &str) {
    eprintln!("hearth: {message}");
}

/// Text on standard error that is not a complaint: a function's log.
pub fn aside(text: &str) {
    let mut err = std::io::stderr().lock();
    // A closed standard error leaves nobody to tell.
    let _ = err.write_all(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_and_lines_end_with_their_text() {
        let rows = [vec!["listen".to_owned(), "127.0.0.1:4566".to_owned()], vec!["data".to_owned(), String::new()]];
        assert_eq!(columns(&["KEY", "VALUE"], &rows), "KEY     VALUE\nlisten  127.0.0.1:4566\ndata");
    }
}
