//! Node.js: the folder, and what `package.json` depends on beside it, without what is for development alone.

use serde_json::Value;

use super::super::files::Contents;
use super::super::{Project, usage};
use super::excluded;
use super::stage::staged;
use super::tool::Tool;
use crate::exit::Failure;

const LOCK: &str = "package-lock.json";

pub(super) fn contents(project: &Project, built: bool) -> Result<Contents, Failure> {
    let mut contents = Contents::default();
    let package = package(project)?;
    let hint = "npm comes with Node.js";
    if !built && package["scripts"]["build"].is_string() {
        if !project.folder.join("node_modules").is_dir() {
            let install = if project.folder.join(LOCK).is_file() { "ci" } else { "install" };
            Tool::new("npm", &project.folder)
                .args([install, "--silent", "--no-audit", "--no-fund"])
                .hint(hint)
                .run()?;
        }
        Tool::new("npm", &project.folder).args(["run", "--silent", "build"]).hint(hint).run()?;
    }
    if package["dependencies"].as_object().is_some_and(|names| !names.is_empty()) {
        let modules = modules(project, hint)?;
        contents.add_folder(&modules.join("node_modules"), "node_modules/", &["/.package-lock.json", "/.bin"])?;
    }
    let also = ["/node_modules", "/package-lock.json", "*.test.*", "/test", "/tests", "/README.md"];
    contents.add_folder(&project.folder, "", &excluded(project, &also))?;
    Ok(contents)
}

fn package(project: &Project) -> Result<Value, Failure> {
    let path = project.folder.join("package.json");
    if !path.is_file() {
        return Ok(Value::Null);
    }
    let fail = |why: String| usage(format!("failed to read {}: {why}", path.display()));
    let text = std::fs::read(&path).map_err(|e| fail(e.to_string()))?;
    serde_json::from_slice(&text).map_err(|e| fail(e.to_string()))
}

/// Installed apart from the project, whose own `node_modules` also has what is for development.
fn modules(project: &Project, hint: &'static str) -> Result<std::path::PathBuf, Failure> {
    let read = |name: &str| std::fs::read(project.folder.join(name)).unwrap_or_default();
    let (package, lock, settings) = (read("package.json"), read(LOCK), read(".npmrc"));
    staged(project, "nodejs", &[&package, &lock, &settings], |into| {
        for (name, text) in [("package.json", &package), (LOCK, &lock), (".npmrc", &settings)] {
            if !text.is_empty() {
                let written = std::fs::write(into.join(name), text);
                written.map_err(|e| usage(format!("failed to write {}: {e}", into.join(name).display())))?;
            }
        }
        let install = if lock.is_empty() { "install" } else { "ci" };
        let args = [install, "--omit=dev", "--silent", "--no-audit", "--no-fund"];
        Tool::new("npm", into).args(args).hint(hint).run()
    })
}
