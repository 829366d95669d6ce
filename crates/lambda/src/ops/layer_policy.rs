//! AddLayerVersionPermission, RemoveLayerVersionPermission and GetLayerVersionPolicy.
//!
//! Source: fact sheet "Lambda control-plane API", sections 6 and 7.3.

use hearth_wire::Caller;

use crate::Lambda;
use crate::api::layer_policy::document;
use crate::error::Error;
use crate::layer::{LayerKey, LayerPolicy, LayerStatement, LayerVersionRecord};
use crate::layer_target::must_own;
use crate::ops::layers::LayerVersion;

/// Bytes of a policy's document.
const POLICY_MAX: usize = 20_480;
const NO_POLICY: &str = "No policy is associated with the given resource.";

/// Adds a statement; the version with it.
pub(crate) async fn add(
    lambda: &Lambda,
    caller: &Caller,
    key: LayerKey,
    number: u64,
    statement: &LayerStatement,
    revision_id: Option<&str>,
) -> Result<LayerVersion, Error> {
    must_own(caller, &key, "AddLayerVersionPermission")?;
    let edit = |record: Option<LayerVersionRecord>| {
        let mut record = record.ok_or_else(|| absent(&key, number))?;
        check_revision(record.policy.as_ref(), revision_id)?;
        let mut statements = record.policy.take().map(|policy| policy.statements).unwrap_or_default();
        if statements.iter().any(|known| known.sid == statement.sid) {
            return Err(Error::StatementExists { sid: statement.sid.clone() });
        }
        statements.push(statement.clone());
        with_statements(lambda, &key, number, record, statements)
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
        let mut statements = policy.statements;
        let position = statements.iter().position(|known| known.sid == sid);
        let missing = || Error::ResourceNotFound(format!("Statement {sid} is not found in resource policy."));
        statements.remove(position.ok_or_else(missing)?);
        with_statements(lambda, key, number, record, statements)
    };
    lambda.layers.change(key, number, edit).await.map(|_| ())
}

/// The version's policy.
pub(crate) async fn get(lambda: &Lambda, caller: &Caller, key: &LayerKey, number: u64) -> Result<LayerPolicy, Error> {
    must_own(caller, key, "GetLayerVersionPolicy")?;
    let stored = lambda.db.layer_version(key, number).await?.ok_or_else(|| absent(key, number))?;
    stored.record.policy.ok_or_else(|| Error::ResourceNotFound(NO_POLICY.to_owned()))
}

/// Each change of a policy moves its revision.
fn with_statements(
    lambda: &Lambda,
    key: &LayerKey,
    number: u64,
    mut record: LayerVersionRecord,
    statements: Vec<LayerStatement>,
) -> Result<LayerVersionRecord, Error> {
    let found = document(key, number, &statements)?.len();
    if found > POLICY_MAX {
        return Err(Error::PolicyTooLong { found, limit: POLICY_MAX });
    }
    record.policy = (!statements.is_empty()).then(|| LayerPolicy {
        revision_id: lambda.random.uuid().to_string(),
        statements,
    });
    Ok(record)
}

fn check_revision(policy: Option<&LayerPolicy>, given: Option<&str>) -> Result<(), Error> {
    match given {
        Some(given) if policy.is_none_or(|policy| policy.revision_id != given) => {
            Err(Error::StalePolicyRevision { operation: "GetLayerPolicy" })
        }
        _ => Ok(()),
    }
}

fn absent(key: &LayerKey, number: u64) -> Error {
    Error::ResourceNotFound(format!("Layer version {} does not exist.", key.version_arn(number)))
}
