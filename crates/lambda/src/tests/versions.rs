//! Versions: publishing, reading, deleting, listing, and what survives.
//!
//! Source: fact sheet "Lambda control-plane API", sections 3.3, 3.4 and 4.

use std::collections::HashMap;

use hearth_model::{Lookup, Qualifier};

use super::case::*;
use super::*;
use crate::db::{Before, Db};
use crate::tasks::collect::collect;

pub(super) async fn publish(world: &World, name: &str, body: Value) -> Value {
    world.expect("POST", &functions(&format!("/{name}/versions")), body, 201).await
}

/// Gives `$LATEST` other code and waits for it.
pub(super) async fn upload(world: &World, name: &str, text: &str) {
    world.expect("PUT", &functions(&format!("/{name}/code")), json!({"ZipFile": zipped(text)}), 200).await;
    world.settled(name).await;
}

/// The version that an invocation under a qualifier would run.
pub(super) fn led(world: &World, name: &str, qualifier: &str) -> Option<String> {
    match world.lambda.catalog().lookup(&key(name), Qualifier::parse(qualifier).as_ref()) {
        Lookup::Ready(spec) => Some(spec.version.to_string()),
        _ => None,
    }
}

pub(super) async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    for _ in 0..10_000 {
        if holds() {
            return;
        }
        tokio::task::yield_now().await;
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }
    panic!("{what}");
}

async fn listed(world: &World, uri: &str, member: &str) -> Vec<(String, String)> {
    let answer = world.expect("GET", uri, Value::Null, 200).await;
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    answer[member].as_array().unwrap().iter().map(|v| (text(&v["FunctionName"]), text(&v["Version"]))).collect()
}

#[tokio::test]
async fn a_version_is_what_latest_was() {
    let world = World::new().await;
    let latest = world.make("f").await;
    world.clock.advance_ms(5_000);
    let one = publish(&world, "f", json!({"Description": "first"})).await;
    assert_eq!(
        (&one["Version"], &one["State"], &one["LastUpdateStatus"]),
        (&json!("1"), &json!("Active"), &json!("Successful"))
    );
    assert_eq!((&one["FunctionArn"], &one["Description"]), (&json!(format!("{ARN}:f:1")), &json!("first")));
    assert_eq!(one["CodeSha256"], latest["CodeSha256"]);
    let after = world.settled("f").await;
    assert_ne!(after["RevisionId"], latest["RevisionId"], "publishing moves the revision of `$LATEST`");
    assert_ne!(after["RevisionId"], one["RevisionId"]);
    assert_eq!(after["LastModified"], latest["LastModified"]);
    upload(&world, "f", "two").await;
    let shown = world.expect("GET", &functions("/f/configuration?Qualifier=1"), Value::Null, 200).await;
    assert_eq!(shown, one, "it never changes");
    assert_eq!((led(&world, "f", "1"), led(&world, "f", "$LATEST")), (Some("1".into()), Some("$LATEST".into())));
    let code = |qualifier: &str| match world.lambda.catalog().lookup(&key("f"), Qualifier::parse(qualifier).as_ref()) {
        Lookup::Ready(spec) => spec.code.sha256_hex().to_owned(),
        other => panic!("{other:?}"),
    };
    assert_ne!(code("1"), code("$LATEST"));
}

#[tokio::test]
async fn publishing_again_what_did_not_change_gives_the_same_version() {
    let world = World::new().await;
    world.make("f").await;
    let one = publish(&world, "f", json!({"Description": "first"})).await;
    assert_eq!(publish(&world, "f", json!({"Description": "ignored"})).await, one);
    let body = json!({"Description": "of latest"});
    world.expect("PUT", &functions("/f/configuration"), body, 200).await;
    world.settled("f").await;
    let two = publish(&world, "f", Value::Null).await;
    assert_eq!((&two["Version"], &two["Description"]), (&json!("2"), &json!("of latest")));
}

