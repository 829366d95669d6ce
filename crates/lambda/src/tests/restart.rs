//! What a restart finds, and what the background tasks do.

use std::collections::HashMap;

use hearth_model::Lookup;

use super::*;
use crate::db::{Before, Db};
use crate::record::Status;
use crate::tasks::collect::{Remaining, collect};

fn db(world: &World) -> Db {
    Db::new(Arc::new(world.store.clone()), Arc::new(world.store.clone()))
}

/// Waits until another control plane on the same store shows what it should.
async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    for _ in 0..10_000 {
        if holds() {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }
    panic!("{what}");
}

#[tokio::test]
async fn everything_is_there_after_a_restart() {
    let world = World::new().await;
    let before = world.make("f").await;
    let again = world.restarted().await;
    assert!(matches!(again.lambda.catalog().lookup(&key("f"), None), Lookup::Ready(_)), "at once");
    assert_eq!(again.settled("f").await, before);
}

#[tokio::test]
async fn a_creation_cut_short_is_finished_at_the_next_start() {
    let world = World::new().await;
    world.make("f").await;
    // As a crash between the two commits leaves it.
    let stored = db(&world).get(&key("f")).await.unwrap().unwrap();
    let mut record = stored.record;
    record.latest.status = Status::Creating;
    db(&world).put(&key("f"), &record, Before::Stored(stored.version, &record)).await.unwrap();
    let again = world.restarted().await;
    assert_eq!(again.settled("f").await["State"], "Active");
}

#[tokio::test]
async fn an_update_cut_short_is_finished_and_the_old_code_serves_meanwhile() {
    let world = World::new().await;
    world.make("f").await;
    let stored = db(&world).get(&key("f")).await.unwrap().unwrap();
    let mut record = stored.record;
    record.previous = Some(record.latest.config.clone());
    record.latest.config.serial += 1;
    record.latest.config.timeout_s = 77;
    record.latest.status = Status::Updating;
    db(&world).put(&key("f"), &record, Before::Stored(stored.version, &record)).await.unwrap();
    let again = world.restarted().await;
    let Lookup::Ready(spec) = again.lambda.catalog().lookup(&key("f"), None) else {
        panic!("the previous configuration serves")
    };
    assert!(spec.timeout.0 == 3 || spec.timeout.0 == 77);
    let settled = again.settled("f").await;
    assert_eq!((&settled["LastUpdateStatus"], &settled["Timeout"]), (&json!("Successful"), &json!(77)));
    assert_eq!(again.record("f").previous, None);
}

#[tokio::test]
async fn a_lost_code_cache_is_made_anew() {
    let world = World::new().await;
    world.make("f").await;
    std::fs::remove_dir_all(world.dir.path().join("code")).unwrap();
    let again = world.restarted().await;
    let lookup = || again.lambda.catalog().lookup(&key("f"), None);
    eventually("ready again", || matches!(lookup(), Lookup::Ready(_))).await;
}

#[tokio::test(start_paused = true)]
async fn a_package_that_is_gone_fails_the_creation_and_an_update_mends_it() {
    let world = World::new().await;
    world.make("f").await;
    let stored = db(&world).get(&key("f")).await.unwrap().unwrap();
    let mut record = stored.record;
    record.latest.status = Status::Creating;
    record.latest.config.package.sha256_hex = "00".repeat(32);
    db(&world).put(&key("f"), &record, Before::Stored(stored.version, &record)).await.unwrap();
    let again = world.restarted().await;
    let failed = again.settled("f").await;
    assert_eq!((&failed["State"], &failed["StateReasonCode"]), (&json!("Failed"), &json!("InternalError")));
    let lookup = again.lambda.catalog().lookup(&key("f"), None);
    assert!(matches!(lookup, Lookup::NotReady { state: "Failed", .. }), "{lookup:?}");
    again.expect("PUT", "/2015-03-31/functions/f/code", json!({"ZipFile": zipped("mended")}), 200).await;
    assert_eq!(again.settled("f").await["State"], "Active");
}

