//! Key policies: kept and shown; like all policies, not evaluated yet.

use std::sync::Arc;

use hearth_wire::Violations;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::key::change;
use super::page::{self, Listed, OfKey};
use super::{Nothing, finish, key_id};
use crate::document;
use crate::kms::error::{Error, Result};
use crate::kms::record::KeyRecord;
use crate::kms::ring::Scope;
use crate::kms::{Kms, ops};

/// The one that every key has, and the only one.
const NAME: &str = "default";
const BYTES_MAX: usize = 32_768;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Get {
    key_id: Option<String>,
    policy_name: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Shown {
    policy: String,
    policy_name: &'static str,
}

pub(super) async fn get(kms: Arc<Kms>, scope: Scope, input: Get) -> Result<Shown> {
    let key = ops::find(&kms, &scope, key_id(input.key_id.as_ref())?)?;
    check_name(input.policy_name.as_deref())?;
    Ok(Shown {
        policy: key.record.policy.clone(),
        policy_name: NAME,
    })
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Put {
    key_id: Option<String>,
    policy_name: Option<String>,
    policy: Option<String>,
}

pub(super) async fn put(kms: Arc<Kms>, scope: Scope, input: Put) -> Result<Nothing> {
    let mut violations = Violations::new();
    violations.required("policy", input.policy.as_ref());
    finish(violations)?;
    check_name(input.policy_name.as_deref())?;
    let policy = check(input.policy.unwrap_or_default())?;
    let edit = |record: &mut KeyRecord| {
        record.policy = policy;
        Ok(())
    };
    change(&kms, &scope, input.key_id.as_ref(), edit).await?;
    Ok(Nothing {})
}

pub(super) async fn list(kms: Arc<Kms>, scope: Scope, input: OfKey) -> Result<Listed<&'static str>> {
    ops::find(&kms, &scope, key_id(input.key_id.as_ref())?)?;
    page::of("PolicyNames", vec![NAME], &input.page, 100, |name| name)
}

fn check_name(given: Option<&str>) -> Result<()> {
    if given.is_none_or(|given| given == NAME) {
        return Ok(());
    }
    Err(Error::NotFound("No such policy exists".to_owned()))
}

/// A document that can be a key's policy.
pub(super) fn check(text: String) -> Result<String> {
    let malformed = |what: &str| Error::MalformedPolicy(what.to_owned());
    if text.len() > BYTES_MAX {
        return Err(Error::Limit(format!("a key policy may have {BYTES_MAX} bytes, this one has {}", text.len())));
    }
    let document: Value =
        serde_json::from_str(&text).map_err(|_| malformed("The new key policy is no JSON document."))?;
    let statements = document.as_object().and_then(document::statements).filter(|all| !all.is_empty());
    let statements = statements.ok_or_else(|| malformed("The new key policy has no statements."))?;
    for statement in statements {
        let has = |names: &[&str]| names.iter().any(|name| statement.get(name).is_some());
        let effect = statement.get("Effect").and_then(Value::as_str);
        let sound = matches!(effect, Some("Allow" | "Deny"))
            && has(&["Principal", "NotPrincipal"])
            && has(&["Action", "NotAction"])
            && has(&["Resource", "NotResource"]);
        if !sound {
            let text = "Each statement of a key policy needs an Effect, a Principal, an Action and a Resource.";
            return Err(malformed(text));
        }
    }
    Ok(text)
}
