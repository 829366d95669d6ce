//! What a client calls an image.
//!
//! `[registry/]repository[:tag][@sha256:digest]` as Docker reads it, or, for an OCI layout in a
//! folder of the host, `oci:/absolute/path[:tag][@sha256:digest]`.

use std::path::PathBuf;

use crate::error::ImageError;

/// Where a name without a registry leads.
const DOCKER_HUB: &str = "docker.io";
/// The host that serves it.
const DOCKER_HUB_HOST: &str = "registry-1.docker.io";
/// The scheme of layouts on disk, as `skopeo` has it.
const LAYOUT: &str = "oci:";

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    pub(crate) place: Place,
    pub(crate) tag: Option<String>,
    /// 64 hexadecimal digits.
    pub(crate) digest: Option<String>,
    /// As given, without tag and digest.
    pub(crate) name: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Registry {
        /// With the port, if any; what credentials are kept under.
        registry: String,
        repository: String,
    },
    Layout(PathBuf),
}

impl Reference {
    /// # Errors
    /// [`ImageError::Malformed`].
    pub fn parse(text: &str) -> Result<Self, ImageError> {
        let malformed = |what: &str| {
            Err(ImageError::Malformed(format!(
                "expected [registry/]repository[:tag][@sha256:digest] or oci:/folder[:tag], found {text:?}: {what}"
            )))
        };
        if text.len() > 1_024 || text.bytes().any(|b| b.is_ascii_control() || b == b' ') {
            return malformed("it is too long or has blanks in it");
        }
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) => match digest.strip_prefix("sha256:").filter(|hex| is_digest(hex)) {
                Some(hex) => (rest, Some(hex.to_owned())),
                None => return malformed("expected sha256: and 64 hexadecimal digits behind @"),
            },
            None => (text, None),
        };
        if rest.strip_prefix(LAYOUT).is_some_and(|folder| !folder.starts_with('/')) {
            return malformed("expected an absolute path behind oci:");
        }
        // A colon before the last slash belongs to a port or a folder.
        let (name, tag) = match rest.rsplit_once(':') {
            Some((name, tag)) if !tag.contains('/') => (name, Some(tag.to_owned())),
            _ => (rest, None),
        };
        if tag.as_deref().is_some_and(|tag| !is_tag(tag)) {
            return malformed("the tag has characters that no tag has");
        }
        let place = match name.strip_prefix(LAYOUT) {
            Some(folder) => Place::Layout(PathBuf::from(folder)),
            None => match registry(name) {
                Some(place) => place,
                None => return malformed("the repository has characters that no repository has"),
            },
        };
        Ok(Self {
            place,
            tag,
            digest,
            name: name.to_owned(),
        })
    }

    /// Names the very image, whatever becomes of the tag.
    #[must_use]
    pub fn pinned(&self, digest_hex: &str) -> String {
        format!("{}@sha256:{digest_hex}", self.name)
    }

    /// What a manifest is asked for by.
    pub(crate) fn version(&self) -> String {
        match (&self.digest, &self.tag) {
            (Some(hex), _) => format!("sha256:{hex}"),
            (None, Some(tag)) => tag.clone(),
            (None, None) => "latest".to_owned(),
        }
    }
}

fn registry(name: &str) -> Option<Place> {
    let (registry, repository) = match name.split_once('/') {
        Some((first, rest)) if first.contains(['.', ':']) || first == "localhost" => (first, rest.to_owned()),
        Some(_) => (DOCKER_HUB, name.to_owned()),
        None => (DOCKER_HUB, format!("library/{name}")),
    };
    (is_host(registry) && repository.split('/').all(is_part)).then(|| Place::Registry {
        registry: registry.to_owned(),
        repository,
    })
}

/// The host of a registry, with its port.
pub(crate) fn host(registry: &str) -> &str {
    if registry == DOCKER_HUB { DOCKER_HUB_HOST } else { registry }
}

fn is_host(text: &str) -> bool {
    let (host, port) = text.split_once(':').unwrap_or((text, "1"));
    !host.is_empty()
        && host.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.' || b == b'-')
        && port.parse::<u16>().is_ok()
}

fn is_part(part: &str) -> bool {
    let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(&b);
    let ends = |b: Option<&u8>| b.is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    part.bytes().all(inner) && ends(part.as_bytes().first()) && ends(part.as_bytes().last())
}

fn is_tag(tag: &str) -> bool {
    (1..=128).contains(&tag.len())
        && tag.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
        && !tag.starts_with(['.', '-'])
}

pub(crate) fn is_digest(hex: &str) -> bool {
    hex.len() == 64 && hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, registry: &str, repository: &str, version: &str) {
        let reference = Reference::parse(text).unwrap();
        let place = Place::Registry {
            registry: registry.to_owned(),
            repository: repository.to_owned(),
        };
        assert_eq!((reference.place.clone(), reference.version()), (place, version.to_owned()));
    }

    #[test]
    fn references_as_docker_reads_them() {
        let digest = "ab".repeat(32);
        check("alpine", "docker.io", "library/alpine", "latest");
        check("me/app:1.0", "docker.io", "me/app", "1.0");
        check("localhost/app", "localhost", "app", "latest");
        check("127.0.0.1:5000/a/b:t", "127.0.0.1:5000", "a/b", "t");
        let ecr = "123456789012.dkr.ecr.us-east-1.amazonaws.com";
        check(&format!("{ecr}/app:v1"), ecr, "app", "v1");
        check(&format!("{ecr}/app:v1@sha256:{digest}"), ecr, "app", &format!("sha256:{digest}"));
        let reference = Reference::parse(&format!("{ecr}/app:v1")).unwrap();
        assert_eq!(reference.pinned(&digest), format!("{ecr}/app@sha256:{digest}"));
    }

    #[test]
    fn layouts_in_folders() {
        let reference = Reference::parse("oci:/srv/images/app:v1").unwrap();
        assert_eq!(reference.place, Place::Layout("/srv/images/app".into()));
        assert_eq!(reference.tag.as_deref(), Some("v1"));
        assert_eq!(Reference::parse("oci:/srv/a:b/app").unwrap().place, Place::Layout("/srv/a:b/app".into()));
    }

    #[test]
    fn what_is_no_reference() {
        for bad in [
            "",
            ":tag",
            "a b",
            "UPPER/case",
            "a//b",
            "a/../b",
            "a@sha256:12",
            "a@md5:12",
            "oci:relative",
            "a:t@",
            "host:notaport/a",
            "a:-t",
            "-a",
            "a\n",
            "http://host/a",
            "h.x/",
            "h.x/a/",
        ] {
            assert!(matches!(Reference::parse(bad), Err(ImageError::Malformed(_))), "{bad:?}");
        }
        assert!(Reference::parse(&"a".repeat(1_025)).is_err());
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,40}") {
            if let Ok(reference) = Reference::parse(&text) {
                proptest::prop_assert!(!reference.version().is_empty());
            }
        }
    }
}
