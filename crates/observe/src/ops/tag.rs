//! Tags of log groups.

use std::collections::BTreeMap;

use crate::db::tags;
use crate::error::{LogsError, Result};
use crate::inbox::GroupKey;
use crate::store::Store;

use super::require_group;

/// Source: `TagResource`, "up to 50 tags".
pub(crate) const MOST: usize = 50;

/// A group's tags.
///
/// # Errors
/// `GroupMissing`.
pub(crate) async fn list(store: &Store, key: GroupKey) -> Result<BTreeMap<String, String>> {
    let scope = key.clone();
    store
        .read_group(&scope, move |connection| {
            let group = require_group(connection, &key)?;
            Ok(tags::all(connection, group.id)?)
        })
        .await
}

/// Adds tags, or gives those there are another value.
///
/// # Errors
/// `GroupMissing`, `TooManyTags`.
pub(crate) async fn add(store: &Store, key: GroupKey, more: BTreeMap<String, String>) -> Result<()> {
    let scope = key.clone();
    store
        .change(&scope, move |connection, _| {
            let group = require_group(connection, &key)?;
            let there = tags::all(connection, group.id)?;
            let new = more.keys().filter(|name| !there.contains_key(*name)).count();
            if there.len() + new > MOST {
                return Err(LogsError::TooManyTags {
                    found: there.len(),
                    most: MOST,
                });
            }
            for (name, value) in &more {
                tags::set(connection, group.id, name, value)?;
            }
            Ok(())
        })
        .await
}

/// Removes tags.
///
/// # Errors
/// `GroupMissing`.
pub(crate) async fn remove(store: &Store, key: GroupKey, names: Vec<String>) -> Result<()> {
    let scope = key.clone();
    store
        .change(&scope, move |connection, _| {
            let group = require_group(connection, &key)?;
            for name in &names {
                tags::remove(connection, group.id, name)?;
            }
            Ok(())
        })
        .await
}
