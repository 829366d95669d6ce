//! What waits for one subscriber. Bounded: beyond [`Queue::room`] records are counted and thrown
//! away.

use std::collections::VecDeque;
use std::time::Duration;

use parking_lot::Mutex;
use serde_json::json;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::subscription::Buffering;
use crate::report::timestamp;

/// AWS's words.
const REASON: &str = "Consumer seems to have fallen behind as it has not acknowledged receipt of logs.";

#[derive(Debug, Default)]
struct State {
    records: VecDeque<Vec<u8>>,
    bytes: usize,
    /// When the first of them came.
    since: Option<Instant>,
    /// Taken and not yet acknowledged.
    in_flight: bool,
    dropped_records: u64,
    dropped_bytes: u64,
    /// Send at once what is there.
    flush: bool,
}

/// A subscriber's records.
#[derive(Debug)]
pub(super) struct Queue {
    buffering: Buffering,
    state: Mutex<State>,
    /// Wakes the delivery.
    filled: Notify,
    /// Wakes who waits for the end of it.
    emptied: Notify,
}

impl Queue {
    pub(super) fn new(buffering: Buffering) -> Self {
        Self {
            buffering,
            state: Mutex::default(),
            filled: Notify::new(),
            emptied: Notify::new(),
        }
    }

    /// Two batches: one is gathered while the one before is on its way.
    fn room(&self) -> usize {
        2 * self.buffering.bytes
    }

    pub(super) fn push(&self, at_ms: i64, record: Vec<u8>) {
        let mut state = self.state.lock();
        let fits = state.bytes + record.len() <= self.room() && state.records.len() < 2 * self.buffering.items;
        // One larger than all the room goes alone.
        if !fits && !state.records.is_empty() {
            state.dropped_records += 1;
            state.dropped_bytes += record.len() as u64;
            return;
        }
        let is_first = state.records.is_empty();
        tell_dropped(&mut state, at_ms);
        add(&mut state, record);
        if is_first || self.is_full(&state) {
            drop(state);
            self.filled.notify_one();
        }
    }

    /// A delivery that was given up.
    pub(super) fn drop_batch(&self, batch: &[Vec<u8>]) {
        self.note_dropped(batch.len() as u64, batch.iter().map(Vec::len).sum::<usize>() as u64);
    }

    /// Lost on the way to this queue, or from it.
    pub(super) fn note_dropped(&self, records: u64, bytes: u64) {
        let mut state = self.state.lock();
        state.dropped_records += records;
        state.dropped_bytes += bytes;
    }

    /// Sends what is there without waiting for more.
    pub(super) fn flush(&self) {
        self.state.lock().flush = true;
        self.filled.notify_one();
    }

    /// Waits until everything is delivered or given up.
    pub(super) async fn emptied(&self) {
        loop {
            let emptied = self.emptied.notified();
            tokio::pin!(emptied);
            emptied.as_mut().enable();
            {
                let state = self.state.lock();
                if state.records.is_empty() && !state.in_flight {
                    return;
                }
            }
            emptied.await;
        }
    }

    /// Waits until a batch is full, old enough or wanted. Cancel-safe.
    pub(super) async fn due(&self) {
        loop {
            let Some(left) = self.left() else {
                self.filled.notified().await;
                continue;
            };
            if left.is_zero() {
                return;
            }
            tokio::select! {
                () = self.filled.notified() => {}
                () = tokio::time::sleep(left) => return,
            }
        }
    }

    /// How long what is there may still wait. `None`: there is nothing.
    fn left(&self) -> Option<Duration> {
        let state = self.state.lock();
        let since = state.since?;
        if state.flush || self.is_full(&state) {
            return Some(Duration::ZERO);
        }
        Some((since + self.buffering.timeout).saturating_duration_since(Instant::now()))
    }

    fn is_full(&self, state: &State) -> bool {
        state.bytes >= self.buffering.bytes || state.records.len() >= self.buffering.items
    }

