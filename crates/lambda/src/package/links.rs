//! Where symbolic links lead: followed the way the kernel does, on the package's own tree.

use std::collections::BTreeMap;

use super::PackageError;

/// As many links as the kernel follows before it gives up.
const FOLLOW_MAX: usize = 40;

/// Longest target, in bytes.
pub(super) const TARGET_MAX: u64 = 4_095;

/// Refuses links of which any walk leaves the package's root. A link to nothing is fine: it fails
/// when it is used. `links` maps paths to targets, in order: a package with several bad links is
/// refused for the same one each time.
pub(super) fn check(links: &BTreeMap<String, String>) -> Result<(), PackageError> {
    for (name, target) in links {
        let at = name.rsplit_once('/').map_or("", |(dir, _)| dir);
        follow(links, at, target).map_err(|reason| PackageError::BadLink {
            name: name.clone(),
            target: target.clone(),
            reason,
        })?;
    }
    Ok(())
}

/// Walks `target` from the directory `at`.
fn follow(links: &BTreeMap<String, String>, at: &str, target: &str) -> Result<(), &'static str> {
    let mut here: Vec<&str> = at.split('/').filter(|c| !c.is_empty()).collect();
    let mut ahead: Vec<&str> = Vec::new();
    push(&mut ahead, target)?;
    let mut followed = 0;
    while let Some(component) = ahead.pop() {
        match component {
            "" | "." => {}
            ".." => {
                here.pop().ok_or("is outside the package")?;
            }
            component => {
                here.push(component);
                if let Some(next) = links.get(&here.join("/")) {
                    followed += 1;
                    if followed > FOLLOW_MAX {
                        return Err("goes in circles");
                    }
                    here.pop();
                    push(&mut ahead, next)?;
                }
            }
        }
    }
    Ok(())
}

fn push<'a>(ahead: &mut Vec<&'a str>, target: &'a str) -> Result<(), &'static str> {
    if target.is_empty() {
        return Err("is empty");
    }
    if target.contains('\0') {
        return Err("has a NUL in it");
    }
    if target.starts_with('/') {
        return Err("is an absolute path");
    }
    ahead.extend(target.split('/').rev());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_links(links: &[(&str, &str)], expected: Option<&str>) {
        let links = links.iter().map(|(n, t)| ((*n).to_owned(), (*t).to_owned())).collect();
        let found = match check(&links) {
            Err(PackageError::BadLink { reason, .. }) => Some(reason),
            _ => None,
        };
        assert_eq!(found, expected, "{links:?}");
    }

    #[test]
    fn links_inside_are_fine() {
        check_links(&[("a", "b")], None);
        check_links(&[("lib/libx.so", "libx.so.1"), ("lib/libx.so.1", "../real/libx.so.1.2")], None);
        check_links(&[("node_modules/.bin/tsc", "../typescript/bin/tsc")], None);
        check_links(&[("a/b", "..")], None);
        check_links(&[("missing", "no/such/place")], None);
    }

    #[test]
    fn links_leading_out_are_refused() {
        check_links(&[("a", "/etc/passwd")], Some("is an absolute path"));
        check_links(&[("a", "..")], Some("is outside the package"));
        check_links(&[("a/b", "../..")], Some("is outside the package"));
        check_links(&[("a/b", "../x/../../y")], Some("is outside the package"));
    }

    /// `deep/up` is harmless alone, and so is `out` when read without following it.
    #[test]
    fn links_leading_out_by_way_of_links_are_refused() {
        check_links(&[("deep/up", ".."), ("out", "deep/up/../etc")], Some("is outside the package"));
    }

    #[test]
    fn circles_and_nothing_are_refused() {
        check_links(&[("a", "a")], Some("goes in circles"));
        check_links(&[("a", "b"), ("b", "a")], Some("goes in circles"));
        check_links(&[("a", "")], Some("is empty"));
    }

    #[test]
    fn of_several_bad_links_the_first_by_name_is_told() {
        for _ in 0..20 {
            check_links(&[("b", "/etc"), ("a/b", "")], Some("is empty"));
        }
    }
}
