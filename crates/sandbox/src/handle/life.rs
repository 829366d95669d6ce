//! What the server knows of a sandbox's processes, and what it asked for and awaits.
//!
//! Noted from the messages of the sandbox's first process. That is our own code, but it lives where hostile code does,
//! so nothing it says is trusted: it cannot add what nobody awaits, and cannot say more than it was asked for.

use std::collections::HashMap;
use std::os::fd::OwnedFd;

use crate::error::SetupError;
use crate::protocol::{FIRST_REQUEST, FromSlot, Role};
use crate::spec::{Exit, ExitStatus};

pub(crate) type Answer = Result<Vec<OwnedFd>, SetupError>;

/// More was said than asked for: whoever speaks is not our code any more.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Violation;

#[derive(Debug)]
pub(crate) struct Life {
    /// How many requests there were; the number of the next.
    asked: u32,
    /// Messages that came; at most an answer and an end for each request.
    heard: u64,
    awaited: HashMap<u32, Option<Answer>>,
    /// Main processes that were asked for, and of which nothing else is known: the oldest first.
    mains: Vec<u32>,
    /// The newest main process that ended, and how.
    main_exit: Option<(u32, Exit)>,
    companions: HashMap<u32, Companion>,
    /// The sandbox's first process is gone, and with it everything.
    ended: bool,
    /// Of the kernel's kills for want of memory, how many are some process's end by now.
    oom_kills_told: u64,
}

#[derive(Debug, Default)]
struct Companion {
    exit: Option<Exit>,
    /// Nobody will ask how it ended.
    unwanted: bool,
}

impl Life {
    /// Of a sandbox that has been asked to start.
    pub(crate) fn new(with_main: bool) -> Self {
        Self {
            asked: FIRST_REQUEST + 1,
            heard: 0,
            awaited: HashMap::from([(FIRST_REQUEST, None)]),
            mains: with_main.then_some(FIRST_REQUEST).into_iter().collect(),
            main_exit: None,
            companions: HashMap::new(),
            ended: false,
            oom_kills_told: 0,
        }
    }

    /// The number for another request, whose answer is kept until it is taken or forgotten.
    pub(crate) fn ask(&mut self) -> u32 {
        let request = self.asked;
        self.asked = self.asked.wrapping_add(1);
        self.awaited.insert(request, None);
        request
    }

    /// The same for a request to start a process.
    pub(crate) fn ask_process(&mut self, role: Role) -> u32 {
        let request = self.ask();
        match role {
            Role::Main => self.mains.push(request),
            Role::Companion => drop(self.companions.insert(request, Companion::default())),
        }
        request
    }

    pub(crate) fn take_answer(&mut self, request: u32) -> Option<Answer> {
        let answer = self.awaited.get_mut(&request)?.take()?;
        self.awaited.remove(&request);
        Some(answer)
    }

    /// Nobody waits for the answer any more. A request that was never sent has no effect to be noted either.
    pub(crate) fn forget(&mut self, request: u32, was_sent: bool) {
        self.awaited.remove(&request);
        if !was_sent {
            self.never_was(request);
        }
    }

    fn never_was(&mut self, process: u32) {
        self.mains.retain(|main| *main != process);
        self.companions.remove(&process);
    }

    /// The main process that runs now, or ran last.
    pub(crate) fn main(&self) -> Option<u32> {
        self.mains.last().copied().or(self.main_exit.map(|(process, _)| process))
    }

    /// How the main process ended that [`Self::main`] named, or the one before if that never started.
    pub(crate) fn main_exit(&self, main: Option<u32>) -> Option<Exit> {
        let runs = self.mains.first().is_some_and(|oldest| Some(*oldest) <= main);
        if runs { None } else { self.main_exit.map(|(_, exit)| exit) }
    }

    pub(crate) fn companion_exit(&self, process: u32) -> Option<Exit> {
        self.companions.get(&process)?.exit
    }

    /// Nobody will ask for this companion again.
    pub(crate) fn drop_companion(&mut self, process: u32) {
        match self.companions.get_mut(&process) {
            Some(companion) if companion.exit.is_none() => companion.unwanted = true,
            _ => drop(self.companions.remove(&process)),
        }
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.ended
    }

    pub(crate) fn end(&mut self) {
        self.ended = true;
    }

    /// Every process was killed, and how each ended is noted: what the kernel killed before is no reason for the end of
    /// one that starts now.
    pub(crate) fn all_gone(&mut self, oom_kills: u64) {
        self.oom_kills_told = oom_kills;
    }

    /// Whether the kernel killed something for want of memory that nobody has been told of.
    pub(crate) fn untold_oom_kill(&self, oom_kills: u64) -> bool {
        oom_kills > self.oom_kills_told
    }

    /// Notes a message. `oom_kills` is asked for the kernel's count of now.
    pub(crate) fn note(
        &mut self,
        message: FromSlot,
        fds: Vec<OwnedFd>,
        oom_kills: impl FnOnce() -> u64,
    ) -> Result<(), Violation> {
        self.heard += 1;
        if self.heard > 2 * u64::from(self.asked) {
            return Err(Violation);
        }
        match message {
            FromSlot::Answer { request, error } => self.note_answer(request, error, fds),
            FromSlot::Exited { process, status } => self.note_exit(process, status, oom_kills()),
            FromSlot::Prepared | FromSlot::PrepareFailed(_) => return Err(Violation),
        }
        Ok(())
    }

