//! Asynchronous invocation as the rest of the server sees it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use hearth_core::{Clock, Random, Shutdown, TaskKind, Tasks};
use hearth_model::{
    Accepted, BoxFuture, CatalogObserver, Destinations, FunctionCatalog, FunctionKey, Invocation, Invoke, InvokeError,
    InvokeLater,
};
use hearth_store::{Queues, StoreError};
use parking_lot::Mutex;
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::door::{Admission, Door, Held, Waiting};
use crate::event::Event;
use crate::key::{LaneKey, PREFIX};
use crate::lane::Lane;

/// When events are tried again. Source: fact sheet "Lambda invocation", section 4.
#[derive(Clone, Copy, Debug)]
pub struct Timing {
    /// Between the function's first failure and the next run; twice as long after the second.
    pub retry: Duration,
    /// After a throttle or a failure of the host: twice as long each time in a row.
    pub backoff_min: Duration,
    pub backoff_max: Duration,
    /// For how long an event is held at a time. Another server may take it after that.
    pub lease: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            retry: Duration::from_secs(60),
            backoff_min: Duration::from_secs(1),
            backoff_max: Duration::from_secs(300),
            lease: Duration::from_secs(300),
        }
    }
}

impl Timing {
    /// The wait after so many in a row.
    pub(crate) fn backoff(&self, in_a_row: u32) -> Duration {
        let doubled = 2_u32.saturating_pow(in_a_row.saturating_sub(1));
        self.backoff_min.saturating_mul(doubled).min(self.backoff_max)
    }

    pub(crate) fn lease_ms(&self) -> u64 {
        u64::try_from(self.lease.as_millis()).unwrap_or(u64::MAX)
    }
}

/// What asynchronous invocation stands on.
pub struct Options {
    pub clock: Clock,
    pub random: Random,
    pub tasks: Tasks,
    pub shutdown: Shutdown,
    pub catalog: Arc<dyn FunctionCatalog>,
    pub invoke: Arc<dyn Invoke>,
    pub queues: Arc<dyn Queues>,
    pub destinations: Arc<dyn Destinations>,
    pub timing: Timing,
    /// Events of one lane that run at once to begin with.
    pub places: usize,
}

/// What every lane holds on to.
pub(crate) struct Shared {
    pub(crate) clock: Clock,
    random: Random,
    tasks: Tasks,
    pub(crate) shutdown: Shutdown,
    pub(crate) catalog: Arc<dyn FunctionCatalog>,
    pub(crate) invoke: Arc<dyn Invoke>,
    pub(crate) queues: Arc<dyn Queues>,
    pub(crate) destinations: Arc<dyn Destinations>,
    pub(crate) timing: Timing,
    pub(crate) places: usize,
    pub(crate) waiting: Waiting,
    lanes: Mutex<HashMap<LaneKey, Arc<Door>>>,
}

/// Takes events, and runs them. Made once by `node`.
pub struct Asynchronous {
    shared: Arc<Shared>,
}

impl Asynchronous {
    #[must_use]
    pub fn new(options: Options) -> Arc<Self> {
        Arc::new(Self {
            shared: Arc::new(Shared {
                clock: options.clock,
                random: options.random,
                tasks: options.tasks,
                shutdown: options.shutdown,
                catalog: options.catalog,
                invoke: options.invoke,
                queues: options.queues,
                destinations: options.destinations,
                timing: options.timing,
                places: options.places,
                waiting: Waiting::default(),
                lanes: Mutex::default(),
            }),
        })
    }

    /// Takes up what earlier lives of this server left. Called once, before the first event is
    /// accepted; the caller vouches that nobody else holds events in this store.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn begin(&self) -> Result<(), StoreError> {
        let shared = &self.shared;
        shared.queues.expire(PREFIX.to_owned()).await?;
        for queue in shared.queues.names(PREFIX.to_owned()).await? {
            match LaneKey::of(&queue) {
                Some(key) => shared.open(&mut shared.lanes.lock(), &key).look(),
                None => {
                    tracing::error!(queue = queue.0, "events in a queue that this Hearth does not know are left alone")
                }
            }
        }
        Ok(())
    }

    #[cfg(test)]
    pub(crate) fn lanes(&self) -> usize {
        self.shared.lanes.lock().len()
    }
}