#[tokio::test(start_paused = true)]
async fn a_failed_update_leaves_the_old_code_serving() {
    let world = World::new().await;
    world.make("f").await;
    let stored = db(&world).get(&key("f")).await.unwrap().unwrap();
    let mut record = stored.record;
    record.previous = Some(record.latest.config.clone());
    record.latest.config.serial += 1;
    record.latest.config.package.sha256_hex = "00".repeat(32);
    record.latest.status = Status::Updating;
    db(&world).put(&key("f"), &record, Before::Stored(stored.version, &record)).await.unwrap();
    let again = world.restarted().await;
    let failed = again.settled("f").await;
    assert_eq!((&failed["State"], &failed["LastUpdateStatus"]), (&json!("Active"), &json!("Failed")));
    assert_eq!(failed["LastUpdateStatusReasonCode"], "InternalError");
    let Lookup::Ready(spec) = again.lambda.catalog().lookup(&key("f"), None) else { panic!("the old code serves") };
    assert_ne!(spec.code.sha256_hex(), "00".repeat(32));
}

#[tokio::test]
async fn another_process_sees_changes() {
    let world = World::new().await;
    let other = world.restarted().await;
    world.make("f").await;
    let lookup = || other.lambda.catalog().lookup(&key("f"), None);
    eventually("made here, ready there", || matches!(lookup(), Lookup::Ready(_))).await;
    other.expect("DELETE", "/2015-03-31/functions/f", Value::Null, 204).await;
    let lookup = || world.lambda.catalog().lookup(&key("f"), None);
    eventually("deleted there, gone here", || matches!(lookup(), Lookup::Absent)).await;
}

#[tokio::test]
async fn a_lost_race_is_run_again_from_what_is_there() {
    let world = World::new().await;
    world.make("f").await;
    // Another process tags the function, and this one has not heard of it.
    let stored = db(&world).get(&key("f")).await.unwrap().unwrap();
    let mut record = stored.record;
    record.tags.insert("by".to_owned(), "another".to_owned());
    db(&world).put(&key("f"), &record, Before::Stored(stored.version, &record)).await.unwrap();
    let uri = format!("/2017-03-31/tags/{}", encoded(&format!("{ARN}:f")));
    world.expect("POST", &uri, json!({"Tags": {"mine": "1"}}), 204).await;
    assert_eq!(world.expect("GET", &uri, Value::Null, 200).await, json!({"Tags": {"by": "another", "mine": "1"}}));
}

