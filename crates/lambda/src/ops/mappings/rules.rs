//! Which settings go with which source, and with each other.
//!
//! Texts of refusals that are not in the fact sheets follow the form of those that are.

use hearth_wire::EventPattern;

use super::{Source, Wish};
use crate::error::Error;
use crate::mapping::{MappingRecord, SourceKind};

/// A quota that AWS raises to 10 on request.
const FILTERS_MAX: usize = 5;
/// Seconds. Source: fact sheet "Event sources", section 2.
const KAFKA_TIMEOUT_MAX_S: u32 = 14 * 60;
/// Seconds that records may be old at the least, when it is not for ever.
const AGE_MIN_S: i64 = 60;

fn refuse<T>(text: impl Into<String>) -> Result<T, Error> {
    Err(Error::InvalidParameter(text.into()))
}

/// # Errors
/// A member that goes with other sources alone, or one that is missing.
pub(super) fn check_source(kind: SourceKind, from: &Source) -> Result<(), Error> {
    use SourceKind::{DocumentDb, Kinesis, Mq};
    let has_position = kind.is_stream() || kind.is_kafka() || kind == DocumentDb;
    if from.starting_position.is_some() && !has_position {
        return unsupported("StartingPosition");
    }
    if from.topics.is_some() && !kind.is_kafka() {
        return unsupported("Topics");
    }
    if from.queues.is_some() && kind != Mq {
        return unsupported("Queues");
    }
    if has_position && from.starting_position.is_none() {
        // Sic: the validator's words under another code, with a full stop.
        return refuse(
            "1 validation error detected: Value null at 'startingPosition' failed to satisfy constraint: Member must \
             not be null.",
        );
    }
    let at_timestamp = from.starting_position.as_deref() == Some("AT_TIMESTAMP");
    if at_timestamp && kind != Kinesis && !kind.is_kafka() {
        let arn = from.arn.as_deref().unwrap_or_default();
        return refuse(format!("Unsupported starting position for arn type: {arn}"));
    }
    if at_timestamp != from.starting_ms.is_some() {
        return refuse("StartingPositionTimestamp goes with StartingPosition AT_TIMESTAMP, and is required with it.");
    }
    if kind.is_kafka() && from.topics.is_none() {
        return missing("topics");
    }
    if kind == Mq && from.queues.is_none() {
        return missing("queues");
    }
    Ok(())
}

fn unsupported<T>(member: &str) -> Result<T, Error> {
    refuse(format!("Unsupported {member} parameter for given event source mapping type."))
}

fn missing<T>(member: &str) -> Result<T, Error> {
    refuse(format!("Required '{member}' parameter is missing."))
}

/// # Errors
/// A member that goes with other sources alone, one that is missing, or a value that the source does
/// not admit.
pub(super) fn check(kind: SourceKind, wish: &Wish, is_new: bool) -> Result<(), Error> {
    use SourceKind::{DocumentDb, Mq, Msk, SelfManagedKafka, Sqs};
    let retries = kind.is_stream() || kind.is_kafka();
    let goes_to = wish.destinations.as_ref();
    let on_success = goes_to.is_some_and(|to| to.on_success.as_ref().is_some_and(|to| !to.is_empty()));
    let on_failure = goes_to.is_some_and(|to| to.on_failure.as_ref().is_some_and(|to| !to.is_empty()));
    let members = [
        // No mapping tells of its successes.
        ("DestinationConfig", on_success || (on_failure && !retries), false),
        ("ParallelizationFactor", wish.parallelization.is_some(), kind.is_stream()),
        ("MaximumRecordAgeInSeconds", wish.max_age_s.is_some(), retries),
        ("MaximumRetryAttempts", wish.max_retries.is_some(), retries),
        ("BisectBatchOnFunctionError", wish.bisect == Some(true), retries),
        ("TumblingWindowInSeconds", wish.tumbling_window_s.is_some_and(|s| s > 0), kind.is_stream()),
        ("FunctionResponseTypes", wish.reports_failures == Some(true), retries || kind == Sqs),
        ("SourceAccessConfigurations", has(&wish.access), kind.is_kafka() || kind == Mq || kind == DocumentDb),
        ("ScalingConfig", wish.scaling.as_ref().is_some_and(|s| s.max_concurrency.is_some()), kind == Sqs),
        (
            "ProvisionedPollerConfig",
            wish.pollers.as_ref().is_some_and(|p| *p != <_>::default()),
            kind == Sqs || kind.is_kafka(),
        ),
        ("AmazonManagedKafkaEventSourceConfig", wish.msk.is_some(), kind == Msk),
        ("SelfManagedKafkaEventSourceConfig", wish.self_managed_kafka.is_some(), kind == SelfManagedKafka),
        ("DocumentDBEventSourceConfig", wish.document_db.is_some(), kind == DocumentDb),
        ("MetricsConfig", has(&wish.metrics), retries || kind == Sqs),
        ("LoggingConfig", wish.log_level.as_ref().is_some_and(Option::is_some), kind.is_kafka()),
    ];
    if let Some((member, ..)) = members.iter().find(|(_, is_given, fits)| *is_given && !*fits) {
        return unsupported(member);
    }
    let needs_access = kind == SelfManagedKafka || kind == Mq || kind == DocumentDb;
    if is_new && needs_access && !has(&wish.access) {
        return missing("sourceAccessConfigurations");
    }
    let database = wish.document_db.as_ref().and_then(|config| config.database.as_ref());
    if is_new && kind == DocumentDb && database.is_none() {
        return missing("documentDBEventSourceConfig.databaseName");
    }
    if wish.max_age_s.is_some_and(|age| (0..AGE_MIN_S).contains(&age)) {
        return refuse(format!("MaximumRecordAgeInSeconds must be -1 or at least {AGE_MIN_S}."));
    }
    check_unavailable(wish)?;
    check_filters(wish)
}

