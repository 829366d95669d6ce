//! From a reference to an image, and from an image to a tree.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::blob::{self, Source};
use crate::error::ImageError;
use crate::etc;
use crate::layer::{self, Budget};
use crate::layout::Layout;
use crate::manifest::{self, Config, DOCUMENT_MAX, Manifest, Parsed};
use crate::reference::{Place, Reference};
use crate::registry::Registry;
use crate::tree::Tree;

/// Images within images end somewhere.
const INDEX_DEPTH: usize = 3;

/// What an operator sets.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Folders in which layouts may lie. None: layouts are refused.
    pub folders: Vec<PathBuf>,
    /// Files like docker's `config.json`.
    pub credentials: Vec<PathBuf>,
    /// Those that may be asked. None: all.
    pub registries: Vec<String>,
    /// Hosts, with their ports, that are asked without TLS, beside those on loopback.
    pub insecure_registries: Vec<String>,
}

impl Settings {
    pub(crate) fn is_insecure(&self, host: &str) -> bool {
        let bare = host.rsplit_once(':').map_or(host, |(bare, _)| bare);
        let is_loopback = bare == "localhost" || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
        is_loopback || self.insecure_registries.iter().any(|known| known == host || known == bare)
    }
}

#[derive(Clone, Debug)]
pub struct Options {
    pub settings: Settings,
    /// In the image specification's words: `amd64`, `arm64`.
    pub architecture: &'static str,
    /// Bytes of all layers, unpacked.
    pub bytes_max: u64,
    /// Entries of all layers.
    pub entries_max: u64,
    /// Whom processes run as: `/etc/passwd` and `/etc/group` get to know it.
    pub user: (&'static str, u32, u32),
}

/// The way to images. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Images {
    options: Arc<Options>,
}

/// Which image a reference means now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolved {
    pub pinned: Pinned,
    pub environment: Vec<(String, String)>,
    pub entry_point: Vec<String>,
    pub command: Vec<String>,
    /// Empty where the image says nothing.
    pub working_directory: String,
}

/// One very image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pinned {
    /// `<name>@sha256:<digest>`.
    pub uri: String,
    /// Of its manifest: 64 hexadecimal digits.
    pub digest_hex: String,
}

impl Images {
    #[must_use]
    pub fn new(mut options: Options) -> Self {
        let folders = &mut options.settings.folders;
        folders.retain_mut(|folder| match folder.canonicalize() {
            Ok(plain) => {
                *folder = plain;
                true
            }
            Err(error) => {
                tracing::warn!(folder = %folder.display(), %error, "a folder of `images.folders` cannot be found");
                false
            }
        });
        Self { options: Arc::new(options) }
    }

    /// Asks which image it is, and for its configuration. No layer is fetched. Blocks.
    ///
    /// # Errors
    /// When there is none that can be run here.
    pub fn resolve(&self, uri: &str) -> Result<Resolved, ImageError> {
        let reference = Reference::parse(uri)?;
        let source = self.source(&reference)?;
        let (digest_hex, manifest) = self.manifest(&*source, &reference.version())?;
        let config = self.config(&*source, &manifest)?;
        Ok(Resolved {
            pinned: Pinned {
                uri: reference.pinned(&digest_hex),
                digest_hex,
            },
            environment: config.environment,
            entry_point: config.entry_point,
            command: config.command,
            working_directory: config.working_directory,
        })
    }

    /// Makes the image's tree in an empty folder. On an error it is half made. Blocks; gives up soon
    /// after `stopping` says so.
    ///
    /// # Errors
    /// When a part cannot be had, or is not what it should be.
    pub fn unpack(&self, image: &Pinned, root: &Path, stopping: &dyn Fn() -> bool) -> Result<(), ImageError> {
        let reference = Reference::parse(&image.uri)?;
        let source = self.source(&reference)?;
        let (digest_hex, manifest) = self.manifest(&*source, &reference.version())?;
        blob::same(&digest_hex, &image.digest_hex)?;
        let config = self.config(&*source, &manifest)?;
        if config.diff_ids.len() != manifest.layers.len() {
            return Err(ImageError::Invalid(format!(
                "expected a hash for each of {} layers, found {}",
                manifest.layers.len(),
                config.diff_ids.len()
            )));
        }
        let tree = Tree::open(root)?;
        let mut budget = Budget::new(self.options.bytes_max, self.options.entries_max);
        let near = root.parent().unwrap_or(root);
        for ((descriptor, compression), diff_id) in manifest.layers.iter().zip(&config.diff_ids) {
            // What is packed is hardly ever larger than what is in it.
            budget.check_packed(descriptor.size)?;
            let file = blob::fetch(&*source, descriptor.digest_hex()?, descriptor.size, near, stopping)?;
            layer::apply(&tree, file, *compression, diff_id, &mut budget, stopping)?;
        }
        etc::complete(&tree, self.options.user)
    }

    fn source(&self, reference: &Reference) -> Result<Box<dyn Source + '_>, ImageError> {
        let settings = &self.options.settings;
        Ok(match &reference.place {
            Place::Registry { registry, .. }
                if !settings.registries.is_empty() && !settings.registries.contains(registry) =>
            {
                return Err(ImageError::NotOpen(format!(
                    "expected an image of a registry that the setting `images.registries` names, found {registry}"
                )));
            }
            Place::Registry { registry, repository } => Box::new(Registry::new(settings, registry, repository)?),
            Place::Layout(folder) => Box::new(Layout::open(settings, folder)?),
        })
    }

    /// The manifest of the image for this host, with its digest.
    fn manifest(&self, source: &dyn Source, version: &str) -> Result<(String, Manifest), ImageError> {
        let mut version = version.to_owned();
        for _ in 0..INDEX_DEPTH {
            let (bytes, said) = source.manifest(&version)?;
            let digest_hex = blob::hash(&bytes);
            if let Some(expected) = version.strip_prefix("sha256:") {
                blob::same(&digest_hex, expected)?;
            }
            match manifest::parse(&bytes, said.as_deref())? {
                Parsed::Image(manifest) => return Ok((digest_hex, manifest)),
                Parsed::Index(list) => {
                    let chosen = manifest::choose(&list, self.options.architecture)?;
                    version = format!("sha256:{}", chosen.digest_hex()?);
                }
            }
        }
        Err(ImageError::Invalid("the image is an index of indexes without an end".to_owned()))
    }

    fn config(&self, source: &dyn Source, manifest: &Manifest) -> Result<Config, ImageError> {
        let descriptor = &manifest.config;
        let bytes = blob::read(source, descriptor.digest_hex()?, descriptor.size, DOCUMENT_MAX)?;
        manifest::config(&bytes, self.options.architecture)
    }
}
