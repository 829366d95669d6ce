use std::collections::BTreeSet;

use hearth_model::LogEvent;
use proptest::prelude::*;

use super::*;
use crate::db::chunk::Chunk;
use crate::db::merge::{self, Levels, Place};
use crate::db::schema;

/// Appends of events: stream, timestamps.
type Appends = Vec<(i64, Vec<i64>)>;

fn store(appends: &Appends) -> (tempfile::TempDir, Connection) {
    let dir = tempfile::tempdir().unwrap();
    let connection = schema::open_writer(&dir.path().join("logs.db")).unwrap();
    let mut streams: std::collections::HashMap<i64, (Levels, u64)> = std::collections::HashMap::new();
    for (stream_id, times) in appends {
        let (levels, next) = streams.entry(*stream_id).or_insert((Levels::default(), 1));
        let events: Vec<LogEvent> = times
            .iter()
            .enumerate()
            .map(|(i, at)| LogEvent {
                timestamp_ms: *at,
                message: format!("{stream_id}/{}", *next + i as u64),
            })
            .collect();
        let place = Place {
            group_id: 1,
            stream_id: *stream_id,
        };
        if let Some(chunk) = Chunk::of(&events, 0) {
            merge::store(&connection, place, levels, *next, &chunk).unwrap();
            *next += chunk.events;
        }
    }
    (dir, connection)
}

fn ask(source: Source, direction: Direction, limit: usize) -> Ask<'static> {
    Ask {
        source,
        direction,
        start_ms: 0,
        end_ms: i64::MAX,
        beyond: None,
        limit,
        matches: None,
    }
}

fn group() -> Source {
    Source::Group { group_id: 1, only: None }
}

fn messages(page: &Page) -> Vec<&str> {
    page.events.iter().map(|event| event.message.as_str()).collect()
}

#[test]
fn equal_times_keep_the_order_of_appending_within_a_stream() {
    let (_dir, connection) = store(&vec![(1, vec![5, 5]), (1, vec![5, 4])]);
    let page = page(&connection, &ask(Source::Stream(1), Direction::Forward, 10)).unwrap();
    assert_eq!(messages(&page), ["1/4", "1/1", "1/2", "1/3"]);
    assert_eq!(page.more, None);
}

#[test]
fn streams_run_side_by_side_and_can_be_picked() {
    let (_dir, connection) = store(&vec![(1, vec![1, 4, 7]), (2, vec![2, 5]), (3, vec![3, 6])]);
    let all = page(&connection, &ask(group(), Direction::Forward, 10)).unwrap();
    assert_eq!(messages(&all), ["1/1", "2/1", "3/1", "1/2", "2/2", "3/2", "1/3"]);
    let some = Source::Group {
        group_id: 1,
        only: Some([1, 3].into()),
    };
    let some = page(&connection, &ask(some, Direction::Forward, 3)).unwrap();
    assert_eq!(messages(&some), ["1/1", "3/1", "1/2"]);
    assert!(some.more.is_some());
}

#[test]
fn backward_gives_the_last_events_in_order_of_time() {
    let (_dir, connection) = store(&vec![(1, vec![1, 2, 3]), (1, vec![4, 5])]);
    let mut ask = ask(Source::Stream(1), Direction::Backward, 2);
    let last = page(&connection, &ask).unwrap();
    assert_eq!(messages(&last), ["1/4", "1/5"]);
    ask.beyond = last.events.first().map(|event| event.key);
    assert_eq!(messages(&page(&connection, &ask).unwrap()), ["1/2", "1/3"]);
}

#[test]
fn a_window_is_closed_at_its_start_and_open_at_its_end() {
    let (_dir, connection) = store(&vec![(1, vec![1, 2, 3, 4])]);
    let mut ask = ask(group(), Direction::Forward, 10);
    (ask.start_ms, ask.end_ms) = (2, 4);
    assert_eq!(messages(&page(&connection, &ask).unwrap()), ["1/2", "1/3"]);
}

