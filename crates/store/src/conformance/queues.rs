//! Queues: leases, delays, counts, order.

use std::collections::HashSet;

use bytes::Bytes;

use super::{Subject, put};
use crate::traits::{Expect, Lease, Queue, QueueItem, Write};

fn queue() -> Queue {
    Queue("q".to_owned())
}

async fn enqueue(s: &Subject, body: &'static str, delay_ms: u64) {
    s.queues.enqueue(queue(), Bytes::from_static(body.as_bytes()), delay_ms).await.unwrap();
}

async fn lease(s: &Subject, max: usize, lease_ms: u64) -> Vec<QueueItem> {
    s.queues.lease(queue(), max, lease_ms).await.unwrap()
}

async fn lease_one(s: &Subject, lease_ms: u64) -> QueueItem {
    let mut items = lease(s, 1, lease_ms).await;
    assert_eq!(items.len(), 1);
    items.remove(0)
}

fn bodies(items: &[QueueItem]) -> Vec<&str> {
    items.iter().map(|item| std::str::from_utf8(&item.body).unwrap()).collect()
}

pub(super) async fn first_due_first_out(s: Subject) {
    enqueue(&s, "late", 20).await;
    enqueue(&s, "first", 0).await;
    enqueue(&s, "second", 0).await;
    enqueue(&s, "soon", 10).await;
    assert_eq!(bodies(&lease(&s, 0, 1_000).await), [""; 0]);
    s.clock.advance_ms(20);
    assert_eq!(bodies(&lease(&s, 3, 1_000).await), ["first", "second", "soon"]);
    assert_eq!(bodies(&lease(&s, 3, 1_000).await), ["late"]);
    assert_eq!(bodies(&lease(&s, 3, 1_000).await), [""; 0]);
}

pub(super) async fn delays_are_waited_for(s: Subject) {
    let enqueued_ms = s.clock.now_ms();
    enqueue(&s, "x", 10).await;
    s.clock.advance_ms(9);
    assert!(lease(&s, 1, 5).await.is_empty());
    s.clock.advance_ms(1);
    assert_eq!(lease_one(&s, 5).await.enqueued_ms, enqueued_ms);
}

pub(super) async fn leases_run_out_and_are_counted(s: Subject) {
    enqueue(&s, "x", 0).await;
    for count in 1..=3 {
        let item = lease_one(&s, 10).await;
        assert_eq!(item.receive_count, count);
        s.clock.advance_ms(9);
        assert!(lease(&s, 1, 10).await.is_empty());
        s.clock.advance_ms(1);
    }
    assert_eq!(s.queues.len(queue()).await.unwrap(), 1);
}

pub(super) async fn a_lease_taken_by_another_is_void(s: Subject) {
    enqueue(&s, "x", 0).await;
    let first = lease_one(&s, 10).await.lease;
    s.clock.advance_ms(10);
    let second = lease_one(&s, 10).await.lease;
    assert_ne!(first, second);
    assert!(!s.queues.complete(first.clone()).await.unwrap());
    assert!(!s.queues.release(first.clone(), 0).await.unwrap());
    assert!(!s.queues.extend(first, 100).await.unwrap());
    // None of it touched the second holder.
    assert!(lease(&s, 1, 10).await.is_empty());
    assert!(s.queues.complete(second.clone()).await.unwrap());
    assert!(!s.queues.complete(second).await.unwrap());
}

pub(super) async fn an_expired_lease_holds_until_it_is_taken(s: Subject) {
    enqueue(&s, "x", 0).await;
    let late = lease_one(&s, 10).await.lease;
    s.clock.advance_ms(1_000);
    assert!(s.queues.extend(late.clone(), 10).await.unwrap());
    assert!(lease(&s, 1, 10).await.is_empty());
    s.clock.advance_ms(1_000);
    assert!(s.queues.complete(late).await.unwrap());
}

