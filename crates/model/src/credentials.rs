//! The seams of identity: who signs a request, and what a function may sign with.

use crate::BoxFuture;
use crate::account::AccountId;

/// Temporary keys for a function.
#[derive(Clone)]
pub struct Credentials {
    pub access_key_id: String,
    pub secret_access_key: String,
    pub session_token: String,
    /// Unix milliseconds.
    pub expires_ms: i64,
}

impl std::fmt::Debug for Credentials {
    // Secrets stay out of logs and error messages.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials").field("access_key_id", &self.access_key_id).finish_non_exhaustive()
    }
}

/// Gives a function the credentials of its role.
pub trait RoleCredentials: Send + Sync + 'static {
    /// A session of the role, in the function's account.
    fn issue(&self, account: &AccountId, role_arn: &str, session_name: &str, lifetime_s: u32) -> Credentials;
}

/// Why a function cannot have a role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RoleRefusal {
    /// It is not there, or does not trust Lambda.
    NotAssumable,
    /// It belongs to another account than the function.
    ForeignAccount,
    /// It could not be looked up; the text is for the server's log.
    Failed(String),
}

/// Whether functions can have a role. Implemented by `iam`.
pub trait FunctionRoles: Send + Sync + 'static {
    /// Asks for the role of a well-formed ARN, for a function of `account`. In `open` mode every role will do; that one does not
    /// exist is said once in the log.
    ///
    /// # Errors
    /// The reason for which Lambda could not assume it.
    fn check<'a>(&'a self, account: &'a AccountId, role_arn: &'a str) -> BoxFuture<'a, Result<(), RoleRefusal>>;
}

/// Who a request comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    pub account: AccountId,
    /// `arn:aws:iam::<account>:root`, a user's or an assumed role's.
    pub arn: String,
}

/// Tells the unique ids of identities. Implemented by `iam`.
pub trait PrincipalIds: Send + Sync + 'static {
    /// `AIDA...` of a user, `AROA...:<session>` of a role's session, an account's number of its
    /// root; empty when it cannot be found out, which the server's log then says.
    fn id_of<'a>(&'a self, identity: &'a Identity) -> BoxFuture<'a, String>;
}

/// Why a key does not lead to an identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyRefusal {
    Unknown,
    /// The session token is not the one that goes with the key.
    BadToken,
    Expired,
}

/// Finds the owner and the secret of an access key. Implemented by `iam`.
pub trait AccessKeys: Send + Sync + 'static {
    /// The secret to verify the signature with, and whose it is. In `open` mode every key leads
    /// to an identity and there is no secret to verify with.
    ///
    /// # Errors
    /// The reason for which the key is refused.
    fn find(&self, access_key_id: &str, session_token: Option<&str>) -> Result<(Identity, Option<String>), KeyRefusal>;

    /// The identity of a request that carries no signature; `None` when one is required.
    fn anonymous(&self) -> Option<Identity>;
}
