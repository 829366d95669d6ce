//! Rust: the package's one program, named `bootstrap`.

use serde_json::Value;

use super::super::files::Contents;
use super::super::{Project, usage};
use super::tool::Tool;
use crate::exit::Failure;

const HINT: &str = "Rust builds it: https://rustup.rs";

pub(super) fn contents(project: &Project) -> Result<Contents, Failure> {
    Tool::new("cargo", &project.folder).args(["build", "--quiet", "--release"]).hint(HINT).run()?;
    let metadata = Tool::new("cargo", &project.folder)
        .args(["metadata", "--format-version", "1", "--no-deps"])
        .hint(HINT)
        .read()?;
    let metadata: Value =
        serde_json::from_str(&metadata).map_err(|e| usage(format!("failed to read cargo's metadata: {e}")))?;
    let target = metadata["target_directory"].as_str().unwrap_or("target");
    let program = program(&metadata, &project.folder.join("Cargo.toml").display().to_string())?;
    let mut contents = Contents::default();
    contents.add_file("bootstrap", [target, "release", &program].iter().collect());
    Ok(contents)
}

/// The name of the one binary of the package whose manifest this is.
fn program(metadata: &Value, manifest: &str) -> Result<String, Failure> {
    let packages = metadata["packages"].as_array().into_iter().flatten();
    let ours = packages.filter(|package| package["manifest_path"] == manifest);
    let targets = ours.flat_map(|package| package["targets"].as_array().into_iter().flatten());
    let binary =
        |target: &&Value| target["kind"].as_array().is_some_and(|kinds| kinds.iter().any(|kind| kind == "bin"));
    let names: Vec<&str> = targets.filter(binary).filter_map(|target| target["name"].as_str()).collect();
    match names.as_slice() {
        [name] => Ok((*name).to_owned()),
        names => Err(usage(format!(
            "expected one program in {manifest}, found {names:?}; name the file as \"package\" in function.toml"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_one_program_is_found() {
        let of = |targets: Value| {
            let packages = json!([{"manifest_path": "/p/Cargo.toml", "targets": targets}, {"manifest_path": "/q/Cargo.toml",
                "targets": [{"name": "other", "kind": ["bin"]}]}]);
            program(&json!({ "packages": packages }), "/p/Cargo.toml")
        };
        assert_eq!(of(json!([{"name": "f", "kind": ["bin"]}, {"name": "lib", "kind": ["lib"]}])).unwrap(), "f");
        assert!(of(json!([{"name": "lib", "kind": ["lib"]}])).is_err());
    }
}
