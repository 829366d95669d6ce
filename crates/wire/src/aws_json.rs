//! AWS-JSON: every call is a `POST /` whose `X-Amz-Target` names the operation.
//!
//! Used by CloudWatch Logs (`Logs_20140328.FilterLogEvents`, version 1.1).

use std::collections::HashMap;

use http::StatusCode;
use thiserror::Error;

use crate::Handler;
use crate::error::ApiError;
use crate::rest_json::DEFAULT_BODY_LIMIT;

/// One operation.
#[derive(Clone)]
pub struct Operation {
    /// E.g. `FilterLogEvents`.
    pub name: &'static str,
    /// Bytes; a larger body is refused before it is read whole.
    pub body_limit: usize,
    pub handler: Handler,
}

impl Operation {
    /// An operation whose body is at most [`DEFAULT_BODY_LIMIT`].
    #[must_use]
    pub fn new(name: &'static str, handler: Handler) -> Self {
        Self {
            name,
            body_limit: DEFAULT_BODY_LIMIT,
            handler,
        }
    }

    /// Same operation, another limit.
    #[must_use]
    pub fn with_body_limit(mut self, bytes: usize) -> Self {
        self.body_limit = bytes;
        self
    }
}

impl std::fmt::Debug for Operation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

/// The version of the protocol, which stands in content types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JsonVersion {
    V1_0,
    V1_1,
}

impl JsonVersion {
    /// `application/x-amz-json-1.1` or `-1.0`.
    #[must_use]
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::V1_0 => "application/x-amz-json-1.0",
            Self::V1_1 => "application/x-amz-json-1.1",
        }
    }
}

/// A table of operations that cannot be made.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{prefix}: operation {name} is given twice; give it once")]
pub struct TwiceGiven {
    pub prefix: &'static str,
    pub name: &'static str,
}

/// The operations of one service.
#[derive(Debug)]
pub struct JsonService {
    prefix: &'static str,
    version: JsonVersion,
    operations: HashMap<&'static str, Operation>,
}

impl JsonService {
    /// `prefix` is what stands before the dot of `X-Amz-Target`, e.g. `Logs_20140328`.
    ///
    /// # Errors
    /// An operation is given twice.
    pub fn new(
        prefix: &'static str,
        version: JsonVersion,
        operations: impl IntoIterator<Item = Operation>,
    ) -> Result<Self, TwiceGiven> {
        let mut table = HashMap::new();
        for operation in operations {
            let name = operation.name;
            if table.insert(name, operation).is_some() {
                return Err(TwiceGiven { prefix, name });
            }
        }
        Ok(Self {
            prefix,
            version,
            operations: table,
        })
    }

    /// The version its answers carry.
    #[must_use]
    pub fn version(&self) -> JsonVersion {
        self.version
    }

    /// Finds the operation of an `X-Amz-Target` value.
    ///
    /// # Errors
    /// A 400 `UnknownOperationException` that repeats the target.
    pub fn find(&self, target: Option<&str>) -> Result<&Operation, ApiError> {
        let Some(target) = target else {
            return Err(unknown("no x-amz-target header was found; it names the operation".to_owned()));
        };
        let name = target.strip_prefix(self.prefix).and_then(|rest| rest.strip_prefix('.'));
        name.and_then(|name| self.operations.get(name)).ok_or_else(|| {
            unknown(format!("the operation {target:?} is not one that Hearth serves under {}", self.prefix))
        })
    }
}

fn unknown(text: String) -> ApiError {
    ApiError::user(StatusCode::BAD_REQUEST, "UnknownOperationException", text).untyped()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn operation(name: &'static str) -> Operation {
        Operation::new(name, Arc::new(|_| Box::pin(async { Ok(crate::Response::empty(StatusCode::OK)) })))
    }

    #[track_caller]
    fn check(target: Option<&str>, expected: Result<&str, &str>) {
        let service =
            JsonService::new("Logs_20140328", JsonVersion::V1_1, [operation("A"), operation("B")]).expect("two names");
        let found = service.find(target).map(|operation| operation.name).map_err(|error| error.code.into_owned());
        assert_eq!(found, expected.map_err(str::to_owned), "{target:?}");
    }

    #[test]
    fn targets() {
        check(Some("Logs_20140328.A"), Ok("A"));
        check(Some("Logs_20140328.B"), Ok("B"));
        for bad in ["Logs_20140328.C", "Logs_20140328A", "A", "Other.A", ""] {
            check(Some(bad), Err("UnknownOperationException"));
        }
        check(None, Err("UnknownOperationException"));
    }

    #[test]
    fn an_operation_given_twice_is_a_defect() {
        let twice = JsonService::new("P", JsonVersion::V1_0, [operation("A"), operation("A")]);
        assert_eq!(twice.unwrap_err(), TwiceGiven { prefix: "P", name: "A" });
    }
}