pub(super) async fn completed_items_are_gone(s: Subject) {
    enqueue(&s, "x", 0).await;
    enqueue(&s, "y", 0).await;
    assert_eq!(s.queues.len(queue()).await.unwrap(), 2);
    let item = lease_one(&s, 10).await;
    assert_eq!(s.queues.len(queue()).await.unwrap(), 2);
    assert!(s.queues.complete(item.lease).await.unwrap());
    assert_eq!(s.queues.len(queue()).await.unwrap(), 1);
    s.clock.advance_ms(100);
    assert_eq!(bodies(&lease(&s, 10, 10).await), ["y"]);
    let made_up = Lease { item: 999, token: 999 };
    assert!(!s.queues.complete(made_up).await.unwrap());
}

pub(super) async fn released_items_come_back(s: Subject) {
    enqueue(&s, "x", 0).await;
    let item = lease_one(&s, 1_000).await;
    assert!(s.queues.release(item.lease.clone(), 5).await.unwrap());
    // Given back is given back.
    assert!(!s.queues.complete(item.lease.clone()).await.unwrap());
    assert!(!s.queues.release(item.lease.clone(), 0).await.unwrap());
    let nobodys = Lease {
        item: item.lease.item,
        token: 0,
    };
    assert!(!s.queues.complete(nobodys.clone()).await.unwrap());
    assert!(!s.queues.release(nobodys.clone(), 0).await.unwrap());
    assert!(!s.queues.extend(nobodys, 0).await.unwrap());
    s.clock.advance_ms(4);
    assert!(lease(&s, 1, 10).await.is_empty());
    s.clock.advance_ms(1);
    assert_eq!(lease_one(&s, 10).await.receive_count, 2);
}

pub(super) async fn extended_leases_hold_longer(s: Subject) {
    enqueue(&s, "x", 0).await;
    let item = lease_one(&s, 10).await;
    s.clock.advance_ms(9);
    assert!(s.queues.extend(item.lease.clone(), 10).await.unwrap());
    s.clock.advance_ms(9);
    assert!(lease(&s, 1, 10).await.is_empty());
    s.clock.advance_ms(1);
    assert_eq!(lease_one(&s, 10).await.receive_count, 2);
}

pub(super) async fn held_from_the_first_moment(s: Subject) {
    let held = s.queues.enqueue_held(queue(), Bytes::from_static(b"mine"), 10).await.unwrap();
    assert!(lease(&s, 1, 10).await.is_empty());
    s.clock.advance_ms(10);
    let item = lease_one(&s, 10).await;
    assert_eq!((item.receive_count, &item.body[..]), (2, &b"mine"[..]));
    assert!(!s.queues.complete(held).await.unwrap());
    let again = s.queues.enqueue_held(queue(), Bytes::new(), 10).await.unwrap();
    assert!(s.queues.complete(again).await.unwrap());
    assert_eq!(s.queues.len(queue()).await.unwrap(), 1);
}

pub(super) async fn replaced_items_come_back_with_another_body(s: Subject) {
    enqueue(&s, "before", 0).await;
    let item = lease_one(&s, 1_000).await;
    let after = Bytes::from_static(b"after");
    assert!(s.queues.replace(item.lease.clone(), after.clone(), 5).await.unwrap());
    assert!(!s.queues.replace(item.lease, Bytes::new(), 0).await.unwrap());
    assert!(lease(&s, 1, 10).await.is_empty());
    s.clock.advance_ms(5);
    let again = lease_one(&s, 10).await;
    assert_eq!((again.receive_count, again.enqueued_ms, again.body), (2, item.enqueued_ms, after));
}

pub(super) async fn the_next_due_time_is_told(s: Subject) {
    let next = async || s.queues.next_due_ms(queue()).await.unwrap();
    assert_eq!(next().await, None);
    let now = s.clock.now_ms();
    enqueue(&s, "late", 50).await;
    assert_eq!(next().await, Some(now + 50));
    enqueue(&s, "x", 0).await;
    assert_eq!(next().await, Some(now));
    lease_one(&s, 20).await;
    assert_eq!(next().await, Some(now + 20));
}

