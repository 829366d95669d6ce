//! Tags of keys.

use std::collections::BTreeMap;
use std::sync::Arc;

use hearth_wire::Violations;
use serde::{Deserialize, Serialize};

use super::key::change;
use super::page::{self, Listed, OfKey};
use super::{Nothing, finish, key_id};
use crate::kms::error::{Error, Result};
use crate::kms::record::KeyRecord;
use crate::kms::ring::Scope;
use crate::kms::{Kms, ops};

/// Source: the service's quotas.
const MOST: usize = 50;

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Tag {
    tag_key: String,
    tag_value: String,
}

/// `before` with `given` put over it.
pub(super) fn merged(mut before: BTreeMap<String, String>, given: Vec<Tag>) -> Result<BTreeMap<String, String>> {
    let mut violations = Violations::new();
    for tag in &given {
        violations.length("tags.tagKey", &tag.tag_key, 1..=128);
        violations.length_max("tags.tagValue", &tag.tag_value, 256);
    }
    finish(violations)?;
    let mut seen = std::collections::HashSet::new();
    for Tag { tag_key, tag_value } in given {
        if tag_key.to_ascii_lowercase().starts_with("aws:") {
            return Err(Error::Tag("Tags beginning with aws: are reserved".to_owned()));
        }
        if !seen.insert(tag_key.clone()) {
            return Err(Error::Tag("Duplicate tag keys".to_owned()));
        }
        before.insert(tag_key, tag_value);
    }
    if before.len() > MOST {
        return Err(Error::Tag(format!("Too many tags: a key may have {MOST}")));
    }
    Ok(before)
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Add {
    key_id: Option<String>,
    tags: Option<Vec<Tag>>,
}

pub(super) async fn add(kms: Arc<Kms>, scope: Scope, input: Add) -> Result<Nothing> {
    let mut violations = Violations::new();
    violations.required("tags", input.tags.as_ref());
    finish(violations)?;
    let edit = |record: &mut KeyRecord| {
        record.tags = merged(std::mem::take(&mut record.tags), input.tags.unwrap_or_default())?;
        Ok(())
    };
    change(&kms, &scope, input.key_id.as_ref(), edit).await?;
    Ok(Nothing {})
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Remove {
    key_id: Option<String>,
    tag_keys: Option<Vec<String>>,
}

pub(super) async fn remove(kms: Arc<Kms>, scope: Scope, input: Remove) -> Result<Nothing> {
    let mut violations = Violations::new();
    violations.required("tagKeys", input.tag_keys.as_ref());
    finish(violations)?;
    let edit = |record: &mut KeyRecord| {
        input.tag_keys.iter().flatten().for_each(|key| drop(record.tags.remove(key)));
        Ok(())
    };
    change(&kms, &scope, input.key_id.as_ref(), edit).await?;
    Ok(Nothing {})
}

pub(super) async fn list(kms: Arc<Kms>, scope: Scope, input: OfKey) -> Result<Listed<Tag>> {
    let key = ops::find(&kms, &scope, key_id(input.key_id.as_ref())?)?;
    let tag = |(key, value): (&String, &String)| Tag {
        tag_key: key.clone(),
        tag_value: value.clone(),
    };
    let all = key.record.tags.iter().map(tag).collect();
    page::of("Tags", all, &input.page, 50, |tag: &Tag| &tag.tag_key)
}
