//! Lists in pages: the marker names the last of the page before.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hearth_wire::Violations;
use serde::Deserialize;
use serde::ser::{Serialize, SerializeMap, Serializer};

use super::finish;
use crate::kms::error::{Error, Result};

/// What a request says of the page it wants.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Wanted {
    limit: Option<i64>,
    marker: Option<String>,
}

/// The page that is wanted of what belongs to a key.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct OfKey {
    pub(super) key_id: Option<String>,
    #[serde(flatten)]
    pub(super) page: Wanted,
}

/// A page as it is answered: its items under the member of their kind, and whether more follow.
#[derive(Debug)]
pub(super) struct Listed<T> {
    member: &'static str,
    items: Vec<T>,
    next_marker: Option<String>,
}

impl<T> Listed<T> {
    /// Each item as it is shown.
    pub(super) fn map<S>(self, show: impl FnMut(T) -> S) -> Listed<S> {
        Listed {
            member: self.member,
            items: self.items.into_iter().map(show).collect(),
            next_marker: self.next_marker,
        }
    }
}

impl<T: Serialize> Serialize for Listed<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let mut members = serializer.serialize_map(None)?;
        members.serialize_entry(self.member, &self.items)?;
        if let Some(marker) = &self.next_marker {
            members.serialize_entry("NextMarker", marker)?;
        }
        members.serialize_entry("Truncated", &self.next_marker.is_some())?;
        members.end()
    }
}

/// The page of `all`, which is sorted by `name`, as the answer's `member`. `usual` are on a page when
/// no limit is given.
pub(super) fn of<T>(
    member: &'static str,
    all: Vec<T>,
    wanted: &Wanted,
    usual: usize,
    name: impl Fn(&T) -> &str,
) -> Result<Listed<T>> {
    let mut violations = Violations::new();
    if let Some(limit) = wanted.limit {
        violations.range("limit", limit, 1..=1_000);
    }
    finish(violations)?;
    let limit = wanted.limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(usual);
    let after = wanted.marker.as_deref().map(read).transpose()?;
    let mut rest = all.into_iter().filter(|one| after.as_deref().is_none_or(|after| name(one) > after));
    let items: Vec<T> = rest.by_ref().take(limit).collect();
    let more = rest.next().is_some();
    let next_marker = items.last().filter(|_| more).map(|last| URL_SAFE_NO_PAD.encode(name(last)));
    Ok(Listed { member, items, next_marker })
}

fn read(marker: &str) -> Result<String> {
    let text = URL_SAFE_NO_PAD.decode(marker).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    text.ok_or_else(|| Error::InvalidMarker("Could not deserialize marker".to_owned()))
}
