//! What making a sandbox costs: `cargo run --release -p hearth-sandbox --example create_bench [ROUNDS]`, as root.
//!
//! Prints medians and 99th percentiles. Not a test: the numbers depend on the machine and what else it does.

#![allow(clippy::print_stdout)]

use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use hearth_sandbox::{Bind, HelperProgram, Limits, Link, Options, Process, SandboxSpec, Sandboxes};

const USUAL_ROUNDS: usize = 200;
/// Time for the pool to fill again between rounds.
const PAUSE: Duration = Duration::from_millis(60);

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
    let folder = std::env::temp_dir().join(format!("create-bench-{}", std::process::id()));
    let mut options = Options::new(&folder);
    options.helper = HelperProgram::default();
    let sandboxes = Sandboxes::start(options).await?;
    println!("isolation level {}, {rounds} rounds", sandboxes.level());
    tokio::time::sleep(Duration::from_millis(500)).await;

    let (mut create, mut first_word, mut destroy) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rounds {
        let (spec, reader) = spec()?;
        let start = Instant::now();
        let sandbox = sandboxes.create(spec).await?;
        create.push(start.elapsed());
        read_word(reader).await?;
        first_word.push(start.elapsed());
        let start = Instant::now();
        sandbox.destroy().await;
        destroy.push(start.elapsed());
        tokio::time::sleep(PAUSE).await;
    }
    report("create, a slot ready: until executed", create);
    report("create, a slot ready: until its first output", first_word);
    report("destroy, until nothing is left", destroy);

    let (mut burst, mut each) = (Vec::new(), Vec::new());
    for _ in 0..10 {
        tokio::time::sleep(Duration::from_millis(500)).await;
        let start = Instant::now();
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..20 {
            let sandboxes = sandboxes.clone();
            let (spec, _reader) = spec()?;
            tasks.spawn(async move {
                let start = Instant::now();
                let made = sandboxes.create(spec).await;
                (start.elapsed(), made)
            });
        }
        for (took, made) in tasks.join_all().await {
            made?;
            each.push(took);
        }
        burst.push(start.elapsed());
    }
    report("burst of 20 with 4 slots ready: each", each);
    report("burst of 20 with 4 slots ready: all", burst);
    specialising(&sandboxes, &folder, rounds).await?;
    companions(&sandboxes).await?;
    freezing(&sandboxes).await?;
    sandboxes.shutdown().await;
    Ok(std::fs::remove_dir_all(folder)?)
}

/// Code and layers for a process that is up, and other limits.
async fn specialising(sandboxes: &Sandboxes, folder: &Path, rounds: usize) -> Outcome<()> {
    let (code, layer) = (folder.join("code"), folder.join("layer"));
    std::fs::create_dir_all(&code)?;
    std::fs::create_dir_all(&layer)?;
    let (mut both, mut limits_only) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        let (mut spec, reader) = spec()?;
        spec.dirs = vec!["/var/task".into(), "/opt".into()];
        let sandbox = sandboxes.create(spec).await?;
        read_word(reader).await?;
        tokio::time::sleep(PAUSE).await;
        let start = Instant::now();
        sandbox.specialise(Vec::new(), Limits::new(512 << 20)).await?;
        limits_only.push(start.elapsed());
        let binds = vec![Bind::read_only(&code, "/var/task"), Bind::read_only(&layer, "/opt")];
        let start = Instant::now();
        sandbox.specialise(binds, Limits::new(256 << 20)).await?;
        both.push(start.elapsed());
        sandbox.destroy().await;
    }
    report("specialise: limits", limits_only);
    report("specialise: limits and two mounts", both);
    Ok(())
}

async fn companions(sandboxes: &Sandboxes) -> Outcome<()> {
    let (spec, reader) = spec()?;
    let mut sandbox = sandboxes.create(spec).await?;
    read_word(reader).await?;
    let _listener = sandbox.take_listener();
    let (mut spawn, mut connect, mut reset) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..100 {
        let start = Instant::now();
        let _companion = sandbox.spawn(Process::new("/bin/cat")).await?;
        spawn.push(start.elapsed());
        let start = Instant::now();
        drop(sandbox.connect(9001).await?);
        connect.push(start.elapsed());
        let start = Instant::now();
        sandbox.reset().await?;
        reset.push(start.elapsed());
    }
    report("spawn a companion: until executed", spawn);
    report("connect to a port inside", connect);
    report("reset, until all processes are gone", reset);
    Ok(())
}

async fn freezing(sandboxes: &Sandboxes) -> Outcome<()> {
    let (spec, reader) = spec()?;
    let sandbox = sandboxes.create(spec).await?;
    read_word(reader).await?;
    let (mut freeze, mut thaw, mut measure) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..1000 {
        let start = Instant::now();
        sandbox.freeze()?;
        freeze.push(start.elapsed());
        let start = Instant::now();
        sandbox.thaw()?;
        thaw.push(start.elapsed());
        let start = Instant::now();
        let _ = sandbox.memory_peak_bytes();
        measure.push(start.elapsed());
    }
    report("freeze", freeze);
    report("thaw", thaw);
    report("memory peak", measure);
    println!("memory of an idle shell in its sandbox: {:?} bytes", sandbox.memory_current_bytes());
    Ok(())
}

fn spec() -> Outcome<(SandboxSpec, std::io::PipeReader)> {
    let (reader, writer) = std::io::pipe()?;
    let mut process = Process::new("/bin/sh");
    process.argv = vec!["sh".into(), "-c".into(), "echo up; exec sleep 600".into()];
    process.env = vec![("PATH".into(), "/usr/bin:/bin".into())];
    process.stdout = Some(writer.into());
    let mut spec = SandboxSpec::new("bench", Limits::new(128 << 20), process);
    spec.listen = vec![9001];
    for name in ["usr", "bin", "lib", "lib64", "sbin"] {
        let path = PathBuf::from("/").join(name);
        match std::fs::read_link(&path) {
            Ok(target) => spec.links.push(Link { path, target }),
            Err(_) if Path::new(&path).is_dir() => spec.binds.push(Bind::read_only(&path, &path)),
            Err(_) => {}
        }
    }
    Ok((spec, reader))
}

async fn read_word(mut reader: std::io::PipeReader) -> Outcome<()> {
    let read = tokio::task::spawn_blocking(move || {
        let mut word = [0; 3];
        std::io::Read::read_exact(&mut reader, &mut word)
    });
    Ok(read.await??)
}

fn report(what: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e3;
    println!("{what:<48} p50 {:>8.3} ms   p99 {:>8.3} ms", at(0.5), at(0.99));
}
