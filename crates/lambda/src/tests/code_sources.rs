//! Code that does not come in the request: objects of buckets, and folders of the host.

use std::fs;

use hearth_model::{BoxFuture, Lookup, ObjectError, ObjectRequest, Objects};

use super::*;

/// One bucket with one object of two versions.
struct OneBucket;

impl Objects for OneBucket {
    fn get(&self, request: ObjectRequest) -> BoxFuture<'_, Result<Bytes, ObjectError>> {
        assert_eq!((request.account.as_str(), request.region.as_str()), ("123456789012", "us-east-1"));
        let refused = |code: &str, message: &str| ObjectError::Refused {
            code: code.to_owned(),
            message: message.to_owned(),
        };
        let found = match (&*request.bucket, &*request.key, request.version.as_deref()) {
            ("bucket", "code.zip", None) => Ok(package("new").into()),
            ("bucket", "code.zip", Some("v1")) => Ok(package("old").into()),
            ("bucket", "text", None) => Ok(Bytes::from_static(b"hello")),
            ("bucket", "huge", None) => Err(ObjectError::TooLarge { limit: request.bytes_max }),
            ("bucket", "broken", None) => Err(ObjectError::Failed("the disk".to_owned())),
            ("bucket", ..) => Err(refused("NoSuchKey", "The specified key does not exist.")),
            _ => Err(ObjectError::no_such_bucket()),
        };
        Box::pin(std::future::ready(found))
    }
}

const INVALID: &str = "InvalidParameterValueException";
const NO_BUCKET: &str = "Error occurred while GetObject. S3 Error Code: NoSuchBucket. S3 Error Message: The specified \
                         bucket does not exist";

fn s3(bucket: &str, key: &str) -> Value {
    json!({"S3Bucket": bucket, "S3Key": key})
}

/// Creates a function and publishes a layer version of the code, and updates a function to it.
async fn check_refused(world: &World, code: Value, message: &str) {
    world.make("f").await;
    for (method, uri, body) in [
        ("POST", "/2015-03-31/functions", create_with("g", json!({"Code": code}))),
        ("PUT", "/2015-03-31/functions/f/code", code.clone()),
        ("POST", "/2018-10-31/layers/l/versions", json!({"Content": code})),
    ] {
        assert_error(world.call(method, uri, body).await, 400, INVALID, message, uri);
    }
    world.call("DELETE", "/2015-03-31/functions/f", Value::Null).await.unwrap();
}

#[tokio::test]
async fn without_a_bucket_service_there_is_no_bucket() {
    let world = World::new().await;
    check_refused(&world, s3("bucket", "k"), NO_BUCKET).await;
    let half = "Please provide both S3Bucket and S3Key when the code comes from a bucket.";
    check_refused(&world, json!({"S3Bucket": "bucket"}), half).await;
    check_refused(&world, json!({"S3Key": "k"}), half).await;
}

#[tokio::test]
async fn objects_become_code() {
    let world = World::with(|options| options.objects = Some(Arc::new(OneBucket))).await;
    let no_key = "Error occurred while GetObject. S3 Error Code: NoSuchKey. S3 Error Message: The specified key does not \
                  exist.";
    let bad_zip = "Could not unzip uploaded file. Please check your file, then try to upload again.";
    check_refused(&world, s3("bucket", "k"), no_key).await;
    check_refused(&world, s3("other", "k"), NO_BUCKET).await;
    check_refused(&world, s3("bucket", "text"), bad_zip).await;
    check_refused(&world, s3("bucket", "huge"), "Unzipped size must be smaller than 262144000 bytes").await;

    let body = create_with("f", json!({"Code": s3("bucket", "code.zip")}));
    world.call("POST", "/2015-03-31/functions", body).await.unwrap();
    let new = world.settled("f").await;
    let inline = create_with("g", json!({"Code": {"ZipFile": zipped("new")}}));
    world.call("POST", "/2015-03-31/functions", inline).await.unwrap();
    assert_eq!(new["CodeSha256"], world.settled("g").await["CodeSha256"], "the same zip, wherever it comes from");
    let old = json!({"S3Bucket": "bucket", "S3Key": "code.zip", "S3ObjectVersion": "v1"});
    world.call("PUT", "/2015-03-31/functions/f/code", old).await.unwrap();
    assert_ne!(world.settled("f").await["CodeSha256"], new["CodeSha256"]);

    let error =
        world.call("PUT", "/2015-03-31/functions/f/code", s3("bucket", "broken")).await.expect_err("it is broken");
    assert_eq!(error.status.as_u16(), 500);
}

