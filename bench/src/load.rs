//! Load: one request over and over, on one connection or on several.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::http::Connection;
use crate::stats::Sample;

/// What a load measured.
pub(crate) struct Load {
    pub(crate) latency: Sample,
    pub(crate) per_second: f64,
}

/// Runs `connections` clients for `time`, after a warm-up of a fifth of it. Any other status than the
/// `expected` one fails it.
pub(crate) fn run(
    address: &str,
    request: &[u8],
    expected: u16,
    connections: usize,
    time: Duration,
) -> io::Result<Load> {
    let stop = Arc::new(AtomicBool::new(false));
    let counting = Arc::new(AtomicBool::new(false));
    let failed = Arc::new(AtomicUsize::new(0));
    let clients: Vec<_> = (0..connections)
        .map(|_| {
            let mut connection = Connection::open(address)?;
            let (request, stop, counting, failed) =
                (request.to_vec(), Arc::clone(&stop), Arc::clone(&counting), Arc::clone(&failed));
            Ok(std::thread::spawn(move || {
                let mut taken = Vec::with_capacity(100_000);
                while !stop.load(Ordering::Relaxed) {
                    let began = Instant::now();
                    match connection.exchange(&request) {
                        Ok(answer) if answer.status == expected => {}
                        Ok(_) | Err(_) => {
                            failed.fetch_add(1, Ordering::Relaxed);
                            break;
                        }
                    }
                    if counting.load(Ordering::Relaxed) {
                        taken.push(began.elapsed());
                    }
                }
                taken
            }))
        })
        .collect::<io::Result<_>>()?;
    std::thread::sleep(time / 5);
    counting.store(true, Ordering::Relaxed);
    let began = Instant::now();
    std::thread::sleep(time);
    counting.store(false, Ordering::Relaxed);
    let measured = began.elapsed();
    stop.store(true, Ordering::Relaxed);
    let taken: Vec<Duration> = clients.into_iter().flat_map(|client| client.join().unwrap_or_default()).collect();
    if failed.load(Ordering::Relaxed) > 0 {
        return Err(io::Error::other("a request failed under load"));
    }
    Ok(Load {
        per_second: taken.len() as f64 / measured.as_secs_f64(),
        latency: Sample::of(taken),
    })
}
