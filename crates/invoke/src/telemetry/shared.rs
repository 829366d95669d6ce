//! Where an environment puts what happens in it, and who gets it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use hearth_core::{Clock, Shutdown, TaskKind, Tasks};
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::time::Instant;

use super::delivery::Delivery;
use super::item::Item;
use super::queue::Queue;
use super::send::{Connect, Sender};
use super::subscription::{Api, Schema, Streams, Subscription};

/// What is kept of an init for those who have yet to subscribe.
const BACKLOG_BYTES_MAX: usize = 1024 * 1024;

/// Beyond [`BACKLOG_BYTES_MAX`] the newest are lost, and who subscribes hears how many.
#[derive(Default)]
struct Backlog {
    items: Vec<(i64, Item)>,
    bytes: usize,
    lost_records: u64,
    lost_bytes: u64,
}

impl Backlog {
    fn push(&mut self, at_ms: i64, item: Item) {
        let size = item.size();
        if self.bytes + size > BACKLOG_BYTES_MAX {
            self.lost_records += 1;
            self.lost_bytes += size as u64;
            return;
        }
        self.bytes += size;
        self.items.push((at_ms, item));
    }
}

struct Subscriber {
    name: String,
    api: Api,
    schema: Schema,
    streams: Streams,
    queue: Arc<Queue>,
}

impl Subscriber {
    fn push(&self, at_ms: i64, item: &Item) {
        for record in item.render(at_ms, self.schema, self.streams) {
            self.queue.push(at_ms, record);
        }
    }
}

#[derive(Default)]
struct Inner {
    /// From an init's beginning until nobody can subscribe any more.
    backlog: Option<Backlog>,
    subscribers: Vec<Subscriber>,
    /// Ends the deliveries of this init's subscribers.
    closed: Shutdown,
    way: Option<Arc<dyn Connect>>,
}

/// What a subscription led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Subscribed {
    Fresh,
    Already,
    /// With the other API.
    Elsewhere(Api),
    /// Too late.
    Closed,
}

/// The telemetry of one environment.
pub(crate) struct Telemetry {
    clock: Clock,
    tasks: Tasks,
    /// Whether anybody wants records: all that is looked at where nobody does.
    wanted: AtomicBool,
    inner: Mutex<Inner>,
    thawed: watch::Sender<bool>,
}

impl Telemetry {
    pub(crate) fn new(clock: Clock, tasks: Tasks) -> Self {
        Self {
            clock,
            tasks,
            wanted: AtomicBool::new(false),
            inner: Mutex::default(),
            thawed: watch::Sender::new(true),
        }
    }

    /// The way into the sandbox, once there is one.
    pub(crate) fn connect_by(&self, way: Arc<dyn Connect>) {
        self.inner.lock().way = Some(way);
    }

    /// An init begins, for the first time or again: nobody has subscribed, everybody may.
    pub(crate) fn begin(&self) {
        let mut inner = self.inner.lock();
        inner.closed.start();
        inner.closed = Shutdown::new();
        inner.subscribers.clear();
        inner.backlog = Some(Backlog::default());
        drop(inner);
        self.thawed.send_replace(true);
        self.wanted.store(true, Ordering::Release);
    }

    /// Whether anybody wants records, or may come to want them.
    pub(crate) fn is_wanted(&self) -> bool {
        self.wanted.load(Ordering::Acquire)
    }

    /// From now on nobody can subscribe.
    pub(crate) fn close_subscription(&self) {
        let mut inner = self.inner.lock();
        inner.backlog = None;
        let wanted = !inner.subscribers.is_empty();
        drop(inner);
        self.wanted.store(wanted, Ordering::Release);
    }

    /// Puts something to who wants it. Costs next to nothing when nobody does.
    pub(crate) fn put(&self, at_ms: i64, item: impl FnOnce() -> Item) {
        if !self.is_wanted() {
            return;
        }
        let item = item();
        let mut inner = self.inner.lock();
        for subscriber in &inner.subscribers {
            subscriber.push(at_ms, &item);
        }
        if let Some(backlog) = &mut inner.backlog {
            backlog.push(at_ms, item);
        }
    }

    /// Adds a subscriber, who gets everything since the init's beginning.
    pub(super) fn subscribe(&self, api: Api, name: &str, subscription: &Subscription) -> Subscribed {
        let mut inner = self.inner.lock();
        if let Some(known) = inner.subscribers.iter().find(|known| known.name == name) {
            return if known.api == api { Subscribed::Already } else { Subscribed::Elsewhere(known.api) };
        }
        let (Some(backlog), Some(way)) = (&inner.backlog, &inner.way) else {
            return Subscribed::Closed;
        };
        let subscriber = Subscriber {
            name: name.to_owned(),
            api,
            schema: subscription.schema,
            streams: subscription.streams,
            queue: Arc::new(Queue::new(subscription.buffering)),
        };
        for (at_ms, item) in &backlog.items {
            subscriber.push(*at_ms, item);
        }
        subscriber.queue.note_dropped(backlog.lost_records, backlog.lost_bytes);
        let delivery = Delivery {
            subscriber: name.to_owned(),
            queue: Arc::clone(&subscriber.queue),
            sender: Sender::new(&subscription.destination),
            way: Arc::clone(way),
            thawed: self.thawed.subscribe(),
            closed: inner.closed.clone(),
            clock: self.clock.clone(),
        };
        self.tasks.spawn(TaskKind::EnvironmentApi, "telemetry delivery", delivery.run());
        inner.subscribers.push(subscriber);
        Subscribed::Fresh
    }

