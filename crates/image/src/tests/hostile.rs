//! Layers that try to reach what is not theirs, or to take more than there is.

use super::*;

/// The layers are refused with these words, and nothing outside the tree has changed.
#[track_caller]
fn check_refused(layers: &[&[Item]], words: &str) {
    let tars: Vec<_> = layers.iter().map(|items| tar(items)).collect();
    check_refused_tars(&tars, words);
}

#[track_caller]
fn check_refused_tars(tars: &[Vec<u8>], words: &str) {
    let world = World::new();
    fs::write(world.dir.path().join("outside"), "untouched").unwrap();
    world.image(tars);
    let error = world.unpack().expect_err("it was unpacked");
    assert!(error.to_string().contains(words), "{error}");
    assert!(!error.is_passing(), "{error}");
    check_outside(&world);
}

#[track_caller]
fn check_outside(world: &World) {
    let mut names: Vec<_> = fs::read_dir(world.dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["open", "outside", "root"]);
    assert_eq!(fs::read_to_string(world.dir.path().join("outside")).unwrap(), "untouched");
}

#[test]
fn paths_out_of_the_tree() {
    check_refused(&[&[file("../outside", "x")]], "..");
    check_refused(&[&[file("a/../../outside", "x")]], "..");
    check_refused(&[&[folder("a"), file("a/../.wh.outside", "")]], "..");
    check_refused(&[&[hard_link("a", "../outside")]], "..");
    check_refused(&[&[file(".wh...", "")]], "whiteout");
    check_refused(&[&[file(".wh..", "")]], "whiteout");
    check_refused(&[&[file("a/.wh.", "")]], "whiteout");
}

#[test]
fn links_out_of_the_tree_lead_into_it() {
    let world = World::new();
    fs::write(world.dir.path().join("outside"), "untouched").unwrap();
    let up = world.dir.path().display().to_string();
    world.image(&[
        tar(&[link("up", "../../.."), link("abs", &up), link("file", &format!("{up}/outside"))]),
        tar(&[file("up/outside", "1"), file("up/.wh.outside", ""), file("abs/.wh.open", "")]),
        // What a link names is not written through.
        tar(&[file("file", "a file of the image's")]),
    ]);
    let root = world.unpack().unwrap();
    assert_eq!(fs::read_to_string(root.join("file")).unwrap(), "a file of the image's");
    assert_eq!(fs::read_to_string(root.join("outside")).unwrap(), "1");
    check_outside(&world);
    check_refused(&[&[link("self", "/proc/self/root"), file("self/etc/x", "")]], "leads nowhere");
    check_refused(&[&[link("abs", "/etc"), file("abs/cron.d/x", "")]], "leads nowhere");
}

#[test]
fn hard_links_to_what_is_not_in_the_tree() {
    check_refused(&[&[hard_link("a", "nothing")]], "not there");
    check_refused(&[&[hard_link("a", "/etc/passwd")]], "not there");
    check_refused(&[&[link("l", "/etc"), hard_link("a", "l/shadow")]], "not there");
    check_refused(&[&[folder("d"), hard_link("a", "d")]], "no file");
    // The folder that the other name is in goes away for the link.
    check_refused(&[&[file("d/f", ""), hard_link("d", "d/f")]], "not there");
}

#[test]
fn nodes_and_unknown_types() {
    check_refused(&[&[item(EntryType::Char, "null", "", 0o666, b"")]], "device node");
    check_refused(&[&[item(EntryType::Block, "opt/sda", "", 0o666, b"")]], "device node");
    check_refused(&[&[item(EntryType::Fifo, "pipe", "", 0o666, b"")]], "pipe");
    check_refused(&[&[item(EntryType::new(b'V'), "v", "", 0o666, b"")]], "unknown type");
    check_refused(&[&[item(EntryType::GNUSparse, "s", "", 0o666, b"")]], "sparse");
    check_refused(&[&[link("l", "")]], "leads nowhere");
}

#[test]
fn what_is_in_the_way() {
    check_refused(&[&[file("a", ""), file("a/b", "")]], "leads nowhere");
    check_refused(&[&[link("a", "a"), file("a/b", "")]], "leads nowhere");
    check_refused(&[&[link("a", "nowhere"), file("a/b/c", "")]], "leads nowhere");
    check_refused(&[&[link("etc", "usr/etc"), folder("usr/etc")]], "/etc");
    check_refused(&[&[file(&"n".repeat(256), "")]], "leads nowhere");
    check_refused(&[&[file(&"n/".repeat(2_100), "")]], "4,095");
}

/// Each link doubles the depth that a path of 4 KiB can name: such a tree could not be removed again.
#[test]
fn depth() {
    let deep = "d/".repeat(200);
    check_refused(&[&[folder(&deep), link("l", &deep), folder(&format!("l/{deep}"))]], "deeper");
}

