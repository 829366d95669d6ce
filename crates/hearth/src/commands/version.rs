//! `hearth version`.

use serde_json::json;

use crate::cli::Answer;
use crate::exit::{Exit, Failure};
use crate::output::{self, Format};

pub const VERSION: &str = env!("CARGO_PKG_VERSION");

pub fn run(answer: &Answer) -> Result<Exit, Failure> {
    match answer.output {
        Format::Table => output::line(&format!("hearth {VERSION}"))?,
        Format::Json => output::json(&json!({
            "name": "hearth",
            "version": VERSION,
            "architecture": std::env::consts::ARCH,
        }))?,
    }
    Ok(Exit::Ok)
}
