//! SnapStart as configuration, over a data plane that answers by script.
//!
//! Source: fact sheet "Lambda control-plane API", sections 3.2 and 3.3.

use hearth_model::{Ahead, SnapshotError, Version};

use super::case::*;
use super::concurrency::{Plane, world};
use super::versions::{led, publish, until};
use super::*;

const ON: &str = r#"{"ApplyOn":"PublishedVersions","OptimizationStatus":"On"}"#;
const OFF: &str = r#"{"ApplyOn":"PublishedVersions","OptimizationStatus":"Off"}"#;

async fn shown(world: &World, qualifier: &str) -> Value {
    let uri = functions(&format!("/f/configuration?Qualifier={qualifier}"));
    world.expect("GET", &uri, Value::Null, 200).await
}

/// A function with SnapStart that is published as version 3, and whose snapshot is being made.
async fn publishing() -> (World, Arc<Plane>, Value) {
    let (world, plane) = world().await;
    let body = json!({"SnapStart": {"ApplyOn": "PublishedVersions"}});
    world.expect("PUT", &functions("/f/configuration"), body, 200).await;
    world.settled("f").await;
    let version = publish(&world, "f", Value::Null).await;
    until("the snapshot is asked for", || plane.snapshots.lock().len() == 1).await;
    (world, plane, version)
}

#[tokio::test]
async fn a_version_is_pending_until_its_snapshot_is_there() {
    let (world, plane, version) = publishing().await;
    assert_eq!((&version["Version"], &version["State"]), (&json!("3"), &json!("Pending")));
    assert_eq!((&version["StateReasonCode"], version.get("LastUpdateStatus")), (&json!("Creating"), None));
    assert_eq!(version["SnapStart"].to_string(), OFF);
    assert_eq!(world.settled("f").await["SnapStart"].to_string(), OFF);
    let spec = Arc::clone(&plane.snapshots.lock()[0]);
    assert_eq!((spec.version, spec.snap_start), (Version::Number(3), true));
    assert!(spec.code.path().join("app.py").exists());
    assert_eq!((led(&world, "f", "3"), led(&world, "f", "$LATEST")), (None, Some("$LATEST".to_owned())));
    assert!(world.lambda.catalog().ahead(&key("f")).is_empty());
    // Another change of the function starts an activation, and no second snapshot.
    super::versions::upload(&world, "f", "other").await;
    plane.decide(Ok(()));
    until("version 3 serves", || led(&world, "f", "3").is_some()).await;
    let active = shown(&world, "3").await;
    assert_eq!((&active["State"], &active["LastUpdateStatus"]), (&json!("Active"), &json!("Successful")));
    assert_eq!(active["SnapStart"].to_string(), ON);
    assert_ne!(active["RevisionId"], version["RevisionId"]);
    assert_eq!(shown(&world, "2").await["SnapStart"]["ApplyOn"], "None");
    assert_eq!(plane.snapshots.lock().len(), 1);
    let found = world.lambda.catalog().lookup(&key("f"), hearth_model::Qualifier::parse("3").as_ref());
    let hearth_model::Lookup::Ready(found) = found else { panic!("active") };
    assert!(Arc::ptr_eq(&found, &spec), "it runs as the snapshot was made");
    let ahead = Ahead {
        version: Version::Number(3),
        environments: 0,
        snap_start: true,
    };
    assert_eq!(world.lambda.catalog().ahead(&key("f")), std::slice::from_ref(&ahead));
    assert_eq!(world.restarted().await.lambda.catalog().ahead(&key("f")), [ahead]);
}

