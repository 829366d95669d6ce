//! The members of lists: `Marker` and `MaxItems`.

use hearth_wire::Request;
use hearth_wire::validation::Violations;

use crate::error::Error;
use crate::ops::page::Wish;

/// Notes a limit beyond `max`.
///
/// # Errors
/// A limit that is no number.
pub(super) fn parse(request: &Request, violations: &mut Violations, max: i64) -> Result<Wish, Error> {
    let limit =
        request.query("MaxItems").map(|text| text.parse::<i64>().map_err(|_| not_a_number(text))).transpose()?;
    if let Some(limit) = limit {
        violations.range("maxItems", limit, 1..=max);
    }
    Ok(Wish {
        // An empty marker is where a list begins.
        marker: request.query("Marker").filter(|marker| !marker.is_empty()).map(ToOwned::to_owned),
        limit,
    })
}

fn not_a_number(text: &str) -> Error {
    Error::WrongShape(format!("MaxItems: expected an integer, found {text:?}"))
}
