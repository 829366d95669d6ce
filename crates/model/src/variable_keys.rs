//! The seam between functions and the keys that their environment variables are encrypted with.

use crate::BoxFuture;
use crate::catalog::FunctionKey;

/// Why a key cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyProblem {
    /// The text says what was looked for.
    NotFound(String),
    Disabled(String),
    /// E.g. pending deletion.
    InvalidState(String),
    /// It could not be read or made; the text is for the server's log.
    Failed(String),
}

/// Encrypts what is stored of functions' variables. Implemented by `iam`.
///
/// `context` is authenticated with the variables: what was encrypted for one function cannot be
/// passed off as another's.
pub trait VariableKeys: Send + Sync + 'static {
    /// Whether a function of `owner`'s account and region may use the key of this ARN now. In
    /// memory: it is asked for each invocation of a function that names a key.
    ///
    /// # Errors
    /// Why not.
    fn check(&self, owner: &FunctionKey, key_arn: &str) -> Result<(), KeyProblem>;

    /// Makes the account's own key for functions where it is missing.
    ///
    /// # Errors
    /// It could not be stored.
    fn prepare<'a>(&'a self, owner: &'a FunctionKey) -> BoxFuture<'a, Result<(), KeyProblem>>;

    /// Encrypts under the key, or under the account's own for functions when none is named,
    /// whatever the key's state is, as long as it exists.
    ///
    /// # Errors
    /// There is no such key.
    fn seal(
        &self,
        owner: &FunctionKey,
        key_arn: Option<&str>,
        context: &[(&str, &str)],
        plain: &[u8],
    ) -> Result<Vec<u8>, KeyProblem>;

    /// What [`VariableKeys::seal`] made, whatever the key's state is.
    ///
    /// # Errors
    /// The key is gone, or this was never encrypted for `owner` and `context`.
    fn open(&self, owner: &FunctionKey, context: &[(&str, &str)], sealed: &[u8]) -> Result<Vec<u8>, KeyProblem>;
}
