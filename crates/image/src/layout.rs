//! An OCI layout: an image, or several, in a folder of the host.

use std::fs::File;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat2};
use rustix::io::Errno;
use serde::Deserialize;

use crate::blob::{self, Source};
use crate::error::ImageError;
use crate::manifest::{self, DOCUMENT_MAX, Descriptor};
use crate::pull::Settings;
use crate::reference::is_digest;

const TAG: &str = "org.opencontainers.image.ref.name";

pub(crate) struct Layout {
    folder: OwnedFd,
    /// As the client has it.
    name: String,
}

#[derive(Deserialize)]
struct Index {
    manifests: Vec<Descriptor>,
}

impl Layout {
    pub(crate) fn open(settings: &Settings, folder: &Path) -> Result<Self, ImageError> {
        let name = folder.display().to_string();
        if settings.folders.is_empty() {
            return Err(ImageError::NotOpen(
                "images in folders are switched off: name the folders in the setting `images.folders` and start the \
                 server again"
                    .to_owned(),
            ));
        }
        // Whether something is there is told of open folders alone.
        let is_open = |folder: &Path| settings.folders.iter().any(|open| folder.starts_with(open));
        let plain = match folder.canonicalize() {
            Ok(plain) if is_open(&plain) => plain,
            Err(_) if is_open(folder) => return Err(ImageError::NotFound(name)),
            _ => {
                return Err(ImageError::NotOpen(format!(
                    "expected an image in a folder that the setting `images.folders` names, found {name}"
                )));
            }
        };
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let folder = openat2(CWD, &plain, flags, Mode::empty(), ResolveFlags::NO_SYMLINKS);
        let folder = folder.map_err(|errno| ImageError::io(format!("open {name}"), errno))?;
        Ok(Self { folder, name })
    }

    fn file(&self, path: &str) -> Result<File, ImageError> {
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
        // Not waiting for whoever writes into a pipe.
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = openat2(&self.folder, path, flags, Mode::empty(), resolve).map_err(|errno| match errno {
            Errno::NOENT | Errno::NOTDIR => ImageError::NotFound(self.name.clone()),
            errno => ImageError::io(format!("open {path} of {}", self.name), errno),
        })?;
        let file = File::from(file);
        let is_file = file.metadata().is_ok_and(|metadata| metadata.is_file());
        if is_file { Ok(file) } else { Err(ImageError::Invalid(format!("{path} of {} is not a file", self.name))) }
    }

    /// Which of the images in the folder.
    fn find(&self, version: &str) -> Result<Descriptor, ImageError> {
        let mut bytes = Vec::new();
        let read = self.file("index.json")?.take(DOCUMENT_MAX).read_to_end(&mut bytes);
        read.map_err(|error| ImageError::io(format!("read index.json of {}", self.name), error))?;
        let index: Index = manifest::json(&bytes, "an index")?;
        let tag = |one: &Descriptor| one.annotations.as_ref().and_then(|all| all.get(TAG).cloned());
        let tagged = index.manifests.iter().find(|one| tag(one).as_deref() == Some(version));
        match (tagged, &index.manifests[..]) {
            (Some(found), _) => Ok(found.clone()),
            // The only one needs no name.
            (None, [only]) if version == "latest" => Ok(only.clone()),
            _ => Err(ImageError::NotFound(format!("{}:{version}", self.name))),
        }
    }
}

impl Source for Layout {
    fn manifest(&self, version: &str) -> Result<(Vec<u8>, Option<String>), ImageError> {
        let (digest_hex, said) = match version.strip_prefix("sha256:").filter(|hex| is_digest(hex)) {
            Some(hex) => (hex.to_owned(), None),
            None => {
                let found = self.find(version)?;
                (found.digest_hex()?.to_owned(), Some(found.media_type))
            }
        };
        let bytes = blob::read(self, &digest_hex, 0, DOCUMENT_MAX)?;
        Ok((bytes, said.filter(|said| !said.is_empty())))
    }

    fn open(&self, digest_hex: &str) -> Result<Box<dyn Read>, ImageError> {
        Ok(Box::new(self.file(&format!("blobs/sha256/{digest_hex}"))?))
    }

    fn name(&self) -> &str {
        &self.name
    }
}
