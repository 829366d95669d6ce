//! The slots: forked ahead, handed out, and cleared away.
//!
//! A slot is `Preparing` until it says it is prepared, `Ready` until it is leased, then `Leased`; from any of these it
//! ends when its process does. Its number, and with it its range of user ids, is given again only when nothing of it
//! is left.

use std::collections::{BTreeMap, VecDeque};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::rc::Rc;
use std::time::{Duration, Instant};

use rustix::net::{AddressFamily, RecvFlags, SocketFlags, SocketType, socketpair};

use super::burial;
use super::host::Host;
use super::lease::Lease;
use crate::cgroup::SlotGroups;
use crate::child::{self, Late, LateNamespaces, SlotSetup};
use crate::error::SetupError;
use crate::protocol::{self, FromHelper, FromSlot, HandleKind, SPACE_FROM_SLOT, Specialised};
use crate::snapshot::{self, Place, SnapshotError, Source, Worker};
use crate::spec::{Bind, Level, Limits, UID_RANGE};
use crate::sys::{self, Fork};

/// How many slots are prepared at once when leases wait: more would only slow each other down.
const MOST_PREPARING: usize = 16;
/// How many when nobody waits: the machine has better things to do.
const MOST_REFILLING: usize = 1;

/// How often a group that could not be removed is tried again.
const SWEEP_EVERY: Duration = Duration::from_millis(5);
/// How long after a lease nothing is prepared ahead while a slot is still ready: the sandbox that just started has
/// better uses for the processors.
const QUIET: Duration = Duration::from_millis(20);

/// A message to the server with its descriptors.
pub(super) type Message = (FromHelper, Vec<OwnedFd>);

#[derive(Debug, PartialEq, Eq)]
enum State {
    Preparing,
    Ready,
    Leased,
    Ended,
}

struct Slot {
    pid: i32,
    state: State,
    tmp_bytes: u64,
    groups: Option<SlotGroups>,
    /// Our end of the slot's socket; the server's once leased.
    control: Option<OwnedFd>,
    /// The request that leased it. Unlike the slot's number it is never given again.
    lease: Option<u64>,
    /// From when it is prepared until it ends.
    namespaces: Option<LateNamespaces>,
    /// Who holds its namespaces after its end.
    buried_by: Option<i32>,
}

/// A process that works on a sandbox.
struct Job {
    request: u64,
    pid: i32,
    work: Work,
}

enum Work {
    Specialise {
        report: std::io::PipeReader,
    },
    /// With the file that the copy is written to; a restore has none to give.
    Copy {
        worker: Worker,
        copy: Option<OwnedFd>,
    },
}

pub(super) struct Slots {
    host: Host,
    slots: BTreeMap<u32, Slot>,
    waiting: VecDeque<Lease>,
    jobs: Vec<Job>,
    outbox: Vec<Message>,
    /// The size that was asked for last: what is prepared ahead.
    tmp_bytes: u64,
    /// When the last lease came.
    asked: Instant,
    /// Set when preparing ahead failed; cleared when someone asks. Else a broken host would be tried for ever.
    paused: bool,
}

impl Slots {
    pub(super) fn new(host: Host) -> Self {
        Self {
            tmp_bytes: host.options.tmp_bytes,
            host,
            slots: BTreeMap::new(),
            waiting: VecDeque::new(),
            jobs: Vec::new(),
            outbox: Vec::new(),
            asked: Instant::now(),
            paused: false,
        }
    }

    pub(super) fn ask(&mut self, lease: Lease) {
        self.tmp_bytes = lease.tmp_bytes;
        self.asked = Instant::now();
        self.paused = false;
        self.waiting.push_back(lease);
    }