    /// Takes a batch. [`Queue::settle`] follows it.
    pub(super) fn take(&self, at_ms: i64) -> Vec<Vec<u8>> {
        let mut state = self.state.lock();
        if state.records.is_empty() {
            tell_dropped(&mut state, at_ms);
        }
        let (mut count, mut bytes) = (0, 0);
        for record in &state.records {
            let fits = bytes + record.len() <= self.buffering.bytes && count < self.buffering.items;
            if !fits && count > 0 {
                break;
            }
            count += 1;
            bytes += record.len();
        }
        let batch: Vec<_> = state.records.drain(..count).collect();
        state.bytes -= bytes;
        state.since = (!state.records.is_empty()).then(Instant::now);
        state.in_flight = !batch.is_empty();
        batch
    }

    /// The batch that was taken is delivered or given up.
    pub(super) fn settle(&self) {
        let mut state = self.state.lock();
        state.in_flight = false;
        drop(state);
        self.emptied.notify_waiters();
    }
}

fn add(state: &mut State, record: Vec<u8>) {
    state.bytes += record.len();
    state.records.push_back(record);
    state.since = state.since.or_else(|| Some(Instant::now()));
}

/// As soon as there is room, the subscriber hears of what it lost.
fn tell_dropped(state: &mut State, at_ms: i64) {
    if state.dropped_records == 0 {
        return;
    }
    let record = json!({
        "time": timestamp(at_ms),
        "type": "platform.logsDropped",
        "record": {
            "reason": REASON,
            "droppedRecords": std::mem::take(&mut state.dropped_records),
            "droppedBytes": std::mem::take(&mut state.dropped_bytes),
        },
    });
    add(state, record.to_string().into_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue() -> Queue {
        Queue::new(Buffering {
            items: 3,
            bytes: 100,
            timeout: Duration::from_millis(50),
        })
    }

    #[tokio::test(start_paused = true)]
    async fn a_batch_is_due_when_it_is_full_old_or_wanted() {
        let queue = queue();
        let began = Instant::now();
        queue.push(0, vec![0; 10]);
        queue.due().await;
        assert!(began.elapsed() >= Duration::from_millis(50));
        assert_eq!(queue.take(0).len(), 1);
        let began = Instant::now();
        for _ in 0..3 {
            queue.push(0, vec![0; 10]);
        }
        queue.due().await;
        assert_eq!(began.elapsed(), Duration::ZERO, "full by number");
        assert_eq!(queue.take(0).len(), 3);
        queue.push(0, vec![0; 10]);
        queue.settle();
        queue.push(0, vec![0; 95]);
        queue.due().await;
        assert_eq!(began.elapsed(), Duration::ZERO, "full by size");
        assert_eq!(queue.take(0).len(), 1, "a batch is no larger than it may be");
        queue.settle();
        queue.flush();
        queue.due().await;
        assert_eq!(began.elapsed(), Duration::ZERO, "wanted");
    }

    #[tokio::test(start_paused = true)]
    async fn what_does_not_fit_is_lost_and_told() {
        let queue = queue();
        for _ in 0..5 {
            queue.push(0, vec![b'x'; 60]);
        }
        assert_eq!(queue.take(0).len(), 1);
        queue.push(0, vec![b'y'; 10]);
        let mut all = Vec::new();
        loop {
            let batch = queue.take(0);
            if batch.is_empty() {
                break;
            }
            all.extend(batch);
        }
        let told = String::from_utf8_lossy(&all[2]).into_owned();
        assert!(told.contains(r#""droppedRecords":2,"droppedBytes":120"#), "{told}");
        assert_eq!(all[3], vec![b'y'; 10]);
    }

    #[test]
    fn a_record_larger_than_the_room_goes_alone() {
        let queue = queue();
        queue.push(0, vec![0; 5_000]);
        queue.push(0, vec![0; 10]);
        assert_eq!(queue.take(0).len(), 1);
        assert_eq!(queue.take(0).len(), 1, "the loss is told when there is room");
    }
}
