//! Aliases: further names of keys.

use std::sync::Arc;

use hearth_wire::Violations;
use serde::{Deserialize, Serialize};

use super::page::{self, Listed, OfKey};
use super::{Nothing, finish, key_id, named, seconds};
use crate::kms::error::{Error, Result};
use crate::kms::record::{AliasRecord, FORM};
use crate::kms::ring::Scope;
use crate::kms::{Kms, ops};

const PATTERN: &str = "^[a-zA-Z0-9:/_-]+$";
/// Source: the service's quotas.
const PER_KEY_MAX: usize = 50;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Wish {
    alias_name: Option<String>,
    target_key_id: Option<String>,
}

pub(super) async fn create(kms: Arc<Kms>, scope: Scope, input: Wish) -> Result<Nothing> {
    let (name, target) = parts(&input)?;
    let _turn = kms.turn.lock().await;
    let key = ops::find_lasting(&kms, &scope, target)?;
    if kms.ring.alias(&scope, name).is_some() {
        return Err(Error::AliasExists(scope.alias_arn(name)));
    }
    check_room(&kms, &scope, &key.record.id)?;
    let now_ms = kms.clock.now_ms();
    let alias = AliasRecord {
        v: FORM,
        name: name.to_owned(),
        target: key.record.id.clone(),
        created_ms: now_ms,
        updated_ms: now_ms,
        newer: serde_json::Map::new(),
    };
    kms.ring.put_alias(&scope, alias).await?;
    Ok(Nothing {})
}

pub(super) async fn update(kms: Arc<Kms>, scope: Scope, input: Wish) -> Result<Nothing> {
    let (name, target) = parts(&input)?;
    let _turn = kms.turn.lock().await;
    let alias = kms.ring.alias(&scope, name).ok_or_else(|| missing(&scope, name))?;
    let key = ops::find_lasting(&kms, &scope, target)?;
    if alias.target != key.record.id {
        check_room(&kms, &scope, &key.record.id)?;
    }
    let alias = AliasRecord {
        target: key.record.id.clone(),
        updated_ms: kms.clock.now_ms(),
        ..alias.as_ref().clone()
    };
    kms.ring.put_alias(&scope, alias).await?;
    Ok(Nothing {})
}

pub(super) async fn delete(kms: Arc<Kms>, scope: Scope, input: Wish) -> Result<Nothing> {
    let name = name(&input)?;
    let _turn = kms.turn.lock().await;
    kms.ring.alias(&scope, name).ok_or_else(|| missing(&scope, name))?;
    kms.ring.delete_alias(&scope, name).await?;
    Ok(Nothing {})
}

fn missing(scope: &Scope, name: &str) -> Error {
    Error::NotFound(format!("Alias {} is not found.", scope.alias_arn(name)))
}

fn check_room(kms: &Kms, scope: &Scope, key: &str) -> Result<()> {
    if kms.ring.aliases(scope).iter().filter(|alias| alias.target == key).count() < PER_KEY_MAX {
        return Ok(());
    }
    Err(Error::Limit(format!("a key may have {PER_KEY_MAX} aliases, and {} has as many", scope.key_arn(key))))
}

/// Without `alias/`. Those of services are not for clients.
fn name(input: &Wish) -> Result<&str> {
    let given = named("aliasName", input.alias_name.as_ref(), 256)?;
    let mut violations = Violations::new();
    let plain = given.bytes().all(|b| b.is_ascii_alphanumeric() || b":/_-".contains(&b));
    violations.pattern("aliasName", given, PATTERN, plain);
    finish(violations)?;
    let name = given.strip_prefix("alias/").filter(|name| !name.is_empty()).ok_or_else(|| {
        let text = "Alias must start with the prefix \"alias/\". Please see \
                    https://docs.aws.amazon.com/kms/latest/developerguide/kms-alias.html";
        Error::Validation(text.to_owned())
    })?;
    if name.starts_with("aws/") {
        return Err(Error::AccessDenied("aliases that begin with alias/aws/ are those of AWS services".to_owned()));
    }
    if name.contains(':') {
        return Err(Error::InvalidAlias(format!("alias/{name} contains a colon, which an alias cannot")));
    }
    Ok(name)
}

fn parts(input: &Wish) -> Result<(&str, &str)> {
    let name = name(input)?;
    let target = named("targetKeyId", input.target_key_id.as_ref(), 2_048)?;
    if target.starts_with("alias/") || target.contains(":alias/") {
        return Err(Error::Validation("Aliases must refer to keys. Not aliases".to_owned()));
    }
    Ok((name, target))
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Entry {
    alias_name: String,
    alias_arn: String,
    target_key_id: String,
    creation_date: f64,
    last_updated_date: f64,
}

pub(super) async fn list(kms: Arc<Kms>, scope: Scope, input: OfKey) -> Result<Listed<Entry>> {
    let of = match &input.key_id {
        Some(_) => Some(ops::find(&kms, &scope, key_id(input.key_id.as_ref())?)?),
        None => None,
    };
    let mut all = kms.ring.aliases(&scope);
    all.retain(|alias| of.as_ref().is_none_or(|key| key.record.id == alias.target));
    let page = page::of("Aliases", all, &input.page, 50, |alias: &Arc<AliasRecord>| &alias.name)?;
    Ok(page.map(|alias: Arc<AliasRecord>| Entry {
        alias_name: format!("alias/{}", alias.name),
        alias_arn: scope.alias_arn(&alias.name),
        target_key_id: alias.target.clone(),
        creation_date: seconds(alias.created_ms),
        last_updated_date: seconds(alias.updated_ms),
    }))
}
