//! One stopped process, and system calls made in its name.

use std::time::{Duration, Instant};

use super::error::{SnapshotError, Step};
use crate::error::Errno;
use crate::sys::trace::{self, Fate, Registers};

/// How long a process may take to get to where it waits: it has just said that it is about to.
const PATIENCE: Duration = Duration::from_secs(5);
const FIRST_PAUSE: Duration = Duration::from_micros(200);
const LONGEST_PAUSE: Duration = Duration::from_millis(20);

/// The machine code of `syscall`.
const SYSCALL: [u8; 2] = [0x0f, 0x05];
/// The code segment of 64-bit programs.
const CODE_64: u64 = 0x33;
/// What an interrupted call will have returned if a handler runs, and otherwise lets it begin again: kernel's own
/// numbers, which no program sees.
const RESTART: [i64; 2] = [-512, -516];
/// Calls in which a process waits, and that can be made again with nothing lost.
const WAITING_CALLS: [i64; 5] =
    [libc::SYS_read, libc::SYS_readv, libc::SYS_recvfrom, libc::SYS_recvmsg, libc::SYS_poll];

/// All but the one that tells of a breakpoint: the kernel would take away its handler to get through.
const ALL_BUT_TRAP: u64 = !(1 << (libc::SIGTRAP - 1));

/// A process that is traced by this one.
#[derive(Debug)]
pub(super) struct Tracee {
    pub(super) pid: i32,
}

/// Why a tracee is stopped.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Stop {
    Interrupted,
    /// By a signal to all of it, until it is continued.
    Group,
    /// At the beginning or end of a system call.
    Call,
    Signal(i32),
}

impl Tracee {
    pub(super) fn seize(pid: i32, fate: Fate) -> Result<Self, SnapshotError> {
        match trace::seize(pid, fate) {
            Err(Errno(libc::EPERM)) => {
                Err(SnapshotError::refused("this user may not trace it, or it is traced already"))
            }
            other => other.step("trace the process").map(|()| Self { pid }),
        }
    }

    pub(super) fn next_stop(&self) -> Result<Stop, SnapshotError> {
        const EVENT_STOP: i32 = 128;
        let status = trace::wait_for(self.pid).step("wait for the process to stop")?;
        if !libc::WIFSTOPPED(status) {
            return Err(SnapshotError::Ended);
        }
        Ok(match (status >> 16, libc::WSTOPSIG(status)) {
            (EVENT_STOP, libc::SIGTRAP) => Stop::Interrupted,
            (EVENT_STOP, _) => Stop::Group,
            (_, signal) if signal == libc::SIGTRAP | 0x80 => Stop::Call,
            (_, signal) => Stop::Signal(signal),
        })
    }

    /// Stops it where it waits for something to read; gives its registers there.
    pub(super) fn stop_where_it_waits(&self) -> Result<Registers, SnapshotError> {
        let begun = Instant::now();
        let mut pause = FIRST_PAUSE;
        loop {
            trace::interrupt(self.pid).step("stop the process")?;
            let signal = match self.next_stop()? {
                Stop::Interrupted => {
                    let registers = trace::registers(self.pid).step("read the registers")?;
                    if self.waits(&registers) {
                        return Ok(registers);
                    }
                    0
                }
                Stop::Group => return Err(SnapshotError::refused("a signal has stopped it, expected it to run")),
                Stop::Signal(signal) => signal,
                Stop::Call => 0,
            };
            trace::resume(self.pid, signal).step("continue the process")?;
            if begun.elapsed() > PATIENCE {
                return Err(SnapshotError::refused("it does not wait for something to read, expected that it does"));
            }
            std::thread::sleep(pause);
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    fn waits(&self, registers: &Registers) -> bool {
        let call = registers.orig_rax as i64;
        let mut code = [0; 2];
        registers.cs == CODE_64
            && WAITING_CALLS.contains(&call)
            && RESTART.contains(&(registers.rax as i64))
            && trace::read_memory(self.pid, registers.rip.wrapping_sub(2), &mut code).is_ok()
            && code == SYSCALL
    }

    /// No signal gets in between from here on; the mask that it had.
    pub(super) fn block_signals(&self) -> Result<u64, SnapshotError> {
        let mask = trace::signal_mask(self.pid).step("read the blocked signals")?;
        trace::set_signal_mask(self.pid, ALL_BUT_TRAP).step("block signals")?;
        Ok(mask)
    }

    /// Makes a system call in its name, with the code at `rip` (after the `syscall`) of these registers.
    ///
    /// # Errors
    /// When the call fails as well: `step` says what it was for.
    pub(super) fn call<const N: usize>(
        &self,
        base: &Registers,
        number: i64,
        arguments: [u64; N],
        step: &str,
    ) -> Result<u64, SnapshotError> {
        let mut all = [0; 6];
        all[..N].copy_from_slice(&arguments);
        let registers = Registers {
            rip: base.rip - 2,
            rax: number as u64,
            orig_rax: u64::MAX,
            rdi: all[0],
            rsi: all[1],
            rdx: all[2],
            r10: all[3],
            r8: all[4],
            r9: all[5],
            ..*base
        };
        trace::set_registers(self.pid, &registers).step(step)?;
        let began = self.next_call_stop(step)?;
        // The code is the process's own, and could have become another.
        if (began.rip, began.orig_rax) != (base.rip, number as u64) {
            return Err(SnapshotError::Damaged(format!("other code where a call was to be made to {step}")));
        }
        outcome(self.next_call_stop(step)?.rax).step(step)
    }

    fn next_call_stop(&self, step: &str) -> Result<Registers, SnapshotError> {
        trace::resume_to_call(self.pid).step(step)?;
        match self.next_stop()? {
            Stop::Call => trace::registers(self.pid).step(step),
            other => Err(unexpected(&other, step)),
        }
    }

    /// Brings it to a stop from which registers take effect as if it had been stopped where they were read.
    pub(super) fn stop_for_registers(&self) -> Result<(), SnapshotError> {
        const STEP: &str = "stop the process for its registers";
        trace::interrupt(self.pid).step(STEP)?;
        trace::resume(self.pid, 0).step(STEP)?;
        match self.next_stop()? {
            Stop::Interrupted => Ok(()),
            other => Err(unexpected(&other, STEP)),
        }
    }

    pub(super) fn detach(&self) -> Result<(), SnapshotError> {
        trace::detach(self.pid).step("let go of the process")
    }
}

/// What a system call returned, by the kernel's convention.
pub(super) fn outcome(result: u64) -> Result<u64, Errno> {
    match result as i64 {
        errno @ -4095..=-1 => Err(Errno(-errno as i32)),
        _ => Ok(result),
    }
}

pub(super) fn unexpected(stop: &Stop, step: &str) -> SnapshotError {
    SnapshotError::Damaged(format!("a process that stopped by {stop:?} when it was to {step}"))
}
