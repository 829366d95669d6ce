//! Taking in a deployment package, and giving a package's files to who runs them.

use std::sync::Arc;

use hearth_model::{AccountId, CodeDir, Region};
use tokio::sync::OwnedRwLockReadGuard;

use crate::Lambda;
use crate::db::layers::LayerScope;
use crate::error::Error;
use crate::ops::source::Given;
use crate::package::{self, PackageError};
use crate::record::{Config, Package};
use crate::snapshot::Files;

/// A package that is stored and that the collector leaves alone while this lives: until the
/// function that refers to it is committed.
pub(crate) struct Held {
    pub(crate) package: Package,
    _lease: OwnedRwLockReadGuard<()>,
}

/// Looks a zip through without keeping it.
pub(crate) async fn inspect(given: Given) -> Result<Package, Error> {
    let zip = match given {
        Given::Zip(zip) => zip,
        Given::Folder(package) | Given::Image(package) => return Ok(package),
    };
    let accepted = package::accept(zip, package::Limits::default()).await?;
    Ok(Package {
        sha256_hex: accepted.hash.hex(),
        size_bytes: accepted.hash.code_size,
        unzipped_bytes: accepted.inspected.unzipped_bytes,
        ..Package::default()
    })
}

/// Looks a zip through and stores it.
pub(crate) async fn store(lambda: &Lambda, given: Given) -> Result<Held, Error> {
    let package = inspect(given.clone()).await?;
    let lease = lambda.packages.lease(&package.sha256_hex).await;
    if let Given::Zip(zip) = given {
        lambda.db.put_package(zip).await?;
    }
    Ok(Held { package, _lease: lease })
}

/// # Errors
/// [`Error::CodeStorageExceeded`] when the account's packages and `more` bytes exceed its limit.
/// `replaced` are bytes that are given up for them.
pub(crate) async fn check_storage(
    lambda: &Lambda,
    account: &AccountId,
    region: &Region,
    replaced: Option<u64>,
    more: u64,
) -> Result<(), Error> {
    let limit = lambda.limits.total_code_bytes;
    let functions = lambda.functions.snapshot.page(account, region, None, usize::MAX);
    let used: u64 = functions.iter().map(|entry| entry.record.code_bytes()).sum();
    let used = used.saturating_add(layer_bytes(lambda, account, region).await?);
    let used = used.saturating_sub(replaced.unwrap_or_default());
    if used.saturating_add(more) > limit { Err(Error::CodeStorageExceeded { limit }) } else { Ok(()) }
}

/// Zipped bytes of all layer versions: each counts, also where two have the same contents.
pub(crate) async fn layer_bytes(lambda: &Lambda, account: &AccountId, region: &Region) -> Result<u64, Error> {
    let versions = lambda.db.layer_versions(LayerScope::Region(account, region)).await?;
    Ok(versions.iter().map(|version| version.record.package.size_bytes).sum())
}

/// A configuration's files, unpacked if they are not yet.
///
/// # Errors
/// As [`unpacked`], and layers whose links lead out of them.
pub(crate) async fn files(lambda: &Lambda, config: &Config) -> Result<Files, Error> {
    if let Some(files) = lambda.packages.find(&lambda.live, config).await? {
        return Ok(files);
    }
    let code = unpacked(lambda, &config.package).await?;
    if config.layers.is_empty() {
        return Ok(Files { code, layers: None });
    }
    let mut layers = Vec::with_capacity(config.layers.len());
    for layer in &config.layers {
        layers.push(unpacked(lambda, &layer.package).await?);
    }
    let layers = lambda.packages.cache.overlay(layers).await?;
    Ok(Files { code, layers: Some(layers) })
}

/// The package's files, unpacked if they are not yet.
///
/// # Errors
/// A package that is gone or damaged, or a disk that fails.
async fn unpacked(lambda: &Lambda, package: &Package) -> Result<Arc<CodeDir>, Error> {
    if let Some(code) = lambda.packages.find_one(&lambda.live, package).await? {
        return Ok(code);
    }
    if let Some(image) = &package.image {
        return Ok(lambda.packages.pull(&package.sha256_hex, &image.resolved_uri, &lambda.shutdown).await?);
    }
    let zip = lambda.db.get_package(package).await?.ok_or_else(|| PackageError::Io {
        action: format!("find package {}", package.sha256_hex),
        cause: "it is not in the store".to_owned(),
    })?;
    Ok(lambda.packages.cache.ensure(&package.sha256_hex, zip).await?)
}
