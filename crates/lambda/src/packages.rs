//! Packages in use: unpacked trees, and leases against the collector.

use std::path::Path;
use std::sync::Arc;

use hearth_core::Shutdown;
use hearth_image::{Images, Pinned};
use hearth_model::CodeDir;
use tokio::sync::{OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock};

use crate::live::LiveFolders;
use crate::package::{CodeCache, PackageError};
use crate::record::{Config, Package};
use crate::snapshot::Files;

/// One lock for each first byte of a hash.
const STRIPES: usize = 256;

/// The code cache, and who may not be disturbed.
///
/// An upload stores the package first and commits the function that refers to it after; in
/// between nothing refers to it. So an upload shares the package's stripe from before the one until
/// after the other, and the collector deletes a package only while it has the stripe for itself.
pub(crate) struct Packages {
    pub(crate) cache: CodeCache,
    /// The trees of container images. They last: a registry may not have the image for ever.
    pub(crate) trees_of_images: CodeCache,
    pub(crate) images: Images,
    stripes: Vec<Arc<RwLock<()>>>,
}

impl Packages {
    pub(crate) fn new(cache: CodeCache, trees_of_images: CodeCache, images: Images) -> Self {
        Self {
            cache,
            trees_of_images,
            images,
            stripes: (0..STRIPES).map(|_| Arc::default()).collect(),
        }
    }

    /// A configuration's files when all are unpacked already.
    pub(crate) async fn find(&self, live: &LiveFolders, config: &Config) -> Result<Option<Files>, PackageError> {
        let Some(code) = self.find_one(live, &config.package).await? else {
            return Ok(None);
        };
        let layers = match (&config.layers[..], config.layers_key()) {
            ([only], _) => Some(self.find_one(live, &only.package).await?),
            (_, Some(key)) => Some(self.cache.find(&key).await?),
            (_, None) => None,
        };
        Ok(match layers {
            Some(None) => None,
            found => Some(Files {
                code,
                layers: found.flatten(),
            }),
        })
    }

    /// A package's files when they are there already.
    pub(crate) async fn find_one(
        &self,
        live: &LiveFolders,
        package: &Package,
    ) -> Result<Option<Arc<CodeDir>>, PackageError> {
        match (&package.folder, &package.image) {
            (Some(folder), _) => Ok(Some(live.code(folder))),
            (None, Some(_)) => self.trees_of_images.find(&package.sha256_hex).await,
            (None, None) => self.cache.find(&package.sha256_hex).await,
        }
    }

    /// A container image's tree, pulled when it is not there yet.
    ///
    /// # Errors
    /// Those of the image.
    pub(crate) async fn pull(
        &self,
        digest_hex: &str,
        uri: &str,
        shutdown: &Shutdown,
    ) -> Result<Arc<CodeDir>, PackageError> {
        let image = Pinned {
            uri: uri.to_owned(),
            digest_hex: digest_hex.to_owned(),
        };
        let (images, shutdown) = (self.images.clone(), shutdown.clone());
        let build = move |tree: &Path| Ok(images.unpack(&image, tree, &|| shutdown.is_started())?);
        self.trees_of_images.build(digest_hex, build).await
    }

    /// Held by uploads. Any number at a time.
    pub(crate) async fn lease(&self, sha256_hex: &str) -> OwnedRwLockReadGuard<()> {
        Arc::clone(self.stripe(sha256_hex)).read_owned().await
    }

    /// Held by the collector. No upload of the package is under way meanwhile.
    pub(crate) async fn exclusive(&self, sha256_hex: &str) -> OwnedRwLockWriteGuard<()> {
        Arc::clone(self.stripe(sha256_hex)).write_owned().await
    }

    fn stripe(&self, sha256_hex: &str) -> &Arc<RwLock<()>> {
        let byte = sha256_hex.get(..2).and_then(|digits| usize::from_str_radix(digits, 16).ok());
        &self.stripes[byte.unwrap_or(0) % STRIPES]
    }
}
