//! The helper: the privileged process that keeps slots prepared, hands them out, and cleans up behind them.
//!
//! Single-threaded, one loop around `poll`. It does nothing slow itself: what takes time happens in the slots, which
//! are its children. It ends, with everything it made, when the server's socket closes.

mod area;
mod burial;
mod host;
mod lease;
mod slots;

use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, OwnedFd};

use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::RecvFlags;

pub(crate) use area::ids_taken;
pub(crate) use host::{Facts, is_privileged};

use crate::protocol::{self, FromHelper, ToHelper};
use crate::sys;
use host::Host;
use slots::Slots;

/// The number of the descriptor on which the helper inherits its socket.
const SOCKET: i32 = 0;

/// Runs the helper until its server is gone.
///
/// Call it first thing in `main` when the first argument is [`crate::HELPER_ARG`], before any thread exists.
pub fn run_helper() -> ! {
    let code = match serve() {
        Ok(()) => 0,
        Err(error) => {
            // The server hears failures over the socket; this is for the case that there is none.
            let _ = io::Write::write_all(
                &mut io::stderr(),
                format!("sandbox helper: {error}; it is started by the server, not by hand\n").as_bytes(),
            );
            1
        }
    };
    // Nothing is left to be dropped; `main` of the binary has not begun its own work.
    sys::exit_now(code)
}

fn serve() -> io::Result<()> {
    let socket = sys::adopt_fd(SOCKET).map_err(|errno| io::Error::from_raw_os_error(errno.0))?;
    let Some((message, _)) = protocol::receive::<ToHelper>(socket.as_fd(), RecvFlags::empty())? else {
        return Ok(());
    };
    let ToHelper::Begin(options) = message else {
        return Err(io::Error::other("expected the options as the first message"));
    };
    // The server ends by its own signals; the helper must live to clean up behind it, also when a terminal
    // sends Ctrl-C to both.
    rustix::process::setsid().map(drop).or_else(ignore_already_leader)?;
    let host = match Host::prepare(options) {
        Ok(host) => host,
        Err(reason) => return protocol::send(socket.as_fd(), &FromHelper::Refused(reason), &[]),
    };
    let began = FromHelper::Began {
        level: host.facts.level,
        mechanisms: crate::doctor::mechanisms(&host.facts),
    };
    protocol::send(socket.as_fd(), &began, &[])?;
    let mut helper = Helper {
        slots: Slots::new(host),
        socket,
    };
    let ended = helper.run();
    helper.slots.clear();
    match ended {
        // The server died while it was being told something: its end, not a failure of ours.
        Err(error) if matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset) => Ok(()),
        other => other,
    }
}

fn ignore_already_leader(error: rustix::io::Errno) -> io::Result<()> {
    match error {
        rustix::io::Errno::PERM => Ok(()),
        other => Err(other.into()),
    }
}

struct Helper {
    slots: Slots,
    socket: OwnedFd,
}

impl Helper {
    fn run(&mut self) -> io::Result<()> {
        let signals = child_signals()?;
        loop {
            let messages = self.slots.advance();
            for (message, fds) in messages {
                let fds: Vec<_> = fds.iter().map(AsFd::as_fd).collect();
                protocol::send(self.socket.as_fd(), &message, &fds)?;
            }
            let ready = self.wait(&signals)?;
            if ready.signals {
                while signals.read_signal()?.is_some() {}
                self.slots.reap();
            }
            for slot in ready.slots {
                self.slots.hear(slot);
            }
            if ready.server && !self.obey()? {
                return Ok(());
            }
        }
    }

    /// Sleeps until something happens.
    fn wait(&self, signals: &SignalFd) -> io::Result<Ready> {
        let listening = self.slots.listening();
        let mut waits = vec![PollFd::new(&self.socket, PollFlags::IN), PollFd::new(signals, PollFlags::IN)];
        waits.extend(listening.iter().map(|(_, fd)| PollFd::from_borrowed_fd(*fd, PollFlags::IN)));
        // A timeout of nothing at all would be rounded down to a busy loop.
        let timeout = self.slots.timeout().map(|timeout| Timespec {
            tv_sec: timeout.as_secs() as i64,
            tv_nsec: i64::from(timeout.subsec_nanos().max(1000)),
        });
        rustix::io::retry_on_intr(|| poll(&mut waits, timeout.as_ref()))?;
        let happened = |index: usize| !waits[index].revents().is_empty();
        Ok(Ready {
            server: happened(0),
            signals: happened(1),
            slots: listening
                .iter()
                .enumerate()
                .filter(|(index, _)| happened(index + 2))
                .map(|(_, (number, _))| *number)
                .collect(),
        })
    }

    /// Takes one message of the server; false when it is gone or wants us to end.
    fn obey(&mut self) -> io::Result<bool> {
        match protocol::receive(self.socket.as_fd(), RecvFlags::empty())? {
            Some((ToHelper::Lease { request, limits, tmp_bytes }, _)) => {
                self.slots.ask(lease::Lease { request, limits, tmp_bytes });
                Ok(true)
            }
            Some((
                ToHelper::Specialise {
                    request,
                    lease,
                    binds,
                    limits,
                },
                _,
            )) => {
                self.slots.specialise(request, lease, &binds, &limits);
                Ok(true)
            }
            Some((
                ToHelper::Snapshot {
                    request,
                    lease,
                    descriptors,
                    most_bytes,
                },
                _,
            )) => {
                self.slots.snapshot(request, lease, &descriptors, most_bytes);
                Ok(true)
            }
            Some((ToHelper::Restore { request, lease }, fds)) => {
                self.slots.restore(request, lease, fds);
                Ok(true)
            }
            Some((ToHelper::Begin(_), _)) => Ok(true),
            Some((ToHelper::Shutdown, _)) | None => Ok(false),
        }
    }
}

/// What [`Helper::wait`] woke up for.
struct Ready {
    server: bool,
    signals: bool,
    slots: Vec<u32>,
}

/// Tells of ended children. Polite signals are blocked for good: a service manager sends them to the helper as well,
/// while the server, which is what they mean, still finishes its work in the sandboxes.
fn child_signals() -> io::Result<SignalFd> {
    let mut polite = SigSet::empty();
    for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP] {
        polite.add(signal);
    }
    polite.thread_block()?;
    let mut ended = SigSet::empty();
    ended.add(Signal::SIGCHLD);
    ended.thread_block()?;
    Ok(SignalFd::with_flags(&ended, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC)?)
}
