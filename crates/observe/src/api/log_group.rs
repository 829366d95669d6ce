//! Log groups.

use std::collections::BTreeMap;
use std::sync::Arc;

use hearth_wire::Violations;
use serde::{Deserialize, Serialize};

use super::{Json, Nothing, Scope, finish, identifier, limit, tag, token};
use crate::db::catalogue::Group;
use crate::error::{LogsError, Result};
use crate::inbox::GroupKey;
use crate::ops::group;
use crate::store::Store;

const LIMIT: i64 = 50;
const CLASSES: [&str; 3] = ["STANDARD", "INFREQUENT_ACCESS", "DELIVERY"];
/// Source: the service's model.
const RETENTION_DAYS: [i64; 22] =
    [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653];

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Create {
    log_group_name: Option<String>,
    kms_key_id: Option<String>,
    tags: Option<BTreeMap<String, String>>,
    log_group_class: Option<String>,
    deletion_protection_enabled: Option<bool>,
}

pub(super) async fn create(store: Arc<Store>, scope: Scope, input: Create) -> Result<Nothing> {
    let key = scope.group(input.log_group_name.as_deref())?;
    if input.kms_key_id.is_some() {
        return Err(LogsError::invalid("kmsKeyId: Hearth does not encrypt log groups yet; leave it out."));
    }
    check_class(input.log_group_class.as_deref())?;
    let tags = input.tags.unwrap_or_default();
    tag::check(&tags)?;
    group::create(&store, key, tags, input.deletion_protection_enabled.unwrap_or(false)).await?;
    Ok(Nothing)
}

