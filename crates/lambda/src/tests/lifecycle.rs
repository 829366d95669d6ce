//! What happens to a function from its making to its end.

use std::sync::atomic::{AtomicUsize, Ordering};

use hearth_model::{CatalogObserver, Lookup};

use super::*;

#[tokio::test]
async fn a_new_function_is_pending_and_then_active() {
    let world = World::new().await;
    let made = world.expect("POST", "/2015-03-31/functions", create_body("f"), 201).await;
    assert_eq!(made["State"], "Pending");
    assert_eq!(made["StateReason"], "The function is being created.");
    assert_eq!(made["StateReasonCode"], "Creating");
    assert_eq!(made.get("LastUpdateStatus"), None);
    let active = world.settled("f").await;
    assert_eq!(active["State"], "Active");
    assert_eq!(active.get("StateReason"), None);
    assert_eq!(active["LastUpdateStatus"], "Successful");
    assert_ne!(active["RevisionId"], made["RevisionId"], "the transition moves the revision");
    assert_eq!(active["LastModified"], made["LastModified"], "the transition is no client's change");
    let Lookup::Ready(spec) = world.lambda.catalog().lookup(&key("f"), None) else {
        panic!("an active function can be run")
    };
    assert!(spec.code.path().join("app.py").exists());
    assert_eq!(spec.handler, "app.handler");
}

#[tokio::test]
async fn an_update_keeps_the_old_version_serving_until_it_is_done() {
    let world = World::new().await;
    let before = world.make("f").await;
    let Lookup::Ready(old) = world.lambda.catalog().lookup(&key("f"), None) else { panic!("active") };
    world.clock.advance_ms(5_000);
    let body = json!({"ZipFile": zipped("new")});
    let shown = world.expect("PUT", "/2015-03-31/functions/f/code", body, 200).await;
    assert_eq!(shown["State"], "Active");
    assert_eq!(shown["LastUpdateStatus"], "InProgress");
    assert_eq!(shown["LastUpdateStatusReason"], "The function is being created.");
    assert_eq!(shown["LastUpdateStatusReasonCode"], "Creating");
    assert_ne!(shown["CodeSha256"], before["CodeSha256"]);
    assert_ne!(shown["LastModified"], before["LastModified"]);
    let done = world.settled("f").await;
    assert_eq!(done["LastUpdateStatus"], "Successful");
    assert_eq!(done.get("LastUpdateStatusReason"), None);
    let revisions = [&before["RevisionId"], &shown["RevisionId"], &done["RevisionId"]];
    assert!(revisions[0] != revisions[1] && revisions[1] != revisions[2] && revisions[0] != revisions[2]);
    let Lookup::Ready(new) = world.lambda.catalog().lookup(&key("f"), None) else { panic!("active") };
    assert_ne!(new.generation, old.generation);
    assert_ne!(new.code.sha256_hex(), old.code.sha256_hex());
}

#[tokio::test]
async fn an_update_without_a_change_goes_through_the_same_cycle() {
    let world = World::new().await;
    let before = world.make("f").await;
    let shown = world.expect("PUT", "/2015-03-31/functions/f/configuration", json!({}), 200).await;
    assert_eq!(shown["LastUpdateStatus"], "InProgress");
    let done = world.settled("f").await;
    assert_eq!(done["LastUpdateStatus"], "Successful");
    assert_ne!(done["RevisionId"], before["RevisionId"]);
}

#[tokio::test]
async fn a_dry_run_shows_and_changes_nothing() {
    let world = World::new().await;
    let before = world.make("f").await;
    let body = json!({"ZipFile": zipped("other"), "DryRun": true});
    let shown = world.expect("PUT", "/2015-03-31/functions/f/code", body, 200).await;
    assert_ne!(shown["CodeSha256"], before["CodeSha256"]);
    assert_eq!(shown["RevisionId"], before["RevisionId"]);
    assert_eq!(world.settled("f").await, before);
    let body = json!({"ZipFile": "aGVsbG8=", "DryRun": true});
    let refused = world.call("PUT", "/2015-03-31/functions/f/code", body).await;
    assert!(refused.is_err());
}