    /// Begins to specialise a leased sandbox; the answer comes when it is done.
    pub(super) fn specialise(&mut self, request: u64, lease: u64, binds: &[Bind], limits: &Limits) {
        let live = self.slots.values().find(|slot| slot.lease == Some(lease));
        let Some((slot, namespaces)) = live.and_then(|slot| Some((slot, slot.namespaces.as_ref()?))) else {
            return self.answer(request, Specialised::Ended);
        };
        let begun = child::specialise(&Late {
            namespaces,
            groups: slot.groups.as_ref(),
            binds,
            limits,
            guarded: (!self.host.facts.controls("memory")).then_some(slot.pid),
        });
        match begun {
            Ok((pid, report)) => self.jobs.push(Job {
                request,
                pid,
                work: Work::Specialise { report },
            }),
            Err(error) => self.answer(request, Specialised::Failed(error)),
        }
    }

    /// Begins to copy the main process of a leased sandbox.
    pub(super) fn snapshot(&mut self, request: u64, lease: u64, descriptors: &[i32], most_bytes: u64) {
        let begun = self.copyable(lease).and_then(|(first, mount_namespace)| {
            snapshot::begin_capture(&Source {
                first,
                mount_namespace,
                descriptors,
                most_bytes,
            })
        });
        self.copying(request, begun.map(|(worker, copy)| (worker, Some(copy))));
    }

    /// Begins to put a copy into the place of the main process of a leased sandbox.
    pub(super) fn restore(&mut self, request: u64, lease: u64, fds: Vec<OwnedFd>) {
        let begun = self.copyable(lease).and_then(|(first, mount_namespace)| {
            let copy = fds.first().ok_or_else(|| SnapshotError::Damaged("no descriptor".into()))?;
            snapshot::begin_restore(&Place { first, mount_namespace }, copy.as_fd())
        });
        self.copying(request, begun.map(|worker| (worker, None)));
    }

    /// First process and mount namespace of a sandbox that has not ended.
    fn copyable(&self, lease: u64) -> Result<(i32, BorrowedFd<'_>), SnapshotError> {
        if self.host.facts.level == Level::User {
            let why = "snapshots need the isolation level root, because restoring one suspends a system call filter";
            return Err(SnapshotError::refused(why));
        }
        let live = self.slots.values().find(|slot| slot.lease == Some(lease));
        let found = live.and_then(|slot| Some((slot.pid, slot.namespaces.as_ref()?.mount.as_fd())));
        found.ok_or(SnapshotError::Ended)
    }

    fn copying(&mut self, request: u64, begun: Result<(Worker, Option<OwnedFd>), SnapshotError>) {
        match begun {
            Ok((worker, copy)) => self.jobs.push(Job {
                request,
                pid: worker.pid,
                work: Work::Copy { worker, copy },
            }),
            Err(error) => self.copied(request, Err(error)),
        }
    }

    fn copied(&mut self, request: u64, outcome: Result<Option<OwnedFd>, SnapshotError>) {
        let (outcome, copy) = match outcome {
            Ok(copy) => (Ok(()), copy),
            Err(error) => (Err(error), None),
        };
        self.outbox.push((FromHelper::Copied { request, outcome }, copy.into_iter().collect()));
    }

    fn answer(&mut self, request: u64, outcome: Specialised) {
        self.outbox.push((FromHelper::Specialised { request, outcome }, Vec::new()));
    }

    /// The sockets on which slots that are not leased may speak.
    pub(super) fn listening(&self) -> Vec<(u32, BorrowedFd<'_>)> {
        self.slots.iter().filter_map(|(number, slot)| Some((*number, slot.control.as_ref()?.as_fd()))).collect()
    }

    /// When there is something to do even if nothing happens.
    pub(super) fn timeout(&self) -> Option<Duration> {
        let remains = self.slots.values().any(|slot| slot.state == State::Ended);
        let refill = self.lacks_slots() && self.count(&State::Preparing, None) < MOST_REFILLING;
        let quiet = refill.then(|| QUIET.saturating_sub(self.asked.elapsed()));
        remains.then_some(SWEEP_EVERY).into_iter().chain(quiet).min()
    }

