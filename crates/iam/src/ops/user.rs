//! What users alone have: names that change, access keys, and some that only the configuration has.

use std::collections::{BTreeMap, BTreeSet};

use hearth_model::AccountId;

use crate::db;
use crate::error::{Error, Result};
use crate::ops::entity::{self, ATTEMPTS};
use crate::record::{FORM, KeyRecord, Own, User, UserOwn};
use crate::{Iam, ids};

const KEYS: usize = 2;

/// A user that the configuration names. It has no date of creation, and cannot be changed here.
pub(crate) fn configured(iam: &Iam, account: &AccountId, name: &str) -> Option<User> {
    let is_there = iam.configured_users().any(|(owner, user)| owner == account && user == name);
    is_there.then(|| {
        let mut user = User {
            v: FORM,
            name: name.to_owned(),
            path: "/".to_owned(),
            id: String::new(),
            created_ms: 0,
            tags: BTreeMap::new(),
            inline: BTreeMap::new(),
            attached: BTreeSet::new(),
            boundary: None,
            own: UserOwn::default(),
            newer: serde_json::Map::new(),
        };
        user.id = ids::derived(UserOwn::ID_PREFIX, &user.arn(account));
        user
    })
}

/// By its name, wherever it is kept.
pub(crate) async fn find(iam: &Iam, account: &AccountId, name: &str) -> Result<User> {
    match configured(iam, account, name) {
        Some(user) => Ok(user),
        None => Ok(entity::find::<UserOwn>(iam, account, name).await?.record),
    }
}

/// Refuses the names of configured users, whose ARN another user must not have.
pub(crate) fn check_free(iam: &Iam, account: &AccountId, name: &str) -> Result<()> {
    let is_taken = |(owner, user): (&AccountId, &str)| owner == account && user.eq_ignore_ascii_case(name);
    match iam.configured_users().any(is_taken) {
        true => Err(Error::AlreadyExists(format!("User with name {name} already exists."))),
        false => Ok(()),
    }
}

/// Every user of an account.
pub(crate) async fn all(iam: &Iam, account: &AccountId) -> Result<Vec<User>> {
    let mut users: Vec<User> = iam.db.all(account).await?;
    let names: BTreeSet<&str> = iam.configured_users().filter(|(owner, _)| *owner == account).map(|(_, n)| n).collect();
    users.extend(names.into_iter().filter_map(|name| configured(iam, account, name)));
    Ok(users)
}

/// Gives a user another name or path.
pub(crate) async fn rename(
    iam: &Iam,
    account: &AccountId,
    name: &str,
    new_name: Option<&str>,
    new_path: Option<&str>,
) -> Result<()> {
    let new_name = new_name.unwrap_or(name);
    let exists = || Error::AlreadyExists(format!("User with name {new_name} already exists."));
    if new_name != name {
        check_free(iam, account, new_name)?;
    }
    for _ in 0..ATTEMPTS {
        let stored = entity::find::<UserOwn>(iam, account, name).await?;
        let mut user = stored.record.clone();
        user.name = new_name.to_owned();
        user.path = new_path.map_or(user.path, ToOwned::to_owned);
        let stays = new_name.eq_ignore_ascii_case(name);
        if !stays && iam.db.get_any_case::<User>(account, new_name).await?.is_some() {
            return Err(exists());
        }
        let batch = if stays {
            vec![db::put(account, &user, Some(stored.version))?]
        } else {
            vec![db::delete(account, &stored), db::put(account, &user, None)?]
        };
        let _turn = iam.users.lock().await;
        if iam.db.commit(batch).await? {
            iam.directory.show(account, name, None);
            iam.directory.show(account, new_name, Some(&user));
            return Ok(());
        }
    }
    Err(Error::ConcurrentModification)
}

/// Makes a key: the record, and the secret that nobody is told again.
pub(crate) async fn create_key(iam: &Iam, account: &AccountId, name: &str) -> Result<(KeyRecord, String)> {
    let key = KeyRecord {
        id: ids::access_key("AKIA", &iam.random),
        active: true,
        created_ms: iam.clock.now_ms(),
    };
    entity::change::<UserOwn, _>(iam, account, name, None, |user| {
        if user.own.keys.len() >= KEYS {
            return Err(Error::LimitExceeded(format!("Cannot exceed quota for AccessKeysPerUser: {KEYS}")));
        }
        user.own.keys.push(key.clone());
        Ok(())
    })
    .await?;
    let secret = iam.sealer.user_secret(&key.id);
    Ok((key, secret))
}

pub(crate) async fn update_key(iam: &Iam, account: &AccountId, name: &str, id: &str, active: bool) -> Result<()> {
    entity::change::<UserOwn, _>(iam, account, name, None, |user| {
        let key = user.own.keys.iter_mut().find(|key| key.id == id).ok_or_else(|| no_key(id))?;
        key.active = active;
        Ok(())
    })
    .await
}

pub(crate) async fn delete_key(iam: &Iam, account: &AccountId, name: &str, id: &str) -> Result<()> {
    entity::change::<UserOwn, _>(iam, account, name, None, |user| {
        let before = user.own.keys.len();
        user.own.keys.retain(|key| key.id != id);
        if user.own.keys.len() == before { Err(no_key(id)) } else { Ok(()) }
    })
    .await
}

pub(crate) fn no_key(id: &str) -> Error {
    Error::NoSuchEntity(format!("The Access Key with id {id} cannot be found."))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ConfiguredKey, Mode, testing};

    #[tokio::test]
    async fn a_configured_user_is_refused_as_such() {
        let account = AccountId::fallback();
        let mut options = testing::options(Mode::Enforce, &testing::store());
        options.keys.push(ConfiguredKey {
            access_key_id: "AKIAIOSFODNN7EXAMPLE".to_owned(),
            secret_access_key: "wJalrXUtnFEMI/K7MDENG".to_owned(),
            account: account.clone(),
            user_name: "ci".to_owned(),
        });
        let iam = Iam::open(options).await.unwrap();
        assert_eq!(find(&iam, &account, "ci").await.unwrap().name, "ci");
        let refused = async |name| create_key(&iam, &account, name).await.unwrap_err().to_string();
        assert_eq!(
            refused("ci").await,
            "The user ci is one of the server's configuration: it has nothing to list or change."
        );
        assert_eq!(refused("bob").await, "The user with name bob cannot be found.");
    }
}
