//! Whatever the bytes: no panic, and nothing outside the root.

use proptest::prelude::*;
use proptest::strategy::ValueTree;

use super::builder::{Item, zip};
use super::*;

fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => "[ab](/[ab]){0,2}/?",
        1 => "[ab./\\\\:]{0,6}",
        1 => prop::collection::vec("\\.\\.|a|\\.|", 1..5).prop_map(|parts| parts.join("/")),
    ]
}

fn item() -> impl Strategy<Value = Item> {
    let kind = prop_oneof![5 => Just(0o100_000), 3 => Just(0o120_000), 2 => Just(0o040_000), 1 => Just(0), 1 => any::<u16>().prop_map(|kind| u32::from(kind) & 0o170_000)];
    let data = prop_oneof![
        2 => Just(Vec::new()),
        4 => name().prop_map(String::into_bytes),
        1 => prop::collection::vec(any::<u8>(), 0..50)
    ];
    let lies = (prop::option::weighted(0.05, any::<u32>()), prop::option::weighted(0.05, 0..200u32));
    (name(), kind, 0..0o10_000u32, data, any::<bool>(), lies).prop_map(|(name, kind, mode, data, deflate, lies)| {
        let mut item = if deflate { Item::deflated(&name, &data) } else { Item::file(&name, 0, &data) };
        item.external = (kind | mode) << 16;
        item.unzipped_size = lies.0.unwrap_or(item.unzipped_size);
        item.local_offset = lies.1;
        item
    })
}

/// Everything in the tree is what it seems, and every link ends inside.
pub(super) fn check_tree(root: &Path) {
    let real_root = root.canonicalize().unwrap();
    let mut dirs = vec![real_root.clone()];
    while let Some(dir) = dirs.pop() {
        for item in fs::read_dir(&dir).unwrap() {
            let path = item.unwrap().path();
            let meta = fs::symlink_metadata(&path).unwrap();
            assert_eq!(meta.permissions().mode() & 0o7000, 0, "{}", path.display());
            if meta.is_dir() {
                dirs.push(path);
            } else if meta.is_symlink() {
                // A link to nothing leads nowhere.
                if let Ok(real) = path.canonicalize() {
                    assert!(real.starts_with(&real_root), "{} leads to {}", path.display(), real.display());
                }
            } else {
                assert!(meta.is_file());
            }
        }
    }
}

fn try_it(zip: &[u8]) -> bool {
    let limits = Limits {
        unzipped_bytes: 100_000,
        entries: 100,
    };
    // A folder around the root, where whatever gets out would be seen.
    let around = tempfile::tempdir().unwrap();
    let root = around.path().join("deep/down/root");
    fs::create_dir_all(&root).unwrap();
    let inspected = inspect(zip, &limits);
    let unpacked = unpack(zip, &limits, &root);
    assert_eq!(inspected.as_ref().err(), unpacked.as_ref().err());
    check_tree(&root);
    for (dir, only) in [("", "deep"), ("deep", "down"), ("deep/down", "root")] {
        let names: Vec<_> = fs::read_dir(around.path().join(dir)).unwrap().map(|i| i.unwrap().file_name()).collect();
        assert_eq!(names, [only]);
    }
    if let Ok(inspected) = &inspected {
        assert!(inspected.unzipped_bytes < limits.unzipped_bytes);
    }
    inspected.is_ok()
}

/// The generator has to make good archives too, or the properties say little.
#[test]
fn some_generated_archives_are_good() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let strategy = prop::collection::vec(item(), 1..4);
    let good = (0..200).filter(|_| try_it(&zip(&strategy.new_tree(&mut runner).unwrap().current()))).count();
    assert!((20..180).contains(&good), "{good} of 200");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn generated_archives_stay_inside(items in prop::collection::vec(item(), 0..6)) {
        try_it(&zip(&items));
    }

    #[test]
    fn arbitrary_bytes_do_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        try_it(&bytes);
    }

    #[test]
    fn spoiled_archives_do_no_harm(
        items in prop::collection::vec(item(), 1..4),
        spoils in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let mut bytes = zip(&items);
        for (at, byte) in spoils {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        try_it(&bytes);
    }
}
