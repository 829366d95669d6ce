//! Functions' variables as they are stored: encrypted, under the key that the function names or the
//! account's own for functions.
//!
//! In memory a configuration has its variables in `environment`, in the store in `sealed`; only what
//! was stored before there was encryption has them in `environment` there, too. `sealed` stands in
//! memory exactly when the variables cannot be had: their key is gone. They are bound to the
//! function, so that one's cannot be passed off as another's.

use std::fmt;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hearth_model::{FunctionKey, KeyProblem, VariableKeys, arn};
use hearth_store::StoreError;

use crate::error::Error;
use crate::record::{Config, FunctionRecord, Variables, VersionRecord};

/// Whoever encrypts; without one, variables are stored as they are.
#[derive(Clone, Default)]
pub(crate) struct Keys(Option<Arc<dyn VariableKeys>>);

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keys")
    }
}

impl Keys {
    pub(crate) fn new(keys: Option<Arc<dyn VariableKeys>>) -> Self {
        Self(keys)
    }

    /// Whether there is anybody to encrypt.
    pub(crate) fn are_there(&self) -> bool {
        self.0.is_some()
    }

    /// Whether the key may be used for a function now.
    ///
    /// # Errors
    /// Why not.
    pub(crate) fn check(&self, owner: &FunctionKey, key_arn: &str) -> Result<(), KeyProblem> {
        match &self.0 {
            Some(keys) => keys.check(owner, key_arn),
            None => Err(KeyProblem::NotFound(format!("Key '{key_arn}' does not exist"))),
        }
    }

    /// Why a configuration's variables cannot be had now. On the hot path: nothing is looked up for a
    /// function that names no key.
    pub(crate) fn problem(&self, owner: &FunctionKey, config: &Config) -> Option<KeyProblem> {
        let is_lost = config.sealed.is_some();
        let has_none = config.environment.as_ref().is_none_or(|variables| variables.0.is_empty());
        let named = config.kms_key_arn.as_deref().filter(|_| is_lost || !has_none);
        let found = named.and_then(|key_arn| self.check(owner, key_arn).err());
        found.or_else(|| is_lost.then(|| KeyProblem::InvalidState("the variables cannot be decrypted".to_owned())))
    }

    /// Has the keys at hand with which [`Keys::sealed`] will encrypt.
    pub(crate) async fn prepare(&self, owner: &FunctionKey, record: &FunctionRecord) -> Result<(), StoreError> {
        if record.configs().any(|config| config.environment.is_some() && config.kms_key_arn.is_none()) {
            return self.prepare_own(owner).await;
        }
        Ok(())
    }

    /// The same, whatever it is that will be encrypted.
    pub(crate) async fn prepare_own(&self, owner: &FunctionKey) -> Result<(), StoreError> {
        match &self.0 {
            Some(keys) => keys.prepare(owner).await.map_err(failed),
            None => Ok(()),
        }
    }

    /// The head as it is stored.
    pub(crate) fn sealed_head(
        &self,
        owner: &FunctionKey,
        record: &FunctionRecord,
    ) -> Result<FunctionRecord, StoreError> {
        let mut sealed = record.clone();
        self.seal(owner, &record.incarnation, &mut sealed.latest.config)?;
        if let Some(previous) = &mut sealed.previous {
            self.seal(owner, &record.incarnation, previous)?;
        }
        Ok(sealed)
    }

    /// A version as it is stored.
    pub(crate) fn sealed_version(
        &self,
        owner: &FunctionKey,
        version: &VersionRecord,
    ) -> Result<VersionRecord, StoreError> {
        let mut sealed = version.clone();
        self.seal(owner, &version.incarnation, &mut sealed.edition.config)?;
        Ok(sealed)
    }

    fn seal(&self, owner: &FunctionKey, incarnation: &str, config: &mut Config) -> Result<(), StoreError> {
        let (Some(keys), Some(variables)) = (&self.0, &config.environment) else { return Ok(()) };
        let plain = serde_json::to_vec(variables).map_err(|error| failed(KeyProblem::Failed(error.to_string())))?;
        let of = function_arn(owner);
        let sealed = match keys.seal(owner, config.kms_key_arn.as_deref(), &context(&of, incarnation), &plain) {
            Ok(sealed) => STANDARD.encode(sealed),
            // Its key is deleted, and with it go the variables: that is what deleting a key is for.
            Err(KeyProblem::NotFound(cause)) => {
                tracing::warn!(function = %owner.name, %cause, "the variables of a function are lost with their key");
                String::new()
            }
            Err(problem) => return Err(failed(problem)),
        };
        config.sealed = Some(sealed);
        config.environment = None;
        Ok(())
    }

