//! Why a package was refused, or could not be unpacked.

use hearth_image::ImageError;
use thiserror::Error;

/// The inside message is the `Display` form, for the server's log: it names the entry. The outside
/// one is [`PackageError::client_message`].
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PackageError {
    /// No bytes, or a zip without a single entry.
    #[error("expected a zip with at least one entry, found none")]
    Empty,
    #[error("expected a readable zip: {detail}")]
    NotAZip { detail: String },
    /// `found` is what was declared, or what had come out when unpacking was stopped.
    #[error("expected less than {limit} bytes unzipped, found at least {found}")]
    TooLarge { limit: u64, found: u64 },
    #[error("expected at most {limit} entries, found {found}")]
    TooManyEntries { limit: usize, found: usize },
    #[error("entry {name:?} {reason}")]
    BadName { name: String, reason: &'static str },
    /// Two entries claim one path, or a path is both a file and a directory.
    #[error("entry {name:?} is there twice, or as a file and as a directory")]
    Duplicate { name: String },
    /// The same, letter by letter: the reader does not say which.
    #[error("two entries have the very same name")]
    SameName,
    #[error("symbolic link {name:?} leads to {target:?}, which {reason}")]
    BadLink { name: String, target: String, reason: &'static str },
    /// Each layer's links stay within it, and with another layer's in between they do not.
    #[error("symbolic link {name:?} of layers leads to {target:?}, which {reason}")]
    LinksLeave { name: String, target: String, reason: &'static str },
    /// A device, a socket or a named pipe.
    #[error("entry {name:?} has file type {file_type:o}, expected a file, a directory or a symbolic link")]
    SpecialFile { name: String, file_type: u32 },
    #[error("entry {name:?} is encrypted")]
    Encrypted { name: String },
    #[error("entry {name:?} uses {method}, expected no compression or deflate")]
    UnknownMethod { name: String, method: String },
    /// Its data does not unpack, or not to what was declared.
    #[error("entry {name:?} is damaged: {detail}")]
    Damaged { name: String, detail: String },
    #[error("entries overlap in the archive")]
    Overlap,
    /// The bytes given do not have the hash they were stored under.
    #[error("expected a package with SHA-256 {expected}, found {found}")]
    WrongHash { expected: String, found: String },
    /// A container image that could not be pulled.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// The server's disk, not the package, is at fault.
    #[error("failed to {action}: {cause}")]
    Io { action: String, cause: String },
}

/// Source: facts on `CreateFunction`, "Bad zip" (recorded).
const COULD_NOT_UNZIP: &str = "Could not unzip uploaded file. Please check your file, then try to upload again.";
/// Source: the same place; unverified.
const EMPTY: &str = "Uploaded file must be a non-empty zip";

impl PackageError {
    pub(super) fn io(action: impl Into<String>, cause: &dyn std::fmt::Display) -> Self {
        Self::Io {
            action: action.into(),
            cause: cause.to_string(),
        }
    }

    /// True when the upload is at fault: `InvalidParameterValueException`, 400. Otherwise the
    /// server is: `ServiceException`, 500.
    #[must_use]
    pub const fn is_clients_fault(&self) -> bool {
        match self {
            Self::Empty
            | Self::NotAZip { .. }
            | Self::TooLarge { .. }
            | Self::TooManyEntries { .. }
            | Self::BadName { .. }
            | Self::Duplicate { .. }
            | Self::SameName
            | Self::BadLink { .. }
            | Self::LinksLeave { .. }
            | Self::SpecialFile { .. }
            | Self::Encrypted { .. }
            | Self::UnknownMethod { .. }
            | Self::Damaged { .. }
            | Self::Overlap => true,
            Self::WrongHash { .. } | Self::Image(_) | Self::Io { .. } => false,
        }
    }

    /// What the client is told: the service's own words where they are known.
    #[must_use]
    pub fn client_message(&self) -> String {
        match self {
            Self::Empty => EMPTY.to_owned(),
            Self::TooLarge { limit, .. } => format!("Unzipped size must be smaller than {limit} bytes"),
            Self::LinksLeave { name, .. } => {
                format!("The symbolic link {name} leads out of /opt when the layers are put together.")
            }
            Self::NotAZip { .. }
            | Self::TooManyEntries { .. }
            | Self::BadName { .. }
            | Self::Duplicate { .. }
            | Self::SameName
            | Self::BadLink { .. }
            | Self::SpecialFile { .. }
            | Self::Encrypted { .. }
            | Self::UnknownMethod { .. }
            | Self::Damaged { .. }
            | Self::Overlap => COULD_NOT_UNZIP.to_owned(),
            Self::Image(error) => error.to_string(),
            Self::WrongHash { .. } | Self::Io { .. } => "An internal error occurred.".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_read_the_services_words() {
        let large = PackageError::TooLarge {
            limit: 262_144_000,
            found: 262_144_001,
        };
        assert_eq!(large.client_message(), "Unzipped size must be smaller than 262144000 bytes");
        assert_eq!(PackageError::Overlap.client_message(), COULD_NOT_UNZIP);
    }

    #[test]
    fn what_the_disk_did_stays_inside() {
        let io = PackageError::io("write /secret/place", &"no space left");
        assert!(!io.is_clients_fault());
        assert!(!io.client_message().contains("secret"));
    }
}
