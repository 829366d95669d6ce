//! Sessions: who a caller is, and temporary credentials.

use hearth_model::{AccountId, BoxFuture, Credentials, Identity, PrincipalIds, arn};

use crate::error::{Error, Result};
use crate::keys::Mode;
use crate::ops::user;
use crate::record::{Own, Role, RoleOwn, UserOwn};
use crate::trust::{self, Asker};
use crate::{Iam, ids};

const CHAINED_MAX_S: u32 = 3_600;
const DEFAULT_S: u32 = 3_600;
const ROOT_MAX_S: u32 = 3_600;
const TOKEN_DEFAULT_S: u32 = 43_200;

/// What a principal's ARN says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Principal<'a> {
    Root,
    /// The name, without the path.
    User(&'a str),
    Session {
        role: &'a str,
        name: &'a str,
    },
}

impl<'a> Principal<'a> {
    pub(crate) fn of(arn: &'a str) -> Self {
        let resource = arn::split(arn).map_or("", |parts| parts.resource);
        if let Some((role, name)) = resource.strip_prefix("assumed-role/").and_then(|rest| rest.split_once('/')) {
            return Self::Session { role, name };
        }
        match resource.strip_prefix("user/") {
            Some(user) => Self::User(user.rsplit('/').next().unwrap_or(user)),
            None => Self::Root,
        }
    }
}

/// The unique id of a caller: an account's for root, `AIDA...` of a user, `AROA...:<session>`.
pub(crate) async fn user_id(iam: &Iam, account: &AccountId, arn: &str) -> Result<String> {
    match Principal::of(arn) {
        Principal::Root => Ok(account.to_string()),
        Principal::User(name) => match user::find(iam, account, name).await {
            Ok(user) => Ok(user.id),
            // The session of a user who is gone.
            Err(Error::NoSuchEntity(_)) => Ok(ids::derived(UserOwn::ID_PREFIX, arn)),
            Err(error) => Err(error),
        },
        Principal::Session { role, name } => {
            let stored = iam.db.get::<Role>(account, role).await?;
            let id = stored.map_or_else(|| id_without_role(account, role), |stored| stored.record.id);
            Ok(format!("{id}:{name}"))
        }
    }
}

impl PrincipalIds for Iam {
    fn id_of<'a>(&'a self, identity: &'a Identity) -> BoxFuture<'a, String> {
        Box::pin(async move {
            user_id(self, &identity.account, &identity.arn).await.unwrap_or_else(|error| {
                tracing::error!(arn = identity.arn, %error, "the id of a caller could not be read");
                String::new()
            })
        })
    }
}

/// The id of a role that nobody made, which functions may have in `open` mode.
fn id_without_role(account: &AccountId, name: &str) -> String {
    ids::derived(RoleOwn::ID_PREFIX, &format!("arn:aws:iam::{account}:role/{name}"))
}

/// Who assumes which role, and how.
pub(crate) struct Assume<'a> {
    pub(crate) caller_account: &'a AccountId,
    pub(crate) caller_arn: &'a str,
    pub(crate) role_arn: &'a str,
    pub(crate) session_name: &'a str,
    pub(crate) duration_s: Option<u32>,
    pub(crate) external_id: Option<&'a str>,
}

/// The session of a role.
pub(crate) struct Assumed {
    pub(crate) credentials: Credentials,
    /// `AROA...:<session>`.
    pub(crate) id: String,
    pub(crate) arn: String,
}

