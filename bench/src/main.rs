//! `make bench`: Hearth and its peers, measured in one run, printed as one table.
//!
//! The figures are those of this machine at this moment; compare the rows of one run, and runs by
//! their ratios. The client runs on the same processors as what it measures.
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, clippy::print_stderr)] // It prints a table.

mod hearth;
mod http;
mod load;
mod peers;
mod process;
mod programs;
mod soak;
mod stats;

use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Duration;

use clap::Parser;
use serde_json::Value;

use hearth::{Hearth, Source};
use stats::{Sample, millis};

/// Measures Hearth beside its peers.
#[derive(Parser)]
struct Options {
    /// The program to measure: a release build.
    #[arg(long, default_value = "target/release/hearth")]
    hearth: PathBuf,
    /// Where peers are installed.
    #[arg(long, default_value = ".cache/bench")]
    cache: PathBuf,
    /// The Python runtime to use, e.g. python3.12; else the newest that this host has.
    #[arg(long)]
    python: Option<String>,
    /// The Node.js runtime to use; else the newest that this host has.
    #[arg(long)]
    node: Option<String>,
    /// Seconds per load.
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// Cold starts per language.
    #[arg(long, default_value_t = 20)]
    cold: usize,
    /// Idle environments to measure.
    #[arg(long, default_value_t = 200)]
    idle: usize,
    /// AWS's Runtime Interface Emulator, when it is here.
    #[arg(long, env = "HEARTH_BENCH_RIE")]
    emulator: Option<PathBuf>,
    /// Leave the peers out.
    #[arg(long)]
    no_peers: bool,
    #[command(subcommand)]
    other: Option<Other>,
}

/// What else it does than to measure.
#[derive(clap::Subcommand)]
enum Other {
    /// Start, use, freeze and reclaim many environments, and count what is left behind.
    Soak(soak::Options),
}

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> io::Result<()> {
    let cache = std::path::absolute(&options.cache)?;
    let python = runtime(options, options.python.as_ref(), "python")?;
    if let Some(Other::Soak(how)) = &options.other {
        return soak::run(&options.hearth, &python, how);
    }
    let node = runtime(options, options.node.as_ref(), "nodejs")?;
    let mut languages = vec![("Python", hearth::python(&python)), ("Node", hearth::node(&node))];
    if let Ok(ruby) = runtime(options, None, "ruby") {
        languages.push(("Ruby", hearth::ruby(&ruby)));
    }
    if let Ok(java) = runtime(options, None, "java") {
        languages.push(("Java", hearth::java(&java)));
    }
    // Where `make dotnet` has put one.
    if let Some(dotnet) = runtime(options, None, "dotnet").ok().filter(|_| Path::new(hearth::DOTNET).exists()) {
        languages.push((".NET", hearth::dotnet(&dotnet)));
    }
    let measured: Vec<_> = languages.iter().map(|(_, source)| source.runtime.as_str()).collect();
    row("runtimes", &measured.join(", "));
    let server = Hearth::start(&options.hearth)?;
    row("server start-up to first answer, new data folder", &millis(server.start_up));
    let server = server.start_again(&options.hearth)?;
    row("server start-up to first answer, every time after", &millis(server.start_up));
    row("server memory, no function", &kib(process::memory_kib(&process::tree(server.pid()))));
    for (language, source) in &languages {
        cold(&server, &format!("{language}), cold, parked"), source, options.cold)?;
    }
    for (language, source) in &languages {
        let name = format!("warm-{}", source.runtime.replace('.', "-"));
        server.deploy(&name, source)?;
        server.invoke(&name)?;
        let invocation = server.invocation(&name);
        warm(&format!("Hearth ({language})"), &server.address, &invocation, options)?;
    }
    let programs = programs(&cache);
    for (language, source) in &programs {
        cold(&server, &format!("{language}), cold"), source, options.cold)?;
        let name = format!("warm-{}", language.to_lowercase());
        server.deploy(&name, source)?;
        server.invoke(&name)?;
        warm(&format!("Hearth ({language})"), &server.address, &server.invocation(&name), options)?;
    }
    drop(server);
    accepted(options, &languages)?;
    let server = Hearth::start_with(&options.hearth, &[("HEARTH_ENVIRONMENTS_PARKED", "0".to_owned())])?;
    for (language, source) in &languages {
        cold(&server, &format!("{language}), cold, interpreter booted"), source, options.cold)?;
    }
    drop(server);
    for (language, source) in languages.iter().chain(&programs) {
        idle(options, language, source)?;
    }
    if !options.no_peers {
        beside(options, &cache)?;
    }
    Ok(())
}

/// Functions that are programs, as far as their compilers are here.
fn programs(cache: &std::path::Path) -> Vec<(&'static str, Source)> {
    let built = [("Go", programs::go(cache)), ("Rust", programs::rust(cache))];
    let mut there = Vec::new();
    for (language, source) in built {
        match source {
            Ok(source) => there.push((language, source)),
            Err(error) => row(language, &format!("not measured: {error}")),
        }
    }
    there
}

