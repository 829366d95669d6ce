//! Another process seen from outside: stopping it, its registers, its memory.

use std::fs::File;
use std::os::fd::AsRawFd;

use serde::{Deserialize, Serialize};

use super::check;
use crate::error::Errno;

/// The kernel's `struct user_regs_struct` of x86-64, field by field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[repr(C)]
pub(crate) struct Registers {
    pub(crate) r15: u64,
    pub(crate) r14: u64,
    pub(crate) r13: u64,
    pub(crate) r12: u64,
    pub(crate) rbp: u64,
    pub(crate) rbx: u64,
    pub(crate) r11: u64,
    pub(crate) r10: u64,
    pub(crate) r9: u64,
    pub(crate) r8: u64,
    pub(crate) rax: u64,
    pub(crate) rcx: u64,
    pub(crate) rdx: u64,
    pub(crate) rsi: u64,
    pub(crate) rdi: u64,
    pub(crate) orig_rax: u64,
    pub(crate) rip: u64,
    pub(crate) cs: u64,
    pub(crate) eflags: u64,
    pub(crate) rsp: u64,
    pub(crate) ss: u64,
    pub(crate) fs_base: u64,
    pub(crate) gs_base: u64,
    pub(crate) ds: u64,
    pub(crate) es: u64,
    pub(crate) fs: u64,
    pub(crate) gs: u64,
}

/// The kernel's `struct ptrace_rseq_configuration`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[repr(C)]
pub(crate) struct Rseq {
    pub(crate) pointer: u64,
    pub(crate) size: u32,
    pub(crate) signature: u32,
    flags: u32,
    padding: u32,
}

/// Every register beyond the general ones, as the processor's XSAVE lays them out.
const XSTATE: usize = 0x202;
/// With room for the matrix registers, the largest there are.
const MOST_XSTATE: usize = 64 << 10;

fn request(request: libc::c_uint, pid: i32, address: usize, data: usize) -> Result<libc::c_long, Errno> {
    // SAFETY: callers pass, where the request takes an address in our memory, one of a live object of the size that the
    // request reads or writes; the tracee's memory is not ours.
    check(unsafe { libc::ptrace(request, pid, address, data) })
}

/// What becomes of a tracee when the tracer ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    GoesOn,
    IsKilled,
}

fn options(fate: Fate) -> usize {
    let kill = if fate == Fate::IsKilled { libc::PTRACE_O_EXITKILL } else { 0 };
    (libc::PTRACE_O_TRACESYSGOOD | kill) as usize
}

/// Begins to trace a process, without stopping it.
pub(crate) fn seize(pid: i32, fate: Fate) -> Result<(), Errno> {
    request(libc::PTRACE_SEIZE, pid, 0, options(fate)).map(drop)
}

/// Changes the fate of a stopped tracee.
pub(crate) fn set_fate(pid: i32, fate: Fate) -> Result<(), Errno> {
    request(libc::PTRACE_SETOPTIONS, pid, 0, options(fate)).map(drop)
}

/// Takes the system call filter of a stopped tracee out of force, as long as it is traced or until the next
/// [`set_fate`]. `EPERM` unless this process has `CAP_SYS_ADMIN` and is under no filter itself.
pub(crate) fn suspend_filter(pid: i32, fate: Fate) -> Result<(), Errno> {
    let options = options(fate) | libc::PTRACE_O_SUSPEND_SECCOMP as usize;
    request(libc::PTRACE_SETOPTIONS, pid, 0, options).map(drop)
}

/// Stops a tracee soon; wait for it with [`wait_for`].
pub(crate) fn interrupt(pid: i32) -> Result<(), Errno> {
    request(libc::PTRACE_INTERRUPT, pid, 0, 0).map(drop)
}

/// Continues a stopped tracee, with a signal if that is not 0.
pub(crate) fn resume(pid: i32, signal: i32) -> Result<(), Errno> {
    request(libc::PTRACE_CONT, pid, 0, signal as usize).map(drop)
}

/// Continues it until the next system call begins or ends.
pub(crate) fn resume_to_call(pid: i32) -> Result<(), Errno> {
    request(libc::PTRACE_SYSCALL, pid, 0, 0).map(drop)
}

/// Continues it and traces it no more.
pub(crate) fn detach(pid: i32) -> Result<(), Errno> {
    request(libc::PTRACE_DETACH, pid, 0, 0).map(drop)
}

/// The raw status of a tracee that has stopped or ended.
pub(crate) fn wait_for(pid: i32) -> Result<i32, Errno> {
    match super::wait(pid, 0)? {
        Some((_, status)) => Ok(status),
        None => Err(Errno(libc::ECHILD)),
    }
}

pub(crate) fn registers(pid: i32) -> Result<Registers, Errno> {
    let mut registers = Registers::default();
    request(libc::PTRACE_GETREGS, pid, 0, (&raw mut registers).addr())?;
    Ok(registers)
}

pub(crate) fn set_registers(pid: i32, registers: &Registers) -> Result<(), Errno> {
    request(libc::PTRACE_SETREGS, pid, 0, std::ptr::from_ref(registers).addr()).map(drop)
}

pub(crate) fn xstate(pid: i32) -> Result<Vec<u8>, Errno> {
    let mut bytes = vec![0u8; MOST_XSTATE];
    let mut place = libc::iovec {
        iov_base: bytes.as_mut_ptr().cast(),
        iov_len: bytes.len(),
    };
    request(libc::PTRACE_GETREGSET, pid, XSTATE, (&raw mut place).addr())?;
    bytes.truncate(place.iov_len);
    Ok(bytes)
}

