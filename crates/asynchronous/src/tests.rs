//! Events through the engine, over a store in memory, with paused time and a data plane that
//! answers by script.
#![allow(clippy::unwrap_used)]

mod faults;
mod lanes;
mod retries;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use hearth_core::{Clock, Random, Shutdown, Tasks};
use hearth_model::*;
use hearth_store::faults::{Faults, Faulty};
use hearth_store::{Memory, Queue, Queues};
use parking_lot::Mutex;
use serde_json::Value;

use crate::{Asynchronous, Options, Timing};

type Script = Box<dyn Fn(&Invocation, usize) -> Step + Send + Sync>;

/// What a run comes to, after a time.
struct Step(Duration, Result<Outcome, InvokeError>);

fn answers(payload: &'static str, error: bool) -> Step {
    let outcome = Outcome {
        executed_version: Version::Latest,
        payload: Bytes::from_static(payload.as_bytes()),
        error: error.then_some(FunctionError::Unhandled),
        log_tail: None,
        trace_header: "Root=1;Lineage=1".to_owned(),
    };
    Step(Duration::ZERO, Ok(outcome))
}

fn succeeds() -> Step {
    answers("1", false)
}

fn fails() -> Step {
    answers(r#"{"errorMessage":"no"}"#, true)
}

fn refuses(error: InvokeError) -> Step {
    Step(Duration::ZERO, Err(error))
}

fn throttled() -> Step {
    refuses(InvokeError::Throttled(ThrottleReason::Reserved))
}

impl Step {
    fn after(self, ms: u64) -> Self {
        Self(Duration::from_millis(ms), self.1)
    }
}

/// The data plane, the catalog and the destinations.
struct Stage {
    clock: Clock,
    script: Script,
    /// Function, request id and time of each run that was asked for.
    runs: Mutex<Vec<(String, String, i64)>>,
    /// How many of them each request has had: some are tried a hundred thousand times.
    tries: Mutex<HashMap<String, usize>>,
    running: Mutex<usize>,
    most_running: Mutex<usize>,
    /// Runs that took place and ended.
    done: AtomicUsize,
    policy: Mutex<EventPolicy>,
    reserved: Mutex<Option<u32>>,
    sent: Mutex<Vec<Dispatch>>,
    dispatch_failures: Mutex<Vec<DispatchError>>,
}

impl Invoke for Stage {
    fn invoke(&self, invocation: Invocation) -> BoxFuture<'_, Result<Outcome, InvokeError>> {
        Box::pin(async move {
            assert!(invocation.client_context.is_none() && !invocation.wants_log_tail);
            let nth = {
                let run = (invocation.function.name.to_string(), invocation.request_id.clone(), self.clock.now_ms());
                self.runs.lock().push(run);
                let mut tries = self.tries.lock();
                let tries = tries.entry(invocation.request_id.clone()).or_default();
                *tries += 1;
                *tries - 1
            };
            let running = {
                let mut running = self.running.lock();
                *running += 1;
                *running
            };
            let most = { *self.most_running.lock() }.max(running);
            *self.most_running.lock() = most;
            let Step(takes, result) = (self.script)(&invocation, nth);
            tokio::time::sleep(takes).await;
            *self.running.lock() -= 1;
            self.done.fetch_add(usize::from(result.is_ok()), Ordering::Relaxed);
            result
        })
    }

    fn invoke_streamed(&self, _: Invocation) -> BoxFuture<'_, Result<Streamed, InvokeError>> {
        unreachable!("events are not streamed")
    }

    fn dry_run(&self, function: &FunctionKey, _: Option<&Qualifier>) -> Result<Version, InvokeError> {
        if function.name.as_str() == "absent" {
            return Err(InvokeError::NotFound { arn: "absent".to_owned() });
        }
        Ok(Version::Latest)
    }
}

impl FunctionCatalog for Stage {
    fn lookup(&self, key: &FunctionKey, _: Option<&Qualifier>) -> Lookup {
        Lookup::Ready(Arc::new(spec(key, *self.reserved.lock())))
    }

    fn event_policy(&self, _: &FunctionKey, _: Option<&Qualifier>) -> EventPolicy {
        self.policy.lock().clone()
    }

    fn allows_recursion(&self, _: &FunctionKey) -> bool {
        false
    }

    fn ahead(&self, _: &FunctionKey) -> Vec<Ahead> {
        Vec::new()
    }

    fn with_ahead(&self) -> Vec<FunctionKey> {
        Vec::new()
    }
}

impl Destinations for Stage {
    fn serves(&self, _: DestinationService) -> bool {
        true
    }

    fn dispatch(&self, dispatch: Dispatch) -> BoxFuture<'_, Result<(), DispatchError>> {
        Box::pin(async move {
            if let Some(error) = self.dispatch_failures.lock().pop() {
                return Err(error);
            }
            self.sent.lock().push(dispatch);
            Ok(())
        })
    }
}

fn spec(key: &FunctionKey, reserved_concurrency: Option<u32>) -> FunctionSpec {
    FunctionSpec {
        arn: arn::function(&key.region, &key.account, key.name.as_str()),
        logging: Logging {
            format: LogFormat::Text,
            application_level: None,
            system_level: None,
            group: String::new(),
            custom_group: false,
        },
        account: key.account.clone(),
        region: key.region.clone(),
        name: key.name.clone(),
        version: Version::Latest,
        generation: 1,
        runtime: String::new(),
        handler: String::new(),
        role_arn: String::new(),
        memory: MemoryMib(128),
        timeout: TimeoutS(3),
        storage: StorageMib(512),
        architecture: Architecture::X86_64,
        environment: Vec::new(),
        tracing_active: false,
        reserved_concurrency,
        snap_start: false,
        layers: None,
        image: None,
        file_systems: Vec::new(),
        code: Arc::new(CodeDir::new("/nowhere".into(), String::new())),
    }
}

