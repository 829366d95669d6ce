//! AWS Signature Version 4: reading it always, verifying it in [`Mode::Enforce`].
//!
//! Source: AWS IAM user guide, "Signature Version 4 for API requests", and the S3 API reference,
//! "Authenticating requests". What a verified signature proves: the method, path, query, the
//! signed headers and the body come from a holder of the secret key, not longer ago than five
//! minutes (header form) or `X-Amz-Expires` (presigned form).
//!
//! Where this is stricter or laxer than AWS:
//! - every `x-amz-*` header that is sent must be signed, for every service (AWS demands it in its
//!   guide and enforces it in S3);
//! - `UNSIGNED-PAYLOAD` and the streaming forms are admitted for every service, not for S3 alone:
//!   the marker is a signed header, so it is the key's holder who chose it.

mod canonical;
mod chunked;
mod claims;
mod error;
mod key;
#[cfg(test)]
mod oracle;
mod payload;
mod sign;
mod time;
#[cfg(test)]
mod vectors;
mod verify;

pub use chunked::{ChunkError, Decoded};
pub use claims::{Claims, Form, Scope};
pub use error::SignatureError;
pub use payload::Payload;
pub use sign::{Outgoing, SigningKeys, sign};
pub use verify::{Content, Verifier};

/// Whether signatures are believed or verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Any key is accepted and no signature is verified: for loopback alone.
    Open,
    /// Every API request must carry a valid signature of a known key.
    Enforce,
}

/// The one algorithm that is verified.
pub(crate) const ALGORITHM: &str = "AWS4-HMAC-SHA256";
const TERMINATOR: &str = "aws4_request";
