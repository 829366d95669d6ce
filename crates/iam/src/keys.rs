//! Access keys: configured ones, those that users made, and those of sessions.

use std::collections::HashMap;
use std::sync::Arc;

use hearth_core::{Clock, Random, Tasks};
use hearth_model::{AccessKeys, AccountId, Credentials, Identity, KeyRefusal, RoleCredentials};
use hearth_store::{Documents, StoreError};
use thiserror::Error;

use crate::db::Db;
use crate::directory::{Directory, UserKey};
use crate::follow;
use crate::function_roles::Told;
use crate::ids;
use crate::record::User;
use crate::session::{Sealer, Session};

/// How much a request must prove.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Every key is accepted and nothing is verified. For loopback alone.
    Open,
    /// Keys are known ones, and signatures are verified.
    Enforce,
}

/// A key of a user, from the configuration.
#[derive(Clone)]
pub struct ConfiguredKey {
    pub access_key_id: String,
    pub secret_access_key: String,
    pub account: AccountId,
    pub user_name: String,
}

impl std::fmt::Debug for ConfiguredKey {
    // Secrets stay out of logs and error messages.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ConfiguredKey")
            .field("access_key_id", &self.access_key_id)
            .field("user_name", &self.user_name)
            .finish_non_exhaustive()
    }
}

/// What [`Iam`] needs.
pub struct Options {
    pub mode: Mode,
    pub keys: Vec<ConfiguredKey>,
    /// Of callers in open mode who name none: unsigned, or by a key that is no account id.
    pub account: AccountId,
    /// Where roles, users and policies are.
    pub documents: Arc<dyn Documents>,
    pub tasks: Tasks,
    /// Signs the credentials of sessions, and makes the secrets of users' keys. 32 random bytes that stay the same over restarts and
    /// never leave the server.
    pub master_secret: [u8; 32],
    pub clock: Clock,
    pub random: Random,
}

/// A configuration that cannot be.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum IamError {
    #[error("access key {0} is configured twice; remove one of them")]
    Twice(String),
    #[error("access key {0:?} cannot be used: expected 16 to 128 letters, digits or underscores")]
    KeyId(String),
    #[error("access key {0} starts with ASIA, which is for temporary keys; give it another id")]
    Temporary(String),
    #[error("users could not be read: {0}")]
    Store(String),
    #[error("access key {0} has no secret; give it one of at least 16 characters")]
    Secret(String),
}

/// Finds owners of keys, issues keys to functions, and holds what the IAM and STS APIs work on.
pub struct Iam {
    mode: Mode,
    keys: HashMap<String, ConfiguredKey>,
    account: AccountId,
    pub(crate) db: Db,
    /// Keys of stored users.
    pub(crate) directory: Directory,
    /// Held from a change of a user until `directory` shows it, so that both go in one order.
    pub(crate) users: tokio::sync::Mutex<()>,
    pub(crate) told: Told,
    pub(crate) sealer: Sealer,
    pub(crate) clock: Clock,
    pub(crate) random: Random,
}

const TEMPORARY: &str = "ASIA";
const SECRET_LEAST: usize = 16;

impl Iam {
    /// Takes the configured keys, reads those of stored users, and follows their changes.
    ///
    /// # Errors
    /// A key that cannot be one, or that is there twice; a store that cannot be read.
    pub async fn open(options: Options) -> Result<Arc<Self>, IamError> {
        let tasks = options.tasks.clone();
        let iam = Arc::new(Self::new(options)?);
        let watch = iam.db.watch();
        iam.load().await.map_err(|error| IamError::Store(error.to_string()))?;
        follow::start(&iam, &tasks, watch);
        Ok(iam)
    }

    /// Reads the keys of all stored users.
    pub(crate) async fn load(&self) -> Result<(), StoreError> {
        let _turn = self.users.lock().await;
        self.directory.show_all(&self.db.everywhere::<User>().await?);
        Ok(())
    }

    /// Knows the configured keys alone.
    pub(crate) fn new(options: Options) -> Result<Self, IamError> {
        let mut keys = HashMap::new();
        for key in options.keys {
            check(&key)?;
            if let Some(twice) = keys.insert(key.access_key_id.clone(), key) {
                return Err(IamError::Twice(twice.access_key_id));
            }
        }
        Ok(Self {
            mode: options.mode,
            keys,
            account: options.account,
            db: Db::new(options.documents),
            directory: Directory::default(),
            users: tokio::sync::Mutex::default(),
            told: Told::default(),
            sealer: Sealer::new(&options.master_secret),
            clock: options.clock,
            random: options.random,
        })
    }

