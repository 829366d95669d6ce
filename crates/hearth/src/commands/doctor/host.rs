//! The host beside isolation: interpreters, the data folder, the port.

use std::net::SocketAddr;
use std::path::Path;

use hearth_node::config::Config;
use hearth_node::{Layout, host, listener};
use hearth_runtimes::{Runtimes, State};

use super::{Check, Verdict};
use crate::client::is_hearth;

pub fn checks(config: &Config, layout: &Layout) -> [Check; 4] {
    [runtimes(config, layout), packages(&layout.packages()), data_folder(&config.data.value), port(config)]
}

/// What Lambda's runtimes bring and an interpreter of the host does not.
fn packages(folder: &Path) -> Check {
    let sdks = [
        ("boto3", folder.join("python/boto3"), format!("pip install --target {}/python boto3", folder.display())),
        (
            "@aws-sdk",
            folder.join("nodejs/node_modules/@aws-sdk"),
            format!("npm install --prefix {}/nodejs @aws-sdk/client-s3 ...", folder.display()),
        ),
    ];
    let (there, absent): (Vec<_>, Vec<_>) = sdks.into_iter().partition(|(_, place, _)| place.is_dir());
    let names = |of: &[(&'static str, _, _)]| of.iter().map(|(name, ..)| *name).collect::<Vec<_>>().join(" and ");
    let detail = match (names(&there), names(&absent)) {
        (there, absent) if absent.is_empty() => format!("{there} in {}", folder.display()),
        (there, absent) if there.is_empty() => format!("functions bring {absent} with them"),
        (there, absent) => format!("{there} in {}; functions bring {absent} with them", folder.display()),
    };
    let check = Check::new("runtimes", "packages for all functions", Verdict::Ok, detail);
    match absent.as_slice() {
        [] => check,
        absent => {
            let commands: Vec<_> = absent.iter().map(|(.., command)| format!("`{command}`")).collect();
            check.advise(format!("to have them as on Lambda: {}, and start the server again", commands.join(", ")))
        }
    }
}

fn runtimes(config: &Config, layout: &Layout) -> Check {
    let listings = Runtimes::discover(&host::discovery(config, layout)).list();
    let usable = listings.iter().filter(|listing| matches!(listing.state, State::Ready | State::Aliased));
    let ids: Vec<&str> = usable.map(|listing| listing.id).collect();
    let interpreted = ids.iter().any(|id| !id.starts_with("provided"));
    let state = if interpreted { Verdict::Ok } else { Verdict::Weak };
    let check = Check::new("runtimes", "interpreters", state, ids.join(" "));
    if interpreted { check } else { check.advise("`hearth runtimes` says what would install them") }
}

fn data_folder(path: &Path) -> Check {
    let name = "data folder";
    // The nearest folder that is there decides whether the rest can be made.
    let there = path.ancestors().find(|folder| folder.exists()).unwrap_or(Path::new("/"));
    match rustix::fs::access(there, rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK) {
        Ok(()) if there == path => Check::new("host", name, Verdict::Ok, path.display().to_string()),
        Ok(()) => Check::new("host", name, Verdict::Ok, format!("{}, to be made", path.display())),
        Err(error) => {
            Check::new("host", name, Verdict::Missing, format!("{} cannot be written: {error}", there.display()))
                .advise("choose another with --data DIR, or change its owner")
        }
    }
}

fn port(config: &Config) -> Check {
    let listen = config.listen.value;
    match std::net::TcpListener::bind(listen) {
        Ok(_) => Check::new("host", "port", Verdict::Ok, format!("{listen} is free")),
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => taken(listen),
        Err(error) => Check::new("host", "port", Verdict::Missing, format!("{listen}: {error}"))
            .advise("choose an address of this host with --listen ADDR:PORT"),
    }
}

fn taken(listen: SocketAddr) -> Check {
    let by = listener::holder(listen.port()).map_or_else(String::new, |holder| format!(" by {holder}"));
    if is_hearth(listen) {
        return Check::new("host", "port", Verdict::Ok, format!("{listen} is served{by}"));
    }
    Check::new("host", "port", Verdict::Missing, format!("{listen} is taken{by}"))
        .advise(format!("choose another with --listen {}:PORT", listen.ip()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_are_told_of() {
        let dir = tempfile::tempdir().unwrap();
        let none = packages(dir.path());
        assert_eq!(none.detail, "functions bring boto3 and @aws-sdk with them");
        assert!(none.advice.is_some_and(|text| text.contains("pip install") && text.contains("npm install")));
        std::fs::create_dir_all(dir.path().join("python/boto3")).unwrap();
        assert!(packages(dir.path()).detail.starts_with("boto3 in /"));
        std::fs::create_dir_all(dir.path().join("nodejs/node_modules/@aws-sdk")).unwrap();
        assert_eq!(packages(dir.path()).advice, None);
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_missing() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(data_folder(dir.path()).detail, dir.path().display().to_string());
        assert!(data_folder(&dir.path().join("a/b")).detail.ends_with("/a/b, to be made"));
        assert_eq!(data_folder(Path::new("/proc/1/fdinfo/x")).state, Verdict::Missing);
    }
}
