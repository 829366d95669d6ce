//! Functions that are container images, of layouts without a layer: what is in layers is `image`'s to test.

use std::fs;
use std::path::Path;

use hearth_model::Lookup;
use sha2::{Digest, Sha256};

use super::*;
use crate::tasks::collect::{Unreferenced, collect};

const INVALID: &str = "InvalidParameterValueException";

/// Puts an image into a layout; its digest and URI.
fn layout(folder: &Path, process: &Value) -> (String, String) {
    let blobs = folder.join("blobs/sha256");
    fs::create_dir_all(&blobs).unwrap();
    let blob = |value: &Value, media_type: &str| {
        let bytes = value.to_string();
        let digest = hex::encode(Sha256::digest(&bytes));
        fs::write(blobs.join(&digest), &bytes).unwrap();
        json!({"mediaType": media_type, "digest": format!("sha256:{digest}"), "size": bytes.len()})
    };
    let config = json!({"os": "linux", "architecture": "amd64", "config": process, "rootfs": {"diff_ids": []}});
    let config = blob(&config, "application/vnd.oci.image.config.v1+json");
    let manifest = json!({"schemaVersion": 2, "config": config, "layers": []});
    let manifest = blob(&manifest, "application/vnd.oci.image.manifest.v1+json");
    fs::write(folder.join("index.json"), json!({"manifests": [manifest]}).to_string()).unwrap();
    let digest = manifest["digest"].as_str().unwrap().trim_start_matches("sha256:").to_owned();
    (digest, format!("oci:{}", folder.display()))
}

async fn world(open: &Path) -> World {
    let settings = hearth_image::Settings {
        folders: vec![open.to_owned()],
        ..Default::default()
    };
    World::with(|options| options.images = images(settings)).await
}

fn body(uri: &str, members: Value) -> Value {
    let mut body = json!({"FunctionName": "f", "Role": ROLE, "PackageType": "Image", "Code": {"ImageUri": uri}});
    for (member, value) in members.as_object().unwrap() {
        body[member] = value.clone();
    }
    body
}

