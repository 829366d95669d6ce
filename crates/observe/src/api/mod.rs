//! The CloudWatch Logs API: parse, call, render.
//!
//! Source: fact sheet "Neighbouring services", sections 0 and 1. To add an operation: a handler in
//! the file of its resource, its logic in `ops`, a line in [`operations`], and its name taken out of
//! [`unserved::NAMES`].

mod identifier;
mod log_event;
mod log_group;
mod log_stream;
mod tag;
mod token;
mod unserved;

use std::future::Future;
use std::sync::Arc;

use bytes::Bytes;
use hearth_model::{AccountId, Region};
use hearth_wire::aws_json::{JsonVersion, Operation};
use hearth_wire::{ApiError, Request, Response, Violations, handler};
use http::StatusCode;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{LogsError, Result};
use crate::store::Store;

/// A batch of 1 MiB may be six times that when every character is escaped.
const PUT_BODY_BYTES: usize = 8 << 20;

/// Every operation of the service's model.
pub(crate) fn operations(store: &Store) -> Vec<Operation> {
    let on = Arc::new(store.clone());
    let mut all = vec![
        serve("CreateLogGroup", &on, log_group::create),
        serve("DeleteLogGroup", &on, log_group::delete),
        serve("DescribeLogGroups", &on, log_group::describe),
        serve("PutLogGroupDeletionProtection", &on, log_group::protect),
        serve("PutRetentionPolicy", &on, log_group::put_retention),
        serve("DeleteRetentionPolicy", &on, log_group::delete_retention),
        serve("CreateLogStream", &on, log_stream::create),
        serve("DeleteLogStream", &on, log_stream::delete),
        serve("DescribeLogStreams", &on, log_stream::describe),
        serve("PutLogEvents", &on, log_event::put).with_body_limit(PUT_BODY_BYTES),
        serve("GetLogEvents", &on, log_event::get),
        serve("FilterLogEvents", &on, log_event::filter),
        serve("ListTagsForResource", &on, tag::list),
        serve("TagResource", &on, tag::add),
        serve("UntagResource", &on, tag::remove),
        serve("ListTagsLogGroup", &on, tag::list_of_group),
        serve("TagLogGroup", &on, tag::add_to_group),
        serve("UntagLogGroup", &on, tag::remove_from_group),
    ];
    all.extend(unserved::operations());
    all
}

/// Whose resources a request is about.
#[derive(Clone, Debug)]
struct Scope {
    account: AccountId,
    region: Region,
}

/// An answer without a body.
#[derive(Debug)]
struct Nothing;

/// What an operation answers.
trait Answer {
    fn body(&self) -> std::result::Result<Vec<u8>, serde_json::Error>;
}

impl Answer for Nothing {
    fn body(&self) -> std::result::Result<Vec<u8>, serde_json::Error> {
        Ok(Vec::new())
    }
}

/// An answer with a JSON body.
struct Json<T>(T);

impl<T: Serialize> Answer for Json<T> {
    fn body(&self) -> std::result::Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec(&self.0)
    }
}

/// Makes an operation of a function over the store.
fn serve<I, O, F, Fut>(name: &'static str, store: &Arc<Store>, operation: F) -> Operation
where
    I: DeserializeOwned + Send + 'static,
    O: Answer + Send + 'static,
    F: Fn(Arc<Store>, Scope, I) -> Fut + Send + Sync + Copy + 'static,
    Fut: Future<Output = Result<O>> + Send + 'static,
{
    let run = move |store, request: Request| async move {
        let input = hearth_wire::json::parse_body(&request.body)?;
        let scope = Scope {
            account: request.caller.account,
            region: request.caller.region,
        };
        let body = operation(store, scope, input).await.map_err(api_error)?.body();
        let body = body.map_err(|error| ApiError::internal(format!("failed to render the answer: {error}")))?;
        Ok(Response::bytes(StatusCode::OK, JsonVersion::V1_1.content_type(), Bytes::from(body)))
    };
    Operation::new(name, handler(Arc::clone(store), run))
}

/// Every error of this service is a 400, also what is missing.
fn api_error(error: LogsError) -> ApiError {
    let code = match &error {
        LogsError::GroupExists | LogsError::StreamExists => "ResourceAlreadyExistsException",
        LogsError::GroupMissing | LogsError::StreamMissing => "ResourceNotFoundException",
        LogsError::Invalid(_) => "InvalidParameterException",
        LogsError::Refused(_) => "ValidationException",
        LogsError::TooManyTags { .. } => "TooManyTagsException",
        LogsError::NotServed { .. } => "UnknownOperationException",
        LogsError::Store(_) | LogsError::Closed => return unavailable(&error),
    };
    ApiError::user(StatusCode::BAD_REQUEST, code, error.to_string()).untyped()
}

fn unavailable(error: &LogsError) -> ApiError {
    let mut unavailable = ApiError::user(
        StatusCode::SERVICE_UNAVAILABLE,
        "ServiceUnavailableException",
        "The log store cannot be used; the server's log has the cause.",
    );
    unavailable.internal = Some(error.to_string());
    unavailable.untyped()
}

/// Ends a validation the way this service does.
fn finish(violations: Violations) -> Result<()> {
    violations.finish_with(LogsError::Invalid)
}

/// A page's size within its bounds.
fn limit(given: Option<i64>, most: i64) -> Result<usize> {
    let limit = given.unwrap_or(most);
    let mut violations = Violations::new();
    violations.range("limit", limit, 1..=most);
    finish(violations)?;
    Ok(usize::try_from(limit).unwrap_or(1))
}

#[cfg(test)]
mod tests;
