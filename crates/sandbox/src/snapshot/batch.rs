//! Many system calls made in a stopped process's name at once.
//!
//! A restore takes hundreds of calls; stopping for each would take longer than everything else. So a page of code makes
//! a list of calls one after the other and ends at a breakpoint, or at the first call whose result is another than
//! expected.

use super::error::{SnapshotError, Step};
use super::maps::PAGE;
use super::tracee::{Stop, Tracee, outcome, unexpected};
use crate::error::Errno;
use crate::sys::trace::{self, Fate, Registers};

/// `rbx` points to the next call, `r12` counts those that remain.
#[rustfmt::skip]
const CODE: [u8; 45] = [
    0x48, 0x8b, 0x03,               // again: mov rax, [rbx]
    0x48, 0x8b, 0x7b, 0x08,         //        mov rdi, [rbx + 8]
    0x48, 0x8b, 0x73, 0x10,         //        mov rsi, [rbx + 16]
    0x48, 0x8b, 0x53, 0x18,         //        mov rdx, [rbx + 24]
    0x4c, 0x8b, 0x53, 0x20,         //        mov r10, [rbx + 32]
    0x4c, 0x8b, 0x43, 0x28,         //        mov r8, [rbx + 40]
    0x4c, 0x8b, 0x4b, 0x30,         //        mov r9, [rbx + 48]
    0x0f, 0x05,                     //        syscall
    0x48, 0x3b, 0x43, 0x38,         //        cmp rax, [rbx + 56]
    0x75, 0x09,                     //        jne end
    0x48, 0x83, 0xc3, 0x40,         //        add rbx, 64
    0x49, 0xff, 0xcc,               //        dec r12
    0x75, 0xd4,                     //        jne again
    0xcc,                           // end:   int3
];

/// Where the code is after its `syscall`.
const AFTER_CALL: u64 = 29;

const CALL_BYTES: u64 = 64;
const MOST_CALLS: usize = 3000;
const LIST_BYTES: u64 = 192 << 10;
const DATA_BYTES: u64 = 64 << 10;
/// Code, list and data.
pub(super) const BYTES: u64 = PAGE + LIST_BYTES + DATA_BYTES;

/// A call and what it has to return.
#[derive(Debug, Clone)]
pub(super) struct Call {
    number: i64,
    arguments: [u64; 6],
    /// Goes into memory; the argument of that index is its address.
    data: Option<(usize, Vec<u8>)>,
    expected: u64,
    step: String,
}

impl Call {
    pub(super) fn new<const N: usize>(
        number: i64,
        arguments: [u64; N],
        expected: u64,
        step: impl Into<String>,
    ) -> Self {
        let mut all = [0; 6];
        all[..N].copy_from_slice(&arguments);
        Self {
            number,
            arguments: all,
            data: None,
            expected,
            step: step.into(),
        }
    }

    /// With bytes in memory, whose address is this argument.
    pub(super) fn with_data(mut self, argument: usize, data: Vec<u8>) -> Self {
        self.data = Some((argument, data));
        self
    }
}

/// Code and room for lists, mapped in a process.
#[derive(Debug)]
pub(super) struct Batch<'a> {
    tracee: &'a Tracee,
    at: u64,
    base: Registers,
}

impl<'a> Batch<'a> {
    /// Maps it at a free address; `base` are registers of the process where it waits.
    pub(super) fn map(tracee: &'a Tracee, base: Registers, at: u64) -> Result<Self, SnapshotError> {
        const STEP: &str = "map code into the process";
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED_NOREPLACE;
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        let arguments = [at, BYTES, protection as u64, flags as u64, u64::MAX, 0];
        if tracee.call(&base, libc::SYS_mmap, arguments, STEP)? != at {
            return Err(Errno(libc::EEXIST)).step(STEP);
        }
        trace::write_memory(tracee.pid, &CODE, &[(at, CODE.len() as u64)]).step(STEP)?;
        let protection = libc::PROT_READ | libc::PROT_EXEC;
        tracee.call(&base, libc::SYS_mprotect, [at, PAGE, protection as u64], STEP)?;
        Ok(Self { tracee, at, base })
    }

    /// Makes one call that the system call filter of the process does not allow, with code that only we have written.
    /// `data` goes into memory and is the argument of that index.
    ///
    /// # Errors
    /// Also when this process must not suspend the filter.
    pub(super) fn run_unfiltered<const N: usize>(
        &self,
        number: i64,
        mut arguments: [u64; N],
        (argument, data): (usize, &[u8]),
        step: &str,
    ) -> Result<(), SnapshotError> {
        let pid = self.tracee.pid;
        arguments[argument] = self.at + PAGE;
        trace::write_memory(pid, data, &[(self.at + PAGE, data.len() as u64)]).step(step)?;
        trace::suspend_filter(pid, Fate::IsKilled).map_err(|errno| {
            let needs = "the helper needs CAP_SYS_ADMIN and must be under no filter itself";
            SnapshotError::refused(format!("its system call filter could not be suspended ({errno}): {needs}"))
        })?;
        let base = Registers {
            rip: self.at + AFTER_CALL,
            ..self.base
        };
        self.tracee.call(&base, number, arguments, step)?;
        trace::set_fate(pid, Fate::IsKilled).step("put the system call filter into force again")
    }