fn has<T>(list: &Option<Vec<T>>) -> bool {
    list.as_ref().is_some_and(|list| !list.is_empty())
}

fn check_unavailable(wish: &Wish) -> Result<(), Error> {
    let unavailable = |member, hint: &str| {
        Err(Error::NotAvailable {
            member,
            hint: hint.to_owned(),
        })
    };
    if wish.kms_key_arn.as_ref().is_some_and(|arn| !arn.is_empty()) {
        return unavailable("KMSKeyArn", "leave it out; filters are kept as they are given");
    }
    if wish.msk.iter().chain(&wish.self_managed_kafka).any(|kafka| kafka.has_schema_registry) {
        return unavailable("SchemaRegistryConfig", "leave it out; records are given as they are");
    }
    Ok(())
}

fn check_filters(wish: &Wish) -> Result<(), Error> {
    let filters = wish.filters.as_deref().unwrap_or_default();
    if filters.len() > FILTERS_MAX {
        return refuse(format!("FilterCriteria can have at most {FILTERS_MAX} filters, found {}.", filters.len()));
    }
    let is_good = |pattern: &Option<String>| pattern.as_deref().is_some_and(|text| EventPattern::parse(text).is_ok());
    if filters.iter().all(is_good) { Ok(()) } else { refuse("Invalid filter pattern definition.") }
}

/// # Errors
/// A function that may take longer than the source waits.
pub(super) fn check_timeout(kind: SourceKind, timeout_s: u32) -> Result<(), Error> {
    let is_limited = kind.is_kafka() || kind == SourceKind::Mq;
    if is_limited && timeout_s > KAFKA_TIMEOUT_MAX_S {
        return refuse(format!(
            "Function timeout: {timeout_s} seconds is more than an event source mapping of {} allows: \
             {KAFKA_TIMEOUT_MAX_S} seconds",
            kind.name()
        ));
    }
    Ok(())
}

/// Puts what is wanted over a mapping; what is not mentioned stays.
///
/// # Errors
/// Settings that contradict each other.
pub(super) fn merge(record: &mut MappingRecord, wish: &Wish) -> Result<(), Error> {
    record.enabled = wish.enabled.unwrap_or(record.enabled);
    record.batch_size = wish.batch_size.unwrap_or(record.batch_size);
    record.window_s = wish.window_s.or(record.window_s);
    record.parallelization = wish.parallelization.or(record.parallelization);
    record.max_age_s = wish.max_age_s.or(record.max_age_s);
    record.max_retries = wish.max_retries.or(record.max_retries);
    record.tumbling_window_s = wish.tumbling_window_s.or(record.tumbling_window_s);
    if record.kind().is_stream() || record.kind().is_kafka() {
        record.bisect = wish.bisect.or(record.bisect);
    }
    record.reports_failures = wish.reports_failures.unwrap_or(record.reports_failures);
    if let Some(filters) = &wish.filters {
        record.filters = filters.iter().flatten().cloned().collect();
    }
    if let Some(to) = &wish.destinations {
        record.on_failure = to.on_failure.clone().filter(|to| !to.is_empty());
    }
    if let Some(access) = &wish.access {
        record.access.clone_from(access);
    }
    if let Some(scaling) = &wish.scaling {
        record.max_concurrency = scaling.max_concurrency;
    }
    if let Some(pollers) = &wish.pollers {
        record.pollers = Some(pollers.clone()).filter(|pollers| *pollers != <_>::default());
    }
    if let Some(group) = wish.msk.iter().chain(&wish.self_managed_kafka).find_map(|kafka| kafka.consumer_group.clone())
    {
        record.consumer_group = Some(group);
    }
    if let Some(config) = &wish.document_db {
        let before = record.document_db.take().unwrap_or_default();
        record.document_db = Some(crate::mapping::DocumentDb {
            database: config.database.clone().or(before.database),
            collection: config.collection.clone().or(before.collection),
            full_document: config.full_document.clone().or(before.full_document),
        });
    }
    if let Some(metrics) = &wish.metrics {
        record.metrics = Some(metrics.clone());
    }
    if let Some(level) = &wish.log_level {
        record.log_level.clone_from(level);
    }
    check_whole(record)
}

fn check_whole(record: &MappingRecord) -> Result<(), Error> {
    let is_fifo = record.source.as_deref().is_some_and(|arn| arn.ends_with(".fifo"));
    if record.kind() == SourceKind::Sqs {
        if is_fifo && record.batch_size > 10 {
            return refuse("Batch size must be at most 10 for FIFO queues.");
        }
        if is_fifo && record.window_s.is_some_and(|window| window > 0) {
            return refuse("Maximum batch window in seconds is not supported for FIFO queues.");
        }
        if record.batch_size > 10 && record.window_s == Some(0) {
            return refuse(
                "Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10",
            );
        }
        if record.max_concurrency.is_some() && record.pollers.is_some() {
            return refuse("ScalingConfig and ProvisionedPollerConfig cannot be used together.");
        }
    }
    let bounds = record.pollers.as_ref().and_then(|pollers| pollers.min.zip(pollers.max));
    if bounds.is_some_and(|(min, max)| min > max) {
        return refuse("MinimumPollers must not be greater than MaximumPollers.");
    }
    Ok(())
}
