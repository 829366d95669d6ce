//! A package as a zip: the same files give the same bytes, so that an unchanged function is not uploaded again.

use std::fs;
use std::io::{Cursor, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

use super::files::Contents;
use crate::exit::{Exit, Failure};

/// Bytes that the API takes inline. Source: fact sheet "Lambda control-plane API", section 4.
pub const ZIPPED_MAX: usize = 52_428_800;

pub fn zip(contents: &Contents) -> Result<Vec<u8>, Failure> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, path) in &contents.0 {
        add(&mut writer, name, path)
            .map_err(|e| Failure::new(Exit::Usage, format!("failed to pack {}: {e}", path.display())))?;
    }
    let zipped = writer
        .finish()
        .map_err(|e| Failure::new(Exit::Internal, format!("failed to end the package: {e}")))?
        .into_inner();
    check(zipped)
}

/// A package that was made by other means.
pub fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let zipped = fs::read(path)
        .map_err(|e| Failure::new(Exit::Usage, format!("failed to read the package {}: {e}", path.display())))?;
    check(zipped)
}

fn check(zipped: Vec<u8>) -> Result<Vec<u8>, Failure> {
    if zipped.len() <= ZIPPED_MAX {
        return Ok(zipped);
    }
    let message = format!(
        "the package has {} bytes, and {ZIPPED_MAX} are the most: exclude what the function does not need, or put its \
         libraries into a layer",
        zipped.len()
    );
    Err(Failure::new(Exit::Usage, message))
}

fn add(writer: &mut ZipWriter<Cursor<Vec<u8>>>, name: &str, path: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let metadata = path.symlink_metadata()?;
    // Neither the umask nor the time of a checkout is part of a function.
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .last_modified_time(DateTime::default());
    if metadata.is_symlink() {
        let target = fs::read_link(path)?;
        let target = target.to_str().ok_or("its target is not UTF-8")?;
        writer.add_symlink(name, target, options)?;
        return Ok(());
    }
    let is_executable = metadata.permissions().mode() & 0o111 != 0;
    writer.start_file(name, options.unix_permissions(if is_executable { 0o755 } else { 0o644 }))?;
    let mut file = fs::File::open(path)?;
    let mut buffer = vec![0; 64 << 10];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(()),
            length => writer.write_all(&buffer[..length])?,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_files_give_the_same_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("bootstrap");
        fs::write(&program, "#!/bin/sh\n").unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o700)).unwrap();
        std::os::unix::fs::symlink("bootstrap", folder.path().join("link")).unwrap();
        let packed = || {
            let mut contents = Contents::default();
            contents.add_folder(folder.path(), "", &[]).unwrap();
            zip(&contents).unwrap()
        };
        let first = packed();
        fs::File::open(&program).unwrap().set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
        assert_eq!(first, packed());
        let mut archive = ::zip::ZipArchive::new(Cursor::new(first)).unwrap();
        assert_eq!(archive.by_name("bootstrap").unwrap().unix_mode().map(|mode| mode & 0o777), Some(0o755));
        assert!(archive.by_name("link").unwrap().is_symlink());
    }
}
