//! ListFunctions.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hearth_model::FunctionName;
use hearth_wire::Caller;

use crate::Lambda;
use crate::error::Error;
use crate::snapshot::Entry;

/// A wish that has passed the model's constraints.
pub(crate) struct ListFunctions {
    /// Versions, too; they are shown with their qualified ARN.
    pub(crate) all_versions: bool,
    /// `ALL`, or the region of Lambda@Edge masters.
    pub(crate) master_region: Option<String>,
    pub(crate) marker: Option<String>,
    pub(crate) limit: Option<i64>,
}

/// A page, by name, and the marker of the next one.
pub(crate) struct Page {
    pub(crate) entries: Vec<Arc<Entry>>,
    pub(crate) next_marker: Option<String>,
}

/// The service gives no more at once, whatever was asked for.
const PAGE_MAX: usize = 50;
/// Says what a marker is of, so that another list's is refused.
const MARKER_PREFIX: &str = "function:";

pub(crate) fn run(lambda: &Lambda, caller: &Caller, wish: &ListFunctions) -> Result<Page, Error> {
    let after = wish.marker.as_deref().map(decode_marker).transpose()?;
    if let Some(region) = &wish.master_region {
        if !wish.all_versions {
            return Err(Error::InvalidParameter("MasterRegion requires FunctionVersion to be ALL.".to_owned()));
        }
        // A region selects replicas of Lambda@Edge functions, and there are none here.
        if region != "ALL" {
            return Ok(Page {
                entries: Vec::new(),
                next_marker: None,
            });
        }
    }
    let limit = wish.limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(PAGE_MAX).min(PAGE_MAX);
    // One more than shown tells whether there is a next page.
    let snapshot = &lambda.functions.snapshot;
    let mut entries = snapshot.page(&caller.account, &caller.region, after.as_deref(), limit + 1);
    let has_more = entries.len() > limit;
    entries.truncate(limit);
    let next_marker = entries.last().filter(|_| has_more).map(|last| encode_marker(last.key.name.as_str()));
    Ok(Page { entries, next_marker })
}

fn encode_marker(name: &str) -> String {
    URL_SAFE_NO_PAD.encode(format!("{MARKER_PREFIX}{name}"))
}

fn decode_marker(marker: &str) -> Result<String, Error> {
    let bytes = URL_SAFE_NO_PAD.decode(marker).ok();
    let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
    let name = text.as_deref().and_then(|text| text.strip_prefix(MARKER_PREFIX)).and_then(FunctionName::parse);
    name.map(|name| name.to_string())
        .ok_or_else(|| Error::InvalidParameter("Marker is not one that ListFunctions gave.".to_owned()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn markers_lead_back_to_their_name(name in "[a-zA-Z0-9_-]{1,64}") {
            prop_assert_eq!(decode_marker(&encode_marker(&name)).ok(), Some(name));
        }

        #[test]
        fn other_text_is_refused(text in "\\PC{0,40}") {
            let _ = decode_marker(&text);
            let spoiled = text + "!";
            prop_assert!(decode_marker(&spoiled).is_err());
        }
    }
}
