//! CreateAlias, GetAlias, UpdateAlias, DeleteAlias and ListAliases.
//!
//! Source: fact sheet "Lambda control-plane API", section 5.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use hearth_model::{Version, arn};
use hearth_wire::Caller;

use crate::Lambda;
use crate::error::Error;
use crate::ops::page::{self, List, Page};
use crate::ops::provisioned;
use crate::record::{AdditionalVersion, AliasRecord, FORM, FunctionRecord};
use crate::snapshot::Entry;
use crate::target::{self, Target, Use};

/// A wish that has passed the model's constraints.
pub(crate) struct Alias {
    /// Name or ARN.
    pub(crate) function: String,
    pub(crate) name: String,
    pub(crate) wanted: Wanted,
    pub(crate) revision_id: Option<String>,
}

/// What a client wants of an alias; what it does not mention is absent.
#[derive(Default)]
pub(crate) struct Wanted {
    pub(crate) version: Option<Version>,
    pub(crate) description: Option<String>,
    /// By version; empty for an alias that leads to one version alone.
    pub(crate) weights: Option<BTreeMap<u64, f64>>,
}

/// An alias and whose it is.
pub(crate) struct Found {
    pub(crate) entry: Arc<Entry>,
    pub(crate) name: String,
    pub(crate) alias: Arc<AliasRecord>,
}

const LIST: List = List {
    kind: "alias",
    operation: "ListAliases",
};

pub(crate) async fn create(lambda: &Arc<Lambda>, caller: &Caller, wish: Alias) -> Result<Found, Error> {
    let target = resolve(caller, Use::Write, &wish.function, "CreateAlias")?;
    let edit = |entry: &Entry| {
        let mut record = entry.record.clone();
        let empty = AliasRecord {
            v: FORM,
            incarnation: record.incarnation.clone(),
            version: None,
            description: String::new(),
            additional: None,
            revision_id: String::new(),
            newer: serde_json::Map::new(),
        };
        let alias = merge(lambda, entry, &empty, &wish.wanted)?;
        if record.aliases.contains_key(&wish.name) {
            let arn = arn::qualified(&entry.arn, &wish.name);
            return Err(Error::Conflict(format!("Alias already exists: {arn}")));
        }
        record.put_alias(&wish.name, alias);
        Ok(record)
    };
    let entry = lambda.functions.change(&target.key, &[], || target.not_found(), edit).await?;
    found(entry, &wish.name, &target)
}

pub(crate) async fn update(lambda: &Arc<Lambda>, caller: &Caller, wish: Alias) -> Result<Found, Error> {
    let target = resolve(caller, Use::Write, &wish.function, "UpdateAlias")?;
    let absent = || {
        let arn = arn::qualified(&target.arn, &wish.name);
        Error::ResourceNotFound(format!("Alias not found: {arn}"))
    };
    let edit = |entry: &Entry| {
        let before = entry.record.aliases.get(&wish.name).ok_or_else(absent)?;
        if wish.revision_id.as_ref().is_some_and(|given| *given != before.revision_id) {
            return Err(Error::StaleRevision);
        }
        let mut record = entry.record.clone();
        let alias = merge(lambda, entry, before, &wish.wanted)?;
        if record.provisioned.contains_key(&wish.name) {
            // What is provisioned moves along.
            provisioned::check_alias(&entry.arn, &record, &alias)?;
        }
        record.put_alias(&wish.name, alias);
        Ok(record)
    };
    let entry = lambda.functions.change(&target.key, &[], absent, edit).await?;
    found(entry, &wish.name, &target)
}

pub(crate) fn get(lambda: &Lambda, caller: &Caller, function: &str, name: &str) -> Result<Found, Error> {
    let target = resolve(caller, Use::Write, function, "GetAlias")?;
    let entry = lambda.functions.get(&target.key).ok_or_else(|| not_found(&target, name))?;
    found(entry, name, &target)
}

