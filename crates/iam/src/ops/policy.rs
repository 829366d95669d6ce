//! Managed policies of an account, and their versions.

use std::collections::BTreeMap;

use hearth_model::AccountId;

use crate::db::{self, Stored};
use crate::document::{self, Kind};
use crate::error::{Error, Result};
use crate::managed;
use crate::ops::entity::ATTEMPTS;
use crate::record::{FORM, Policy, PolicyVersion, Role, User};
use crate::{Iam, ids};

const PER_ACCOUNT: usize = 1_500;
const VERSIONS: usize = 5;
/// Characters that are not white space.
const SIZE: usize = 6_144;

/// What a new policy is made of.
pub(crate) struct New {
    pub(crate) name: String,
    pub(crate) path: String,
    pub(crate) description: Option<String>,
    pub(crate) document: String,
    pub(crate) tags: BTreeMap<String, String>,
}

pub(crate) async fn create(iam: &Iam, account: &AccountId, new: New) -> Result<Policy> {
    check(&new.document)?;
    let exists = || {
        Error::AlreadyExists(format!("A policy called {} already exists. Duplicate names are not allowed.", new.name))
    };
    if iam.db.get_any_case::<Policy>(account, &new.name).await?.is_some() {
        return Err(exists());
    }
    if iam.db.all::<Policy>(account).await?.len() >= PER_ACCOUNT {
        return Err(Error::LimitExceeded(format!("Cannot exceed quota for PoliciesPerAccount: {PER_ACCOUNT}")));
    }
    let now_ms = iam.clock.now_ms();
    let version = PolicyVersion {
        document: new.document.clone(),
        created_ms: now_ms,
    };
    let policy = Policy {
        v: FORM,
        name: new.name.clone(),
        path: new.path.clone(),
        id: ids::unique("ANPA", &iam.random),
        description: new.description.clone(),
        created_ms: now_ms,
        updated_ms: now_ms,
        tags: new.tags.clone(),
        default_version: 1,
        last_version: 1,
        versions: BTreeMap::from([(1, version)]),
        newer: serde_json::Map::new(),
    };
    match iam.db.commit(vec![db::put(account, &policy, None)?]).await? {
        true => Ok(policy),
        false => Err(exists()),
    }
}

/// The policy of an ARN, when there is one in the caller's account.
pub(crate) async fn stored(iam: &Iam, account: &AccountId, arn: &str) -> Result<Option<Stored<Policy>>> {
    let Some((_, path, name)) = managed::parse_arn(arn).filter(|(owner, ..)| owner == account) else {
        return Ok(None);
    };
    let found = iam.db.get::<Policy>(account, name).await?;
    Ok(found.filter(|stored| stored.record.path == path))
}

/// As [`stored`]; its absence is an error.
pub(crate) async fn find(iam: &Iam, account: &AccountId, arn: &str) -> Result<Stored<Policy>> {
    stored(iam, account, arn).await?.ok_or_else(|| Error::NoSuchEntity(format!("Policy {arn} was not found.")))
}

/// How often a policy is attached, and how often it is a boundary.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Uses {
    pub(crate) attached: usize,
    pub(crate) boundaries: usize,
}

/// Everybody who may have a policy.
pub(crate) struct Bearers {
    pub(crate) roles: Vec<Role>,
    pub(crate) users: Vec<User>,
}

impl Bearers {
    pub(crate) async fn of(iam: &Iam, account: &AccountId) -> Result<Self> {
        Ok(Self {
            roles: iam.db.all(account).await?,
            users: iam.db.all(account).await?,
        })
    }

    pub(crate) fn uses(&self, arn: &str) -> Uses {
        let roles = self.roles.iter().map(|role| (&role.attached, &role.boundary));
        let users = self.users.iter().map(|user| (&user.attached, &user.boundary));
        let mut uses = Uses::default();
        for (attached, boundary) in roles.chain(users) {
            uses.attached += usize::from(attached.contains(arn));
            uses.boundaries += usize::from(boundary.as_deref() == Some(arn));
        }
        uses
    }
}

pub(crate) async fn delete(iam: &Iam, account: &AccountId, arn: &str) -> Result<()> {
    for _ in 0..ATTEMPTS {
        // Read first: an attachment from now on writes the policy too, and then this is tried anew.
        let stored = find(iam, account, arn).await?;
        if Bearers::of(iam, account).await?.uses(arn) != Uses::default() {
            return Err(Error::DeleteConflict("Cannot delete a policy attached to entities.".to_owned()));
        }
        if stored.record.versions.len() > 1 {
            let text = "This policy has more than one version. Before you delete a policy, you must delete the \
                        policy's versions. The default version is deleted with the policy.";
            return Err(Error::DeleteConflict(text.to_owned()));
        }
        if iam.db.commit(vec![db::delete(account, &stored)]).await? {
            return Ok(());
        }
    }
    Err(Error::ConcurrentModification)
}