#[test]
fn a_page_has_at_most_a_megabyte_and_at_least_one_event() {
    let dir = tempfile::tempdir().unwrap();
    let connection = schema::open_writer(&dir.path().join("logs.db")).unwrap();
    let events: Vec<LogEvent> = (0..3)
        .map(|at| LogEvent {
            timestamp_ms: at,
            message: "x".repeat(700_000),
        })
        .collect();
    let place = Place { group_id: 1, stream_id: 1 };
    merge::store(&connection, place, &mut Levels::default(), 1, &Chunk::of(&events, 0).unwrap()).unwrap();
    let mut ask = ask(group(), Direction::Forward, 10);
    for at in 0..3 {
        let page = page(&connection, &ask).unwrap();
        assert_eq!(page.events.iter().map(|event| event.key.timestamp_ms).collect::<Vec<_>>(), [at]);
        assert_eq!(page.more.is_some(), at < 2);
        ask.beyond = page.more;
    }
}

#[test]
fn a_filter_that_finds_nothing_still_gets_on_in_bounded_steps() {
    let dir = tempfile::tempdir().unwrap();
    let connection = schema::open_writer(&dir.path().join("logs.db")).unwrap();
    let mut levels = Levels::default();
    for i in 0..100 {
        let event = LogEvent {
            timestamp_ms: i * 10,
            message: "x".repeat(1 << 20),
        };
        let place = Place { group_id: 1, stream_id: 1 };
        let seq = u64::try_from(i).unwrap() + 1;
        merge::store(&connection, place, &mut levels, seq, &Chunk::of(&[event], 0).unwrap()).unwrap();
    }
    let nothing = |_: &str| false;
    let mut ask = ask(group(), Direction::Forward, 10);
    ask.matches = Some(&nothing);
    let mut pages = 0;
    loop {
        let page = page(&connection, &ask).unwrap();
        assert!(page.events.is_empty());
        pages += 1;
        let Some(more) = page.more else { break };
        assert!(ask.beyond.is_none_or(|before| more > before));
        ask.beyond = Some(more);
    }
    assert!((3..=5).contains(&pages), "{pages}");
}

/// Every event that a correct reader gives, in order.
fn expected(appends: &Appends, only: Option<i64>) -> Vec<Key> {
    let mut next = std::collections::HashMap::new();
    let mut keys = BTreeSet::new();
    for (stream_id, times) in appends {
        for timestamp_ms in times {
            let seq = next.entry(*stream_id).and_modify(|seq| *seq += 1).or_insert(1_i64);
            if only.is_none_or(|only| only == *stream_id) {
                keys.insert(Key {
                    timestamp_ms: *timestamp_ms,
                    stream_id: *stream_id,
                    seq: *seq,
                });
            }
        }
    }
    keys.into_iter().collect()
}

fn all_pages(connection: &Connection, mut ask: Ask<'_>) -> Vec<Key> {
    let mut keys = Vec::new();
    loop {
        let page = page(connection, &ask).unwrap();
        let mut these: Vec<Key> = page.events.iter().map(|event| event.key).collect();
        match ask.direction {
            Direction::Forward => keys.append(&mut these),
            Direction::Backward => {
                these.append(&mut keys);
                keys = these;
            }
        }
        let Some(more) = page.more else { return keys };
        ask.beyond = Some(more);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn pages_of_any_size_give_every_event_once_and_in_order(
        appends in prop::collection::vec((1_i64..4, prop::collection::vec(0_i64..30, 0..6)), 0..40),
        limit in 1_usize..9,
    ) {
        let (_dir, connection) = store(&appends);
        prop_assert_eq!(all_pages(&connection, ask(group(), Direction::Forward, limit)), expected(&appends, None));
        for direction in [Direction::Forward, Direction::Backward] {
            let pages = all_pages(&connection, ask(Source::Stream(1), direction, limit));
            prop_assert_eq!(pages, expected(&appends, Some(1)));
        }
    }
}