    /// The sandbox freezes or thaws.
    pub(crate) fn set_thawed(&self, thawed: bool) {
        if self.is_wanted() {
            self.thawed.send_replace(thawed);
        }
    }

    /// Sends what is there, and waits for it until `deadline`.
    pub(crate) async fn flush(&self, deadline: Instant) {
        if !self.is_wanted() {
            return;
        }
        let queues: Vec<_> = self.inner.lock().subscribers.iter().map(|s| Arc::clone(&s.queue)).collect();
        queues.iter().for_each(|queue| queue.flush());
        for queue in queues {
            // Late is late: what is left is lost with the environment.
            let _ = tokio::time::timeout_at(deadline, queue.emptied()).await;
        }
    }

    pub(super) fn now_ms(&self) -> i64 {
        self.clock.now_ms()
    }
}

impl Drop for Telemetry {
    fn drop(&mut self) {
        self.inner.lock().closed.start();
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::io;

    use hearth_model::BoxFuture;
    use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
    use tokio::net::{TcpListener, TcpStream};

    use super::*;

    /// As if the sandbox's loopback were ours.
    struct Loopback;

    impl Connect for Loopback {
        fn connect(&self, port: u16) -> BoxFuture<'_, io::Result<TcpStream>> {
            Box::pin(TcpStream::connect(("127.0.0.1", port)))
        }
    }

    fn telemetry() -> Telemetry {
        let telemetry = Telemetry::new(Clock::fixed(0), Tasks::new());
        telemetry.connect_by(Arc::new(Loopback));
        telemetry.begin();
        telemetry
    }

    fn subscription(destination: &str) -> Subscription {
        let body = format!(r#"{{"types":["function"],"buffering":{{"timeoutMs":25}},"destination":{destination}}}"#);
        Subscription::parse(Api::Telemetry, body.as_bytes()).unwrap()
    }

    fn line(text: &str) -> Item {
        Item::Function {
            line: text.into(),
            is_json: false,
        }
    }

    fn document(text: &str) -> String {
        format!(r#"{{"time":"1970-01-01T00:00:00.000Z","type":"function","record":"{text}"}}"#)
    }

    #[tokio::test]
    async fn a_subscriber_gets_lines_from_the_beginning_over_tcp() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let telemetry = telemetry();
        telemetry.put(0, || line("early"));
        let wish = subscription(&format!(r#"{{"protocol":"TCP","port":{port}}}"#));
        assert_eq!(telemetry.subscribe(Api::Telemetry, "e", &wish), Subscribed::Fresh);
        assert_eq!(telemetry.subscribe(Api::Telemetry, "e", &wish), Subscribed::Already);
        assert_eq!(telemetry.subscribe(Api::Logs, "e", &wish), Subscribed::Elsewhere(Api::Telemetry));
        telemetry.close_subscription();
        assert_eq!(telemetry.subscribe(Api::Telemetry, "f", &wish), Subscribed::Closed);
        telemetry.put(0, || line("late"));
        let (stream, _) = listener.accept().await.unwrap();
        let mut lines = BufReader::new(stream).lines();
        assert_eq!(lines.next_line().await.unwrap().unwrap(), document("early"));
        assert_eq!(lines.next_line().await.unwrap().unwrap(), document("late"));
    }

    #[tokio::test]
    async fn a_backlog_is_bounded_and_its_loss_is_told() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let telemetry = telemetry();
        for _ in 0..3 {
            telemetry.put(0, || line(&"x".repeat(500_000)));
        }
        let wish = subscription(&format!(r#"{{"protocol":"TCP","port":{port}}}"#));
        telemetry.subscribe(Api::Telemetry, "e", &wish);
        let (stream, _) = listener.accept().await.unwrap();
        let mut lines = BufReader::new(stream).lines();
        let mut told = None;
        while told.is_none() {
            let line = lines.next_line().await.unwrap().unwrap();
            told = Some(line).filter(|line| line.contains("platform.logsDropped"));
            telemetry.put(0, || super::tests::line("later"));
        }
        // One beyond the backlog, and one beyond the queue of a subscriber with the default buffer.
        assert!(told.unwrap().contains(r#""droppedRecords":2,"#));
    }

    #[tokio::test]
    async fn a_post_that_is_refused_is_tried_again() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let telemetry = telemetry();
        let uri = format!("http://sandbox.localdomain:{port}/in?a=b");
        let wish = subscription(&format!(r#"{{"protocol":"HTTP","URI":"{uri}"}}"#));
        telemetry.subscribe(Api::Telemetry, "e", &wish);
        telemetry.put(0, || line("one"));
        let expected = format!("[{}]", document("one"));
        for answer in ["500 Internal Server Error", "200 OK"] {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = Vec::new();
            while !request.ends_with(expected.as_bytes()) {
                stream.read_buf(&mut request).await.unwrap();
            }
            let request = String::from_utf8(request).unwrap();
            assert!(request.starts_with("POST /in?a=b HTTP/1.1\r\n"), "{request}");
            assert!(request.contains(&format!("host: sandbox.localdomain:{port}\r\n")), "{request}");
            stream.write_all(format!("HTTP/1.1 {answer}\r\ncontent-length: 0\r\n\r\n").as_bytes()).await.unwrap();
        }
        telemetry.flush(Instant::now() + std::time::Duration::from_secs(60)).await;
    }

    #[tokio::test]
    async fn nobody_there_means_nothing_kept() {
        let telemetry = telemetry();
        telemetry.close_subscription();
        assert!(!telemetry.is_wanted());
        telemetry.put(0, || unreachable!("nobody wants it"));
        telemetry.begin();
        assert!(telemetry.is_wanted());
    }
}
