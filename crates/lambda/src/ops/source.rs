//! Where a deployment package comes from: the request, an object of a bucket, or a folder of the host.
//!
//! Source of the texts: fact sheet "Lambda control-plane API", section 4, CreateFunction.

use bytes::Bytes;
use hearth_model::{ObjectError, ObjectRequest};
use hearth_wire::Caller;

use crate::Lambda;
use crate::api::code::{CodeSource, S3Source};
use crate::error::Error;
use crate::live;
use crate::ops::image;
use crate::package::Limits;
use crate::record::Package;

/// Bytes of a zip that comes in the request.
pub(crate) const ZIPPED_MAX: u64 = 52_428_800;

/// What a client gave.
#[derive(Clone, Debug)]
pub(crate) enum Given {
    Zip(Bytes),
    /// To be run as it stands.
    Folder(Package),
    Image(Package),
}

/// What the code is for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum For {
    /// `doing` is `creating` or `updating`.
    Function {
        is_image: bool,
        doing: &'static str,
    },
    Layer,
}

impl Given {
    /// What it counts towards the account's limit.
    pub(crate) fn len(&self) -> u64 {
        match self {
            Self::Zip(zip) => zip.len() as u64,
            Self::Folder(_) | Self::Image(_) => 0,
        }
    }
}

/// What can be said before anything is fetched.
///
/// # Errors
/// No source, more than one, or one that is not available.
pub(crate) fn check(source: &CodeSource, what: For) -> Result<(), Error> {
    // The text for layers is unverified.
    let of = match what {
        For::Layer => "layer",
        For::Function { is_image: true, doing } if source.image.is_none() => {
            return Err(Error::InvalidParameter(format!(
                "Please provide ImageUri when {doing} a function with packageType Image."
            )));
        }
        For::Function { is_image: false, doing } if source.image.is_some() => {
            return Err(Error::InvalidParameter(format!(
                "Please don't provide ImageUri when {doing} a function with packageType Zip."
            )));
        }
        For::Function { .. } => "function",
    };
    if source.zip.is_some() && (source.s3.is_some() || source.image.is_some()) {
        return Err(Error::InvalidParameter(
            "Please do not provide other FunctionCode parameters when providing a ZipFile.".to_owned(),
        ));
    }
    if source.source_kms_key_arn.as_ref().is_some_and(|arn| !arn.is_empty()) {
        return Err(Error::NotAvailable {
            member: "SourceKMSKeyArn",
            hint: "leave it out".to_owned(),
        });
    }
    if source.image.is_some() && source.s3.is_some() {
        // Not recorded; made after the text for a zip.
        return Err(Error::InvalidParameter(
            "Please do not provide other FunctionCode parameters when providing an ImageUri.".to_owned(),
        ));
    }
    match (&source.zip, &source.s3) {
        _ if source.image.is_some() => Ok(()),
        (Some(zip), _) if zip.len() as u64 > ZIPPED_MAX => Err(Error::ZipTooLarge { limit: ZIPPED_MAX }),
        (Some(_), _) => Ok(()),
        (None, Some(s3)) if s3.bucket.is_none() || s3.key.is_none() => Err(Error::InvalidParameter(
            "Please provide both S3Bucket and S3Key when the code comes from a bucket.".to_owned(),
        )),
        (None, Some(_)) => Ok(()),
        (None, None) => Err(Error::InvalidParameter(format!("Please provide a source for {of} code."))),
    }
}

/// Fetches what passed [`check`].
///
/// # Errors
/// An object that is not there or is too large, or a folder that is not to be run.
pub(crate) async fn take(lambda: &Lambda, caller: &Caller, source: &CodeSource, what: For) -> Result<Given, Error> {
    check(source, what)?;
    if let Some(uri) = &source.image {
        return image::resolve(lambda, uri).await.map(Given::Image);
    }
    match (&source.zip, &source.s3) {
        (None, Some(s3)) if s3.bucket.as_deref() == Some(live::BUCKET) => folder(lambda, s3).await,
        (None, Some(s3)) => object(lambda, caller, s3).await.map(Given::Zip),
        (zip, _) => Ok(Given::Zip(zip.clone().unwrap_or_default())),
    }
}

/// Walks the folder, off the async threads.
async fn folder(lambda: &Lambda, s3: &S3Source) -> Result<Given, Error> {
    if s3.version.is_some() {
        return Err(Error::InvalidParameter(format!(
            "S3Bucket {} has no versions of objects: leave S3ObjectVersion out",
            live::BUCKET
        )));
    }
    let (folders, wanted) = (lambda.live.clone(), s3.key.clone().unwrap_or_default());
    let accepted = tokio::task::spawn_blocking(move || folders.accept(&wanted)).await;
    let accepted = accepted.unwrap_or_else(|error| Err(format!("the folder could not be looked at: {error}")));
    accepted.map(|folder| Given::Folder(Package::of_folder(&folder))).map_err(Error::InvalidParameter)
}

async fn object(lambda: &Lambda, caller: &Caller, s3: &S3Source) -> Result<Bytes, Error> {
    // What a zip of this size holds is more than a package may.
    let bytes_max = Limits::default().unzipped_bytes;
    let found = match &lambda.objects {
        Some(objects) => {
            let request = ObjectRequest {
                account: caller.account.clone(),
                region: caller.region.clone(),
                bucket: s3.bucket.clone().unwrap_or_default(),
                key: s3.key.clone().unwrap_or_default(),
                version: s3.version.clone(),
                bytes_max,
            };
            objects.get(request).await
        }
        None => Err(ObjectError::no_such_bucket()),
    };
    found.map_err(|error| match error {
        ObjectError::Refused { code, message } => Error::InvalidParameter(format!(
            "Error occurred while GetObject. S3 Error Code: {code}. S3 Error Message: {message}"
        )),
        ObjectError::TooLarge { .. } => {
            Error::InvalidParameter(format!("Unzipped size must be smaller than {bytes_max} bytes"))
        }
        ObjectError::Failed(cause) => Error::Objects(cause),
    })
}
