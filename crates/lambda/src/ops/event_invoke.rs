//! The operations on what becomes of asynchronous events, for each qualifier.
//!
//! Source: fact sheet "Lambda control-plane API", section 9.

use std::ops::Bound;
use std::sync::Arc;

use hearth_model::{Qualifier, arn};
use hearth_wire::Caller;

use crate::Lambda;
use crate::error::Error;
use crate::ops::destinations;
use crate::ops::page::{self, List, Page};
use crate::record::{EventInvokeRecord, FunctionRecord};
use crate::snapshot::Entry;
use crate::target::{self, Target, Use};

/// What a client wants; what it does not mention is absent. Past the model's constraints.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wanted {
    pub(crate) retries_max: Option<u32>,
    pub(crate) age_max_s: Option<u32>,
    pub(crate) destinations: Option<Wished>,
}

/// Both, or what is left of them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wished {
    pub(crate) on_success: Option<String>,
    pub(crate) on_failure: Option<String>,
}

/// Whether what is not mentioned stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum How {
    Replace,
    Merge,
}

/// What is set for a qualifier.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    /// With the qualifier.
    pub(crate) arn: String,
    pub(crate) record: EventInvokeRecord,
}

const LIST: List = List {
    kind: "event-invoke",
    operation: "ListFunctionEventInvokeConfigs",
};

const LATEST: &str = "$LATEST";

pub(crate) async fn put(
    lambda: &Arc<Lambda>,
    caller: &Caller,
    name: &str,
    qualifier: Option<&str>,
    wanted: &Wanted,
    how: How,
) -> Result<Config, Error> {
    let action = match how {
        How::Replace => "PutFunctionEventInvokeConfig",
        How::Merge => "UpdateFunctionEventInvokeConfig",
    };
    let target = target::resolve(caller, Use::Read, name, qualifier, action)?;
    if wanted.retries_max.is_none() && wanted.age_max_s.is_none() && wanted.destinations.is_none() {
        return Err(Error::InvalidParameter(
            "You must specify at least one of error handling or destination setting.".to_owned(),
        ));
    }
    let key = qualifier_of(&target);
    let edit = |entry: &Entry| {
        check_qualifier(&target, &entry.record)?;
        if let Some(wished) = &wanted.destinations {
            let (success, failure) = (wished.on_success.as_deref(), wished.on_failure.as_deref());
            destinations::check(lambda, &entry.key, success, failure)?;
        }
        let mut record = entry.record.clone();
        let before = match how {
            How::Replace => EventInvokeRecord::default(),
            How::Merge => record.event_invoke.get(key).cloned().ok_or_else(|| nothing_set(&target))?,
        };
        let wished = wanted.destinations.clone();
        let kept = || Wished {
            on_success: before.on_success.clone(),
            on_failure: before.on_failure.clone(),
        };
        let Wished { on_success, on_failure } = wished.unwrap_or_else(kept);
        let after = EventInvokeRecord {
            retries_max: wanted.retries_max.or(before.retries_max),
            age_max_s: wanted.age_max_s.or(before.age_max_s),
            on_success,
            on_failure,
            modified_ms: lambda.clock.now_ms(),
        };
        record.event_invoke.insert(key.to_owned(), after);
        Ok(record)
    };
    let entry = lambda.functions.change(&target.key, &[], no_function, edit).await?;
    find(&entry, &target)
}

pub(crate) fn get(lambda: &Lambda, caller: &Caller, name: &str, qualifier: Option<&str>) -> Result<Config, Error> {
    let target = target::resolve(caller, Use::Read, name, qualifier, "GetFunctionEventInvokeConfig")?;
    let entry = lambda.functions.get(&target.key).ok_or_else(|| nothing_set(&target))?;
    find(&entry, &target)
}

pub(crate) async fn delete(
    lambda: &Arc<Lambda>,
    caller: &Caller,
    name: &str,
    qualifier: Option<&str>,
) -> Result<(), Error> {
    let target = target::resolve(caller, Use::Read, name, qualifier, "DeleteFunctionEventInvokeConfig")?;
    let edit = |entry: &Entry| {
        let mut record = entry.record.clone();
        record.event_invoke.remove(qualifier_of(&target)).ok_or_else(|| nothing_set(&target))?;
        Ok(record)
    };
    lambda.functions.change(&target.key, &[], || nothing_set(&target), edit).await.map(|_| ())
}

/// Everything that is set for a function, by qualifier.
pub(crate) fn list(lambda: &Lambda, caller: &Caller, name: &str, wish: &page::Wish) -> Result<Page<Config>, Error> {
    let target = target::resolve(caller, Use::Read, name, None, "ListFunctionEventInvokeConfigs")?;
    target::refuse_version(&target)?;
    let entry = lambda.functions.get(&target.key).ok_or_else(no_function)?;
    let from = LIST.after(wish)?.map_or(Bound::Unbounded, Bound::Excluded);
    let set = entry.record.event_invoke.range::<String, _>((from, Bound::Unbounded));
    let page = LIST.cut(wish, set, |(qualifier, _)| (*qualifier).clone());
    let show = |(qualifier, record): (&String, &EventInvokeRecord)| Config {
        arn: arn::qualified(&entry.arn, qualifier),
        record: record.clone(),
    };
    Ok(Page {
        items: page.items.into_iter().map(show).collect(),
        next_marker: page.next_marker,
    })
}

fn find(entry: &Entry, target: &Target) -> Result<Config, Error> {
    let qualifier = qualifier_of(target);
    let record = entry.record.event_invoke.get(qualifier).ok_or_else(|| nothing_set(target))?;
    Ok(Config {
        arn: arn::qualified(&entry.arn, qualifier),
        record: record.clone(),
    })
}

fn check_qualifier(target: &Target, record: &FunctionRecord) -> Result<(), Error> {
    let is_there = match target.parsed_qualifier() {
        None | Some(Qualifier::Latest) => true,
        Some(Qualifier::Number(number)) => record.versions.contains_key(&number),
        Some(Qualifier::Alias(name)) => record.aliases.contains_key(&*name),
    };
    if is_there { Ok(()) } else { Err(no_function()) }
}

fn qualifier_of(target: &Target) -> &str {
    target.qualifier.as_deref().unwrap_or(LATEST)
}

fn no_function() -> Error {
    Error::ResourceNotFound("The function doesn't exist.".to_owned())
}

fn nothing_set(target: &Target) -> Error {
    let arn = arn::qualified(&target.arn, qualifier_of(target));
    Error::ResourceNotFound(format!("The function {arn} doesn't have an EventInvokeConfig"))
}
