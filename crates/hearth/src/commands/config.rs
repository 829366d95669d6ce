//! `hearth config show`: each effective value and its origin, secrets left out.

use hearth_node::config::show;

use crate::cli::Report;
use crate::exit::{Exit, Failure};
use crate::output::{self, Format};

pub fn show(args: &Report) -> Result<Exit, Failure> {
    let config = args.settings.load()?;
    let rows = show::rows(&config);
    match args.answer.output {
        Format::Table => {
            let cells: Vec<_> =
                rows.iter().map(|row| vec![row.key.to_owned(), row.text(), row.origin.clone()]).collect();
            output::table(&["KEY", "VALUE", "ORIGIN"], &cells)?;
        }
        Format::Json => output::json(&rows)?,
    }
    Ok(Exit::Ok)
}
