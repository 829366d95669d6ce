//! What copying a process costs: `cargo run --release -p hearth-sandbox --example snapshot_bench [ROUNDS]`, as root.
//!
//! Prints medians and 99th percentiles. Not a test: the numbers depend on the machine and what else it does.

#![allow(clippy::print_stdout)]

use std::error::Error;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use hearth_sandbox::{Bind, HelperProgram, Limits, Link, Options, Process, Sandbox, SandboxSpec, Sandboxes};

const USUAL_ROUNDS: usize = 50;
/// Time for the pool to fill again between rounds.
const PAUSE: Duration = Duration::from_millis(100);

/// Says a byte when it is asked for one. The first word asked decides how much memory it takes.
const SERVER: &str = "
import socket, json, hashlib, logging, urllib.request
channel = socket.socket(fileno=3)
kept = []
channel.sendall(b'.')
while True:
    asked = channel.recv(16)
    if not asked: break
    if asked != b'.': kept.append(b'x' * (int(asked) << 20))
    channel.sendall(b'.')
";

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> Outcome<()> {
    // The example is its own helper.
    if std::env::args().nth(1).as_deref() == Some(hearth_sandbox::HELPER_ARG) {
        hearth_sandbox::run_helper()
    }
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(bench())
}

async fn bench() -> Outcome<()> {
    let rounds = std::env::args().nth(1).and_then(|rounds| rounds.parse().ok()).unwrap_or(USUAL_ROUNDS);
    let folder = std::env::temp_dir().join(format!("snapshot-bench-{}", std::process::id()));
    let mut options = Options::new(&folder);
    options.helper = HelperProgram::default();
    let sandboxes = Sandboxes::start(options).await?;
    for more_mib in ["0", "10", "100"] {
        let (source, mut channel) = serve(&sandboxes).await?;
        ask(&mut channel, more_mib)?;
        let mut taken = Vec::new();
        let start = Instant::now();
        let snapshot = source.snapshot().await?;
        taken.push(start.elapsed());
        let mib = snapshot.bytes() as f64 / f64::from(1 << 20);
        let (mut restored, mut answered) = (Vec::new(), Vec::new());
        for _ in 0..rounds {
            let (copy, mut channel) = serve(&sandboxes).await?;
            tokio::time::sleep(PAUSE).await;
            let start = Instant::now();
            copy.restore(&snapshot).await?;
            restored.push(start.elapsed());
            ask(&mut channel, ".")?;
            answered.push(start.elapsed());
            copy.destroy().await;
            let start = Instant::now();
            drop(source.snapshot().await?);
            taken.push(start.elapsed());
        }
        report(&format!("snapshot of {mib:.1} MiB"), taken);
        report(&format!("restore of {mib:.1} MiB"), restored);
        report(&format!("restore of {mib:.1} MiB, and its first answer"), answered);
    }
    sandboxes.shutdown().await;
    Ok(std::fs::remove_dir_all(folder)?)
}

fn ask(channel: &mut UnixStream, text: &str) -> Outcome<()> {
    channel.write_all(text.as_bytes())?;
    Ok(channel.read_exact(&mut [0])?)
}

/// A Python that is up.
async fn serve(sandboxes: &Sandboxes) -> Outcome<(Sandbox, UnixStream)> {
    let (mut ours, theirs) = UnixStream::pair()?;
    let mut process = Process::new("/usr/bin/python3");
    process.argv = ["python3", "-I", "-c", SERVER].map(Into::into).to_vec();
    process.inherit = vec![(OwnedFd::from(theirs), 3)];
    let mut spec = SandboxSpec::new("bench", Limits::new(512 << 20), process);
    spec.binds = vec![Bind::read_only("/usr", "/usr")];
    for name in ["lib", "lib64"] {
        let path = PathBuf::from("/").join(name);
        match std::fs::read_link(&path) {
            Ok(target) => spec.links.push(Link { path, target }),
            Err(_) if Path::new(&path).is_dir() => spec.binds.push(Bind::read_only(&path, &path)),
            Err(_) => {}
        }
    }
    let sandbox = sandboxes.create(spec).await?;
    ours.read_exact(&mut [0])?;
    Ok((sandbox, ours))
}

fn report(what: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    let at = |share: usize| times[(times.len() - 1) * share / 100];
    println!("{what}: median {:.2?}, 99 % {:.2?} ({} times)", at(50), at(99), times.len());
}
