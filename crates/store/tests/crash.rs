//! `kill -9` at any moment: every acknowledged change is there, and no batch is half there.
//!
//! The test starts this binary again as a child that writes and says what was acknowledged, kills
//! it, opens the folder and compares; again and again on one folder.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::HashSet;
use std::io::{BufRead, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hearth_core::{Clock, Random};
use hearth_store::embedded::Options;
use hearth_store::{BlobId, Blobs, Documents, Embedded, Expect, Key, Queue, Queues, Write};
use sha2::{Digest, Sha256};

const FOLDER: &str = "HEARTH_CRASH_FOLDER";
/// Where writing costs nothing, the kill strikes anywhere in the code; on the disk it mostly strikes where it is waited for.
/// What was written is there either way: it is the process that dies, not the machine.
const ROUNDS_IN_MEMORY: usize = 20;
const ROUNDS_ON_DISK: usize = 5;
const WRITERS: usize = 6;
/// Batch `n` deletes what batch `n - KEPT` wrote.
const KEPT: u64 = 10;

fn queue() -> Queue {
    Queue("work".to_owned())
}

fn counter(writer: usize) -> Key {
    Key::new("counter", writer.to_string())
}

fn half(writer: usize, n: u64, which: &str) -> Key {
    Key::new("half", format!("{writer}:{n:08}:{which}"))
}

fn blob_of(writer: usize, n: u64) -> Bytes {
    Bytes::from(format!("blob {writer} {n} ").repeat(500))
}

/// How many batches of `writer` were committed, and the counter's version.
async fn committed(store: &Embedded, writer: usize) -> (u64, Expect) {
    match Documents::get(store, counter(writer)).await.unwrap() {
        None => (0, Expect::Absent),
        Some(document) => {
            let n = std::str::from_utf8(&document.body).unwrap().parse().unwrap();
            (n, Expect::Version(document.version))
        }
    }
}

/// Two halves, a counter by compare-and-swap, a piece of work and the end of older halves: all at
/// once.
fn batch(writer: usize, n: u64, counted: Expect) -> Vec<Write> {
    let put = |key, body: String, expect| Write::Put {
        key,
        body: Bytes::from(body),
        expect,
    };
    let mut batch = vec![
        put(half(writer, n, "a"), n.to_string(), Expect::Absent),
        put(counter(writer), n.to_string(), counted),
        Write::Enqueue {
            queue: queue(),
            body: Bytes::from(format!("{writer}:{n}")),
            delay_ms: 0,
        },
        put(half(writer, n, "b"), n.to_string(), Expect::Absent),
    ];
    if n > KEPT {
        batch.extend(["a", "b"].map(|which| Write::Delete {
            key: half(writer, n - KEPT, which),
            expect: Expect::Anything,
        }));
    }
    batch
}

/// One line at a time, so that what the parent reads was acknowledged.
fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "\n{line}").unwrap();
    out.flush().unwrap();
}

async fn write_on(store: Arc<Embedded>, writer: usize) {
    let (mut n, mut counted) = committed(&store, writer).await;
    loop {
        n += 1;
        if n.is_multiple_of(5) {
            store.put(blob_of(writer, n)).await.unwrap();
        }
        let versions = store.commit(batch(writer, n, counted)).await.unwrap();
        counted = Expect::Version(versions[1]);
        say(&format!("wrote {writer} {n}"));
        if n.is_multiple_of(3) {
            for item in store.lease(queue(), 1, 60_000).await.unwrap() {
                assert!(store.complete(item.lease).await.unwrap());
                say(&format!("worked {}", std::str::from_utf8(&item.body).unwrap()));
            }
        }
    }
}

/// The child. Does nothing unless the test below starts it.
#[test]
#[ignore = "the other half of the test below"]
fn child_writes_until_it_is_killed() {
    let Some(folder) = std::env::var_os(FOLDER) else {
        return;
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let store = Arc::new(Embedded::open(Options::new(PathBuf::from(folder), Clock::system())).unwrap());
        say("open");
        let writers: Vec<_> = (0..WRITERS).map(|writer| tokio::spawn(write_on(Arc::clone(&store), writer))).collect();
        for writer in writers {
            writer.await.unwrap();
        }
    });
}

fn start_child(folder: &Path) -> (Child, BufReader<ChildStdout>) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "child_writes_until_it_is_killed", "--nocapture"])
        .env(FOLDER, folder)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let said = BufReader::new(child.stdout.take().unwrap());
    (child, said)
}

