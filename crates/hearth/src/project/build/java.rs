//! Java: what Maven or Gradle builds. A jar and its libraries go into `lib/` of the package, which is on Lambda's class path.

use std::path::{Path, PathBuf};

use super::super::files::Contents;
use super::super::{Project, archive, usage};
use super::tool::Tool;
use super::{Package, pack};
use crate::exit::Failure;

pub(super) fn package(project: &Project, built: bool) -> Result<Package, Failure> {
    let has = |file: &str| project.folder.join(file).is_file();
    if has("pom.xml") {
        return maven(project, built);
    }
    if has("build.gradle") || has("build.gradle.kts") {
        return gradle(project, built);
    }
    Err(usage(format!(
        "expected pom.xml or build.gradle in {}, found neither; or name the jar as \"package\" in function.toml",
        project.folder.display()
    )))
}

/// `mvn package`; its runtime dependencies are copied beside the jar, unless the jar has them in it already.
fn maven(project: &Project, built: bool) -> Result<Package, Failure> {
    let libraries = project.build_folder().join("java");
    if !built {
        let fail = |e| usage(format!("failed to remove {}: {e}", libraries.display()));
        if libraries.exists() {
            std::fs::remove_dir_all(&libraries).map_err(fail)?;
        }
        let wrapper = project.folder.join("mvnw").is_file();
        Tool::new(if wrapper { "./mvnw" } else { "mvn" }, &project.folder)
            .args([
                "--quiet",
                "--batch-mode",
                "-DskipTests",
                "package",
                "dependency:copy-dependencies",
                "-DincludeScope=runtime",
            ])
            .args([format!("-DoutputDirectory={}", project.relative(&libraries).display())])
            // A build of seconds: what starts slowly to run fast later does not pay.
            .env_default("MAVEN_OPTS", "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC")
            .hint("Maven builds it; on Debian it is in the package maven")
            .run()?;
    }
    let jar = newest(&project.folder.join("target"), ".jar")?;
    let mut contents = Contents::default();
    contents.add_file(&format!("lib/{}", file_name(&jar)), jar);
    if libraries.is_dir() {
        contents.add_folder(&libraries, "lib/", &[])?;
    }
    pack(&contents)
}

/// `gradle build`: a zip of `build/distributions`, as AWS's documentation has Gradle make, or the jar alone.
fn gradle(project: &Project, built: bool) -> Result<Package, Failure> {
    if !built {
        let wrapper = project.folder.join("gradlew").is_file();
        Tool::new(if wrapper { "./gradlew" } else { "gradle" }, &project.folder)
            .args(["--quiet", "build", "-x", "test"])
            .hint("Gradle builds it, with the project's wrapper or as a program of the host")
            .run()?;
    }
    let path = newest(&project.folder.join("build/distributions"), ".zip")
        .or_else(|_| newest(&project.folder.join("build/libs"), ".jar"))?;
    Ok(Package {
        bytes: archive::read(&path)?,
        files: None,
    })
}

/// The file that was built last, but for sources, documentation and what a shading tool set aside.
fn newest(folder: &Path, ending: &str) -> Result<PathBuf, Failure> {
    let is_it = |path: &PathBuf| {
        let name = file_name(path);
        let aside = ["-sources.jar", "-javadoc.jar", "-tests.jar", "-plain.jar"].iter().any(|end| name.ends_with(end));
        name.ends_with(ending) && !aside && !name.starts_with("original-")
    };
    let files = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let built = files.filter(is_it).max_by_key(|path| path.metadata().and_then(|it| it.modified()).ok());
    built.ok_or_else(|| usage(format!("expected a file that ends with {ending} in {}, found none", folder.display())))
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
