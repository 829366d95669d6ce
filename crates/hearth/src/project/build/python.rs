//! Python: the folder, and what `requirements.txt` names beside it.

use super::super::files::Contents;
use super::super::{Project, toolchain, usage};
use super::stage::staged;
use super::tool::Tool;
use super::{excluded, is_arm};
use crate::exit::{Exit, Failure};

const REQUIREMENTS: &str = "requirements.txt";

pub(super) fn contents(project: &Project) -> Result<Contents, Failure> {
    let mut contents = Contents::default();
    if let Some(requirements) = requirements(project)? {
        let version = project.runtime.version;
        let folder = staged(project, "python", &[&requirements, version.as_bytes()], |into| {
            installer(project, version)?.args(["--target".as_ref(), project.relative(into).as_os_str()]).run()
        })?;
        // Programs of packages are for shells.
        contents.add_folder(&folder, "", &["/bin", "/.lock"])?;
    }
    let also = ["/requirements*.txt", "/test_*.py", "/*_test.py", "/tests", "/conftest.py", "/README.md"];
    contents.add_folder(&project.folder, "", &excluded(project, &also))?;
    Ok(contents)
}

/// The list, when it names something.
fn requirements(project: &Project) -> Result<Option<Vec<u8>>, Failure> {
    let path = project.folder.join(REQUIREMENTS);
    if !path.is_file() {
        return Ok(None);
    }
    let text = std::fs::read(&path).map_err(|e| usage(format!("failed to read {}: {e}", path.display())))?;
    let names_some =
        String::from_utf8_lossy(&text).lines().any(|line| !line.trim().is_empty() && !line.trim().starts_with('#'));
    Ok(names_some.then_some(text))
}

/// pip of the function's own version of Python where there is one; otherwise any pip, which takes ready-made packages for
/// that version alone.
fn installer(project: &Project, version: &str) -> Result<Tool, Failure> {
    let folder = &project.folder;
    let own = format!("python{version}");
    // A program of that name may be there and not work: version managers have one for each version that they know.
    let python = [own.as_str(), "python3"]
        .into_iter()
        .find(|python| toolchain::works(python, &["-m", "pip", "--version"], folder));
    let python = python.ok_or_else(|| {
        Failure::new(
            Exit::Failed,
            format!(
                "failed to find pip, which installs what {REQUIREMENTS} names: neither {own} nor python3 on the PATH has it; \
                 on Debian it is in the package python3-pip"
            ),
        )
    })?;
    let tool = Tool::new(python, folder)
        .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile", "-r", REQUIREMENTS])
        // It is a folder of its own that is filled, whoever does it.
        .env("PIP_ROOT_USER_ACTION", "ignore");
    let wanted = toolchain::numbers(version.as_bytes()).unwrap_or_default();
    if toolchain::version_of(python, "--version", folder).is_some_and(|found| found.starts_with(&wanted)) {
        return Ok(tool);
    }
    let platform = if is_arm() { "manylinux2014_aarch64" } else { "manylinux2014_x86_64" };
    Ok(tool.args([
        "--only-binary=:all:",
        "--implementation",
        "cp",
        "--python-version",
        version,
        "--platform",
        platform,
    ]))
}
