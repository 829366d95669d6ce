//! Work that goes on between invocations.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Once;
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

static START: Once = Once::new();
static TICKS: AtomicU64 = AtomicU64::new(0);
static LARGEST_GAP_MS: AtomicU64 = AtomicU64::new(0);

pub fn tick() -> Value {
    START.call_once(|| drop(std::thread::spawn(run)));
    json!({"ticks": TICKS.load(Ordering::SeqCst), "largest_gap_ms": LARGEST_GAP_MS.load(Ordering::SeqCst)})
}

fn run() {
    let mut last = SystemTime::now();
    loop {
        std::thread::sleep(Duration::from_millis(5));
        let now = SystemTime::now();
        let gap = now.duration_since(last).map_or(0, |gap| gap.as_millis() as u64);
        LARGEST_GAP_MS.fetch_max(gap, Ordering::SeqCst);
        TICKS.fetch_add(1, Ordering::SeqCst);
        last = now;
    }
}
