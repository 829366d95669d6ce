//! Folders that change, are replaced, or must not be run.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};

use super::*;

fn folders(opened: &Path, others_must_read: bool) -> LiveFolders {
    LiveFolders::new(HotReload {
        folders: vec![opened.to_owned()],
        others_must_read,
    })
}

/// A folder for functions in one that is open.
fn world() -> (tempfile::TempDir, PathBuf, LiveFolders) {
    let dir = tempfile::tempdir().unwrap();
    fs::set_permissions(dir.path(), Permissions::from_mode(0o755)).unwrap();
    let code = dir.path().canonicalize().unwrap().join("code");
    fs::create_dir_all(code.join("lib/deep")).unwrap();
    fs::write(code.join("app.py"), "1").unwrap();
    fs::write(code.join("lib/deep/a.py"), "1").unwrap();
    let folders = folders(dir.path(), true);
    (dir, code, folders)
}

/// Every change makes a new revision at the very next look, and no look without one does.
#[track_caller]
fn check_changes(folder: &LiveFolder, code: &Path) {
    let mut before = folder.look().unwrap();
    let elsewhere = code.with_extension("new");
    let changes: [(&str, &dyn Fn()); 10] = [
        ("a write", &|| fs::write(code.join("app.py"), "2").unwrap()),
        ("a write deep below", &|| fs::write(code.join("lib/deep/a.py"), "22").unwrap()),
        ("a new file", &|| fs::write(code.join("b.py"), "").unwrap()),
        ("a file put in another's place", &|| {
            fs::write(code.join("c.py"), "3").unwrap();
            fs::rename(code.join("c.py"), code.join("b.py")).unwrap();
        }),
        ("a deletion", &|| fs::remove_file(code.join("b.py")).unwrap()),
        ("a new folder", &|| fs::create_dir_all(code.join("new/er")).unwrap()),
        ("a file in the new folder", &|| fs::write(code.join("new/er/x.py"), "").unwrap()),
        ("another mode", &|| fs::set_permissions(code.join("app.py"), Permissions::from_mode(0o755)).unwrap()),
        ("a link", &|| symlink("app.py", code.join("link.py")).unwrap()),
        ("another folder in its place", &|| {
            fs::create_dir(&elsewhere).unwrap();
            fs::write(elsewhere.join("app.py"), "9").unwrap();
            fs::remove_dir_all(code).unwrap();
            fs::rename(&elsewhere, code).unwrap();
        }),
    ];
    for (name, change) in changes {
        change();
        let after = folder.look().unwrap();
        assert!(after > before, "{name}");
        assert_eq!(folder.look().unwrap(), after, "{name}: one change, one revision");
        before = after;
    }
    fs::read(code.join("app.py")).unwrap();
    assert_eq!(folder.look().unwrap(), before, "reading is no change");
}

#[test]
fn a_change_is_in_the_next_look() {
    let (_dir, code, folders) = world();
    check_changes(&folders.open(code.to_str().unwrap()), &code);
}

#[test]
fn without_watches_too() {
    let (_dir, code, _) = world();
    check_changes(&LiveFolder::without_watches(code.clone()), &code);
}

#[test]
fn a_folder_that_goes_and_comes_back() {
    let (_dir, code, folders) = world();
    let folder = folders.open(code.to_str().unwrap());
    let first = folder.look().unwrap();
    fs::rename(&code, code.with_extension("gone")).unwrap();
    let error = folder.look().unwrap_err();
    assert!(error.contains("cannot be opened") && error.contains("code"), "{error}");
    fs::rename(code.with_extension("gone"), &code).unwrap();
    assert!(folder.look().unwrap() > first);
}

#[test]
fn a_link_in_the_folders_place_is_not_followed() {
    let (dir, code, folders) = world();
    let folder = folders.open(code.to_str().unwrap());
    folder.look().unwrap();
    fs::rename(&code, dir.path().join("moved")).unwrap();
    symlink("/etc", &code).unwrap();
    assert!(folder.look().unwrap_err().contains("cannot be opened"));
}

#[test]
fn what_functions_cannot_read_is_named_with_the_way_out() {
    let (_dir, code, folders) = world();
    let folder = folders.open(code.to_str().unwrap());
    folder.look().unwrap();
    let mode = |name: &str, mode| fs::set_permissions(code.join(name), Permissions::from_mode(mode)).unwrap();
    for (name, closed, opened) in [("app.py", 0o600, 0o644), ("lib", 0o700, 0o755), ("", 0o750, 0o755)] {
        mode(name, closed);
        let error = folder.look().unwrap_err();
        let named = code.join(name);
        assert!(error.contains(named.to_str().unwrap().trim_end_matches('/')), "{error}");
        assert!(error.contains(&format!("chmod -R o+rX {}", code.display())), "{error}");
        mode(name, opened);
        folder.look().unwrap();
    }
    fs::write(code.join(".env"), "").unwrap();
    mode(".env", 0o600);
    assert!(folder.look().is_ok(), "hidden files may be private");
    // Where functions are the server's own user, its rights are enough.
    mode("app.py", 0o600);
    assert!(super::LiveFolder::new(code.clone(), false, None).look().is_ok());
}

#[test]
fn only_what_is_open_is_accepted() {
    let (dir, code, folders) = world();
    assert_eq!(folders.accept(code.to_str().unwrap()).unwrap(), code.to_str().unwrap());
    let outside = tempfile::tempdir().unwrap();
    symlink(outside.path(), code.join("out")).unwrap();
    symlink(&code, dir.path().join("in")).unwrap();
    let text = |path: &Path| path.to_str().unwrap().to_owned();
    assert_eq!(folders.accept(&text(&dir.path().join("in"))).unwrap(), text(&code), "stored without links");
    for (name, wanted, words) in [
        ("elsewhere", text(outside.path()), "hot_reload.folders"),
        ("not there, elsewhere", "/nonexistent/x".to_owned(), "hot_reload.folders"),
        ("a link that leads out", text(&code.join("out")), "hot_reload.folders"),
        ("a way up", format!("{}/../..", code.display()), "absolute path"),
        ("relative", "code".to_owned(), "absolute path"),
        ("empty", String::new(), "absolute path"),
        ("not there", text(&code.join("nope")), "cannot be found"),
        ("a file", text(&code.join("app.py")), "cannot be opened"),
        ("a name that begins alike", format!("{}-2", dir.path().display()), "hot_reload.folders"),
    ] {
        let error = folders.accept(&wanted).unwrap_err();
        assert!(error.contains(words), "{name}: {error}");
    }
    let off = LiveFolders::new(HotReload::default());
    assert!(off.accept(&text(&code)).unwrap_err().contains("switched off"));
    // A function that was made while the folder was open.
    assert!(off.code(&text(&code)).live().unwrap().look().unwrap_err().contains("(none)"));
}
