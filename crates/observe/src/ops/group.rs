//! Log groups: made, described, kept, removed.

use std::collections::BTreeMap;

use crate::db::catalogue::{self, Group, GroupsWanted};
use crate::db::tags;
use crate::error::{LogsError, Result};
use crate::inbox::GroupKey;
use crate::store::Store;

use super::require_group;

/// Makes a group.
///
/// # Errors
/// `GroupExists`.
pub(crate) async fn create(
    store: &Store,
    key: GroupKey,
    labels: BTreeMap<String, String>,
    protected: bool,
) -> Result<()> {
    let scope = key.clone();
    store
        .change(&scope, move |connection, now_ms| {
            if catalogue::group_id(connection, &key)?.is_some() {
                return Err(LogsError::GroupExists);
            }
            let group_id = catalogue::insert_group(connection, &key, now_ms, protected)?;
            for (name, value) in &labels {
                tags::set(connection, group_id, name, value)?;
            }
            Ok(())
        })
        .await
}

/// Removes a group and everything in it.
///
/// # Errors
/// `GroupMissing`; `Refused` when the group is protected.
pub(crate) async fn delete(store: &Store, key: GroupKey) -> Result<()> {
    let scope = key.clone();
    store
        .remove(&scope, move |connection| {
            let group = require_group(connection, &key)?;
            if group.protected {
                return Err(LogsError::Refused(
                    "The log group has deletion protection; turn it off with PutLogGroupDeletionProtection first."
                        .to_owned(),
                ));
            }
            Ok(catalogue::delete_group(connection, group.id)?)
        })
        .await
}

/// Sets or ends a group's retention.
///
/// # Errors
/// `GroupMissing`.
pub(crate) async fn retain(store: &Store, key: GroupKey, days: Option<i64>) -> Result<()> {
    let scope = key.clone();
    store
        .remove(&scope, move |connection| {
            let group = require_group(connection, &key)?;
            Ok(catalogue::set_retention(connection, group.id, days)?)
        })
        .await
}

/// Turns protection against deletion on or off.
///
/// # Errors
/// `GroupMissing`.
pub(crate) async fn protect(store: &Store, key: GroupKey, protected: bool) -> Result<()> {
    let scope = key.clone();
    store
        .change(&scope, move |connection, _| {
            let group = require_group(connection, &key)?;
            Ok(catalogue::set_protected(connection, group.id, protected)?)
        })
        .await
}

/// Which groups are asked for.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    pub(crate) account: String,
    pub(crate) region: String,
    pub(crate) prefix: String,
    pub(crate) part: String,
    pub(crate) after: Option<String>,
    pub(crate) limit: usize,
}

/// Groups in order of name, and whether there are more.
pub(crate) async fn describe(store: &Store, wanted: Wanted) -> Result<(Vec<Group>, bool)> {
    store
        .read_all(move |connection| {
            let mut groups = catalogue::groups(
                connection,
                GroupsWanted {
                    account: &wanted.account,
                    region: &wanted.region,
                    prefix: &wanted.prefix,
                    part: &wanted.part,
                    after: wanted.after.as_deref(),
                    limit: wanted.limit + 1,
                },
            )?;
            let more = groups.len() > wanted.limit;
            groups.truncate(wanted.limit);
            Ok((groups, more))
        })
        .await
}

/// The groups of these names that there are, in order of name.
pub(crate) async fn describe_named(store: &Store, mut keys: Vec<GroupKey>) -> Result<Vec<Group>> {
    keys.sort_by(|a, b| a.group.cmp(&b.group));
    keys.dedup();
    store
        .read_all(move |connection| {
            let mut groups = Vec::new();
            for key in &keys {
                groups.extend(catalogue::group(connection, key)?);
            }
            Ok(groups)
        })
        .await
}
