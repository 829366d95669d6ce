//! The messages between server, helper and slots, and how they travel.
//!
//! Three parties, two kinds of `SOCK_SEQPACKET` socket. The server asks the helper for a slot (`ToHelper`,
//! `FromHelper`) and gets the slot's own socket; from then on it talks to the slot directly (`ToSlot`,
//! `FromSlot`). Both ends are the same binary, so the encoding needs no versions.

use std::ffi::OsString;
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::net::Ipv4Addr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, recvmsg, sendmsg,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::error::SetupError;
use crate::spec::{Bind, ExitStatus, Level, Limits, Link, Mechanism, Network, SmallFile};

/// What the helper needs of the options.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct HelperOptions {
    pub(crate) state_dir: PathBuf,
    pub(crate) cgroup_parent: String,
    pub(crate) uid_base: Option<u32>,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) pool_size: usize,
    pub(crate) tmp_bytes: u64,
    pub(crate) network: Network,
    pub(crate) nat_network: Option<Ipv4Addr>,
    pub(crate) without_cgroup_v2: bool,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum ToHelper {
    /// The first message, once.
    Begin(HelperOptions),
    /// Give me a prepared slot with these limits.
    Lease { request: u64, limits: Limits, tmp_bytes: u64 },
    /// Kill and clean everything, then end.
    Shutdown,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum FromHelper {
    Began {
        level: Level,
        mechanisms: Vec<Mechanism>,
    },
    Refused(String),
    /// Descriptors: one per entry of `handles`, in order.
    Leased {
        request: u64,
        slot: u32,
        handles: Vec<HandleKind>,
    },
    LeaseFailed {
        request: u64,
        error: SetupError,
    },
    /// Nothing of this slot is left.
    Gone {
        slot: u32,
    },
    /// Something the operator should know.
    Warning(String),
}

/// What a descriptor handed to the server is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum HandleKind {
    /// The slot's own socket.
    Control,
    /// `cgroup.freeze`, writable.
    FreezeV2,
    /// `freezer.state`, writable.
    FreezeV1,
    /// `cgroup.kill`, writable.
    KillV2,
    /// `cpu.max`, writable.
    CpuQuotaV2,
    /// `cpu.cfs_quota_us`, writable.
    CpuQuotaV1,
    /// The folder with `memory.current` and its like.
    MemoryDirV2,
    /// The folder with `memory.usage_in_bytes` and its like.
    MemoryDirV1,
    /// The folder with `cpu.stat`.
    CpuDirV2,
    /// The folder with `cpuacct.usage`.
    CpuDirV1,
}

/// The main process, without its descriptors, which travel beside in this order:
/// standard output if any, standard error if any, then one per entry of `inherit`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ProcessPlan {
    pub(crate) program: PathBuf,
    pub(crate) argv: Vec<OsString>,
    pub(crate) env: Vec<(OsString, OsString)>,
    pub(crate) cwd: PathBuf,
    pub(crate) has_stdout: bool,
    pub(crate) has_stderr: bool,
    pub(crate) inherit: Vec<i32>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct StartPlan {
    pub(crate) hostname: String,
    pub(crate) binds: Vec<Bind>,
    pub(crate) links: Vec<Link>,
    pub(crate) files: Vec<SmallFile>,
    pub(crate) dirs: Vec<PathBuf>,
    pub(crate) limits: Limits,
    pub(crate) listen: Option<u16>,
    pub(crate) process: ProcessPlan,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum ToSlot {
    /// Becomes a sandbox. Once.
    Start(Box<StartPlan>),
    /// Kill every process and start another main one.
    Respawn { generation: u32, process: ProcessPlan },
    /// Kill every process, and start none.
    KillAll,
    /// Another listener on the sandbox's own loopback.
    Listen { port: u16 },
    /// A signal for the main process.
    Signal(i32),
    /// Stop every process (where no cgroup can freeze).
    StopAll,
    /// Undo `StopAll`.
    ContinueAll,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum FromSlot {
    /// To the helper: waiting for a `Start`.
    Prepared,
    /// To the helper: never will be.
    PrepareFailed(SetupError),
    /// To the server: executed. With the listener's descriptor after a `Start` that asked for one.
    Started {
        generation: u32,
    },
    StartFailed {
        generation: u32,
        error: SetupError,
    },
    /// With the listener's descriptor if there is no error.
    Listening {
        port: u16,
        error: Option<SetupError>,
    },
    /// The main process ended.
    Exited {
        generation: u32,
        status: ExitStatus,
    },
}

/// The kernel passes at most 253 descriptors in a message; we never need more than a handful.
pub(crate) const MAX_FDS: usize = 64;
/// Larger payloads travel as a memory file: a packet must fit into the socket's send buffer.
const MAX_INLINE: usize = 48 << 10;
const INLINE: u8 = 0;
const IN_MEMORY_FILE: u8 = 1;

fn invalid(what: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.into())
}

/// Sends one message with its descriptors. On a non-blocking socket it may fail with `WouldBlock`, sending nothing.
pub(crate) fn send(socket: BorrowedFd<'_>, message: &impl Serialize, fds: &[BorrowedFd<'_>]) -> io::Result<()> {
    let mut packet = vec![INLINE];
    packet = postcard::to_extend(message, packet).map_err(|error| invalid(error.to_string()))?;
    if packet.len() <= MAX_INLINE {
        return send_packet(socket, &packet, fds);
    }
    let memory = rustix::fs::memfd_create("message", rustix::fs::MemfdFlags::CLOEXEC)?;
    let mut file = std::fs::File::from(memory);
    io::Write::write_all(&mut file, &packet[1..])?;
    let mut all = vec![file.as_fd()];
    all.extend_from_slice(fds);
    send_packet(socket, &[IN_MEMORY_FILE], &all)
}

