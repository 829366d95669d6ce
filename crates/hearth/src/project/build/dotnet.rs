//! .NET: what `dotnet publish` makes.

use super::super::files::Contents;
use super::super::{Project, usage};
use super::tool::Tool;
use super::{excluded, is_arm};
use crate::exit::Failure;

pub(super) fn contents(project: &Project) -> Result<Contents, Failure> {
    let folder = project.build_folder().join("dotnet");
    if folder.exists() {
        // What an earlier build made may not be part of this one.
        std::fs::remove_dir_all(&folder).map_err(|e| usage(format!("failed to remove {}: {e}", folder.display())))?;
    }
    let runtime = if is_arm() { "linux-arm64" } else { "linux-x64" };
    Tool::new("dotnet", &project.folder)
        .args(["publish", "--nologo", "--verbosity", "quiet", "--configuration", "Release", "--runtime", runtime])
        .args(["--self-contained", "false", "--output"])
        .args([project.relative(&folder)])
        .env("DOTNET_CLI_TELEMETRY_OPTOUT", "1")
        .env_default("DOTNET_NOLOGO", "1")
        .hint("the .NET SDK builds it: https://dotnet.microsoft.com/download")
        .run()?;
    let mut contents = Contents::default();
    contents.add_folder(&folder, "", &excluded(project, &[]))?;
    Ok(contents)
}
