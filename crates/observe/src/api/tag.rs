//! Tags of log groups, by ARN and (the older three operations) by name.

use std::collections::BTreeMap;
use std::sync::Arc;

use hearth_wire::Violations;
use serde::{Deserialize, Serialize};

use super::{Json, Nothing, Scope, finish};
use crate::error::Result;
use crate::inbox::GroupKey;
use crate::ops::tag;
use crate::store::Store;

/// Source: the service's model, as its errors print it.
const KEY_PATTERN: &str = r"^([\p{L}\p{Z}\p{N}_.:/=+\-@]+)$";
const VALUE_PATTERN: &str = r"^([\p{L}\p{Z}\p{N}_.:/=+\-@]*)$";

#[derive(Debug, Serialize)]
pub(super) struct Tags {
    tags: BTreeMap<String, String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct List {
    resource_arn: Option<String>,
}

pub(super) async fn list(store: Arc<Store>, scope: Scope, input: List) -> Result<Json<Tags>> {
    let key = resource(&scope, input.resource_arn.as_deref())?;
    Ok(Json(Tags {
        tags: tag::list(&store, key).await?,
    }))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Add {
    resource_arn: Option<String>,
    tags: Option<BTreeMap<String, String>>,
}

pub(super) async fn add(store: Arc<Store>, scope: Scope, input: Add) -> Result<Nothing> {
    let key = resource(&scope, input.resource_arn.as_deref())?;
    tag::add(&store, key, required(input.tags)?).await?;
    Ok(Nothing)
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Remove {
    resource_arn: Option<String>,
    tag_keys: Option<Vec<String>>,
}

pub(super) async fn remove(store: Arc<Store>, scope: Scope, input: Remove) -> Result<Nothing> {
    let key = resource(&scope, input.resource_arn.as_deref())?;
    let mut violations = Violations::new();
    violations.required("tagKeys", input.tag_keys.as_ref());
    finish(violations)?;
    tag::remove(&store, key, input.tag_keys.unwrap_or_default()).await?;
    Ok(Nothing)
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ListOfGroup {
    log_group_name: Option<String>,
}

pub(super) async fn list_of_group(store: Arc<Store>, scope: Scope, input: ListOfGroup) -> Result<Json<Tags>> {
    let key = scope.group(input.log_group_name.as_deref())?;
    Ok(Json(Tags {
        tags: tag::list(&store, key).await?,
    }))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct AddToGroup {
    log_group_name: Option<String>,
    tags: Option<BTreeMap<String, String>>,
}

pub(super) async fn add_to_group(store: Arc<Store>, scope: Scope, input: AddToGroup) -> Result<Nothing> {
    let key = scope.group(input.log_group_name.as_deref())?;
    tag::add(&store, key, required(input.tags)?).await?;
    Ok(Nothing)
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RemoveFromGroup {
    log_group_name: Option<String>,
    tags: Option<Vec<String>>,
}

pub(super) async fn remove_from_group(store: Arc<Store>, scope: Scope, input: RemoveFromGroup) -> Result<Nothing> {
    let key = scope.group(input.log_group_name.as_deref())?;
    let mut violations = Violations::new();
    violations.required("tags", input.tags.as_ref());
    finish(violations)?;
    tag::remove(&store, key, input.tags.unwrap_or_default()).await?;
    Ok(Nothing)
}

fn resource(scope: &Scope, arn: Option<&str>) -> Result<GroupKey> {
    let mut violations = Violations::new();
    violations.required("resourceArn", arn.as_ref());
    finish(violations)?;
    scope.arn("resourceArn", arn.unwrap_or_default())
}

fn required(tags: Option<BTreeMap<String, String>>) -> Result<BTreeMap<String, String>> {
    let mut violations = Violations::new();
    violations.required("tags", tags.as_ref());
    finish(violations)?;
    let tags = tags.unwrap_or_default();
    check(&tags)?;
    Ok(tags)
}

/// Names and values of tags that are to be set.
pub(super) fn check(tags: &BTreeMap<String, String>) -> Result<()> {
    let mut violations = Violations::new();
    let shown = || hearth_wire::validation::map(tags.iter().map(|(key, value)| (key.as_str(), value.as_str())));
    if tags.len() > tag::MOST {
        violations.size("tags", &shown(), tags.len(), 0..=tag::MOST);
    }
    for (key, value) in tags {
        violations.length("tags", key, 1..=128);
        violations.pattern("tags", key, KEY_PATTERN, !key.is_empty() && is_tag_text(key));
        violations.length_max("tags", value, 256);
        violations.pattern("tags", value, VALUE_PATTERN, is_tag_text(value));
    }
    finish(violations)
}

fn is_tag_text(text: &str) -> bool {
    text.chars().all(|c| c.is_alphanumeric() || c == ' ' || "_.:/=+-@".contains(c))
}
