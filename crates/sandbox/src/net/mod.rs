//! Outbound network through address translation.
//!
//! Each sandbox has a link of its own to the host, with two addresses and nobody else on it; there is no bridge, so
//! sandboxes share no wire. One table of the host's packet filter, ours by name, translates what goes out and drops
//! what is meant for the host itself, for link-local services (such as a cloud's metadata) and for other sandboxes.
//!
//! The host's side of it all ([`Nat::prepare`]) is made once by the helper. Each link is made by its slot while it is
//! prepared, and goes with the slot's network namespace: nothing here waits for, or is deleted by, anyone.

mod filter;
mod link;
mod netlink;

use std::fs;
use std::net::Ipv4Addr;

pub(crate) use link::HostSide;

use crate::error::Errno;

/// What the links and the packet filter agree on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Nat {
    /// The first two bytes of all addresses: a network of 65,536.
    network: [u8; 2],
    /// What the names of the host's ends begin with.
    prefix: String,
}

impl Nat {
    /// No other server on this host may use the network: links and table are named after it.
    pub(crate) fn new(network: Ipv4Addr) -> Self {
        let [first, second, ..] = network.octets();
        Self {
            network: [first, second],
            // An interface's name has at most 15 bytes, and a slot's number up to five.
            prefix: format!("hs{first}x{second}-"),
        }
    }

    /// Switches forwarding on and writes the packet filter's table.
    pub(crate) fn prepare(&self) -> Result<(), String> {
        fs::write("/proc/sys/net/ipv4/ip_forward", "1")
            .map_err(|error| format!("failed to switch on forwarding (net.ipv4.ip_forward): {error}"))?;
        filter::install(self).map_err(|errno| {
            format!("failed to write the packet filter's table {}: {errno} (nftables is needed)", self.table())
        })
    }

    /// Whether no link is left of a server that used these names before: with one the same slot could not get its own.
    pub(crate) fn is_clear(&self) -> bool {
        let interfaces = fs::read_to_string("/proc/self/net/dev").unwrap_or_default();
        !interfaces.lines().any(|line| line.trim_start().starts_with(&self.prefix))
    }

    /// Removes the table. Forwarding stays as it is: others may use it by now.
    pub(crate) fn remove(&self) {
        // Without a table there is nothing to remove.
        let _ = filter::remove(self);
    }

    /// The kernel takes a link away some time after the last process of its sandbox is gone; until then its name and
    /// addresses are taken.
    pub(crate) fn is_gone(&self, slot: u32) -> bool {
        crate::sys::c_string(self.host_end(slot).as_ref()).is_ok_and(|name| !crate::sys::has_interface(&name))
    }

    fn table(&self) -> &str {
        self.prefix.trim_end_matches('-')
    }

    fn host_end(&self, slot: u32) -> String {
        format!("{}{slot}", self.prefix)
    }

    /// The host's and the sandbox's address on a slot's link: two neighbours, a network of their own.
    fn addresses(&self, slot: u32) -> Result<(Ipv4Addr, Ipv4Addr), Errno> {
        let first = u16::try_from(slot * 2).map_err(|_| Errno(libc::EADDRNOTAVAIL))?;
        let address = |number: u16| {
            let [third, fourth] = number.to_be_bytes();
            Ipv4Addr::new(self.network[0], self.network[1], third, fourth)
        };
        Ok((address(first), address(first + 1)))
    }
}

/// The name servers that a sandbox with an outbound network can ask: the host's, without those that only the host
/// itself reaches (local caches).
pub fn outbound_name_servers() -> Vec<Ipv4Addr> {
    // The second is where systemd keeps the servers behind its cache.
    ["/etc/resolv.conf", "/run/systemd/resolve/resolv.conf"]
        .into_iter()
        .filter_map(|file| fs::read_to_string(file).ok())
        .map(|text| name_servers(&text))
        .find(|servers| !servers.is_empty())
        .unwrap_or_default()
}

fn name_servers(resolv_conf: &str) -> Vec<Ipv4Addr> {
    let lines = resolv_conf.lines().filter_map(|line| line.trim().strip_prefix("nameserver"));
    let servers = lines.filter_map(|server| server.trim().parse().ok());
    servers.filter(|server: &Ipv4Addr| !server.is_loopback() && !server.is_link_local()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fit_and_addresses_are_neighbours() {
        let nat = Nat::new(Ipv4Addr::new(213, 213, 0, 0));
        assert!(nat.host_end(32767).len() <= 15);
        assert_eq!(nat.addresses(300).unwrap(), (Ipv4Addr::new(213, 213, 2, 88), Ipv4Addr::new(213, 213, 2, 89)));
        assert!(nat.addresses(32768).is_err());
    }

    #[test]
    fn local_caches_are_no_name_servers_for_a_sandbox() {
        let text = "# made by hand\nnameserver 127.0.0.53\nnameserver 10.0.0.2\nnameserver fe80::1\nsearch lan\n nameserver\t9.9.9.9\n";
        assert_eq!(name_servers(text), [Ipv4Addr::new(10, 0, 0, 2), Ipv4Addr::new(9, 9, 9, 9)]);
    }
}