    /// The mode it was made with.
    #[must_use]
    pub fn mode(&self) -> Mode {
        self.mode
    }

    fn find_enforced(
        &self,
        access_key_id: &str,
        token: Option<&str>,
    ) -> Result<(Identity, Option<String>), KeyRefusal> {
        if let Some(key) = self.keys.get(access_key_id) {
            // A user's key has no session.
            let secret = Some(key.secret_access_key.clone());
            return if token.is_none() { Ok((user(key), secret)) } else { Err(KeyRefusal::BadToken) };
        }
        if let Some(key) = self.directory.get(access_key_id) {
            let secret = Some(self.sealer.user_secret(access_key_id));
            return match token {
                _ if !key.active => Err(KeyRefusal::Unknown),
                None => Ok((stored_user(&key), secret)),
                Some(_) => Err(KeyRefusal::BadToken),
            };
        }
        if !access_key_id.starts_with(TEMPORARY) {
            return Err(KeyRefusal::Unknown);
        }
        let (session, secret) = token.and_then(|token| self.sealer.open(token)).ok_or(KeyRefusal::BadToken)?;
        if session.access_key_id != access_key_id {
            return Err(KeyRefusal::BadToken);
        }
        if session.expires_ms <= self.clock.now_ms() {
            return Err(KeyRefusal::Expired);
        }
        Ok((assumed(&session), Some(secret)))
    }

    /// Never refuses. A token that this server made tells who asks even when it has expired; the
    /// token of a real AWS session, which a developer's shell may well hold, tells nothing.
    fn find_open(&self, access_key_id: &str, token: Option<&str>) -> Identity {
        if let Some(key) = self.keys.get(access_key_id) {
            return user(key);
        }
        if let Some(key) = self.directory.get(access_key_id) {
            return stored_user(&key);
        }
        let session = token.and_then(|token| self.sealer.open(token)).map(|(session, _)| session);
        match session.filter(|session| session.access_key_id == access_key_id) {
            Some(session) => assumed(&session),
            None => root(AccountId::parse(access_key_id).unwrap_or_else(|| self.account.clone())),
        }
    }
}

impl Iam {
    /// Temporary credentials of a role, a user or root.
    pub(crate) fn begin_session(
        &self,
        account: AccountId,
        principal_arn: &str,
        name: &str,
        lifetime_s: u32,
    ) -> Credentials {
        self.sealer.seal(&Session {
            access_key_id: ids::access_key(TEMPORARY, &self.random),
            account,
            principal_arn: principal_arn.to_owned(),
            name: name.to_owned(),
            expires_ms: self.clock.now_ms().saturating_add(i64::from(lifetime_s) * 1_000),
        })
    }

    /// Users that the configuration names, with their accounts; a user of two keys comes twice.
    pub(crate) fn configured_users(&self) -> impl Iterator<Item = (&AccountId, &str)> {
        self.keys.values().map(|key| (&key.account, key.user_name.as_str()))
    }

    /// The account of a key, when it tells.
    pub(crate) fn account_of_key(&self, access_key_id: &str) -> Option<AccountId> {
        let stored = || self.directory.get(access_key_id).map(|key| key.account.clone());
        self.keys.get(access_key_id).map(|key| key.account.clone()).or_else(stored)
    }
}

impl AccessKeys for Iam {
    fn find(&self, access_key_id: &str, session_token: Option<&str>) -> Result<(Identity, Option<String>), KeyRefusal> {
        match self.mode {
            Mode::Open => Ok((self.find_open(access_key_id, session_token), None)),
            Mode::Enforce => self.find_enforced(access_key_id, session_token),
        }
    }

    fn anonymous(&self) -> Option<Identity> {
        match self.mode {
            Mode::Open => Some(root(self.account.clone())),
            Mode::Enforce => None,
        }
    }
}

/// The keys as they are taken from inside a sandbox: as in [`Mode::Enforce`], whatever the mode is.
/// No well-known key passes, and no request without one.
pub struct VerifiedKeys(pub Arc<Iam>);

impl AccessKeys for VerifiedKeys {
    fn find(&self, access_key_id: &str, session_token: Option<&str>) -> Result<(Identity, Option<String>), KeyRefusal> {
        self.0.find_enforced(access_key_id, session_token)
    }

