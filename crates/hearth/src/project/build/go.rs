//! Go: one static program, named `bootstrap`.

use super::super::Project;
use super::super::files::Contents;
use super::is_arm;
use super::tool::Tool;
use crate::exit::Failure;

pub(super) fn contents(project: &Project) -> Result<Contents, Failure> {
    let program = project.build_folder().join("go/bootstrap");
    Tool::new("go", &project.folder)
        .args(["build", "-trimpath", "-tags", "lambda.norpc", "-ldflags", "-s -w", "-o"])
        .args([project.relative(&program).as_os_str(), ".".as_ref()])
        .env("CGO_ENABLED", "0")
        .env("GOOS", "linux")
        .env("GOARCH", if is_arm() { "arm64" } else { "amd64" })
        .hint("Go builds it: https://go.dev/dl")
        .run()?;
    let mut contents = Contents::default();
    contents.add_file("bootstrap", program);
    Ok(contents)
}
