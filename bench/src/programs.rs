//! Functions that are compiled: those of the contract's tests, which answer an event without a case with itself.

use std::io;
use std::path::Path;
use std::process::Command;

use crate::hearth::Source;

/// Built as AWS's page on Go has it.
pub(crate) fn go(cache: &Path) -> io::Result<Source> {
    let program = cache.join("go/bootstrap");
    let mut build = Command::new("go");
    build.args(["build", "-tags", "lambda.norpc", "-trimpath", "-ldflags", "-s -w", "-o"]);
    build.arg(&program).arg(".").current_dir("tests/contract/functions/go").env("CGO_ENABLED", "0");
    built(build, &program)
}

/// A release build.
pub(crate) fn rust(cache: &Path) -> io::Result<Source> {
    let target = cache.join("rust");
    let mut build = Command::new("cargo");
    build.args(["build", "--quiet", "--release", "--locked"]);
    build.current_dir("tests/contract/functions/rust").env("CARGO_TARGET_DIR", &target);
    built(build, &target.join("release/bootstrap"))
}

fn built(mut build: Command, program: &Path) -> io::Result<Source> {
    let done = build.output()?;
    if !done.status.success() {
        return Err(io::Error::other(String::from_utf8_lossy(&done.stderr).into_owned()));
    }
    Ok(Source {
        runtime: "provided.al2023".to_owned(),
        handler: "bootstrap",
        file: "bootstrap",
        code: std::fs::read(program)?,
    })
}