#[tokio::test]
async fn a_folder_serves_as_it_stands() {
    let dir = tempfile::tempdir().unwrap();
    let code = dir.path().canonicalize().unwrap();
    fs::write(code.join("app.py"), "1").unwrap();
    let world = World::with(|options| options.hot_reload.folders = vec![code.clone()]).await;
    let source = s3("hot-reload", code.to_str().unwrap());
    world.call("POST", "/2015-03-31/functions", create_with("f", json!({"Code": source}))).await.unwrap();
    let shown = world.settled("f").await;
    assert_eq!(shown["CodeSize"], 0);
    let whole = world.expect("GET", "/2015-03-31/functions/f", Value::Null, 200).await;
    assert_eq!(whole["Code"]["Location"], format!("file://{}", code.display()));

    let generation = || match world.lambda.catalog().lookup(&key("f"), None) {
        Lookup::Ready(spec) => {
            assert_eq!(spec.code.path(), code);
            spec.generation
        }
        other => panic!("{other:?}"),
    };
    let first = generation();
    assert_eq!(generation(), first);
    fs::write(code.join("app.py"), "2").unwrap();
    let second = generation();
    assert!(second > first);
    // What is no matter of the code keeps the state, and the generation goes on rising from there.
    let reserved = json!({"ReservedConcurrentExecutions": 3});
    world.call("PUT", "/2017-10-31/functions/f/concurrency", reserved).await.unwrap();
    assert_eq!(generation(), second);
    fs::write(code.join("app.py"), "3").unwrap();
    let third = generation();
    assert!(third > second);
    assert_eq!(world.settled("f").await["CodeSha256"], shown["CodeSha256"], "it names the folder");

    let again = world.restarted_with(|options| options.hot_reload.folders = vec![code.clone()]).await;
    assert!(matches!(again.lambda.catalog().lookup(&key("f"), None), Lookup::Ready(_)));
    let closed = world.restarted().await;
    match closed.lambda.catalog().lookup(&key("f"), None) {
        Lookup::NotReady { reason: Some(reason), .. } => assert!(reason.contains("hot_reload.folders"), "{reason}"),
        other => panic!("{other:?}"),
    }

    // A zip takes over, with a generation that is later still.
    world.call("PUT", "/2015-03-31/functions/f/code", json!({"ZipFile": zipped("x")})).await.unwrap();
    world.settled("f").await;
    match world.lambda.catalog().lookup(&key("f"), None) {
        Lookup::Ready(spec) => assert!(spec.generation > third && spec.code.live().is_none()),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn what_a_folder_cannot_be() {
    let dir = tempfile::tempdir().unwrap();
    let code = dir.path().canonicalize().unwrap();
    let world = World::with(|options| options.hot_reload.folders = vec![code.clone()]).await;
    let source = s3("hot-reload", code.to_str().unwrap());
    let refusal = |body: Value| {
        let world = &world;
        async move {
            let error = world.call("POST", "/2015-03-31/functions", body).await.expect_err("refused");
            assert_eq!(error.code, INVALID);
            error.message.unwrap_or_default()
        }
    };
    let snap = json!({"Code": source, "Runtime": "python3.12", "SnapStart": {"ApplyOn": "PublishedVersions"}});
    let text = refusal(create_with("f", snap)).await;
    assert!(text.contains("SnapStart"), "{text}");
    let mut versioned = source.clone();
    versioned["S3ObjectVersion"] = json!("1");
    assert!(refusal(create_with("f", json!({"Code": versioned}))).await.contains("S3ObjectVersion"));
    assert!(refusal(create_with("f", json!({"Code": s3("hot-reload", "/etc")}))).await.contains("hot_reload.folders"));

    world.call("POST", "/2018-10-31/layers/live/versions", json!({"Content": source})).await.unwrap();
    let zip = json!({"Content": {"ZipFile": zipped("x")}});
    world.call("POST", "/2018-10-31/layers/plain/versions", zip).await.unwrap();
    let arn = |name: &str| format!("arn:aws:lambda:us-east-1:123456789012:layer:{name}:1");
    let both = json!({"Layers": [arn("plain"), arn("live")]});
    assert!(refusal(create_with("f", both)).await.contains("only layer"));
    world.call("POST", "/2015-03-31/functions", create_with("f", json!({"Layers": [arn("live")]}))).await.unwrap();
    world.settled("f").await;
    match world.lambda.catalog().lookup(&key("f"), None) {
        Lookup::Ready(spec) => assert_eq!(spec.layers.as_ref().unwrap().path(), code),
        other => panic!("{other:?}"),
    }
}
