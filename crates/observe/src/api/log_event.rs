//! Log events.

use std::collections::HashMap;
use std::sync::Arc;

use hearth_model::{LogEvent, LogStreamId};
use hearth_wire::Violations;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Json, Scope, finish, identifier, limit, token};
use crate::db::scan::{Direction, Found, Key, Page};
use crate::error::{LogsError, Result};
use crate::ops::{event, filter, put};
use crate::pattern::Pattern;
use crate::store::Store;

const LIMIT: i64 = 10_000;
const PUT_MOST: usize = 10_000;
/// The place before every event: stream and number begin at 1.
const BEGINNING: Key = Key {
    timestamp_ms: 0,
    stream_id: 0,
    seq: 0,
};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Put {
    log_group_name: Option<String>,
    log_stream_name: Option<String>,
    log_events: Option<Vec<InputEvent>>,
    entity: Option<Value>,
}

#[derive(Debug, Deserialize)]
struct InputEvent {
    timestamp: Option<i64>,
    message: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Accepted {
    next_sequence_token: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    rejected_log_events_info: Option<RejectedEvents>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rejected_entity_info: Option<RejectedEntity>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct RejectedEvents {
    #[serde(skip_serializing_if = "Option::is_none")]
    too_new_log_event_start_index: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    too_old_log_event_end_index: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expired_log_event_end_index: Option<usize>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct RejectedEntity {
    error_type: &'static str,
}

/// `sequenceToken` is not looked at, as on AWS since 2023. Entities are not kept, and the answer
/// says so in the way the API has for it.
pub(super) async fn put(store: Arc<Store>, scope: Scope, input: Put) -> Result<Json<Accepted>> {
    let key = scope.group(input.log_group_name.as_deref())?;
    let stream = identifier::stream("logStreamName", input.log_stream_name.as_deref())?;
    let events = put_events(input.log_events)?;
    let stream = LogStreamId {
        account: key.account,
        region: key.region,
        group: key.group,
        stream,
    };
    let rejected = put::put(&store, stream, events).await?;
    let any = rejected != put::Rejected::default();
    Ok(Json(Accepted {
        next_sequence_token: identifier::sequence_token(store.clock.now_ms()),
        rejected_log_events_info: any.then_some(RejectedEvents {
            too_new_log_event_start_index: rejected.too_new_start,
            too_old_log_event_end_index: rejected.too_old_end,
            expired_log_event_end_index: rejected.expired_end,
        }),
        rejected_entity_info: input.entity.map(|_| RejectedEntity {
            error_type: "UnsupportedLogGroupType",
        }),
    }))
}

fn put_events(given: Option<Vec<InputEvent>>) -> Result<Vec<LogEvent>> {
    let mut violations = Violations::new();
    violations.required("logEvents", given.as_ref());
    let given = given.unwrap_or_default();
    if violations.text().is_none() {
        violations.size("logEvents", &format!("[{} events]", given.len()), given.len(), 1..=PUT_MOST);
    }
    for (event, number) in given.iter().zip(1..) {
        let path = |member| format!("logEvents.{number}.member.{member}");
        violations.required(&path("timestamp"), event.timestamp.as_ref());
        violations.required(&path("message"), event.message.as_ref());
        event.timestamp.inspect(|at| violations.range(&path("timestamp"), *at, 0..=i64::MAX));
        event.message.as_ref().inspect(|text| violations.length_min(&path("message"), text, 1));
    }
    finish(violations)?;
    let event = |event: InputEvent| LogEvent {
        timestamp_ms: event.timestamp.unwrap_or_default(),
        message: event.message.unwrap_or_default(),
    };
    Ok(given.into_iter().map(event).collect())
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Get {
    log_group_name: Option<String>,
    log_group_identifier: Option<String>,
    log_stream_name: Option<String>,
    start_time: Option<i64>,
    end_time: Option<i64>,
    next_token: Option<String>,
    limit: Option<i64>,
    start_from_head: Option<bool>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Events {
    events: Vec<OutputEvent>,
    next_forward_token: String,
    next_backward_token: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct OutputEvent {
    timestamp: i64,
    message: String,
    ingestion_time: i64,
}

/// `unmask` needs no look: nothing is masked here.
pub(super) async fn get(store: Arc<Store>, scope: Scope, input: Get) -> Result<Json<Events>> {
    let group = scope.group_or_identifier(input.log_group_name.as_deref(), input.log_group_identifier.as_deref())?;
    let stream = identifier::stream("logStreamName", input.log_stream_name.as_deref())?;
    let limit = limit(input.limit, LIMIT)?;
    check_times(input.start_time, input.end_time)?;
    let position = input.next_token.as_deref().map(token::direction).transpose()?;
    let direction = match position {
        Some((direction, _)) => direction,
        None if input.start_from_head.unwrap_or(false) => Direction::Forward,
        None => Direction::Backward,
    };
    let wanted = event::Wanted {
        group,
        stream,
        start_ms: input.start_time.unwrap_or(0),
        end_ms: input.end_time.unwrap_or(i64::MAX),
        direction,
        beyond: position.map(|(_, key)| key),
        limit,
    };
    let page = event::get(&store, wanted).await?;
    Ok(Json(render_page(page, position.map(|(_, key)| key))))
}

/// A page without events has the position it was asked for at both ends, so that the token comes
/// back the same: that is how clients see the end.
fn render_page(page: Page, position: Option<Key>) -> Events {
    let here = position.unwrap_or(BEGINNING);
    let first = page.events.first().map_or(here, |event| event.key);
    let last = page.events.last().map_or(here, |event| event.key);
    let render = |found: Found| OutputEvent {
        timestamp: found.key.timestamp_ms,
        message: found.message,
        ingestion_time: found.ingested_ms,
    };
    Events {
        events: page.events.into_iter().map(render).collect(),
        next_forward_token: token::of_direction(Direction::Forward, last),
        next_backward_token: token::of_direction(Direction::Backward, first),
    }
}

fn check_times(start: Option<i64>, end: Option<i64>) -> Result<()> {
    let mut violations = Violations::new();
    start.inspect(|start| violations.range("startTime", *start, 0..=i64::MAX));
    end.inspect(|end| violations.range("endTime", *end, 0..=i64::MAX));
    finish(violations)
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Filter {
    log_group_name: Option<String>,
    log_group_identifier: Option<String>,
    log_stream_names: Option<Vec<String>>,
    log_stream_name_prefix: Option<String>,
    start_time: Option<i64>,
    end_time: Option<i64>,
    filter_pattern: Option<String>,
    next_token: Option<String>,
    limit: Option<i64>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Filtered {
    events: Vec<FilteredEvent>,
    /// Always empty, as on AWS since 2020.
    searched_log_streams: [(); 0],
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct FilteredEvent {
    log_stream_name: String,
    timestamp: i64,
    message: String,
    ingestion_time: i64,
    event_id: String,
}

/// `interleaved` needs no look: events are always interleaved, as on AWS since 2019. The end of
/// the time window is part of it, other than for `GetLogEvents`.
pub(super) async fn filter(store: Arc<Store>, scope: Scope, input: Filter) -> Result<Json<Filtered>> {
    let group = scope.group_or_identifier(input.log_group_name.as_deref(), input.log_group_identifier.as_deref())?;
    let limit = limit(input.limit, LIMIT)?;
    check_times(input.start_time, input.end_time)?;
    let pattern = Pattern::parse(input.filter_pattern.as_deref().unwrap_or_default())
        .map_err(|error| LogsError::Invalid(error.to_string()))?;
    let wanted = filter::Wanted {
        group,
        streams: streams(input.log_stream_names, input.log_stream_name_prefix.as_deref())?,
        start_ms: input.start_time.unwrap_or(0),
        end_ms: input.end_time.map_or(i64::MAX, |end| end.saturating_add(1)),
        pattern,
        beyond: input.next_token.as_deref().map(token::key).transpose()?,
        limit,
    };
    let (page, mut names) = filter::filter(&store, wanted).await?;
    Ok(Json(Filtered {
        events: page.events.into_iter().map(|found| render_found(found, &mut names)).collect(),
        searched_log_streams: [],
        next_token: page.more.map(token::of_key),
    }))
}

fn render_found(found: Found, names: &mut HashMap<i64, String>) -> FilteredEvent {
    FilteredEvent {
        log_stream_name: names.get(&found.key.stream_id).cloned().unwrap_or_default(),
        timestamp: found.key.timestamp_ms,
        message: found.message,
        ingestion_time: found.ingested_ms,
        event_id: token::of_key(found.key),
    }
}

fn streams(names: Option<Vec<String>>, prefix: Option<&str>) -> Result<filter::Streams> {
    let prefix = identifier::stream_prefix(prefix)?;
    match (names, prefix) {
        (Some(_), Some(_)) => {
            Err(LogsError::invalid("LogStream names and LogStream name prefix are mutually exclusive parameters."))
        }
        (None, None) => Ok(filter::Streams::All),
        (None, Some(prefix)) => Ok(filter::Streams::Prefix(prefix)),
        (Some(names), None) => {
            let mut violations = Violations::new();
            violations.size("logStreamNames", &hearth_wire::validation::list(&names), names.len(), 1..=100);
            finish(violations)?;
            let names = names.iter().map(|name| identifier::stream("logStreamNames", Some(name)));
            Ok(filter::Streams::Named(names.collect::<Result<_>>()?))
        }
    }
}