#[test]
fn sizes() {
    let world = World::new();
    world.image(&[tar(&[file("zeros", &"0".repeat(400_000))]), tar(&[file("more", &"1".repeat(400_000))])]);
    let error = world.unpack_by(&world.images_of(500_000, 100)).expect_err("it was unpacked");
    assert_eq!(
        error,
        ImageError::TooLarge {
            limit: 500_000,
            what: "bytes"
        }
    );
    world.unpack_by(&world.images_of(900_000, 100)).unwrap();
    let many: Vec<_> = (0..50).map(|n| file(&format!("f{n}"), "")).collect();
    world.image(&[tar(&many)]);
    let error = world.unpack_by(&world.images_of(500_000, 49)).expect_err("it was unpacked");
    assert_eq!(error, ImageError::TooLarge { limit: 49, what: "entries" });
    // Behind the end of the archive, where no entry counts it.
    let mut padded = tar(&[file("a", "")]);
    padded.extend(std::iter::repeat_n(0, 2 << 20));
    world.image(&[padded]);
    let error = world.unpack().expect_err("it was unpacked");
    assert!(matches!(error, ImageError::TooLarge { .. }), "{error}");
}

/// A name of a gigabyte would be read into memory.
#[test]
fn names_without_an_end() {
    for kind in [EntryType::GNULongName, EntryType::GNULongLink, EntryType::XHeader, EntryType::XGlobalHeader] {
        let mut bytes = long(kind, 1 << 40).as_bytes().to_vec();
        bytes.extend(std::iter::repeat_n(b'n', 4_096));
        check_refused_tars(&[bytes], "more than a megabyte");
    }
    let mut pax = Builder::new(Vec::new());
    pax.append_pax_extensions([("size", b"99999999999".as_slice())]).unwrap();
    pax.append(&long(EntryType::Regular, 0), &b""[..]).unwrap();
    check_refused_tars(&[pax.into_inner().unwrap()], "8 GiB");
    check_refused_tars(
        &[b"not a tar at all, and longer than one header of five hundred and twelve bytes ".repeat(10)],
        "defect",
    );
}

#[test]
fn bytes_that_are_not_those_of_the_digest() {
    let world = World::new();
    let manifest = world.image(&[tar(&[file("a", "")])]);
    let blob = |digest: &str| world.layout().join("blobs/sha256").join(&digest[7..]);
    let manifest: Value = {
        let digest = manifest["digest"].as_str().unwrap();
        serde_json::from_slice(&fs::read(blob(digest)).unwrap()).unwrap()
    };
    let layer = blob(manifest["layers"][0]["digest"].as_str().unwrap());
    let good = fs::read(&layer).unwrap();
    for (bad, words) in [
        (good[..good.len() - 1].to_vec(), "expected a layer of"),
        ([&good[..], b"x"].concat(), "expected a layer of"),
        ([&good[..good.len() - 1], b"x"].concat(), "with the digest"),
    ] {
        fs::write(&layer, bad).unwrap();
        let error = world.unpack().expect_err("it was unpacked").to_string();
        assert!(error.contains(words), "{error}");
    }
    // The layer is as it should be; what is in it is not what the configuration says.
    let packed = world.descriptor(&good, GZIP);
    world.image_with(vec![packed.clone()], vec![digest(b"another")], json!({}));
    assert!(world.unpack().expect_err("it was unpacked").to_string().contains("with the digest"));
    world.image_with(vec![packed], Vec::new(), json!({}));
    assert!(world.unpack().expect_err("it was unpacked").to_string().contains("a hash for each"));
}

#[test]
fn stopping_ends_it() {
    let world = World::new();
    world.image(&[tar(&[file("a", "")])]);
    let image = world.resolve().unwrap().pinned;
    let root = world.dir.path().join("root");
    fs::create_dir(&root).unwrap();
    assert_eq!(world.images().unpack(&image, &root, &|| true), Err(ImageError::Stopping));
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(64))]

    /// Whatever the entries are, they change the tree or are refused, and nothing else.
    #[test]
    fn nothing_leaves_the_tree(entries in proptest::collection::vec(entry(), 0..12)) {
        let world = World::new();
        fs::write(world.dir.path().join("outside"), "untouched").unwrap();
        let half = entries.len() / 2;
        world.image(&[tar(&entries[..half]), tar(&entries[half..])]);
        if let Err(error) = world.unpack() {
            proptest::prop_assert!(!error.is_passing(), "{}", error);
        }
        check_outside(&world);
    }
}

fn entry() -> impl proptest::strategy::Strategy<Value = Item> {
    use proptest::prelude::*;
    let part = prop_oneof![
        4 => "[a-c]", 1 => Just("..".to_owned()), 1 => Just(".wh.a".to_owned()), 1 => Just(".wh..wh..opq".to_owned()),
        1 => Just("outside".to_owned()), 1 => Just(String::new()), 1 => Just(".wh.outside".to_owned()),
    ];
    let path = || proptest::collection::vec(part.clone(), 1..4).prop_map(|parts| parts.join("/"));
    let kinds = [EntryType::Regular, EntryType::Directory, EntryType::Symlink, EntryType::Link];
    (proptest::sample::select(kinds.to_vec()), path(), path(), 0_u32..0o7777)
        .prop_map(|(kind, path, link, mode)| item(kind, &path, &link, mode, b""))
        .prop_map(|item| Item {
            link: if item.kind == EntryType::Symlink && item.link.is_empty() { b"..".to_vec() } else { item.link },
            ..item
        })
}
