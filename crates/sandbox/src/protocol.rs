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
use crate::snapshot::SnapshotError;
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
    /// Mount these in the sandbox that was leased by that request, and set its limits anew.
    Specialise { request: u64, lease: u64, binds: Vec<Bind>, limits: Limits },
    /// Copy the main process of the sandbox that was leased by that request. It was given these descriptors beside 0, 1
    /// and 2; the copy may take so many bytes.
    Snapshot { request: u64, lease: u64, descriptors: Vec<i32>, most_bytes: u64 },
    /// Put a copy, whose descriptor comes along, into the place of the main process of that sandbox.
    Restore { request: u64, lease: u64 },
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
    Specialised {
        request: u64,
        outcome: Specialised,
    },
    /// The answer to [`ToHelper::Snapshot`], with the copy's descriptor if all went well, or to [`ToHelper::Restore`].
    Copied {
        request: u64,
        outcome: Result<(), SnapshotError>,
    },
    /// Nothing of this slot is left.
    Gone {
        slot: u32,
    },
    /// Something the operator should know.
    Warning(String),
}

/// How a [`ToHelper::Specialise`] went.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Specialised {
    Done,
    /// The sandbox is no more.
    Ended,
    /// The sandbox may have some of what was asked for: it is of no use.
    Failed(SetupError),
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
    /// `cpu.cfs_period_us`, writable.
    CpuPeriodV1,
    /// `cpu.max.burst` or `cpu.cfs_burst_us`, writable.
    CpuBurst,
    /// The folder with `memory.current` and its like.
    MemoryDirV2,
    /// The folder with `memory.usage_in_bytes` and its like.
    MemoryDirV1,
    /// The folder with `cpu.stat`.
    CpuDirV2,
    /// The folder with `cpuacct.usage`.
    CpuDirV1,
}

/// A process, without its descriptors, which travel beside in this order:
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
    pub(crate) listen: Vec<u16>,
    pub(crate) process: Option<ProcessPlan>,
}

/// The request number of [`ToSlot::Start`], and of the main process started with it.
pub(crate) const FIRST_REQUEST: u32 = 0;

/// What has a `request` is answered with [`FromSlot::Answer`], in order.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum ToSlot {
    /// Becomes a sandbox. Once; answered as [`FIRST_REQUEST`], with the listeners that are wanted.
    Start(Box<StartPlan>),
    /// Start a process. Its number is that of the request.
    Spawn { request: u32, role: Role, process: ProcessPlan },
    /// Kill every process, and answer when all are gone.
    Reset { request: u32 },
    /// Kill every process.
    KillAll,
    /// Another listener on the sandbox's own loopback. Answered with its descriptor.
    Listen { request: u32, port: u16 },
    /// A connection to the sandbox's own loopback, answered with its descriptor while it is still being made.
    Connect { request: u32, port: u16 },
    /// What later processes may use, each by itself.
    SetLimits(Limits),
    /// A signal for a process.
    Signal { process: u32, signal: i32 },
    /// Stop every process (where no cgroup can freeze).
    StopAll,
    /// Undo `StopAll`.
    ContinueAll,
}

/// Whether there may be one of it or many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Role {
    Main,
    Companion,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum FromSlot {
    /// To the helper: waiting for a `Start`. With the mount namespace, and the user namespace if that was made with the
    /// slot.
    Prepared,
    /// To the helper: never will be.
    PrepareFailed(SetupError),
    /// To the server: done, or why not. A process has been executed.
    Answer { request: u32, error: Option<SetupError> },
    /// A process started by `Start` or `Spawn` has ended.
    Exited { process: u32, status: ExitStatus },
}

/// The kernel passes at most 253 descriptors in a message; we never need more than a handful.
pub(crate) const MAX_FDS: usize = 64;
/// The most that a slot passes: its namespaces, or the listeners of a sandbox.
pub(crate) const MAX_FDS_FROM_SLOT: usize = 2;
/// Larger payloads travel as a memory file: a packet must fit into the socket's send buffer.
const MAX_INLINE: usize = 48 << 10;
/// Larger ones are nobody's: arguments, variables and small files of a sandbox are far below.
const MAX_IN_MEMORY: u64 = 64 << 20;
const INLINE: u8 = 0;
const IN_MEMORY_FILE: u8 = 1;

fn invalid(what: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.into())
}

