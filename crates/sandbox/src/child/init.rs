//! Process 1 of a sandbox: reaps what ends, tells how the main process ended, and obeys the server.
//!
//! A closed socket is the order to end: the kernel then kills every process of the sandbox.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::net::RecvFlags;

use super::process;
use super::start::{self, Sandbox};
use crate::protocol::{self, FromSlot, ProcessPlan, ToSlot};
use crate::spec::ExitStatus;
use crate::sys;

pub(super) fn serve(mut sandbox: Sandbox<'_>) -> io::Result<()> {
    let mut ended = SigSet::empty();
    ended.add(Signal::SIGCHLD);
    ended.thread_block()?;
    let signals = SignalFd::with_flags(&ended, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC)?;
    loop {
        // Also before the first wait: a child may have ended before the signal was blocked.
        reap(&mut sandbox)?;
        let mut waits = [PollFd::new(sandbox.control, PollFlags::IN), PollFd::new(&signals, PollFlags::IN)];
        rustix::io::retry_on_intr(|| poll(&mut waits, None))?;
        let (asked, signalled) = (!waits[0].revents().is_empty(), !waits[1].revents().is_empty());
        if signalled {
            while signals.read_signal()?.is_some() {}
        }
        if asked {
            let Some((message, fds)) = protocol::receive(sandbox.control.as_fd(), RecvFlags::empty())? else {
                return Ok(());
            };
            obey(&mut sandbox, message, fds)?;
        }
    }
}

fn reap(sandbox: &mut Sandbox<'_>) -> io::Result<()> {
    while let Ok(Some((pid, status))) = sys::reap() {
        note_end(sandbox, pid, status)?;
    }
    Ok(())
}

/// Reports the end if it was the main process's; orphans are just collected.
fn note_end(sandbox: &mut Sandbox<'_>, pid: i32, status: i32) -> io::Result<()> {
    let Some(running) = sandbox.running.take_if(|running| running.pid == pid) else {
        return Ok(());
    };
    let status = if libc::WIFSIGNALED(status) {
        ExitStatus::Signal(libc::WTERMSIG(status))
    } else {
        ExitStatus::Code(libc::WEXITSTATUS(status))
    };
    let exited = FromSlot::Exited {
        generation: running.generation,
        status,
    };
    protocol::send(sandbox.control.as_fd(), &exited, &[])
}

fn obey(sandbox: &mut Sandbox<'_>, message: ToSlot, fds: Vec<OwnedFd>) -> io::Result<()> {
    match message {
        ToSlot::Start(_) => {}
        ToSlot::Respawn { generation, process } => respawn(sandbox, generation, &process, fds)?,
        ToSlot::Listen { port } => listen(sandbox, port)?,
        ToSlot::Signal(signal) => {
            if let Some(running) = &sandbox.running {
                let _ = sys::kill(running.pid, signal);
            }
        }
        // Everyone in this pid namespace but ourselves; the kernel lets no fork slip through.
        ToSlot::KillAll => drop(sys::kill(-1, libc::SIGKILL)),
        ToSlot::StopAll => drop(sys::kill(-1, libc::SIGSTOP)),
        ToSlot::ContinueAll => drop(sys::kill(-1, libc::SIGCONT)),
    }
    Ok(())
}

fn listen(sandbox: &Sandbox<'_>, port: u16) -> io::Result<()> {
    let (listener, error) = match start::listen(port) {
        Ok(listener) => (Some(listener), None),
        Err(error) => (None, Some(error)),
    };
    let fds: Vec<_> = listener.iter().map(AsFd::as_fd).collect();
    protocol::send(sandbox.control.as_fd(), &FromSlot::Listening { port, error }, &fds)
}

fn respawn(sandbox: &mut Sandbox<'_>, generation: u32, plan: &ProcessPlan, fds: Vec<OwnedFd>) -> io::Result<()> {
    // Everyone in this pid namespace but ourselves; the kernel lets no fork slip through.
    let _ = sys::kill(-1, libc::SIGKILL);
    while let Ok(Some((pid, status))) = sys::reap_blocking() {
        note_end(sandbox, pid, status)?;
    }
    let answer = match process::spawn(&sandbox.shape, plan, fds, generation) {
        Ok(running) => {
            sandbox.running = Some(running);
            FromSlot::Started { generation }
        }
        Err(error) => FromSlot::StartFailed { generation, error },
    };
    protocol::send(sandbox.control.as_fd(), &answer, &[])
}
