//! A sandbox whose root is a container image's, and not the host's.
//!
//! The image's tree is content-addressed and shared by every sandbox of the image, so nothing is
//! changed in it: each entry of its root is mounted by itself, read-only, into the root that every
//! sandbox has, which brings `/proc`, `/dev` and `/tmp`. What `/etc` has to have is in the tree since
//! it was unpacked; the resolver's file alone depends on this server.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use hearth_model::ImageProcess;
use hearth_sandbox::{Bind, Link, SandboxSpec};

use crate::payload::PlatformError;

/// What every sandbox has of its own.
const OWN: [&str; 4] = ["dev", "proc", "sys", "tmp"];

/// Docker's, for images that set none.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Puts the image in the place of the host's folders.
///
/// # Errors
/// When the tree cannot be read.
pub(super) fn furnish(sandbox: &mut SandboxSpec, root: &Path, resolver: &Path) -> io::Result<()> {
    sandbox.binds.clear();
    sandbox.links.clear();
    sandbox.files.clear();
    sandbox.dirs.clear();
    for entry in fs::read_dir(root)? {
        let entry = entry?;
        let name = entry.file_name();
        if OWN.iter().any(|own| name == *own) {
            continue;
        }
        let inside = Path::new("/").join(name);
        if entry.file_type()?.is_symlink() {
            sandbox.links.push(Link {
                path: inside,
                target: fs::read_link(entry.path())?,
            });
        } else {
            sandbox.binds.push(Bind::read_only(entry.path(), inside));
        }
    }
    // In one order, whatever the file system's is; and after `/etc`, which is in the image.
    sandbox.binds.sort_by(|a, b| a.target.cmp(&b.target));
    sandbox.binds.push(Bind::read_only(resolver, "/etc/resolv.conf"));
    Ok(())
}

/// # Errors
/// An image that names no program.
pub(super) fn argv(image: &ImageProcess) -> Result<Vec<OsString>, PlatformError> {
    let argv: Vec<OsString> = image.argv.iter().map(OsString::from).collect();
    match argv.first() {
        Some(program) if !program.is_empty() => Ok(argv),
        _ => Err(PlatformError::no_entry_point()),
    }
}

/// What the function's variables come over.
pub(super) fn environment(image: &ImageProcess) -> Vec<(String, String)> {
    let mut all = image.environment.clone();
    if !all.iter().any(|(name, _)| name == "PATH") {
        all.push(("PATH".to_owned(), PATH.to_owned()));
    }
    all
}

/// Where the image's `/opt` lies on the host: extensions may be in it. A link in the way to it leads
/// to another place inside than outside, and so is not followed.
pub(super) fn opt(root: &Path) -> Option<PathBuf> {
    let opt = root.join("opt");
    fs::symlink_metadata(&opt).is_ok_and(|metadata| metadata.is_dir()).then_some(opt)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use hearth_sandbox::Limits;

    use super::*;

    #[test]
    fn the_root_is_the_images_and_what_runs_it_is_not() {
        let root = tempfile::tempdir().unwrap();
        for folder in ["usr/bin", "etc", "dev", "proc", "tmp", "app"] {
            fs::create_dir_all(root.path().join(folder)).unwrap();
        }
        fs::write(root.path().join("run.sh"), "").unwrap();
        std::os::unix::fs::symlink("/etc", root.path().join("link")).unwrap();
        let mut sandbox = SandboxSpec::new("x", Limits::new(1 << 20), None);
        sandbox.binds.push(Bind::read_only("/usr", "/usr"));
        sandbox.dirs.push("/opt".into());
        furnish(&mut sandbox, root.path(), Path::new("/data/resolv.conf")).unwrap();
        let targets: Vec<_> = sandbox.binds.iter().map(|bind| bind.target.to_str().unwrap()).collect();
        assert_eq!(targets, ["/app", "/etc", "/run.sh", "/usr", "/etc/resolv.conf"]);
        assert!(sandbox.binds.iter().all(|bind| bind.read_only));
        assert!(sandbox.binds[..4].iter().all(|bind| bind.source.starts_with(root.path())));
        assert_eq!((sandbox.links.len(), sandbox.dirs.len(), sandbox.files.len()), (1, 0, 0));
        assert_eq!(sandbox.links[0].target, Path::new("/etc"));
    }

    #[test]
    fn a_process_has_a_program_and_a_path() {
        let mut image = ImageProcess {
            argv: vec!["python".to_owned(), "-m".to_owned()],
            environment: vec![("A".to_owned(), "1".to_owned())],
            working_directory: "/".to_owned(),
        };
        assert_eq!(argv(&image).unwrap(), ["python", "-m"]);
        assert_eq!(environment(&image)[1], ("PATH".to_owned(), PATH.to_owned()));
        image.environment = vec![("PATH".to_owned(), "/own".to_owned())];
        assert_eq!(environment(&image), image.environment);
        image.argv.clear();
        assert_eq!(argv(&image).unwrap_err().kind, "Runtime.InvalidEntrypoint");
    }

    #[test]
    fn extensions_are_not_looked_for_behind_links() {
        let root = tempfile::tempdir().unwrap();
        assert_eq!(opt(root.path()), None);
        std::os::unix::fs::symlink("/usr", root.path().join("opt")).unwrap();
        assert_eq!(opt(root.path()), None);
    }
}
