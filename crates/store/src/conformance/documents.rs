//! Documents: compare-and-swap, atomic batches, ordered scans.

use bytes::Bytes;

use super::{Subject, body, delete, put};
use crate::traits::{Expect, Key, StoreError, Write};

pub(super) async fn what_is_put_is_got(s: Subject) {
    let key = Key::new("a", "x");
    assert_eq!(s.documents.get(key.clone()).await.unwrap(), None);
    let versions = s.documents.commit(vec![put("a", "x", "one", Expect::Absent)]).await.unwrap();
    let document = s.documents.get(key.clone()).await.unwrap().unwrap();
    assert_eq!((document.id.as_str(), &document.body[..], document.version), ("x", &b"one"[..], versions[0]));
    let versions = s.documents.commit(vec![delete("a", "x", Expect::Anything)]).await.unwrap();
    assert_eq!(versions, [0]);
    assert_eq!(s.documents.get(key).await.unwrap(), None);
}

pub(super) async fn expectations_hold_or_refuse(s: Subject) {
    let conflict = async |write: Write| match s.documents.commit(vec![write]).await {
        Err(StoreError::Conflict { found, id, .. }) => {
            assert_eq!(id, "x");
            found
        }
        other => panic!("expected a conflict, found {other:?}"),
    };
    assert_eq!(conflict(put("a", "x", "", Expect::Version(1))).await, 0);
    assert_eq!(conflict(put("a", "x", "", Expect::Version(0))).await, 0);
    assert_eq!(conflict(delete("a", "x", Expect::Version(1))).await, 0);
    s.documents.commit(vec![delete("a", "x", Expect::Anything)]).await.unwrap();
    s.documents.commit(vec![delete("a", "x", Expect::Absent)]).await.unwrap();
    let first = s.documents.commit(vec![put("a", "x", "1", Expect::Absent)]).await.unwrap()[0];
    assert_eq!(conflict(put("a", "x", "", Expect::Absent)).await, first);
    assert_eq!(conflict(delete("a", "x", Expect::Absent)).await, first);
    let second = s.documents.commit(vec![put("a", "x", "2", Expect::Version(first))]).await.unwrap()[0];
    assert_eq!(conflict(put("a", "x", "", Expect::Version(first))).await, second);
    assert_eq!(conflict(delete("a", "x", Expect::Version(first))).await, second);
    assert_eq!(body(&s, "a", "x").await.as_deref(), Some("2"));
    s.documents.commit(vec![delete("a", "x", Expect::Version(second))]).await.unwrap();
    assert_eq!(body(&s, "a", "x").await, None);
}

pub(super) async fn a_refused_batch_leaves_nothing(s: Subject) {
    s.documents.commit(vec![put("a", "kept", "old", Expect::Absent)]).await.unwrap();
    let batch = vec![
        put("a", "new", "n", Expect::Absent),
        put("a", "kept", "changed", Expect::Anything),
        delete("a", "kept", Expect::Anything),
        put("b", "other", "o", Expect::Anything),
        put("a", "missing", "m", Expect::Version(77)),
    ];
    assert!(s.documents.commit(batch).await.unwrap_err().is_conflict());
    assert_eq!(body(&s, "a", "new").await, None);
    assert_eq!(body(&s, "b", "other").await, None);
    assert_eq!(body(&s, "a", "kept").await.as_deref(), Some("old"));
}

pub(super) async fn a_batch_sees_its_own_writes(s: Subject) {
    let twice = vec![put("a", "x", "1", Expect::Absent), put("a", "x", "2", Expect::Absent)];
    assert!(s.documents.commit(twice).await.unwrap_err().is_conflict());
    let replaced = vec![
        put("a", "x", "1", Expect::Absent),
        delete("a", "x", Expect::Anything),
        put("a", "x", "2", Expect::Absent),
    ];
    let versions = s.documents.commit(replaced).await.unwrap();
    assert_eq!(versions.len(), 3);
    assert!(versions[0] < versions[2] && versions[1] == 0);
    assert_eq!(body(&s, "a", "x").await.as_deref(), Some("2"));
}

pub(super) async fn versions_rise_and_are_never_reused(s: Subject) {
    let mut last = 0;
    for _ in 0..5 {
        let version = s.documents.commit(vec![put("a", "x", "", Expect::Anything)]).await.unwrap()[0];
        assert!(version > last, "{version} after {last}");
        last = version;
        s.documents.commit(vec![delete("a", "x", Expect::Version(version))]).await.unwrap();
    }
}

async fn ids(s: &Subject, prefix: &str, after: Option<&str>, limit: usize) -> Vec<String> {
    let found = s.documents.scan("a", prefix.to_owned(), after.map(ToOwned::to_owned), limit).await.unwrap();
    found.into_iter().map(|document| document.id).collect()
}

