//! Manifests and configurations, as the OCI image specification and Docker's have them.

use serde::Deserialize;

use crate::error::ImageError;
use crate::reference::is_digest;

const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
const CONFIGS: [&str; 2] =
    ["application/vnd.oci.image.config.v1+json", "application/vnd.docker.container.image.v1+json"];

/// What a registry is asked for.
pub(crate) const ACCEPT: [&str; 4] = [OCI_INDEX, DOCKER_LIST, OCI_MANIFEST, DOCKER_MANIFEST];

/// Bytes of a manifest or a configuration. Registries take no more.
pub(crate) const DOCUMENT_MAX: u64 = 4 << 20;
/// More are nobody's.
const LAYERS_MAX: usize = 256;

/// Names bytes by their hash.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Descriptor {
    #[serde(rename = "mediaType", default)]
    pub(crate) media_type: String,
    digest: String,
    pub(crate) size: u64,
    #[serde(default)]
    platform: Option<Platform>,
    #[serde(default)]
    pub(crate) annotations: Option<std::collections::BTreeMap<String, String>>,
}

#[derive(Clone, Debug, Deserialize)]
struct Platform {
    #[serde(default)]
    os: String,
    #[serde(default)]
    architecture: String,
}

impl Descriptor {
    /// 64 hexadecimal digits.
    pub(crate) fn digest_hex(&self) -> Result<&str, ImageError> {
        let hex = self.digest.strip_prefix("sha256:").filter(|hex| is_digest(hex));
        hex.ok_or_else(|| ImageError::Invalid(format!("expected a digest by sha256, found {:?}", self.digest)))
    }
}

#[derive(Deserialize)]
struct Document {
    #[serde(rename = "mediaType", default)]
    media_type: Option<String>,
    #[serde(default)]
    manifests: Option<Vec<Descriptor>>,
    #[serde(default)]
    config: Option<Descriptor>,
    #[serde(default)]
    layers: Option<Vec<Descriptor>>,
}

