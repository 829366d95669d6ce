//! Temporary credentials that need no store: everything about them is in the session token.
//!
//! ```text
//! token  := base64( body, HMAC-SHA256(master, "token" body) )
//! body   := version, expiry (8 bytes), key id, account, principal ARN, session name
//! secret := base64( HMAC-SHA256(master, "secret" body) ), 40 characters of it
//! ```
//!
//! Each text is preceded by its length in two bytes, so that no two bodies have the same bytes.
//! The principal is a role (functions, `AssumeRole`), or a user or root (`GetSessionToken`), whose
//! session has no name. The secrets of users' own keys follow from the master secret as well.
//!
//! What the key signs with depends on the whole body: nobody can pair a key id with another token.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hearth_model::{AccountId, Credentials, arn};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

const VERSION: u8 = 1;
const MAC_BYTES: usize = 32;
/// As long as AWS's own secrets.
const SECRET_CHARS: usize = 40;

/// Signs and checks sessions.
#[derive(Clone)]
pub(crate) struct Sealer {
    token: Hmac<Sha256>,
    secret: Hmac<Sha256>,
    user_secret: Hmac<Sha256>,
}

/// Who a session belongs to, and until when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Session {
    pub(crate) access_key_id: String,
    pub(crate) account: AccountId,
    pub(crate) principal_arn: String,
    pub(crate) name: String,
    /// Unix milliseconds.
    pub(crate) expires_ms: i64,
}

impl Sealer {
    pub(crate) fn new(master: &[u8; 32]) -> Self {
        Self {
            token: keyed(master, b"hearth session token"),
            secret: keyed(master, b"hearth session secret"),
            user_secret: keyed(master, b"hearth user key secret"),
        }
    }

    /// Makes the credentials of a session.
    pub(crate) fn seal(&self, session: &Session) -> Credentials {
        let mut token = session.body();
        let mac = digest(&self.token, &token);
        let secret_access_key = self.secret(&token);
        token.extend_from_slice(&mac);
        Credentials {
            access_key_id: session.access_key_id.clone(),
            secret_access_key,
            session_token: STANDARD.encode(token),
            expires_ms: session.expires_ms,
        }
    }

    /// The session of a token, and the secret that goes with it. `None` when this server's master
    /// secret did not make the token.
    pub(crate) fn open(&self, token: &str) -> Option<(Session, String)> {
        let bytes = STANDARD.decode(token).ok()?;
        let (body, mac) = bytes.split_at_checked(bytes.len().checked_sub(MAC_BYTES)?)?;
        // Compares in constant time.
        self.token.clone().chain_update(body).verify_slice(mac).ok()?;
        Some((Session::read(body)?, self.secret(body)))
    }

    /// The secret of a user's own key, by the key's id.
    pub(crate) fn user_secret(&self, access_key_id: &str) -> String {
        secret_text(&self.user_secret, access_key_id.as_bytes())
    }

    fn secret(&self, body: &[u8]) -> String {
        secret_text(&self.secret, body)
    }
}

impl Session {
    fn body(&self) -> Vec<u8> {
        let mut body = vec![VERSION];
        body.extend_from_slice(&self.expires_ms.to_be_bytes());
        for text in [&self.access_key_id, self.account.as_str(), &self.principal_arn, &self.name] {
            // Longer texts than fit are cut: ARNs and session names are far shorter.
            let text = &text.as_bytes()[..text.len().min(usize::from(u16::MAX))];
            body.extend_from_slice(&u16::try_from(text.len()).unwrap_or(u16::MAX).to_be_bytes());
            body.extend_from_slice(text);
        }
        body
    }

    fn read(body: &[u8]) -> Option<Self> {
        let (version, rest) = body.split_first()?;
        let (expires, mut rest) = rest.split_first_chunk::<8>()?;
        let mut text = || {
            let (length, after) = rest.split_first_chunk::<2>()?;
            let (text, after) = after.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
            rest = after;
            String::from_utf8(text.to_vec()).ok()
        };
        let session = Self {
            access_key_id: text()?,
            account: AccountId::parse(&text()?)?,
            principal_arn: text()?,
            name: text()?,
            expires_ms: i64::from_be_bytes(*expires),
        };
        (*version == VERSION && rest.is_empty()).then_some(session)
    }

