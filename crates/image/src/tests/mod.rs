//! Hostile and plain images, as OCI layouts that are made by hand.

mod hostile;
mod layers;
mod sources;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use flate2::Compression as Level;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tar::{Builder, EntryType, Header};

use crate::{ImageError, Images, Options, Resolved, Settings};

/// One entry of a layer.
#[derive(Debug)]
pub(super) struct Item {
    kind: EntryType,
    path: Vec<u8>,
    link: Vec<u8>,
    mode: u32,
    contents: Vec<u8>,
}

pub(super) fn item(kind: EntryType, path: &str, link: &str, mode: u32, contents: &[u8]) -> Item {
    Item {
        kind,
        path: path.as_bytes().to_vec(),
        link: link.as_bytes().to_vec(),
        mode,
        contents: contents.to_vec(),
    }
}

pub(super) fn file(path: &str, contents: &str) -> Item {
    item(EntryType::Regular, path, "", 0o644, contents.as_bytes())
}

pub(super) fn folder(path: &str) -> Item {
    item(EntryType::Directory, path, "", 0o755, b"")
}

pub(super) fn link(path: &str, target: &str) -> Item {
    item(EntryType::Symlink, path, target, 0o777, b"")
}

pub(super) fn hard_link(path: &str, target: &str) -> Item {
    item(EntryType::Link, path, target, 0o644, b"")
}

/// A tar of them. Names are put into the header as they are, which a well-meaning writer refuses.
pub(super) fn tar(items: &[Item]) -> Vec<u8> {
    let mut tar = Builder::new(Vec::new());
    for item in items {
        let mut header = Header::new_gnu();
        header.set_entry_type(item.kind);
        header.set_mode(item.mode);
        header.set_uid(1_234);
        header.set_mtime(1_234_567);
        header.set_size(item.contents.len() as u64);
        let raw = header.as_gnu_mut().unwrap();
        if item.path.len() > 100 {
            tar.append(&long(EntryType::GNULongName, item.path.len() as u64), &item.path[..]).unwrap();
        }
        if item.link.len() > 100 {
            tar.append(&long(EntryType::GNULongLink, item.link.len() as u64), &item.link[..]).unwrap();
        }
        for (to, from) in [(&mut raw.name, &item.path), (&mut raw.linkname, &item.link)] {
            let length = from.len().min(100);
            to[..length].copy_from_slice(&from[..length]);
        }
        header.set_cksum();
        tar.append(&header, &item.contents[..]).unwrap();
    }
    tar.into_inner().unwrap()
}

pub(super) fn long(kind: EntryType, size: u64) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_size(size);
    header.set_mode(0);
    header.set_cksum();
    header
}

pub(super) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Level::fast());
    packed.write_all(bytes).unwrap();
    packed.finish().unwrap()
}

pub(super) fn digest(bytes: &[u8]) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(bytes)))
}

pub(super) const GZIP: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
pub(super) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

/// A layout in a folder that is open, and a place for trees.
pub(super) struct World {
    pub(super) dir: tempfile::TempDir,
}

impl World {
    pub(super) fn new() -> Self {
        let world = Self {
            dir: tempfile::tempdir().unwrap(),
        };
        fs::create_dir_all(world.layout().join("blobs/sha256")).unwrap();
        world
    }

    pub(super) fn layout(&self) -> PathBuf {
        self.dir.path().join("open/image")
    }

    pub(super) fn images(&self) -> Images {
        self.images_of(1 << 20, 1_000)
    }

    pub(super) fn images_of(&self, bytes_max: u64, entries_max: u64) -> Images {
        Images::new(Options {
            settings: Settings {
                folders: vec![self.dir.path().join("open")],
                ..Settings::default()
            },
            architecture: "amd64",
            bytes_max,
            entries_max,
            user: ("sbx", 993, 990),
        })
    }

    pub(super) fn blob(&self, bytes: &[u8]) -> Value {
        let digest = digest(bytes);
        fs::write(self.layout().join("blobs/sha256").join(&digest[7..]), bytes).unwrap();
        json!({"digest": digest, "size": bytes.len()})
    }

    pub(super) fn descriptor(&self, bytes: &[u8], media_type: &str) -> Value {
        let mut descriptor = self.blob(bytes);
        descriptor["mediaType"] = json!(media_type);
        descriptor
    }

    /// An image of these tars.
    pub(super) fn image(&self, tars: &[Vec<u8>]) -> Value {
        let layers = tars.iter().map(|tar| self.descriptor(&gzip(tar), GZIP)).collect();
        self.image_with(layers, tars.iter().map(|tar| digest(tar)).collect(), json!({}))
    }

    pub(super) fn image_with(&self, layers: Vec<Value>, diff_ids: Vec<String>, process: Value) -> Value {
        let config = json!({
            "os": "linux", "architecture": "amd64", "config": process,
            "rootfs": {"type": "layers", "diff_ids": diff_ids},
        });
        let config = self.descriptor(config.to_string().as_bytes(), CONFIG);
        let manifest = json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers});
        let manifest = self.descriptor(manifest.to_string().as_bytes(), MANIFEST);
        self.index(std::slice::from_ref(&manifest));
        manifest
    }

    pub(super) fn index(&self, manifests: &[Value]) {
        let index = json!({"schemaVersion": 2, "manifests": manifests});
        fs::write(self.layout().join("index.json"), index.to_string()).unwrap();
    }

    pub(super) fn uri(&self) -> String {
        format!("oci:{}", self.layout().display())
    }

    pub(super) fn resolve(&self) -> Result<Resolved, ImageError> {
        self.images().resolve(&self.uri())
    }

    /// The tree of the image that is there now.
    pub(super) fn unpack(&self) -> Result<PathBuf, ImageError> {
        self.unpack_by(&self.images())
    }

    pub(super) fn unpack_by(&self, images: &Images) -> Result<PathBuf, ImageError> {
        let image = images.resolve(&self.uri())?.pinned;
        let root = self.dir.path().join("root");
        let _ = fs::remove_dir_all(&root);
        fs::create_dir(&root).unwrap();
        images.unpack(&image, &root, &|| false)?;
        Ok(root)
    }
}

/// Everything in a tree but our own `/etc`, as `path` or `path -> target`.
pub(super) fn listing(root: &Path) -> Vec<String> {
    let mut all = Vec::new();
    let mut ahead = vec![root.to_owned()];
    while let Some(folder) = ahead.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(root).unwrap().display().to_string();
            if name == "etc" {
                continue;
            }
            if path.is_symlink() {
                all.push(format!("{name} -> {}", fs::read_link(&path).unwrap().display()));
            } else if path.is_dir() {
                all.push(format!("{name}/"));
                ahead.push(path);
            } else {
                all.push(format!("{name} = {}", String::from_utf8_lossy(&fs::read(&path).unwrap())));
            }
        }
    }
    all.sort();
    all
}
