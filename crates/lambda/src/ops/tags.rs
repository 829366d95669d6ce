//! ListTags, TagResource and UntagResource. Functions, code signing configurations and event source
//! mappings have tags.
//!
//! Source: fact sheet "Lambda control-plane API", section 11.

use std::collections::BTreeMap;
use std::sync::Arc;

use hearth_model::{FunctionKey, arn};
use hearth_wire::Caller;

use crate::Lambda;
use crate::db::resources::{ResourceKey, Stored};
use crate::error::Error;
use crate::record::FunctionRecord;
use crate::resources::{Resources, Tagged};
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

/// What carries tags. The ARN has passed the model's pattern.
enum Resource {
    /// With the answer when it is not there.
    Function(FunctionKey),
    CodeSigning(ResourceKey),
    Mapping(ResourceKey),
}

impl Resource {
    /// # Errors
    /// A kind of resource that has no tags here, or nothing that the caller could have.
    fn of(caller: &Caller, arn: &str, action: &'static str) -> Result<Self, Error> {
        match kind(arn) {
            "function" => {}
            "code-signing-config" => return own(caller, arn).map(Self::CodeSigning),
            "event-source-mapping" => return own(caller, arn).map(Self::Mapping),
            "layer" => {
                return Err(Error::InvalidParameter(format!(
                    "Layers have no tags in Hearth: expected the ARN of a function, a code signing configuration or \
                     an event source mapping, found {arn}"
                )));
            }
            _ => return Err(absent(arn)),
        }
        let target = target::resolve(caller, Use::Read, arn, None, action)?;
        if target.qualifier.is_some() {
            return Err(Error::InvalidParameter(
                "Tags on function aliases and versions are not supported. Please specify a function ARN.".to_owned(),
            ));
        }
        Ok(Self::Function(target.key))
    }
}

fn kind(arn: &str) -> &str {
    arn::split(arn).and_then(|parts| parts.resource.split(':').next()).unwrap_or_default()
}

fn own(caller: &Caller, arn: &str) -> Result<ResourceKey, Error> {
    let key = ResourceKey::of_arn(arn).filter(|key| key.account == caller.account && key.region == caller.region);
    key.ok_or_else(|| absent(arn))
}

/// The answer when a resource is not there.
fn absent(arn: &str) -> Error {
    let name = match kind(arn) {
        "function" => return Error::FunctionNotFound { arn: arn.to_owned() },
        "event-source-mapping" => "Event source mapping",
        "capacity-provider" => "Capacity provider",
        _ => "Code signing config",
    };
    Error::ResourceNotFound(format!("{name} not found: {arn}"))
}

pub(crate) async fn list(lambda: &Lambda, caller: &Caller, arn: &str) -> Result<BTreeMap<String, String>, Error> {
    let tags = match Resource::of(caller, arn, "ListTags")? {
        Resource::Function(key) => lambda.functions.get(&key).map(|entry| entry.record.tags.clone()),
        Resource::CodeSigning(key) => lambda.code_signing.get(&key).await?.map(|record| record.tags),
        Resource::Mapping(key) => lambda.mappings.get(&key).await?.map(|record| record.tags),
    };
    tags.ok_or_else(|| absent(arn))
}

/// Adds tags, or gives them new values.
pub(crate) async fn add(
    lambda: &Arc<Lambda>,
    caller: &Caller,
    arn: &str,
    tags: BTreeMap<String, String>,
) -> Result<(), Error> {
    let resource = Resource::of(caller, arn, "TagResource")?;
    if tags.is_empty() {
        // Recorded so.
        return Err(Error::InvalidParameter("An error occurred and the request cannot be processed.".to_owned()));
    }
    check(&tags)?;
    change(lambda, resource, arn, |kept| {
        kept.extend(tags.clone());
        if kept.len() > TAGS_MAX { Err(too_many()) } else { Ok(()) }
    })
    .await
}

/// Removes tags; those that are not there are no error.
pub(crate) async fn remove(lambda: &Arc<Lambda>, caller: &Caller, arn: &str, keys: &[String]) -> Result<(), Error> {
    let resource = Resource::of(caller, arn, "UntagResource")?;
    change(lambda, resource, arn, |kept| {
        kept.retain(|key, _| !keys.contains(key));
        Ok(())
    })
    .await
}

async fn change(
    lambda: &Lambda,
    resource: Resource,
    arn: &str,
    edit: impl Fn(&mut BTreeMap<String, String>) -> Result<(), Error>,
) -> Result<(), Error> {
    match resource {
        Resource::Function(key) => change_function(lambda, &key, arn, edit).await,
        Resource::CodeSigning(key) => change_resource(&lambda.code_signing, &key, arn, edit).await,
        Resource::Mapping(key) => change_resource(&lambda.mappings, &key, arn, edit).await,
    }
}

/// Tags move the function's revision, and nothing else of it.
async fn change_function(
    lambda: &Lambda,
    key: &FunctionKey,
    arn: &str,
    edit: impl Fn(&mut BTreeMap<String, String>) -> Result<(), Error>,
) -> Result<(), Error> {
    let edit = |entry: &Entry| {
        let mut record: FunctionRecord = entry.record.clone();
        edit(&mut record.tags)?;
        record.latest.revision_id = lambda.random.uuid().to_string();
        Ok(record)
    };
    lambda.functions.change(key, &[], || absent(arn), edit).await.map(|_| ())
}

async fn change_resource<R: Stored + Tagged>(
    resources: &Resources<R>,
    key: &ResourceKey,
    arn: &str,
    edit: impl Fn(&mut BTreeMap<String, String>) -> Result<(), Error>,
) -> Result<(), Error> {
    let changed = resources.turn().await.change(key, |record| edit(record.tags())).await?;
    changed.map(|_| ()).ok_or_else(|| absent(arn))
}