    /// Who signs with it: a user or root themselves, or
    /// `arn:aws:sts::<account>:assumed-role/<role>/<session>`; the role's path is left out, as on
    /// AWS.
    pub(crate) fn identity_arn(&self) -> String {
        let parts = arn::split(&self.principal_arn);
        let resource = parts.map_or("", |parts| parts.resource);
        if resource == "root" || resource.starts_with("user/") {
            return self.principal_arn.clone();
        }
        let partition = parts.map(|parts| parts.partition).filter(|text| !text.is_empty()).unwrap_or("aws");
        let role = self.principal_arn.rsplit(['/', ':']).next().unwrap_or_default();
        format!("arn:{partition}:sts::{}:assumed-role/{role}/{}", self.account, self.name)
    }
}

fn secret_text(key: &Hmac<Sha256>, text: &[u8]) -> String {
    let mut text = STANDARD.encode(digest(key, text));
    text.truncate(SECRET_CHARS);
    text
}

#[allow(clippy::expect_used)]
fn keyed(master: &[u8; 32], purpose: &[u8]) -> Hmac<Sha256> {
    let mac: Hmac<Sha256> = Hmac::new_from_slice(master).expect("HMAC takes keys of every length");
    mac.chain_update(purpose)
}

fn digest(key: &Hmac<Sha256>, text: &[u8]) -> [u8; MAC_BYTES] {
    key.clone().chain_update(text).finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn session(principal_arn: &str, name: &str) -> Session {
        Session {
            access_key_id: "ASIAAAAAAAAAAAAAAAAA".to_owned(),
            account: AccountId::parse("123456789012").unwrap(),
            principal_arn: principal_arn.to_owned(),
            name: name.to_owned(),
            expires_ms: 1_700_000_000_000,
        }
    }

    #[track_caller]
    fn check_arn(principal_arn: &str, expected: &str) {
        assert_eq!(session(principal_arn, "f").identity_arn(), expected);
    }

    #[test]
    fn assumed_roles_are_named_as_on_aws() {
        check_arn("arn:aws:iam::123456789012:role/r", "arn:aws:sts::123456789012:assumed-role/r/f");
        check_arn("arn:aws:iam::123456789012:role/service-role/p/r", "arn:aws:sts::123456789012:assumed-role/r/f");
        check_arn("arn:aws-cn:iam::123456789012:role/r", "arn:aws-cn:sts::123456789012:assumed-role/r/f");
        check_arn("arn:aws:iam::123456789012:user/p/a", "arn:aws:iam::123456789012:user/p/a");
        check_arn("arn:aws:iam::123456789012:root", "arn:aws:iam::123456789012:root");
        check_arn("r", "arn:aws:sts::123456789012:assumed-role/r/f");
    }

    #[test]
    fn another_master_secret_makes_other_sessions() {
        let session = session("arn:aws:iam::123456789012:role/r", "f");
        let (ours, theirs) = (Sealer::new(&[1; 32]), Sealer::new(&[2; 32]));
        assert_ne!(ours.seal(&session).secret_access_key, theirs.seal(&session).secret_access_key);
        assert_eq!(theirs.open(&ours.seal(&session).session_token), None);
        assert_eq!(ours.seal(&session).secret_access_key.len(), SECRET_CHARS);
    }

    proptest! {
        #[test]
        fn a_token_gives_its_session_back(principal_arn: String, name: String, expires_ms: i64) {
            let sealer = Sealer::new(&[7; 32]);
            let session = Session { expires_ms, ..session(&principal_arn, &name) };
            let sealed = sealer.seal(&session);
            prop_assert_eq!(sealer.open(&sealed.session_token), Some((session, sealed.secret_access_key)));
        }

        #[test]
        fn a_changed_token_is_none(at in 0_usize..200, bit in 0_u8..8) {
            let sealer = Sealer::new(&[7; 32]);
            let sealed = sealer.seal(&session("arn:aws:iam::123456789012:role/r", "f"));
            let mut bytes = STANDARD.decode(&sealed.session_token).unwrap();
            let at = at % bytes.len();
            bytes[at] ^= 1 << bit;
            prop_assert_eq!(sealer.open(&STANDARD.encode(bytes)), None);
        }

        #[test]
        fn arbitrary_tokens_never_panic(token: String, bytes: Vec<u8>) {
            let sealer = Sealer::new(&[7; 32]);
            prop_assert_eq!(sealer.open(&token), None);
            prop_assert_eq!(sealer.open(&STANDARD.encode(&bytes)), None);
            let _ = Session::read(&bytes);
        }
    }
}
