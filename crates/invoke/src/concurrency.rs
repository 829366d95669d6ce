//! How many invocations run at once: the account's limit, the functions' reserved shares, and the
//! environments provisioned for single versions.
//!
//! Provisioned environments are set aside like a reserved share, from the function's own where it
//! has one and else from the account's; a version that needs more than it has provisioned takes
//! the rest from there as well.
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
pub(crate) struct Counter(AtomicU32);

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
    function: Arc<FunctionShare>,
    /// Of one version: what runs within its provisioned concurrency.
    version: Arc<Counter>,
}

#[derive(Debug, Default)]
struct FunctionShare {
    running: Arc<Counter>,
    /// Provisioned for the function's versions, in sum.
    provisioned: AtomicU32,
}

#[derive(Debug, Default)]
struct AccountShare {
    unreserved: Arc<Counter>,
    /// What is set aside, by function; the sum narrows the unreserved part.
    set_aside: Mutex<HashMap<FunctionKey, u32>>,
    set_aside_sum: AtomicU32,
}

/// The counters of all accounts and regions.
#[derive(Debug)]
pub(crate) struct Concurrency {
    account_limit: u32,
    accounts: RwLock<HashMap<(AccountId, Region), Arc<AccountShare>>>,
    functions: RwLock<HashMap<FunctionKey, Arc<FunctionShare>>>,
}

impl Concurrency {
    pub(crate) fn new(account_limit: u32) -> Self {
        Self {
            account_limit,
            accounts: RwLock::default(),
            functions: RwLock::default(),
        }
    }

    /// The counters of a function's version, made at its first use. The versions of a function
    /// share all but the last.
    pub(crate) fn share(&self, key: &FunctionKey) -> Share {
        let account = (key.account.clone(), key.region.clone());
        Share {
            account: Arc::clone(self.accounts.write().entry(account).or_default()),
            function: Arc::clone(self.functions.write().entry(key.clone()).or_default()),
            version: Arc::default(),
        }
    }

    /// Takes a permit, or says which limit is reached. `provisioned`: environments that the version
    /// has ahead of demand.
    pub(crate) fn take(&self, share: &Share, spec: &FunctionSpec, provisioned: u32) -> Result<Permit, ThrottleReason> {
        if provisioned > 0 && share.version.take(provisioned) {
            return Ok(Permit {
                counter: Arc::clone(&share.version),
            });
        }
        let (counter, limit, reason) = match spec.reserved_concurrency {
            Some(reserved) => {
                let provisioned = share.function.provisioned.load(Ordering::Relaxed);
                (&share.function.running, reserved.saturating_sub(provisioned), ThrottleReason::Reserved)
            }
            None => {
                let set_aside = share.account.set_aside_sum.load(Ordering::Relaxed);
                let limit = self.account_limit.saturating_sub(set_aside);
                (&share.account.unreserved, limit, ThrottleReason::Account)
            }
        };
        if counter.take(limit) { Ok(Permit { counter: Arc::clone(counter) }) } else { Err(reason) }
    }

    /// Notes what is set aside for a function: its reserved concurrency (`None`: none, or the
    /// function is gone), and what is provisioned for its versions in sum.
    pub(crate) fn note_set_aside(&self, share: &Share, key: &FunctionKey, reserved: Option<u32>, provisioned: u32) {
        share.function.provisioned.store(provisioned, Ordering::Relaxed);
        let mut all = share.account.set_aside.lock();
        match reserved.unwrap_or(provisioned) {
            0 => all.remove(key),
            n => all.insert(key.clone(), n),
        };
        share.account.set_aside_sum.store(all.values().sum(), Ordering::Relaxed);
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
        let first = concurrency.take(&share, &spec, 0).unwrap();
        let _second = concurrency.take(&share, &spec, 0).unwrap();
        assert_eq!(concurrency.take(&share, &spec, 0).unwrap_err(), ThrottleReason::Account);
        drop(first);
        assert!(concurrency.take(&share, &spec, 0).is_ok());
    }

    #[test]
    fn accounts_do_not_share_a_limit_but_functions_of_one_do() {
        let concurrency = Concurrency::new(1);
        let (one, two) = (spec("one"), spec("two"));
        let mut elsewhere = spec("one");
        elsewhere.account = AccountId::parse("111111111111").unwrap();
        let _held = concurrency.take(&concurrency.share(&one.key()), &one, 0).unwrap();
        assert!(concurrency.take(&concurrency.share(&two.key()), &two, 0).is_err());
        assert!(concurrency.take(&concurrency.share(&elsewhere.key()), &elsewhere, 0).is_ok());
    }

    #[test]
    fn reserved_is_a_cap_and_narrows_what_others_have() {
        let concurrency = Concurrency::new(2);
        let mut reserved = spec("reserved");
        reserved.reserved_concurrency = Some(1);
        let other = spec("other");
        let share = concurrency.share(&reserved.key());
        concurrency.note_set_aside(&share, &reserved.key(), Some(1), 0);
        let _r = concurrency.take(&share, &reserved, 0).unwrap();
        assert_eq!(concurrency.take(&share, &reserved, 0).unwrap_err(), ThrottleReason::Reserved);
        let others = concurrency.share(&other.key());
        let _o = concurrency.take(&others, &other, 0).unwrap();
        assert_eq!(concurrency.take(&others, &other, 0).unwrap_err(), ThrottleReason::Account);
    }

    #[test]
    fn zero_switches_a_function_off() {
        let concurrency = Concurrency::new(10);
        let mut spec = spec("f");
        spec.reserved_concurrency = Some(0);
        let share = concurrency.share(&spec.key());
        assert_eq!(concurrency.take(&share, &spec, 0).unwrap_err(), ThrottleReason::Reserved);
    }

    #[test]
    fn provisioned_is_set_aside_and_more_spills_over() {
        let concurrency = Concurrency::new(2);
        let (spec, other) = (spec("f"), spec("other"));
        let share = concurrency.share(&spec.key());
        concurrency.note_set_aside(&share, &spec.key(), None, 1);
        let _provisioned = concurrency.take(&share, &spec, 1).unwrap();
        let spilt = concurrency.take(&share, &spec, 1).unwrap();
        assert_eq!(concurrency.take(&share, &spec, 1).unwrap_err(), ThrottleReason::Account);
        let others = concurrency.share(&other.key());
        assert!(concurrency.take(&others, &other, 0).is_err());
        drop(spilt);
        assert!(concurrency.take(&others, &other, 0).is_ok());
    }

    #[test]
    fn provisioned_is_a_part_of_reserved() {
        let concurrency = Concurrency::new(10);
        let mut spec = spec("f");
        spec.reserved_concurrency = Some(2);
        let share = concurrency.share(&spec.key());
        concurrency.note_set_aside(&share, &spec.key(), Some(2), 1);
        let _provisioned = concurrency.take(&share, &spec, 1).unwrap();
        let _spilt = concurrency.take(&share, &spec, 1).unwrap();
        assert_eq!(concurrency.take(&share, &spec, 1).unwrap_err(), ThrottleReason::Reserved);
    }
}
