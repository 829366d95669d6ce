//! Watches: in order, complete, and closed rather than late.

use super::{Subject, delete, put};
use crate::traits::{Change, Expect, WATCH_CAPACITY};

fn told(change: &Change) -> (String, Option<String>) {
    let text = |d: &crate::Document| String::from_utf8_lossy(&d.body).into_owned();
    (change.key.id.clone(), change.document.as_ref().map(text))
}

pub(super) async fn changes_come_in_order(s: Subject) {
    s.documents.commit(vec![put("a", "before", "", Expect::Anything)]).await.unwrap();
    let mut watch = s.documents.watch("a");
    let versions = s
        .documents
        .commit(vec![put("a", "x", "1", Expect::Anything), put("b", "other", "", Expect::Anything)])
        .await
        .unwrap();
    s.documents.commit(vec![put("a", "x", "2", Expect::Anything), delete("a", "x", Expect::Anything)]).await.unwrap();
    // Deleting what is not there changes nothing.
    s.documents.commit(vec![delete("a", "x", Expect::Anything)]).await.unwrap();
    s.documents.commit(vec![put("a", "y", "3", Expect::Anything)]).await.unwrap();
    let first = watch.try_recv().unwrap();
    assert_eq!(first.document.as_ref().unwrap().version, versions[0]);
    let mut seen = vec![told(&first)];
    while let Ok(change) = watch.try_recv() {
        seen.push(told(&change));
    }
    let expected = [("x", Some("1")), ("x", Some("2")), ("x", None), ("y", Some("3"))];
    let expected = expected.map(|(id, body)| (id.to_owned(), body.map(ToOwned::to_owned)));
    assert_eq!(seen, expected);
}

pub(super) async fn refused_batches_are_not_told(s: Subject) {
    let mut watch = s.documents.watch("a");
    let refused = vec![put("a", "x", "", Expect::Anything), put("a", "y", "", Expect::Version(9))];
    assert!(s.documents.commit(refused).await.is_err());
    s.documents.commit(vec![put("a", "z", "", Expect::Anything)]).await.unwrap();
    assert_eq!(watch.recv().await.unwrap().key.id, "z");
}

pub(super) async fn who_falls_behind_is_closed(s: Subject) {
    let mut slow = s.documents.watch("a");
    for _ in 0..=WATCH_CAPACITY / 64 {
        let batch = (0..64).map(|n| put("a", &n.to_string(), "", Expect::Anything)).collect();
        s.documents.commit(batch).await.unwrap();
    }
    let mut seen = 0;
    while slow.recv().await.is_some() {
        seen += 1;
    }
    assert_eq!(seen, WATCH_CAPACITY);
    let mut anew = s.documents.watch("a");
    s.documents.commit(vec![put("a", "x", "", Expect::Anything)]).await.unwrap();
    assert_eq!(anew.recv().await.unwrap().key.id, "x");
}

pub(super) async fn watchers_who_left_are_forgotten(s: Subject) {
    drop(s.documents.watch("a"));
    let mut stays = s.documents.watch("a");
    s.documents.commit(vec![put("a", "x", "", Expect::Anything)]).await.unwrap();
    assert_eq!(stays.recv().await.unwrap().key.id, "x");
}
