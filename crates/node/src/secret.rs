//! What is drawn at the first start and kept in files of their own: the secret that signs functions'
//! credentials, and the key that everything encrypted rests on.

use std::fs::{File, OpenOptions};
use std::io::{Error, ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use hearth_core::Random;
use hearth_iam::OperatorKeys;

/// Its size in bytes.
const SIZE: usize = 32;

/// Reads it, or makes it where it is missing; readable for its owner alone.
///
/// # Errors
/// When it cannot be read or written, or is not of its size.
pub(crate) fn load(file: &Path, random: &Random) -> std::io::Result<[u8; SIZE]> {
    match File::open(file) {
        Ok(found) => read(found),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let bytes = random.bytes();
            make(file, &bytes)?;
            Ok(bytes)
        }
        Err(error) => Err(error),
    }
}

/// Reads the keys that the operator keeps: those of the file that is `given`, which has to be there,
/// or of the `usual` one, which is made where it is missing.
///
/// # Errors
/// When it cannot be read or written, or holds no key.
pub(crate) fn encryption_keys(given: Option<&Path>, usual: &Path, random: &Random) -> std::io::Result<OperatorKeys> {
    let file = given.unwrap_or(usual);
    let told = |error: Error| Error::new(error.kind(), format!("{}: {error}", file.display()));
    let text = match std::fs::read_to_string(file) {
        Err(error) if error.kind() == ErrorKind::NotFound && given.is_none() => {
            let fresh = OperatorKeys::fresh(random);
            make(file, fresh.as_bytes()).map_err(told)?;
            fresh
        }
        found => found.map_err(told)?,
    };
    OperatorKeys::parse(&text).map_err(|cause| told(Error::new(ErrorKind::InvalidData, cause)))
}

fn read(mut file: File) -> std::io::Result<[u8; SIZE]> {
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    let found = bytes.len();
    bytes.try_into().map_err(|_| {
        let text = format!(
            "expected {SIZE} bytes, found {found}; remove it to have a new one, which ends what functions signed with"
        );
        Error::new(ErrorKind::InvalidData, text)
    })
}

/// Whole or not at all: a crash between the two leaves a file that the next start writes over.
fn make(file: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let unfinished = file.with_extension("new");
    let mut out = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&unfinished)?;
    out.write_all(bytes)?;
    out.sync_all()?;
    std::fs::rename(&unfinished, file)?;
    File::open(file.parent().unwrap_or(Path::new("/")))?.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn it_is_made_once_for_its_owner_alone() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("secret");
        let first = load(&file, &Random::seeded(1)).unwrap();
        assert_eq!(load(&file, &Random::seeded(2)).unwrap(), first);
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn another_size_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("secret");
        std::fs::write(&file, "short").unwrap();
        let error = load(&file, &Random::seeded(1)).expect_err("it is too short");
        assert!(error.to_string().starts_with("expected 32 bytes, found 5"), "{error}");
    }

    #[test]
    fn the_encryption_key_is_made_in_its_usual_place_alone() {
        let dir = tempfile::tempdir().unwrap();
        let (usual, other) = (dir.path().join("encryption-key"), dir.path().join("other"));
        encryption_keys(None, &usual, &Random::seeded(1)).unwrap();
        assert_eq!(usual.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        let text = std::fs::read_to_string(&usual).unwrap();
        encryption_keys(None, &usual, &Random::seeded(2)).unwrap();
        assert_eq!(std::fs::read_to_string(&usual).unwrap(), text);
        let error = encryption_keys(Some(&other), &usual, &Random::seeded(1)).expect_err("it is not there");
        assert!(error.to_string().starts_with(&format!("{}: No such file", other.display())), "{error}");
        std::fs::write(&other, "secret").unwrap();
        let error = encryption_keys(Some(&other), &usual, &Random::seeded(1)).expect_err("it is none");
        assert!(error.to_string().ends_with("line 1: expected 32 bytes in base64"), "{error}");
    }
}