/// What the child said was acknowledged.
#[derive(Default)]
struct Acknowledged {
    /// The last batch of each writer.
    wrote: [u64; WRITERS],
    worked: HashSet<String>,
}

impl Acknowledged {
    fn note(&mut self, line: &str) {
        match line.split(' ').collect::<Vec<_>>().as_slice() {
            ["wrote", writer, n] => self.wrote[writer.parse::<usize>().unwrap()] = n.parse().unwrap(),
            ["worked", item] => assert!(self.worked.insert((*item).to_owned()), "{item} was done twice"),
            _ => {}
        }
    }
}

/// Lets the child run for a random while, kills it, and takes down all it said.
fn run_and_kill(folder: &Path, random: &Random, acknowledged: &mut Acknowledged) {
    let (mut child, mut said) = start_child(folder);
    // Some die while opening, some after a handful of acknowledgements.
    let lines = random.below(120);
    let pause = Duration::from_micros(random.below(3_000));
    let mut line = String::new();
    for _ in 0..lines {
        line.clear();
        assert!(said.read_line(&mut line).unwrap() > 0, "the child ended by itself");
        acknowledged.note(line.trim());
    }
    // At no particular point of the child's work.
    std::thread::sleep(pause);
    child.kill().unwrap();
    assert!(!child.wait().unwrap().success());
    for rest in said.lines() {
        acknowledged.note(&rest.unwrap());
    }
}

async fn check(folder: &Path, acknowledged: &mut Acknowledged) {
    let clock = Clock::fixed(1);
    let store = Embedded::open(Options::new(folder, clock.clone())).unwrap();
    let mut expected_halves = Vec::new();
    let mut enqueued = HashSet::new();
    for writer in 0..WRITERS {
        let (n, _) = committed(&store, writer).await;
        let said = acknowledged.wrote[writer];
        assert!(n == said || n == said + 1, "writer {writer}: {said} acknowledged, {n} found");
        acknowledged.wrote[writer] = n;
        for m in n.saturating_sub(KEPT - 1).max(1)..=n {
            expected_halves.extend(["a", "b"].map(|which| half(writer, m, which).id));
        }
        for m in (5..=n).step_by(5) {
            let blob = blob_of(writer, m);
            let id = BlobId(Sha256::digest(&blob).into());
            assert_eq!(Blobs::get(&store, id).await.unwrap(), Some(blob));
        }
        enqueued.extend((1..=n).map(|m| format!("{writer}:{m}")));
    }
    let halves = store.scan("half", String::new(), None, usize::MAX).await.unwrap();
    expected_halves.sort();
    assert_eq!(halves.into_iter().map(|half| half.id).collect::<Vec<_>>(), expected_halves);
    check_work(&store, &clock, &enqueued, acknowledged).await;
    store.close().await;
}

/// Work is there unless it was done; at most one piece per writer was done without saying so.
async fn check_work(store: &Embedded, clock: &Clock, enqueued: &HashSet<String>, acknowledged: &mut Acknowledged) {
    // Past every lease, to see all items, and back, to leave them due for the next child.
    clock.advance_ms(i64::MAX / 2);
    let items = store.lease(queue(), usize::MAX, 0).await.unwrap();
    clock.advance_ms(-i64::MAX / 2);
    let left: HashSet<String> = items.iter().map(|item| String::from_utf8(item.body.to_vec()).unwrap()).collect();
    assert_eq!(left.len(), items.len(), "no work is there twice");
    assert!(left.is_subset(enqueued));
    assert!(left.is_disjoint(&acknowledged.worked), "work that was done came back");
    let done: HashSet<String> = enqueued.difference(&left).cloned().collect();
    let unsaid = done.difference(&acknowledged.worked).count();
    assert!(unsaid <= WRITERS, "{unsaid} pieces of work are gone");
    acknowledged.worked = done;
    for item in items {
        store.release(item.lease, 0).await.unwrap();
    }
}

#[test]
fn no_kill_loses_or_halves_anything() {
    survives(&hearth_store::conformance::folders(), ROUNDS_IN_MEMORY);
    survives(&std::env::temp_dir(), ROUNDS_ON_DISK);
}

fn survives(place: &Path, rounds: usize) {
    let folder = tempfile::tempdir_in(place).unwrap();
    let random = Random::system();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut acknowledged = Acknowledged::default();
    for _ in 0..rounds {
        run_and_kill(folder.path(), &random, &mut acknowledged);
        runtime.block_on(check(folder.path(), &mut acknowledged));
    }
    assert!(acknowledged.wrote.iter().sum::<u64>() > 0, "the child never came to write");
}