    /// Does what can be done now, and says what the server is to hear.
    pub(super) fn advance(&mut self) -> Vec<Message> {
        self.sweep();
        self.serve_waiting();
        self.refill();
        std::mem::take(&mut self.outbox)
    }

    fn serve_waiting(&mut self) {
        let mut still_waiting = VecDeque::new();
        while let Some(lease) = self.waiting.pop_front() {
            let ready = self
                .slots
                .iter()
                .find(|(_, slot)| slot.state == State::Ready && slot.tmp_bytes == lease.tmp_bytes)
                .map(|(number, _)| *number);
            match ready {
                Some(number) => self.hand_out(number, &lease),
                None => still_waiting.push_back(lease),
            }
        }
        self.waiting = still_waiting;
    }

    fn hand_out(&mut self, number: u32, lease: &Lease) {
        let Some(slot) = self.slots.get_mut(&number) else { return };
        let message = match slot.hand_out(lease) {
            Ok(handles) => {
                let (kinds, fds) = handles.into_iter().unzip();
                let leased = FromHelper::Leased {
                    request: lease.request,
                    slot: number,
                    handles: kinds,
                };
                (leased, fds)
            }
            Err(error) => (
                FromHelper::LeaseFailed {
                    request: lease.request,
                    error,
                },
                Vec::new(),
            ),
        };
        self.outbox.push(message);
    }

    /// Starts slots: as many as leases wait for, and a few ahead.
    fn refill(&mut self) {
        let sizes: Vec<u64> = self.waiting.iter().map(|lease| lease.tmp_bytes).collect();
        for size in sizes.iter().copied() {
            let wanted = sizes.iter().filter(|other| **other == size).count();
            if self.count(&State::Preparing, Some(size)) < wanted
                && self.count(&State::Preparing, None) < MOST_PREPARING
            {
                self.start(size);
            }
        }
        let quiet = self.asked.elapsed() >= QUIET || self.count(&State::Ready, Some(self.tmp_bytes)) == 0;
        if self.lacks_slots() && quiet && self.count(&State::Preparing, None) < MOST_REFILLING {
            self.start(self.tmp_bytes);
        }
        self.let_go_of_other_sizes();
    }

    /// Whether fewer are ready, or soon will be, than are to be kept.
    fn lacks_slots(&self) -> bool {
        let size = Some(self.tmp_bytes);
        let ahead = self.count(&State::Ready, size) + self.count(&State::Preparing, size);
        !self.paused && ahead < self.host.options.pool_size + self.waiting.len()
    }

    /// Prepared slots of a size that is no longer asked for make room.
    fn let_go_of_other_sizes(&mut self) {
        let ready = self.count(&State::Ready, None);
        let current = self.tmp_bytes;
        let surplus = ready.saturating_sub(2 * self.host.options.pool_size);
        self.slots
            .values_mut()
            .filter(|slot| slot.state == State::Ready && slot.tmp_bytes != current)
            .take(surplus)
            // A closed socket ends it.
            .for_each(|slot| {
                slot.control = None;
                slot.namespaces = None;
                slot.state = State::Leased;
            });
    }

    fn count(&self, state: &State, tmp_bytes: Option<u64>) -> usize {
        self.slots
            .values()
            .filter(|slot| slot.state == *state && tmp_bytes.is_none_or(|bytes| bytes == slot.tmp_bytes))
            .count()
    }

    fn start(&mut self, tmp_bytes: u64) {
        let is_free = |number: &u32| {
            !self.slots.contains_key(number)
                && self.host.cgroups.as_ref().is_none_or(|cgroups| cgroups.is_free(*number))
        };
        let number = (0..).find(is_free).unwrap_or(0);
        match Slot::fork(&self.host, number, tmp_bytes) {
            Ok(slot) => {
                self.slots.insert(number, slot);
            }
            Err(error) => self.fail_one(tmp_bytes, error),
        }
    }