    /// The head as it is used.
    pub(crate) fn open_head(&self, owner: &FunctionKey, record: &mut FunctionRecord) {
        let incarnation = record.incarnation.clone();
        self.open(owner, &incarnation, &mut record.latest.config);
        if let Some(previous) = &mut record.previous {
            self.open(owner, &incarnation, previous);
        }
    }

    /// A version as it is used.
    pub(crate) fn open_version(&self, owner: &FunctionKey, version: &mut VersionRecord) {
        self.open(owner, &version.incarnation, &mut version.edition.config);
    }

    fn open(&self, owner: &FunctionKey, incarnation: &str, config: &mut Config) {
        let Some(sealed) = &config.sealed else { return };
        let of = function_arn(owner);
        match self.opened(owner, &context(&of, incarnation), sealed) {
            Ok(variables) => {
                config.environment = Some(variables);
                config.sealed = None;
            }
            Err(problem) => {
                tracing::warn!(function = %owner.name, ?problem, "the variables of a function cannot be decrypted");
            }
        }
    }

    fn opened(&self, owner: &FunctionKey, context: &[(&str, &str)], sealed: &str) -> Result<Variables, KeyProblem> {
        let unreadable = || KeyProblem::InvalidState("they were not encrypted by this server for it".to_owned());
        let keys = self.0.as_ref().ok_or_else(unreadable)?;
        let sealed = STANDARD.decode(sealed).map_err(|_| unreadable())?;
        serde_json::from_slice(&keys.open(owner, context, &sealed)?).map_err(|_| unreadable())
    }
}

/// True for what was stored before there was encryption.
pub(crate) fn is_plain(config: &Config) -> bool {
    config.environment.is_some()
}

/// The service's own name for the context, and what tells a function from a deleted one of its name.
fn context<'a>(function_arn: &'a str, incarnation: &'a str) -> [(&'a str, &'a str); 2] {
    [("aws:lambda:FunctionArn", function_arn), ("incarnation", incarnation)]
}

fn function_arn(owner: &FunctionKey) -> String {
    arn::function(&owner.region, &owner.account, owner.name.as_str())
}

fn failed(problem: KeyProblem) -> StoreError {
    StoreError::Io {
        action: "encrypt the variables of a function".to_owned(),
        cause: format!("{problem:?}"),
    }
}

/// The refusal of a key that a client gives to a function. Source: the text that Terraform knows (fact
/// sheet "Lambda control-plane API", section 3.4).
pub(crate) fn refusal(problem: &KeyProblem) -> Error {
    let (exception, text) = match problem {
        KeyProblem::NotFound(text) => ("NotFoundException", text),
        KeyProblem::Disabled(text) => ("DisabledException", text),
        KeyProblem::InvalidState(text) | KeyProblem::Failed(text) => ("KMSInvalidStateException", text),
    };
    Error::InvalidParameter(format!(
        "Lambda was unable to configure access to your environment variables because the KMS key is invalid for \
         CreateGrant. Please check your KMS key settings. KMS Exception: {exception} KMS Message: {text}"
    ))
}

/// Code and text of the error that a key which cannot be used leads to.
pub(crate) fn described(problem: &KeyProblem) -> (&'static str, String) {
    let (code, because) = match problem {
        KeyProblem::NotFound(_) => ("KMSNotFoundException", "the KMS key was not found"),
        KeyProblem::Disabled(_) => ("KMSDisabledException", "the KMS key used is disabled"),
        KeyProblem::InvalidState(_) | KeyProblem::Failed(_) => {
            ("KMSInvalidStateException", "the state of the KMS key used is not valid for Decrypt")
        }
    };
    let text = format!(
        "Lambda was unable to decrypt the environment variables because {because}. Please check the function's KMS key \
         settings."
    );
    (code, text)
}
