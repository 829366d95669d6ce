//! What real tools make is taken, and comes out as it went in.

use std::io::{Cursor, Write};

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::builder::{Item, zip};
use super::*;

#[track_caller]
fn check(items: &[Item], expected: &[&str]) {
    let zip = zip(items);
    both(&zip, &Limits::default()).unwrap();
    let root = tempfile::tempdir().unwrap();
    unpack(&zip, &Limits::default(), root.path()).unwrap();
    assert_eq!(tree(root.path()), expected);
}

#[test]
fn files_folders_and_links() {
    check(
        &[
            Item::file("index.py", 0o644, b"code"),
            Item::dir("lib/", 0o755),
            Item::deflated("lib/a.py", b"a"),
            Item::link("lib/b.py", "a.py"),
            Item::file("implied/deep/x", 0o755, b"x"),
        ],
        &[
            "implied/ 755",
            "implied/deep/ 755",
            "implied/deep/x 755 x",
            "index.py 644 code",
            "lib/ 755",
            "lib/a.py 644 a",
            "lib/b.py -> a.py",
        ],
    );
}

#[test]
fn modes_are_kept_but_for_the_dangerous_bits() {
    check(
        &[
            Item::file("none", 0o000, b""),
            Item::file("private", 0o600, b"p"),
            Item::file("setgid", 0o2_755, b""),
            Item::file("setuid", 0o4_755, b""),
            Item::file("writable", 0o1_666, b""),
        ],
        &["none 0 ", "private 600 p", "setgid 755 ", "setuid 755 ", "writable 666 "],
    );
}

/// The server has to be able to collect what is inside.
#[test]
fn folders_stay_readable_to_the_server() {
    check(
        &[Item::dir("closed/", 0o000), Item::file("closed/x", 0o400, b"x"), Item::dir("private/", 0o700)],
        &["closed/ 500", "closed/x 400 x", "private/ 700"],
    );
}

#[test]
fn archives_without_unix_modes_get_the_usual_ones() {
    let from_dos = |item: Item, external| Item { system: 0, external, ..item };
    check(
        &[
            from_dos(Item::file("a.py", 0, b"a"), 0x20),
            from_dos(Item::dir("d/", 0), 0x10),
            // Read-only on DOS.
            from_dos(Item::file("d/r", 0, b""), 0x01),
        ],
        &["a.py 644 a", "d/ 755", "d/r 644 "],
    );
}

/// Python's `ZipInfo` leaves them 0 on Unix, and Lambda cannot read such files either.
#[test]
fn a_mode_of_zero_made_on_unix_is_meant() {
    let mut item = Item::file("a.py", 0, b"a");
    item.external = 0;
    check(&[item], &["a.py 0 a"]);
}

#[test]
fn names_are_utf_8_or_the_old_code_page() {
    let mut flagged = Item::file("größe.py", 0o644, b"");
    flagged.flags = 1 << 11;
    check(&[flagged], &["größe.py 644 "]);
    check(&[Item::file("größe.py", 0o644, b"")], &["größe.py 644 "]);
    // 0x94 is ö in code page 437.
    check(&[Item::file(b"gr\x94.py", 0o644, b"")], &["grö.py 644 "]);
}

#[test]
fn case_matters_and_dots_do_not() {
    check(
        &[
            Item::dir("./", 0o755),
            Item::file("./A", 0o644, b"1"),
            Item::file("a", 0o644, b"2"),
            Item::file("d//./x", 0o644, b"3"),
        ],
        &["A 644 1", "a 644 2", "d/ 755", "d/x 644 3"],
    );
}

#[test]
fn bytes_before_the_archive_do_not_matter() {
    let mut prefixed = b"#!/bin/sh\nexec something\n".to_vec();
    prefixed.extend(zip(&[Item::file("a", 0o644, b"a")]));
    assert_eq!(both(&prefixed, &Limits::default()).unwrap().unzipped_bytes, 1);
}

/// The central directory leads, for inspecting and unpacking alike.
#[test]
fn local_headers_are_not_believed() {
    let mut item = Item::file("real", 0o644, b"x");
    item.local_name = Some(b"../../etc/passwd".to_vec());
    check(&[item], &["real 644 x"]);
}

/// Streamed archives have the sizes behind the data, and the directory has them all the same.
#[test]
fn another_writers_archives_are_read() {
    for (large_file, method) in
        [(false, CompressionMethod::Deflated), (true, CompressionMethod::Deflated), (true, CompressionMethod::Stored)]
    {
        let options =
            SimpleFileOptions::default().compression_method(method).large_file(large_file).unix_permissions(0o640);
        let mut bytes = Cursor::new(Vec::new());
        let mut writer = ZipWriter::new(&mut bytes);
        writer.add_directory("d/", options).unwrap();
        writer.start_file("d/f", options).unwrap();
        writer.write_all(&[b'z'; 100_000]).unwrap();
        writer.add_symlink("l", "d/f", options).unwrap();
        writer.finish().unwrap();
        let root = tempfile::tempdir().unwrap();
        let zip = bytes.into_inner();
        let inspected = both(&zip, &Limits::default()).unwrap();
        // The file, and the link's target.
        assert_eq!((inspected.unzipped_bytes, inspected.entries), (100_003, 3));
        unpack(&zip, &Limits::default(), root.path()).unwrap();
        assert_eq!(tree(root.path()).len(), 3);
    }
}
