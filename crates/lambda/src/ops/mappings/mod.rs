//! Event source mappings: what reads from a queue or a stream and invokes a function with it.
//!
//! Mappings are made, changed, listed and kept; nothing polls yet, and a mapping's state says so:
//! it is `Disabled`, with the reason, whatever the client wants. That is kept, and holds once a
//! poller for the source is there. A mapping outlives its function, as on Lambda.
//!
//! Source: fact sheets "Lambda control-plane API", section 12, and "Event sources", section 2.

mod create;
mod rules;
mod source;
mod update;

use hearth_model::{Qualifier, Version};
use hearth_wire::Caller;

use crate::Lambda;
use crate::db::resources::ResourceKey;
use crate::error::Error;
use crate::mapping::{Access, DocumentDb, MappingRecord, Pollers};
use crate::ops::page::{self, List, Page};
use crate::snapshot::Entry;
use crate::target::{self, Target, Use};

pub(crate) use create::create;
pub(crate) use update::update;

/// What a client wants of a mapping, past the model's constraints; what it does not mention is
/// absent. An empty list or configuration takes away what was there.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wish {
    pub(crate) function: Option<String>,
    pub(crate) enabled: Option<bool>,
    pub(crate) batch_size: Option<u32>,
    pub(crate) window_s: Option<u32>,
    /// `None` inside is a filter without a pattern.
    pub(crate) filters: Option<Vec<Option<String>>>,
    pub(crate) parallelization: Option<u32>,
    pub(crate) destinations: Option<Destinations>,
    pub(crate) max_age_s: Option<i64>,
    pub(crate) max_retries: Option<i64>,
    pub(crate) bisect: Option<bool>,
    pub(crate) tumbling_window_s: Option<u32>,
    pub(crate) access: Option<Vec<Access>>,
    pub(crate) reports_failures: Option<bool>,
    pub(crate) scaling: Option<Scaling>,
    pub(crate) pollers: Option<Pollers>,
    pub(crate) msk: Option<Kafka>,
    pub(crate) self_managed_kafka: Option<Kafka>,
    pub(crate) document_db: Option<DocumentDb>,
    pub(crate) kms_key_arn: Option<String>,
    pub(crate) metrics: Option<Vec<String>>,
    pub(crate) log_level: Option<Option<String>>,
}

/// What only a creation can say.
#[derive(Clone, Debug, Default)]
pub(crate) struct Source {
    pub(crate) arn: Option<String>,
    pub(crate) brokers: Option<Vec<String>>,
    pub(crate) starting_position: Option<String>,
    pub(crate) starting_ms: Option<i64>,
    pub(crate) topics: Option<Vec<String>>,
    pub(crate) queues: Option<Vec<String>>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Destinations {
    pub(crate) on_success: Option<String>,
    pub(crate) on_failure: Option<String>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Scaling {
    pub(crate) max_concurrency: Option<u32>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Kafka {
    pub(crate) consumer_group: Option<String>,
    pub(crate) has_schema_registry: bool,
}

/// A mapping, as it is shown.
pub(crate) struct Shown {
    pub(crate) key: ResourceKey,
    pub(crate) record: MappingRecord,
    pub(crate) state: State,
}

/// How far a mapping has come.
pub(crate) struct State {
    pub(crate) name: &'static str,
    pub(crate) reason: String,
}

/// The reason of a state that a client brought about.
pub(crate) fn by_user(record: &MappingRecord) -> String {
    (if record.kind().is_stream() { "User action" } else { "USER_INITIATED" }).to_owned()
}

/// Where a mapping stands between changes.
pub(crate) fn state(record: &MappingRecord) -> State {
    let reason = match record.enabled {
        false => by_user(record),
        true => format!(
            "Hearth has no poller for {} yet: nothing is read. The mapping is kept, and enabled once there is one.",
            record.kind().name()
        ),
    };
    State { name: "Disabled", reason }
}

fn shown(key: ResourceKey, record: MappingRecord) -> Shown {
    let state = state(&record);
    Shown { key, record, state }
}

fn passing(key: ResourceKey, record: MappingRecord, name: &'static str) -> Shown {
    let state = State {
        name,
        reason: by_user(&record),
    };
    Shown { key, record, state }
}

pub(crate) async fn get(lambda: &Lambda, caller: &Caller, uuid: &str) -> Result<Shown, Error> {
    let key = key(caller, uuid);
    let record = lambda.mappings.get(&key).await?.ok_or_else(absent)?;
    Ok(shown(key, record))
}

pub(crate) async fn delete(lambda: &Lambda, caller: &Caller, uuid: &str) -> Result<Shown, Error> {
    let key = key(caller, uuid);
    let record = lambda.mappings.turn().await.remove(&key).await?.ok_or_else(absent)?;
    Ok(passing(key, record, "Deleting"))
}

/// Which mappings a list is to show.
#[derive(Debug, Default)]
pub(crate) struct Selection {
    pub(crate) source: Option<String>,
    pub(crate) function: Option<String>,
    pub(crate) page: page::Wish,
}

/// The source and the function need not be there.
pub(crate) async fn list(lambda: &Lambda, caller: &Caller, selection: &Selection) -> Result<Page<Shown>, Error> {
    const LIST: List = List {
        kind: "event-source-mapping",
        operation: "ListEventSourceMappings",
    };
    let after = LIST.after(&selection.page)?;
    let function = match &selection.function {
        Some(name) => Some(target::resolve(caller, Use::Read, name, None, LIST.operation)?.asked_arn()),
        None => None,
    };
    let wanted = |key: &ResourceKey, record: &MappingRecord| {
        after.as_ref().is_none_or(|after| key.id > *after)
            && (selection.source.is_none() || record.source == selection.source)
            && function.as_ref().is_none_or(|function| record.function == *function)
    };
    let all = lambda.mappings.list(Some((&caller.account, &caller.region))).await?;
    let found = all.into_iter().filter(|(key, record)| wanted(key, record)).map(|(key, record)| shown(key, record));
    Ok(LIST.cut(&selection.page, found, |last| last.key.id.clone()))
}

/// Ids are compared as they were given out, in lower case.
fn key(caller: &Caller, uuid: &str) -> ResourceKey {
    ResourceKey {
        account: caller.account.clone(),
        region: caller.region.clone(),
        id: uuid.to_ascii_lowercase().replace('/', "-"),
    }
}

fn absent() -> Error {
    Error::ResourceNotFound("The resource you requested does not exist.".to_owned())
}

/// The function of a mapping, which is there, with its timeout in seconds.
fn function(lambda: &Lambda, caller: &Caller, name: &str, action: &'static str) -> Result<(Target, u32), Error> {
    // Sic: a bad request, not a missing resource.
    let absent = || Error::InvalidParameter("Function does not exist".to_owned());
    let target = target::resolve(caller, Use::Read, name, None, action)?;
    let entry = lambda.functions.get(&target.key).ok_or_else(absent)?;
    let timeout_s = timeout_s(&entry, &target).ok_or_else(absent)?;
    Ok((target, timeout_s))
}

fn timeout_s(entry: &Entry, target: &Target) -> Option<u32> {
    let version = match (target.parsed_qualifier(), &target.qualifier) {
        (None, None) | (Some(Qualifier::Latest), _) => Version::Latest,
        (None, Some(_)) => return None,
        (Some(Qualifier::Number(number)), _) => Version::Number(number),
        (Some(Qualifier::Alias(name)), _) => entry.record.aliases.get(&*name)?.primary(),
    };
    Some(entry.record.edition(version)?.config.timeout_s)
}