pub(super) async fn queues_are_found_by_prefix(s: Subject) {
    for name in ["a/2", "a/1", "ab", "b/1", "a%1"] {
        s.queues.enqueue(Queue(name.to_owned()), Bytes::new(), 7).await.unwrap();
    }
    s.queues.enqueue(Queue("a/1".to_owned()), Bytes::new(), 0).await.unwrap();
    let names = async |prefix: &str| {
        let found = s.queues.names(prefix.to_owned()).await.unwrap();
        found.into_iter().map(|queue| queue.0).collect::<Vec<_>>()
    };
    assert_eq!(names("a/").await, ["a/1", "a/2"]);
    assert_eq!(names("a%").await, ["a%1"]);
    assert_eq!(names("").await.len(), 5);
    assert_eq!(names("c").await, [""; 0]);
}

pub(super) async fn leases_of_the_gone_are_ended(s: Subject) {
    enqueue(&s, "x", 0).await;
    enqueue(&s, "later", 500).await;
    let other = Queue("other".to_owned());
    s.queues.enqueue_held(other.clone(), Bytes::new(), 1_000).await.unwrap();
    let gone = lease_one(&s, 1_000).await.lease;
    s.queues.expire("q".to_owned()).await.unwrap();
    // Nobody has taken it yet.
    assert!(s.queues.extend(gone.clone(), 1_000).await.unwrap());
    s.queues.expire("q".to_owned()).await.unwrap();
    assert_eq!(bodies(&lease(&s, 9, 10).await), ["x"]);
    assert!(!s.queues.complete(gone).await.unwrap());
    assert!(s.queues.lease(other, 1, 10).await.unwrap().is_empty());
}

pub(super) async fn queues_do_not_mix(s: Subject) {
    let other = Queue("other".to_owned());
    s.queues.enqueue(other.clone(), Bytes::new(), 0).await.unwrap();
    assert!(lease(&s, 1, 10).await.is_empty());
    assert_eq!(s.queues.len(queue()).await.unwrap(), 0);
    assert_eq!(s.queues.lease(other, 1, 10).await.unwrap().len(), 1);
}

pub(super) async fn work_is_enqueued_with_its_batch_or_not_at_all(s: Subject) {
    let work = || Write::Enqueue {
        queue: queue(),
        body: Bytes::from_static(b"w"),
        delay_ms: 7,
    };
    let refused = vec![work(), put("a", "x", "", Expect::Version(5))];
    assert!(s.documents.commit(refused).await.unwrap_err().is_conflict());
    assert_eq!(s.queues.len(queue()).await.unwrap(), 0);
    let versions = s.documents.commit(vec![work(), put("a", "x", "", Expect::Absent)]).await.unwrap();
    assert!(versions[0] == 0 && versions[1] > 0);
    assert!(lease(&s, 1, 10).await.is_empty());
    s.clock.advance_ms(7);
    assert_eq!(bodies(&lease(&s, 1, 10).await), ["w"]);
}

pub(super) async fn no_item_goes_to_two_holders(s: Subject) {
    for _ in 0..100 {
        enqueue(&s, "x", 0).await;
    }
    let takers: Vec<_> = (0..10)
        .map(|_| {
            let queues = s.queues.clone();
            tokio::task::spawn(async move { queues.lease(queue(), 15, 1_000).await.unwrap() })
        })
        .collect();
    let mut items = HashSet::new();
    let mut tokens = HashSet::new();
    for taker in takers {
        for taken in taker.await.unwrap() {
            assert!(items.insert(taken.lease.item), "item {} was handed out twice", taken.lease.item);
            assert!(tokens.insert(taken.lease.token));
        }
    }
    assert_eq!(items.len(), 100);
}

pub(super) async fn absurd_times_do_not_overflow(s: Subject) {
    enqueue(&s, "never", u64::MAX).await;
    enqueue(&s, "x", 0).await;
    let item = lease_one(&s, u64::MAX).await;
    assert_eq!(bodies(std::slice::from_ref(&item)), ["x"]);
    assert!(s.queues.extend(item.lease.clone(), u64::MAX).await.unwrap());
    assert!(s.queues.release(item.lease, u64::MAX).await.unwrap());
    assert!(lease(&s, usize::MAX, 10).await.is_empty());
    assert_eq!(s.queues.len(queue()).await.unwrap(), 2);
}
