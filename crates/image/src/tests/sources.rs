//! Which image it is, and what its configuration says.

use super::*;
use crate::Reference;

#[test]
fn the_configuration_of_an_image() {
    let world = World::new();
    let process = json!({
        "Env": ["PATH=/bin", "A=1=2", "nothing"], "Entrypoint": ["/run"], "Cmd": ["a", "b"], "WorkingDir": "/app",
        "User": "1000", "Volumes": {"/data": {}},
    });
    let manifest = world.image_with(Vec::new(), Vec::new(), process);
    let image = world.resolve().unwrap();
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(image.environment, [pair("PATH", "/bin"), pair("A", "1=2")]);
    assert_eq!((image.entry_point, image.command), (vec!["/run".to_owned()], vec!["a".to_owned(), "b".to_owned()]));
    assert_eq!(image.working_directory, "/app");
    let digest = manifest["digest"].as_str().unwrap();
    assert_eq!(image.pinned.uri, format!("{}@{digest}", world.uri()));
    assert_eq!(format!("sha256:{}", image.pinned.digest_hex), digest);
}

#[test]
fn the_image_for_this_host_is_chosen() {
    let world = World::new();
    let mut here = world.image(&[tar(&[file("here", "")])]);
    let there = json!({"mediaType": MANIFEST, "digest": digest(b"x"), "size": 1, "platform": {"os": "linux", "architecture": "arm64"}});
    here["platform"] = json!({"os": "linux", "architecture": "amd64"});
    let index = |manifests: Value| {
        let index = json!({"mediaType": "application/vnd.oci.image.index.v1+json", "manifests": manifests});
        let top = world.descriptor(index.to_string().as_bytes(), "application/vnd.oci.image.index.v1+json");
        world.index(&[top]);
    };
    index(json!([there, here]));
    assert_eq!(format!("sha256:{}", world.resolve().unwrap().pinned.digest_hex), here["digest"].as_str().unwrap());
    index(json!([there]));
    let error = world.resolve().unwrap_err();
    assert_eq!(error.to_string(), "expected an image for linux/amd64, found linux/arm64");
}

#[test]
fn tags_of_a_layout() {
    let world = World::new();
    let mut one = world.image(&[tar(&[file("one", "")])]);
    let mut two = world.image(&[tar(&[file("two", "")])]);
    one["annotations"] = json!({"org.opencontainers.image.ref.name": "v1"});
    two["annotations"] = json!({"org.opencontainers.image.ref.name": "v2"});
    world.index(&[one.clone(), two]);
    let found = |tag: &str| world.images().resolve(&format!("{}{tag}", world.uri()));
    assert_eq!(format!("sha256:{}", found(":v1").unwrap().pinned.digest_hex), one["digest"].as_str().unwrap());
    assert_ne!(found(":v2").unwrap(), found(":v1").unwrap());
    assert_eq!(found(&format!("@{}", one["digest"].as_str().unwrap())).unwrap(), found(":v1").unwrap());
    for absent in [":v3", "", &format!("@sha256:{}", "0".repeat(64))] {
        assert!(matches!(found(absent), Err(ImageError::NotFound(_))), "{absent}");
    }
}

#[test]
fn folders_that_are_not_open_tell_nothing() {
    let world = World::new();
    world.image(&[]);
    let outside = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(outside.path(), world.dir.path().join("open/out")).unwrap();
    let refused = |uri: &str| world.images().resolve(uri).unwrap_err();
    for closed in [outside.path().display().to_string(), "/etc".to_owned(), "/nonexistent".to_owned()] {
        assert!(matches!(refused(&format!("oci:{closed}")), ImageError::NotOpen(_)), "{closed}");
    }
    let open = world.dir.path().join("open");
    assert!(matches!(refused(&format!("oci:{}/out", open.display())), ImageError::NotOpen(_)));
    assert!(matches!(refused(&format!("oci:{}/nothing", open.display())), ImageError::NotFound(_)));
    // A file of the host in an image's place is not read, nor shown.
    let index = world.layout().join("index.json");
    fs::remove_file(&index).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", &index).unwrap();
    assert!(!world.resolve().unwrap_err().to_string().contains("root:"));
    let closed = Images::new(Options {
        settings: Settings::default(),
        architecture: "amd64",
        bytes_max: 1,
        entries_max: 1,
        user: ("u", 1, 1),
    });
    assert!(closed.resolve(&world.uri()).unwrap_err().to_string().contains("switched off"));
}

#[test]
fn what_is_no_image() {
    let world = World::new();
    let config = world.image_with(Vec::new(), Vec::new(), json!({"Cmd": ["a\u{0}b"]}));
    assert!(world.resolve().unwrap_err().to_string().contains("NUL"));
    let mut wrong = config.clone();
    wrong["mediaType"] = json!("text/plain");
    let foreign = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip";
    let layer = world.descriptor(b"", foreign);
    world.image_with(vec![layer], Vec::new(), json!({}));
    assert_eq!(world.resolve().unwrap_err(), ImageError::MediaType(format!("{foreign:?}")));
    fs::write(world.layout().join("index.json"), "{").unwrap();
    assert!(matches!(world.resolve(), Err(ImageError::Invalid(_))));
}

#[test]
fn registries_without_tls_are_on_loopback_or_named() {
    let settings = Settings {
        insecure_registries: vec!["plain.example:5000".to_owned(), "bare.example".to_owned()],
        ..Settings::default()
    };
    for host in ["127.0.0.1:5000", "localhost", "127.9.9.9", "plain.example:5000", "bare.example:1"] {
        assert!(settings.is_insecure(host), "{host}");
    }
    for host in ["plain.example", "registry-1.docker.io", "10.0.0.1:5000", "localhost.example", "127.0.0.1.example"] {
        assert!(!settings.is_insecure(host), "{host}");
    }
    assert!(Reference::parse("127.0.0.1:5000/a:b").is_ok());
}
