//! What a mapping reads from: which kind it is, whether it is there, and who reads it already.

use hearth_model::{Region, SourceLookup, arn};

use super::Source;
use crate::Lambda;
use crate::db::resources::ResourceKey;
use crate::error::Error;
use crate::mapping::{MappingRecord, SourceKind};

/// # Errors
/// No source, or one that mappings of this region do not read from.
pub(super) fn kind(from: &Source, here: &Region) -> Result<SourceKind, Error> {
    let unknown = || Error::InvalidParameter("Unrecognized event source.".to_owned());
    match (&from.arn, &from.brokers) {
        (Some(arn), None) => {
            let kind = SourceKind::of_arn(arn).ok_or_else(unknown)?;
            match arn::split(arn).filter(|parts| parts.region != here.as_str()) {
                None => Ok(kind),
                // AWS refuses it too; its words are not recorded.
                Some(_) => Err(Error::InvalidParameter(format!(
                    "A mapping reads from a source of its own region: expected one of {here}, found {arn}"
                ))),
            }
        }
        (None, Some(_)) => Ok(SourceKind::SelfManagedKafka),
        (None, None) | (Some(_), Some(_)) => Err(unknown()),
    }
}

/// Asks whoever has such sources; nobody may, and then nothing is known of it.
///
/// # Errors
/// A source that is not there, or a queue that would show a message again while the function still
/// works at it.
pub(super) async fn check(lambda: &Lambda, kind: SourceKind, arn: Option<&str>, timeout_s: u32) -> Result<(), Error> {
    let (Some(sources), Some(arn)) = (&lambda.event_sources, arn) else {
        return Ok(());
    };
    let text = match sources.find(arn).await {
        SourceLookup::Unserved => return Ok(()),
        SourceLookup::Found { visibility_timeout_s } => match visibility_timeout_s {
            Some(visible) if visible < timeout_s => {
                format!(
                    "Queue visibility timeout: {visible} seconds is less than Function timeout: {timeout_s} seconds"
                )
            }
            _ => return Ok(()),
        },
        SourceLookup::Absent if kind == SourceKind::Sqs => {
            "Error occurred while ReceiveMessage. SQS Error Code: AWS.SimpleQueueService.NonExistentQueue. SQS Error \
             Message: The specified queue does not exist."
                .to_owned()
        }
        SourceLookup::Absent if kind.is_stream() => format!("Stream not found: {arn}"),
        // Not recorded for the others.
        SourceLookup::Absent => format!("Event source not found: {arn}"),
    };
    Err(Error::InvalidParameter(text))
}

/// One source and one function go together once.
///
/// # Errors
/// The mapping that is there already.
pub(super) fn check_duplicates(
    record: &MappingRecord,
    name: &str,
    others: &[(ResourceKey, MappingRecord)],
) -> Result<(), Error> {
    let same = |other: &MappingRecord| other.function == record.function && reads_the_same(record, other);
    let Some((key, _)) = others.iter().find(|(_, other)| same(other)) else {
        return Ok(());
    };
    let there = format!("already exists. Please update or delete the existing mapping with UUID {}", key.id);
    let source = record.source.as_deref().unwrap_or_default();
    Err(Error::Conflict(match record.kind() {
        // The blanks within the quotes are the service's.
        SourceKind::Sqs => {
            format!("An event source mapping with SQS arn (\" {source} \") and function (\" {name} \") {there}")
        }
        SourceKind::SelfManagedKafka => format!(
            "An event source mapping with event source (\"{}\"), function (\"{}\"), topics (\"{}\") {there}",
            record.brokers.join(","),
            record.function,
            record.topics.join(","),
        ),
        _ => format!("The event source arn (\" {source} \") and function (\" {name} \") provided mapping {there}"),
    }))
}

/// One broker in common is enough.
fn reads_the_same(one: &MappingRecord, other: &MappingRecord) -> bool {
    let brokers = one.brokers.is_empty() || one.brokers.iter().any(|broker| other.brokers.contains(broker));
    one.source == other.source && brokers && one.topics == other.topics && one.queues == other.queues
}