impl InvokeLater for Asynchronous {
    fn accept(&self, invocation: Invocation) -> BoxFuture<'_, Result<Accepted, InvokeError>> {
        Box::pin(async move {
            let shared = Arc::clone(&self.shared);
            shared.invoke.dry_run(&invocation.function, invocation.qualifier.as_ref())?;
            let trace_header = invocation.trace_header.unwrap_or_else(|| shared.new_trace());
            let now_ms = shared.clock.now_ms();
            let event = Event::new(invocation.request_id, now_ms, trace_header.clone(), invocation.payload);
            let key = LaneKey {
                function: invocation.function,
                qualifier: invocation.qualifier,
            };
            // In a task of its own: a caller that hangs up must not leave an event in the store
            // that its lane has not heard of.
            let (reply, written) = oneshot::channel();
            self.shared.tasks.spawn(TaskKind::Delivery, "event", async move {
                let _ = reply.send(shared.take(&key, event).await);
            });
            match written.await {
                Ok(Ok(())) => Ok(Accepted { trace_header }),
                Ok(Err(cause)) => Err(InvokeError::NotWritten(cause.to_string())),
                Err(_) => Err(InvokeError::NotWritten("the server ended before it was done".to_owned())),
            }
        })
    }
}

impl CatalogObserver for Asynchronous {
    fn function_changed(&self, key: &FunctionKey) {
        for (_, door) in self.shared.lanes.lock().iter().filter(|(lane, _)| lane.function == *key) {
            door.note_change();
        }
    }
}

impl Shared {
    /// Puts an event into the store and, where there is room, into its lane.
    async fn take(self: &Arc<Self>, key: &LaneKey, event: Event) -> Result<(), StoreError> {
        let (queue, body) = (key.queue(), event.encode());
        match self.admit(key, body.len()) {
            Admission::InMemory { door, permit, weight } => {
                let lease = match self.queues.enqueue_held(queue, body, self.timing.lease_ms()).await {
                    Ok(lease) => lease,
                    Err(error) => {
                        drop(permit);
                        // It may be there all the same.
                        door.look();
                        return Err(error);
                    }
                };
                permit.send(Held {
                    lease,
                    event,
                    since: Instant::now(),
                    weight: Some(weight),
                });
                Ok(())
            }
            Admission::InStore(visit) => {
                let stored = self.queues.enqueue(queue, body, 0).await;
                drop(visit);
                stored
            }
            Admission::Closed => self.queues.enqueue(queue, body, 0).await,
        }
    }

    fn admit(self: &Arc<Self>, key: &LaneKey, bytes: usize) -> Admission {
        if self.shutdown.is_started() {
            return Admission::Closed;
        }
        let mut lanes = self.lanes.lock();
        self.open(&mut lanes, key).admit(bytes, &self.waiting)
    }

    /// The lane's door; begins the lane when there is none.
    fn open(self: &Arc<Self>, lanes: &mut HashMap<LaneKey, Arc<Door>>, key: &LaneKey) -> Arc<Door> {
        let door = lanes.entry(key.clone()).or_insert_with(|| {
            let (door, inbox) = Door::new();
            let lane = Lane::new(Arc::clone(self), key.clone(), Arc::clone(&door), inbox);
            self.tasks.spawn(TaskKind::Delivery, "lane", lane.run());
            door
        });
        Arc::clone(door)
    }

    /// Ends a lane, unless someone is about to hand something over; `true` when it has ended.
    pub(crate) fn close(&self, key: &LaneKey, door: &Door) -> bool {
        let mut lanes = self.lanes.lock();
        let ends = self.shutdown.is_started() || door.is_quiet();
        if ends {
            lanes.remove(key);
        }
        ends
    }

    /// For an event whose caller has none: its runs belong together.
    fn new_trace(&self) -> String {
        let drawn = u128::from_le_bytes(self.random.bytes());
        format!("Root=1-{:08x}-{:024x}", self.clock.now_ms() / 1_000, drawn >> 32)
    }
}
