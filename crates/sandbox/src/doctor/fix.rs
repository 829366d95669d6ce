//! What `hearth doctor --fix` may do: changes that add something, can be undone and take nothing from anyone.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rustix::mount::{MountFlags, mount};
use serde::{Deserialize, Serialize};

use super::kernel;

/// One change of the host. Applying it twice is applying it once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Fix {
    /// Sets a switch of the kernel until the next boot.
    Sysctl { key: String, value: String },
    /// Loads a module.
    Module(String),
    /// Mounts the unified cgroup tree.
    MountCgroup2(PathBuf),
}

impl Fix {
    /// What a person would type, as root, to the same effect.
    pub fn command(&self) -> String {
        match self {
            Self::Sysctl { key, value } => format!("sysctl -w {key}={value}"),
            Self::Module(name) => format!("modprobe {name}"),
            Self::MountCgroup2(path) => {
                let path = path.display();
                format!("mkdir -p {path} && mount -t cgroup2 cgroup2 {path}")
            }
        }
    }

    /// The command that makes it last beyond the next boot, where one does.
    pub fn keep(&self) -> Option<String> {
        match self {
            Self::Sysctl { key, value } => {
                Some(format!("echo '{key}={value}' | sudo tee -a /etc/sysctl.d/60-hearth.conf"))
            }
            Self::Module(name) => Some(format!("echo {name} | sudo tee -a /etc/modules-load.d/hearth.conf")),
            Self::MountCgroup2(_) => None,
        }
    }

    /// Does it. Takes root.
    ///
    /// # Errors
    /// What the kernel or `modprobe` said.
    pub fn apply(&self) -> Result<(), String> {
        match self {
            Self::Sysctl { key, value } => {
                let path = kernel::path_of(key);
                fs::write(&path, value).map_err(|error| format!("failed to write {}: {error}", path.display()))
            }
            Self::Module(name) => load(name),
            Self::MountCgroup2(path) => mount_cgroup2(path),
        }
    }
}

fn load(module: &str) -> Result<(), String> {
    let output =
        Command::new("modprobe").arg(module).env("PATH", "/usr/sbin:/sbin:/usr/bin:/bin").stdin(Stdio::null()).output();
    let output = output.map_err(|error| format!("failed to start modprobe: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(said.lines().next().unwrap_or("modprobe failed and said nothing").to_owned())
}

fn mount_cgroup2(path: &Path) -> Result<(), String> {
    if path.join("cgroup.procs").exists() {
        return Ok(());
    }
    fs::create_dir_all(path).map_err(|error| format!("failed to make {}: {error}", path.display()))?;
    mount("cgroup2", path, "cgroup2", MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC, None)
        .map_err(|errno| format!("failed to mount on {}: {errno}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(fix: &Fix, command: &str, keep: Option<&str>) {
        assert_eq!(fix.command(), command);
        assert_eq!(fix.keep().is_some(), keep.is_some());
        assert!(keep.is_none_or(|file| fix.keep().is_some_and(|line| line.ends_with(file))), "{fix:?}");
    }

    #[test]
    fn commands_are_what_a_person_would_type() {
        let sysctl = Fix::Sysctl {
            key: "user.max_user_namespaces".into(),
            value: "15000".into(),
        };
        check(&sysctl, "sysctl -w user.max_user_namespaces=15000", Some("/etc/sysctl.d/60-hearth.conf"));
        check(&Fix::Module("loop".into()), "modprobe loop", Some("/etc/modules-load.d/hearth.conf"));
        let mount = Fix::MountCgroup2("/sys/fs/cgroup/unified".into());
        check(&mount, "mkdir -p /sys/fs/cgroup/unified && mount -t cgroup2 cgroup2 /sys/fs/cgroup/unified", None);
    }

    #[test]
    fn failures_are_told() {
        let nowhere = Fix::Sysctl {
            key: "no.such.switch".into(),
            value: "1".into(),
        };
        assert!(nowhere.apply().unwrap_err().contains("/proc/sys/no/such/switch"));
        assert!(Fix::Module("no_such_module_here".into()).apply().is_err());
    }

    #[test]
    fn what_is_mounted_already_is_left_alone() {
        let fake = tempfile::tempdir().unwrap();
        fs::write(fake.path().join("cgroup.procs"), "").unwrap();
        Fix::MountCgroup2(fake.path().to_owned()).apply().unwrap();
        assert_eq!(fs::read_dir(fake.path()).unwrap().count(), 1);
    }
}