/// Sends one message with its descriptors. On a non-blocking socket it may fail with `WouldBlock`, sending nothing.
pub(crate) fn send(socket: BorrowedFd<'_>, message: &impl Serialize, fds: &[BorrowedFd<'_>]) -> io::Result<()> {
    let mut packet = vec![INLINE];
    packet = postcard::to_extend(message, packet).map_err(|error| invalid(error.to_string()))?;
    if packet.len() as u64 > MAX_IN_MEMORY {
        return Err(invalid(format!("a message of {} bytes, expected at most {MAX_IN_MEMORY}", packet.len())));
    }
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

/// Receives one message with its descriptors from the server, which is trusted; `None` when the other end is closed.
pub(crate) fn receive<T: DeserializeOwned>(
    socket: BorrowedFd<'_>,
    flags: RecvFlags,
) -> io::Result<Option<(T, Vec<OwnedFd>)>> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_FDS + 1))];
    let mut packet = vec![0; MAX_INLINE + 1];
    let Some((length, mut fds)) = receive_packet(socket, &mut packet, &mut space, flags)? else {
        return Ok(None);
    };
    if packet[0] == IN_MEMORY_FILE && !fds.is_empty() {
        return Ok(Some((decode(&read_from_start(fds.remove(0))?)?, fds)));
    }
    Ok(Some((decode_inline(&packet[..length])?, fds)))
}

/// Receives one message of what need not be trusted: a slot, or the helper that hears slots. It takes bounded memory,
/// reads nothing but the socket, and takes so few descriptors that the kernel closes what goes beyond.
pub(crate) fn receive_inline<T: DeserializeOwned, const SPACE: usize>(
    socket: BorrowedFd<'_>,
    flags: RecvFlags,
) -> io::Result<Option<(T, Vec<OwnedFd>)>> {
    let mut space = [MaybeUninit::uninit(); SPACE];
    let mut packet = vec![0; MAX_INLINE + 1];
    let Some((length, fds)) = receive_packet(socket, &mut packet, &mut space, flags)? else {
        return Ok(None);
    };
    Ok(Some((decode_inline(&packet[..length])?, fds)))
}

/// For [`receive_inline`] from a slot.
pub(crate) const SPACE_FROM_SLOT: usize = rustix::cmsg_space!(ScmRights(MAX_FDS_FROM_SLOT));
/// For [`receive_inline`] from the helper.
pub(crate) const SPACE_FROM_HELPER: usize = rustix::cmsg_space!(ScmRights(MAX_FDS));

/// The message in a whole packet.
pub(crate) fn decode_inline<T: DeserializeOwned>(packet: &[u8]) -> io::Result<T> {
    match packet.split_first() {
        Some((&INLINE, message)) => decode(message),
        Some((kind, _)) => Err(invalid(format!("unexpected kind of packet {kind}"))),
        None => Err(invalid("an empty packet")),
    }
}

fn decode<T: DeserializeOwned>(bytes: &[u8]) -> io::Result<T> {
    postcard::from_bytes(bytes).map_err(|error| invalid(error.to_string()))
}

fn read_from_start(memory: OwnedFd) -> io::Result<Vec<u8>> {
    use std::io::{Read, Seek};
    let mut file = std::fs::File::from(memory);
    file.rewind()?;
    let mut bytes = Vec::new();
    file.take(MAX_IN_MEMORY + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_IN_MEMORY {
        return Err(invalid(format!("a message of more than {MAX_IN_MEMORY} bytes")));
    }
    Ok(bytes)
}

fn receive_packet(
    socket: BorrowedFd<'_>,
    packet: &mut [u8],
    space: &mut [MaybeUninit<u8>],
    flags: RecvFlags,
) -> io::Result<Option<(usize, Vec<OwnedFd>)>> {
    let mut ancillary = RecvAncillaryBuffer::new(space);
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

    #[test]
    fn a_slot_cannot_make_the_server_read_files_or_take_many_descriptors() {
        let (a, b) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None).unwrap();
        let hear = || receive_inline::<FromSlot, SPACE_FROM_SLOT>(b.as_fd(), RecvFlags::empty());
        let message = postcard::to_stdvec(&FromSlot::Prepared).unwrap();
        let packet = [&[INLINE], message.as_slice()].concat();
        send_packet(a.as_fd(), &packet, &[a.as_fd(), b.as_fd()]).unwrap();
        assert_eq!(hear().unwrap().unwrap().1.len(), 2);
        let open = || std::fs::read_dir("/proc/self/fd").unwrap().count();
        let before = open();
        send_packet(a.as_fd(), &packet, &[a.as_fd(); MAX_FDS]).unwrap();
        assert!(hear().unwrap_err().to_string().contains("cut short"));
        send_packet(a.as_fd(), &[IN_MEMORY_FILE], &[a.as_fd()]).unwrap();
        assert!(hear().unwrap_err().to_string().contains("unexpected kind"));
        // Other tests open and close theirs meanwhile.
        assert!(open() < before + MAX_FDS / 2, "descriptors stayed open");
    }
}
