//! From an [`ApiError`] to the answer of a protocol.

mod json;
mod xml;

pub(crate) use xml::escaped;

use crate::error::ApiError;
use crate::protocol::Protocol;
use crate::response::Response;

/// Renders an error. `request_id` stands in the bodies of the XML protocols.
#[must_use]
pub fn error(protocol: Protocol, error: &ApiError, request_id: &str) -> Response {
    match protocol {
        Protocol::RestJson => json::rest(error),
        Protocol::AwsJson(version) => json::rpc(error, version),
        Protocol::Query(namespace) => xml::query(error, namespace, request_id),
        Protocol::Ec2 => xml::ec2(error, request_id),
        Protocol::S3 => xml::s3(error, request_id),
    }
}