pub(crate) fn set_xstate(pid: i32, bytes: &[u8]) -> Result<(), Errno> {
    let mut place = libc::iovec {
        // The kernel only reads it.
        iov_base: bytes.as_ptr().cast_mut().cast(),
        iov_len: bytes.len(),
    };
    request(libc::PTRACE_SETREGSET, pid, XSTATE, (&raw mut place).addr()).map(drop)
}

/// The blocked signals, signal 1 in the lowest bit.
pub(crate) fn signal_mask(pid: i32) -> Result<u64, Errno> {
    let mut mask = 0u64;
    request(libc::PTRACE_GETSIGMASK, pid, size_of::<u64>(), (&raw mut mask).addr())?;
    Ok(mask)
}

pub(crate) fn set_signal_mask(pid: i32, mask: u64) -> Result<(), Errno> {
    request(libc::PTRACE_SETSIGMASK, pid, size_of::<u64>(), (&raw const mask).addr()).map(drop)
}

/// The area in which the kernel tells a thread its processor, if it has one.
pub(crate) fn rseq(pid: i32) -> Result<Option<Rseq>, Errno> {
    const GET_RSEQ_CONFIGURATION: libc::c_uint = 0x420f;
    let mut rseq = Rseq::default();
    match request(GET_RSEQ_CONFIGURATION, pid, size_of::<Rseq>(), (&raw mut rseq).addr()) {
        Ok(_) => Ok((rseq.pointer != 0).then_some(rseq)),
        // A kernel without them.
        Err(Errno(libc::EIO | libc::EINVAL)) => Ok(None),
        Err(errno) => Err(errno),
    }
}

/// Address and length of the list of locks that the kernel releases for a thread that dies.
pub(crate) fn robust_list(pid: i32) -> Result<(u64, u64), Errno> {
    let (mut head, mut length) = (0u64, 0u64);
    // SAFETY: the kernel writes one pointer-sized integer to each of the two places, which outlive the call.
    check(unsafe { libc::syscall(libc::SYS_get_robust_list, pid, &raw mut head, &raw mut length) })?;
    Ok((head, length))
}

/// Reads exactly `bytes.len()` from the memory of another process.
pub(crate) fn read_memory(pid: i32, address: u64, bytes: &mut [u8]) -> Result<(), Errno> {
    let local = libc::iovec {
        iov_base: bytes.as_mut_ptr().cast(),
        iov_len: bytes.len(),
    };
    let remote = remote_place((address, bytes.len() as u64));
    // SAFETY: `local` is memory of ours for as long as the call lasts; the rest is the other process's.
    let read = check(unsafe { libc::process_vm_readv(pid, &raw const local, 1, &raw const remote, 1, 0) } as _)?;
    if read as usize == bytes.len() { Ok(()) } else { Err(Errno(libc::EFAULT)) }
}

/// The most places that one call of [`write_memory`] takes: the kernel's limit.
pub(crate) const MOST_PLACES: usize = 1024;

/// Writes `bytes` to places (address, length) in the memory of another process, one after the other; they fit exactly.
pub(crate) fn write_memory(pid: i32, bytes: &[u8], places: &[(u64, u64)]) -> Result<(), Errno> {
    let local = libc::iovec {
        // The kernel only reads it.
        iov_base: bytes.as_ptr().cast_mut().cast(),
        iov_len: bytes.len(),
    };
    let remote: Vec<_> = places.iter().copied().map(remote_place).collect();
    let count = remote.len() as libc::c_ulong;
    // SAFETY: `local` is memory of ours and `remote` an array of `count`, for as long as the call lasts.
    let written = check(unsafe { libc::process_vm_writev(pid, &raw const local, 1, remote.as_ptr(), count, 0) } as _)?;
    if written as usize == bytes.len() { Ok(()) } else { Err(Errno(libc::EFAULT)) }
}

fn remote_place((address, length): (u64, u64)) -> libc::iovec {
    libc::iovec {
        iov_base: std::ptr::without_provenance_mut(address as usize),
        iov_len: length as usize,
    }
}

/// A file that is sealed against change, as memory.
#[derive(Debug)]
pub(crate) struct Sealed {
    start: *const u8,
    length: usize,
}

impl Sealed {
    /// `EINVAL` when the file may still change.
    pub(crate) fn map(file: &File) -> Result<Self, Errno> {
        use rustix::fs::SealFlags;
        let needed = SealFlags::SHRINK | SealFlags::WRITE;
        if !rustix::fs::fcntl_get_seals(file)?.contains(needed) {
            return Err(Errno(libc::EINVAL));
        }
        let length = file.metadata()?.len() as usize;
        let flags = libc::MAP_SHARED | libc::MAP_POPULATE;
        // SAFETY: a new mapping at a place of the kernel's choice changes no memory in use.
        let start = unsafe { libc::mmap(std::ptr::null_mut(), length, libc::PROT_READ, flags, file.as_raw_fd(), 0) };
        if start == libc::MAP_FAILED {
            return Err(Errno::last());
        }
        Ok(Self { start: start.cast(), length })
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        // SAFETY: `start` is a readable mapping of `length` bytes until we are dropped, and the seals (checked when it
        // was made; none can be taken off) keep the file from being written to or shortened.
        unsafe { std::slice::from_raw_parts(self.start, self.length) }
    }
}

impl Drop for Sealed {
    fn drop(&mut self) {
        // SAFETY: the mapping was made by `map` and is ours alone; nothing borrows from it any more.
        unsafe { libc::munmap(self.start.cast_mut().cast(), self.length) };
    }
}
