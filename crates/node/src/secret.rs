//! The secret that signs functions' credentials: drawn at the first start, kept in the data folder.

use std::fs::{File, OpenOptions};
use std::io::{Error, ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use hearth_core::Random;

/// Its size in bytes.
const SIZE: usize = 32;

/// Reads it, or makes it where it is missing; readable for its owner alone.
///
/// # Errors
/// When it cannot be read or written, or is not of its size.
pub(crate) fn load(file: &Path, random: &Random) -> std::io::Result<[u8; SIZE]> {
    match File::open(file) {
        Ok(found) => read(found),
        Err(error) if error.kind() == ErrorKind::NotFound => make(file, random.bytes()),
        Err(error) => Err(error),
    }
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
fn make(file: &Path, bytes: [u8; SIZE]) -> std::io::Result<[u8; SIZE]> {
    let unfinished = file.with_extension("new");
    let mut out = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&unfinished)?;
    out.write_all(&bytes)?;
    out.sync_all()?;
    std::fs::rename(&unfinished, file)?;
    File::open(file.parent().unwrap_or(Path::new("/")))?.sync_all()?;
    Ok(bytes)
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
}
