//! The members of a mapping's creation and update, and what the model says of them.

use std::collections::BTreeMap;

use hearth_wire::validation::{self, Violations};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::api::members::Members;
use crate::error::Error;
use crate::mapping::{Access, DocumentDb, Pollers};
use crate::ops::mappings::{Destinations, Kafka, Scaling, Source, Wish};
use crate::pattern::{ANY_ARN, BROKER, DESTINATION, POLLER_GROUP, Pattern, SERVICE_ARN, TOPIC, URI};
use crate::target::{self, Use};

const POSITIONS: &[&str] = &["LATEST", "AT_TIMESTAMP", "TRIM_HORIZON"];
const ACCESS_TYPES: &[&str] = &[
    "BASIC_AUTH",
    "VPC_SUBNET",
    "VPC_SECURITY_GROUP",
    "SASL_SCRAM_512_AUTH",
    "SASL_SCRAM_256_AUTH",
    "VIRTUAL_HOST",
    "CLIENT_CERTIFICATE_TLS_AUTH",
    "SERVER_ROOT_CA_CERTIFICATE",
];
const RESPONSE_TYPES: &[&str] = &["ReportBatchItemFailures"];
const METRICS: &[&str] = &["EventCount", "ErrorCount", "KafkaMetrics"];
const LEVELS: &[&str] = &["DEBUG", "INFO", "WARN"];
const FULL_DOCUMENTS: &[&str] = &["UpdateLookup", "Default"];
const BOOTSTRAP: &str = "KAFKA_BOOTSTRAP_SERVERS";
const FILTER_MAX: usize = 4_096;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct SelfManagedEventSource {
    endpoints: Option<BTreeMap<String, Vec<String>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct FilterCriteria {
    filters: Option<Vec<Filter>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Filter {
    pattern: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct DestinationConfig {
    on_success: Option<Destination>,
    on_failure: Option<Destination>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Destination {
    destination: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SourceAccess {
    #[serde(rename = "Type")]
    kind: Option<String>,
    #[serde(rename = "URI")]
    uri: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct KafkaConfig<'b> {
    consumer_group_id: Option<String>,
    #[serde(borrow)]
    schema_registry_config: Option<&'b RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct ScalingConfig {
    maximum_concurrency: Option<i64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct ProvisionedPollerConfig {
    minimum_pollers: Option<i64>,
    maximum_pollers: Option<i64>,
    poller_group_name: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct DocumentDbConfig {
    database_name: Option<String>,
    collection_name: Option<String>,
    full_document: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct MetricsConfig {
    metrics: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct LoggingConfig {
    system_log_level: Option<String>,
}

/// Takes the members that only a creation has.
pub(super) fn take_source(members: &mut Members<'_>, violations: &mut Violations) -> Result<Source, Error> {
    let arn: Option<String> = members.take("EventSourceArn")?;
    if let Some(arn) = &arn {
        SERVICE_ARN.check(violations, "eventSourceArn", arn);
    }
    let position: Option<String> = members.take("StartingPosition")?;
    if let Some(position) = &position {
        violations.enum_set("startingPosition", position, POSITIONS);
    }
    let topics: Option<Vec<String>> = members.take("Topics")?;
    if let Some(topics) = &topics {
        items(violations, "topics", topics, 1, (1, 249), &TOPIC);
    }
    let queues: Option<Vec<String>> = members.take("Queues")?;
    if let Some(queues) = &queues {
        violations.size("queues", &validation::list(queues), queues.len(), 1..=1);
        let constraints = [
            validation::at_most_long(1_000),
            validation::at_least_long(1),
            validation::matching("[\\s\\S]*"),
            "Member must not be null".to_owned(),
        ];
        violations.items("queues", queues, &constraints, queues.iter().all(|queue| (1..=1_000).contains(&queue.len())));
    }
    Ok(Source {
        arn,
        brokers: take_brokers(members, violations)?,
        starting_position: position,
        starting_ms: members.take::<f64>("StartingPositionTimestamp")?.map(milliseconds),
        topics,
        queues,
    })
}

fn take_brokers(members: &mut Members<'_>, violations: &mut Violations) -> Result<Option<Vec<String>>, Error> {
    let Some(source) = members.take::<SelfManagedEventSource>("SelfManagedEventSource")? else {
        return Ok(None);
    };
    let mut endpoints = source.endpoints.unwrap_or_default();
    let brokers = endpoints.remove(BOOTSTRAP);
    if let Some((kind, _)) = endpoints.first_key_value() {
        let shown = format!("{{{kind}=...}}");
        let constraint = format!("Map keys must satisfy constraint: [{}]", validation::one_of(&[BOOTSTRAP]));
        violations.violate("selfManagedEventSource.endpoints", Some(&shown), &constraint);
    }
    if let Some(brokers) = &brokers {
        let path = "selfManagedEventSource.endpoints";
        violations.size(path, &validation::list(brokers), brokers.len(), 1..=10);
        let good = |broker: &String| (1..=300).contains(&broker.len()) && BROKER.matches(broker);
        let constraints = item_constraints((1, 300), &BROKER);
        violations.items(path, brokers, &constraints, brokers.iter().all(good));
    }
    Ok(brokers)
}

/// Epoch seconds with a fraction; what no clock shows is the nearest that one does.
#[allow(clippy::cast_possible_truncation)]
fn milliseconds(seconds: f64) -> i64 {
    (seconds * 1_000.0).round() as i64
}

/// Takes the members that creation and update share.
pub(super) fn take(members: &mut Members<'_>, violations: &mut Violations, is_new: bool) -> Result<Wish, Error> {
    let function: Option<String> = members.take("FunctionName")?;
    if is_new || function.is_some() {
        target::check(violations, Use::Read, function.as_deref(), None);
    }
    Ok(Wish {
        function,
        enabled: members.take("Enabled")?,
        batch_size: count(members, violations, "BatchSize", "batchSize", 1..=10_000)?,
        window_s: count(
            members,
            violations,
            "MaximumBatchingWindowInSeconds",
            "maximumBatchingWindowInSeconds",
            0..=300,
        )?,
        filters: take_filters(members, violations)?,
        parallelization: count(members, violations, "ParallelizationFactor", "parallelizationFactor", 1..=10)?,
        destinations: take_destinations(members, violations)?,
        max_age_s: number(members, violations, "MaximumRecordAgeInSeconds", "maximumRecordAgeInSeconds", -1..=604_800)?,
        max_retries: number(members, violations, "MaximumRetryAttempts", "maximumRetryAttempts", -1..=10_000)?,
        bisect: members.take("BisectBatchOnFunctionError")?,
        tumbling_window_s: count(members, violations, "TumblingWindowInSeconds", "tumblingWindowInSeconds", 0..=900)?,
        access: take_access(members, violations)?,
        reports_failures: take_response_types(members, violations)?,
        scaling: take_scaling(members, violations)?,
        pollers: take_pollers(members, violations)?,
        msk: take_kafka(
            members,
            violations,
            "AmazonManagedKafkaEventSourceConfig",
            "amazonManagedKafkaEventSourceConfig",
        )?,
        self_managed_kafka: take_kafka(
            members,
            violations,
            "SelfManagedKafkaEventSourceConfig",
            "selfManagedKafkaEventSourceConfig",
        )?,
        document_db: take_document_db(members, violations)?,
        kms_key_arn: take_key(members, violations)?,
        metrics: take_metrics(members, violations)?,
        log_level: take_log_level(members, violations)?,
    })
}

fn number(
    members: &mut Members<'_>,
    violations: &mut Violations,
    name: &str,
    path: &str,
    bounds: std::ops::RangeInclusive<i64>,
) -> Result<Option<i64>, Error> {
    let value: Option<i64> = members.take(name)?;
    if let Some(value) = value {
        violations.range(path, value, bounds);
    }
    Ok(value)
}

/// A number whose bounds are not negative.
fn count(
    members: &mut Members<'_>,
    violations: &mut Violations,
    name: &str,
    path: &str,
    bounds: std::ops::RangeInclusive<i64>,
) -> Result<Option<u32>, Error> {
    Ok(number(members, violations, name, path, bounds)?.map(narrow))
}

fn narrow(value: i64) -> u32 {
    // One that does not fit is refused by its bounds.
    u32::try_from(value).unwrap_or_default()
}

fn items(
    violations: &mut Violations,
    path: &str,
    list: &[String],
    max: usize,
    (shortest, longest): (usize, usize),
    pattern: &Pattern,
) {
    violations.size(path, &validation::list(list), list.len(), 1..=max);
    let good = |item: &String| (shortest..=longest).contains(&item.len()) && pattern.matches(item);
    violations.items(path, list, &item_constraints((shortest, longest), pattern), list.iter().all(good));
}

fn item_constraints((shortest, longest): (usize, usize), pattern: &Pattern) -> [String; 4] {
    [
        validation::at_most_long(longest),
        validation::at_least_long(shortest),
        validation::matching(pattern.text()),
        "Member must not be null".to_owned(),
    ]
}

fn take_filters(members: &mut Members<'_>, violations: &mut Violations) -> Result<Option<Vec<Option<String>>>, Error> {
    let criteria = members.take::<FilterCriteria>("FilterCriteria")?;
    let Some(filters) = criteria.map(|criteria| criteria.filters.unwrap_or_default()) else {
        return Ok(None);
    };
    for (index, filter) in filters.iter().enumerate() {
        if let Some(pattern) = &filter.pattern {
            let path = format!("filterCriteria.filters.{}.member.pattern", index + 1);
            violations.length_max(&path, pattern, FILTER_MAX);
        }
    }
    Ok(Some(filters.into_iter().map(|filter| filter.pattern).collect()))
}

fn take_destinations(members: &mut Members<'_>, violations: &mut Violations) -> Result<Option<Destinations>, Error> {
    let Some(config) = members.take::<DestinationConfig>("DestinationConfig")? else {
        return Ok(None);
    };
    let mut arn = |destination: Option<Destination>, path: &str| {
        let arn = destination.and_then(|destination| destination.destination);
        if let Some(arn) = &arn {
            violations.length_max(path, arn, 350);
            DESTINATION.check(violations, path, arn);
        }
        arn
    };
    Ok(Some(Destinations {
        on_success: arn(config.on_success, "destinationConfig.onSuccess.destination"),
        on_failure: arn(config.on_failure, "destinationConfig.onFailure.destination"),
    }))
}

fn take_access(members: &mut Members<'_>, violations: &mut Violations) -> Result<Option<Vec<Access>>, Error> {
    let Some(list) = members.take::<Vec<SourceAccess>>("SourceAccessConfigurations")? else {
        return Ok(None);
    };
    let shown: Vec<String> = list.iter().map(|access| access.kind.clone().unwrap_or_default()).collect();
    violations.size("sourceAccessConfigurations", &validation::list(&shown), list.len(), 0..=22);
    let mut found = Vec::with_capacity(list.len());
    for (index, access) in list.into_iter().enumerate() {
        let path = |member: &str| format!("sourceAccessConfigurations.{}.member.{member}", index + 1);
        if let Some(kind) = &access.kind {
            violations.enum_set(&path("type"), kind, ACCESS_TYPES);
        }
        if let Some(uri) = &access.uri {
            violations.length(&path("uRI"), uri, 1..=200);
            URI.check(violations, &path("uRI"), uri);
        }
        violations.required(&path("type"), access.kind.as_ref());
        violations.required(&path("uRI"), access.uri.as_ref());
        found.push(Access {
            kind: access.kind.unwrap_or_default(),
            uri: access.uri.unwrap_or_default(),
        });
    }
    Ok(Some(found))
}

fn take_response_types(members: &mut Members<'_>, violations: &mut Violations) -> Result<Option<bool>, Error> {
    let types: Option<Vec<String>> = members.take("FunctionResponseTypes")?;
    if let Some(types) = &types {
        let path = "functionResponseTypes";
        violations.size(path, &validation::list(types), types.len(), 0..=1);
        let constraints = [validation::one_of(RESPONSE_TYPES), "Member must not be null".to_owned()];
        violations.items(path, types, &constraints, types.iter().all(|name| RESPONSE_TYPES.contains(&name.as_str())));
    }
    Ok(types.map(|types| !types.is_empty()))
}

fn take_scaling(members: &mut Members<'_>, violations: &mut Violations) -> Result<Option<Scaling>, Error> {
    let config = members.take::<ScalingConfig>("ScalingConfig")?;
    if let Some(max) = config.as_ref().and_then(|config| config.maximum_concurrency) {
        violations.range("scalingConfig.maximumConcurrency", max, 2..=1_000);
    }
    Ok(config.map(|config| Scaling {
        max_concurrency: config.maximum_concurrency.map(narrow),
    }))
}

fn take_pollers(members: &mut Members<'_>, violations: &mut Violations) -> Result<Option<Pollers>, Error> {
    let Some(config) = members.take::<ProvisionedPollerConfig>("ProvisionedPollerConfig")? else {
        return Ok(None);
    };
    if let Some(min) = config.minimum_pollers {
        violations.range("provisionedPollerConfig.minimumPollers", min, 1..=200);
    }
    if let Some(max) = config.maximum_pollers {
        violations.range("provisionedPollerConfig.maximumPollers", max, 1..=2_000);
    }
    if let Some(group) = &config.poller_group_name {
        violations.length_max("provisionedPollerConfig.pollerGroupName", group, 128);
        POLLER_GROUP.check(violations, "provisionedPollerConfig.pollerGroupName", group);
    }
    Ok(Some(Pollers {
        min: config.minimum_pollers.map(narrow),
        max: config.maximum_pollers.map(narrow),
        group: config.poller_group_name,
    }))
}

fn take_kafka(
    members: &mut Members<'_>,
    violations: &mut Violations,
    name: &str,
    path: &str,
) -> Result<Option<Kafka>, Error> {
    let Some(config) = members.take::<KafkaConfig<'_>>(name)? else {
        return Ok(None);
    };
    if let Some(group) = &config.consumer_group_id {
        let path = format!("{path}.consumerGroupId");
        violations.length(&path, group, 1..=200);
        URI.check(violations, &path, group);
    }
    Ok(Some(Kafka {
        consumer_group: config.consumer_group_id,
        has_schema_registry: config.schema_registry_config.is_some(),
    }))
}

fn take_document_db(members: &mut Members<'_>, violations: &mut Violations) -> Result<Option<DocumentDb>, Error> {
    let Some(config) = members.take::<DocumentDbConfig>("DocumentDBEventSourceConfig")? else {
        return Ok(None);
    };
    if let Some(name) = &config.database_name {
        violations.length("documentDBEventSourceConfig.databaseName", name, 1..=63);
    }
    if let Some(name) = &config.collection_name {
        violations.length("documentDBEventSourceConfig.collectionName", name, 1..=57);
    }
    if let Some(full) = &config.full_document {
        violations.enum_set("documentDBEventSourceConfig.fullDocument", full, FULL_DOCUMENTS);
    }
    Ok(Some(DocumentDb {
        database: config.database_name,
        collection: config.collection_name,
        full_document: config.full_document,
    }))
}

fn take_key(members: &mut Members<'_>, violations: &mut Violations) -> Result<Option<String>, Error> {
    let arn: Option<String> = members.take("KMSKeyArn")?;
    if let Some(arn) = &arn {
        ANY_ARN.check(violations, "kMSKeyArn", arn);
    }
    Ok(arn)
}

fn take_metrics(members: &mut Members<'_>, violations: &mut Violations) -> Result<Option<Vec<String>>, Error> {
    let config = members.take::<MetricsConfig>("MetricsConfig")?;
    let metrics = config.map(|config| config.metrics.unwrap_or_default());
    if let Some(metrics) = &metrics {
        let path = "metricsConfig.metrics";
        violations.size(path, &validation::list(metrics), metrics.len(), 0..=3);
        let constraints = [validation::one_of(METRICS), "Member must not be null".to_owned()];
        violations.items(path, metrics, &constraints, metrics.iter().all(|name| METRICS.contains(&name.as_str())));
    }
    Ok(metrics)
}

fn take_log_level(members: &mut Members<'_>, violations: &mut Violations) -> Result<Option<Option<String>>, Error> {
    let config = members.take::<LoggingConfig>("LoggingConfig")?;
    let level = config.map(|config| config.system_log_level);
    if let Some(Some(level)) = &level {
        violations.enum_set("loggingConfig.systemLogLevel", level, LEVELS);
    }
    Ok(level)
}