#[tokio::test]
async fn numbers_are_not_used_again_after_a_deletion() {
    let world = World::new().await;
    world.make("f").await;
    publish(&world, "f", Value::Null).await;
    for _ in 0..2 {
        world.expect("DELETE", &functions("/f?Qualifier=1"), Value::Null, 204).await;
    }
    assert_eq!(led(&world, "f", "1"), None);
    let again = world.restarted().await;
    assert_eq!(publish(&again, "f", Value::Null).await["Version"], "2");
}

#[tokio::test]
async fn publish_with_a_creation_and_with_new_code() {
    let world = World::new().await;
    let body = create_with("f", json!({"Publish": true}));
    let made = world.expect("POST", &functions(""), body, 201).await;
    assert_eq!((&made["Version"], &made["FunctionArn"]), (&json!("1"), &json!(format!("{ARN}:f"))));
    assert_eq!((&made["State"], made.get("LastUpdateStatus")), (&json!("Pending"), None));
    world.settled("f").await;
    until("version 1 serves", || led(&world, "f", "1").is_some()).await;
    let held = world.lambda.unpacking.acquire_many(4).await.unwrap();
    let body = json!({"ZipFile": zipped("two"), "Publish": true});
    let shown = world.expect("PUT", &functions("/f/code"), body, 200).await;
    assert_eq!((&shown["Version"], &shown["FunctionArn"]), (&json!("2"), &json!(format!("{ARN}:f:2"))));
    assert_eq!((&shown["State"], &shown["StateReasonCode"]), (&json!("Pending"), &json!("Creating")));
    assert_eq!(shown.get("LastUpdateStatus"), None);
    let now = world.expect("GET", &functions("/f/configuration?Qualifier=2"), Value::Null, 200).await;
    assert_eq!(now["State"], "Pending");
    assert_eq!(led(&world, "f", "2"), None);
    drop(held);
    world.settled("f").await;
    until("version 2 serves", || led(&world, "f", "2").is_some()).await;
    let active = world.expect("GET", &functions("/f/configuration?Qualifier=2"), Value::Null, 200).await;
    assert_eq!((&active["State"], &active["LastUpdateStatus"]), (&json!("Active"), &json!("Successful")));
    assert_ne!(active["RevisionId"], shown["RevisionId"]);
    let body = json!({"ZipFile": zipped("two"), "Publish": true});
    let same = world.expect("PUT", &functions("/f/code"), body, 200).await;
    assert_eq!(same["Version"], "2", "the same code is no new version");
}

#[tokio::test]
async fn publications_that_are_refused() {
    let world = World::new().await;
    let held = world.lambda.unpacking.acquire_many(4).await.unwrap();
    world.expect("POST", &functions(""), create_body("pending"), 201).await;
    let case = |what, path: &str, body, status, code, message: &str| Case {
        what,
        method: "POST",
        uri: functions(path),
        body,
        status,
        code,
        message: message.to_owned(),
    };
    let pending = "The operation cannot be performed at this time. The function is currently in the following state: \
                   Pending";
    let conflict = "ResourceConflictException";
    check(&world, vec![case("pending", "/pending/versions", Value::Null, 409, conflict, pending)]).await;
    drop(held);
    world.settled("pending").await;
    let made = world.make("f").await;
    let current = made["CodeSha256"].as_str().unwrap();
    let hash = format!(
        "CodeSHA256 (other) is different from current CodeSHA256 in $LATEST ({current}). Please try again with the \
         CodeSHA256 in $LATEST."
    );
    let stale = "The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to \
                 retrieve the latest Revision Id";
    let versions = "This operation is permitted on Lambda functions only. Aliases and versions do not support this \
                    operation. Please specify either a function name or an unqualified function ARN.";
    check(
        &world,
        vec![
            case("unknown", "/nope/versions", Value::Null, 404, NOT_FOUND, &format!("Function not found: {ARN}:nope")),
            case("other code", "/f/versions", json!({"CodeSha256": "other"}), 400, INVALID, &hash),
            case(
                "an old revision",
                "/f/versions",
                json!({"RevisionId": "old"}),
                412,
                "PreconditionFailedException",
                stale,
            ),
            case("a version", "/f%3A1/versions", Value::Null, 400, INVALID, versions),
            case(
                "managed instances",
                "/f/versions",
                json!({"PublishTo": "LATEST_PUBLISHED"}),
                400,
                INVALID,
                "PublishTo is not available in Hearth yet: leave it out",
            ),
            case(
                "a long description",
                "/f/versions",
                json!({"Description": "d".repeat(257)}),
                400,
                "ValidationException",
                &format!(
                    "1 validation error detected: Value '{}' at 'description' failed to satisfy constraint: Member \
                     must have length less than or equal to 256",
                    "d".repeat(257)
                ),
            ),
            get("unknown list", "/nope/versions", 404, NOT_FOUND, format!("Function not found: {ARN}:nope")),
        ],
    )
    .await;
    let body = json!({"CodeSha256": current, "RevisionId": made["RevisionId"]});
    assert_eq!(publish(&world, "f", body).await["Version"], "1");
}

