//! ListTags, TagResource and UntagResource. Functions are the one taggable resource yet.
//!
//! Source: fact sheet "Lambda control-plane API", section 11.

use std::collections::BTreeMap;
use std::sync::Arc;

use hearth_model::FunctionKey;
use hearth_wire::Caller;

use crate::Lambda;
use crate::error::Error;
use crate::record::FunctionRecord;
use crate::snapshot::Entry;
use crate::target::{self, Use};

const TAGS_MAX: usize = 50;
/// UTF-16 units. Source: "Tag naming limits", AWS general reference.
const KEY_MAX: usize = 128;
const VALUE_MAX: usize = 256;

/// # Errors
/// Too many tags, or one beyond the lengths that AWS allows.
pub(crate) fn check(tags: &BTreeMap<String, String>) -> Result<(), Error> {
    if tags.len() > TAGS_MAX {
        return Err(too_many());
    }
    let length = |text: &str| text.encode_utf16().count();
    for (key, value) in tags {
        let problem = if key.is_empty() || length(key) > KEY_MAX {
            format!("a tag key of 1 to {KEY_MAX} characters, found {}", length(key))
        } else if key.to_ascii_lowercase().starts_with("aws:") {
            format!("a tag key without the reserved prefix aws:, found {key}")
        } else if length(value) > VALUE_MAX {
            format!("a tag value of up to {VALUE_MAX} characters for {key}, found {}", length(value))
        } else {
            continue;
        };
        return Err(Error::InvalidParameter(format!("Invalid tags: expected {problem}.")));
    }
    Ok(())
}

fn too_many() -> Error {
    Error::InvalidParameter("Number of tags exceeds resource tag limit.".to_owned())
}

pub(crate) fn list(lambda: &Lambda, caller: &Caller, resource: &str) -> Result<BTreeMap<String, String>, Error> {
    let (key, absent) = find(caller, resource, "ListTags")?;
    lambda.functions.get(&key).map(|entry| entry.record.tags.clone()).ok_or(absent)
}

/// Adds tags, or gives them new values.
pub(crate) async fn add(
    lambda: &Arc<Lambda>,
    caller: &Caller,
    resource: &str,
    tags: BTreeMap<String, String>,
) -> Result<(), Error> {
    let (key, absent) = find(caller, resource, "TagResource")?;
    if tags.is_empty() {
        // Recorded so.
        return Err(Error::InvalidParameter("An error occurred and the request cannot be processed.".to_owned()));
    }
    check(&tags)?;
    change(lambda, &key, absent, |kept| {
        kept.extend(tags.clone());
        if kept.len() > TAGS_MAX { Err(too_many()) } else { Ok(()) }
    })
    .await
}

/// Removes tags; those that are not there are no error.
pub(crate) async fn remove(
    lambda: &Arc<Lambda>,
    caller: &Caller,
    resource: &str,
    keys: &[String],
) -> Result<(), Error> {
    let (key, absent) = find(caller, resource, "UntagResource")?;
    change(lambda, &key, absent, |kept| {
        kept.retain(|key, _| !keys.contains(key));
        Ok(())
    })
    .await
}

/// Tags move the function's revision, and nothing else of it.
async fn change(
    lambda: &Lambda,
    key: &FunctionKey,
    absent: Error,
    edit: impl Fn(&mut BTreeMap<String, String>) -> Result<(), Error>,
) -> Result<(), Error> {
    let edit = |entry: &Entry| {
        let mut record: FunctionRecord = entry.record.clone();
        edit(&mut record.tags)?;
        record.latest.revision_id = lambda.random.uuid().to_string();
        Ok(record)
    };
    lambda.functions.change(key, &[], || absent.clone(), edit).await.map(|_| ())
}

/// Which function a resource's ARN names, and the answer when it is not there. The ARN has passed
/// the model's pattern.
fn find(caller: &Caller, resource: &str, action: &'static str) -> Result<(FunctionKey, Error), Error> {
    match resource.split(':').nth(5) {
        Some("function") => {}
        Some("event-source-mapping") => {
            return Err(Error::ResourceNotFound(format!("Event source mapping not found: {resource}")));
        }
        Some("capacity-provider") => {
            return Err(Error::ResourceNotFound(format!("Capacity provider not found: {resource}")));
        }
        Some("code-signing-config") => {
            return Err(Error::ResourceNotFound(format!("Code signing config not found: {resource}")));
        }
        _ => return Err(Error::ResourceNotFound(format!("Layer not found: {resource}"))),
    }
    let target = target::resolve(caller, Use::Read, resource, None, action)?;
    if target.qualifier.is_some() {
        return Err(Error::InvalidParameter(
            "Tags on function aliases and versions are not supported. Please specify a function ARN.".to_owned(),
        ));
    }
    let absent = Error::FunctionNotFound { arn: resource.to_owned() };
    Ok((target.key, absent))
}
