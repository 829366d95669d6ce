//! The protocols in which AWS services answer, as far as their errors go.
//!
//! Operations are served over [`Protocol::RestJson`], [`Protocol::AwsJson`] and
//! [`Protocol::Query`]; the others are here so that a client of a service that is not served yet
//! is told so in words it can parse.

use crate::aws_json::JsonVersion;

/// How a service writes its errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// Lambda: the code in `x-amzn-ErrorType`, a JSON body.
    RestJson,
    /// CloudWatch Logs, DynamoDB: the code in `__type`, HTTP 400 for nearly all client errors.
    AwsJson(JsonVersion),
    /// IAM, STS, SNS: `<ErrorResponse>` in the service's XML namespace; empty where it is not known.
    Query(&'static str),
    /// EC2: `<Response><Errors>`.
    Ec2,
    /// S3: `<Error>`.
    S3,
}
