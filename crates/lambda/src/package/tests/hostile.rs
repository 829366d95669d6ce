//! What must not be accepted.

use std::io::{Cursor, Write};

use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::builder::{Item, crc32, zip};
use super::*;

fn small() -> Limits {
    Limits {
        unzipped_bytes: 10_000,
        entries: 10,
    }
}

#[track_caller]
fn refused(items: &[Item]) -> PackageError {
    both(&zip(items), &small()).unwrap_err()
}

/// The kind of refusal, by its name.
#[track_caller]
fn check(items: &[Item], expected: &str) {
    let error = refused(items);
    let kind = format!("{error:?}");
    assert!(kind.starts_with(expected), "expected {expected}, found {kind}");
    assert!(error.is_clients_fault());
}

#[test]
fn what_is_no_zip() {
    assert_eq!(both(b"", &small()), Err(PackageError::Empty));
    assert_eq!(both(&zip(&[]), &small()), Err(PackageError::Empty));
    for bytes in [&b"PK"[..], b"hello, this is not a zip", &[0; 1_000], b"PK\x03\x04 and no more"] {
        let error = both(bytes, &small()).unwrap_err();
        assert!(matches!(error, PackageError::NotAZip { .. }), "{error}");
        let words = "Could not unzip uploaded file. Please check your file, then try to upload again.";
        assert_eq!(error.client_message(), words);
    }
}

#[test]
fn a_zip_that_was_cut_off() {
    let whole = zip(&[Item::file("a", 0o644, b"abc"), Item::deflated("b", b"def")]);
    for len in 0..whole.len() {
        assert!(both(&whole[..len], &small()).is_err(), "{len} of {} bytes", whole.len());
    }
}

#[test]
fn names_that_lead_out() {
    for name in ["../x", "a/../../x", "/etc/passwd", "a\\..\\x", "C:\\x", "c:x", "a\0b", "..", ""] {
        check(&[Item::file(name, 0o644, b"")], "BadName");
    }
    check(&[Item::dir("../", 0o755)], "BadName");
    check(&[Item::file("x".repeat(256), 0o644, b"")], "BadName");
    check(&[Item::file("x/".repeat(3_000) + "y", 0o644, b"")], "BadName");
    check(&[Item::file("x/".repeat(200) + "y", 0o644, b"")], "BadName");
    check(&[Item::file(".", 0o644, b"a file called root")], "BadName");
}

#[test]
fn one_path_twice() {
    let file = |name| Item::file(name, 0o644, b"");
    check(&[file("a"), file("a")], "SameName");
    check(&[file("a"), file("./a")], "Duplicate");
    check(&[file("d/a"), file("d//a")], "Duplicate");
    check(&[file("a"), Item::dir("a/", 0o755)], "Duplicate");
    check(&[file("a"), file("a/b")], "Duplicate");
    check(&[file("a/b/c/d"), file("a/b")], "Duplicate");
}

/// The classic: a link, then a file written through it.
#[test]
fn writing_through_a_link() {
    check(&[Item::link("l", "/tmp"), Item::file("l/x", 0o644, b"")], "Duplicate");
    check(&[Item::link("l", "d"), Item::dir("d/", 0o755), Item::file("l/x", 0o644, b"")], "Duplicate");
    check(&[Item::link("l", "d"), Item::file("l", 0o644, b"")], "SameName");
}

#[test]
fn links_that_lead_out() {
    for target in ["/etc/passwd", "..", "../x", "a/../../x", "", "a\0b", "l"] {
        check(&[Item::link("l", target)], "BadLink");
    }
    check(&[Item::link("up", "."), Item::link("l", "up/up/../x")], "BadLink");
    check(&[Item::link("l", &"x/".repeat(2_500))], "BadLink");
}

#[test]
fn special_files() {
    for kind in [0o010_000, 0o020_000, 0o060_000, 0o140_000] {
        let mut item = Item::file("x", 0, b"");
        item.external = (kind | 0o666) << 16;
        check(&[item], "SpecialFile");
    }
}

#[test]
fn what_cannot_be_read() {
    let mut encrypted = Item::file("x", 0o644, b"0123456789abcdef");
    encrypted.flags = 1;
    check(&[encrypted], "Encrypted");
    for method in [1, 9, 12, 14, 93, 95, 98, 99] {
        let mut item = Item::file("x", 0o644, b"data");
        item.method = method;
        let error = format!("{:?}", refused(&[item]));
        assert!(error.starts_with("UnknownMethod") || error.starts_with("NotAZip"), "{method}: {error}");
    }
}

