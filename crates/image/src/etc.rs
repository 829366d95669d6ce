//! What every tree has in `/etc`, whatever the image brings: the user that processes run as, the
//! names of this host, and a place for the resolver's file, which is mounted over it.

use std::io::{Read, Write};
use std::path::Path;

use rustix::fs::FileType;

use crate::error::ImageError;
use crate::tree::{Place, Tree};

/// More than any list of users.
const FILE_MAX: u64 = 1 << 20;

const HOSTS: &str = "127.0.0.1\tlocalhost sandbox sandbox.localdomain\n::1\tlocalhost\n";

pub(crate) fn complete(tree: &Tree, (user, uid, gid): (&str, u32, u32)) -> Result<(), ImageError> {
    let etc = Place {
        folder: "".into(),
        name: "etc".into(),
    };
    match tree.kind(&etc) {
        Some(FileType::Directory) => {}
        None => tree.make_folder(&etc, 0o755)?,
        Some(_) => return Err(ImageError::Invalid("expected /etc to be a folder of its own in the image".to_owned())),
    }
    let passwd = with_line(
        tree,
        "passwd",
        "root:x:0:0:root:/root:/sbin/nologin\n",
        &format!("{user}:x:{uid}:{gid}::/home/{user}:/sbin/nologin\n"),
    );
    let group = with_line(tree, "group", "root:x:0:\n", &format!("{user}:x:{gid}:\n"));
    write(tree, "passwd", &passwd)?;
    write(tree, "group", &group)?;
    write(tree, "hosts", HOSTS.as_bytes())?;
    write(tree, "resolv.conf", b"")
}

/// What the image has, or else `otherwise`, and a line more.
fn with_line(tree: &Tree, name: &str, otherwise: &str, line: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let found = tree.read(&Path::new("etc").join(name));
    let read = found.map(|file| file.take(FILE_MAX).read_to_end(&mut bytes));
    if !matches!(read, Some(Ok(count)) if count > 0) {
        bytes = otherwise.as_bytes().to_vec();
    }
    if bytes.last() != Some(&b'\n') {
        bytes.push(b'\n');
    }
    bytes.extend_from_slice(line.as_bytes());
    bytes
}

/// In the place of what is there, which may be a link or another name of something else.
fn write(tree: &Tree, name: &str, bytes: &[u8]) -> Result<(), ImageError> {
    let place = Place {
        folder: "etc".into(),
        name: name.into(),
    };
    let mut file = tree.make_file(&place, 0o644)?;
    file.write_all(bytes).map_err(|error| ImageError::io(format!("write /etc/{name}"), error))
}