fn key(name: &str) -> FunctionKey {
    FunctionKey {
        account: AccountId::fallback(),
        region: Region::fallback(),
        name: FunctionName::parse(name).unwrap(),
    }
}

struct World {
    clock: Clock,
    store: Memory,
    faults: Faults,
    stage: Arc<Stage>,
    engine: Arc<Asynchronous>,
    tasks: Tasks,
    shutdown: Shutdown,
}

impl World {
    fn new(script: impl Fn(&Invocation, usize) -> Step + Send + Sync + 'static) -> Self {
        let clock = Clock::fixed(1_000_000);
        let store = Memory::new(clock.clone());
        Self::over(store, clock, script)
    }

    fn over(store: Memory, clock: Clock, script: impl Fn(&Invocation, usize) -> Step + Send + Sync + 'static) -> Self {
        let faults = Faults::new();
        let stage = Arc::new(Stage {
            clock: clock.clone(),
            script: Box::new(script),
            runs: Mutex::default(),
            tries: Mutex::default(),
            running: Mutex::default(),
            most_running: Mutex::default(),
            done: AtomicUsize::new(0),
            policy: Mutex::default(),
            reserved: Mutex::default(),
            sent: Mutex::default(),
            dispatch_failures: Mutex::default(),
        });
        let (tasks, shutdown) = (Tasks::new(), Shutdown::new());
        let engine = Asynchronous::new(Options {
            clock: clock.clone(),
            random: Random::seeded(1),
            tasks: tasks.clone(),
            shutdown: shutdown.clone(),
            catalog: stage.clone(),
            invoke: stage.clone(),
            queues: Arc::new(Faulty::new(store.clone(), faults.clone())),
            destinations: stage.clone(),
            timing: Timing::default(),
            places: 4,
        });
        Self {
            clock,
            store,
            faults,
            stage,
            engine,
            tasks,
            shutdown,
        }
    }

    async fn accept(&self, name: &str, id: &str) -> Result<Accepted, InvokeError> {
        self.engine
            .accept(Invocation {
                function: key(name),
                qualifier: None,
                request_id: id.to_owned(),
                payload: Bytes::from_static(b"{\"k\":1}"),
                client_context: Some("{}".to_owned()),
                cognito_identity: None,
                trace_header: None,
                wants_log_tail: true,
            })
            .await
    }

    async fn accept_all(&self, name: &str, ids: std::ops::Range<usize>) {
        for id in ids {
            self.accept(name, &format!("{name}-{id}")).await.unwrap();
        }
    }

    /// Lets time pass, for the clock and for whoever sleeps.
    async fn pass(&self, ms: u64) {
        self.pass_in_steps(ms, (ms / 2_000).clamp(1, 1_000)).await;
    }

    /// The same, with the clock up to a second ahead of who sleeps.
    async fn pass_roughly(&self, ms: u64) {
        self.pass_in_steps(ms, 1_000).await;
    }

    async fn pass_in_steps(&self, ms: u64, step: u64) {
        let mut left = ms;
        while left > 0 {
            let now = step.min(left);
            self.clock.advance_ms(i64::try_from(now).unwrap());
            tokio::time::sleep(Duration::from_millis(now)).await;
            left -= now;
        }
        tokio::time::sleep(Duration::ZERO).await;
    }

    /// When an event was run, in ms since the start.
    fn runs(&self, id: &str) -> Vec<i64> {
        let runs = self.stage.runs.lock();
        runs.iter().filter(|(_, found, _)| found == id).map(|(_, _, at)| at - 1_000_000).collect()
    }

    /// Runs of a function's events, by event.
    fn runs_of(&self, name: &str) -> HashMap<String, usize> {
        let mut found = HashMap::new();
        for (_, id, _) in self.stage.runs.lock().iter().filter(|(function, ..)| function == name) {
            *found.entry(id.clone()).or_default() += 1;
        }
        found
    }

    async fn stored(&self, name: &str) -> u64 {
        let queue = Queue(format!("event/000000000000/us-east-1/{name}/"));
        self.store.len(queue).await.unwrap()
    }

    /// Where things went, and the conditions of the records.
    fn sent(&self) -> Vec<(String, String)> {
        let sent = self.stage.sent.lock();
        let condition = |dispatch: &Dispatch| {
            let body: Value = serde_json::from_slice(&dispatch.body).unwrap();
            body["requestContext"]["condition"].as_str().unwrap_or_default().to_owned()
        };
        sent.iter().map(|dispatch| (dispatch.target.clone(), condition(dispatch))).collect()
    }

    /// Nothing is left: not in the store, no lane, no timer.
    async fn assert_quiet(&self) {
        assert_eq!(self.store.names(String::new()).await.unwrap(), []);
        assert_eq!(self.engine.lanes(), 0, "lanes that have nothing to do");
        assert_eq!(self.tasks.awaited_count(), 0);
    }

    fn send_to_all(&self) {
        *self.stage.policy.lock() = EventPolicy {
            on_success: Some("success".to_owned()),
            on_failure: Some("failure".to_owned()),
            dead_letter: Some("letter".to_owned()),
            ..EventPolicy::default()
        };
    }
}
