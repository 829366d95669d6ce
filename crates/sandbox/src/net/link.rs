//! One sandbox's link to the host, made from inside its network namespace.

use std::fs::File;
use std::net::Ipv4Addr;
use std::os::fd::AsRawFd;

use super::Nat;
use super::netlink::{ACK, CREATE, EXCLUSIVE, Message, REQUEST, Socket};
use crate::error::Errno;

const RTM_NEWLINK: u16 = 16;
const RTM_GETLINK: u16 = 18;
const RTM_NEWADDR: u16 = 20;
const RTM_NEWROUTE: u16 = 24;

const IFLA_IFNAME: u16 = 3;
const IFLA_LINKINFO: u16 = 18;
const IFLA_NET_NS_FD: u16 = 28;
const IFLA_INFO_KIND: u16 = 1;
const IFLA_INFO_DATA: u16 = 2;
const VETH_INFO_PEER: u16 = 1;
const IFA_ADDRESS: u16 = 1;
const IFA_LOCAL: u16 = 2;
const RTA_GATEWAY: u16 = 5;

/// Two addresses and no more: no network, no broadcast.
const PREFIX_LENGTH: u8 = 31;

/// A foot in the host's network namespace, to be taken before the slot leaves it.
#[derive(Debug)]
pub(crate) struct HostSide {
    socket: Socket,
    namespace: File,
}

impl HostSide {
    pub(crate) fn open() -> Result<Self, Errno> {
        Ok(Self {
            socket: Socket::route()?,
            namespace: File::open("/proc/self/ns/net")?,
        })
    }
}

impl Nat {
    /// Connects this network namespace to the host's.
    pub(crate) fn connect(&self, host: &HostSide, slot: u32) -> Result<(), Errno> {
        let inside = Socket::route()?;
        let (host_address, own_address) = self.addresses(slot)?;
        // 1. A pair of interfaces, one end here, one there.
        self.make_pair(&inside, host, slot)?;
        // 2. Their addresses; an interface must be up before routes may use it.
        for (socket, name, address) in
            [(&host.socket, self.host_end(slot).as_str(), host_address), (&inside, "eth0", own_address)]
        {
            let index = index_of(socket, name)?;
            add_address(socket, index, address)?;
            bring_up(socket, index)?;
        }
        // 3. Everything else goes by the host.
        add_default_route(&inside, host_address)
    }

    fn make_pair(&self, inside: &Socket, host: &HostSide, slot: u32) -> Result<(), Errno> {
        let host_end = self.host_end(slot);
        let mut message = Message::default();
        message.begin(RTM_NEWLINK, REQUEST | ACK | CREATE | EXCLUSIVE, 1, &[0; 16]);
        message.text(IFLA_IFNAME, "eth0");
        message.nested(IFLA_LINKINFO, |info| {
            info.text(IFLA_INFO_KIND, "veth");
            info.nested(IFLA_INFO_DATA, |data| {
                data.nested(VETH_INFO_PEER, |peer| {
                    peer.raw(&[0; 16]);
                    peer.text(IFLA_IFNAME, &host_end);
                    peer.attribute(IFLA_NET_NS_FD, &host.namespace.as_raw_fd().to_ne_bytes());
                });
            });
        });
        message.end();
        inside.ask(&message, 1)
    }
}

/// `struct ifinfomsg`.
fn interface(index: u32, flags: u32, change: u32) -> [u8; 16] {
    let mut fixed = [0; 16];
    fixed[4..8].copy_from_slice(&index.to_ne_bytes());
    fixed[8..12].copy_from_slice(&flags.to_ne_bytes());
    fixed[12..16].copy_from_slice(&change.to_ne_bytes());
    fixed
}

fn index_of(socket: &Socket, name: &str) -> Result<u32, Errno> {
    let mut message = Message::default();
    message.begin(RTM_GETLINK, REQUEST, 2, &interface(0, 0, 0));
    message.text(IFLA_IFNAME, name);
    message.end();
    let answer = socket.get(&message)?;
    match answer.get(4..8) {
        Some([a, b, c, d]) => Ok(u32::from_ne_bytes([*a, *b, *c, *d])),
        _ => Err(Errno(libc::EPROTO)),
    }
}

fn add_address(socket: &Socket, index: u32, address: Ipv4Addr) -> Result<(), Errno> {
    // struct ifaddrmsg: family, prefix length, flags, scope, index.
    let mut fixed = vec![libc::AF_INET as u8, PREFIX_LENGTH, 0, 0];
    fixed.extend(index.to_ne_bytes());
    let mut message = Message::default();
    message.begin(RTM_NEWADDR, REQUEST | ACK | CREATE | EXCLUSIVE, 3, &fixed);
    message.attribute(IFA_LOCAL, &address.octets());
    message.attribute(IFA_ADDRESS, &address.octets());
    message.end();
    socket.ask(&message, 3)
}

fn bring_up(socket: &Socket, index: u32) -> Result<(), Errno> {
    let up = libc::IFF_UP as u32;
    let mut message = Message::default();
    message.begin(RTM_NEWLINK, REQUEST | ACK, 4, &interface(index, up, up));
    message.end();
    socket.ask(&message, 4)
}

fn add_default_route(socket: &Socket, gateway: Ipv4Addr) -> Result<(), Errno> {
    // struct rtmsg: family, lengths of destination and source, tos, table, protocol, scope, type, flags.
    let fixed = [
        libc::AF_INET as u8,
        0,
        0,
        0,
        libc::RT_TABLE_MAIN,
        libc::RTPROT_STATIC,
        libc::RT_SCOPE_UNIVERSE,
        libc::RTN_UNICAST,
        0,
        0,
        0,
        0,
    ];
    let mut message = Message::default();
    message.begin(RTM_NEWROUTE, REQUEST | ACK | CREATE | EXCLUSIVE, 5, &fixed);
    message.attribute(RTA_GATEWAY, &gateway.octets());
    message.end();
    socket.ask(&message, 5)
}
