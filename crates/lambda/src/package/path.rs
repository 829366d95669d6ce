//! Names of entries: what may become a path below the package's root.

use super::PackageError;

/// Longest component that Linux file systems take, in bytes.
const COMPONENT_MAX: usize = 255;
/// Longest path, in bytes: the kernel takes 4,095, and the folder that a package is unpacked in
/// needs some of them.
const PATH_MAX: usize = 3_072;
/// Deepest path, in components. Removing a tree holds a descriptor for each level.
const DEPTH_MAX: usize = 128;

/// The components of an entry's path, without empty ones and `.`: `./a//b/` is `a/b`. Empty for
/// an entry that names the root itself.
///
/// A backslash is refused although Linux would take it: zips made by old Windows tools have it in
/// place of `/`, and unpacking those to files with odd names helps nobody.
pub(super) fn normalise(name: &str) -> Result<String, PackageError> {
    let bad = |reason| {
        Err(PackageError::BadName {
            name: name.chars().take(256).collect(),
            reason,
        })
    };
    if name.is_empty() {
        return bad("has an empty name");
    }
    if name.len() > PATH_MAX {
        return bad("has a name longer than 3072 bytes");
    }
    if name.contains('\0') {
        return bad("has a NUL in its name");
    }
    if name.contains('\\') {
        return bad("has a backslash in its name, expected / between folders");
    }
    if name.starts_with('/') {
        return bad("has an absolute name");
    }
    if has_drive_letter(name) {
        return bad("begins with a drive letter");
    }
    let mut path = String::with_capacity(name.len());
    let mut depth = 0;
    for component in name.split('/') {
        match component {
            "" | "." => {}
            ".." => return bad("has .. in its name"),
            long if long.len() > COMPONENT_MAX => return bad("has a part longer than 255 bytes in its name"),
            _ if depth == DEPTH_MAX => return bad("is more than 128 folders deep"),
            component => {
                depth += 1;
                if !path.is_empty() {
                    path.push('/');
                }
                path.push_str(component);
            }
        }
    }
    Ok(path)
}

fn has_drive_letter(name: &str) -> bool {
    matches!(name.as_bytes(), [letter, b':', ..] if letter.is_ascii_alphabetic())
}

/// Every directory above `path`, the nearest last: `a`, `a/b` for `a/b/c`.
pub(super) fn parents(path: &str) -> impl Iterator<Item = &str> {
    path.match_indices('/').map(|(at, _)| &path[..at])
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(name: &str, expected: Option<&str>) {
        assert_eq!(normalise(name).ok().as_deref(), expected, "{name:?}");
    }

    #[test]
    fn plain_names_stay() {
        check("a", Some("a"));
        check("a/b.py", Some("a/b.py"));
        check("dir/", Some("dir"));
        check("..a/b..", Some("..a/b.."));
        check("naïve/ファイル", Some("naïve/ファイル"));
        check("a b\n", Some("a b\n"));
        check("ab:c", Some("ab:c"));
    }

    #[test]
    fn dots_and_doubled_slashes_vanish() {
        check("./", Some(""));
        check(".", Some(""));
        check("./a//./b", Some("a/b"));
    }

    #[test]
    fn ways_out_are_refused() {
        for bad in ["", "..", "../a", "a/..", "a/../b", "/a", "/", "a\\b", "..\\a", "C:/a", "c:a", "a\0b"] {
            check(bad, None);
        }
    }

    #[test]
    fn absurd_lengths_are_refused() {
        check(&"a".repeat(255), Some(&"a".repeat(255)));
        check(&"a".repeat(256), None);
        check(&"a/".repeat(128), Some(["a"; 128].join("/").as_str()));
        check(&"a/".repeat(129), None);
        check(&"./".repeat(2_000), None);
    }

    #[test]
    fn parents_from_the_root_down() {
        assert_eq!(parents("a/b/c").collect::<Vec<_>>(), ["a", "a/b"]);
        assert_eq!(parents("a").count(), 0);
    }

    proptest! {
        #[test]
        fn what_passes_stays_below_the_root(name in "[ab./\\\\\u{0}:é]{0,12}") {
            if let Ok(path) = normalise(&name) {
                prop_assert!(!path.starts_with('/') && !path.ends_with('/'));
                prop_assert!(path.is_empty() || path.split('/').all(|c| !c.is_empty() && c != "." && c != ".."));
                prop_assert_eq!(normalise(&format!("./{path}")).unwrap(), path);
            }
        }
    }
}
