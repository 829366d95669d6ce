//! UpdateEventSourceMapping.

use hearth_wire::Caller;

use super::{Shown, Wish, absent, function, key, passing, rules};
use crate::Lambda;
use crate::error::Error;
use crate::mapping::MappingRecord;

const ACTION: &str = "UpdateEventSourceMapping";

/// Changes what is mentioned.
pub(crate) async fn update(lambda: &Lambda, caller: &Caller, uuid: &str, wish: Wish) -> Result<Shown, Error> {
    let key = key(caller, uuid);
    let before = lambda.mappings.get(&key).await?.ok_or_else(absent)?;
    let kind = before.kind();
    rules::check(kind, &wish, false)?;
    let moved_to = match &wish.function {
        Some(name) => {
            let (target, timeout_s) = function(lambda, caller, name, ACTION)?;
            rules::check_timeout(kind, timeout_s)?;
            Some(target.asked_arn())
        }
        None => None,
    };
    let now = lambda.clock.now_ms();
    let edit = |record: &mut MappingRecord| {
        rules::merge(record, &wish)?;
        if let Some(function) = &moved_to {
            record.function.clone_from(function);
        }
        record.modified_ms = now;
        Ok(())
    };
    let record = lambda.mappings.turn().await.change(&key, edit).await?.ok_or_else(absent)?;
    let state = match wish.enabled.filter(|enabled| *enabled != before.enabled) {
        Some(true) => "Enabling",
        Some(false) => "Disabling",
        None => "Updating",
    };
    Ok(passing(key, record, state))
}
