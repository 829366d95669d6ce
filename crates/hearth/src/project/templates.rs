//! The small projects that `hearth init` writes: sources under `templates/` at the root, packed into the program.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use hearth_runtimes::{Language, definition};

use super::usage;
use crate::cli::InitLanguage;
use crate::exit::Failure;

/// A project to begin with.
pub struct Template {
    /// As on the command line.
    pub name: &'static str,
    pub language: Language,
    /// Of languages that make an executable of their own.
    pub runtime: Option<&'static str>,
    /// Path in the project, and contents with [`NAME`], [`RUNTIME`] and [`VERSION`] to be filled in.
    files: &'static [(&'static str, &'static str)],
}

const NAME: &str = "{{name}}";
const RUNTIME: &str = "{{runtime}}";
/// Of the language, as the runtime's name has it: `21` of `java21`.
const VERSION: &str = "{{version}}";
const OWN_EXECUTABLE: Option<&str> = Some("provided.al2023");

macro_rules! packed {
    ($folder:literal: $($path:literal),* $(,)?) => {
        &[
            $(($path, include_str!(concat!("../../../../templates/", $folder, "/", $path))),)*
            // Without its dot there, so that it says nothing of that repository's own files.
            (".gitignore", include_str!(concat!("../../../../templates/", $folder, "/gitignore"))),
            ("event.json", include_str!("../../../../templates/event.json")),
        ]
    };
}

const TEMPLATES: &[Template] = &[
    Template {
        name: "python",
        language: Language::Python,
        runtime: None,
        files: packed!("python": "README.md", "app.py", "function.toml", "requirements.txt", "test_app.py"),
    },
    Template {
        name: "nodejs",
        language: Language::Node,
        runtime: None,
        files: packed!("nodejs": "README.md", "function.toml", "index.mjs", "index.test.mjs", "package.json"),
    },
    Template {
        name: "typescript",
        language: Language::Node,
        runtime: None,
        files: packed!(
            "typescript": "README.md", "function.toml", "package.json", "src/index.test.ts", "src/index.ts", "tsconfig.json",
        ),
    },
    Template {
        name: "java",
        language: Language::Java,
        runtime: None,
        files: packed!(
            "java": "README.md", "function.toml", "pom.xml", "src/main/java/example/App.java",
            "src/test/java/example/AppTest.java",
        ),
    },
    Template {
        name: "csharp",
        language: Language::Dotnet,
        runtime: None,
        files: packed!(
            "csharp": "Function.cs", "Function.csproj", "README.md", "function.toml", "tests/FunctionTest.cs",
            "tests/Tests.csproj",
        ),
    },
    Template {
        name: "go",
        language: Language::Provided,
        runtime: OWN_EXECUTABLE,
        files: packed!("go": "README.md", "function.toml", "go.mod", "go.sum", "main.go", "main_test.go"),
    },
    Template {
        name: "ruby",
        language: Language::Ruby,
        runtime: None,
        files: packed!("ruby": "README.md", "app.rb", "function.toml", "test_app.rb"),
    },
    Template {
        name: "rust",
        language: Language::Provided,
        runtime: OWN_EXECUTABLE,
        files: packed!("rust": "Cargo.toml", "README.md", "function.toml", "src/main.rs"),
    },
    Template {
        name: "bash",
        language: Language::Provided,
        runtime: OWN_EXECUTABLE,
        files: &[
            (".gitignore", include_str!("../../../../templates/bash/gitignore")),
            ("README.md", include_str!("../../../../templates/bash/README.md")),
            ("bootstrap", include_str!("../../../../examples/hello-provided/bootstrap")),
            ("event.json", include_str!("../../../../templates/event.json")),
            ("function.toml", include_str!("../../../../templates/bash/function.toml")),
        ],
    },
];

impl InitLanguage {
    pub fn template(self) -> &'static Template {
        &TEMPLATES[match self {
            Self::Python => 0,
            Self::Nodejs => 1,
            Self::Typescript => 2,
            Self::Java => 3,
            Self::Csharp => 4,
            Self::Go => 5,
            Self::Ruby => 6,
            Self::Rust => 7,
            Self::Bash => 8,
        }]
    }
}

impl Template {
    /// What its README has the user run, the function's name in it.
    pub fn commands(&self, name: &str) -> Vec<String> {
        let readme = self.files.iter().find(|(path, _)| *path == "README.md").map_or("", |(_, text)| text);
        let block = readme.split_once("```console\n").and_then(|(_, rest)| rest.split_once("```"));
        let lines = block.map_or("", |(block, _)| block).lines();
        lines.filter_map(|line| line.strip_prefix("$ ")).map(|line| line.replace(NAME, name)).collect()
    }

    /// Writes the project into a folder that is not there yet, or is empty. The files' paths.
    pub fn write(&self, folder: &Path, name: &str, runtime: &str) -> Result<Vec<String>, Failure> {
        let runtime = definition(runtime).filter(|found| found.language == self.language).ok_or_else(|| {
            usage(format!("expected a runtime for {}, found {runtime:?}; `hearth runtimes` lists them", self.name))
        })?;
        if fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some()) {
            return Err(usage(format!("expected a new or an empty folder, found files in {}", folder.display())));
        }
        for (path, text) in self.files {
            let text = text.replace(NAME, name).replace(RUNTIME, runtime.id).replace(VERSION, runtime.version);
            let path = folder.join(path);
            write(&path, &text).map_err(|e| usage(format!("failed to write {}: {e}", path.display())))?;
        }
        Ok(self.files.iter().map(|(path, _)| (*path).to_owned()).collect())
    }
}

fn write(path: &Path, text: &str) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, text)?;
    // A script is one to be run.
    if text.starts_with("#!") {
        fs::set_permissions(path, fs::Permissions::from_mode(0o755))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum;

    use super::*;
    use crate::project::{Overrides, Project};

    #[test]
    fn every_language_has_a_project_that_can_be_opened() {
        for language in InitLanguage::value_variants() {
            let template = language.template();
            assert_eq!(language.to_possible_value().unwrap().get_name(), template.name);
            let known = hearth_runtimes::definitions().iter().rfind(|one| one.language == template.language).unwrap();
            let folder = tempfile::tempdir().unwrap();
            let files = template.write(folder.path(), "greeter", template.runtime.unwrap_or(known.id)).unwrap();
            for file in files {
                let text = fs::read_to_string(folder.path().join(&file)).unwrap();
                assert!(!text.contains("{{"), "{}: {file} has something left to fill in", template.name);
            }
            let project = Project::open(folder.path(), &Overrides::default()).unwrap();
            assert_eq!(project.name, "greeter");
            let commands = template.commands("greeter");
            assert!(commands.iter().any(|one| one.starts_with("hearth invoke greeter -p @event.json")), "{commands:?}");
        }
    }

    #[test]
    fn nothing_is_written_over() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("mine"), "").unwrap();
        let error = InitLanguage::Python.template().write(folder.path(), "f", "python3.12").unwrap_err();
        assert!(error.message().contains("found files in"), "{error:?}");
    }

    #[test]
    fn the_runtime_has_to_fit() {
        let folder = tempfile::tempdir().unwrap();
        let error = InitLanguage::Python.template().write(folder.path(), "f", "nodejs22.x").unwrap_err();
        assert!(error.message().contains("a runtime for python"), "{error:?}");
    }
}
