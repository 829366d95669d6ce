//! The operations on provisioned concurrency: what is wanted is stored here and kept by the data
//! plane, which is asked how far it has come.
//!
//! Source: fact sheet "Lambda control-plane API", section 8.2.

use std::ops::Bound;
use std::sync::Arc;

use hearth_model::{Provisioned, Qualifier, Version, arn};
use hearth_wire::Caller;

use crate::Lambda;
use crate::error::Error;
use crate::ops::concurrency::Budget;
use crate::ops::page::{self, List, Page};
use crate::record::{AliasRecord, FunctionRecord, ProvisionedRecord, Status};
use crate::snapshot::{Entry, shares};
use crate::target::{self, Target, Use};

/// A wish for environments of an alias or a version, past the model's constraints.
pub(crate) struct PutProvisioned {
    /// Name or ARN.
    pub(crate) name: String,
    pub(crate) qualifier: String,
    pub(crate) environments: u32,
}

/// What is provisioned for an alias or a version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Config {
    /// Of the alias or the version.
    pub(crate) arn: String,
    pub(crate) requested: u32,
    pub(crate) allocated: u32,
    pub(crate) available: u32,
    pub(crate) state: State,
    /// Unix milliseconds.
    pub(crate) modified_ms: i64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum State {
    InProgress,
    Ready,
    Failed { reason: String },
}

const LIST: List = List {
    kind: "provisioned",
    operation: "ListProvisionedConcurrencyConfigs",
};

pub(crate) async fn put(lambda: &Arc<Lambda>, caller: &Caller, wish: &PutProvisioned) -> Result<Config, Error> {
    let action = "PutProvisionedConcurrencyConfig";
    let target = target::resolve(caller, Use::Write, &wish.name, Some(&wish.qualifier), action)?;
    if target.parsed_qualifier() == Some(Qualifier::Latest) {
        return Err(unpublished());
    }
    let scope = target.scope();
    lambda.preparation.check("ProvisionedConcurrentExecutions")?;
    // Two functions must not both take the last of the account's.
    let _turn = lambda.concurrency_turn.lock().await;
    let before = lambda.functions.get(&target.key);
    let edit = |entry: &Entry| {
        let mut record = entry.record.clone();
        check_target(&target, entry)?;
        let old = record.provisioned.get(scope).map_or(0, |old| old.environments);
        let sum = record.provisioned_sum().saturating_sub(old).saturating_add(wish.environments);
        check_limits(lambda, entry, sum)?;
        let wanted = ProvisionedRecord {
            environments: wish.environments,
            modified_ms: lambda.clock.now_ms(),
        };
        record.provisioned.insert(scope.to_owned(), wanted);
        // Recorded so: the version's revision moves, the alias' does not.
        for version in versions_of(&record, scope) {
            if let Version::Number(number) = version {
                record.edit_version(number, |v| v.edition.revision_id = lambda.random.uuid().to_string());
            }
        }
        Ok(record)
    };
    let entry = lambda.functions.change(&target.key, &[], || absent(&target), edit).await?;
    let shown = find(lambda, &entry, &target)?;
    let is_new = before.is_none_or(|before| !before.record.provisioned.contains_key(scope));
    // Recorded so for what has just been asked for, however fast the data plane is.
    Ok(if is_new {
        Config {
            allocated: 0,
            available: 0,
            state: State::InProgress,
            ..shown
        }
    } else {
        shown
    })
}

pub(crate) fn get(lambda: &Lambda, caller: &Caller, name: &str, qualifier: &str) -> Result<Config, Error> {
    let target = target::resolve(caller, Use::Write, name, Some(qualifier), "GetProvisionedConcurrencyConfig")?;
    let entry = checked(lambda, &target)?;
    find(lambda, &entry, &target)
}

/// Nothing provisioned is no error.
pub(crate) async fn delete(lambda: &Arc<Lambda>, caller: &Caller, name: &str, qualifier: &str) -> Result<(), Error> {
    let target = target::resolve(caller, Use::Write, name, Some(qualifier), "DeleteProvisionedConcurrencyConfig")?;
    checked(lambda, &target)?;
    let edit = |entry: &Entry| {
        let mut record = entry.record.clone();
        record.provisioned.remove(target.scope());
        Ok(record)
    };
    lambda.functions.change(&target.key, &[], || absent(&target), edit).await.map(|_| ())
}