/// The runtime asked for, or the newest of its language.
fn runtime(options: &Options, asked: Option<&String>, language: &str) -> io::Result<String> {
    if let Some(id) = asked {
        return Ok(id.clone());
    }
    let listed = Command::new(&options.hearth)
        .args(["runtimes", "-o", "json"])
        .env("HEARTH_RUNTIMES_ALIASES", hearth::STAND_INS)
        .env("HEARTH_RUNTIMES_SEARCH", std::path::absolute(hearth::DOTNET)?)
        .output()?;
    let listed: Value = serde_json::from_slice(&listed.stdout).map_err(io::Error::other)?;
    let ready =
        listed.as_array().into_iter().flatten().filter(|one| one["state"] == "ready" || one["state"] == "alias");
    let mut ids = ready.filter_map(|one| one["id"].as_str()).filter(|id| id.starts_with(language));
    // The listing is in rising order.
    ids.next_back()
        .map(ToOwned::to_owned)
        .ok_or_else(|| io::Error::other(format!("this host has no {language} runtime")))
}

/// First invocations of functions that never ran.
fn cold(server: &Hearth, what: &str, source: &Source, count: usize) -> io::Result<()> {
    let mut taken = Vec::with_capacity(count);
    for i in 0..count {
        let name = format!("cold-{}-{i}", what.chars().filter(char::is_ascii_alphanumeric).collect::<String>());
        server.deploy(&name, source)?;
        // Slots refill in the background; a cold start is measured, not a storm of them.
        std::thread::sleep(Duration::from_millis(150));
        taken.push(server.invoke(&name)?);
    }
    let sample = Sample::of(taken);
    latency_row(&format!("Hearth ({what}"), &sample, None);
    Ok(())
}

fn warm(name: &str, address: &str, request: &[u8], options: &Options) -> io::Result<()> {
    for connections in [1, 8] {
        let load = load::run(address, request, 200, connections, Duration::from_secs(options.seconds))?;
        latency_row(&format!("{name}, warm, {connections} conn."), &load.latency, Some(load.per_second));
    }
    Ok(())
}

/// Events that are accepted while those before them run: each answer says that its event is on disk.
fn accepted(options: &Options, languages: &[(&str, Source)]) -> io::Result<()> {
    let Some((language, source)) = languages.first() else { return Ok(()) };
    // A server of its own, for what it accepted goes on running.
    let server = Hearth::start(&options.hearth)?;
    server.deploy("events", source)?;
    server.invoke("events")?;
    for connections in [1, 8] {
        let time = Duration::from_secs(options.seconds);
        let load = load::run(&server.address, &server.event("events"), 202, connections, time)?;
        let name = format!("Hearth ({language}), event accepted, {connections} conn.");
        latency_row(&name, &load.latency, Some(load.per_second));
    }
    Ok(())
}

/// Memory and processor time of environments that wait.
fn idle(options: &Options, language: &str, source: &Source) -> io::Result<()> {
    let server = Hearth::start(&options.hearth)?;
    std::thread::sleep(Duration::from_secs(1));
    let before = process::memory_kib(&process::tree(server.pid()));
    for i in 0..options.idle {
        let name = format!("idle-{i}");
        server.deploy(&name, source)?;
        server.invoke(&name)?;
    }
    // Past the linger, and past the refilling of the slots.
    std::thread::sleep(Duration::from_secs(3));
    let pids = process::tree(server.pid());
    let each = process::memory_kib(&pids).saturating_sub(before) / options.idle.max(1) as u64;
    row(&format!("memory of an idle environment ({language})"), &kib(each));
    let began = process::cpu_ticks(&pids);
    std::thread::sleep(Duration::from_secs(10));
    let used = process::cpu_ticks(&pids).saturating_sub(began) * 10;
    row(&format!("CPU of {} idle environments over 10 s ({language})", options.idle), &format!("{used} ms"));
    Ok(())
}

fn beside(options: &Options, cache: &std::path::Path) -> io::Result<()> {
    match peers::serverless_offline(cache) {
        Ok(peer) => warm(peer.name, &peer.address, &peer.request, options)?,
        Err(error) => row("serverless-offline", &format!("not measured: {error}")),
    }
    match &options.emulator {
        Some(program) => match peers::emulator(program, cache) {
            // It runs one invocation at a time.
            Ok(peer) => {
                let time = Duration::from_secs(options.seconds);
                let load = load::run(&peer.address, &peer.request, 200, 1, time)?;
                latency_row(&format!("{}, warm, 1 conn.", peer.name), &load.latency, Some(load.per_second));
            }
            Err(error) => row("Runtime Interface Emulator", &format!("not measured: {error}")),
        },
        None => row("Runtime Interface Emulator", "not measured: HEARTH_BENCH_RIE does not name it"),
    }
    Ok(())
}

fn latency_row(name: &str, sample: &Sample, per_second: Option<f64>) {
    let mut text = format!("p50 {:>9}   p99 {:>9}", millis(sample.percentile(50)), millis(sample.percentile(99)));
    if let Some(per_second) = per_second {
        text.push_str(&format!("   {per_second:>8.0} /s"));
    }
    row(name, &format!("{text}   n={}", sample.count()));
}

fn row(name: &str, value: &str) {
    println!("{name:<52} {value}");
}

fn kib(kib: u64) -> String {
    format!("{:.1} MiB", kib as f64 / 1_024.0)
}
