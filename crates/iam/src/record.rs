//! Roles, users and policies as they are stored: our own form, not AWS's.
//!
//! Forms are read by older-or-newer rules: a field keeps its meaning for ever, a new field has a
//! default, and what a newer Hearth added is carried along by an older one.

use std::collections::{BTreeMap, BTreeSet};

use hearth_model::AccountId;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::directory::Directory;

/// The form written today.
pub(crate) const FORM: u32 = 1;

type Newer = serde_json::Map<String, serde_json::Value>;

/// A document of collection `iam`.
pub(crate) trait Record: Serialize + DeserializeOwned + Clone + PartialEq + Send + Sync + 'static {
    /// The part of the document's id between account and name.
    const KIND: &'static str;
    fn name(&self) -> &str;
}

/// What a role and a user have in common.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Entity<O> {
    pub(crate) v: u32,
    pub(crate) name: String,
    /// Begins and ends with a slash.
    pub(crate) path: String,
    /// `AROA...` or `AIDA...`; never used again.
    pub(crate) id: String,
    /// Unix milliseconds.
    pub(crate) created_ms: i64,
    #[serde(default)]
    pub(crate) tags: BTreeMap<String, String>,
    /// Inline policies: document by name.
    #[serde(default)]
    pub(crate) inline: BTreeMap<String, String>,
    /// ARNs of managed policies.
    #[serde(default)]
    pub(crate) attached: BTreeSet<String>,
    /// ARN of the permissions boundary.
    #[serde(default)]
    pub(crate) boundary: Option<String>,
    pub(crate) own: O,
    #[serde(flatten)]
    pub(crate) newer: Newer,
}

/// What tells roles and users apart.
pub(crate) trait Own: Serialize + DeserializeOwned + Clone + PartialEq + Send + Sync + 'static {
    /// `role`, `user`: in documents' ids and in ARNs.
    const KIND: &'static str;
    /// As messages begin.
    const TITLE: &'static str;
    const ID_PREFIX: &'static str;
    /// The request's member with the name.
    const NAME_MEMBER: &'static str;
    /// Of a name that is asked for; see the model's `existingUserNameType`.
    const NAME_MAX: usize;
    /// How many an account may have, and the quota's name.
    const QUOTA: (usize, &'static str);
    /// Characters that are not white space, in all inline policies together.
    const INLINE_MAX: usize;
    /// The quota's name when too many managed policies are attached.
    const ATTACHED_QUOTA: &'static str;
    fn keys(&self) -> &[KeyRecord];
    /// Shows the keys that one has after a change; `None` after its deletion.
    fn show(directory: &Directory, account: &AccountId, name: &str, after: Option<&Entity<Self>>);
}

/// A role's own part.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct RoleOwn {
    /// The trust policy, as given.
    pub(crate) trust: String,
    #[serde(default)]
    pub(crate) description: Option<String>,
    pub(crate) max_session_s: u32,
    #[serde(flatten)]
    pub(crate) newer: Newer,
}

/// A user's own part.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct UserOwn {
    #[serde(default)]
    pub(crate) keys: Vec<KeyRecord>,
    #[serde(flatten)]
    pub(crate) newer: Newer,
}

/// An access key. Its secret is not here: it follows from the server's own secret.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct KeyRecord {
    pub(crate) id: String,
    pub(crate) active: bool,
    /// Unix milliseconds.
    pub(crate) created_ms: i64,
}

pub(crate) type Role = Entity<RoleOwn>;
pub(crate) type User = Entity<UserOwn>;

impl<O: Own> Record for Entity<O> {
    const KIND: &'static str = O::KIND;

    fn name(&self) -> &str {
        &self.name
    }
}

impl<O: Own> Entity<O> {
    /// `arn:aws:iam::<account>:role/<path><name>`.
    pub(crate) fn arn(&self, account: &AccountId) -> String {
        format!("arn:aws:iam::{account}:{}{}{}", O::KIND, self.path, self.name)
    }

    /// True when a policy is attached, or the boundary.
    pub(crate) fn uses(&self, policy_arn: &str) -> bool {
        self.attached.contains(policy_arn) || self.boundary.as_deref() == Some(policy_arn)
    }
}

impl Own for RoleOwn {
    const KIND: &'static str = "role";
    const TITLE: &'static str = "Role";
    const ID_PREFIX: &'static str = "AROA";
    const NAME_MEMBER: &'static str = "RoleName";
    const NAME_MAX: usize = 64;
    const QUOTA: (usize, &'static str) = (1_000, "RolesPerAccount");
    const INLINE_MAX: usize = 10_240;
    const ATTACHED_QUOTA: &'static str = "PoliciesPerRole";

    fn keys(&self) -> &[KeyRecord] {
        &[]
    }

    fn show(_: &Directory, _: &AccountId, _: &str, _: Option<&Role>) {}
}

impl Own for UserOwn {
    const KIND: &'static str = "user";
    const TITLE: &'static str = "User";
    const ID_PREFIX: &'static str = "AIDA";
    const NAME_MEMBER: &'static str = "UserName";
    const NAME_MAX: usize = 128;
    const QUOTA: (usize, &'static str) = (5_000, "UsersPerAccount");
    const INLINE_MAX: usize = 2_048;
    const ATTACHED_QUOTA: &'static str = "PoliciesPerUser";

    fn keys(&self) -> &[KeyRecord] {
        &self.keys
    }

    fn show(directory: &Directory, account: &AccountId, name: &str, after: Option<&User>) {
        directory.show(account, name, after);
    }
}

/// A managed policy of an account.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Policy {
    pub(crate) v: u32,
    pub(crate) name: String,
    /// Begins and ends with a slash.
    pub(crate) path: String,
    /// `ANPA...`.
    pub(crate) id: String,
    #[serde(default)]
    pub(crate) description: Option<String>,
    pub(crate) created_ms: i64,
    pub(crate) updated_ms: i64,
    #[serde(default)]
    pub(crate) tags: BTreeMap<String, String>,
    pub(crate) default_version: u32,
    /// The highest number given out; never used again.
    pub(crate) last_version: u32,
    pub(crate) versions: BTreeMap<u32, PolicyVersion>,
    #[serde(flatten)]
    pub(crate) newer: Newer,
}

/// One version of a managed policy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct PolicyVersion {
    /// As given.
    pub(crate) document: String,
    pub(crate) created_ms: i64,
}

impl Record for Policy {
    const KIND: &'static str = "policy";

    fn name(&self) -> &str {
        &self.name
    }
}

impl Policy {
    /// `arn:aws:iam::<account>:policy/<path><name>`.
    pub(crate) fn arn(&self, account: &AccountId) -> String {
        format!("arn:aws:iam::{account}:policy{}{}", self.path, self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn older_and_newer_forms_are_read() {
        let older = r#"{"v":1,"name":"n","path":"/p/","id":"AROAX","created_ms":1,
            "own":{"trust":"{}","max_session_s":3600}}"#;
        let role: Role = serde_json::from_str(older).unwrap();
        assert_eq!(role.arn(&AccountId::fallback()), "arn:aws:iam::000000000000:role/p/n");
        let newer = r#"{"v":2,"name":"n","path":"/","id":"AIDAX","created_ms":1,"colour":"blue",
            "own":{"keys":[],"shape":[1]}}"#;
        let user: User = serde_json::from_str(newer).unwrap();
        let back = serde_json::to_value(&user).unwrap();
        assert_eq!((&back["colour"], &back["own"]["shape"][0]), (&"blue".into(), &1.into()));
    }
}
