//! Whether a function may be invoked in a loop.
//!
//! Source: fact sheet "Lambda control-plane API", section 11.

use std::sync::Arc;

use hearth_wire::Caller;

use crate::Lambda;
use crate::error::Error;
use crate::snapshot::Entry;
use crate::target::{self, Use};

pub(crate) async fn put(lambda: &Arc<Lambda>, caller: &Caller, name: &str, allowed: bool) -> Result<(), Error> {
    let target = target::resolve(caller, Use::Write, name, None, "PutFunctionRecursionConfig")?;
    let edit = |entry: &Entry| {
        let mut record = entry.record.clone();
        record.recursion_allowed = allowed;
        Ok(record)
    };
    lambda.functions.change(&target.key, &[], || target.not_found(), edit).await.map(|_| ())
}

pub(crate) fn get(lambda: &Lambda, caller: &Caller, name: &str) -> Result<bool, Error> {
    let target = target::resolve(caller, Use::Write, name, None, "GetFunctionRecursionConfig")?;
    let entry = lambda.functions.get(&target.key).ok_or_else(|| target.not_found())?;
    Ok(entry.record.recursion_allowed)
}