#[tokio::test]
async fn lists_have_latest_first_and_pages() {
    let world = World::new().await;
    for name in ["a", "b"] {
        world.make(name).await;
        for n in 0..11 {
            upload(&world, name, &format!("{n}")).await;
            publish(&world, name, Value::Null).await;
        }
    }
    let expected = |name: &str| {
        let versions = std::iter::once("$LATEST".to_owned()).chain((1..=11).map(|n| n.to_string()));
        versions.map(|version| (name.to_owned(), version)).collect::<Vec<_>>()
    };
    assert_eq!(listed(&world, &functions("/a/versions"), "Versions").await, expected("a"));
    let both = [expected("a"), expected("b")].concat();
    assert_eq!(listed(&world, &functions("?FunctionVersion=ALL"), "Functions").await, both);
    assert_eq!(listed(&world, &functions("?FunctionVersion=ALL&MasterRegion=ALL"), "Functions").await, both);
    assert_eq!(listed(&world, &functions(""), "Functions").await.len(), 2);
    for (start, member, expected) in [
        ("/a/versions?MaxItems=5", "Versions", expected("a")),
        ("?FunctionVersion=ALL&MaxItems=5", "Functions", both),
        ("?MaxItems=1", "Functions", vec![("a".into(), "$LATEST".into()), ("b".into(), "$LATEST".into())]),
    ] {
        let (mut found, mut marker) = (Vec::new(), String::new());
        loop {
            let uri = functions(&format!("{start}&Marker={marker}"));
            found.extend(listed(&world, &uri, member).await);
            match world.expect("GET", &uri, Value::Null, 200).await.get("NextMarker") {
                Some(next) => marker = next.as_str().unwrap().to_owned(),
                None => break,
            }
        }
        assert_eq!(found, expected, "{start}");
    }
    let page = world.expect("GET", &functions("/a/versions"), Value::Null, 200).await;
    assert_eq!(page["Versions"][0]["FunctionArn"], format!("{ARN}:a:$LATEST"));
    assert_eq!(page["Versions"][3].get("State"), None, "lists leave out the state");
    let foreign = world.call("GET", &functions("/a/versions?Marker=zzz"), Value::Null).await;
    assert_error(foreign, 400, INVALID, "Marker is not one that ListVersionsByFunction gave.", "a foreign marker");
}

#[tokio::test]
async fn versions_outlive_restarts_and_keep_their_code() {
    let world = World::new().await;
    world.make("f").await;
    let one = publish(&world, "f", Value::Null).await;
    upload(&world, "f", "two").await;
    let mut seen = HashMap::new();
    for _ in 0..3 {
        collect(&world.lambda, &mut seen).await.unwrap();
        world.clock.advance_ms(60 * 60 * 1_000);
    }
    std::fs::remove_dir_all(world.dir.path().join("code")).unwrap();
    let again = world.restarted().await;
    until("version 1 serves", || led(&again, "f", "1").is_some()).await;
    let shown = again.expect("GET", &functions("/f/configuration?Qualifier=1"), Value::Null, 200).await;
    assert_eq!(shown, one);
    again.expect("DELETE", &functions("/f?Qualifier=1"), Value::Null, 204).await;
    for _ in 0..3 {
        collect(&again.lambda, &mut seen).await.unwrap();
        again.clock.advance_ms(60 * 60 * 1_000);
    }
    let packages = Db::new(Arc::new(again.store.clone()), Arc::new(again.store.clone())).list_packages().await;
    assert_eq!(packages.unwrap().len(), 1, "that of `$LATEST`");
}

