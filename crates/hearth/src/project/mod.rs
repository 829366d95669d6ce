//! A function's project: a folder with its sources and, in `function.toml`, what `hearth deploy` has to know.
//!
//! Nothing here talks to a server: `deployment` does.

pub mod archive;
pub mod build;
pub mod files;
pub mod manifest;
pub mod templates;
pub mod toolchain;

use std::path::{Path, PathBuf};

use hearth_runtimes::{Definition, Language, definition};

use crate::exit::{Exit, Failure};
pub use manifest::Manifest;

/// Where builds keep what they make, within the project; never part of a package.
pub const BUILD_FOLDER: &str = ".hearth";

/// A project that was read and is complete.
#[derive(Debug)]
pub struct Project {
    pub folder: PathBuf,
    pub name: String,
    pub runtime: &'static Definition,
    pub handler: String,
    pub manifest: Manifest,
}

/// What the command line says over the manifest.
#[derive(Debug, Default)]
pub struct Overrides {
    pub name: Option<String>,
    pub runtime: Option<String>,
    pub handler: Option<String>,
}

impl Project {
    /// Reads the project in a folder. Without a manifest, the command line has to name runtime and handler.
    pub fn open(folder: &Path, overrides: &Overrides) -> Result<Self, Failure> {
        let folder = folder.canonicalize().map_err(|e| usage(format!("failed to open {}: {e}", folder.display())))?;
        let manifest = Manifest::read(&folder)?.unwrap_or_default();
        let of = |given: &Option<String>, found: &Option<String>| given.clone().or_else(|| found.clone());
        let name = of(&overrides.name, &manifest.name).or_else(|| name_of(&folder));
        let name = name.ok_or_else(|| lacks(&folder, "name"))?;
        let id = of(&overrides.runtime, &manifest.runtime).ok_or_else(|| lacks(&folder, "runtime"))?;
        let runtime = definition(&id).ok_or_else(|| {
            usage(format!("expected a runtime such as python3.13, found {id:?}; `hearth runtimes` lists them"))
        })?;
        let handler = of(&overrides.handler, &manifest.handler);
        // An executable of the function's own is found by its name; the API wants a handler all the same.
        let own = (runtime.language == Language::Provided).then(|| "bootstrap".to_owned());
        let handler = handler.or(own).ok_or_else(|| lacks(&folder, "handler"))?;
        Ok(Self {
            folder,
            name,
            runtime,
            handler,
            manifest,
        })
    }

    /// A path as it is from within the project, where its tools are run.
    pub fn relative<'a>(&self, path: &'a Path) -> &'a Path {
        path.strip_prefix(&self.folder).unwrap_or(path)
    }

    /// Where what a build makes is kept.
    pub fn build_folder(&self) -> PathBuf {
        self.folder.join(BUILD_FOLDER)
    }
}

fn name_of(folder: &Path) -> Option<String> {
    folder.file_name().map(|name| name.to_string_lossy().into_owned())
}

fn lacks(folder: &Path, what: &str) -> Failure {
    usage(format!(
        "expected {what:?} in {}, or --{what}; `hearth init` writes such a file",
        folder.join(manifest::FILE).display()
    ))
}

pub fn usage(message: impl Into<String>) -> Failure {
    Failure::new(Exit::Usage, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(text: &str, overrides: &Overrides) -> Result<Project, Failure> {
        let folder = tempfile::tempdir().unwrap();
        if !text.is_empty() {
            std::fs::write(folder.path().join(manifest::FILE), text).unwrap();
        }
        Project::open(folder.path(), overrides)
    }

    #[test]
    fn the_command_line_goes_over_the_file() {
        let text = "name = \"f\"\nruntime = \"python3.12\"\nhandler = \"app.handler\"\n";
        let overrides = Overrides {
            name: Some("g".to_owned()),
            ..Overrides::default()
        };
        let project = open(text, &overrides).unwrap();
        assert_eq!(
            (project.name.as_str(), project.runtime.id, project.handler.as_str()),
            ("g", "python3.12", "app.handler")
        );
    }

    #[test]
    fn what_is_missing_is_named() {
        #[track_caller]
        fn check(text: &str, expected: &str) {
            let error = open(text, &Overrides::default()).unwrap_err();
            assert!(error.message().contains(expected), "{error:?}");
        }
        check("", "expected \"runtime\" in ");
        check("name = \"f\"\nruntime = \"python3.12\"", "expected \"handler\"");
        check("name = \"f\"\nruntime = \"cobol\"", "found \"cobol\"");
        check("nmae = \"f\"", "unknown field `nmae`");
    }

    #[test]
    fn an_executable_needs_no_handler() {
        assert_eq!(
            open("name = \"f\"\nruntime = \"provided.al2023\"", &Overrides::default()).unwrap().handler,
            "bootstrap"
        );
    }
}