    /// Preparing failed: tell whoever waits longest for that size, else the log.
    fn fail_one(&mut self, tmp_bytes: u64, error: SetupError) {
        let waiting = self.waiting.iter().position(|lease| lease.tmp_bytes == tmp_bytes);
        let message = match waiting.and_then(|index| self.waiting.remove(index)) {
            Some(lease) => FromHelper::LeaseFailed {
                request: lease.request,
                error,
            },
            None => {
                self.paused = true;
                FromHelper::Warning(format!("failed to prepare a sandbox ahead: {error}"))
            }
        };
        self.outbox.push((message, Vec::new()));
    }

    /// Takes what a slot that is not leased has to say.
    pub(super) fn hear(&mut self, number: u32) {
        let Some(slot) = self.slots.get_mut(&number) else { return };
        let Some(control) = &slot.control else { return };
        match protocol::receive_inline::<_, SPACE_FROM_SLOT>(control.as_fd(), RecvFlags::DONTWAIT) {
            Ok(Some((FromSlot::Prepared, fds))) => {
                slot.namespaces = LateNamespaces::from_descriptors(fds);
                slot.state = State::Ready;
            }
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Ok(Some((FromSlot::PrepareFailed(error), _))) => self.lose(number, error),
            Ok(_) | Err(_) => self.lose(number, SetupError::DiedEarly),
        }
    }

    fn lose(&mut self, number: u32, error: SetupError) {
        let Some(slot) = self.slots.get_mut(&number) else { return };
        let was_preparing = slot.state == State::Preparing;
        let tmp_bytes = slot.tmp_bytes;
        slot.control = None;
        slot.state = State::Leased;
        if was_preparing {
            self.fail_one(tmp_bytes, error);
        }
    }

    /// Collects ended processes.
    pub(super) fn reap(&mut self) {
        while let Ok(Some((pid, status))) = sys::reap() {
            match self.jobs.iter().position(|job| job.pid == pid) {
                Some(place) => self.finish(place, status),
                None => self.end(pid),
            }
        }
        self.bury();
    }

    /// Lets go of what the slots that ended since the last time had of namespaces.
    fn bury(&mut self) {
        let ended = self.slots.values_mut().filter(|slot| slot.state == State::Ended && slot.namespaces.is_some());
        let mut ended: Vec<&mut Slot> = ended.collect();
        if ended.is_empty() {
            return;
        }
        let undertaker = burial::bury(ended.iter_mut().filter_map(|slot| slot.namespaces.take()).collect());
        ended.into_iter().for_each(|slot| slot.buried_by = undertaker);
    }

    /// A process that worked on a sandbox has ended.
    fn finish(&mut self, place: usize, status: i32) {
        let job = self.jobs.swap_remove(place);
        match job.work {
            Work::Specialise { report } => {
                let done = libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 0;
                let outcome = if done { Specialised::Done } else { Specialised::Failed(child::failure_of(report)) };
                self.answer(job.request, outcome);
            }
            Work::Copy { worker, copy } => self.copied(job.request, worker.outcome(status).map(|()| copy)),
        }
    }

    /// A slot's process has ended, or one that buries.
    fn end(&mut self, pid: i32) {
        self.slots.values_mut().filter(|slot| slot.buried_by == Some(pid)).for_each(|slot| slot.buried_by = None);
        let living = |slot: &&mut Slot| slot.pid == pid && slot.state != State::Ended;
        let Some(slot) = self.slots.values_mut().find(living) else { return };
        let died_early = (slot.state == State::Preparing).then_some(slot.tmp_bytes);
        slot.control = None;
        slot.lease = None;
        slot.state = State::Ended;
        if let Some(tmp_bytes) = died_early {
            self.fail_one(tmp_bytes, SetupError::DiedEarly);
        }
    }

    /// Removes the groups of ended slots and waits for their links to go: the last traces.
    fn sweep(&mut self) {
        let outbox = &mut self.outbox;
        let nat = self.host.nat.as_deref();
        self.slots.retain(|number, slot| {
            let gone = |slot: &Slot| {
                slot.buried_by.is_none() && slot.remove_groups() && nat.is_none_or(|nat| nat.is_gone(*number))
            };
            let keep = slot.state != State::Ended || !gone(slot);
            if !keep {
                outbox.push((FromHelper::Gone { slot: *number }, Vec::new()));
            }
            keep
        });
    }

