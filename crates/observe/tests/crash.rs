//! `kill -9` of a server that writes logs: what a reader saw is there at the next start.
//!
//! The test starts itself as a child, which appends events, reads after every few of them (so that
//! they are committed) and prints how many it knows to be safe. The parent kills it at some moment
//! and opens the store.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)]

mod common;

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use common::{call, event, messages, open, stream};
use serde_json::json;

const DIR: &str = "HEARTH_TEST_CRASH_DIR";
const ROUNDS: usize = 6;

#[test]
fn committed_events_outlive_a_kill() {
    if let Some(dir) = std::env::var_os(DIR) {
        return write_forever(Path::new(&dir));
    }
    let dir = tempfile::tempdir().unwrap();
    let mut safe = 0;
    for round in 0..ROUNDS {
        // Each round dies at another moment, and finds what the ones before left.
        let lines = 1 + round * 7;
        safe = safe.max(run_and_kill(dir.path(), lines));
        let there = count(dir.path());
        assert!(there >= safe, "round {round}: {safe} events were committed, {there} are there");
        safe = there;
    }
    assert!(safe > 0);
}

/// Starts a child, waits for some lines of it, kills it. Returns the last number it printed.
fn run_and_kill(dir: &Path, lines: usize) -> usize {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "committed_events_outlive_a_kill", "--nocapture"])
        .env(DIR, dir)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let numbers = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let mut numbers = numbers.filter_map(|line| line.strip_prefix("safe ")?.parse().ok());
    let last = numbers.by_ref().take(lines).last().expect("the child writes");
    child.kill().unwrap();
    child.wait().unwrap();
    // What it printed before it died counts too.
    numbers.last().unwrap_or(last)
}

/// The number of events in the store; their order and completeness are checked on the way.
fn count(dir: &Path) -> usize {
    run(async {
        let observe = open(dir);
        let messages = messages(&observe, "g", "s").await;
        for (number, message) in messages.iter().enumerate() {
            assert_eq!(message.split(' ').next(), Some(number.to_string().as_str()));
        }
        messages.len()
    })
}

fn write_forever(dir: &Path) {
    run(async {
        let observe = open(dir);
        let sink = observe.sink();
        let groups = call(&observe, "DescribeLogGroups", json!({})).await;
        let known = !groups["logGroups"].as_array().unwrap().is_empty();
        let mut number = if known { messages(&observe, "g", "s").await.len() } else { 0 };
        loop {
            for _ in 0..5 {
                // Of all sizes, so that the kill meets merges of chunks as well.
                let text = format!("{number} {}", "x".repeat(number * 7919 % 40_000));
                sink.append(stream("g", "s"), vec![event(i64::try_from(number).unwrap(), text)]).await;
                number += 1;
            }
            call(&observe, "GetLogEvents", json!({"logGroupName": "g", "logStreamName": "s", "limit": 1})).await;
            println!("safe {number}");
        }
    });
}

fn run<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap().block_on(work)
}
