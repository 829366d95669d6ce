//! Links to deployment packages: `Code.Location`.
//!
//! A link carries its own right: the package's hash, an end, and a signature over both. Whoever
//! has it may download until then, as with the service's presigned links.

use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::Lambda;
use crate::error::Error;
use crate::record::Package;

/// Source: fact sheet "Lambda control-plane API", section 4.
const LIFETIME_S: i64 = 600;

/// Where [`link`]s lead; the package's hash follows.
pub(crate) const PATH: &str = "/_hearth/code/";

/// A link that is good for ten minutes. There is nothing to download of a folder: it is named.
pub(crate) fn link(lambda: &Lambda, endpoint: &str, package: &Package) -> String {
    if let Some(folder) = &package.folder {
        return format!("file://{folder}");
    }
    let expires_s = lambda.clock.now_ms() / 1_000 + LIFETIME_S;
    let signature = hex::encode(mac(lambda, &package.sha256_hex, expires_s).finalize().into_bytes());
    let sha256_hex = &package.sha256_hex;
    format!("{endpoint}{PATH}{sha256_hex}?expires={expires_s}&signature={signature}")
}

/// The uploaded bytes.
///
/// # Errors
/// A link that was altered or has run out, or a package that is gone.
pub(crate) async fn run(lambda: &Lambda, sha256_hex: &str, expires: &str, signature: &str) -> Result<Bytes, Error> {
    let forged = Error::BadLink("The link's signature does not match; ask GetFunction for a new one");
    let expires_s: i64 = expires.parse().map_err(|_| forged.clone())?;
    let signature = hex::decode(signature).map_err(|_| forged.clone())?;
    // Compares in constant time.
    mac(lambda, sha256_hex, expires_s).verify_slice(&signature).map_err(|_| forged)?;
    if lambda.clock.now_ms() / 1_000 >= expires_s {
        return Err(Error::BadLink("The link has expired; ask GetFunction for a new one"));
    }
    let package = Package {
        sha256_hex: sha256_hex.to_owned(),
        ..Package::default()
    };
    let zip = lambda.db.get_package(&package).await?;
    zip.ok_or_else(|| Error::ResourceNotFound("The package is no longer stored".to_owned()))
}

fn mac(lambda: &Lambda, sha256_hex: &str, expires_s: i64) -> Hmac<Sha256> {
    let mut mac = <Hmac<Sha256> as KeyInit>::new(&lambda.download_key());
    mac.update(b"GET package\n");
    mac.update(sha256_hex.as_bytes());
    mac.update(&expires_s.to_be_bytes());
    mac
}