    fn note_answer(&mut self, request: u32, error: Option<SetupError>, fds: Vec<OwnedFd>) {
        if error.is_some() {
            self.never_was(request);
        }
        if let Some(place) = self.awaited.get_mut(&request) {
            // Whatever descriptors came beyond the one that an answer may have are closed here.
            *place = Some(error.map_or_else(|| Ok(fds), Err));
        }
    }

    fn note_exit(&mut self, process: u32, status: ExitStatus, oom_kills: u64) {
        let is_main = self.mains.contains(&process);
        if !is_main && !self.companions.contains_key(&process) {
            return;
        }
        let killed = status == ExitStatus::Signal(libc::SIGKILL);
        let oom_killed = killed && self.untold_oom_kill(oom_kills);
        self.oom_kills_told += u64::from(oom_killed);
        let exit = Exit { status, oom_killed };
        if is_main {
            self.mains.retain(|main| *main > process);
            self.main_exit = Some((process, exit));
        } else if let Some(companion) = self.companions.get_mut(&process) {
            companion.exit = Some(exit);
            if companion.unwanted {
                self.companions.remove(&process);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KILLED: ExitStatus = ExitStatus::Signal(libc::SIGKILL);

    fn done(request: u32) -> FromSlot {
        FromSlot::Answer { request, error: None }
    }

    fn failed(request: u32) -> FromSlot {
        FromSlot::Answer {
            request,
            error: Some(SetupError::MainRuns),
        }
    }

    fn exited(process: u32, status: ExitStatus) -> FromSlot {
        FromSlot::Exited { process, status }
    }

    #[track_caller]
    fn note(life: &mut Life, message: FromSlot, oom_kills: u64) {
        life.note(message, Vec::new(), || oom_kills).unwrap();
    }

    #[test]
    fn each_process_that_the_kernel_killed_is_told_as_such_once() {
        let mut life = Life::new(true);
        note(&mut life, done(0), 0);
        let companion = life.ask_process(Role::Companion);
        note(&mut life, done(companion), 0);
        // Both, before either is noted.
        note(&mut life, exited(companion, KILLED), 2);
        note(&mut life, exited(0, KILLED), 2);
        assert!(life.companion_exit(companion).unwrap().oom_killed);
        assert!(life.main_exit(life.main()).unwrap().oom_killed);
        let next = life.ask_process(Role::Main);
        note(&mut life, exited(next, KILLED), 2);
        assert!(!life.main_exit(Some(next)).unwrap().oom_killed);
    }

    #[test]
    fn a_kill_of_before_is_not_held_against_the_next_process() {
        let mut life = Life::new(true);
        // A grandchild was killed for memory, then the main process by us.
        life.all_gone(1);
        let next = life.ask_process(Role::Main);
        note(&mut life, exited(0, KILLED), 1);
        note(&mut life, exited(next, KILLED), 1);
        assert!(!life.main_exit(Some(next)).unwrap().oom_killed);
    }

    #[test]
    fn a_main_process_that_never_started_is_not_waited_for() {
        let mut life = Life::new(true);
        note(&mut life, exited(0, ExitStatus::Code(3)), 0);
        let second = life.ask_process(Role::Main);
        let waiting = life.main();
        assert_eq!(waiting, Some(second));
        assert_eq!(life.main_exit(waiting), None);
        note(&mut life, failed(second), 0);
        assert_eq!(life.main_exit(waiting).unwrap().status, ExitStatus::Code(3));
        assert!(life.take_answer(second).unwrap().is_err());
        // One beside a main process that runs: that one still counts.
        let third = life.ask_process(Role::Main);
        let fourth = life.ask_process(Role::Main);
        let waiting = life.main();
        note(&mut life, failed(fourth), 0);
        assert_eq!(life.main_exit(waiting), None);
        note(&mut life, exited(third, ExitStatus::Code(4)), 0);
        assert_eq!(life.main_exit(waiting).unwrap().status, ExitStatus::Code(4));
    }

    #[test]
    fn waiting_before_the_first_start_is_for_its_end() {
        let mut life = Life::new(false);
        let waiting = life.main();
        assert_eq!((waiting, life.main_exit(waiting)), (None, None));
        let first = life.ask_process(Role::Main);
        note(&mut life, exited(first, ExitStatus::Code(5)), 0);
        assert_eq!(life.main_exit(waiting).unwrap().status, ExitStatus::Code(5));
    }

    #[test]
    fn a_request_that_was_never_sent_leaves_no_trace() {
        let mut life = Life::new(false);
        for role in [Role::Main, Role::Companion] {
            let request = life.ask_process(role);
            life.forget(request, false);
        }
        assert_eq!(life.main(), None);
        assert!(life.companions.is_empty() && life.awaited.len() == 1);
    }

    #[test]
    fn what_nobody_awaits_is_dropped_and_too_much_is_a_violation() {
        let mut life = Life::new(true);
        let companion = life.ask_process(Role::Companion);
        life.drop_companion(companion);
        note(&mut life, exited(companion, ExitStatus::Code(0)), 0);
        note(&mut life, done(4_000_000_000), 0);
        note(&mut life, exited(77, KILLED), 1);
        assert!(life.companions.is_empty() && life.awaited.len() == 2 && life.main_exit.is_none());
        note(&mut life, done(0), 0);
        assert_eq!(life.note(done(0), Vec::new(), || 0), Err(Violation));
        assert_eq!(Life::new(false).note(FromSlot::Prepared, Vec::new(), || 0), Err(Violation));
    }
}
