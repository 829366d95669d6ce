//! PutFunctionConcurrency, GetFunctionConcurrency and DeleteFunctionConcurrency.
//!
//! Source: fact sheet "Lambda control-plane API", section 8.1.

use std::sync::Arc;

use hearth_model::{FunctionKey, arn};
use hearth_wire::Caller;

use crate::Lambda;
use crate::error::Error;
use crate::snapshot::Entry;
use crate::target::{self, Target, Use};

/// What functions without reserved concurrency are always left, of an account that has as much.
const UNRESERVED_MIN: u32 = 100;

/// What an account has in a region, and who has taken how much of it.
pub(crate) struct Budget {
    pub(crate) limit: u32,
    /// Reserved or provisioned by the functions but one.
    pub(crate) taken_by_others: u32,
}

impl Budget {
    /// For a change of the function `key`.
    pub(crate) fn of(lambda: &Lambda, key: &FunctionKey) -> Self {
        let functions = lambda.functions.snapshot.page(&key.account, &key.region, None, usize::MAX);
        let others = functions.iter().filter(|entry| entry.key != *key);
        Self {
            limit: lambda.limits.concurrent_executions,
            taken_by_others: others.fold(0, |sum, entry| sum.saturating_add(entry.record.concurrency_taken())),
        }
    }

    /// What the function could take if nothing had to be left.
    pub(crate) fn unreserved(&self) -> u32 {
        self.limit.saturating_sub(self.taken_by_others)
    }

    /// What has to be left.
    pub(crate) fn min(&self) -> u32 {
        UNRESERVED_MIN.min(self.limit)
    }

    /// # Errors
    /// When too little would be left for functions that have nothing reserved.
    pub(crate) fn check(&self, wanted: u32) -> Result<(), Error> {
        let min = self.min();
        if u64::from(wanted) + u64::from(min) <= u64::from(self.unreserved()) {
            return Ok(());
        }
        Err(Error::ConcurrencyLimit(format!(
            "Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution \
             below its minimum value of [{min}]."
        )))
    }
}

/// Reserves concurrency; 0 switches the function off.
pub(crate) async fn put(lambda: &Arc<Lambda>, caller: &Caller, name: &str, wanted: u32) -> Result<u32, Error> {
    let target = resolve(caller, name, "PutFunctionConcurrency")?;
    // Two functions must not both take the last of the account's.
    let _turn = lambda.concurrency_turn.lock().await;
    let edit = |entry: &Entry| {
        let record = &entry.record;
        let provisioned = record.provisioned_sum();
        if wanted < provisioned {
            // Sic: the spaces are the service's.
            return Err(Error::ConcurrencyLimit(format!(
                " ReservedConcurrentExecutions  {wanted} should not be lower than function's total provisioned \
                 concurrency [{provisioned}]."
            )));
        }
        if wanted > record.concurrency_taken() {
            Budget::of(lambda, &entry.key).check(wanted)?;
        }
        let mut record = record.clone();
        record.reserved_concurrency = Some(wanted);
        Ok(record)
    };
    lambda.functions.change(&target.key, &[], || not_found(&target), edit).await?;
    Ok(wanted)
}

/// `None` when the function shares the account's.
pub(crate) fn get(lambda: &Lambda, caller: &Caller, name: &str) -> Result<Option<u32>, Error> {
    let target = resolve(caller, name, "GetFunctionConcurrency")?;
    let entry = lambda.functions.get(&target.key).ok_or_else(|| not_found(&target))?;
    Ok(entry.record.reserved_concurrency)
}

pub(crate) async fn delete(lambda: &Arc<Lambda>, caller: &Caller, name: &str) -> Result<(), Error> {
    let target = resolve(caller, name, "DeleteFunctionConcurrency")?;
    let edit = |entry: &Entry| {
        let mut record = entry.record.clone();
        record.reserved_concurrency = None;
        Ok(record)
    };
    lambda.functions.change(&target.key, &[], || not_found(&target), edit).await.map(|_| ())
}

fn resolve(caller: &Caller, name: &str, action: &'static str) -> Result<Target, Error> {
    let target = target::resolve(caller, Use::Write, name, None, action)?;
    if target.qualifier.is_some() {
        // `$LATEST`, too.
        return Err(target::no_versions());
    }
    Ok(target)
}

/// Sic: with `$LATEST`, which must not be in the request.
fn not_found(target: &Target) -> Error {
    Error::FunctionNotFound {
        arn: arn::qualified(&target.arn, "$LATEST"),
    }
}
