//! One folder, and how its changes are noticed.
//!
//! The kernel notes changes in a queue (inotify) at the moment they are made; a look empties that
//! queue, which takes a few microseconds and no walk through the folder. Only after a change is the
//! folder walked. Where the kernel gives no more watches, or the folder has more folders in it than
//! are watched, every look walks it and compares what it finds: slower, and as true.
//!
//! What the kernel cannot note, such as a change made on another host that shares the folder, is
//! not noticed while watches are held.

use std::fmt;
use std::os::fd::OwnedFd;
use std::path::PathBuf;

use hearth_model::LiveCode;
use parking_lot::Mutex;
use rustix::fs::inotify::{self, CreateFlags};
use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, fstat, openat2};
use rustix::io::Errno;

use super::walk;

pub(super) struct LiveFolder {
    /// Absolute and free of links.
    path: PathBuf,
    others_must_read: bool,
    /// For tests.
    watchless: bool,
    /// Why it may not be run at all.
    closed: Option<String>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Rises with every change that is noticed.
    revision: u64,
    /// Device and inode of the folder that was walked; another one may take its place.
    walked: Option<(u64, u64)>,
    watches: Watches,
    /// What the last walk found, where there are no watches.
    print: u64,
    /// What makes it unusable, as the last walk found it.
    defect: Option<String>,
}

#[derive(Default)]
enum Watches {
    #[default]
    None,
    Held(OwnedFd),
}

impl LiveFolder {
    pub(super) fn new(path: PathBuf, others_must_read: bool, closed: Option<String>) -> Self {
        Self {
            path,
            others_must_read,
            watchless: false,
            closed,
            state: Mutex::default(),
        }
    }

    /// As where the kernel gives no watches.
    #[cfg(test)]
    pub(super) fn without_watches(path: PathBuf) -> Self {
        Self {
            watchless: true,
            ..Self::new(path, true, None)
        }
    }

    /// Device and inode of what is at the path now. No link is followed: whoever can write there
    /// could otherwise lead to what was not opened.
    fn identity(&self) -> Result<(u64, u64), String> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let found = openat2(CWD, &self.path, flags, Mode::empty(), ResolveFlags::NO_SYMLINKS);
        let stat = found.and_then(|folder| fstat(&folder)).map_err(|errno| {
            format!("the folder {} that the function runs cannot be opened: {errno}", self.path.display())
        })?;
        Ok((stat.st_dev, stat.st_ino))
    }

    fn walk(&self, state: &mut State, identity: (u64, u64)) {
        // The watches of a folder that was replaced are of no use.
        if state.walked != Some(identity) {
            state.watches = if self.watchless { Watches::None } else { begin() };
        }
        state.walked = Some(identity);
        let walk = walk::Walk {
            root: &self.path,
            others_must_read: self.others_must_read,
            watches: match &state.watches {
                Watches::Held(queue) => Some(queue),
                Watches::None => None,
            },
        };
        let seen = walk.run();
        if !seen.watched {
            state.watches = Watches::None;
        }
        state.print = seen.print;
        state.defect = seen.defect;
        state.revision += 1;
    }
}

impl LiveCode for LiveFolder {
    fn look(&self) -> Result<u64, String> {
        if let Some(closed) = &self.closed {
            return Err(closed.clone());
        }
        let mut state = self.state.lock();
        let identity = match self.identity() {
            Ok(identity) => identity,
            Err(error) => {
                // Whatever comes back is walked.
                state.walked = None;
                return Err(error);
            }
        };
        let changed = state.walked != Some(identity)
            || match &state.watches {
                Watches::Held(queue) => drain(queue),
                Watches::None => {
                    let seen = walk::Walk {
                        root: &self.path,
                        others_must_read: self.others_must_read,
                        watches: None,
                    }
                    .run();
                    seen.print != state.print
                }
            };
        if changed {
            self.walk(&mut state, identity);
        }
        match &state.defect {
            Some(defect) => {
                let defect = defect.clone();
                // A folder above may be opened without a word to us: look again the next time.
                state.walked = None;
                Err(defect)
            }
            None => Ok(state.revision),
        }
    }
}

impl fmt::Debug for LiveFolder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LiveFolder").field("path", &self.path).finish_non_exhaustive()
    }
}

fn begin() -> Watches {
    match inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC) {
        Ok(queue) => Watches::Held(queue),
        Err(errno) => {
            tracing::warn!(%errno, "the kernel gives no more watches (fs.inotify.max_user_instances): folders are walked");
            Watches::None
        }
    }
}

/// True when anything was in the queue, which is empty afterwards.
fn drain(queue: &OwnedFd) -> bool {
    let mut noted = false;
    let mut events = [0_u8; 4_096];
    loop {
        match rustix::io::read(queue, &mut events) {
            Ok(0) | Err(Errno::AGAIN) => return noted,
            Err(Errno::INTR) => {}
            Ok(_) => noted = true,
            // Not to be trusted any more.
            Err(_) => return true,
        }
    }
}