/// Deletes an alias with what was set for it. Its URL stays, and leads nowhere. One that is not there is no error, and
/// neither is a function.
pub(crate) async fn delete(lambda: &Arc<Lambda>, caller: &Caller, function: &str, name: &str) -> Result<(), Error> {
    let target = resolve(caller, Use::Write, function, "DeleteAlias")?;
    if lambda.functions.get(&target.key).is_none() {
        return Ok(());
    }
    let edit = |entry: &Entry| {
        let mut record = entry.record.clone();
        if record.aliases.contains_key(name) {
            Arc::make_mut(&mut record.aliases).remove(name);
            record.forget_qualifier(name);
        }
        Ok(record)
    };
    match lambda.functions.change(&target.key, &[], || target.not_found(), edit).await {
        Ok(_) | Err(Error::FunctionNotFound { .. }) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Aliases by name; those of one version are those that lead to it first.
pub(crate) fn list(
    lambda: &Lambda,
    caller: &Caller,
    function: &str,
    version: Option<Version>,
    wish: &page::Wish,
) -> Result<Page<Found>, Error> {
    let target = resolve(caller, Use::Write, function, "ListAliases")?;
    let entry = lambda.functions.get(&target.key).ok_or_else(|| target.not_found())?;
    let after = LIST.after(wish)?;
    let from = after.map_or(Bound::Unbounded, Bound::Excluded);
    let aliases = entry.record.aliases.range::<String, _>((from, Bound::Unbounded));
    let wanted = aliases.filter(|(_, alias)| version.is_none_or(|version| alias.primary() == version));
    let of = |(name, alias): (&String, &Arc<AliasRecord>)| Found {
        entry: Arc::clone(&entry),
        name: name.clone(),
        alias: Arc::clone(alias),
    };
    Ok(LIST.cut(wish, wanted.map(of), |found| found.name.clone()))
}

/// Aliases belong to the function: no version of it can be meant.
fn resolve(caller: &Caller, used: Use, function: &str, action: &'static str) -> Result<Target, Error> {
    let target = target::resolve(caller, used, function, None, action)?;
    target::refuse_version(&target)?;
    Ok(Target { qualifier: None, ..target })
}

fn not_found(target: &Target, name: &str) -> Error {
    Error::AliasNotFound {
        arn: arn::qualified(&target.arn, name),
    }
}

fn found(entry: Arc<Entry>, name: &str, target: &Target) -> Result<Found, Error> {
    let alias = entry.record.aliases.get(name).map(Arc::clone);
    let alias = alias.ok_or_else(|| not_found(target, name))?;
    Ok(Found {
        entry,
        name: name.to_owned(),
        alias,
    })
}

/// The alias with what was wanted put over it; every change moves its revision.
fn merge(lambda: &Lambda, entry: &Entry, before: &AliasRecord, wanted: &Wanted) -> Result<AliasRecord, Error> {
    let version = match wanted.version {
        Some(Version::Latest) => None,
        Some(Version::Number(number)) => Some(number),
        None => before.version,
    };
    let additional = match &wanted.weights {
        None => before.additional,
        Some(weights) if weights.len() > 1 => {
            return Err(Error::InvalidParameter(
                "Number of items in AdditionalVersionWeights cannot be greater than 1".to_owned(),
            ));
        }
        Some(weights) => weights.first_key_value().map(|(version, weight)| AdditionalVersion {
            version: *version,
            weight: *weight,
        }),
    };
    let alias = AliasRecord {
        version,
        description: wanted.description.clone().unwrap_or_else(|| before.description.clone()),
        additional,
        revision_id: lambda.random.uuid().to_string(),
        ..before.clone()
    };
    check_versions(&entry.arn, &entry.record, &alias)?;
    Ok(alias)
}

fn check_versions(function_arn: &str, record: &FunctionRecord, alias: &AliasRecord) -> Result<(), Error> {
    if let Some(additional) = alias.additional {
        if alias.version.is_none() {
            return Err(Error::LatestInSplit);
        }
        if alias.version == Some(additional.version) {
            let version = additional.version;
            return Err(Error::InvalidParameter(format!(
                "Invalid function version {version}. Function version {version} is already included in routing \
                 configuration."
            )));
        }
    }
    match alias.targets().find(|version| record.edition(*version).is_none()) {
        None => Ok(()),
        Some(version) => Err(Error::FunctionNotFound {
            arn: arn::qualified(function_arn, &version.to_string()),
        }),
    }
}
