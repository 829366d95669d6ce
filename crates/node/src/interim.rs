//! Identity until `iam` is joined: configured keys, and for functions keys that lead nowhere but
//! to their account.

use hearth_model::{AccessKeys, AccountId, Credentials, Identity, KeyRefusal, RoleCredentials};

use crate::config::{AuthMode, Config};

pub(crate) struct Iam {
    config: Config,
}

impl Iam {
    pub(crate) fn new(config: &Config) -> Self {
        Self { config: config.clone() }
    }

    fn root(account: AccountId) -> Identity {
        Identity {
            arn: format!("arn:aws:iam::{account}:root"),
            account,
        }
    }
}

impl AccessKeys for Iam {
    fn find(&self, access_key_id: &str, _: Option<&str>) -> Result<(Identity, Option<String>), KeyRefusal> {
        if self.config.auth_mode.value == AuthMode::Open {
            let account = AccountId::parse(access_key_id).unwrap_or_else(|| self.config.account.value.clone());
            return Ok((Self::root(account), None));
        }
        let found = self.config.keys.value.iter().find(|key| key.access_key_id == access_key_id);
        let key = found.ok_or(KeyRefusal::Unknown)?;
        let account = key.account.clone().unwrap_or_else(|| self.config.account.value.clone());
        Ok((Self::root(account), Some(key.secret_access_key.clone())))
    }

    fn anonymous(&self) -> Option<Identity> {
        (self.config.auth_mode.value == AuthMode::Open).then(|| Self::root(self.config.account.value.clone()))
    }
}

impl RoleCredentials for Iam {
    fn issue(&self, role_arn: &str, _: &str, _: u32) -> Credentials {
        let account = role_arn.split(':').nth(4).unwrap_or_default();
        Credentials {
            access_key_id: account.to_owned(),
            secret_access_key: "unverified".to_owned(),
            session_token: "unverified".to_owned(),
            expires_ms: i64::MAX,
        }
    }
}