async fn fill(s: &Subject, ids: &[&str]) {
    let batch = ids.iter().map(|id| put("a", id, "", Expect::Anything)).collect();
    s.documents.commit(batch).await.unwrap();
}

pub(super) async fn scans_are_in_order_and_by_prefix(s: Subject) {
    fill(&s, &["f:b", "f:a", "f", "g", "f:", "e", "F:a", "f:\u{10ffff}", "f:é", "f;", "f:a:1"]).await;
    // As bytes: capitals first, then by UTF-8.
    assert_eq!(
        ids(&s, "", None, 100).await,
        ["F:a", "e", "f", "f:", "f:a", "f:a:1", "f:b", "f:é", "f:\u{10ffff}", "f;", "g"]
    );
    assert_eq!(ids(&s, "f:", None, 100).await, ["f:", "f:a", "f:a:1", "f:b", "f:é", "f:\u{10ffff}"]);
    assert_eq!(ids(&s, "f:a", None, 100).await, ["f:a", "f:a:1"]);
    assert_eq!(ids(&s, "h", None, 100).await, [""; 0]);
    assert_eq!(ids(&s, "f:", None, 0).await, [""; 0]);
}

pub(super) async fn scans_go_on_where_they_stopped(s: Subject) {
    fill(&s, &["a1", "b1", "b2", "b3", "b4", "b5", "c1"]).await;
    let mut seen = Vec::new();
    let mut after: Option<String> = None;
    loop {
        let page = ids(&s, "b", after.as_deref(), 2).await;
        let Some(last) = page.last() else { break };
        after = Some(last.clone());
        seen.extend(page);
    }
    assert_eq!(seen, ["b1", "b2", "b3", "b4", "b5"]);
    // A place to go on from that is not, or no longer, there.
    assert_eq!(ids(&s, "b", Some("b25"), 10).await, ["b3", "b4", "b5"]);
    assert_eq!(ids(&s, "b", Some("a"), 10).await, ["b1", "b2", "b3", "b4", "b5"]);
    assert_eq!(ids(&s, "b", Some("c"), 10).await, [""; 0]);
}

pub(super) async fn collections_do_not_mix(s: Subject) {
    s.documents
        .commit(vec![put("a", "x", "in a", Expect::Absent), put("b", "x", "in b", Expect::Absent)])
        .await
        .unwrap();
    assert_eq!(body(&s, "a", "x").await.as_deref(), Some("in a"));
    assert_eq!(body(&s, "b", "x").await.as_deref(), Some("in b"));
    assert_eq!(s.documents.scan("a", String::new(), None, 10).await.unwrap().len(), 1);
    s.documents.commit(vec![delete("a", "x", Expect::Anything)]).await.unwrap();
    assert_eq!(body(&s, "b", "x").await.as_deref(), Some("in b"));
}

pub(super) async fn any_id_and_any_body_will_do(s: Subject) {
    for id in ["", "\0", "a\0b", "'; DROP TABLE document; --", "%_", "\u{1f525}"] {
        let key = Key::new("a", id);
        let body = Bytes::from((0..=255).collect::<Vec<u8>>());
        let write = Write::Put {
            key: key.clone(),
            body: body.clone(),
            expect: Expect::Absent,
        };
        s.documents.commit(vec![write]).await.unwrap();
        let document = s.documents.get(key).await.unwrap().unwrap();
        assert_eq!((document.id.as_str(), &document.body), (id, &body));
    }
    assert_eq!(ids(&s, "", None, 10).await.len(), 6);
    assert_eq!(ids(&s, "a\0", None, 10).await, ["a\0b"]);
}

/// Eight swappers count to 80 in all; a lost update would leave less.
pub(super) async fn of_many_swappers_one_wins_each_round(s: Subject) {
    let documents = s.documents.clone();
    documents.commit(vec![put("a", "n", "0", Expect::Absent)]).await.unwrap();
    let swappers: Vec<_> = (0..8)
        .map(|_| {
            let documents = documents.clone();
            tokio::task::spawn(async move {
                let mut won = 0;
                while won < 10 {
                    let now = documents.get(Key::new("a", "n")).await.unwrap().unwrap();
                    let count: u32 = std::str::from_utf8(&now.body).unwrap().parse().unwrap();
                    let write = Write::Put {
                        key: Key::new("a", "n"),
                        body: Bytes::from((count + 1).to_string()),
                        expect: Expect::Version(now.version),
                    };
                    match documents.commit(vec![write]).await {
                        Ok(_) => won += 1,
                        Err(error) => assert!(error.is_conflict(), "{error}"),
                    }
                }
            })
        })
        .collect();
    for swapper in swappers {
        swapper.await.unwrap();
    }
    assert_eq!(body(&s, "a", "n").await.as_deref(), Some("80"));
}

pub(super) async fn empty_batches_do_nothing(s: Subject) {
    assert!(s.documents.commit(Vec::new()).await.unwrap().is_empty());
}
