//! How many log events a second the store takes, and what they cost.
//!
//! `cargo run --release -p hearth-observe --example append_rate -- [invocations] [streams]` appends
//! the four events of an invocation at a time, round the streams, then waits for the last to be on
//! disk. Prints events per second of wall time and of CPU time of the whole process.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, reason = "a tool for developers")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use hearth_core::Clock;
use hearth_model::{AccountId, LogEvent, LogStreamId, Region};
use hearth_observe::{MAX_BYTES, Observe, Options};

fn main() {
    let number = |at: usize, default: usize| std::env::args().nth(at).map_or(default, |text| text.parse().unwrap());
    let (invocations, streams) = (number(1, 100_000), number(2, 8));
    let dir = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let (began, used) = (Instant::now(), cpu());
    runtime.block_on(async {
        let options = Options {
            dir: dir.path().to_owned(),
            clock: Clock::system(),
            max_bytes: MAX_BYTES,
        };
        let observe = Observe::open(options).unwrap();
        append(&observe, invocations, streams).await;
        assert!(observe.close(Duration::from_secs(60)).await);
    });
    let (wall, cpu) = (began.elapsed(), cpu() - used);
    let events = invocations * 4;
    let rate = |time: Duration| events as f64 / time.as_secs_f64();
    println!("{events} events in {streams} streams: {wall:.2?} wall, {cpu:.2?} CPU");
    println!("{:.0} events/s of wall time, {:.0} events/s of CPU time", rate(wall), rate(cpu));
}

async fn append(observe: &Observe, invocations: usize, streams: usize) {
    let sink = observe.sink();
    let clock = Clock::system();
    let streams: Vec<_> = (0..streams)
        .map(|number| {
            Arc::new(LogStreamId {
                account: AccountId::fallback(),
                region: Region::fallback(),
                group: "/aws/lambda/bench".to_owned(),
                stream: format!("2026/11/23/[$LATEST]{number:032x}"),
            })
        })
        .collect();
    for (number, stream) in (0..invocations).zip(streams.iter().cycle()) {
        let id = format!("8f507cfc-xmpl-4697-b07a-{number:012x}");
        let lines = [
            format!("START RequestId: {id} Version: $LATEST\n"),
            "hello from the handler\n".to_owned(),
            format!("END RequestId: {id}\n"),
            format!(
                "REPORT RequestId: {id}\tDuration: 1.01 ms\tBilled Duration: 2 ms\tMemory Size: 128 MB\tMax Memory Used: 36 MB\t\n"
            ),
        ];
        let timestamp_ms = clock.now_ms();
        let events = lines.into_iter().map(|message| LogEvent { timestamp_ms, message }).collect();
        sink.append(Arc::clone(stream), events).await;
    }
}

/// CPU time of this process so far, by the kernel's clock ticks of 10 ms.
fn cpu() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
    Duration::from_millis(ticks * 10)
}