    /// Makes the calls in order.
    ///
    /// # Errors
    /// Names the first one that does not return what is expected; those after it are not made.
    pub(super) fn run(&self, calls: &[Call]) -> Result<(), SnapshotError> {
        let mut rest = calls;
        while !rest.is_empty() {
            let (now, later) = rest.split_at(fitting(rest));
            if now.is_empty() {
                return Err(Errno(libc::ENAMETOOLONG)).step(rest[0].step.clone());
            }
            self.run_fitting(now)?;
            rest = later;
        }
        Ok(())
    }

    fn run_fitting(&self, calls: &[Call]) -> Result<(), SnapshotError> {
        const STEP: &str = "make system calls in the process";
        let list = self.at + PAGE;
        let data = list + LIST_BYTES;
        let (list_bytes, data_bytes) = lay_out(calls, data);
        trace::write_memory(self.tracee.pid, &list_bytes, &[(list, list_bytes.len() as u64)]).step(STEP)?;
        if !data_bytes.is_empty() {
            trace::write_memory(self.tracee.pid, &data_bytes, &[(data, data_bytes.len() as u64)]).step(STEP)?;
        }
        let registers = Registers {
            rip: self.at,
            rbx: list,
            r12: calls.len() as u64,
            orig_rax: u64::MAX,
            ..self.base
        };
        trace::set_registers(self.tracee.pid, &registers).step(STEP)?;
        trace::resume(self.tracee.pid, 0).step(STEP)?;
        match self.tracee.next_stop()? {
            Stop::Signal(libc::SIGTRAP) => {}
            other => return Err(unexpected(&other, STEP)),
        }
        let ended = trace::registers(self.tracee.pid).step(STEP)?;
        let Some(failed) = (calls.len() as u64).checked_sub(ended.r12).and_then(|made| calls.get(made as usize)) else {
            return Ok(());
        };
        outcome(ended.rax).step(failed.step.clone())?;
        let (found, expected) = (ended.rax, failed.expected);
        Err(SnapshotError::Damaged(format!("{found:#x} where {expected:#x} was expected, in order to {}", failed.step)))
    }
}

/// How many of the calls fit at once.
fn fitting(calls: &[Call]) -> usize {
    let mut bytes = 0;
    let fits = |call: &&Call| {
        bytes += call.data.as_ref().map_or(0, |(_, data)| padded(data.len()));
        bytes <= DATA_BYTES as usize
    };
    calls.iter().take(MOST_CALLS).take_while(fits).count()
}

fn padded(length: usize) -> usize {
    length.next_multiple_of(8)
}

/// The list and the data, which will lie at `data`.
fn lay_out(calls: &[Call], data: u64) -> (Vec<u8>, Vec<u8>) {
    let mut list = Vec::with_capacity(calls.len() * CALL_BYTES as usize);
    let mut bytes = Vec::new();
    for call in calls {
        let mut arguments = call.arguments;
        if let Some((argument, text)) = &call.data {
            arguments[*argument] = data + bytes.len() as u64;
            bytes.extend_from_slice(text);
            bytes.resize(padded(bytes.len()), 0);
        }
        let words = [call.number as u64].into_iter().chain(arguments).chain([call.expected]);
        words.for_each(|word| list.extend_from_slice(&word.to_ne_bytes()));
    }
    (list, bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_laid_out_as_the_code_reads_them() {
        let plain = Call::new(9, [1, 2], 7, "plain");
        let with_data = Call::new(257, [5, 0], 4, "data").with_data(1, b"/x\0".to_vec());
        let (list, data) = lay_out(&[plain, with_data], 0x1000);
        let words: Vec<u64> = list.as_chunks::<8>().0.iter().map(|word| u64::from_ne_bytes(*word)).collect();
        assert_eq!(words, [9, 1, 2, 0, 0, 0, 0, 7, 257, 5, 0x1000, 0, 0, 0, 0, 4]);
        assert_eq!(data, b"/x\0\0\0\0\0\0");
        // What the jumps are relative to.
        assert_eq!(CODE[AFTER_CALL as usize - 2..AFTER_CALL as usize], [0x0f, 0x05]);
        assert_eq!((CODE[34], CODE[43]), (44 - 35, (0i8 - 44) as u8));
    }

    #[test]
    fn as_many_as_fit_go_at_once() {
        let call = Call::new(1, [0], 0, "").with_data(0, vec![0; 40 << 10]);
        assert_eq!(fitting(&[call.clone(), call]), 1);
        assert_eq!(fitting(&vec![Call::new(1, [0], 0, ""); MOST_CALLS + 9]), MOST_CALLS);
    }
}