/// One image.
#[derive(Clone, Debug)]
pub(crate) struct Manifest {
    pub(crate) config: Descriptor,
    pub(crate) layers: Vec<(Descriptor, Compression)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Compression {
    None,
    Gzip,
    Zstd,
}

pub(crate) enum Parsed {
    Image(Manifest),
    /// One image for each of several platforms.
    Index(Vec<Descriptor>),
}

/// `said` is what the registry says it is.
pub(crate) fn parse(bytes: &[u8], said: Option<&str>) -> Result<Parsed, ImageError> {
    let document: Document = json(bytes, "a manifest")?;
    let media_type = document.media_type.clone();
    let media_type = media_type.as_deref().or(said).unwrap_or(OCI_MANIFEST);
    match (media_type, document) {
        (OCI_INDEX | DOCKER_LIST, Document { manifests: Some(list), .. }) => Ok(Parsed::Index(list)),
        (
            OCI_MANIFEST | DOCKER_MANIFEST,
            Document {
                config: Some(config),
                layers: Some(layers),
                ..
            },
        ) => image(config, layers).map(Parsed::Image),
        (other, _) => Err(ImageError::MediaType(format!("{other:?}"))),
    }
}

fn image(config: Descriptor, layers: Vec<Descriptor>) -> Result<Manifest, ImageError> {
    if !CONFIGS.contains(&config.media_type.as_str()) {
        return Err(ImageError::MediaType(format!("{:?}", config.media_type)));
    }
    if layers.len() > LAYERS_MAX {
        return Err(ImageError::TooLarge {
            limit: LAYERS_MAX as u64,
            what: "layers",
        });
    }
    let layers = layers.into_iter().map(|layer| compression(&layer.media_type).map(|how| (layer, how)));
    Ok(Manifest {
        config,
        layers: layers.collect::<Result<_, _>>()?,
    })
}

fn compression(media_type: &str) -> Result<Compression, ImageError> {
    match media_type {
        "application/vnd.oci.image.layer.v1.tar" | "application/vnd.docker.image.rootfs.diff.tar" => {
            Ok(Compression::None)
        }
        "application/vnd.oci.image.layer.v1.tar+gzip" | "application/vnd.docker.image.rootfs.diff.tar.gzip" => {
            Ok(Compression::Gzip)
        }
        "application/vnd.oci.image.layer.v1.tar+zstd" | "application/vnd.docker.image.rootfs.diff.tar.zstd" => {
            Ok(Compression::Zstd)
        }
        other => Err(ImageError::MediaType(format!("{other:?}"))),
    }
}

/// The image for this platform.
pub(crate) fn choose<'d>(list: &'d [Descriptor], architecture: &'static str) -> Result<&'d Descriptor, ImageError> {
    let fits = |descriptor: &&Descriptor| {
        descriptor.platform.as_ref().is_some_and(|p| p.os == "linux" && p.architecture == architecture)
    };
    list.iter().find(fits).ok_or_else(|| {
        let found = list.iter().filter_map(|descriptor| descriptor.platform.as_ref());
        let found: Vec<String> = found.take(16).map(|p| format!("{}/{}", p.os, p.architecture)).collect();
        ImageError::Platform {
            expected: architecture,
            found: if found.is_empty() { "none".to_owned() } else { found.join(", ") },
        }
    })
}

#[derive(Deserialize)]
struct ConfigDocument {
    #[serde(default)]
    architecture: String,
    #[serde(default)]
    os: String,
    #[serde(default)]
    config: Option<Process>,
    rootfs: RootFs,
}

#[derive(Default, Deserialize)]
struct Process {
    #[serde(rename = "Env", default)]
    env: Option<Vec<String>>,
    #[serde(rename = "Entrypoint", default)]
    entry_point: Option<Vec<String>>,
    #[serde(rename = "Cmd", default)]
    command: Option<Vec<String>>,
    #[serde(rename = "WorkingDir", default)]
    working_directory: Option<String>,
}

#[derive(Deserialize)]
struct RootFs {
    #[serde(default)]
    diff_ids: Vec<String>,
}

/// What an image says of its process and of its layers.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    pub(crate) environment: Vec<(String, String)>,
    pub(crate) entry_point: Vec<String>,
    pub(crate) command: Vec<String>,
    pub(crate) working_directory: String,
    /// Hashes of the layers when they are not compressed, 64 hexadecimal digits each.
    pub(crate) diff_ids: Vec<String>,
}

pub(crate) fn config(bytes: &[u8], architecture: &'static str) -> Result<Config, ImageError> {
    let document: ConfigDocument = json(bytes, "a configuration")?;
    if document.os != "linux" || document.architecture != architecture {
        return Err(ImageError::Platform {
            expected: architecture,
            found: format!("{}/{}", document.os, document.architecture),
        });
    }
    let process = document.config.unwrap_or_default();
    let pair = |entry: String| entry.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()));
    let diff_ids = document.rootfs.diff_ids.iter().map(|id| id.strip_prefix("sha256:").unwrap_or_default().to_owned());
    let config = Config {
        environment: process.env.unwrap_or_default().into_iter().filter_map(pair).collect(),
        entry_point: process.entry_point.unwrap_or_default(),
        command: process.command.unwrap_or_default(),
        working_directory: process.working_directory.unwrap_or_default(),
        diff_ids: diff_ids.collect(),
    };
    let has_nul = |text: &String| text.contains('\0');
    let words = config.entry_point.iter().chain(&config.command).chain([&config.working_directory]);
    if words.chain(config.environment.iter().flat_map(|(name, value)| [name, value])).any(has_nul) {
        return Err(ImageError::Invalid("the image's configuration has a NUL in it".to_owned()));
    }
    Ok(config)
}

/// What is wrong is told without what is there: it may be another file than an image's.
pub(crate) fn json<'b, T: Deserialize<'b>>(bytes: &'b [u8], what: &str) -> Result<T, ImageError> {
    serde_json::from_slice(bytes).map_err(|error| {
        ImageError::Invalid(format!("expected {what} in JSON, found a defect at line {}", error.line()))
    })
}
