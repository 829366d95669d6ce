//! The keys of stored users, in memory: verifying a signature reads no disk and takes no lock.

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use hearth_model::AccountId;

use crate::record::User;

/// A key that a user made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct UserKey {
    pub(crate) account: AccountId,
    pub(crate) user_name: String,
    pub(crate) user_arn: String,
    pub(crate) active: bool,
}

type Keys = HashMap<String, Arc<UserKey>>;

/// Keys by id. Writers take turns (see `Iam::users`); readers see the last whole state.
#[derive(Default)]
pub(crate) struct Directory {
    keys: ArcSwap<Keys>,
}

impl Directory {
    pub(crate) fn get(&self, access_key_id: &str) -> Option<Arc<UserKey>> {
        self.keys.load().get(access_key_id).cloned()
    }

    /// What was known of a user is replaced; `None` when the user is gone. `name` in any case.
    pub(crate) fn show(&self, account: &AccountId, name: &str, user: Option<&User>) {
        let before = self.keys.load();
        let is_of_user = |key: &UserKey| key.account == *account && key.user_name.eq_ignore_ascii_case(name);
        let has_keys = user.is_some_and(|user| !user.own.keys.is_empty());
        if !has_keys && !before.values().any(|key| is_of_user(key)) {
            return;
        }
        let mut keys: Keys = before.iter().filter(|(_, key)| !is_of_user(key)).map(owned).collect();
        if let Some(user) = user {
            keys.extend(keys_of(account, user));
        }
        self.keys.store(Arc::new(keys));
    }

    /// Replaces everything.
    pub(crate) fn show_all(&self, users: &[(AccountId, User)]) {
        let keys = users.iter().flat_map(|(account, user)| keys_of(account, user)).collect();
        self.keys.store(Arc::new(keys));
    }
}

fn owned((id, key): (&String, &Arc<UserKey>)) -> (String, Arc<UserKey>) {
    (id.clone(), Arc::clone(key))
}

fn keys_of<'a>(account: &'a AccountId, user: &'a User) -> impl Iterator<Item = (String, Arc<UserKey>)> + 'a {
    user.own.keys.iter().map(|key| {
        let shown = UserKey {
            account: account.clone(),
            user_name: user.name.clone(),
            user_arn: user.arn(account),
            active: key.active,
        };
        (key.id.clone(), Arc::new(shown))
    })
}
