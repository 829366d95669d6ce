//! Log streams.

use std::sync::Arc;

use hearth_wire::Violations;
use serde::{Deserialize, Serialize};

use super::{Json, Nothing, Scope, finish, identifier, limit, token};
use crate::db::catalogue::{Stream, StreamOrder};
use crate::error::{LogsError, Result};
use crate::ops::stream;
use crate::store::Store;

const LIMIT: i64 = 50;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Named {
    log_group_name: Option<String>,
    log_stream_name: Option<String>,
}

pub(super) async fn create(store: Arc<Store>, scope: Scope, input: Named) -> Result<Nothing> {
    let name = identifier::stream("logStreamName", input.log_stream_name.as_deref())?;
    stream::create(&store, scope.group(input.log_group_name.as_deref())?, name).await?;
    Ok(Nothing)
}

pub(super) async fn delete(store: Arc<Store>, scope: Scope, input: Named) -> Result<Nothing> {
    let name = identifier::stream("logStreamName", input.log_stream_name.as_deref())?;
    stream::delete(&store, scope.group(input.log_group_name.as_deref())?, name).await?;
    Ok(Nothing)
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Describe {
    log_group_name: Option<String>,
    log_group_identifier: Option<String>,
    log_stream_name_prefix: Option<String>,
    order_by: Option<String>,
    descending: Option<bool>,
    next_token: Option<String>,
    limit: Option<i64>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Streams {
    log_streams: Vec<LogStream>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct LogStream {
    log_stream_name: String,
    creation_time: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_event_timestamp: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_event_timestamp: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_ingestion_time: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    upload_sequence_token: Option<String>,
    arn: String,
    stored_bytes: u64,
}

pub(super) async fn describe(store: Arc<Store>, scope: Scope, input: Describe) -> Result<Json<Streams>> {
    let key = scope.group_or_identifier(input.log_group_name.as_deref(), input.log_group_identifier.as_deref())?;
    let limit = limit(input.limit, LIMIT)?;
    let order = order(&input)?;
    let by_name = matches!(order, StreamOrder::Name { .. });
    let group_arn = scope.group_arn(&key.group);
    let (streams, more) = stream::describe(&store, key, order, input.descending.unwrap_or(false), limit).await?;
    let next_token = streams.last().filter(|_| more).map(|last| match by_name {
        true => token::of_text(&last.name),
        false => token::of_time_and_name(last.last_ms.unwrap_or(0), &last.name),
    });
    let log_streams = streams.into_iter().map(|stream| render(&group_arn, stream)).collect();
    Ok(Json(Streams { log_streams, next_token }))
}

fn order(input: &Describe) -> Result<StreamOrder> {
    let prefix = identifier::stream_prefix(input.log_stream_name_prefix.as_deref())?;
    let order_by = input.order_by.as_deref().unwrap_or("LogStreamName");
    let mut violations = Violations::new();
    violations.enum_set("orderBy", order_by, &["LogStreamName", "LastEventTime"]);
    finish(violations)?;
    let token = input.next_token.as_deref();
    if order_by == "LogStreamName" {
        return Ok(StreamOrder::Name {
            prefix: prefix.unwrap_or_default(),
            after: token.map(token::text).transpose()?,
        });
    }
    if prefix.is_some() {
        return Err(LogsError::invalid("Cannot order by LastEventTime with a logStreamNamePrefix."));
    }
    Ok(StreamOrder::LastEvent {
        after: token.map(token::time_and_name).transpose()?,
    })
}

fn render(group_arn: &str, stream: Stream) -> LogStream {
    let has_events = stream.events > 0;
    LogStream {
        arn: format!("{group_arn}:log-stream:{}", stream.name),
        log_stream_name: stream.name,
        creation_time: stream.created_ms,
        first_event_timestamp: stream.first_ms,
        last_event_timestamp: stream.last_ms,
        last_ingestion_time: stream.ingested_ms,
        upload_sequence_token: has_events.then(|| identifier::sequence_token(stream.events)),
        stored_bytes: 0,
    }
}