fn spec(world: &World) -> std::sync::Arc<hearth_model::FunctionSpec> {
    match world.lambda.catalog().lookup(&key("f"), None) {
        Lookup::Ready(spec) => spec,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn from_its_reference_to_its_process() {
    let open = tempfile::tempdir().unwrap();
    let process = json!({"Entrypoint": ["/run"], "Cmd": ["a"], "Env": ["X=1"], "WorkingDir": "/w"});
    let (digest, uri) = layout(&open.path().join("app"), &process);
    let world = world(open.path()).await;
    let own = json!({"Command": ["b", "c"], "EntryPoint": []});
    let made = body(&uri, json!({"ImageConfig": own, "Publish": true}));
    let made = world.expect("POST", "/2015-03-31/functions", made, 201).await;
    assert_eq!((&made["State"], &made["CodeSha256"]), (&json!("Pending"), &json!(digest)));
    let shown = world.settled("f").await;
    assert_eq!(shown["State"], "Active");
    assert_eq!(shown["ImageConfigResponse"], json!({"ImageConfig": {"Command": ["b", "c"]}}));
    assert_eq!((&shown["PackageType"], &shown["CodeSize"]), (&json!("Image"), &json!(0)));
    for absent in ["Runtime", "Handler", "RuntimeVersionConfig", "Layers"] {
        assert_eq!(shown.get(absent), None, "{absent}");
    }
    let code = world.expect("GET", "/2015-03-31/functions/f", Value::Null, 200).await["Code"].clone();
    let resolved = format!("{uri}@sha256:{digest}");
    assert_eq!(code, json!({"RepositoryType": "ECR", "ImageUri": uri, "ResolvedImageUri": resolved}));

    let image = spec(&world).image.clone().unwrap();
    assert_eq!(image.argv, ["/run", "b", "c"]);
    assert_eq!(image.working_directory, "/w");
    assert_eq!(image.environment, [("X".to_owned(), "1".to_owned())]);
    assert!(spec(&world).code.path().join("etc/passwd").is_file());

    // A setting alone; then the image's own again.
    let configure = "/2015-03-31/functions/f/configuration";
    let own = json!({"ImageConfig": {"WorkingDirectory": "/own"}, "Timeout": 5});
    world.expect("PUT", configure, own, 200).await;
    world.settled("f").await;
    let image = spec(&world).image.clone().unwrap();
    assert_eq!((image.argv, image.working_directory), (vec!["/run".to_owned(), "a".to_owned()], "/own".to_owned()));
    world.expect("PUT", configure, json!({"Timeout": 6}), 200).await;
    assert!(world.settled("f").await.get("ImageConfigResponse").is_some(), "what is not mentioned stays");
    world.expect("PUT", configure, json!({"ImageConfig": {}}), 200).await;
    assert_eq!(world.settled("f").await.get("ImageConfigResponse"), None);
}

#[tokio::test]
async fn trees_stay_while_they_are_used_and_no_longer() {
    let open = tempfile::tempdir().unwrap();
    let app = open.path().join("app");
    let (first, uri) = layout(&app, &json!({"Cmd": ["1"]}));
    let world = world(open.path()).await;
    world.expect("POST", "/2015-03-31/functions", body(&uri, json!({})), 201).await;
    world.settled("f").await;
    // The layout is gone, the tree is not: after a restart, and after a boot.
    fs::remove_dir_all(&app).unwrap();
    fs::write(world.dir.path().join("images/boot"), "another").unwrap();
    // Each control plane has to be gone when the next is up: it would follow the store and end changes too, with its own
    // settings.
    let former = world;
    let world = former.restarted().await;
    drop(former);
    assert_eq!(spec(&world).code.sha256_hex(), first);

    let settings = hearth_image::Settings {
        folders: vec![open.path().to_owned()],
        ..Default::default()
    };
    let former = world;
    let world = former.restarted_with(|options| options.images = images(settings)).await;
    drop(former);
    let (second, _) = layout(&app, &json!({"Cmd": ["2"]}));
    world.expect("PUT", "/2015-03-31/functions/f/code", json!({"ImageUri": uri}), 200).await;
    assert_eq!(world.settled("f").await["CodeSha256"], json!(second));
    let trees = world.dir.path().join("images");
    // The activation that has just ended may hold the tree before for another moment.
    for _ in 0..10_000 {
        collect(&world.lambda, &mut Unreferenced::new()).await.unwrap();
        if !trees.join(&first).exists() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }
    assert!(trees.join(&second).is_dir());
    assert!(!trees.join(&first).exists());

    // What cannot be had any more fails an update, and the image before serves.
    let (third, _) = layout(&app, &json!({"Cmd": ["3"]}));
    let manifest = fs::read(app.join("blobs/sha256").join(&third)).unwrap();
    let manifest: Value = serde_json::from_slice(&manifest).unwrap();
    let config = manifest["config"]["digest"].as_str().unwrap().trim_start_matches("sha256:").to_owned();
    world.lambda.pulling.acquire_many(2).await.unwrap().forget();
    world.expect("PUT", "/2015-03-31/functions/f/code", json!({"ImageUri": uri}), 200).await;
    fs::remove_file(app.join("blobs/sha256").join(config)).unwrap();
    world.lambda.pulling.add_permits(2);
    let shown = world.settled("f").await;
    assert_eq!(
        (&shown["LastUpdateStatus"], &shown["LastUpdateStatusReasonCode"]),
        (&json!("Failed"), &json!("ImageDeleted"))
    );
    assert_eq!(spec(&world).code.sha256_hex(), second);
}

#[tokio::test]
async fn what_does_not_go_with_an_image() {
    let open = tempfile::tempdir().unwrap();
    let (_, uri) = layout(&open.path().join("app"), &json!({"Cmd": ["1"]}));
    let world = world(open.path()).await;
    world.make("zip").await;
    let refused = |method: &'static str, path: &'static str, body: Value, message: &'static str| {
        let world = &world;
        async move {
            let uri = format!("/2015-03-31/functions{path}");
            assert_error(world.call(method, &uri, body).await, 400, INVALID, message, path);
        }
    };
    let intended = "Please don't provide Runtime or Handler or Layer when the intended function PackageType is Image.";
    refused("POST", "", body(&uri, json!({"Runtime": "python3.12"})), intended).await;
    refused("POST", "", body(&uri, json!({"Handler": "a.b"})), intended).await;
    let layer = "arn:aws:lambda:us-east-1:123456789012:layer:l:1";
    refused("POST", "", body(&uri, json!({"Layers": [layer]})), intended).await;
    let missing = "Please provide ImageUri when creating a function with packageType Image.";
    refused("POST", "", body(&uri, json!({"Code": {"ZipFile": zipped("x")}})), missing).await;
    let both = json!({"Code": {"ImageUri": uri, "S3Bucket": "bucket", "S3Key": "k"}});
    let other = "Please do not provide other FunctionCode parameters when providing an ImageUri.";
    refused("POST", "", body(&uri, both), other).await;
    let foreign = "Please don't provide ImageUri when creating a function with packageType Zip.";
    refused("POST", "", create_with("g", json!({"Code": {"ImageUri": uri}})), foreign).await;
    let config = json!({"ImageConfig": {"Command": ["x"]}});
    let zip = "Please don't provide ImageConfig when creating a function with packageType Zip.";
    refused("POST", "", create_with("g", config.clone()), zip).await;
    let zip = "Please don't provide ImageConfig when updating a function with packageType Zip.";
    refused("PUT", "/zip/configuration", config, zip).await;
    let relative = json!({"ImageConfig": {"WorkingDirectory": "here"}});
    let absolute = "ImageConfig.WorkingDirectory has to be an absolute path.";
    refused("POST", "", body(&uri, relative), absolute).await;

    world.expect("POST", "/2015-03-31/functions", body(&uri, json!({})), 201).await;
    world.settled("f").await;
    let missing = "Please provide ImageUri when updating a function with packageType Image.";
    refused("PUT", "/f/code", json!({"ZipFile": zipped("x")}), missing).await;
    refused("PUT", "/f/configuration", json!({"Handler": "a.b"}), intended).await;
}