#[tokio::test]
async fn configuration_merges_and_clears() {
    let world = World::new().await;
    let body = create_with("f", json!({"Environment": {"Variables": {"B2": "x", "A1": "y"}}, "Description": "d"}));
    world.expect("POST", "/2015-03-31/functions", body, 201).await;
    world.settled("f").await;
    let uri = "/2015-03-31/functions/f/configuration";
    let shown = world.expect("PUT", uri, json!({"Timeout": 9, "MemorySize": 256}), 200).await;
    assert_eq!((&shown["Timeout"], &shown["MemorySize"], &shown["Description"]), (&json!(9), &json!(256), &json!("d")));
    assert_eq!(shown["Environment"]["Variables"], json!({"B2": "x", "A1": "y"}));
    world.settled("f").await;
    let clearing = json!({
        "Environment": {"Variables": {}},
        "Description": "",
        "VpcConfig": {"SubnetIds": [], "SecurityGroupIds": []},
        "DeadLetterConfig": {"TargetArn": ""},
        "Layers": [],
        "FileSystemConfigs": [],
        "ImageConfig": {},
        "KMSKeyArn": "",
        "SnapStart": {"ApplyOn": "None"},
        "TracingConfig": {"Mode": "PassThrough"},
        "RevisionId": null,
    });
    let shown = world.expect("PUT", uri, clearing, 200).await;
    assert_eq!(shown["Environment"], json!({"Variables": {}}));
    assert_eq!(shown["Description"], "");
    for absent in ["VpcConfig", "DeadLetterConfig", "Layers", "FileSystemConfigs", "KMSKeyArn", "ImageConfigResponse"] {
        assert_eq!(shown.get(absent), None, "{absent}");
    }
    world.settled("f").await;
    let json_logs = json!({"LoggingConfig": {"LogFormat": "JSON", "SystemLogLevel": "WARN"}});
    let shown = world.expect("PUT", uri, json_logs, 200).await;
    assert_eq!(
        shown["LoggingConfig"],
        json!({
            "LogFormat": "JSON",
            "ApplicationLogLevel": "INFO",
            "SystemLogLevel": "WARN",
            "LogGroup": "/aws/lambda/f",
        })
    );
    world.settled("f").await;
    let shown = world.expect("PUT", uri, json!({"LoggingConfig": {"LogFormat": "Text"}}), 200).await;
    assert_eq!(shown["LoggingConfig"], json!({"LogFormat": "Text", "LogGroup": "/aws/lambda/f"}));
}

#[tokio::test]
async fn the_revision_guards_updates() {
    let world = World::new().await;
    let stale = world.expect("POST", "/2015-03-31/functions", create_body("f"), 201).await["RevisionId"].clone();
    let active = world.settled("f").await;
    let message = "The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API \
                   to retrieve the latest Revision Id";
    for (uri, body) in [
        ("/2015-03-31/functions/f/configuration", json!({"Timeout": 4, "RevisionId": stale})),
        ("/2015-03-31/functions/f/code", json!({"ZipFile": zipped("n"), "RevisionId": stale})),
    ] {
        assert_error(world.call("PUT", uri, body).await, 412, "PreconditionFailedException", message, uri);
    }
    let body = json!({"Timeout": 4, "RevisionId": active["RevisionId"]});
    world.expect("PUT", "/2015-03-31/functions/f/configuration", body, 200).await;
}

#[tokio::test]
async fn of_concurrent_creations_one_succeeds() {
    let world = World::new().await;
    let calls = (0..8).map(|_| world.call("POST", "/2015-03-31/functions", create_body("f")));
    let answers: Vec<_> = {
        let mut answers = Vec::new();
        let mut set: Vec<_> = calls.map(Box::pin).collect();
        // All are polled before any is finished.
        let first = std::future::poll_fn(|cx| {
            set.iter_mut().for_each(|call| {
                if let std::task::Poll::Ready(answer) = call.as_mut().poll(cx) {
                    panic!("answered at once: {answer:?}");
                }
            });
            std::task::Poll::Ready(())
        });
        first.await;
        for call in set {
            answers.push(call.await);
        }
        answers
    };
    let (good, bad): (Vec<_>, Vec<_>) = answers.into_iter().partition(Result::is_ok);
    assert_eq!(good.len(), 1);
    for answer in bad {
        assert_error(answer, 409, "ResourceConflictException", "Function already exist: f", "the others");
    }
}

