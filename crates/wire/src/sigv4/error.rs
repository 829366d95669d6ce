//! Why a signature is refused, in AWS's words.
//!
//! Sources: fact sheets "Lambda control-plane API" section 1.1 and "Neighbouring services"
//! section 0.2; the guide "Troubleshoot signed requests for AWS APIs".

use std::borrow::Cow;

use http::StatusCode;
use thiserror::Error;

use crate::error::{ApiError, Fault};
use crate::protocol::Protocol;

/// A refused signature. The texts are those that clients see.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SignatureError {
    #[error("Missing Authentication Token")]
    Missing,
    /// A part of the signature is absent or misshapen.
    #[error("{0}")]
    Incomplete(String),
    #[error("the signing algorithm {0:?} is not supported; sign with AWS4-HMAC-SHA256")]
    Algorithm(String),
    #[error(
        "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query string parameter or the Authorization header should be specified"
    )]
    TwoForms,
    #[error("The security token included in the request is invalid.")]
    UnknownKey,
    #[error("The security token included in the request is invalid.")]
    BadToken,
    #[error("The security token included in the request is expired")]
    ExpiredToken,
    /// From inside a sandbox, where nobody else's are taken.
    #[error("The security token included in the request is of another account than the function it is used in.")]
    ForeignAccount,
    /// The scope, the date or the signed headers contradict the request.
    #[error("{0}")]
    Invalid(String),
    /// Too old, or too far ahead.
    #[error("{0}")]
    Skewed(String),
    #[error(
        "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details."
    )]
    Mismatch,
    #[error("The provided 'x-amz-content-sha256' header does not match what was computed.")]
    PayloadHash,
    /// The `aws-chunked` framing of the body is broken.
    #[error("{0}")]
    Chunks(String),
}

impl SignatureError {
    /// The answer in a service's own terms.
    #[must_use]
    pub fn error(&self, protocol: Protocol) -> ApiError {
        let mut error = ApiError::user(self.status(protocol), "", self.to_string()).untyped();
        error.code = Cow::Borrowed(self.code(protocol));
        if matches!(protocol, Protocol::Query(_)) {
            error.fault = Fault::User;
        }
        error
    }

    /// JSON protocols answer 400, all others 403; a body that is broken is 400 everywhere.
    fn status(&self, protocol: Protocol) -> StatusCode {
        match (self, protocol) {
            (Self::Chunks(_) | Self::TwoForms | Self::Algorithm(_), _) => StatusCode::BAD_REQUEST,
            (Self::PayloadHash | Self::Incomplete(_), Protocol::S3) => StatusCode::BAD_REQUEST,
            (_, Protocol::AwsJson(_)) => StatusCode::BAD_REQUEST,
            _ => StatusCode::FORBIDDEN,
        }
    }

    fn code(&self, protocol: Protocol) -> &'static str {
        let [json, query, s3] = self.codes();
        match protocol {
            Protocol::RestJson | Protocol::AwsJson(_) => json,
            Protocol::Query(_) | Protocol::Ec2 => query,
            Protocol::S3 => s3,
        }
    }

    /// The codes in the JSON protocols, in the query protocols, and in S3.
    fn codes(&self) -> [&'static str; 3] {
        match self {
            Self::Missing => ["MissingAuthenticationTokenException", "MissingAuthenticationToken", "AccessDenied"],
            Self::Incomplete(_) | Self::TwoForms | Self::Algorithm(_) => {
                ["IncompleteSignatureException", "IncompleteSignature", "AuthorizationHeaderMalformed"]
            }
            Self::UnknownKey => ["UnrecognizedClientException", "InvalidClientTokenId", "InvalidAccessKeyId"],
            Self::ForeignAccount => ["AccessDeniedException", "AccessDenied", "AccessDenied"],
            Self::BadToken => ["UnrecognizedClientException", "InvalidClientTokenId", "InvalidToken"],
            Self::ExpiredToken => ["ExpiredTokenException", "ExpiredToken", "ExpiredToken"],
            Self::Invalid(_) => ["InvalidSignatureException", "SignatureDoesNotMatch", "AuthorizationHeaderMalformed"],
            Self::Skewed(_) => ["InvalidSignatureException", "SignatureDoesNotMatch", "RequestTimeTooSkewed"],
            Self::Mismatch => ["InvalidSignatureException", "SignatureDoesNotMatch", "SignatureDoesNotMatch"],
            Self::PayloadHash => ["InvalidSignatureException", "SignatureDoesNotMatch", "XAmzContentSHA256Mismatch"],
            Self::Chunks(_) => ["SerializationException", "MalformedInput", "IncompleteBody"],
        }
    }
}
