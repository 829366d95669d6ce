//! From sources to a package, by the rules of each ecosystem: its own tools are run, and what they make is packed.
//!
//! What a project names in `function.toml` (`build`, `package`) goes before the rules.

mod dotnet;
mod go;
mod java;
mod node;
mod python;
mod ruby;
mod rust;
mod stage;
mod tool;

use std::path::Path;

use hearth_runtimes::Language;

use super::files::{Contents, Fingerprint};
use super::{Project, archive, usage};
use crate::exit::Failure;
use tool::Tool;

/// A deployment package.
pub struct Package {
    pub bytes: Vec<u8>,
    /// Files in it; `None` when it was made by the project's own tools.
    pub files: Option<usize>,
}

/// The way in which a project is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Python,
    Node,
    Java,
    Dotnet,
    Ruby,
    Go,
    Rust,
    /// The folder as it is.
    Plain,
}

impl Kind {
    fn of(project: &Project) -> Self {
        let has = |file: &str| project.folder.join(file).is_file();
        match project.runtime.language {
            Language::Python => Self::Python,
            Language::Node => Self::Node,
            Language::Java => Self::Java,
            Language::Dotnet => Self::Dotnet,
            Language::Ruby => Self::Ruby,
            Language::Provided if has("go.mod") => Self::Go,
            Language::Provided if has("Cargo.toml") => Self::Rust,
            Language::Provided => Self::Plain,
        }
    }

    /// Folders in which builds leave things: no sources.
    fn made(self) -> &'static [&'static str] {
        match self {
            Self::Python | Self::Plain | Self::Go => &["/bootstrap.zip"],
            Self::Node => &["node_modules", "/dist"],
            Self::Java => &["/target", "/build", "/.gradle"],
            Self::Dotnet => &["bin", "obj"],
            Self::Ruby => &["/vendor/bundle", "/.bundle"],
            Self::Rust => &["target"],
        }
    }
}

/// Builds and packs.
pub fn build(project: &Project) -> Result<Package, Failure> {
    if let Some(command) = &project.manifest.build {
        Tool::shell(command, "the \"build\" of function.toml", &project.folder).run()?;
    }
    if let Some(path) = &project.manifest.package {
        return packed(project, &project.folder.join(path));
    }
    let built = project.manifest.build.is_some();
    match Kind::of(project) {
        Kind::Python => pack(&python::contents(project)?),
        Kind::Node => pack(&node::contents(project, built)?),
        Kind::Java => java::package(project, built),
        Kind::Dotnet => pack(&dotnet::contents(project)?),
        Kind::Ruby => pack(&ruby::contents(project)?),
        Kind::Go => pack(&go::contents(project)?),
        Kind::Rust => pack(&rust::contents(project)?),
        Kind::Plain => pack(&plain(project)?),
    }
}

/// The state of the sources, to see whether they changed.
pub fn fingerprint(project: &Project) -> Result<Fingerprint, Failure> {
    let mut made = Kind::of(project).made().to_vec();
    made.extend(project.manifest.package.as_deref());
    Fingerprint::of(&project.folder, &made)
}

fn pack(contents: &Contents) -> Result<Package, Failure> {
    if contents.0.is_empty() {
        return Err(usage("expected files to pack, found none"));
    }
    Ok(Package {
        bytes: archive::zip(contents)?,
        files: Some(contents.0.len()),
    })
}

/// What the project says its package is.
fn packed(project: &Project, path: &Path) -> Result<Package, Failure> {
    if path.is_dir() {
        let mut contents = Contents::default();
        contents.add_folder(path, "", &excluded(project, &[]))?;
        return pack(&contents);
    }
    if !path.is_file() {
        return Err(usage(format!(
            "expected the package at {}, found nothing; does \"build\" make it?",
            path.display()
        )));
    }
    Ok(Package {
        bytes: archive::read(path)?,
        files: None,
    })
}

/// The folder as it is, with an executable `bootstrap`.
fn plain(project: &Project) -> Result<Contents, Failure> {
    let bootstrap = project.folder.join("bootstrap");
    if !bootstrap.is_file() {
        return Err(usage(format!(
            "expected go.mod, Cargo.toml or an executable named bootstrap in {}, found none of them",
            project.folder.display()
        )));
    }
    let mut contents = Contents::default();
    contents.add_folder(&project.folder, "", &excluded(project, &["/README.md"]))?;
    Ok(contents)
}

/// The project's own patterns behind those of its language.
fn excluded<'a>(project: &'a Project, also: &[&'a str]) -> Vec<&'a str> {
    also.iter().copied().chain(project.manifest.exclude.iter().map(String::as_str)).collect()
}

/// The architecture that the function is built for: this program's.
fn is_arm() -> bool {
    cfg!(target_arch = "aarch64")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::Overrides;

    fn project(runtime: &str, more: &str, files: &[(&str, &str)]) -> (tempfile::TempDir, Project) {
        let folder = tempfile::tempdir().unwrap();
        let manifest = format!("name = \"f\"\nruntime = \"{runtime}\"\nhandler = \"app.handler\"\n{more}");
        for (name, text) in files.iter().chain(&[("function.toml", manifest.as_str())]) {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let project = Project::open(folder.path(), &Overrides::default()).unwrap();
        (folder, project)
    }

    fn names(package: &Package) -> Vec<String> {
        let mut archive = zip::ZipArchive::new(std::io::Cursor::new(&package.bytes)).unwrap();
        let mut names: Vec<String> =
            (0..archive.len()).map(|at| archive.by_index(at).unwrap().name().unwrap().into_owned()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_project_says_what_its_package_is() {
        let more = "build = \"mkdir -p out && cp app.py out/app.py && touch out/built\"\npackage = \"out\"\n";
        let (_folder, project) = project("python3.12", more, &[("app.py", "x = 1")]);
        assert_eq!(names(&build(&project).unwrap()), ["app.py", "built"]);
    }

    #[test]
    fn a_build_that_fails_says_which() {
        let (_folder, project) = project("python3.12", "build = \"echo over here >&2; exit 3\"", &[("app.py", "")]);
        let error = build(&project).err().unwrap();
        assert!(error.message().contains("exit status: 3"), "{error:?}");
    }

    #[test]
    fn sources_without_dependencies_are_packed_as_they_are() {
        let (_folder, python) =
            project("python3.12", "exclude = [\"/notes\"]", &[("app.py", ""), ("notes/a", ""), ("test_app.py", "")]);
        assert_eq!(names(&build(&python).unwrap()), ["app.py"]);
        let (_folder, node) =
            project("nodejs20.x", "", &[("index.mjs", ""), ("package.json", "{}"), ("index.test.mjs", "")]);
        assert_eq!(names(&build(&node).unwrap()), ["index.mjs", "package.json"]);
    }

    #[test]
    fn an_executable_has_to_be_there() {
        let (_folder, lacking) = project("provided.al2023", "", &[("readme", "")]);
        assert!(build(&lacking).err().unwrap().message().contains("named bootstrap"));
        let (_folder, plain) = project("provided.al2023", "", &[("bootstrap", "#!/bin/sh")]);
        assert_eq!(names(&build(&plain).unwrap()), ["bootstrap"]);
    }
}
