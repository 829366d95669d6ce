//! CreateEventSourceMapping.

use std::collections::BTreeMap;

use hearth_wire::Caller;

use super::{Shown, Source, Wish, by_user, function, passing, rules, source};
use crate::Lambda;
use crate::db::resources::ResourceKey;
use crate::error::Error;
use crate::mapping::{MappingRecord, SourceKind};
use crate::ops::mappings::{State, shown};
use crate::ops::tags;
use crate::record::FORM;

const ACTION: &str = "CreateEventSourceMapping";

pub(crate) async fn create(
    lambda: &Lambda,
    caller: &Caller,
    from: Source,
    wish: Wish,
    given: BTreeMap<String, String>,
) -> Result<Shown, Error> {
    let kind = source::kind(&from, &caller.region)?;
    rules::check_source(kind, &from)?;
    rules::check(kind, &wish, true)?;
    tags::check(&given)?;
    let name = wish.function.as_deref().unwrap_or_default();
    let (target, timeout_s) = function(lambda, caller, name, ACTION)?;
    rules::check_timeout(kind, timeout_s)?;
    source::check(lambda, kind, from.arn.as_deref(), timeout_s).await?;
    let key = ResourceKey {
        account: caller.account.clone(),
        region: caller.region.clone(),
        id: lambda.random.uuid().to_string(),
    };
    let mut record = MappingRecord {
        v: FORM,
        enabled: true,
        function: target.asked_arn(),
        modified_ms: lambda.clock.now_ms(),
        tags: given,
        // A group of its own, unless one is named.
        consumer_group: kind.is_kafka().then(|| key.id.clone()),
        ..defaults(kind, from)
    };
    rules::merge(&mut record, &wish)?;
    let turn = lambda.mappings.turn().await;
    let others = lambda.mappings.list(Some((&caller.account, &caller.region))).await?;
    source::check_duplicates(&record, target.key.name.as_str(), &others)?;
    turn.create(&key, &record).await?;
    Ok(match record.enabled {
        true => passing(key, record, "Creating"),
        false => Shown {
            state: State {
                name: "Disabled",
                reason: by_user(&record),
            },
            ..shown(key, record)
        },
    })
}

/// Source: fact sheet "Event sources", section 2.
fn defaults(kind: SourceKind, from: Source) -> MappingRecord {
    let of_stream = |value: i64| kind.is_stream().then_some(value);
    MappingRecord {
        source: from.arn,
        brokers: from.brokers.unwrap_or_default(),
        batch_size: if kind == SourceKind::Sqs { 10 } else { 100 },
        window_s: (kind == SourceKind::Sqs || kind.is_stream()).then_some(0),
        starting_position: from.starting_position,
        starting_ms: from.starting_ms,
        topics: from.topics.unwrap_or_default(),
        queues: from.queues.unwrap_or_default(),
        parallelization: kind.is_stream().then_some(1),
        max_age_s: of_stream(-1),
        max_retries: of_stream(-1),
        bisect: kind.is_stream().then_some(false),
        tumbling_window_s: kind.is_stream().then_some(0),
        ..MappingRecord::default()
    }
}
