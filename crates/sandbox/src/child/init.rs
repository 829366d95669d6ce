//! Process 1 of a sandbox: reaps what ends, tells how the processes ended that it was asked for, and obeys the server.
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
use crate::error::SetupError;
use crate::protocol::{self, FromSlot, ProcessPlan, Role, ToSlot};
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

/// Reports the end if somebody asked for the process; orphans are just collected.
fn note_end(sandbox: &mut Sandbox<'_>, pid: i32, status: i32) -> io::Result<()> {
    let Some(place) = sandbox.running.iter().position(|running| running.pid == pid) else {
        return Ok(());
    };
    let process = sandbox.running.swap_remove(place).number;
    let status = if libc::WIFSIGNALED(status) {
        ExitStatus::Signal(libc::WTERMSIG(status))
    } else {
        ExitStatus::Code(libc::WEXITSTATUS(status))
    };
    protocol::send(sandbox.control.as_fd(), &FromSlot::Exited { process, status }, &[])
}

fn obey(sandbox: &mut Sandbox<'_>, message: ToSlot, fds: Vec<OwnedFd>) -> io::Result<()> {
    match message {
        ToSlot::Start(_) => {}
        ToSlot::Spawn { request, role, process } => {
            // What has just ended is not in the way.
            reap(sandbox)?;
            let outcome = spawn(sandbox, (request, role), &process, fds);
            answer(sandbox, request, outcome.map(|()| None::<OwnedFd>))?;
        }
        ToSlot::Reset { request } => {
            reset(sandbox)?;
            answer(sandbox, request, Ok(None::<OwnedFd>))?;
        }
        ToSlot::Listen { request, port } => answer(sandbox, request, start::listen(port).map(Some))?,
        ToSlot::Connect { request, port } => {
            let begun = sys::begin_connect(port).map_err(|errno| SetupError::Connect { port, errno });
            answer(sandbox, request, begun.map(Some))?;
        }
        ToSlot::SetLimits(limits) => sandbox.shape.limits = limits,
        ToSlot::Signal { process, signal } => {
            if let Some(running) = sandbox.running.iter().find(|running| running.number == process) {
                let _ = sys::kill(running.pid, signal);
            }
        }
        ToSlot::KillAll => kill_all(),
        ToSlot::StopAll => drop(sys::kill(-1, libc::SIGSTOP)),
        ToSlot::ContinueAll => drop(sys::kill(-1, libc::SIGCONT)),
    }
    Ok(())
}

fn answer(sandbox: &Sandbox<'_>, request: u32, outcome: Result<Option<impl AsFd>, SetupError>) -> io::Result<()> {
    let (fd, error) = match outcome {
        Ok(fd) => (fd, None),
        Err(error) => (None, Some(error)),
    };
    let fds: Vec<_> = fd.iter().map(AsFd::as_fd).collect();
    protocol::send(sandbox.control.as_fd(), &FromSlot::Answer { request, error }, &fds)
}

fn spawn(
    sandbox: &mut Sandbox<'_>,
    (number, role): (u32, Role),
    plan: &ProcessPlan,
    fds: Vec<OwnedFd>,
) -> Result<(), SetupError> {
    if role == Role::Main && sandbox.running.iter().any(|running| running.role == Role::Main) {
        return Err(SetupError::MainRuns);
    }
    let running = process::spawn(&sandbox.shape, plan, fds, (number, role))?;
    sandbox.running.push(running);
    Ok(())
}

/// Everyone in this pid namespace but ourselves; the kernel lets no fork slip through.
fn kill_all() {
    let _ = sys::kill(-1, libc::SIGKILL);
}

fn reset(sandbox: &mut Sandbox<'_>) -> io::Result<()> {
    kill_all();
    while let Ok(Some((pid, status))) = sys::reap_blocking() {
        note_end(sandbox, pid, status)?;
    }
    Ok(())
}
