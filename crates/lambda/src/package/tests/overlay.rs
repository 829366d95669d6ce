//! Layers put over each other: who wins, and that nothing is written outside.

use std::os::unix::fs::MetadataExt;
use std::sync::Arc;

use bytes::Bytes;
use hearth_model::CodeDir;
use proptest::prelude::*;

use super::super::{CodeCache, hash, layers_key};
use super::builder::{Item, zip};
use super::*;

/// A cache and the layers unpacked in it.
async fn unpacked(layers: &[&[Item]]) -> (tempfile::TempDir, CodeCache, Vec<Arc<CodeDir>>) {
    let dir = tempfile::tempdir().unwrap();
    let cache = CodeCache::open(dir.path().join("cache"), Limits::default()).unwrap();
    let mut trees = Vec::new();
    for items in layers {
        let zip = zip(items);
        trees.push(cache.ensure(&hash(&zip).hex(), Bytes::from(zip)).await.unwrap());
    }
    (dir, cache, trees)
}

#[track_caller]
fn check(layers: &[&[Item]], expected: &[&str]) -> impl Future<Output = ()> {
    let at = std::panic::Location::caller();
    async move {
        let (_dir, cache, trees) = unpacked(layers).await;
        let before: Vec<_> = trees.iter().map(|layer| tree(layer.path())).collect();
        let made = cache.overlay(trees.clone()).await.unwrap_or_else(|e| panic!("{at}: {e}"));
        assert_eq!(tree(made.path()), expected, "{at}");
        let after: Vec<_> = trees.iter().map(|layer| tree(layer.path())).collect();
        assert_eq!(before, after, "{at}: the layers themselves stay as they were");
    }
}

fn file(name: &str, text: &str) -> Item {
    Item::file(name, 0o644, text.as_bytes())
}

#[tokio::test]
async fn folders_are_merged_and_later_files_win() {
    check(
        &[
            &[file("lib/a", "first"), file("lib/b", "first"), Item::file("extensions/x", 0o755, b"run")],
            &[file("lib/b", "second"), file("lib/c", "second")],
            &[file("lib/c", "third"), file("lib-", "beside")],
        ],
        &[
            "extensions/ 755",
            "extensions/x 755 run",
            "lib- 644 beside",
            "lib/ 755",
            "lib/a 644 first",
            "lib/b 644 second",
            "lib/c 644 third",
        ],
    )
    .await;
}

#[tokio::test]
async fn the_later_layers_modes_win_and_a_closed_folder_is_filled() {
    check(
        &[&[Item::dir("d/", 0o755), Item::file("d/a", 0o755, b"a")], &[Item::dir("d/", 0o500), file("d/b", "b")]],
        &["d/ 500", "d/a 755 a", "d/b 644 b"],
    )
    .await;
    check(&[&[Item::dir("d/", 0o500), file("d/b", "b")], &[Item::file("d/b", 0o600, b"c")]], &["d/ 755", "d/b 600 c"])
        .await;
}

#[tokio::test]
async fn a_file_takes_a_folders_place_and_a_folder_a_files() {
    check(
        &[
            &[file("a/deep/x", "x"), file("a0", "beside"), file("a-", "beside"), file("b", "b")],
            &[file("a", "now a file"), file("b/inside", "now a folder")],
        ],
        &["a 644 now a file", "a- 644 beside", "a0 644 beside", "b/ 755", "b/inside 644 now a folder"],
    )
    .await;
}

/// The first layer's link would take the second's file elsewhere, were it followed.
#[tokio::test]
async fn nothing_is_written_through_a_link() {
    check(
        &[
            &[file("real/keep", "mine"), Item::link("python", "real"), Item::link("bin", "nowhere")],
            &[file("python/keep", "other"), file("bin", "a file")],
        ],
        &["bin 644 a file", "python/ 755", "python/keep 644 other", "real/ 755", "real/keep 644 mine"],
    )
    .await;
    check(
        &[&[file("python/x", "x")], &[file("real/y", "y"), Item::link("python", "real")]],
        &["python -> real", "real/ 755", "real/y 644 y"],
    )
    .await;
}

/// `out` is harmless in its layer, where `d/e` is not a link.
#[tokio::test]
async fn links_that_leave_together_are_refused() {
    let (dir, cache, trees) =
        unpacked(&[&[Item::link("out", "d/e/../../x")], &[Item::link("d/e", "../f"), file("f", "f")]]).await;
    let error = cache.overlay(trees).await.unwrap_err();
    assert!(error.is_clients_fault() && matches!(error, PackageError::LinksLeave { .. }), "{error}");
    assert_eq!(error.client_message(), "The symbolic link out leads out of /opt when the layers are put together.");
    let left = fs::read_dir(dir.path().join("cache")).unwrap().count();
    assert_eq!(left, 3, "two layers, the boot's id, and nothing half made");
}