#[tokio::test]
async fn a_deleted_function_can_be_made_again() {
    let world = World::new().await;
    world.make("f").await;
    let Lookup::Ready(old) = world.lambda.catalog().lookup(&key("f"), None) else { panic!("active") };
    assert_eq!(world.expect("DELETE", "/2015-03-31/functions/f", Value::Null, 204).await, Value::Null);
    assert!(matches!(world.lambda.catalog().lookup(&key("f"), None), Lookup::Absent));
    world.make("f").await;
    let Lookup::Ready(new) = world.lambda.catalog().lookup(&key("f"), None) else { panic!("active") };
    assert!(new.generation > old.generation);
}

#[tokio::test]
async fn deleting_a_version_that_is_not_there_succeeds() {
    let world = World::new().await;
    world.make("f").await;
    world.expect("DELETE", "/2015-03-31/functions/f?Qualifier=7", Value::Null, 204).await;
    world.expect("GET", "/2015-03-31/functions/f", Value::Null, 200).await;
}

#[tokio::test]
async fn tags_come_and_go_and_move_the_revision() {
    let world = World::new().await;
    world.expect("POST", "/2015-03-31/functions", create_with("f", json!({"Tags": {"a": "1"}})), 201).await;
    let first = world.settled("f").await;
    let generation = |world: &World| match world.lambda.catalog().lookup(&key("f"), None) {
        Lookup::Ready(spec) => spec.generation,
        other => panic!("{other:?}"),
    };
    let before = generation(&world);
    let uri = format!("/2017-03-31/tags/{}", encoded(&format!("{ARN}:f")));
    assert_eq!(world.expect("GET", &uri, Value::Null, 200).await, json!({"Tags": {"a": "1"}}));
    world.expect("POST", &uri, json!({"Tags": {"b": "2", "a": "3"}}), 204).await;
    assert_eq!(world.expect("GET", &uri, Value::Null, 200).await, json!({"Tags": {"a": "3", "b": "2"}}));
    let tagged = world.settled("f").await;
    assert_ne!(tagged["RevisionId"], first["RevisionId"]);
    world.expect("DELETE", &format!("{uri}?tagKeys=a&tagKeys=b&tagKeys=zz"), Value::Null, 204).await;
    assert_eq!(world.expect("GET", &uri, Value::Null, 200).await, json!({"Tags": {}}));
    assert_ne!(world.settled("f").await["RevisionId"], tagged["RevisionId"]);
    assert_eq!(generation(&world), before, "tags replace no environment");
}

struct Count(AtomicUsize);