/// Assumes a role. In `open` mode the role need not exist, and trusts everybody.
pub(crate) async fn assume(iam: &Iam, asked: Assume<'_>) -> Result<Assumed> {
    let invalid = || Error::Validation(format!("{} is invalid", asked.role_arn));
    let (account, path, name) = parse_role_arn(asked.role_arn).ok_or_else(invalid)?;
    let stored = iam.db.get::<Role>(&account, name).await?.map(|stored| stored.record);
    let role = stored.filter(|role| role.path == path);
    if iam.mode() == Mode::Enforce {
        let asker = Asker::Principal {
            account: asked.caller_account,
            arn: asked.caller_arn,
            external_id: asked.external_id,
        };
        if !role.as_ref().is_some_and(|role| trust::allows(&role.own.trust, asker)) {
            return Err(Error::AccessDenied(format!(
                "User: {} is not authorized to perform: sts:AssumeRole on resource: {}",
                asked.caller_arn, asked.role_arn
            )));
        }
    }
    let duration_s = duration(&asked, role.as_ref())?;
    let credentials = iam.begin_session(account.clone(), asked.role_arn, asked.session_name, duration_s);
    let id = role.map_or_else(|| id_without_role(&account, name), |role| role.id);
    Ok(Assumed {
        credentials,
        id: format!("{id}:{}", asked.session_name),
        arn: format!("arn:aws:sts::{account}:assumed-role/{name}/{}", asked.session_name),
    })
}

fn duration(asked: &Assume<'_>, role: Option<&Role>) -> Result<u32> {
    let duration_s = asked.duration_s.unwrap_or(DEFAULT_S);
    if matches!(Principal::of(asked.caller_arn), Principal::Session { .. }) && duration_s > CHAINED_MAX_S {
        let text = "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining";
        return Err(Error::Validation(text.to_owned()));
    }
    if role.is_some_and(|role| duration_s > role.own.max_session_s) {
        let text = "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.";
        return Err(Error::Validation(text.to_owned()));
    }
    Ok(duration_s)
}

/// Credentials of the caller's own, for a while.
pub(crate) fn session_token(
    iam: &Iam,
    account: &AccountId,
    arn: &str,
    is_session: bool,
    duration_s: Option<u32>,
) -> Result<Credentials> {
    let principal = Principal::of(arn);
    if is_session || matches!(principal, Principal::Session { .. }) {
        return Err(Error::AccessDenied("Cannot call GetSessionToken with session credentials".to_owned()));
    }
    let duration_s = duration_s.unwrap_or(TOKEN_DEFAULT_S);
    let duration_s = if principal == Principal::Root { duration_s.min(ROOT_MAX_S) } else { duration_s };
    Ok(iam.begin_session(account.clone(), arn, "", duration_s))
}

/// Account, path and name of a role's ARN.
pub(crate) fn parse_role_arn(arn: &str) -> Option<(AccountId, String, &str)> {
    let (account, resource) = arn.strip_prefix("arn:aws:iam::")?.split_once(':')?;
    let (path, name) = resource.strip_prefix("role")?.rsplit_once('/')?;
    let is_name = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_+=,.@-".contains(&b));
    let is_good = is_name && (path.is_empty() || path.starts_with('/'));
    Some((AccountId::parse(account).filter(|_| is_good)?, format!("{path}/"), name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn principals() {
        assert_eq!(Principal::of("arn:aws:iam::123456789012:root"), Principal::Root);
        assert_eq!(Principal::of("arn:aws:iam::123456789012:user/a/b"), Principal::User("b"));
        let session = Principal::Session { role: "r", name: "s" };
        assert_eq!(Principal::of("arn:aws:sts::123456789012:assumed-role/r/s"), session);
    }

    #[test]
    fn role_arns() {
        let parsed = parse_role_arn("arn:aws:iam::123456789012:role/service-role/r");
        assert_eq!(parsed.map(|(_, path, name)| (path, name)), Some(("/service-role/".to_owned(), "r")));
        for bad in [
            "r",
            "arn:aws:iam::123456789012:user/r",
            "arn:aws:iam::1:role/r",
            "arn:aws:iam::123456789012:role/",
            "arn:aws:iam::123456789012:rolex/r",
            "arn:aws:iam::123456789012:role/a b",
        ] {
            assert!(parse_role_arn(bad).is_none(), "{bad}");
        }
    }
}