#[tokio::test]
async fn bytes_are_shared_and_outlive_the_layers() {
    let (_dir, cache, trees) = unpacked(&[&[file("a", "a")], &[file("b", "b")]]).await;
    let inode = fs::metadata(trees[0].path().join("a")).unwrap().ino();
    let made = cache.overlay(trees.clone()).await.unwrap();
    assert_eq!(fs::metadata(made.path().join("a")).unwrap().ino(), inode);
    assert!(Arc::ptr_eq(&made, &cache.overlay(trees.clone()).await.unwrap()), "made once");
    let hashes: Vec<String> = trees.iter().map(|layer| layer.sha256_hex().to_owned()).collect();
    let key = layers_key(&hashes.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(made.sha256_hex(), key);
    drop(trees);
    let collected = cache.collect(|_| false).unwrap();
    assert_eq!((collected.removed, collected.kept), (2, 1));
    assert_eq!(tree(made.path()), ["a 644 a", "b 644 b"]);
    drop(made);
    assert_eq!(cache.collect(|name| name == key).unwrap().kept, 1);
    assert_eq!(cache.collect(|_| false).unwrap().removed, 1);
}

#[tokio::test]
async fn a_single_layer_is_its_own_tree() {
    let (_dir, cache, trees) = unpacked(&[&[file("a", "a")]]).await;
    let made = cache.overlay(trees.clone()).await.unwrap();
    assert!(Arc::ptr_eq(&made, &trees[0]));
    assert_eq!(layers_key(&[made.sha256_hex()]), made.sha256_hex());
}

#[test]
fn the_order_makes_another_tree() {
    let (a, b) = ("aa".repeat(32), "bb".repeat(32));
    assert_ne!(layers_key(&[&a, &b]), layers_key(&[&b, &a]));
    assert_eq!(layers_key(&[&a, &b]).len(), 64);
}

/// Few names, so that layers meet at most of them, as files, folders and links.
fn any_item() -> impl Strategy<Value = Item> {
    let path = "[ab](/[ab]){0,2}";
    prop_oneof![
        4 => (path, "[xy]").prop_map(|(path, text)| file(&path, &text)),
        2 => (path, prop_oneof!["[ab](/[ab]){0,1}", "(\\.\\./){1,2}[ab]"]).prop_map(|(path, to)| Item::link(&path, &to)),
        1 => (path, any::<bool>()).prop_map(|(path, open)| Item::dir(&format!("{path}/"), if open { 0o755 } else { 0o500 })),
    ]
}

/// The layers that are good packages, over each other; whether there were several.
async fn try_them(layers: &[Vec<Item>]) -> bool {
    let around = tempfile::tempdir().unwrap();
    let cache = CodeCache::open(around.path().join("deep/cache"), Limits::default()).unwrap();
    let mut trees = Vec::new();
    for items in layers {
        let zip = zip(items);
        if let Ok(made) = cache.ensure(&hash(&zip).hex(), Bytes::from(zip)).await {
            trees.push(made);
        }
    }
    let before: Vec<_> = trees.iter().map(|layer| tree(layer.path())).collect();
    let Some(last) = before.last().filter(|_| trees.len() > 1) else {
        return false;
    };
    let made = cache.overlay(trees.clone()).await;
    let after: Vec<_> = trees.iter().map(|layer| tree(layer.path())).collect();
    assert_eq!(before, after, "the layers themselves stay as they were");
    let names = |dir: &str| {
        fs::read_dir(around.path().join(dir)).unwrap().map(|item| item.unwrap().file_name()).collect::<Vec<_>>()
    };
    assert_eq!((names(""), names("deep")), (vec!["deep".into()], vec!["cache".into()]), "nothing outside");
    match made {
        Ok(made) => {
            super::property::check_tree(made.path());
            let all = tree(made.path());
            assert!(last.iter().all(|line| all.contains(line)), "the last layer is there whole: {last:?} in {all:?}");
        }
        Err(error) => assert!(matches!(error, PackageError::LinksLeave { .. }), "{error}"),
    }
    true
}

fn run(layers: &[Vec<Item>]) -> bool {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(try_them(layers))
}

/// The generator has to make layers that fit together, or the property says little.
#[test]
fn some_generated_layers_are_good() {
    use proptest::strategy::ValueTree;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let strategy = prop::collection::vec(prop::collection::vec(any_item(), 1..4), 2..4);
    let good = (0..50).filter(|_| run(&strategy.new_tree(&mut runner).unwrap().current())).count();
    assert!(good > 20, "{good} of 50");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn whatever_the_layers_nothing_gets_out(layers in prop::collection::vec(prop::collection::vec(any_item(), 1..5), 2..4)) {
        run(&layers);
    }
}
