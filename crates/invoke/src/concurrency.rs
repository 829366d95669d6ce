//! How many invocations run at once: the account's limit and the functions' reserved shares.
//!
//! A permit is held by the job, not by the caller's future: a client that hangs up does not free
//! the place of the function that still runs.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use hearth_model::{AccountId, FunctionKey, FunctionSpec, Region, ThrottleReason};
use parking_lot::{Mutex, RwLock};

/// One counter with a limit that is given at each taking (limits change; counters live on).
#[derive(Debug, Default)]
struct Counter(AtomicU32);

impl Counter {
    fn take(&self, limit: u32) -> bool {
        self.0.fetch_update(Ordering::AcqRel, Ordering::Acquire, |n| (n < limit).then(|| n + 1)).is_ok()
    }
}

/// The right to run one invocation; given back when dropped.
#[derive(Debug)]
pub(crate) struct Permit {
    counter: Arc<Counter>,
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.counter.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Where a function's permits come from. Kept by its pool, so that the hot path looks nothing up.
#[derive(Debug)]
pub(crate) struct Share {
    account: Arc<AccountShare>,
    function: Arc<Counter>,
}

#[derive(Debug, Default)]
struct AccountShare {
    unreserved: Arc<Counter>,
    /// Reserved concurrency by function; its sum narrows the unreserved part.
    reserved: Mutex<HashMap<FunctionKey, u32>>,
    reserved_sum: AtomicU32,
}

/// The counters of all accounts and regions.
#[derive(Debug)]
pub(crate) struct Concurrency {
    account_limit: u32,
    accounts: RwLock<HashMap<(AccountId, Region), Arc<AccountShare>>>,
    functions: RwLock<HashMap<FunctionKey, Arc<Counter>>>,
}

impl Concurrency {
    pub(crate) fn new(account_limit: u32) -> Self {
        Self {
            account_limit,
            accounts: RwLock::default(),
            functions: RwLock::default(),
        }
    }

    /// The counters of a function, made at its first use. Versions of a function share them.
    pub(crate) fn share(&self, key: &FunctionKey) -> Share {
        let account = (key.account.clone(), key.region.clone());
        Share {
            account: Arc::clone(self.accounts.write().entry(account).or_default()),
            function: Arc::clone(self.functions.write().entry(key.clone()).or_default()),
        }
    }

    /// Takes a permit, or says which limit is reached.
    pub(crate) fn take(&self, share: &Share, spec: &FunctionSpec) -> Result<Permit, ThrottleReason> {
        let (counter, limit, reason) = match spec.reserved_concurrency {
            Some(reserved) => (&share.function, reserved, ThrottleReason::Reserved),
            None => {
                let reserved = share.account.reserved_sum.load(Ordering::Relaxed);
                let limit = self.account_limit.saturating_sub(reserved);
                (&share.account.unreserved, limit, ThrottleReason::Account)
            }
        };
        if counter.take(limit) { Ok(Permit { counter: Arc::clone(counter) }) } else { Err(reason) }
    }

    /// Notes a function's reserved concurrency (`None`: none, or the function is gone).
    pub(crate) fn note_reserved(&self, share: &Share, key: &FunctionKey, reserved: Option<u32>) {
        let mut all = share.account.reserved.lock();
        match reserved {
            Some(n) => all.insert(key.clone(), n),
            None => all.remove(key),
        };
        share.account.reserved_sum.store(all.values().sum(), Ordering::Relaxed);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::service::tests_support::spec;

    #[test]
    fn the_account_limit_holds_and_permits_come_back() {
        let concurrency = Concurrency::new(2);
        let spec = spec("f");
        let share = concurrency.share(&spec.key());
        let first = concurrency.take(&share, &spec).unwrap();
        let _second = concurrency.take(&share, &spec).unwrap();
        assert_eq!(concurrency.take(&share, &spec).unwrap_err(), ThrottleReason::Account);
        drop(first);
        assert!(concurrency.take(&share, &spec).is_ok());
    }

    #[test]
    fn accounts_do_not_share_a_limit_but_functions_of_one_do() {
        let concurrency = Concurrency::new(1);
        let (one, two) = (spec("one"), spec("two"));
        let mut elsewhere = spec("one");
        elsewhere.account = AccountId::parse("111111111111").unwrap();
        let _held = concurrency.take(&concurrency.share(&one.key()), &one).unwrap();
        assert!(concurrency.take(&concurrency.share(&two.key()), &two).is_err());
        assert!(concurrency.take(&concurrency.share(&elsewhere.key()), &elsewhere).is_ok());
    }

    #[test]
    fn reserved_is_a_cap_and_narrows_what_others_have() {
        let concurrency = Concurrency::new(2);
        let mut reserved = spec("reserved");
        reserved.reserved_concurrency = Some(1);
        let other = spec("other");
        let share = concurrency.share(&reserved.key());
        concurrency.note_reserved(&share, &reserved.key(), Some(1));
        let _r = concurrency.take(&share, &reserved).unwrap();
        assert_eq!(concurrency.take(&share, &reserved).unwrap_err(), ThrottleReason::Reserved);
        let others = concurrency.share(&other.key());
        let _o = concurrency.take(&others, &other).unwrap();
        assert_eq!(concurrency.take(&others, &other).unwrap_err(), ThrottleReason::Account);
    }

    #[test]
    fn zero_switches_a_function_off() {
        let concurrency = Concurrency::new(10);
        let mut spec = spec("f");
        spec.reserved_concurrency = Some(0);
        let share = concurrency.share(&spec.key());
        assert_eq!(concurrency.take(&share, &spec).unwrap_err(), ThrottleReason::Reserved);
    }
}
