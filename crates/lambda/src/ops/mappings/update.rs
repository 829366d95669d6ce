//! UpdateEventSourceMapping.

use hearth_wire::Caller;

use super::{Shown, Wish, absent, function, key, passing, rules, source};
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
            Some(target)
        }
        None => None,
    };
    let now = lambda.clock.now_ms();
    let edit = |record: &mut MappingRecord| {
        rules::merge(record, &wish)?;
        if let Some(function) = &moved_to {
            record.function = function.asked_arn();
        }
        record.modified_ms = now;
        Ok(())
    };
    let turn = lambda.mappings.turn().await;
    if let Some(target) = &moved_to {
        // What it reads from does not change.
        let moved = MappingRecord {
            function: target.asked_arn(),
            ..before.clone()
        };
        let mut others = lambda.mappings.list(Some((&caller.account, &caller.region))).await?;
        others.retain(|(other, _)| *other != key);
        source::check_duplicates(&moved, target.key.name.as_str(), &others)?;
    }
    let record = turn.change(&key, edit).await?.ok_or_else(absent)?;
    let state = match wish.enabled.filter(|enabled| *enabled != before.enabled) {
        Some(true) => "Enabling",
        Some(false) => "Disabling",
        None => "Updating",
    };
    Ok(passing(key, record, state))
}
