use hearth_model::{AccountId, LogEvent, Region};
use proptest::prelude::*;

use super::*;

fn stream(group: &str, stream: &str) -> Arc<LogStreamId> {
    Arc::new(LogStreamId {
        account: AccountId::fallback(),
        region: Region::fallback(),
        group: group.to_owned(),
        stream: stream.to_owned(),
    })
}

fn chunk(bytes: usize) -> Chunk {
    let event = LogEvent {
        timestamp_ms: 1,
        message: "x".repeat(bytes),
    };
    Chunk::of(&[event], 1).unwrap()
}

fn names(lots: &[Lot]) -> Vec<&str> {
    lots.iter().map(|lot| lot.stream.stream.as_str()).collect()
}

#[tokio::test]
async fn small_appends_of_one_stream_travel_together() {
    let inbox = Inbox::<()>::new(Limits::default());
    let only = stream("g", "s");
    for _ in 0..100 {
        assert!(inbox.put(&only, chunk(10)).await);
    }
    let work = inbox.next(true);
    assert_eq!(work.lots.len(), 1);
    assert_eq!(work.lots[0].chunk.events, 100);
    assert!(inbox.next(true).lots.is_empty());
}

#[tokio::test]
async fn a_flood_gives_a_turn_to_the_others() {
    let inbox = Inbox::<()>::new(Limits::default());
    let (flood, small) = (stream("flood", "flood"), stream("small", "small"));
    for _ in 0..15 {
        assert!(inbox.put(&flood, chunk(60 << 10)).await);
    }
    assert!(inbox.put(&small, chunk(10)).await);
    let first = inbox.next(true).lots;
    assert_eq!(names(&first), ["flood", "flood", "flood", "flood", "flood", "small"]);
    drop(first);
    assert_eq!(names(&inbox.next(true).lots), ["flood"; 5]);
}

#[tokio::test]
async fn a_full_stream_waits_until_its_lots_are_committed_and_only_it() {
    let inbox = Arc::new(Inbox::<()>::new(Limits::default()));
    let flood = stream("flood", "1");
    let writer = {
        let (inbox, flood) = (Arc::clone(&inbox), Arc::clone(&flood));
        tokio::spawn(async move {
            for _ in 0..40 {
                assert!(inbox.put(&flood, chunk(60 << 10)).await);
            }
        })
    };
    tokio::task::yield_now().await;
    assert!(!writer.is_finished());
    assert!(inbox.state.lock().bytes <= 1 << 20);
    for i in 0..100 {
        assert!(inbox.put(&stream("other", &i.to_string()), chunk(100)).await);
    }
    while !writer.is_finished() {
        drop(inbox.next(true));
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_request_takes_its_group_whole_and_runs_after_it() {
    let inbox = Inbox::<Vec<u8>>::new(Limits::default());
    for _ in 0..10 {
        assert!(inbox.put(&stream("noise", "noise"), chunk(60 << 10)).await);
        assert!(inbox.put(&stream("mine", "mine"), chunk(60 << 10)).await);
    }
    let scope = Scope::Group(GroupKey::of(&stream("mine", "")));
    assert!(inbox.request(scope, |target| target.push(1)).await);
    let work = inbox.next(false);
    assert_eq!(work.lots.iter().filter(|lot| lot.stream.group == "mine").count(), 10);
    assert_eq!(names(&work.lots)[..10], ["mine"; 10]);
    let mut target = Vec::new();
    work.requests.into_iter().for_each(|request| request.run(&mut target));
    assert_eq!(target, [1]);
}

#[tokio::test]
async fn the_close_leaves_what_is_there_to_the_writer_and_refuses_the_rest() {
    let inbox = Inbox::<()>::new(Limits::default());
    let only = stream("g", "s");
    assert!(inbox.put(&only, chunk(10)).await);
    inbox.close();
    assert!(!inbox.put(&only, chunk(10)).await);
    assert!(!inbox.request(Scope::All, |()| ()).await);
    let work = inbox.next(false);
    assert!(work.last);
    assert_eq!(work.lots.len(), 1);
}

/// What a test does to an inbox.
#[derive(Clone, Copy, Debug)]
enum Step {
    Put { group: u8, stream: u8, bytes: usize },
    Next,
    Request { group: u8 },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0_u8..3, 0_u8..3, prop_oneof![1_usize..100, 10_000..70_000_usize])
            .prop_map(|(group, stream, bytes)| Step::Put { group, stream, bytes }),
        1 => Just(Step::Next),
        1 => (0_u8..3).prop_map(|group| Step::Request { group }),
    ]
}

/// Tells where a lot's events come from, by their time.
fn seen(lots: &[Lot], into: &mut HashMap<String, Vec<i64>>) {
    for lot in lots {
        let numbers = into.entry(format!("{}/{}", lot.stream.group, lot.stream.stream)).or_default();
        numbers.extend(crate::db::chunk::events(&lot.chunk.bytes).map(|event| event.unwrap().timestamp_ms));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn every_stream_comes_out_whole_and_in_order(steps in prop::collection::vec(step(), 0..120)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let inbox = Inbox::<()>::new(Limits { stream_bytes: 1 << 30, group_bytes: 1 << 30, total_bytes: 1 << 31 });
        let (mut out, mut put) = (HashMap::new(), HashMap::<String, Vec<i64>>::new());
        for step in steps {
            match step {
                Step::Put { group, stream: name, bytes } => {
                    let numbers = put.entry(format!("{group}/{name}")).or_default();
                    let number = i64::try_from(numbers.len()).unwrap();
                    numbers.push(number);
                    let event = LogEvent { timestamp_ms: number, message: "x".repeat(bytes) };
                    let stream = stream(&group.to_string(), &name.to_string());
                    prop_assert!(runtime.block_on(inbox.put(&stream, Chunk::of(&[event], 1).unwrap())));
                }
                Step::Next => seen(&inbox.next(true).lots, &mut out),
                Step::Request { group } => {
                    let key = GroupKey::of(&stream(&group.to_string(), ""));
                    prop_assert!(runtime.block_on(inbox.request(Scope::Group(key), |()| ())));
                    seen(&inbox.next(true).lots, &mut out);
                    for (name, numbers) in put.iter().filter(|(name, _)| name.starts_with(&group.to_string())) {
                        prop_assert_eq!(out.get(name), Some(numbers), "what was asked for is whole");
                    }
                }
            }
        }
        inbox.close();
        let last = inbox.next(false);
        prop_assert!(last.last);
        seen(&last.lots, &mut out);
        prop_assert_eq!(out, put);
    }
}
