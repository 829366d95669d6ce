//! The API of KMS: parse, call, render.
//!
//! Source: fact sheet "Neighbouring services", section 4; the service's model. To add an operation: a
//! handler in the file of its resource, a line in [`operations`], and its name taken out of
//! [`unserved::NAMES`].

mod alias;
mod encrypt;
mod key;
mod page;
mod policy;
mod tag;
mod unserved;

use std::future::Future;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hearth_wire::aws_json::{JsonVersion, Operation};
use hearth_wire::{ApiError, Request, Response, Violations, handler};
use http::StatusCode;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Kms;
use super::error::{Error, Result};
use super::ring::Scope;

/// Every operation of the service's model.
pub(super) fn operations(kms: &Arc<Kms>) -> Vec<Operation> {
    let mut all = vec![
        serve("CreateKey", kms, key::create),
        serve("DescribeKey", kms, key::describe),
        serve("ListKeys", kms, key::list),
        serve("EnableKey", kms, key::enable),
        serve("DisableKey", kms, key::disable),
        serve("UpdateKeyDescription", kms, key::update_description),
        serve("ScheduleKeyDeletion", kms, key::schedule_deletion),
        serve("CancelKeyDeletion", kms, key::cancel_deletion),
        serve("GetKeyRotationStatus", kms, key::rotation_status),
        serve("CreateAlias", kms, alias::create),
        serve("UpdateAlias", kms, alias::update),
        serve("DeleteAlias", kms, alias::delete),
        serve("ListAliases", kms, alias::list),
        serve("Encrypt", kms, encrypt::encrypt),
        serve("Decrypt", kms, encrypt::decrypt),
        serve("ReEncrypt", kms, encrypt::re_encrypt),
        serve("GenerateDataKey", kms, encrypt::generate_data_key),
        serve("GenerateDataKeyWithoutPlaintext", kms, encrypt::generate_data_key_without_plaintext),
        serve("GenerateRandom", kms, encrypt::generate_random),
        serve("GetKeyPolicy", kms, policy::get),
        serve("PutKeyPolicy", kms, policy::put),
        serve("ListKeyPolicies", kms, policy::list),
        serve("TagResource", kms, tag::add),
        serve("UntagResource", kms, tag::remove),
        serve("ListResourceTags", kms, tag::list),
    ];
    all.extend(unserved::operations());
    all
}

/// An answer without a body.
#[derive(Serialize)]
struct Nothing {}

/// Makes an operation of a function over the keys.
fn serve<I, O, F, Fut>(name: &'static str, kms: &Arc<Kms>, operation: F) -> Operation
where
    I: DeserializeOwned + Send + 'static,
    O: Serialize + Send + 'static,
    F: Fn(Arc<Kms>, Scope, I) -> Fut + Send + Sync + Copy + 'static,
    Fut: Future<Output = Result<O>> + Send + 'static,
{
    let run = move |kms, request: Request| async move {
        let input = hearth_wire::json::parse_body(&request.body)?;
        let scope = Scope {
            account: request.caller.account,
            region: request.caller.region,
        };
        let answer = operation(kms, scope, input).await?;
        let body = serde_json::to_vec(&answer);
        let body = body.map_err(|error| ApiError::internal(format!("failed to render the answer: {error}")))?;
        let body = if body == b"{}" { Bytes::new() } else { body.into() };
        Ok(Response::bytes(StatusCode::OK, JsonVersion::V1_1.content_type(), body))
    };
    Operation::new(name, handler(Arc::clone(kms), run))
}

/// Ends a validation the way this service does.
fn finish(violations: Violations) -> Result<()> {
    violations.finish_with(Error::Validation)
}

/// The member that names a key, which has to be there.
fn key_id(given: Option<&String>) -> Result<&str> {
    named("keyId", given, 2_048)
}

/// A member that has to be there, of so many characters at the most.
fn named<'a>(path: &str, given: Option<&'a String>, max: usize) -> Result<&'a str> {
    let mut violations = Violations::new();
    violations.required(path, given);
    if let Some(given) = given {
        violations.length(path, given, 1..=max);
    }
    finish(violations)?;
    Ok(given.map_or("", String::as_str))
}

/// Bytes of a member in base64.
fn bytes(path: &str, text: &str) -> Result<zeroize::Zeroizing<Vec<u8>>> {
    STANDARD.decode(text).map(zeroize::Zeroizing::new).map_err(|_| Error::Validation(format!("{path} is not base64")))
}

fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// Seconds, as the service writes moments.
#[allow(clippy::cast_precision_loss)]
fn seconds(at_ms: i64) -> f64 {
    at_ms as f64 / 1_000.0
}
