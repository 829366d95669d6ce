//! Blobs: by content, checked on the way out.

use bytes::Bytes;

use super::Subject;
use crate::traits::StoreError;

pub(super) async fn the_same_bytes_are_one_blob(s: Subject) {
    let id = s.blobs.put(Bytes::from_static(b"abc")).await.unwrap();
    // The published vector of SHA-256.
    assert_eq!(id.to_string(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_eq!(s.blobs.put(Bytes::from_static(b"abc")).await.unwrap(), id);
    let other = s.blobs.put(Bytes::from_static(b"abd")).await.unwrap();
    assert_ne!(other, id);
    let mut expected = [id, other];
    expected.sort_unstable();
    assert_eq!(s.blobs.list().await.unwrap(), expected);
    assert_eq!(s.blobs.get(id).await.unwrap().unwrap(), "abc");
}

pub(super) async fn deleted_blobs_are_gone(s: Subject) {
    let id = s.blobs.put(Bytes::from_static(b"abc")).await.unwrap();
    s.blobs.delete(id).await.unwrap();
    s.blobs.delete(id).await.unwrap();
    assert_eq!(s.blobs.get(id).await.unwrap(), None);
    assert!(s.blobs.list().await.unwrap().is_empty());
    assert_eq!(s.blobs.put(Bytes::from_static(b"abc")).await.unwrap(), id);
    assert!(s.blobs.get(id).await.unwrap().is_some());
}

pub(super) async fn damage_is_noticed_and_healed(s: Subject) {
    let id = s.blobs.put(Bytes::from_static(b"abc")).await.unwrap();
    (s.damage)(id);
    let error = s.blobs.get(id).await.unwrap_err();
    assert!(matches!(error, StoreError::Corrupt { .. }), "{error}");
    assert!(error.to_string().contains(&id.to_string()), "{error}");
    s.blobs.put(Bytes::from_static(b"abc")).await.unwrap();
    assert_eq!(s.blobs.get(id).await.unwrap().unwrap(), "abc");
}

pub(super) async fn large_and_empty_blobs_will_do(s: Subject) {
    let large = Bytes::from(vec![7; 5 << 20]);
    let id = s.blobs.put(large.clone()).await.unwrap();
    assert_eq!(s.blobs.get(id).await.unwrap().unwrap(), large);
    let empty = s.blobs.put(Bytes::new()).await.unwrap();
    assert_eq!(s.blobs.get(empty).await.unwrap().unwrap(), Bytes::new());
}
