//! Layers over each other, as the image specification has them.

use std::os::unix::fs::{MetadataExt, PermissionsExt};

use super::*;

#[track_caller]
fn check(layers: &[&[Item]], expected: &[&str]) {
    let world = World::new();
    world.image(&layers.iter().map(|items| tar(items)).collect::<Vec<_>>());
    let root = world.unpack().unwrap();
    assert_eq!(listing(&root), expected);
}

#[test]
fn later_layers_win() {
    check(
        &[
            &[folder("a"), file("a/x", "1"), file("b", "1"), link("l", "a")],
            &[file("a/x", "2"), folder("b"), file("b/y", "2"), file("l", "now a file")],
        ],
        &["a/", "a/x = 2", "b/", "b/y = 2", "l = now a file"],
    );
}

#[test]
fn whiteouts_take_away_what_lower_layers_have() {
    let lower: &[Item] = &[folder("d"), file("d/old", "1"), folder("d/sub"), file("d/sub/x", "1"), file("f", "1")];
    check(&[lower, &[file(".wh.f", ""), file("d/.wh.sub", "")]], &["d/", "d/old = 1"]);
    check(&[lower, &[file(".wh.d", "")]], &["f = 1"]);
    // Opaque, before and behind what its own layer brings.
    check(&[lower, &[file("d/.wh..wh..opq", ""), file("d/new", "2")]], &["d/", "d/new = 2", "f = 1"]);
    check(&[lower, &[file("d/new", "2"), file("d/.wh..wh..opq", "")]], &["d/", "d/new = 2", "f = 1"]);
    check(&[lower, &[file("d/sub/new", "2"), file("d/.wh..wh..opq", "")]], &["d/", "d/sub/", "d/sub/new = 2", "f = 1"]);
    check(
        &[lower, &[file(".wh.nothing", ""), file("no/where/.wh.x", "")]].map(|l| l),
        &["d/", "d/old = 1", "d/sub/", "d/sub/x = 1", "f = 1"],
    );
    check(
        &[lower, &[file("f", "2"), file(".wh.f", ""), file(".wh..wh.plnk", "")]],
        &["d/", "d/old = 1", "d/sub/", "d/sub/x = 1", "f = 2"],
    );
}

#[test]
fn links_are_followed_within_the_tree() {
    // As distributions have it since they merged /lib into /usr/lib.
    check(
        &[
            &[folder("usr/lib"), link("lib", "usr/lib"), link("lib64", "/usr/lib")],
            &[file("lib/a.so", "a"), file("lib64/b.so", "b")],
        ],
        &["lib -> usr/lib", "lib64 -> /usr/lib", "usr/", "usr/lib/", "usr/lib/a.so = a", "usr/lib/b.so = b"],
    );
}

#[test]
fn hard_links_share_a_file() {
    let world = World::new();
    world
        .image(&[tar(&[file("a", "x"), hard_link("b/c", "a"), hard_link("a", "./a")]), tar(&[hard_link("d", "/b/c")])]);
    let root = world.unpack().unwrap();
    assert_eq!(listing(&root), ["a = x", "b/", "b/c = x", "d = x"]);
    assert_eq!(root.join("a").metadata().unwrap().nlink(), 3);
}

#[test]
fn owners_and_their_bits_are_flattened() {
    let world = World::new();
    world.image(&[tar(&[
        item(EntryType::Regular, "root-shell", "", 0o6755, b""),
        item(EntryType::Regular, "none", "", 0, b""),
        item(EntryType::Directory, "shared", "", 0o1777, b""),
    ])]);
    let root = world.unpack().unwrap();
    let mode = |name: &str| root.join(name).metadata().unwrap().permissions().mode() & 0o7777;
    assert_eq!((mode("root-shell"), mode("none"), mode("shared")), (0o755, 0o400, 0o777));
    assert_eq!(root.join("none").metadata().unwrap().uid(), root.metadata().unwrap().uid());
    assert_eq!(root.join("none").metadata().unwrap().mtime(), 1_234_567, "by which Python trusts what it compiled");
}

#[test]
fn long_names_and_attributes() {
    let world = World::new();
    let long_name = format!("{}/{}", "d".repeat(120), "f".repeat(200));
    let mut with_pax = Builder::new(Vec::new());
    with_pax
        .append_pax_extensions([("path", "by/attribute".as_bytes()), ("SCHILY.xattr.security.capability", b"\x01")])
        .unwrap();
    with_pax.append(&long(EntryType::Regular, 1), &b"p"[..]).unwrap();
    world.image(&[tar(&[file(&long_name, "x"), link("l", &"t".repeat(300))]), with_pax.into_inner().unwrap()]);
    let root = world.unpack().unwrap();
    assert_eq!(fs::read_to_string(root.join(long_name)).unwrap(), "x");
    assert_eq!(fs::read_link(root.join("l")).unwrap().as_os_str().len(), 300);
    assert_eq!(fs::read_to_string(root.join("by/attribute")).unwrap(), "p");
}

#[test]
fn what_is_made_for_every_process_is_not_the_images() {
    check(
        &[&[
            file("proc/version", ""),
            file("sys/x", ""),
            item(EntryType::Char, "dev/mem", "", 0o666, b""),
            file("device", ""),
        ]],
        &["device = "],
    );
}

#[test]
fn etc_knows_the_user_and_is_written_through_no_link() {
    let world = World::new();
    world.image(&[tar(&[
        file("etc/passwd", "app:x:1000:1000::/app:/bin/sh"),
        file("usr/lib/resolv", "the image's"),
        link("etc/resolv.conf", "../usr/lib/resolv"),
        hard_link("etc/hosts", "usr/lib/resolv"),
        link("etc/group", "/outside"),
    ])]);
    let root = world.unpack().unwrap();
    let text = |name: &str| fs::read_to_string(root.join(name)).unwrap();
    assert_eq!(text("etc/passwd"), "app:x:1000:1000::/app:/bin/sh\nsbx:x:993:990::/home/sbx:/sbin/nologin\n");
    assert_eq!(text("etc/group"), "root:x:0:\nsbx:x:990:\n");
    assert_eq!(text("usr/lib/resolv"), "the image's");
    assert_eq!(text("etc/resolv.conf"), "");
    assert!(!root.join("etc/resolv.conf").is_symlink() && text("etc/hosts").contains("localhost"));
}

#[test]
fn compressions() {
    let world = World::new();
    let plain = tar(&[file("a", "plain")]);
    let (one, two) = plain.split_at(700);
    let members = [gzip(one), gzip(two)].concat();
    let layer = world.descriptor(&plain, "application/vnd.oci.image.layer.v1.tar");
    let parallel = world.descriptor(&members, "application/vnd.docker.image.rootfs.diff.tar.gzip");
    // `printf 'x' | zstd`-like: a frame of a tar made by the encoder of the same crate.
    let frame =
        ruzstd::encoding::compress_to_vec(&tar(&[file("z", "zstd")])[..], ruzstd::encoding::CompressionLevel::Fastest);
    let zstd = world.descriptor(&frame, "application/vnd.oci.image.layer.v1.tar+zstd");
    let diff_ids = vec![digest(&plain), digest(&plain), digest(&tar(&[file("z", "zstd")]))];
    world.image_with(vec![layer, parallel, zstd], diff_ids, json!({}));
    assert_eq!(listing(&world.unpack().unwrap()), ["a = plain", "z = zstd"]);
}