    /// Ends everything and waits until nothing is left.
    pub(super) fn clear(&mut self) {
        for slot in self.slots.values_mut() {
            slot.control = None;
            if let Some(groups) = &slot.groups {
                groups.kill();
            }
            slot.namespaces = None;
            let _ = sys::kill(slot.pid, libc::SIGKILL);
        }
        for job in &self.jobs {
            let _ = sys::kill(job.pid, libc::SIGKILL);
        }
        while let Ok(Some(_)) = sys::reap_blocking() {}
        self.slots.retain(|_, slot| !slot.remove_groups());
        self.host.remove();
    }
}

impl Slot {
    fn fork(host: &Host, number: u32, tmp_bytes: u64) -> Result<Self, SetupError> {
        let groups = host.cgroups.as_ref().map(|cgroups| cgroups.make_slot(number)).transpose()?;
        let forked = Self::fork_into(host, number, tmp_bytes, groups.as_ref());
        match forked {
            Ok((pid, control)) => Ok(Self {
                pid,
                state: State::Preparing,
                tmp_bytes,
                groups: groups.map(SlotGroups::settled),
                control: Some(control),
                lease: None,
                namespaces: None,
                buried_by: None,
            }),
            Err(error) => {
                if let Some(groups) = &groups {
                    groups.remove();
                }
                Err(error)
            }
        }
    }

    fn fork_into(
        host: &Host,
        number: u32,
        tmp_bytes: u64,
        groups: Option<&SlotGroups>,
    ) -> Result<(i32, OwnedFd), SetupError> {
        let cgroup_entries = groups.map(SlotGroups::v1_entries).transpose()?.unwrap_or_default();
        let (ours, theirs) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)
            .map_err(|errno| SetupError::Channel(errno.into()))?;
        // Process 1 of a pid namespace must be born into it. An ordinary user needs the user namespace for that.
        let namespaces = match host.facts.level {
            Level::Root => libc::CLONE_NEWPID,
            Level::User => libc::CLONE_NEWPID | libc::CLONE_NEWUSER,
        };
        let fork = sys::fork(namespaces, groups.and_then(SlotGroups::clone_target));
        match fork.map_err(SetupError::Clone)? {
            Fork::Parent { pid } => Ok((pid, ours)),
            Fork::Child => child::run(SlotSetup {
                level: host.facts.level,
                control: theirs,
                cgroup_entries,
                mount_point: host.mount_point.clone(),
                state_dir: host.options.state_dir.clone(),
                tmp: host.facts.tmp,
                tmp_bytes,
                first_id: host.first_id + number * UID_RANGE,
                nat: host.nat.clone().map(|nat| (nat, number)),
                host_ids: host.ids,
                uid: host.options.uid,
                gid: host.options.gid,
                seccomp: Rc::clone(&host.seccomp),
                landlock: host.facts.landlock,
                guard_memory: !host.facts.controls("memory"),
            }),
        }
    }

    /// Sets the limits and gives away our end of the slot's socket.
    fn hand_out(&mut self, lease: &Lease) -> Result<Vec<(HandleKind, OwnedFd)>, SetupError> {
        let control = self.control.take().ok_or(SetupError::DiedEarly)?;
        // Whatever follows: if it fails, the socket is closed and the slot ends.
        self.state = State::Leased;
        self.lease = Some(lease.request);
        let mut handles = vec![(HandleKind::Control, control)];
        if let Some(groups) = &self.groups {
            groups.apply(&lease.limits)?;
            handles.extend(groups.handles()?);
        }
        Ok(handles)
    }

    /// True when no group is left.
    fn remove_groups(&self) -> bool {
        self.groups.as_ref().is_none_or(SlotGroups::remove)
    }
}
