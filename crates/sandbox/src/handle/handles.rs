//! The descriptors of one sandbox: freezing, killing and measuring it without asking anyone.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use parking_lot::Mutex;
use rustix::fs::{Mode, OFlags, openat};
use tokio::io::unix::AsyncFd;

use crate::cgroup::Bandwidth;
use crate::protocol::HandleKind;
use crate::sys;

#[derive(Debug)]
pub(super) struct Handles {
    pub(super) control: AsyncFd<OwnedFd>,
    cgroup: Vec<(HandleKind, OwnedFd)>,
    quota: Mutex<Quota>,
}

/// The quota of the processors.
#[derive(Debug, Default)]
struct Quota {
    /// In thousandths of one.
    wanted: Option<u32>,
    /// Not in force for now, so that what was killed can die.
    is_lifted: bool,
}

/// Puts the quota back into force on drop.
pub(super) struct WithoutQuota<'a>(&'a Handles);

impl Drop for WithoutQuota<'_> {
    fn drop(&mut self) {
        self.0.restore_quota();
    }
}

/// How to freeze, if a cgroup can.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Frozen {
    Yes,
    No,
}

impl Handles {
    pub(super) fn new(kinds: &[HandleKind], fds: Vec<OwnedFd>) -> io::Result<Self> {
        if kinds.len() != fds.len() {
            return Err(io::Error::other(format!("{} descriptors, expected {}", fds.len(), kinds.len())));
        }
        let mut control = None;
        let mut cgroup = Vec::new();
        for (kind, fd) in kinds.iter().zip(fds) {
            match kind {
                HandleKind::Control => control = Some(fd),
                kind => cgroup.push((*kind, fd)),
            }
        }
        let control = control.ok_or_else(|| io::Error::other("no control socket"))?;
        rustix::io::ioctl_fionbio(&control, true)?;
        Ok(Self {
            control: sys::watch(control)?,
            cgroup,
            quota: Mutex::default(),
        })
    }

    fn find(&self, kind: HandleKind) -> Option<&OwnedFd> {
        self.cgroup.iter().find(|(found, _)| *found == kind).map(|(_, fd)| fd)
    }

    /// Freezes or thaws by one write; false where no cgroup can.
    pub(super) fn set_frozen(&self, frozen: Frozen) -> io::Result<bool> {
        let yes = frozen == Frozen::Yes;
        if let Some(file) = self.find(HandleKind::FreezeV2) {
            sys::write_at_start(file, if yes { "1" } else { "0" })?;
        } else if let Some(file) = self.find(HandleKind::FreezeV1) {
            sys::write_at_start(file, if yes { "FROZEN" } else { "THAWED" })?;
        } else {
            return Ok(false);
        }
        Ok(true)
    }

    /// Kills everything, the sandbox's first process too; false where the kernel has no such file.
    pub(super) fn kill(&self) -> bool {
        self.find(HandleKind::KillV2).is_some_and(|file| sys::write_at_start(file, "1").is_ok())
    }

    /// Notes the quota that someone else has set.
    pub(super) fn quota_is(&self, millis: Option<u32>) {
        *self.quota.lock() = Quota {
            wanted: millis,
            is_lifted: false,
        };
    }

    pub(super) fn set_cpu_quota(&self, millis: Option<u32>) -> io::Result<()> {
        let mut quota = self.quota.lock();
        quota.wanted = millis;
        if quota.is_lifted { Ok(()) } else { self.write_quota(millis) }
    }

    /// Takes the quota out of force until [`Self::restore_quota`].
    pub(super) fn lift_quota(&self) {
        let mut quota = self.quota.lock();
        if quota.wanted.is_some() && !quota.is_lifted {
            // Where it cannot be lifted the sandbox has ended, or dying takes longer.
            quota.is_lifted = self.write_quota(None).is_ok();
        }
    }