impl CatalogObserver for Count {
    fn function_changed(&self, changed: &FunctionKey) {
        assert_eq!(*changed, key("f"));
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[tokio::test]
async fn observers_are_told_of_every_change() {
    let world = World::new().await;
    let count = Arc::new(Count(AtomicUsize::new(0)));
    world.lambda.observe(Arc::clone(&count) as Arc<dyn CatalogObserver>);
    world.make("f").await;
    assert_eq!(count.0.load(Ordering::Relaxed), 2, "creation and activation");
    world.expect("DELETE", "/2015-03-31/functions/f", Value::Null, 204).await;
    assert_eq!(count.0.load(Ordering::Relaxed), 3);
}

#[tokio::test]
async fn lists_come_in_pages() {
    let world = World::new().await;
    for n in 0..53 {
        world.expect("POST", "/2015-03-31/functions", create_body(&format!("f{n:02}")), 201).await;
    }
    let first = world.expect("GET", "/2015-03-31/functions?MaxItems=10000", Value::Null, 200).await;
    assert_eq!(first["Functions"].as_array().unwrap().len(), 50, "the service's own cap");
    let marker = first["NextMarker"].as_str().unwrap();
    let uri = format!("/2015-03-31/functions?Marker={}", encoded(marker));
    let second = world.expect("GET", &uri, Value::Null, 200).await;
    assert_eq!(second["Functions"].as_array().unwrap().len(), 3);
    assert_eq!(second["Functions"][0]["FunctionName"], "f50");
    assert_eq!(second.get("NextMarker"), None);
    let exact = world.expect("GET", &format!("{uri}&MaxItems=3"), Value::Null, 200).await;
    assert_eq!(exact.get("NextMarker"), None, "a page that ends the list has no marker");
    let all = world.expect("GET", "/2015-03-31/functions?FunctionVersion=ALL&MaxItems=1", Value::Null, 200).await;
    assert_eq!(all["Functions"][0]["FunctionArn"], format!("{ARN}:f00:$LATEST"));
    let edge = "/2015-03-31/functions?FunctionVersion=ALL&MasterRegion=us-west-2";
    assert_eq!(world.expect("GET", edge, Value::Null, 200).await, json!({"Functions": []}));
    let elsewhere = world.call_in("eu-west-1", "GET", "/2015-03-31/functions", "").await.unwrap();
    assert_eq!(elsewhere.body, r#"{"Functions":[]}"#);
}

#[tokio::test]
async fn account_settings_count_what_is_there() {
    let world = World::new().await;
    let uri = "/2016-08-19/account-settings";
    world.make("f").await;
    let size = package("def handler(e, c): return 1").len();
    let expected = |functions: u64, bytes: usize| {
        json!({
            "AccountLimit": {
                "TotalCodeSize": 80_530_636_800_u64,
                "CodeSizeUnzipped": 262_144_000,
                "CodeSizeZipped": 52_428_800,
                "ConcurrentExecutions": 1000,
                "UnreservedConcurrentExecutions": 1000,
            },
            "AccountUsage": {"TotalCodeSize": bytes, "FunctionCount": functions},
        })
    };
    assert_eq!(world.expect("GET", uri, Value::Null, 200).await, expected(1, size));
    world.make("g").await;
    assert_eq!(world.expect("GET", uri, Value::Null, 200).await, expected(2, 2 * size));
}

#[tokio::test]
async fn links_lead_to_the_uploaded_bytes_until_they_expire() {
    let world = World::new().await;
    world.make("f").await;
    let shown = world.expect("GET", "/2015-03-31/functions/f", Value::Null, 200).await;
    let location = shown["Code"]["Location"].as_str().unwrap().to_owned();
    let uri = location.strip_prefix(ENDPOINT).unwrap();
    let answer = world.call_local("GET", uri).await.unwrap();
    assert_eq!(answer.body, package("def handler(e, c): return 1"));
    assert_eq!(answer.headers["content-type"], "application/zip");
    let forged = uri.replace("expires=1", "expires=2");
    let refused = world.call_local("GET", &forged).await;
    let text = "The link's signature does not match; ask GetFunction for a new one";
    assert_error(refused, 403, "AccessDeniedException", text, "an altered link");
    let other = uri.replace("/code/", "/code/00");
    assert_error(world.call_local("GET", &other).await, 403, "AccessDeniedException", text, "another package");
    assert!(world.call_local("HEAD", uri).await.is_ok());
    assert_eq!(world.call_local("PUT", uri).await.unwrap_err().status.as_u16(), 405);
    for bad in ["", "?expires=x&signature=00", "?expires=1&signature=zz", "?expires=99999999999&signature="] {
        let answer = world.call_local("GET", &format!("/_hearth/code/{}{bad}", "ab".repeat(32))).await;
        assert_error(answer, 403, "AccessDeniedException", text, bad);
    }
    world.expect("DELETE", "/2015-03-31/functions/f", Value::Null, 204).await;
    world.clock.advance_ms(599_000);
    assert!(world.call_local("GET", uri).await.is_ok(), "a link outlives its function");
    world.clock.advance_ms(1_000);
    let refused = world.call_local("GET", uri).await;
    let text = "The link has expired; ask GetFunction for a new one";
    assert_error(refused, 403, "AccessDeniedException", text, "an old link");
}

#[tokio::test]
async fn a_change_goes_on_without_its_client() {
    let world = World::new().await;
    {
        let mut call = Box::pin(world.call("POST", "/2015-03-31/functions", create_body("f")));
        // Polled once, then dropped: the client hangs up.
        let polled = std::future::poll_fn(|cx| std::task::Poll::Ready(call.as_mut().poll(cx).is_ready())).await;
        assert!(!polled);
    }
    for _ in 0..10_000 {
        if world.lambda.functions.get(&key("f")).is_some() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }
    assert_eq!(world.settled("f").await["State"], "Active");
}
