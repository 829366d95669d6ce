//! The code cache: made once, whole or not at all, collected when unused.

use std::sync::Arc;

use bytes::Bytes;

use super::super::{CodeCache, Collected, hash};
use super::builder::{Item, zip};
use super::*;

const MODES: &[&str] = &["closed/ 500", "closed/x 600 hello"];

/// A package that is awkward to remove.
fn package(text: &str) -> (String, Bytes) {
    let zip = zip(&[Item::dir("closed/", 0o500), Item::file("closed/x", 0o600, text.as_bytes())]);
    (hash(&zip).hex(), Bytes::from(zip))
}

fn open(dir: &Path) -> CodeCache {
    CodeCache::open(dir, Limits::default()).unwrap()
}

/// What is in the cache, but for the file that names the boot.
fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(dir).unwrap().map(|item| item.unwrap().file_name().into_string().unwrap()).collect();
    names.retain(|name| name != "boot");
    names.sort();
    names
}

#[tokio::test]
async fn a_package_is_unpacked_and_found_again() {
    let dir = tempfile::tempdir().unwrap();
    let cache = open(dir.path());
    let (sha, zip) = package("hello");
    assert!(cache.find(&sha).await.unwrap().is_none());
    let code = cache.ensure(&sha, zip).await.unwrap();
    assert_eq!(code.sha256_hex(), sha);
    assert_eq!(code.path(), dir.path().join(&sha));
    assert_eq!(tree(code.path()), MODES);
    let found = cache.find(&sha).await.unwrap().unwrap();
    assert!(Arc::ptr_eq(&code, &found));
    drop((code, found));
    // After a restart, without the zip.
    drop(cache);
    let found = open(dir.path()).find(&sha).await.unwrap().unwrap();
    assert_eq!(tree(found.path()), MODES);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn callers_at_the_same_time_share_one_tree() {
    let dir = tempfile::tempdir().unwrap();
    let cache = open(dir.path());
    let (sha, zip) = package("hello");
    let callers: Vec<_> = (0..20)
        .map(|_| {
            let (cache, sha, zip) = (cache.clone(), sha.clone(), zip.clone());
            tokio::spawn(async move { cache.ensure(&sha, zip).await.unwrap() })
        })
        .collect();
    let mut trees = Vec::new();
    for caller in callers {
        trees.push(caller.await.unwrap());
    }
    assert!(trees.iter().all(|tree| Arc::ptr_eq(tree, &trees[0])));
    assert_eq!(names(dir.path()), [sha]);
}

#[tokio::test]
async fn a_caller_who_leaves_does_no_harm() {
    let (sha, zip) = package("hello");
    let mut left_early = false;
    // The thread that unpacks may be done before its caller can leave: then another one tries.
    for _ in 0..100 {
        let dir = tempfile::tempdir().unwrap();
        let cache = open(dir.path());
        let mut leaving = Box::pin(cache.ensure(&sha, zip.clone()));
        left_early |= std::future::poll_fn(|cx| std::task::Poll::Ready(leaving.as_mut().poll(cx).is_pending())).await;
        drop(leaving);
        assert_eq!(tree(cache.ensure(&sha, zip.clone()).await.unwrap().path()), MODES);
    }
    assert!(left_early, "no caller of a hundred left before the end");
}

#[tokio::test]
async fn bad_packages_leave_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let cache = open(dir.path());
    let bad = Bytes::from(zip(&[Item::file("good", 0o644, b"x"), Item::link("out", "../..")]));
    let sha = hash(&bad).hex();
    let error = cache.ensure(&sha, bad.clone()).await.unwrap_err();
    assert!(matches!(error, PackageError::BadLink { .. }), "{error}");
    let (other, _) = package("hello");
    let error = cache.ensure(&other, bad.clone()).await.unwrap_err();
    assert!(matches!(error, PackageError::WrongHash { .. }) && !error.is_clients_fault(), "{error}");
    for outside in ["..", "", "x/y", &other.to_uppercase()] {
        assert!(cache.ensure(outside, bad.clone()).await.is_err());
        assert!(cache.find(outside).await.is_err());
    }
    assert_eq!(names(dir.path()), [""; 0]);
}

#[tokio::test]
async fn only_what_nobody_needs_is_collected() {
    let dir = tempfile::tempdir().unwrap();
    let cache = open(dir.path());
    let mut codes = Vec::new();
    for text in ["held", "live", "neither"] {
        let (sha, zip) = package(text);
        codes.push(cache.ensure(&sha, zip).await.unwrap());
    }
    let [held, live, neither] = [0, 1, 2].map(|n: usize| codes[n].sha256_hex().to_owned());
    codes.truncate(1);
    let collected = cache.collect(|sha| sha == live).unwrap();
    assert_eq!(collected, Collected { removed: 1, kept: 2 });
    assert_eq!(cache.collect(|sha| sha == live).unwrap(), Collected { removed: 0, kept: 2 });
    let mut expected = vec![held.clone(), live];
    expected.sort();
    assert_eq!(names(dir.path()), expected);
    // What was collected can come back.
    let (sha, zip) = package("neither");
    assert_eq!(sha, neither);
    assert!(cache.ensure(&sha, zip).await.is_ok());
    codes.clear();
    assert_eq!(cache.collect(|_| false).unwrap(), Collected { removed: 3, kept: 0 });
    assert_eq!(names(dir.path()), [""; 0]);
}

#[tokio::test]
async fn what_a_crash_left_is_removed_and_what_was_whole_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    let (sha, zip) = package("hello");
    drop(open(dir.path()).ensure(&sha, zip).await.unwrap());
    for leftover in [format!("{sha}.tmp-1-0"), format!("{sha}.gone-1-1")] {
        let half = dir.path().join(leftover).join("half");
        fs::create_dir_all(&half).unwrap();
        fs::set_permissions(&half, fs::Permissions::from_mode(0o000)).unwrap();
    }
    let cache = open(dir.path());
    assert!(!names(dir.path()).iter().any(|name| name.contains(".tmp-")));
    cache.collect(|_| true).unwrap();
    assert_eq!(names(dir.path()), [sha.as_str()]);
    assert_eq!(tree(cache.find(&sha).await.unwrap().unwrap().path()), MODES);
}

/// Trees are not synced: those of an earlier boot may have lost data in a power cut.
#[tokio::test]
async fn trees_of_another_boot_are_made_anew() {
    let dir = tempfile::tempdir().unwrap();
    let (sha, zip) = package("hello");
    drop(open(dir.path()).ensure(&sha, zip.clone()).await.unwrap());
    fs::write(dir.path().join("boot"), "another boot").unwrap();
    fs::write(dir.path().join(&sha).join("closed/x"), "").unwrap();
    let cache = open(dir.path());
    assert!(cache.find(&sha).await.unwrap().is_none());
    assert_eq!(tree(cache.ensure(&sha, zip).await.unwrap().path()), MODES);
    cache.collect(|_| true).unwrap();
    assert_eq!(names(dir.path()), [sha]);
}
