//! AddLayerVersionPermission, RemoveLayerVersionPermission and GetLayerVersionPolicy.
//!
//! Source: fact sheet "Lambda control-plane API", sections 6 and 7.3.

use hearth_wire::Caller;

use crate::Lambda;
use crate::error::Error;
use crate::layer::{LayerKey, LayerVersionRecord};
use crate::layer_target::must_own;
use crate::ops::layers::LayerVersion;
use crate::policy::{self, Policy, Statement};

const NO_POLICY: &str = "No policy is associated with the given resource.";

/// Adds a statement; the version with it.
pub(crate) async fn add(
    lambda: &Lambda,
    caller: &Caller,
    key: LayerKey,
    number: u64,
    statement: &Statement,
    revision_id: Option<&str>,
) -> Result<LayerVersion, Error> {
    must_own(caller, &key, "AddLayerVersionPermission")?;
    let edit = |record: Option<LayerVersionRecord>| {
        let mut record = record.ok_or_else(|| absent(&key, number))?;
        check_revision(record.policy.as_ref(), revision_id)?;
        let arn = key.version_arn(number);
        record.policy = Some(Policy::with(record.policy.take(), statement.clone(), &arn, &lambda.random)?);
        Ok(record)
    };
    let record = lambda.layers.change(&key, number, edit).await?;
    Ok(LayerVersion { key, number, record })
}

/// Removes a statement; with the last one the policy goes.
pub(crate) async fn remove(
    lambda: &Lambda,
    caller: &Caller,
    key: &LayerKey,
    number: u64,
    sid: &str,
    revision_id: Option<&str>,
) -> Result<(), Error> {
    must_own(caller, key, "RemoveLayerVersionPermission")?;
    let edit = |record: Option<LayerVersionRecord>| {
        let mut record = record.ok_or_else(|| absent(key, number))?;
        let policy = record.policy.take().ok_or_else(|| Error::ResourceNotFound(NO_POLICY.to_owned()))?;
        check_revision(Some(&policy), revision_id)?;
        record.policy = policy.without(sid, &lambda.random)?;
        Ok(record)
    };
    lambda.layers.change(key, number, edit).await.map(|_| ())
}

/// The version's policy.
pub(crate) async fn get(lambda: &Lambda, caller: &Caller, key: &LayerKey, number: u64) -> Result<Policy, Error> {
    must_own(caller, key, "GetLayerVersionPolicy")?;
    let stored = lambda.db.layer_version(key, number).await?.ok_or_else(|| absent(key, number))?;
    stored.record.policy.ok_or_else(|| Error::ResourceNotFound(NO_POLICY.to_owned()))
}

fn check_revision(policy: Option<&Policy>, given: Option<&str>) -> Result<(), Error> {
    policy::check_revision(policy, given, "GetLayerPolicy")
}

fn absent(key: &LayerKey, number: u64) -> Error {
    Error::ResourceNotFound(format!("Layer version {} does not exist.", key.version_arn(number)))
}
