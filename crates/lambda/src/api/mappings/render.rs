//! `EventSourceMappingConfiguration`: which members each kind of source has.

use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::mapping::{MappingRecord, SourceKind, mapping_arn};
use crate::ops::mappings::Shown;

/// A mapping with the members that the service sends for its kind of source, and no null.
pub(super) fn mapping(shown: &Shown) -> Map<String, Value> {
    let record = &shown.record;
    let kind = record.kind();
    let mut members = Members::default();
    members.put("UUID", &shown.key.id);
    members.put("EventSourceMappingArn", mapping_arn(&shown.key));
    members.put_some("EventSourceArn", record.source.as_ref());
    members.put("FunctionArn", &record.function);
    members.put("LastModified", seconds(record.modified_ms));
    members.put("State", shown.state.name);
    members.put("StateTransitionReason", &shown.state.reason);
    members.put("BatchSize", record.batch_size);
    members.put_some("MaximumBatchingWindowInSeconds", record.window_s);
    members.put_some("StartingPosition", record.starting_position.as_ref());
    members.put_some("StartingPositionTimestamp", record.starting_ms.map(seconds));
    members.put_some("FilterCriteria", filters(record));
    put_processing(&mut members, kind, record);
    put_source(&mut members, kind, record);
    members.put_some("ScalingConfig", record.max_concurrency.map(|max| json!({"MaximumConcurrency": max})));
    members.put_some("MetricsConfig", record.metrics.as_ref().map(|metrics| json!({"Metrics": metrics})));
    members.put_some("LoggingConfig", record.log_level.as_ref().map(|level| json!({"SystemLogLevel": level})));
    if let Some(pollers) = &record.pollers {
        let mut config = Members::default();
        config.put_some("MinimumPollers", pollers.min);
        config.put_some("MaximumPollers", pollers.max);
        config.put_some("PollerGroupName", pollers.group.as_ref());
        members.put("ProvisionedPollerConfig", config.0);
    }
    members.0
}

/// How batches are made, tried again and given up.
fn put_processing(members: &mut Members, kind: SourceKind, record: &MappingRecord) {
    if kind != SourceKind::Sqs {
        members.put("LastProcessingResult", "No records processed");
    }
    if kind == SourceKind::Sqs || kind.is_stream() || record.reports_failures {
        let types: &[&str] = if record.reports_failures { &["ReportBatchItemFailures"] } else { &[] };
        members.put("FunctionResponseTypes", types);
    }
    members.put_some("ParallelizationFactor", record.parallelization);
    members.put_some("MaximumRecordAgeInSeconds", record.max_age_s);
    members.put_some("MaximumRetryAttempts", record.max_retries);
    members.put_some("BisectBatchOnFunctionError", record.bisect);
    members.put_some("TumblingWindowInSeconds", record.tumbling_window_s);
    match &record.on_failure {
        Some(to) => members.put("DestinationConfig", json!({"OnFailure": {"Destination": to}})),
        None if kind.is_stream() => members.put("DestinationConfig", json!({"OnFailure": {}})),
        None => {}
    }
}

/// What is read, and how it is reached.
fn put_source(members: &mut Members, kind: SourceKind, record: &MappingRecord) {
    members.put_some("Topics", some(&record.topics));
    members.put_some("Queues", some(&record.queues));
    let access = record.access.iter().map(|access| json!({"Type": access.kind, "URI": access.uri}));
    members.put_some("SourceAccessConfigurations", some(&access.collect::<Vec<_>>()));
    members.put_some(
        "SelfManagedEventSource",
        some(&record.brokers).map(|brokers| json!({"Endpoints": {"KAFKA_BOOTSTRAP_SERVERS": brokers}})),
    );
    let group = record.consumer_group.as_ref().map(|group| json!({"ConsumerGroupId": group}));
    match kind {
        SourceKind::Msk => members.put_some("AmazonManagedKafkaEventSourceConfig", group),
        SourceKind::SelfManagedKafka => members.put_some("SelfManagedKafkaEventSourceConfig", group),
        _ => {}
    }
    if let Some(config) = &record.document_db {
        let mut shown = Members::default();
        shown.put_some("DatabaseName", config.database.as_ref());
        shown.put_some("CollectionName", config.collection.as_ref());
        shown.put("FullDocument", config.full_document.as_deref().unwrap_or("Default"));
        members.put("DocumentDBEventSourceConfig", shown.0);
    }
}

fn some<T>(list: &[T]) -> Option<&[T]> {
    Some(list).filter(|list| !list.is_empty())
}

fn filters(record: &MappingRecord) -> Option<Value> {
    let filters: Vec<Value> = record.filters.iter().map(|pattern| json!({"Pattern": pattern})).collect();
    (!filters.is_empty()).then(|| json!({"Filters": filters}))
}

/// A time as the API's numbers: epoch seconds with milliseconds.
#[allow(clippy::cast_precision_loss)]
fn seconds(unix_ms: i64) -> f64 {
    unix_ms as f64 / 1_000.0
}

#[derive(Default)]
struct Members(Map<String, Value>);

impl Members {
    fn put(&mut self, name: &str, value: impl Serialize) {
        self.0.insert(name.to_owned(), json!(value));
    }

    fn put_some(&mut self, name: &str, value: Option<impl Serialize>) {
        if let Some(value) = value {
            self.put(name, value);
        }
    }
}
