//! ListFunctions and ListVersionsByFunction.

use std::sync::Arc;

use hearth_model::{FunctionKey, FunctionName, Version};
use hearth_wire::Caller;

use crate::Lambda;
use crate::error::Error;
use crate::ops::page::{self, List, Page};
use crate::snapshot::Entry;
use crate::target::{self, Use};

/// A wish that has passed the model's constraints.
pub(crate) struct ListFunctions {
    /// Versions, too; they are shown with their qualified ARN.
    pub(crate) all_versions: bool,
    /// `ALL`, or the region of Lambda@Edge masters.
    pub(crate) master_region: Option<String>,
    pub(crate) page: page::Wish,
}

/// A version of a function, `$LATEST` included.
pub(crate) type Listed = (Arc<Entry>, Version);

const FUNCTIONS: List = List {
    kind: "function",
    operation: "ListFunctions",
};
const VERSIONS: List = List {
    kind: "version",
    operation: "ListVersionsByFunction",
};

/// Functions by name; with versions, each function's `$LATEST` first and then by number.
pub(crate) fn run(lambda: &Lambda, caller: &Caller, wish: &ListFunctions) -> Result<Page<Listed>, Error> {
    let after = FUNCTIONS.after(&wish.page)?.map(|item| parse_item(&item).ok_or_else(|| FUNCTIONS.foreign()));
    let after = after.transpose()?;
    if let Some(region) = &wish.master_region {
        if !wish.all_versions {
            return Err(Error::InvalidParameter("MasterRegion requires FunctionVersion to be ALL.".to_owned()));
        }
        // A region selects replicas of Lambda@Edge functions, and there are none here.
        if region != "ALL" {
            return Ok(Page {
                items: Vec::new(),
                next_marker: None,
            });
        }
    }
    let snapshot = &lambda.functions.snapshot;
    // Each function has one item at least, and one more than shown tells of a next page.
    let count = page::limit(&wish.page) + 1;
    let name = after.as_ref().map(|(name, _)| name.as_str());
    let next = snapshot.page(&caller.account, &caller.region, name, count);
    if !wish.all_versions {
        let items = next.into_iter().map(|entry| (entry, Version::Latest));
        return Ok(FUNCTIONS.cut(&wish.page, items, item));
    }
    // A page may have ended amid a function's versions.
    let begun = after.and_then(|(name, shown)| {
        let key = FunctionKey {
            account: caller.account.clone(),
            region: caller.region.clone(),
            name,
        };
        Some((snapshot.get(&key)?, shown))
    });
    let rest = begun.into_iter().flat_map(|(entry, shown)| versions_after(&entry, Some(shown)));
    let items = rest.chain(next.iter().flat_map(|entry| versions_after(entry, None)));
    Ok(FUNCTIONS.cut(&wish.page, items, item))
}

/// The versions of one function.
pub(crate) fn versions(lambda: &Lambda, caller: &Caller, name: &str, wish: &page::Wish) -> Result<Page<Listed>, Error> {
    let target = target::resolve(caller, Use::Read, name, None, "ListVersionsByFunction")?;
    target::refuse_version(&target)?;
    let after = VERSIONS.after(wish)?.map(|item| parse_version(&item).ok_or_else(|| VERSIONS.foreign())).transpose()?;
    let entry = lambda.functions.get(&target.key).ok_or(Error::FunctionNotFound { arn: target.arn })?;
    Ok(VERSIONS.cut(wish, versions_after(&entry, after), |(_, version)| version.to_string()))
}

fn versions_after(entry: &Arc<Entry>, after: Option<Version>) -> Vec<Listed> {
    let versions = entry.record.editions().map(|(version, _)| version);
    versions.filter(|version| after.is_none_or(|after| *version > after)).map(|v| (Arc::clone(entry), v)).collect()
}

fn item((entry, version): &Listed) -> String {
    format!("{}:{version}", entry.key.name)
}

fn parse_item(item: &str) -> Option<(FunctionName, Version)> {
    let (name, version) = item.split_once(':')?;
    Some((FunctionName::parse(name)?, parse_version(version)?))
}

fn parse_version(text: &str) -> Option<Version> {
    if text == "$LATEST" { Some(Version::Latest) } else { text.parse().ok().map(Version::Number) }
}
