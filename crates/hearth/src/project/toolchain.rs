//! What this machine's own tools of a language are: they build and test a project, whatever serves it later.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use hearth_runtimes::Language;

/// The version of the language that its tools on the search path build for at most; `None` where there are none.
pub fn version(language: Language) -> Option<Vec<u64>> {
    let here = Path::new(".");
    match language {
        Language::Python => version_of("python3", "--version", here),
        Language::Node => version_of("node", "--version", here),
        Language::Ruby => version_of("ruby", "--version", here),
        // The one that Maven and Gradle take.
        Language::Java => version_of(&java_compiler(), "-version", here),
        Language::Dotnet => version_of("dotnet", "--version", here),
        Language::Provided => None,
    }
}

fn java_compiler() -> String {
    let home = std::env::var_os("JAVA_HOME").filter(|home| !home.is_empty());
    home.map_or_else(|| "javac".to_owned(), |home| PathBuf::from(home).join("bin/javac").display().to_string())
}

/// What a program says of its version in a folder, whose files may choose one. One that is there but does not work (a version manager's stand-in for what it has
/// not got) has none.
pub fn version_of(program: &str, question: &str, folder: &Path) -> Option<Vec<u64>> {
    let said = ask(program, &[question], folder).filter(|said| said.status.success())?;
    numbers(&[said.stdout, said.stderr].concat())
}

/// Whether the program is there and does this without an error.
pub fn works(program: &str, arguments: &[&str], folder: &Path) -> bool {
    ask(program, arguments, folder).is_some_and(|said| said.status.success())
}

fn ask(program: &str, arguments: &[&str], folder: &Path) -> Option<Output> {
    Command::new(program).args(arguments).current_dir(folder).stdin(Stdio::null()).output().ok()
}

/// The first version in a text: `3.11.7` of `Python 3.11.7`.
pub fn numbers(text: &[u8]) -> Option<Vec<u64>> {
    let start = text.iter().position(u8::is_ascii_digit)?;
    let version = text[start..].split(|byte| !byte.is_ascii_digit() && *byte != b'.').next()?;
    let parts = version.split(|byte| *byte == b'.').map_while(|part| std::str::from_utf8(part).ok()?.parse().ok());
    Some(parts.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_tool_says_its_version_in_its_own_way() {
        #[track_caller]
        fn check(said: &str, expected: &[u64]) {
            assert_eq!(numbers(said.as_bytes()).unwrap_or_default(), expected, "{said}");
        }
        check("Python 3.11.7\n", &[3, 11, 7]);
        check("v20.20.2\n", &[20, 20, 2]);
        check("ruby 3.1.2p20 (2022-04-12 revision 4491bb740a) [x86_64-linux-gnu]\n", &[3, 1, 2]);
        check("javac 17.0.15\n", &[17, 0, 15]);
        check("javac 25-ea\n", &[25]);
        check("10.0.100-rc.1.25451.107\n", &[10, 0, 100]);
        check("nothing\n", &[]);
    }

    #[test]
    fn a_program_that_fails_has_no_version() {
        let folder = tempfile::tempdir().unwrap();
        // As a version manager's for a version that it has not got.
        let shim = folder.path().join("python3");
        std::fs::write(&shim, "#!/bin/sh\necho 3.13.0 is not among: 3.11.7\nexit 127\n").unwrap();
        let text = |path: &Path| path.display().to_string();
        for program in [text(&shim), text(&folder.path().join("absent"))] {
            assert_eq!(version_of(&program, "--version", folder.path()), None);
            assert!(!works(&program, &[], folder.path()));
        }
        assert!(works("true", &[], folder.path()));
    }
}