/// Everything that is provisioned for a function.
pub(crate) fn list(lambda: &Lambda, caller: &Caller, name: &str, wish: &page::Wish) -> Result<Page<Config>, Error> {
    let target = target::resolve(caller, Use::Write, name, None, "ListProvisionedConcurrencyConfigs")?;
    target::refuse_version(&target)?;
    let arn = target.arn.clone();
    let entry = lambda.functions.get(&target.key).ok_or(Error::FunctionNotFound { arn })?;
    let from = LIST.after(wish)?.map_or(Bound::Unbounded, Bound::Excluded);
    let wanted = entry.record.provisioned.range::<String, _>((from, Bound::Unbounded));
    let page = LIST.cut(wish, wanted, |(qualifier, _)| (*qualifier).clone());
    Ok(Page {
        items: page.items.into_iter().map(|(qualifier, one)| show(lambda, &entry, qualifier, *one)).collect(),
        next_marker: page.next_marker,
    })
}

/// Whether an alias for which environments are provisioned may lead where it is to lead.
///
/// # Errors
/// `$LATEST`, a version with environments of its own, or one with SnapStart.
pub(crate) fn check_alias(function_arn: &str, record: &FunctionRecord, alias: &AliasRecord) -> Result<(), Error> {
    for version in alias.targets() {
        let Version::Number(number) = version else {
            return Err(unpublished());
        };
        if record.provisioned.contains_key(&number.to_string()) {
            return Err(Error::Conflict(
                "Alias can't be used for Provisioned Concurrency configuration on an already Provisioned version"
                    .to_owned(),
            ));
        }
        check_version(function_arn, record, number)?;
    }
    Ok(())
}

fn check_version(function_arn: &str, record: &FunctionRecord, number: u64) -> Result<(), Error> {
    let version = record.versions.get(&number).ok_or_else(|| Error::FunctionNotFound {
        arn: arn::qualified(function_arn, &number.to_string()),
    })?;
    if version.edition.config.snap_start {
        // AWS documents the refusal; its words are not recorded.
        return Err(Error::InvalidParameter(
            "Provisioned Concurrency is not supported for functions with SnapStart enabled.".to_owned(),
        ));
    }
    match version.edition.status {
        Status::Creating => Err(Error::NotActive { state: "Pending" }),
        Status::CreationFailed(_) => Err(Error::NotActive { state: "Failed" }),
        Status::Active | Status::Updating | Status::UpdateFailed(_) => Ok(()),
    }
}

fn check_target(target: &Target, entry: &Entry) -> Result<(), Error> {
    let record = &entry.record;
    match target.parsed_qualifier() {
        Some(Qualifier::Alias(name)) => {
            let alias = record.aliases.get(&*name).ok_or_else(|| absent(target))?;
            check_alias(&entry.arn, record, alias)
        }
        Some(Qualifier::Number(number)) => {
            check_version(&entry.arn, record, number)?;
            let mut aliases = record.aliases.iter().filter(|(name, _)| record.provisioned.contains_key(*name));
            if aliases.any(|(_, alias)| alias.targets().any(|version| version == Version::Number(number))) {
                return Err(Error::Conflict("Version is pointed by a Provisioned Concurrency alias".to_owned()));
            }
            Ok(())
        }
        Some(Qualifier::Latest) | None => Err(unpublished()),
    }
}

/// `sum` is what the function would have in all.
fn check_limits(lambda: &Lambda, entry: &Entry, sum: u32) -> Result<(), Error> {
    if let Some(reserved) = entry.record.reserved_concurrency {
        if sum > reserved {
            return Err(Error::ConcurrencyLimit(
                "Requested Provisioned Concurrency should not be greater than the reservedConcurrentExecution for \
                 function"
                    .to_owned(),
            ));
        }
        return Ok(());
    }
    let budget = Budget::of(lambda, &entry.key);
    let unreserved = budget.unreserved();
    if sum > unreserved {
        return Err(Error::ConcurrencyLimit(format!(
            "Specified ConcurrentExecutions for function is greater than account's unreserved concurrency [{unreserved}]."
        )));
    }
    let min = budget.min();
    if unreserved - sum < min {
        return Err(Error::ConcurrencyLimit(format!(
            "Specified ConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its \
             minimum value of [{min}]."
        )));
    }
    Ok(())
}