#[tokio::test]
async fn packages_are_collected_when_nothing_refers_to_them_for_long() {
    let world = World::new().await;
    let mut seen = HashMap::new();
    world.make("f").await;
    let hash = world.record("f").latest.config.package.sha256_hex;
    let tree = world.dir.path().join("code").join(&hash);
    assert_eq!(collect(&world.lambda, &mut seen).await.unwrap(), Remaining::Nothing);
    assert!(tree.exists());
    world.expect("DELETE", "/2015-03-31/functions/f", Value::Null, 204).await;
    assert_eq!(collect(&world.lambda, &mut seen).await.unwrap(), Remaining::Some);
    assert!(!tree.exists(), "a tree goes at once");
    assert_eq!(db(&world).list_packages().await.unwrap(), std::slice::from_ref(&hash), "a package stays for its links");
    world.clock.advance_ms(14 * 60 * 1_000);
    collect(&world.lambda, &mut seen).await.unwrap();
    assert_eq!(db(&world).list_packages().await.unwrap().len(), 1);
    world.clock.advance_ms(60 * 1_000);
    collect(&world.lambda, &mut seen).await.unwrap();
    assert!(db(&world).list_packages().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_package_in_use_again_starts_its_grace_anew() {
    let world = World::new().await;
    let mut seen = HashMap::new();
    world.make("f").await;
    world.expect("DELETE", "/2015-03-31/functions/f", Value::Null, 204).await;
    collect(&world.lambda, &mut seen).await.unwrap();
    world.make("g").await;
    world.clock.advance_ms(20 * 60 * 1_000);
    collect(&world.lambda, &mut seen).await.unwrap();
    world.expect("DELETE", "/2015-03-31/functions/g", Value::Null, 204).await;
    collect(&world.lambda, &mut seen).await.unwrap();
    assert_eq!(db(&world).list_packages().await.unwrap().len(), 1);
}

#[tokio::test]
async fn an_upload_in_flight_is_not_collected() {
    let world = World::new().await;
    let mut seen = HashMap::new();
    let zip = Bytes::from(package("in flight"));
    let held = crate::ops::code::store(&world.lambda, crate::ops::source::Given::Zip(zip)).await.unwrap();
    collect(&world.lambda, &mut seen).await.unwrap();
    world.clock.advance_ms(60 * 60 * 1_000);
    // The collector waits for the upload; what it finds then is a function that refers to it.
    let lambda = Arc::clone(&world.lambda);
    let collecting = tokio::spawn(async move { collect(&lambda, &mut seen).await.unwrap() });
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    let mut record = crate::record::tests::sample();
    record.latest.config.package = held.package.clone();
    world.lambda.functions.create(&key("f"), record).await.unwrap();
    let hash = held.package.sha256_hex.clone();
    drop(held);
    collecting.await.unwrap();
    assert_eq!(db(&world).list_packages().await.unwrap(), [hash]);
}

#[tokio::test]
async fn a_tree_that_is_still_used_waits() {
    let world = World::new().await;
    let mut seen = HashMap::new();
    world.make("f").await;
    let Lookup::Ready(running) = world.lambda.catalog().lookup(&key("f"), None) else { panic!("active") };
    world.expect("DELETE", "/2015-03-31/functions/f", Value::Null, 204).await;
    assert_eq!(collect(&world.lambda, &mut seen).await.unwrap(), Remaining::Some);
    assert!(running.code.path().join("app.py").exists(), "an environment runs it");
    let tree = running.code.path().to_owned();
    drop(running);
    collect(&world.lambda, &mut seen).await.unwrap();
    assert!(!tree.exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_data_folder_on_disk_has_everything_at_the_next_start() {
    let dir = tempdir();
    let open = async || {
        let clock = Clock::system();
        let options = hearth_store::embedded::Options::new(dir.path().join("data"), clock.clone());
        let store = hearth_store::Embedded::open(options).unwrap();
        let memory = Memory::new(clock.clone());
        let (documents, blobs) = (Arc::new(store.clone()), Arc::new(store.clone()));
        (World::over(clock, memory, documents, blobs, Arc::clone(&dir)).await, store)
    };
    let (world, store) = open().await;
    for n in 0..20 {
        world.make(&format!("f{n}")).await;
    }
    let before = world.expect("GET", "/2015-03-31/functions", Value::Null, 200).await;
    drop(world);
    store.close().await;
    let (world, _store) = open().await;
    for n in 0..20 {
        let lookup = world.lambda.catalog().lookup(&key(&format!("f{n}")), None);
        assert!(matches!(lookup, Lookup::Ready(_)), "f{n} can be run at once");
    }
    assert_eq!(world.expect("GET", "/2015-03-31/functions", Value::Null, 200).await, before);
}

#[tokio::test]
async fn what_cannot_be_read_is_left_alone_and_keeps_nothing_else_from_being_served() {
    let world = World::new().await;
    world.make("f").await;
    world.make("g").await;
    let hash = world.record("f").latest.config.package.sha256_hex;
    // A newer Hearth's way to write a function, and a part of one that is new as well.
    for (id, body) in [("g/head", r#"{"v":9}"#), ("g/version/1", "{}")] {
        let put = hearth_store::Write::Put {
            key: hearth_store::Key::new("function", format!("123456789012/us-east-1/{id}")),
            body: Bytes::from(body),
            expect: hearth_store::Expect::Anything,
        };
        world.store.commit(vec![put]).await.unwrap();
    }
    let again = world.restarted().await;
    assert!(matches!(again.lambda.catalog().lookup(&key("f"), None), Lookup::Ready(_)));
    assert!(matches!(again.lambda.catalog().lookup(&key("g"), None), Lookup::Absent));
    let made = again.call("POST", "/2015-03-31/functions", create_body("g")).await.unwrap_err();
    assert_eq!(made.status.as_u16(), 500, "nor is it written over: {made:?}");
    // Its package may be any of those in the store.
    again.expect("DELETE", "/2015-03-31/functions/f", Value::Null, 204).await;
    let mut seen = HashMap::new();
    collect(&again.lambda, &mut seen).await.unwrap();
    again.clock.advance_ms(60 * 60 * 1_000);
    collect(&again.lambda, &mut seen).await.unwrap();
    assert_eq!(db(&again).list_packages().await.unwrap(), [hash]);
}
