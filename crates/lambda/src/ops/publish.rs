//! What publishing a version is, whichever operation asks for it.
//!
//! Source: fact sheet "Lambda control-plane API", sections 3.4 and 4 ("Versions").

use hearth_core::{Clock, Random};
use hearth_model::Version;

use crate::error::Error;
use crate::record::{Config, Edition, FORM, FunctionRecord, Status, VersionRecord};

/// The published version that is what `$LATEST` is: publishing gives this one again. A version
/// whose making failed is no answer to that.
pub(crate) fn current(record: &FunctionRecord) -> Option<u64> {
    let (number, version) = record.versions.last_key_value()?;
    let (latest, published) = (&record.latest.config, &version.edition.config);
    let is_same = published.is_same_but_for_description(latest)
        && version.description_of_latest == latest.description
        && !matches!(version.edition.status, Status::CreationFailed(_));
    is_same.then_some(*number)
}

/// Publishes `$LATEST` unless that is done already (see [`current`]). A version begins in `status`;
/// its description is that of `$LATEST` unless another one is given.
pub(crate) fn publish(
    record: &mut FunctionRecord,
    status: Status,
    description: Option<&str>,
    clock: &Clock,
    random: &Random,
) {
    if current(record).is_some() {
        return;
    }
    let latest = &record.latest.config;
    let version = VersionRecord {
        v: FORM,
        incarnation: record.incarnation.clone(),
        description_of_latest: latest.description.clone(),
        edition: Edition {
            config: Config {
                description: description.unwrap_or(&latest.description).to_owned(),
                ..latest.clone()
            },
            revision_id: random.uuid().to_string(),
            modified_ms: clock.now_ms(),
            status,
        },
        newer: serde_json::Map::new(),
    };
    record.versions_made += 1;
    record.latest.revision_id = random.uuid().to_string();
    record.put_version(record.versions_made, version);
    let update = record.runtime_update(Version::Latest);
    record.set_runtime_update(Version::Number(record.versions_made), update);
}

/// # Errors
/// A `$LATEST` that is not what invocations get, and so cannot be published.
pub(crate) fn check_active(record: &FunctionRecord) -> Result<(), Error> {
    match record.latest.status {
        Status::CreationFailed(_) | Status::UpdateFailed(_) => Err(Error::NotActive { state: "Failed" }),
        // The checks that updates share know the others.
        Status::Creating | Status::Updating | Status::Active => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Failure;
    use crate::record::tests::sample;

    fn publish_now(record: &mut FunctionRecord, description: Option<&str>) -> Option<u64> {
        publish(record, Status::Active, description, &Clock::fixed(5), &Random::seeded(7));
        current(record)
    }

    #[test]
    fn what_did_not_change_is_not_published_again() {
        let mut record = sample();
        assert_eq!(current(&record), None);
        assert_eq!(publish_now(&mut record, Some("first")), Some(1));
        let revision = record.latest.revision_id.clone();
        assert_eq!(publish_now(&mut record, Some("other")), Some(1), "whatever description is given");
        assert_eq!(record.latest.revision_id, revision);
        record.latest.config.serial += 1;
        assert_eq!(publish_now(&mut record, None), Some(1), "an update that changed nothing is no change");
        record.latest.config.description = "new".to_owned();
        assert_eq!(publish_now(&mut record, None), Some(2), "a description of `$LATEST` is one");
        assert_eq!(record.versions[&1].edition.config.description, "first");
        assert_eq!(record.versions[&2].edition.config.description, "new");
    }

    #[test]
    fn numbers_are_never_used_again() {
        let mut record = sample();
        publish_now(&mut record, None);
        std::sync::Arc::make_mut(&mut record.versions).clear();
        assert_eq!(publish_now(&mut record, None), Some(2));
    }

    #[test]
    fn a_version_that_failed_is_published_anew() {
        let mut record = sample();
        publish_now(&mut record, None);
        let failure = Failure {
            code: "FunctionError".to_owned(),
            reason: "no".to_owned(),
        };
        record.edit_version(1, |version| version.edition.status = Status::CreationFailed(failure));
        assert_eq!(publish_now(&mut record, None), Some(2));
    }
}