    pub(super) fn restore_quota(&self) {
        let mut quota = self.quota.lock();
        if quota.is_lifted {
            // It was written before; it fails only when the sandbox has ended.
            quota.is_lifted = self.write_quota(quota.wanted).is_err();
        }
    }

    pub(super) fn without_quota(&self) -> WithoutQuota<'_> {
        self.lift_quota();
        WithoutQuota(self)
    }

    /// Does nothing where no CPU controller is.
    fn write_quota(&self, millis: Option<u32>) -> io::Result<()> {
        let bandwidth = Bandwidth::new(millis);
        let burst = self.find(HandleKind::CpuBurst);
        // The kernel demands `burst <= quota` at every moment.
        burst.map_or(Ok(()), |file| sys::write_at_start(file, "0"))?;
        self.write_bandwidth(bandwidth)?;
        match (burst, bandwidth.burst()) {
            (Some(file), Some(text)) => sys::write_at_start(file, &text),
            _ => Ok(()),
        }
    }

    fn write_bandwidth(&self, bandwidth: Bandwidth) -> io::Result<()> {
        if let Some(file) = self.find(HandleKind::CpuQuotaV2) {
            return sys::write_at_start(file, &bandwidth.v2());
        }
        if let (Some(quota), Some(period)) = (self.find(HandleKind::CpuQuotaV1), self.find(HandleKind::CpuPeriodV1)) {
            sys::write_at_start(period, &bandwidth.v1_period())?;
            sys::write_at_start(quota, &bandwidth.v1_quota())?;
        }
        Ok(())
    }

    /// What the sandbox uses now, and at most so far, by the kernel's count: file cache included.
    pub(super) fn memory(&self) -> Option<Memory> {
        if let Some(dir) = self.find(HandleKind::MemoryDirV2) {
            let current = number(dir, "memory.current")?;
            return Some(Memory {
                current,
                // Linux 5.19; before that only what is seen when asked.
                peak: number(dir, "memory.peak").unwrap_or(current),
                file_cache: field(dir, "memory.stat", "file").unwrap_or(0),
            });
        }
        let dir = self.find(HandleKind::MemoryDirV1)?;
        Some(Memory {
            current: number(dir, "memory.usage_in_bytes")?,
            peak: number(dir, "memory.max_usage_in_bytes")?,
            file_cache: field(dir, "memory.stat", "total_cache").unwrap_or(0),
        })
    }

    pub(super) fn oom_kills(&self) -> u64 {
        let (kind, file) = match self.find(HandleKind::MemoryDirV2) {
            Some(_) => (HandleKind::MemoryDirV2, "memory.events"),
            None => (HandleKind::MemoryDirV1, "memory.oom_control"),
        };
        self.find(kind).and_then(|dir| field(dir, file, "oom_kill")).unwrap_or(0)
    }

    pub(super) fn cpu_usage(&self) -> Option<Duration> {
        if let Some(dir) = self.find(HandleKind::CpuDirV2) {
            return field(dir, "cpu.stat", "usage_usec").map(Duration::from_micros);
        }
        let dir = self.find(HandleKind::CpuDirV1)?;
        number(dir, "cpuacct.usage").map(Duration::from_nanos)
    }
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Memory {
    pub(super) current: u64,
    pub(super) peak: u64,
    pub(super) file_cache: u64,
}

fn read(dir: &OwnedFd, file: &str) -> Option<String> {
    let file = openat(dir.as_fd(), file, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).ok()?;
    let mut text = vec![0; 8192];
    let length = rustix::io::read(&file, &mut text).ok()?;
    text.truncate(length);
    String::from_utf8(text).ok()
}

fn number(dir: &OwnedFd, file: &str) -> Option<u64> {
    read(dir, file)?.trim().parse().ok()
}

/// The value of a line `name value`.
fn field(dir: &OwnedFd, file: &str, name: &str) -> Option<u64> {
    read(dir, file)?
        .lines()
        .filter_map(|line| line.split_once(' '))
        .find(|(found, _)| *found == name)
        .and_then(|(_, value)| value.trim().parse().ok())
}