/// The function, when what the target names can have something provisioned.
fn checked(lambda: &Lambda, target: &Target) -> Result<Arc<Entry>, Error> {
    if target.parsed_qualifier() == Some(Qualifier::Latest) {
        return Err(Error::InvalidParameter(
            "The function resource provided must be an alias or a published version.".to_owned(),
        ));
    }
    let entry = lambda.functions.get(&target.key).ok_or_else(|| absent(target))?;
    let is_there = match target.parsed_qualifier() {
        Some(Qualifier::Alias(name)) => entry.record.aliases.contains_key(&*name),
        Some(Qualifier::Number(number)) => entry.record.versions.contains_key(&number),
        Some(Qualifier::Latest) | None => false,
    };
    if is_there { Ok(entry) } else { Err(absent(target)) }
}

fn find(lambda: &Lambda, entry: &Arc<Entry>, target: &Target) -> Result<Config, Error> {
    let qualifier = target.qualifier.as_deref().unwrap_or_default();
    let one = entry.record.provisioned.get(qualifier).ok_or(Error::NothingProvisioned)?;
    Ok(show(lambda, entry, qualifier, *one))
}

/// An alias and a version that are not there are told in different words.
fn absent(target: &Target) -> Error {
    // A number that is too large for any version names no alias either.
    let is_number = target.qualifier.iter().all(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    if is_number { target.not_found() } else { Error::AliasNotFound { arn: target.asked_arn() } }
}

/// The text is recorded for `$LATEST` itself; an alias that leads there is no more published.
fn unpublished() -> Error {
    Error::InvalidParameter(
        "Provisioned Concurrency Configs cannot be applied to unpublished function versions.".to_owned(),
    )
}

fn versions_of(record: &FunctionRecord, qualifier: &str) -> Vec<Version> {
    match Qualifier::parse(qualifier) {
        Some(Qualifier::Number(number)) => vec![Version::Number(number)],
        Some(Qualifier::Alias(name)) => record.aliases.get(&*name).into_iter().flat_map(|a| a.targets()).collect(),
        Some(Qualifier::Latest) | None => Vec::new(),
    }
}

fn show(lambda: &Lambda, entry: &Entry, qualifier: &str, one: ProvisionedRecord) -> Config {
    let requested = one.environments;
    let (mut allocated, mut available, mut failure) = (0, 0, None);
    let preparation = lambda.preparation.get();
    for (version, share) in shares(&entry.record, qualifier, requested) {
        let Some(found) = preparation.as_ref().and_then(|plane| plane.provisioned(&entry.key, version)) else {
            continue;
        };
        let all = wanted_of(&entry.record, version);
        allocated += portion(found.allocated, share, all);
        available += portion(found.available, share, all);
        failure = failure.or_else(|| failure_of(found, all));
    }
    let state = match failure {
        _ if available >= requested => State::Ready,
        Some(reason) => State::Failed { reason },
        None => State::InProgress,
    };
    Config {
        arn: arn::qualified(&entry.arn, qualifier),
        requested,
        allocated,
        available,
        state,
        modified_ms: one.modified_ms,
    }
}

/// What all configurations together want of a version.
fn wanted_of(record: &FunctionRecord, version: Version) -> u32 {
    let all = record.provisioned.iter().flat_map(|(qualifier, one)| shares(record, qualifier, one.environments));
    all.filter(|(of, _)| *of == version).fold(0, |sum, (_, share)| sum.saturating_add(share))
}

/// Of `count` environments of a version, how many are this configuration's when it wants `share`
/// of `all`.
fn portion(count: u32, share: u32, all: u32) -> u32 {
    if count >= all {
        return share;
    }
    let part = u64::from(count) * u64::from(share) / u64::from(all.max(1));
    u32::try_from(part).unwrap_or(share)
}

/// A failure counts while the data plane still pursues this very wish.
fn failure_of(found: Provisioned, all: u32) -> Option<String> {
    found.failure.filter(|_| found.requested == all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn environments_fall_to_configurations_in_proportion() {
        for (count, share, all, expected) in
            [(0, 5, 10, 0), (10, 5, 10, 5), (12, 5, 10, 5), (5, 5, 10, 2), (9, 1, 10, 0), (3, 10, 10, 3)]
        {
            assert_eq!(portion(count, share, all), expected, "{share} of {all} at {count}");
        }
    }
}
