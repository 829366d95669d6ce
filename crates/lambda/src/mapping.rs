//! An event source mapping as it is stored: our own form, read by older-or-newer rules (see
//! [`crate::record`]).
//!
//! What is stored is what the client wants. How far it has come is no part of it: that depends on
//! who polls, and is told by [`crate::ops::mappings::state`].

use std::collections::BTreeMap;

use hearth_model::arn;
use serde::{Deserialize, Serialize};

use crate::db::resources::{ResourceKey, Stored};
use crate::resources::Tagged;

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct MappingRecord {
    /// The form it was written in.
    pub(crate) v: u32,
    /// What the client wants, not whether anything polls.
    pub(crate) enabled: bool,
    /// The source's ARN; absent for brokers that are named by themselves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) source: Option<String>,
    /// `host:port` of self-managed Kafka brokers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) brokers: Vec<String>,
    /// The function's ARN, with the qualifier that was given.
    pub(crate) function: String,
    pub(crate) batch_size: u32,
    /// Absent for the half second that the API cannot express.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) window_s: Option<u32>,
    /// Patterns, of which one has to match.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) filters: Vec<String>,
    /// `TRIM_HORIZON`, `LATEST` or `AT_TIMESTAMP`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) starting_position: Option<String>,
    /// Unix milliseconds, of `AT_TIMESTAMP`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) starting_ms: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) parallelization: Option<u32>,
    /// Where records go that were given up: an ARN or `kafka://<topic>`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) on_failure: Option<String>,
    /// -1 is for ever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) max_age_s: Option<i64>,
    /// -1 is for ever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) max_retries: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) bisect: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) tumbling_window_s: Option<u32>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) topics: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) queues: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) access: Vec<Access>,
    /// The function reports which items of a batch failed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) reports_failures: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) consumer_group: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) max_concurrency: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) pollers: Option<Pollers>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) document_db: Option<DocumentDb>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) metrics: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) log_level: Option<String>,
    /// Unix milliseconds of the last change by a client.
    pub(crate) modified_ms: i64,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) tags: BTreeMap<String, String>,
    /// Members of newer forms.
    #[serde(flatten)]
    pub(crate) newer: serde_json::Map<String, serde_json::Value>,
}

/// How a source is reached: a subnet, a secret ...
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Access {
    /// As in the API, `BASIC_AUTH`.
    pub(crate) kind: String,
    pub(crate) uri: String,
}

/// Provisioned pollers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Pollers {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) min: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) max: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) group: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DocumentDb {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) database: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) collection: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) full_document: Option<String>,
}

/// What a mapping reads from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SourceKind {
    Sqs,
    Kinesis,
    DynamoDb,
    Msk,
    SelfManagedKafka,
    Mq,
    DocumentDb,
}

impl SourceKind {
    /// Of a source's ARN; `None` for one that cannot be read from.
    pub(crate) fn of_arn(arn: &str) -> Option<Self> {
        let arn::Parts { service, resource, .. } = arn::split(arn)?;
        match service {
            "sqs" if !resource.is_empty() => Some(Self::Sqs),
            "kinesis" if resource.starts_with("stream/") => Some(Self::Kinesis),
            "dynamodb" if resource.starts_with("table/") && resource.contains("/stream/") => Some(Self::DynamoDb),
            "kafka" if resource.starts_with("cluster/") => Some(Self::Msk),
            "mq" if resource.starts_with("broker:") => Some(Self::Mq),
            "rds" if resource.starts_with("cluster:") => Some(Self::DocumentDb),
            _ => None,
        }
    }

    /// Kinesis and DynamoDB: what is read in shards.
    pub(crate) fn is_stream(self) -> bool {
        matches!(self, Self::Kinesis | Self::DynamoDb)
    }

    pub(crate) fn is_kafka(self) -> bool {
        matches!(self, Self::Msk | Self::SelfManagedKafka)
    }

    /// In words.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Sqs => "SQS queues",
            Self::Kinesis => "Kinesis streams",
            Self::DynamoDb => "DynamoDB streams",
            Self::Msk => "Amazon MSK clusters",
            Self::SelfManagedKafka => "Kafka brokers",
            Self::Mq => "Amazon MQ brokers",
            Self::DocumentDb => "DocumentDB clusters",
        }
    }
}

impl MappingRecord {
    pub(crate) fn kind(&self) -> SourceKind {
        // What is stored was recognised when it was made.
        self.source.as_deref().and_then(SourceKind::of_arn).unwrap_or(SourceKind::SelfManagedKafka)
    }
}

impl Stored for MappingRecord {
    const COLLECTION: &'static str = "event-source-mapping";
}

impl Tagged for MappingRecord {
    fn tags(&mut self) -> &mut BTreeMap<String, String> {
        &mut self.tags
    }
}

pub(crate) fn mapping_arn(key: &ResourceKey) -> String {
    arn::event_source_mapping(&key.region, &key.account, &key.id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_known_by_their_arns() {
        let kind = |tail: &str| SourceKind::of_arn(&format!("arn:aws:{tail}"));
        assert_eq!(kind("sqs:us-east-1:123456789012:q"), Some(SourceKind::Sqs));
        assert_eq!(kind("kinesis:us-east-1:123456789012:stream/s"), Some(SourceKind::Kinesis));
        let table = "dynamodb:us-east-1:123456789012:table/t";
        assert_eq!(kind(&format!("{table}/stream/2015-06-27T00:48:05.899")), Some(SourceKind::DynamoDb));
        assert_eq!(kind("kafka:us-east-1:123456789012:cluster/c/u"), Some(SourceKind::Msk));
        assert_eq!(kind("mq:us-east-1:123456789012:broker:b:b-1"), Some(SourceKind::Mq));
        assert_eq!(kind("rds:us-east-1:123456789012:cluster:c"), Some(SourceKind::DocumentDb));
        for other in [table, "sns:us-east-1:123456789012:t", "sqs:us-east-1:123456789012:", "x", "s3:::b"] {
            assert_eq!(kind(other), None, "{other}");
        }
    }
}