    fn anonymous(&self) -> Option<Identity> {
        None
    }
}

impl RoleCredentials for Iam {
    /// The account is the function's, and the same as the role's but in `open` mode, where a
    /// function may name any role: that must not lead into the account that the role names.
    fn issue(&self, account: &AccountId, role_arn: &str, session_name: &str, lifetime_s: u32) -> Credentials {
        self.begin_session(account.clone(), role_arn, session_name, lifetime_s)
    }
}

fn user(key: &ConfiguredKey) -> Identity {
    Identity {
        account: key.account.clone(),
        arn: format!("arn:aws:iam::{}:user/{}", key.account, key.user_name),
    }
}

fn stored_user(key: &UserKey) -> Identity {
    Identity {
        account: key.account.clone(),
        arn: key.user_arn.clone(),
    }
}

fn assumed(session: &Session) -> Identity {
    Identity {
        account: session.account.clone(),
        arn: session.identity_arn(),
    }
}

fn root(account: AccountId) -> Identity {
    Identity {
        arn: format!("arn:aws:iam::{account}:root"),
        account,
    }
}

/// Source: the model of IAM, `accessKeyIdType`.
fn check(key: &ConfiguredKey) -> Result<(), IamError> {
    let id = &key.access_key_id;
    let plain = id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if !plain || !(16..=128).contains(&id.len()) {
        return Err(IamError::KeyId(id.clone()));
    }
    if id.starts_with(TEMPORARY) {
        return Err(IamError::Temporary(id.clone()));
    }
    if key.secret_access_key.len() < SECRET_LEAST {
        return Err(IamError::Secret(id.clone()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROLE: &str = "arn:aws:iam::111122223333:role/service-role/r";

    fn account() -> AccountId {
        AccountId::parse("111122223333").unwrap()
    }

    const KEY: &str = "AKIAIOSFODNN7EXAMPLE";
    const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";

    fn key(access_key_id: &str, secret: &str) -> ConfiguredKey {
        ConfiguredKey {
            access_key_id: access_key_id.to_owned(),
            secret_access_key: secret.to_owned(),
            account: AccountId::parse("123456789012").unwrap(),
            user_name: "alice".to_owned(),
        }
    }

    fn iam_with(mode: Mode, keys: Vec<ConfiguredKey>, clock: &Clock) -> Result<Iam, IamError> {
        Iam::new(Options {
            mode,
            keys,
            account: AccountId::fallback(),
            documents: Arc::new(hearth_store::Memory::new(clock.clone())),
            tasks: Tasks::new(),
            master_secret: [9; 32],
            clock: clock.clone(),
            random: Random::seeded(1),
        })
    }

    fn iam(mode: Mode, clock: &Clock) -> Iam {
        iam_with(mode, vec![key(KEY, SECRET)], clock).unwrap()
    }

    #[track_caller]
    fn check_found(iam: &Iam, id: &str, token: Option<&str>, expected: Result<(&str, Option<&str>), KeyRefusal>) {
        let found = iam.find(id, token);
        let found = found.as_ref().map(|(identity, secret)| (identity.arn.as_str(), secret.as_deref())).map_err(|e| *e);
        assert_eq!(found, expected, "{id} {token:?}");
    }

    #[test]
    fn open_takes_every_key() {
        let clock = Clock::fixed(0);
        let iam = iam(Mode::Open, &clock);
        check_found(&iam, "111122223333", None, Ok(("arn:aws:iam::111122223333:root", None)));
        check_found(&iam, "test", None, Ok(("arn:aws:iam::000000000000:root", None)));
        check_found(&iam, "ASIAREALAWSKEYOFSOME", Some("real"), Ok(("arn:aws:iam::000000000000:root", None)));
        check_found(&iam, KEY, None, Ok(("arn:aws:iam::123456789012:user/alice", None)));
        assert_eq!(iam.anonymous().unwrap().arn, "arn:aws:iam::000000000000:root");
        let issued = iam.issue(&account(), ROLE, "f", 60);
        let function = Ok(("arn:aws:sts::111122223333:assumed-role/r/f", None));
        check_found(&iam, &issued.access_key_id, Some(&issued.session_token), function);
        clock.advance_ms(60_000);
        check_found(&iam, &issued.access_key_id, Some(&issued.session_token), function);
    }

    #[test]
    fn enforce_takes_known_keys() {
        let clock = Clock::fixed(0);
        let iam = iam(Mode::Enforce, &clock);
        check_found(&iam, KEY, None, Ok(("arn:aws:iam::123456789012:user/alice", Some(SECRET))));
        check_found(&iam, KEY, Some("token"), Err(KeyRefusal::BadToken));
        check_found(&iam, "111122223333", None, Err(KeyRefusal::Unknown));
        check_found(&iam, "test", None, Err(KeyRefusal::Unknown));
        check_found(&iam, "ASIAAAAAAAAAAAAAAAAA", None, Err(KeyRefusal::BadToken));
        assert_eq!(iam.anonymous(), None);
    }

    #[test]
    fn enforce_checks_the_sessions_of_functions() {
        let clock = Clock::fixed(0);
        let iam = iam(Mode::Enforce, &clock);
        let (issued, other) = (iam.issue(&account(), ROLE, "f", 60), iam.issue(&account(), ROLE, "f", 60));
        assert_ne!(issued.access_key_id, other.access_key_id);
        let (id, token) = (issued.access_key_id.as_str(), issued.session_token.as_str());
        let secret = issued.secret_access_key.as_str();
        check_found(&iam, id, Some(token), Ok(("arn:aws:sts::111122223333:assumed-role/r/f", Some(secret))));
        check_found(&iam, id, None, Err(KeyRefusal::BadToken));
        check_found(&iam, id, Some(&other.session_token), Err(KeyRefusal::BadToken));
        check_found(&iam, id, Some(&token[1..]), Err(KeyRefusal::BadToken));
        clock.advance_ms(59_999);
        assert!(iam.find(id, Some(token)).is_ok());
        clock.advance_ms(1);
        check_found(&iam, id, Some(token), Err(KeyRefusal::Expired));
    }

    #[test]
    fn sessions_outlive_a_restart() {
        let clock = Clock::fixed(0);
        let issued = iam(Mode::Enforce, &clock).issue(&account(), ROLE, "f", 60);
        let again = iam(Mode::Enforce, &clock);
        let (_, secret) = again.find(&issued.access_key_id, Some(&issued.session_token)).unwrap();
        assert_eq!(secret, Some(issued.secret_access_key));
    }

    #[test]
    fn issued_keys_look_like_awss() {
        let issued = iam(Mode::Open, &Clock::fixed(5)).issue(&account(), ROLE, "f", 3600);
        assert_eq!(issued.access_key_id.len(), 20);
        assert!(issued.access_key_id.starts_with("ASIA"));
        assert!(issued.access_key_id.bytes().all(|b| b.is_ascii_uppercase() || (b'2'..=b'7').contains(&b)));
        assert_eq!(issued.secret_access_key.len(), 40);
        assert_eq!(issued.expires_ms, 3_600_005);
    }

    #[test]
    fn configurations_that_cannot_be() {
        #[track_caller]
        fn check(keys: Vec<ConfiguredKey>, expected: IamError) {
            let made = iam_with(Mode::Enforce, keys, &Clock::fixed(0));
            assert_eq!(made.map(|_| ()).unwrap_err(), expected);
        }
        check(vec![key(KEY, SECRET), key(KEY, SECRET)], IamError::Twice(KEY.to_owned()));
        check(vec![key("short", SECRET)], IamError::KeyId("short".to_owned()));
        check(vec![key("ASIAIOSFODNN7EXAMPLE", SECRET)], IamError::Temporary("ASIAIOSFODNN7EXAMPLE".to_owned()));
        check(vec![key(KEY, "short")], IamError::Secret(KEY.to_owned()));
    }

    #[test]
    fn secrets_are_not_printed() {
        assert!(!format!("{:?}", key(KEY, SECRET)).contains(SECRET));
    }

    #[test]
    fn who_names_no_account_is_in_the_configured_one() {
        let mine = AccountId::parse("222222222222").unwrap();
        let iam = Iam {
            account: mine.clone(),
            ..iam(Mode::Open, &Clock::fixed(0))
        };
        assert_eq!(iam.anonymous().map(|who| who.account), Some(mine.clone()));
        assert_eq!(iam.find("test", None).unwrap().0.account, mine);
        assert_eq!(iam.find("333333333333", None).unwrap().0.account.as_str(), "333333333333");
    }
}