#[test]
fn damaged_data() {
    let mut wrong_sum = Item::file("x", 0o644, b"data");
    wrong_sum.crc ^= 1;
    check(&[wrong_sum], "Damaged");
    let mut nonsense = Item::deflated("x", b"data");
    nonsense.data[0] = 0xff;
    check(&[nonsense], "Damaged");
    let mut cut = Item::deflated("x", b"data");
    cut.zipped_size = Some(5);
    check(&[cut], "Damaged");
    let mut with_contents = Item::dir("d/", 0o755);
    with_contents.unzipped_size = 4;
    with_contents.data = b"data".to_vec();
    check(&[with_contents], "BadName");
}

#[test]
fn sizes_that_are_declared() {
    let fits = Item::file("x", 0o644, &[0; 9_999]);
    assert!(both(&zip(&[fits]), &small()).is_ok());
    let error = refused(&[Item::file("x", 0o644, &[0; 10_000])]);
    assert_eq!(error, PackageError::TooLarge { limit: 10_000, found: 10_000 });
    // Two that fit alone.
    check(&[Item::file("a", 0o644, &[0; 6_000]), Item::file("b", 0o644, &[0; 6_000])], "TooLarge");
    // Little data that claims to be much.
    let mut boaster = Item::deflated("x", b"data");
    boaster.unzipped_size = u32::MAX - 1;
    check(&[boaster], "TooLarge");
    let error = both(&zip(&[Item::file("x", 0o644, &[0; 10_000])]), &small()).unwrap_err();
    assert_eq!(error.client_message(), "Unzipped size must be smaller than 10000 bytes");
}

/// 10 MB of zeros in 10 KB that claim to be `declared` bytes.
fn bomb(declared: u32) -> Vec<u8> {
    const ZEROS: usize = 10 << 20;
    let mut bytes = Cursor::new(Vec::new());
    let mut writer = ZipWriter::new(&mut bytes);
    writer.start_file("x", SimpleFileOptions::default()).unwrap();
    writer.write_all(&vec![0; ZEROS]).unwrap();
    writer.finish().unwrap();
    let mut zip = bytes.into_inner();
    let honest = u32::try_from(ZEROS).unwrap().to_le_bytes();
    let crc = crc32(&vec![0; ZEROS]).to_le_bytes();
    for at in 0..zip.len() - 4 {
        if zip[at..at + 4] == honest {
            zip[at..at + 4].copy_from_slice(&declared.to_le_bytes());
        } else if zip[at..at + 4] == crc {
            // The checksum of what it claims to be, so that nothing but the length gives it away.
            let claimed = crc32(&vec![0; declared as usize]).to_le_bytes();
            zip[at..at + 4].copy_from_slice(&claimed);
        }
    }
    zip
}

#[test]
fn bombs_whose_headers_lie() {
    let honest = both(&bomb(10 << 20), &small()).unwrap_err();
    assert!(matches!(honest, PackageError::TooLarge { .. }), "{honest}");
    for declared in [1, 100, 9_999] {
        let error = both(&bomb(declared), &small()).unwrap_err();
        let stopped = matches!(error, PackageError::TooLarge { .. } | PackageError::Damaged { .. });
        assert!(stopped, "{declared}: {error}");
    }
}

/// What was written before a lying bomb was stopped stays below the limit.
#[test]
fn a_bomb_does_not_fill_the_disk() {
    let root = tempfile::tempdir().unwrap();
    unpack(&bomb(100), &small(), root.path()).unwrap_err();
    let written = fs::metadata(root.path().join("x")).map_or(0, |meta| meta.len());
    assert!(written <= small().unzipped_bytes, "{written} bytes");
}

/// Many entries on the same bytes: how small bombs become large without compressing twice.
#[test]
fn entries_that_overlap() {
    let first = Item::file("a", 0o644, &[0; 1_000]);
    let mut second = Item::file("b", 0o644, &[0; 1_000]);
    second.local_offset = Some(0);
    second.local_name = Some(b"a".to_vec());
    check(&[first, second], "Overlap");
}

#[test]
fn offsets_outside_the_archive() {
    for offset in [u32::MAX - 1, 1 << 20, 7] {
        let mut item = Item::file("a", 0o644, b"a");
        item.local_offset = Some(offset);
        refused(&[item]);
    }
}

#[test]
fn too_many_entries() {
    let items = |n: usize| (0..n).map(|n| Item::file(n.to_string(), 0o644, b"")).collect::<Vec<_>>();
    assert_eq!(both(&zip(&items(10)), &small()).unwrap().entries, 10);
    assert_eq!(refused(&items(11)), PackageError::TooManyEntries { limit: 10, found: 11 });
}
