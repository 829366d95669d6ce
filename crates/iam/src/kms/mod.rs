//! KMS: keys that never leave the server, and what they encrypt. Functions' variables are encrypted
//! with them ([`VariableKeys`]).
//!
//! ```text
//! operator's key (a file) -> material of each key (in the store, encrypted)
//!                         -> what clients and functions have encrypted (theirs to keep)
//! ```
//!
//! Invariants: no material is in the store or in a message in clear. What is encrypted is bound to
//! its key and to its context. Encrypting reads no disk.
//!
//! Not there yet: grants, rotation, asymmetric and MAC keys, imported and multi-Region keys, key
//! stores; the evaluation of key policies.

mod api;
mod cipher;
mod error;
mod operator_keys;
mod ops;
mod record;
mod ring;
mod tasks;

use std::sync::Arc;

use hearth_core::{Clock, Random, Tasks};
use hearth_model::{BoxFuture, FunctionKey, KeyProblem, VariableKeys};
use hearth_store::{Documents, StoreError};
use hearth_wire::aws_json::Operation;

use error::Error;
pub use operator_keys::OperatorKeys;
use ring::{Ring, Scope};

/// The prefix of this service's targets.
pub const KMS_TARGET: &str = "TrentService";

/// Whose key functions' variables are under when they name none.
const SERVICE: &str = "lambda";

/// What [`Kms`] needs.
pub struct KmsOptions {
    pub documents: Arc<dyn Documents>,
    pub operator_keys: OperatorKeys,
    pub tasks: Tasks,
    pub clock: Clock,
    pub random: Random,
}

/// The keys of all accounts.
pub struct Kms {
    ring: Ring,
    clock: Clock,
    random: Random,
    /// Held while something changes, so that what is checked still holds when it is written.
    turn: tokio::sync::Mutex<()>,
}

impl Kms {
    /// Reads the keys, encrypts them anew where the operator has a newer key, and follows changes.
    ///
    /// # Errors
    /// When they cannot be read, which includes that the operator's key is another one.
    pub async fn open(options: KmsOptions) -> Result<Arc<Self>, StoreError> {
        let kms = Arc::new(Self {
            ring: Ring::new(options.documents, options.operator_keys, options.random.clone()),
            clock: options.clock,
            random: options.random,
            turn: tokio::sync::Mutex::default(),
        });
        let watch = kms.ring.watch();
        kms.ring.load().await?;
        let renewed = kms.ring.rewrap().await?;
        if renewed > 0 {
            tracing::info!(
                keys = renewed,
                "encrypted anew under the operator's new key; the older one is not needed any more"
            );
        }
        tasks::start(&kms, &options.tasks, watch);
        Ok(kms)
    }

    /// The operations of the API.
    #[must_use]
    pub fn operations(self: &Arc<Self>) -> Vec<Operation> {
        api::operations(self)
    }
}

impl VariableKeys for Kms {
    fn check(&self, owner: &FunctionKey, key_arn: &str) -> Result<(), KeyProblem> {
        let scope = scope(owner);
        let key = ops::find(self, &scope, key_arn).map_err(problem)?;
        ops::usable(&key).map_err(problem)
    }

    fn prepare<'a>(&'a self, owner: &'a FunctionKey) -> BoxFuture<'a, Result<(), KeyProblem>> {
        Box::pin(async move { ops::make_service_key(self, &scope(owner), SERVICE).await.map_err(problem) })
    }

    fn seal(
        &self,
        owner: &FunctionKey,
        key_arn: Option<&str>,
        context: &[(&str, &str)],
        plain: &[u8],
    ) -> Result<Vec<u8>, KeyProblem> {
        let scope = scope(owner);
        let key = match key_arn {
            Some(arn) => ops::find(self, &scope, arn).map_err(problem)?,
            // Not gone for want of a key: whoever seals has prepared.
            None => ops::service_key(self, &scope, SERVICE)
                .ok_or_else(|| KeyProblem::Failed("the account has no key for functions yet".to_owned()))?,
        };
        Ok(ops::seal(self, &key, &bound(context), plain))
    }

    fn open(&self, owner: &FunctionKey, context: &[(&str, &str)], sealed: &[u8]) -> Result<Vec<u8>, KeyProblem> {
        let (_, plain) = ops::open(self, &scope(owner), &bound(context), sealed).map_err(problem)?;
        Ok(plain.to_vec())
    }
}

/// Nothing that a client encrypts by the API has the bytes of this context.
fn bound(context: &[(&str, &str)]) -> Vec<u8> {
    [b"hearth functions".as_slice(), &cipher::context(context.iter().copied())].concat()
}

fn scope(owner: &FunctionKey) -> Scope {
    Scope {
        account: owner.account.clone(),
        region: owner.region.clone(),
    }
}

fn problem(error: Error) -> KeyProblem {
    let text = error.to_string();
    match error {
        Error::NotFound(_) | Error::AccessDenied(_) => KeyProblem::NotFound(text),
        Error::Disabled(_) => KeyProblem::Disabled(text),
        Error::InvalidState(_) => KeyProblem::InvalidState(text),
        _ => KeyProblem::Failed(text),
    }
}

#[cfg(test)]
mod tests;
