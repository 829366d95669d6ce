//! The seam through which the front door finds the function behind a URL, without reading the
//! store.

use std::sync::Arc;

use crate::catalog::FunctionKey;
use crate::credentials::Identity;
use crate::name::Qualifier;

/// The label behind a URL's id in host names: `<id>.lambda-url.<region>.localhost`.
pub const URL_LABEL: &str = "lambda-url";
/// Where URLs are found without a host of their own: `/_hearth/url/<id>/`.
pub const URL_PATH: &str = "/_hearth/url/";

/// Whether callers of a function URL have to say who they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UrlAuth {
    /// `NONE`: anybody whom the function's policy lets in, signed or not.
    None,
    /// `AWS_IAM`: requests are signed.
    Iam,
}

/// Which web pages may use a function URL. Empty lists name nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cors {
    pub allow_credentials: bool,
    pub allow_headers: Vec<String>,
    pub allow_methods: Vec<String>,
    /// Origins as browsers write them, or `*`.
    pub allow_origins: Vec<String>,
    pub expose_headers: Vec<String>,
    pub max_age_s: Option<u32>,
}

/// The URL of a function or of one of its aliases.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionUrl {
    /// 32 lowercase letters and digits: the first label of its host.
    pub id: String,
    pub function: FunctionKey,
    /// An alias, which may be gone; `None` for `$LATEST`.
    pub qualifier: Option<Qualifier>,
    pub auth: UrlAuth,
    pub cors: Option<Cors>,
    /// `RESPONSE_STREAM`: the answer is passed on while the function makes it.
    pub streams: bool,
}

/// A view of all function URLs, in memory. Implemented by the control plane.
pub trait FunctionUrls: Send + Sync + 'static {
    /// On the hot path: no lock that a writer holds for long, no I/O.
    fn find(&self, id: &str) -> Option<Arc<FunctionUrl>>;

    /// Whether what the URL leads to is there, and open to the caller: `None` is one who does not
    /// say who it is.
    fn admits(&self, url: &FunctionUrl, caller: Option<&Identity>) -> bool;
}
