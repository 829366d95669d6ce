//! One running server, from the lock on its data folder to the end of its drain.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use hearth_core::{Shutdown, TaskKind, Tasks};
use hearth_runtimes::{Runtimes, State};
use hearth_sandbox::Sandboxes;

use crate::assemble::{Parts, assemble};
use crate::config::Config;
use crate::error::StartError;
use crate::layout::Layout;
use crate::listener;

/// For the answers to callers whose invocations were cut off.
const LAST_ANSWERS: Duration = Duration::from_millis(500);

/// What the disk gets for the last log lines, after the drain.
const FLUSH: Duration = Duration::from_secs(5);

/// A server that holds its data folder and its port.
pub struct Node {
    layout: Layout,
    listen: SocketAddr,
    parts: Parts,
    tasks: Tasks,
    shutdown: Shutdown,
}

/// What a server has to say of itself.
#[derive(Clone, Debug)]
pub struct Summary {
    /// Where it listens; the real port when the configured one was 0.
    pub listen: SocketAddr,
    pub data: PathBuf,
    /// The level, and in a few words what it means.
    pub isolation: String,
    /// Commands that would raise it, if any would.
    pub raised_by: Vec<String>,
    /// Those that functions can use, in the order of the table.
    pub runtimes: Vec<String>,
}

/// How a drain ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drained {
    /// All work was finished.
    Complete,
    /// The deadline cut off this many tasks.
    CutOff(usize),
}

impl Node {
    /// Takes the port, builds every part, and serves.
    ///
    /// # Errors
    /// Whatever keeps a server from starting; nothing is left behind that the next start has to
    /// mend.
    pub async fn open(config: &Config) -> Result<Self, StartError> {
        let layout = Layout::make(&config.data.value)?;
        // First the port: a second server that is started by mistake fails at once and leaves the
        // first one's work alone.
        let listener = listener::bind(config.listen.value).await?;
        let listen = listener.local_addr().map_err(|cause| StartError::Listen {
            listen: config.listen.value,
            cause,
        })?;
        let (tasks, shutdown) = (Tasks::new(), Shutdown::new());
        let parts = assemble(config, &layout, &tasks, &shutdown).await?;
        let serve = Arc::clone(&parts.door).serve(listener, shutdown.clone(), tasks.clone());
        tasks.spawn(TaskKind::Listener, "front door", serve);
        Ok(Self {
            layout,
            listen,
            parts,
            tasks,
            shutdown,
        })
    }

    /// For the banner.
    #[must_use]
    pub fn summary(&self) -> Summary {
        Summary {
            listen: self.listen,
            data: self.layout.data().to_owned(),
            isolation: isolation(&self.parts.sandboxes),
            raised_by: raised_by(&self.parts.sandboxes),
            runtimes: usable(&self.parts.runtimes),
        }
    }

    /// Takes no more work, and gives what runs until `deadline`.
    pub async fn drain(&self, deadline: Duration) -> Drained {
        // 1. No more connections, and no more invocations; what runs goes on.
        self.shutdown.start();
        self.parts.invoke.close();
        let in_time = self.tasks.drain(deadline).await;
        let left = self.tasks.awaited_count();
        // 2. Nothing runs any more, or its time is over; then its callers are told so.
        self.parts.invoke.cut_off();
        self.parts.sandboxes.shutdown().await;
        self.tasks.drain(LAST_ANSWERS).await;
        // 3. The last log lines, then the last change, are on disk.
        let logged = self.parts.observe.close(FLUSH).await;
        self.parts.store.close().await;
        if in_time && logged { Drained::Complete } else { Drained::CutOff(left) }
    }
}

fn isolation(sandboxes: &Sandboxes) -> String {
    let missing = sandboxes.mechanisms().iter().filter(|one| !one.in_force).map(|one| one.name.as_str());
    match missing.collect::<Vec<_>>().as_slice() {
        [] => sandboxes.level().to_string(),
        names => format!("{}, without {} (see `hearth doctor`)", sandboxes.level(), names.join(", ")),
    }
}

/// What the mechanisms that are not in force advise, each once.
fn raised_by(sandboxes: &Sandboxes) -> Vec<String> {
    let mut commands: Vec<String> = Vec::new();
    for advice in sandboxes.mechanisms().iter().filter_map(|one| one.how_to_improve.clone()) {
        if !commands.contains(&advice) {
            commands.push(advice);
        }
    }
    commands
}

fn usable(runtimes: &Runtimes) -> Vec<String> {
    let listings = runtimes.list().into_iter();
    let usable = listings.filter(|listing| matches!(listing.state, State::Ready | State::Aliased));
    usable.map(|listing| listing.id.to_owned()).collect()
}
