//! Access keys: configured ones, and those issued to functions.

use std::collections::HashMap;

use hearth_core::{Clock, Random};
use hearth_model::{AccessKeys, AccountId, Credentials, Identity, KeyRefusal, RoleCredentials};
use thiserror::Error;

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
    /// Signs the credentials of functions. 32 random bytes that stay the same over restarts and
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
    #[error("access key {0} has no secret; give it one of at least 16 characters")]
    Secret(String),
}

/// Finds owners of keys, and issues keys to functions.
pub struct Iam {
    mode: Mode,
    keys: HashMap<String, ConfiguredKey>,
    account: AccountId,
    sealer: Sealer,
    clock: Clock,
    random: Random,
}

const TEMPORARY: &str = "ASIA";
const SECRET_LEAST: usize = 16;

impl Iam {
    /// Takes the configured keys.
    ///
    /// # Errors
    /// A key that cannot be one, or that is there twice.
    pub fn new(options: Options) -> Result<Self, IamError> {
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
        let session = token.and_then(|token| self.sealer.open(token)).map(|(session, _)| session);
        match session.filter(|session| session.access_key_id == access_key_id) {
            Some(session) => assumed(&session),
            None => root(AccountId::parse(access_key_id).unwrap_or_else(|| self.account.clone())),
        }
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

impl RoleCredentials for Iam {
    /// The account is the role's. (A role ARN without one, which the control plane does not
    /// accept, gives that of nameless callers.)
    fn issue(&self, role_arn: &str, session_name: &str, lifetime_s: u32) -> Credentials {
        let account = role_arn.split(':').nth(4).and_then(AccountId::parse);
        self.sealer.seal(&Session {
            access_key_id: format!("{TEMPORARY}{}", key_text(self.random.bytes())),
            account: account.unwrap_or_else(|| self.account.clone()),
            role_arn: role_arn.to_owned(),
            name: session_name.to_owned(),
            expires_ms: self.clock.now_ms().saturating_add(i64::from(lifetime_s) * 1_000),
        })
    }
}

fn user(key: &ConfiguredKey) -> Identity {
    Identity {
        account: key.account.clone(),
        arn: format!("arn:aws:iam::{}:user/{}", key.account, key.user_name),
    }
}

fn assumed(session: &Session) -> Identity {
    Identity {
        account: session.account.clone(),
        arn: session.assumed_role_arn(),
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

/// 16 characters of base 32, as key ids are written.
fn key_text(bytes: [u8; 10]) -> String {
    const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let number = bytes.iter().fold(0_u128, |number, byte| number << 8 | u128::from(*byte));
    (0..16).rev().map(|place| char::from(ALPHABET[(number >> (place * 5) & 31) as usize])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROLE: &str = "arn:aws:iam::111122223333:role/service-role/r";
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
        let issued = iam.issue(ROLE, "f", 60);
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
        let (issued, other) = (iam.issue(ROLE, "f", 60), iam.issue(ROLE, "f", 60));
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
        let issued = iam(Mode::Enforce, &clock).issue(ROLE, "f", 60);
        let again = iam(Mode::Enforce, &clock);
        let (_, secret) = again.find(&issued.access_key_id, Some(&issued.session_token)).unwrap();
        assert_eq!(secret, Some(issued.secret_access_key));
    }

    #[test]
    fn issued_keys_look_like_awss() {
        let issued = iam(Mode::Open, &Clock::fixed(5)).issue(ROLE, "f", 3600);
        assert_eq!(issued.access_key_id.len(), 20);
        assert!(issued.access_key_id.starts_with("ASIA"));
        assert!(issued.access_key_id.bytes().all(|b| b.is_ascii_uppercase() || (b'2'..=b'7').contains(&b)));
        assert_eq!(issued.secret_access_key.len(), 40);
        assert_eq!(issued.expires_ms, 3_600_005);
        assert_eq!(key_text([0; 10]), "A".repeat(16));
        assert_eq!(key_text([255; 10]), "7".repeat(16));
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
