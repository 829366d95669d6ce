use hearth_model::{AccountId, LogEvent, Region};

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