#[tokio::test]
async fn an_init_that_fails_fails_the_version() {
    for (kind, code) in [
        ("Runtime.BeforeSnapshotError", "FunctionError.RuntimeInitError"),
        ("Sandbox.Timedout", "FunctionError.InitTimeout"),
        ("Extension.Crash", "FunctionError.ExtensionInitError"),
        ("Function<ValueError>", "FunctionError"),
    ] {
        let (world, plane, _) = publishing().await;
        plane.decide(Err(SnapshotError {
            kind: kind.to_owned(),
            message: "no luck".to_owned(),
        }));
        let failed = async || shown(&world, "3").await["State"] == "Failed";
        for _ in 0..10_000 {
            if failed().await {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
        let found = shown(&world, "3").await;
        assert_eq!((&found["State"], &found["StateReasonCode"]), (&json!("Failed"), &json!(code)));
        assert_eq!(found["StateReason"], format!("{kind}: no luck"));
        assert_eq!(found["SnapStart"].to_string(), OFF);
        assert_eq!(led(&world, "f", "3"), None);
        plane.decide(Ok(()));
        let again = publish(&world, "f", Value::Null).await;
        assert_eq!(again["Version"], "4", "one that failed is no version to give again");
    }
}

#[tokio::test]
async fn a_snapshot_cut_short_is_made_at_the_next_start() {
    let (world, ..) = publishing().await;
    let again = world.restarted().await;
    let plane = Arc::new(Plane::default());
    plane.decide(Ok(()));
    // The data plane is built after the control plane: the task waits for it.
    again.lambda.prepare_with(plane.clone());
    until("version 3 serves", || led(&again, "f", "3").is_some()).await;
    assert_eq!(plane.snapshots.lock().len(), 1);
}

#[tokio::test]
async fn a_server_that_stops_does_not_fail_the_version() {
    let (world, plane, _) = publishing().await;
    world.lambda.shutdown.start();
    plane.decide(Err(SnapshotError {
        kind: "Sandbox.Failure".to_owned(),
        message: "the server stops".to_owned(),
    }));
    world.lambda.tasks.drain(std::time::Duration::from_secs(10)).await;
    assert_eq!(shown(&world, "3").await["State"], "Pending");
}

#[tokio::test]
async fn what_excludes_it_is_refused() {
    let (world, plane, _) = publishing().await;
    plane.decide(Ok(()));
    until("version 3 serves", || led(&world, "f", "3").is_some()).await;
    let on = || json!({"ApplyOn": "PublishedVersions"});
    let runtime = |name: &str| format!("{name} is not supported for SnapStart enabled functions.");
    let storage = "SnapStart is not supported for functions with ephemeral storage larger than 512 MB.";
    let excluded = "Provisioned Concurrency is not supported for functions with SnapStart enabled.";
    world.expect("POST", &functions("/f/aliases"), json!({"Name": "snap", "FunctionVersion": "3"}), 201).await;
    world.expect("POST", &functions("/f/aliases"), json!({"Name": "plain", "FunctionVersion": "1"}), 201).await;
    let config = "/2019-09-30/functions/f/provisioned-concurrency?Qualifier=";
    let one = || json!({"ProvisionedConcurrentExecutions": 1});
    world.expect("PUT", &format!("{config}plain"), one(), 202).await;
    let provision = |what, qualifier: &str| Case {
        uri: format!("{config}{qualifier}"),
        ..put(what, "", one(), excluded)
    };
    check(
        &world,
        vec![
            create("an old Python", json!({"Runtime": "python3.11", "SnapStart": on()}), runtime("python3.11")),
            create("Node.js", json!({"Runtime": "nodejs22.x", "SnapStart": on()}), runtime("nodejs22.x")),
            create("storage", json!({"EphemeralStorage": {"Size": 513}, "SnapStart": on()}), storage),
            put("another runtime", "/f/configuration", json!({"Runtime": "python3.9"}), runtime("python3.9")),
            put("more storage", "/f/configuration", json!({"EphemeralStorage": {"Size": 600}}), storage),
            provision("a version", "3"),
            provision("an alias", "snap"),
            put("a provisioned alias", "/f/aliases/plain", json!({"FunctionVersion": "3"}), excluded),
        ],
    )
    .await;
    let body = json!({"SnapStart": {"ApplyOn": "None"}, "Runtime": "python3.9"});
    world.expect("PUT", &functions("/f/configuration"), body, 200).await;
}
