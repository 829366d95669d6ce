//! What roles and users have in common: being made, found, changed, and deleted.

use std::collections::BTreeMap;

use hearth_model::AccountId;
use hearth_store::Write;

use crate::db::{self, Stored};
use crate::error::{Error, Result};
use crate::managed;
use crate::ops::{policy, user};
use crate::record::{Entity, FORM, Own, UserOwn};
use crate::{Iam, ids};

/// How often a change is tried anew when others were faster.
pub(crate) const ATTEMPTS: usize = 16;

/// What a new role or user is made of.
pub(crate) struct New<O> {
    pub(crate) name: String,
    pub(crate) path: String,
    pub(crate) tags: BTreeMap<String, String>,
    pub(crate) boundary: Option<String>,
    pub(crate) own: O,
}

/// Makes one.
pub(crate) async fn create<O: Own>(iam: &Iam, account: &AccountId, new: New<O>) -> Result<Entity<O>> {
    let (most, quota) = O::QUOTA;
    if iam.db.all::<Entity<O>>(account).await?.len() >= most {
        return Err(Error::LimitExceeded(format!("Cannot exceed quota for {quota}: {most}")));
    }
    let entity = Entity {
        v: FORM,
        name: new.name,
        path: new.path,
        id: ids::unique(O::ID_PREFIX, &iam.random),
        created_ms: iam.clock.now_ms(),
        tags: new.tags,
        inline: BTreeMap::new(),
        attached: std::collections::BTreeSet::new(),
        boundary: new.boundary,
        own: new.own,
        newer: serde_json::Map::new(),
    };
    for _ in 0..ATTEMPTS {
        if iam.db.get_any_case::<Entity<O>>(account, &entity.name).await?.is_some() {
            break;
        }
        let mut batch = vec![db::put(account, &entity, None)?];
        if let Some(arn) = &entity.boundary {
            batch.extend(keep_policy(iam, account, arn).await?);
        }
        if commit(iam, account, &entity.name, batch, Some(&entity)).await? {
            return Ok(entity);
        }
    }
    Err(Error::AlreadyExists(format!("{} with name {} already exists.", O::TITLE, entity.name)))
}

/// Finds one by its exact name.
pub(crate) async fn find<O: Own>(iam: &Iam, account: &AccountId, name: &str) -> Result<Stored<Entity<O>>> {
    let found = iam.db.get::<Entity<O>>(account, name).await?;
    found.ok_or_else(|| {
        let text = match O::KIND == UserOwn::KIND && user::configured(iam, account, name).is_some() {
            // It is shown, and so cannot simply be unknown; what others have, it has not.
            true => format!("The user {name} is one of the server's configuration: it has nothing to list or change."),
            false => format!("The {} with name {name} cannot be found.", O::KIND),
        };
        Error::NoSuchEntity(text)
    })
}

/// Changes one as `apply` says, which may be asked again when others were faster. A managed policy
/// that the change refers to (`policy_arn`) has to be there, and stays until the change is made.
pub(crate) async fn change<O: Own, T>(
    iam: &Iam,
    account: &AccountId,
    name: &str,
    policy_arn: Option<&str>,
    apply: impl Fn(&mut Entity<O>) -> Result<T> + Send + Sync,
) -> Result<T> {
    for _ in 0..ATTEMPTS {
        let stored = find::<O>(iam, account, name).await?;
        let mut batch: Vec<Write> = match policy_arn {
            Some(arn) => keep_policy(iam, account, arn).await?.into_iter().collect(),
            None => Vec::new(),
        };
        let mut entity = stored.record.clone();
        let out = apply(&mut entity)?;
        if entity == stored.record {
            return Ok(out);
        }
        batch.push(db::put(account, &entity, Some(stored.version))?);
        if commit(iam, account, name, batch, Some(&entity)).await? {
            return Ok(out);
        }
    }
    Err(Error::ConcurrentModification)
}

/// Deletes one that nothing hangs on.
pub(crate) async fn delete<O: Own>(iam: &Iam, account: &AccountId, name: &str) -> Result<()> {
    for _ in 0..ATTEMPTS {
        let stored = find::<O>(iam, account, name).await?;
        let conflict = |text: &str| Err(Error::DeleteConflict(format!("Cannot delete entity, must {text} first.")));
        if !stored.record.attached.is_empty() {
            return conflict("detach all policies");
        }
        if !stored.record.inline.is_empty() {
            return conflict("delete policies");
        }
        if !stored.record.own.keys().is_empty() {
            return conflict("delete access keys");
        }
        if commit::<O>(iam, account, name, vec![db::delete(account, &stored)], None).await? {
            return Ok(());
        }
    }
    Err(Error::ConcurrentModification)
}

/// Commits a change of one, and shows its keys as they are from now on. `false` when somebody else
/// was faster.
pub(crate) async fn commit<O: Own>(
    iam: &Iam,
    account: &AccountId,
    name: &str,
    batch: Vec<Write>,
    after: Option<&Entity<O>>,
) -> Result<bool> {
    let _turn = iam.users.lock().await;
    let is_done = iam.db.commit(batch).await?;
    if is_done {
        O::show(&iam.directory, account, name, after);
    }
    Ok(is_done)
}

/// The write that makes a concurrent deletion of a policy fail. AWS's own need none.
async fn keep_policy(iam: &Iam, account: &AccountId, arn: &str) -> Result<Option<Write>> {
    if managed::is_awss(arn) {
        return match managed::find(arn) {
            Some(_) => Ok(None),
            None => Err(not_attachable(arn)),
        };
    }
    let stored = policy::stored(iam, account, arn).await?.ok_or_else(|| not_attachable(arn))?;
    Ok(Some(db::put(account, &stored.record, Some(stored.version))?))
}

fn not_attachable(arn: &str) -> Error {
    Error::NoSuchEntity(format!("Policy {arn} does not exist or is not attachable."))
}
