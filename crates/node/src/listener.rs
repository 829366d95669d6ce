//! The one port, and who has it when it is taken.

use std::fmt;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::path::Path;

use tokio::net::TcpListener;

use crate::error::StartError;

/// A process that listens on the port we want.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    pub pid: u32,
    /// The program's name.
    pub name: String,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (process {})", self.name, self.pid)
    }
}

/// Binds the address.
///
/// # Errors
/// A taken port names its holder when the kernel lets us see it.
pub async fn bind(listen: SocketAddr) -> Result<TcpListener, StartError> {
    TcpListener::bind(listen).await.map_err(|cause| match cause.kind() {
        ErrorKind::AddrInUse => StartError::PortTaken {
            listen,
            holder: holder(listen.port()),
        },
        _ => StartError::Listen { listen, cause },
    })
}

/// The process that listens on `port`. `None` when there is none or it belongs to another user.
#[must_use]
pub fn holder(port: u16) -> Option<Holder> {
    let inodes: Vec<String> = ["/proc/net/tcp", "/proc/net/tcp6"]
        .iter()
        .filter_map(|path| std::fs::read_to_string(path).ok())
        .flat_map(|table| listening_inodes(&table, port))
        .collect();
    let processes = std::fs::read_dir("/proc").ok()?.filter_map(Result::ok);
    processes.filter(|process| holds_one(&process.path(), &inodes)).find_map(|process| describe(&process.path()))
}

/// Inodes of the sockets that listen on `port`, from the text of `/proc/net/tcp`.
/// Source: proc(5); the columns are slot, local address, remote address, state (0A: listening),
/// and at the tenth place the inode.
fn listening_inodes(table: &str, port: u16) -> Vec<String> {
    let suffix = format!(":{port:04X}");
    let rows = table.lines().skip(1).map(|line| line.split_whitespace().collect::<Vec<_>>());
    rows.filter(|row| row.len() > 9 && row[1].ends_with(&suffix) && row[3] == "0A")
        .map(|row| row[9].to_owned())
        .collect()
}

fn holds_one(process: &Path, inodes: &[String]) -> bool {
    let Ok(descriptors) = std::fs::read_dir(process.join("fd")) else { return false };
    descriptors.filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok()).any(|link| {
        let link = link.to_string_lossy();
        let inode = link.strip_prefix("socket:[").and_then(|rest| rest.strip_suffix(']'));
        inode.is_some_and(|inode| inodes.iter().any(|wanted| wanted == inode))
    })
}

fn describe(process: &Path) -> Option<Holder> {
    let pid = process.file_name()?.to_str()?.parse().ok()?;
    let name = std::fs::read_to_string(process.join("comm")).ok()?.trim().to_owned();
    Some(Holder { pid, name })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listening_sockets_are_found_by_port() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
             0: 0100007F:11D6 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1 0\n\
             1: 0100007F:11D6 0100007F:8000 01 00000000:00000000 00:00000000 00000000     0        0 4712 1 0\n\
             2: 0100007F:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4713 1 0\n";
        assert_eq!(listening_inodes(table, 4566), ["4711"]);
        assert_eq!(listening_inodes(table, 81), Vec::<String>::new());
    }

    #[tokio::test]
    async fn a_taken_port_names_its_holder() {
        let first = bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
        let listen = first.local_addr().unwrap();
        let error = bind(listen).await.expect_err("the port is taken");
        let StartError::PortTaken { holder: Some(holder), .. } = &error else { panic!("{error}") };
        assert_eq!(holder.pid, std::process::id());
        assert!(error.to_string().contains(&format!("port {} is taken by {holder}", listen.port())), "{error}");
    }
}
