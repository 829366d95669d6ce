//! What the function may be told to fail of.

use std::collections::HashMap;

use lambda_runtime::{Diagnostic, Error};
use serde_json::Value;

/// The function's own error.
#[derive(Debug)]
pub struct ContractError(pub String);

impl std::fmt::Display for ContractError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ContractError {}

#[derive(Debug)]
struct Caused(String, ContractError);

impl std::fmt::Display for Caused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Caused {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.1)
    }
}

#[derive(Debug)]
pub enum Failure {
    Contract(ContractError),
    Other(Error),
}

impl<E: std::error::Error + Send + Sync + 'static> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Other(error.into())
    }
}

/// An error type of the function's own says so by this; any other is named by its type.
impl From<Failure> for Diagnostic {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Contract(error) => Self { error_type: "ContractError".into(), error_message: error.0 },
            Failure::Other(error) => error.into(),
        }
    }
}

pub async fn fail(kind: &str, message: &str) -> Result<Value, Failure> {
    match kind {
        "own" => Err(Failure::Contract(ContractError(message.into()))),
        "standard" => Ok("no number".parse::<u32>()?.into()),
        "cause" => Err(Failure::Other(Caused(message.into(), ContractError("the cause".into())).into())),
        "abrupt" => panic!("{message}"),
        "result" => Ok(serde_json::to_value(HashMap::from([((1, 2), 3)]))?),
        "stray" => {
            let message = message.to_owned();
            let _ = tokio::spawn(async move { panic!("{message}") }).await;
            Ok("went on".into())
        }
        kind => Err(Failure::Other(format!("no such kind: {kind}").into())),
    }
}
