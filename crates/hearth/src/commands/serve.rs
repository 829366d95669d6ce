//! `hearth serve`: open, announce, run, wait for a signal, drain with a deadline.

use std::time::Duration;

use hearth_core::telemetry;
use hearth_node::config::{Config, LogStyle};
use hearth_node::{Drained, Node};
use rustix::process::{Resource, getrlimit, setrlimit};
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::exit::{Exit, Failure};
use crate::flags::SettingFlags;

pub fn run(settings: &SettingFlags) -> Result<Exit, Failure> {
    let config = settings.load()?;
    leave_no_core();
    telemetry::start(&config.log_filter.value, style(config.log_style.value))
        .map_err(|e| Failure::new(Exit::Usage, e))?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|e| Failure::new(Exit::Internal, format!("failed to start the server's threads: {e}")))?;
    runtime.block_on(live(&config))
}

/// The server's memory has keys and functions' variables, which a core file would write to a disk. A
/// limit of 1 byte is the one that keeps the kernel from handing a core to a program, too.
fn leave_no_core() {
    let mut limit = getrlimit(Resource::Core);
    limit.current = Some(1);
    // An error means that the limit is 0 already, and cannot be raised.
    let _ = setrlimit(Resource::Core, limit);
}

async fn live(config: &Config) -> Result<Exit, Failure> {
    let mut signals = Signals::listen()?;
    let node = Node::open(config).await?;
    crate::banner::announce(config, &node)?;
    let signal = signals.next().await;
    tracing::info!(
        signal,
        drain_s = config.drain_s.value.0,
        "stopping when what runs is finished; a second signal stops at once"
    );
    let deadline = Duration::from_secs(config.drain_s.value.0);
    tokio::select! {
        drained = node.drain(deadline) => Ok(exit_of(drained)),
        name = signals.next() => {
            tracing::warn!(signal = name, "stopping at once: a second signal came");
            Ok(Exit::CutOff)
        }
    }
}

fn exit_of(drained: Drained) -> Exit {
    match drained {
        Drained::Complete => Exit::Ok,
        Drained::CutOff(tasks) => {
            tracing::warn!(tasks, "the drain's deadline cut off work that was running");
            Exit::CutOff
        }
    }
}

fn style(style: LogStyle) -> telemetry::LogStyle {
    match style {
        LogStyle::Auto => telemetry::LogStyle::Auto,
        LogStyle::Human => telemetry::LogStyle::Human,
        LogStyle::Json => telemetry::LogStyle::Json,
    }
}

/// The signals that stop a server. A hang-up counts: the terminal that it was started from is gone.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hang_up: Signal,
}

impl Signals {
    fn listen() -> Result<Self, Failure> {
        let on = |kind| signal(kind).map_err(|e| Failure::new(Exit::Internal, format!("failed to catch signals: {e}")));
        Ok(Self {
            interrupt: on(SignalKind::interrupt())?,
            terminate: on(SignalKind::terminate())?,
            hang_up: on(SignalKind::hangup())?,
        })
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.interrupt.recv() => "SIGINT",
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.hang_up.recv() => "SIGHUP",
        }
    }
}