fn send_packet(socket: BorrowedFd<'_>, packet: &[u8], fds: &[BorrowedFd<'_>]) -> io::Result<()> {
    if fds.len() > MAX_FDS {
        return Err(invalid(format!("{} descriptors in a message, expected at most {MAX_FDS}", fds.len())));
    }
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_FDS))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    if !fds.is_empty() && !ancillary.push(SendAncillaryMessage::ScmRights(fds)) {
        return Err(invalid("no room for descriptors in a message"));
    }
    let slices = [IoSlice::new(packet)];
    rustix::io::retry_on_intr(|| sendmsg(socket, &slices, &mut ancillary, SendFlags::NOSIGNAL))?;
    Ok(())
}

/// Receives one message with its descriptors; `None` when the other end is closed.
pub(crate) fn receive<T: DeserializeOwned>(
    socket: BorrowedFd<'_>,
    flags: RecvFlags,
) -> io::Result<Option<(T, Vec<OwnedFd>)>> {
    let mut packet = vec![0; MAX_INLINE + 1];
    let Some((length, mut fds)) = receive_packet(socket, &mut packet, flags)? else {
        return Ok(None);
    };
    let message = match packet[0] {
        INLINE => decode(&packet[1..length])?,
        IN_MEMORY_FILE if !fds.is_empty() => decode(&read_from_start(fds.remove(0))?)?,
        kind => return Err(invalid(format!("unknown kind of packet {kind}"))),
    };
    Ok(Some((message, fds)))
}

fn decode<T: DeserializeOwned>(bytes: &[u8]) -> io::Result<T> {
    postcard::from_bytes(bytes).map_err(|error| invalid(error.to_string()))
}

fn read_from_start(memory: OwnedFd) -> io::Result<Vec<u8>> {
    use std::io::{Read, Seek};
    let mut file = std::fs::File::from(memory);
    file.rewind()?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn receive_packet(
    socket: BorrowedFd<'_>,
    packet: &mut [u8],
    flags: RecvFlags,
) -> io::Result<Option<(usize, Vec<OwnedFd>)>> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_FDS + 1))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let mut slices = [IoSliceMut::new(packet)];
    let received =
        rustix::io::retry_on_intr(|| recvmsg(socket, &mut slices, &mut ancillary, flags | RecvFlags::CMSG_CLOEXEC));
    let received = match received {
        // A peer that died with our last packet unread: closed as well.
        Err(rustix::io::Errno::CONNRESET) => return Ok(None),
        other => other?,
    };
    let fds: Vec<OwnedFd> = ancillary
        .drain()
        .filter_map(|message| match message {
            RecvAncillaryMessage::ScmRights(fds) => Some(fds),
            _ => None,
        })
        .flatten()
        .collect();
    if received.bytes == 0 {
        return Ok(None);
    }
    if received.flags.intersects(ReturnFlags::TRUNC | ReturnFlags::CTRUNC) {
        return Err(invalid("a message was cut short"));
    }
    Ok(Some((received.bytes, fds)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};

    #[track_caller]
    fn round_trip(bytes: usize) {
        let (a, b) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None).unwrap();
        let file = SmallFile {
            path: "/etc/x".into(),
            bytes: vec![7; bytes],
            mode: 0o644,
        };
        send(a.as_fd(), &file, &[b.as_fd()]).unwrap();
        let (got, fds): (SmallFile, _) = receive(b.as_fd(), RecvFlags::empty()).unwrap().unwrap();
        assert_eq!(got, file);
        assert_eq!(fds.len(), 1);
        drop(a);
        assert!(receive::<SmallFile>(b.as_fd(), RecvFlags::empty()).unwrap().is_none());
    }

    #[test]
    fn small_messages_travel_inline() {
        round_trip(100);
    }

    #[test]
    fn large_messages_travel_as_memory_files() {
        round_trip(5 << 20);
    }

    #[test]
    fn garbage_is_an_error() {
        let (a, b) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None).unwrap();
        for packet in [&[9u8, 1, 2][..], &[INLINE, 255, 255], &[IN_MEMORY_FILE]] {
            rustix::io::write(&a, packet).unwrap();
            assert!(receive::<ToHelper>(b.as_fd(), RecvFlags::empty()).is_err());
        }
    }
}