#[tokio::test]
async fn deleting_a_function_deletes_its_versions_and_aliases() {
    let world = World::new().await;
    world.make("f").await;
    publish(&world, "f", Value::Null).await;
    world.expect("POST", &functions("/f/aliases"), json!({"Name": "live", "FunctionVersion": "1"}), 201).await;
    world.expect("DELETE", &functions("/f"), Value::Null, 204).await;
    world.make("f").await;
    for world in [&world, &world.restarted().await] {
        assert_eq!((led(world, "f", "1"), led(world, "f", "live")), (None, None));
        let versions = listed(world, &functions("/f/versions"), "Versions").await;
        assert_eq!(versions, [("f".to_owned(), "$LATEST".to_owned())]);
    }
    assert_eq!(publish(&world, "f", Value::Null).await["Version"], "1", "it is another function");
}

#[tokio::test]
async fn a_data_folder_of_before_versions_opens() {
    let world = World::new().await;
    let before = world.make("f").await;
    let db = Db::new(Arc::new(world.store.clone()), Arc::new(world.store.clone()));
    // As it was written then: one document, without the members that came with versions.
    let id = "123456789012/us-east-1/f/head";
    let document = Documents::get(&world.store, hearth_store::Key::new("function", id)).await.unwrap().unwrap();
    let mut head: Value = serde_json::from_slice(&document.body).unwrap();
    assert!(head.as_object_mut().unwrap().remove("versions_made").is_some());
    let put = hearth_store::Write::Put {
        key: hearth_store::Key::new("function", id),
        body: head.to_string().into(),
        expect: hearth_store::Expect::Version(document.version),
    };
    world.store.commit(vec![put]).await.unwrap();
    let again = world.restarted().await;
    assert_eq!(again.settled("f").await, before);
    assert_eq!(publish(&again, "f", Value::Null).await["Version"], "1");
    assert!(!db.has_unread());
}

#[tokio::test]
async fn a_version_cut_short_is_finished_at_the_next_start() {
    let world = World::new().await;
    world.make("f").await;
    publish(&world, "f", Value::Null).await;
    let db = Db::new(Arc::new(world.store.clone()), Arc::new(world.store.clone()));
    let stored = db.get(&key("f")).await.unwrap().unwrap();
    let mut record = stored.record.clone();
    record.edit_version(1, |version| version.edition.status = crate::record::Status::Creating);
    db.put(&key("f"), &record, Before::Stored(stored.version, &stored.record)).await.unwrap();
    let again = world.restarted().await;
    until("version 1 serves", || led(&again, "f", "1").is_some()).await;
}

#[tokio::test]
async fn what_another_process_publishes_is_seen() {
    let world = World::new().await;
    world.make("f").await;
    let other = world.restarted().await;
    publish(&world, "f", Value::Null).await;
    world.expect("POST", &functions("/f/aliases"), json!({"Name": "live", "FunctionVersion": "1"}), 201).await;
    until("the alias leads to version 1", || led(&other, "f", "live") == Some("1".to_owned())).await;
}

#[tokio::test]
async fn each_version_counts_its_package() {
    let world = World::new().await;
    let made = world.make("f").await;
    let size = made["CodeSize"].as_u64().unwrap();
    publish(&world, "f", Value::Null).await;
    let settings = world.expect("GET", "/2016-08-19/account-settings", Value::Null, 200).await;
    assert_eq!(settings["AccountUsage"], json!({"TotalCodeSize": size * 2, "FunctionCount": 1}));
}