fn check_class(class: Option<&str>) -> Result<()> {
    let class = class.unwrap_or("STANDARD");
    let mut violations = Violations::new();
    violations.enum_set("logGroupClass", class, &CLASSES);
    finish(violations)?;
    if class != "STANDARD" {
        return Err(LogsError::invalid(format!(
            "logGroupClass: Hearth has log groups of class STANDARD, not {class}."
        )));
    }
    Ok(())
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Named {
    log_group_name: Option<String>,
}

pub(super) async fn delete(store: Arc<Store>, scope: Scope, input: Named) -> Result<Nothing> {
    group::delete(&store, scope.group(input.log_group_name.as_deref())?).await?;
    Ok(Nothing)
}

pub(super) async fn delete_retention(store: Arc<Store>, scope: Scope, input: Named) -> Result<Nothing> {
    group::retain(&store, scope.group(input.log_group_name.as_deref())?, None).await?;
    Ok(Nothing)
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PutRetention {
    log_group_name: Option<String>,
    retention_in_days: Option<i64>,
}

pub(super) async fn put_retention(store: Arc<Store>, scope: Scope, input: PutRetention) -> Result<Nothing> {
    let key = scope.group(input.log_group_name.as_deref())?;
    let mut violations = Violations::new();
    violations.required("retentionInDays", input.retention_in_days.as_ref());
    if let Some(days) = input.retention_in_days {
        let words = RETENTION_DAYS.map(|days| days.to_string());
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        violations.enum_set("retentionInDays", &days.to_string(), &words);
    }
    finish(violations)?;
    group::retain(&store, key, input.retention_in_days).await?;
    Ok(Nothing)
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Protect {
    log_group_identifier: Option<String>,
    deletion_protection_enabled: Option<bool>,
}

pub(super) async fn protect(store: Arc<Store>, scope: Scope, input: Protect) -> Result<Nothing> {
    let mut violations = Violations::new();
    violations.required("logGroupIdentifier", input.log_group_identifier.as_ref());
    violations.required("deletionProtectionEnabled", input.deletion_protection_enabled.as_ref());
    finish(violations)?;
    let identifier = input.log_group_identifier.unwrap_or_default();
    let key = scope.identified("logGroupIdentifier", &identifier)?;
    group::protect(&store, key, input.deletion_protection_enabled.unwrap_or(false)).await?;
    Ok(Nothing)
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Describe {
    account_identifiers: Option<Vec<String>>,
    log_group_name_prefix: Option<String>,
    log_group_name_pattern: Option<String>,
    next_token: Option<String>,
    limit: Option<i64>,
    log_group_class: Option<String>,
    log_group_identifiers: Option<Vec<String>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Groups {
    log_groups: Vec<LogGroup>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct LogGroup {
    log_group_name: String,
    creation_time: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    retention_in_days: Option<i64>,
    metric_filter_count: u32,
    arn: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    stored_bytes: Option<u64>,
    log_group_class: &'static str,
    log_group_arn: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    deletion_protection_enabled: Option<bool>,
}

/// `includeLinkedAccounts` needs no look: no account is linked to another here, so that the answer
/// is the same either way.
pub(super) async fn describe(store: Arc<Store>, scope: Scope, input: Describe) -> Result<Json<Groups>> {
    let limit = limit(input.limit, LIMIT)?;
    let prefix = input.log_group_name_prefix.as_deref();
    let part = input.log_group_name_pattern.as_deref();
    check_names(prefix, part, input.log_group_identifiers.is_some())?;
    let after = input.next_token.as_deref().map(token::text).transpose()?;
    if nothing_fits(&scope, &input)? {
        return Ok(Json(Groups {
            log_groups: Vec::new(),
            next_token: None,
        }));
    }
    let (groups, more) = match &input.log_group_identifiers {
        Some(identifiers) => (group::describe_named(&store, named(&scope, identifiers)?).await?, false),
        None => {
            let wanted = group::Wanted {
                account: scope.account.to_string(),
                region: scope.region.to_string(),
                prefix: prefix.unwrap_or_default().to_owned(),
                part: part.unwrap_or_default().to_owned(),
                after,
                limit,
            };
            group::describe(&store, wanted).await?
        }
    };
    let next_token = groups.last().filter(|_| more).map(|last| token::of_text(&last.name));
    let log_groups = groups.into_iter().map(|group| render(&scope, group, part.is_some())).collect();
    Ok(Json(Groups { log_groups, next_token }))
}

fn check_names(prefix: Option<&str>, part: Option<&str>, identifiers: bool) -> Result<()> {
    prefix.map_or(Ok(()), |prefix| identifier::group_part("logGroupNamePrefix", prefix, 1))?;
    part.map_or(Ok(()), |part| identifier::group_part("logGroupNamePattern", part, 0))?;
    if prefix.is_some() && part.is_some() {
        return Err(LogsError::invalid(
            "LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters.",
        ));
    }
    if identifiers && (prefix.is_some() || part.is_some()) {
        return Err(LogsError::invalid(
            "logGroupIdentifiers cannot be given together with logGroupNamePrefix or logGroupNamePattern.",
        ));
    }
    Ok(())
}

/// True when only groups of another class or account are asked for.
fn nothing_fits(scope: &Scope, input: &Describe) -> Result<bool> {
    let class = input.log_group_class.as_deref().unwrap_or("STANDARD");
    let mut violations = Violations::new();
    violations.enum_set("logGroupClass", class, &CLASSES);
    finish(violations)?;
    let others = input.account_identifiers.as_ref().is_some_and(|accounts| {
        !accounts.is_empty() && !accounts.iter().any(|account| account == scope.account.as_str())
    });
    Ok(class != "STANDARD" || others)
}

fn named(scope: &Scope, identifiers: &[String]) -> Result<Vec<GroupKey>> {
    let mut violations = Violations::new();
    let shown = hearth_wire::validation::list(identifiers);
    violations.size("logGroupIdentifiers", &shown, identifiers.len(), 1..=50);
    finish(violations)?;
    identifiers.iter().map(|identifier| scope.identified("logGroupIdentifiers", identifier)).collect()
}

/// With a name pattern two members are left out. Source: recorded.
fn render(scope: &Scope, group: Group, by_pattern: bool) -> LogGroup {
    let arn = scope.group_arn(&group.name);
    LogGroup {
        log_group_name: group.name,
        creation_time: group.created_ms,
        retention_in_days: group.retention_days,
        metric_filter_count: 0,
        arn: format!("{arn}:*"),
        stored_bytes: (!by_pattern).then_some(0),
        log_group_class: "STANDARD",
        log_group_arn: arn,
        deletion_protection_enabled: (!by_pattern).then_some(group.protected),
    }
}