/// Changes one as `apply` says, which may be asked again when others were faster.
pub(crate) async fn change<T>(
    iam: &Iam,
    account: &AccountId,
    arn: &str,
    apply: impl Fn(&mut Policy) -> Result<T> + Send + Sync,
) -> Result<T> {
    for _ in 0..ATTEMPTS {
        let stored = find(iam, account, arn).await?;
        let mut policy = stored.record.clone();
        let out = apply(&mut policy)?;
        if policy == stored.record || iam.db.commit(vec![db::put(account, &policy, Some(stored.version))?]).await? {
            return Ok(out);
        }
    }
    Err(Error::ConcurrentModification)
}

/// Adds a version; its number.
pub(crate) async fn add_version(
    iam: &Iam,
    account: &AccountId,
    arn: &str,
    document: &str,
    is_default: bool,
) -> Result<(u32, PolicyVersion)> {
    check(document)?;
    let now_ms = iam.clock.now_ms();
    change(iam, account, arn, |policy| {
        if policy.versions.len() >= VERSIONS {
            let text = format!(
                "A managed policy can have up to {VERSIONS} versions. Before you create a new version, you must delete \
                 an existing version."
            );
            return Err(Error::LimitExceeded(text));
        }
        let version = PolicyVersion {
            document: document.to_owned(),
            created_ms: now_ms,
        };
        policy.last_version += 1;
        policy.updated_ms = now_ms;
        policy.versions.insert(policy.last_version, version.clone());
        if is_default {
            policy.default_version = policy.last_version;
        }
        Ok((policy.last_version, version))
    })
    .await
}

pub(crate) async fn set_default(iam: &Iam, account: &AccountId, arn: &str, version_id: &str) -> Result<()> {
    let now_ms = iam.clock.now_ms();
    change(iam, account, arn, |policy| {
        let number = version_number(policy, arn, version_id)?;
        if policy.default_version != number {
            (policy.default_version, policy.updated_ms) = (number, now_ms);
        }
        Ok(())
    })
    .await
}

pub(crate) async fn delete_version(iam: &Iam, account: &AccountId, arn: &str, version_id: &str) -> Result<()> {
    let now_ms = iam.clock.now_ms();
    change(iam, account, arn, |policy| {
        let number = version_number(policy, arn, version_id)?;
        if policy.default_version == number {
            return Err(Error::DeleteConflict("Cannot delete the default version of a policy.".to_owned()));
        }
        policy.versions.remove(&number);
        policy.updated_ms = now_ms;
        Ok(())
    })
    .await
}

/// The number of a version id such as `v2`.
pub(crate) fn version_number(policy: &Policy, arn: &str, version_id: &str) -> Result<u32> {
    let number = version_id.strip_prefix('v').and_then(|number| number.parse().ok());
    number.filter(|number| policy.versions.contains_key(number)).ok_or_else(|| no_version(arn, version_id))
}

pub(crate) fn no_version(arn: &str, version_id: &str) -> Error {
    Error::NoSuchEntity(format!("Policy {arn} version {version_id} does not exist or is not attachable."))
}

fn check(text: &str) -> Result<()> {
    document::check(Kind::Permission, text)?;
    if document::size(text) > SIZE {
        return Err(Error::LimitExceeded(format!("Cannot exceed quota for PolicySize: {SIZE}")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::entity;
    use crate::record::RoleOwn;
    use crate::{Mode, testing};

    const DOCUMENT: &str = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#;

    /// A deletion that has seen no attachment, and an attachment that has seen the policy: whichever
    /// comes second must fail, or a role would keep a policy that is gone.
    #[tokio::test]
    async fn an_attachment_and_a_deletion_exclude_each_other() {
        let account = AccountId::fallback();
        let iam = Iam::new(testing::options(Mode::Open, &testing::store())).unwrap();
        let new = New {
            name: "p".to_owned(),
            path: "/".to_owned(),
            description: None,
            document: DOCUMENT.to_owned(),
            tags: BTreeMap::new(),
        };
        let arn = create(&iam, &account, new).await.unwrap().arn(&account);
        entity::create(&iam, &account, testing::role("r", "{}")).await.unwrap();
        let seen = find(&iam, &account, &arn).await.unwrap();
        let attach = |role: &mut Role| {
            role.attached.insert(arn.clone());
            Ok(())
        };
        entity::change::<RoleOwn, _>(&iam, &account, "r", Some(&arn), attach).await.unwrap();
        assert!(!iam.db.commit(vec![db::delete(&account, &seen)]).await.unwrap(), "what it saw has changed");
        assert!(matches!(delete(&iam, &account, &arn).await, Err(Error::DeleteConflict(_))));
        let detach = |role: &mut Role| {
            role.attached.clear();
            Ok(())
        };
        entity::change::<RoleOwn, _>(&iam, &account, "r", None, detach).await.unwrap();
        delete(&iam, &account, &arn).await.unwrap();
        let late = entity::change::<RoleOwn, _>(&iam, &account, "r", Some(&arn), attach).await;
        assert!(matches!(late, Err(Error::NoSuchEntity(_))));
    }
}
