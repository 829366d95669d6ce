//! Documents lead somewhere, and lock files name the public registries.

use std::path::Path;

use super::tree::{self, Source};

#[test]
fn every_decision_is_linked() {
    let documents = tree::files(&[".md"]);
    let index = documents.iter().find(|source| source.path == "docs/decisions/README.md").unwrap();
    let pages = documents.iter().filter_map(|source| source.path.strip_prefix("docs/decisions/"));
    for page in pages.filter(|page| *page != "README.md") {
        assert!(index.text.contains(&format!("]({page})")), "docs/decisions/README.md does not link {page}");
    }
}

/// The tables of operations that are served, and the page that says which are.
#[test]
fn every_served_operation_is_in_the_manual() {
    let manual = std::fs::read_to_string(tree::root().join("docs/compatibility.md")).unwrap();
    for table in ["crates/lambda/src/api/mod.rs", "crates/observe/src/api/mod.rs", "crates/iam/src/api/mod.rs"] {
        let sources = tree::files(&["mod.rs"]);
        let source = sources.iter().find(|source| source.path == table).unwrap();
        let operations: Vec<&str> = source.code().flat_map(|(_, code)| names(code)).collect();
        assert!(operations.len() > 5, "{table} has no table of operations any more");
        for operation in operations {
            assert!(
                manual.contains(&format!("`{operation}`")),
                "docs/compatibility.md does not say that {operation} is served"
            );
        }
    }
}

/// The string literals of a line that read like an operation's name.
fn names(code: &str) -> impl Iterator<Item = &str> {
    let is_name = |text: &&str| {
        text.len() > 4
            && !text.ends_with("Exception")
            && text.starts_with(|c: char| c.is_ascii_uppercase())
            && text.bytes().all(|b| b.is_ascii_alphanumeric())
    };
    code.split('"').skip(1).step_by(2).filter(is_name)
}

#[test]
fn links_lead_to_files() {
    let root = tree::root();
    for source in tree::files(&[".md"]) {
        let folder = root.join(&source.path).parent().unwrap().to_owned();
        for link in links(&source) {
            let path = link.split('#').next().unwrap_or_default();
            assert!(path.is_empty() || folder.join(path).exists(), "{} links {link}, which is not there", source.path);
        }
    }
}

/// Targets of Markdown links that stay in the repository.
fn links(source: &Source) -> impl Iterator<Item = &str> {
    let targets = source.text.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(target, _)| target);
    targets.filter(|target| !target.contains("://") && !target.contains(' '))
}

#[test]
fn lock_files_name_the_public_registries() {
    let allowed = ["registry+https://github.com/rust-lang/crates.io-index", "https://registry.npmjs.org/"];
    for source in tree::files(&["Cargo.lock", "package-lock.json"]) {
        for line in source.text.lines().map(str::trim) {
            let address = line.strip_prefix("source = \"").or_else(|| line.strip_prefix("\"resolved\": \""));
            let known = address.is_none_or(|address| allowed.iter().any(|start| address.starts_with(start)));
            assert!(known, "{}: {line}: expected a public registry", source.path);
        }
    }
}

#[test]
fn crates_say_what_they_are_for() {
    for source in tree::files(&["Cargo.toml"]).iter().filter(|source| source.path.starts_with("crates/")) {
        assert!(source.text.contains("\ndescription = "), "{} has no description", source.path);
        assert!(
            source.text.contains("[lints]\nworkspace = true"),
            "{} does not take the workspace's lints",
            source.path
        );
        let folder = Path::new(&source.path).parent().unwrap();
        let root = tree::root().join(folder).join("src");
        let main = ["lib.rs", "main.rs"].iter().find_map(|name| std::fs::read_to_string(root.join(name)).ok());
        assert!(main.is_some_and(|text| text.starts_with("//!")), "{}: no word about its purpose", folder.display());
    }
}
