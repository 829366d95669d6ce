//! Lists in pages: the marker names the last of the page before.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hearth_wire::Violations;
use serde::{Deserialize, Serialize};

use super::finish;
use crate::kms::error::{Error, Result};

/// What a request says of the page it wants.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Wanted {
    limit: Option<i64>,
    marker: Option<String>,
}

/// What an answer says of its page.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Said {
    #[serde(skip_serializing_if = "Option::is_none")]
    next_marker: Option<String>,
    truncated: bool,
}

/// The page of `all`, which is sorted by `name`. `usual` are on a page when no limit is given.
pub(super) fn of<T>(all: Vec<T>, wanted: &Wanted, usual: usize, name: impl Fn(&T) -> &str) -> Result<(Vec<T>, Said)> {
    let mut violations = Violations::new();
    if let Some(limit) = wanted.limit {
        violations.range("limit", limit, 1..=1_000);
    }
    finish(violations)?;
    let limit = wanted.limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(usual);
    let after = wanted.marker.as_deref().map(read).transpose()?;
    let mut rest = all.into_iter().filter(|one| after.as_deref().is_none_or(|after| name(one) > after));
    let page: Vec<T> = rest.by_ref().take(limit).collect();
    let truncated = rest.next().is_some();
    let last = page.last().filter(|_| truncated);
    let said = Said {
        next_marker: last.map(|last| URL_SAFE_NO_PAD.encode(name(last))),
        truncated,
    };
    Ok((page, said))
}

fn read(marker: &str) -> Result<String> {
    let text = URL_SAFE_NO_PAD.decode(marker).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    text.ok_or_else(|| Error::InvalidMarker("Could not deserialize marker".to_owned()))
}
