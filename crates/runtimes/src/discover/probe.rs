//! Asking an interpreter what it is, by running it once.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::table::Language;

/// What an interpreter says of itself.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) version: String,
    pub(super) prefix: PathBuf,
}

#[derive(Debug, thiserror::Error)]
pub(super) enum ProbeError {
    #[error("cannot be run: {0}")]
    Run(#[from] std::io::Error),
    #[error("gave no answer within {0:?}")]
    Timeout(Duration),
    #[error("failed with {0}")]
    Failed(std::process::ExitStatus),
    #[error("answered {0:?}, expected a version")]
    Answer(String),
    #[error("Hearth has no bootstrap for {0}")]
    Language(Language),
}

/// Prints the version, the prefix and the implementation. Pre-releases carry a mark that no runtime accepts.
const ASK_PYTHON: &str = "import sys; v = sys.version_info; \
    print('%d.%d.%d%s' % (*v[:3], '' if v[3] == 'final' else '-' + v[3])); \
    print(sys.base_prefix); print(sys.implementation.name)";

/// The same of Ruby. A patch level of -1 marks a pre-release.
const ASK_RUBY: &str = "require 'rbconfig'; \
    puts RUBY_VERSION + (RUBY_PATCHLEVEL < 0 ? '-pre' : ''), RbConfig::CONFIG['prefix'], RUBY_ENGINE";

pub(super) fn identify(language: Language, executable: &Path, timeout: Duration) -> Result<Identity, ProbeError> {
    match language {
        Language::Python => {
            let answer = ask(executable, &["-I", "-S", "-c", ASK_PYTHON], timeout)?;
            stated_identity(&answer, "cpython").ok_or(ProbeError::Answer(answer))
        }
        Language::Node => {
            let answer = ask(executable, &["--version"], timeout)?;
            node_identity(&answer, executable).ok_or(ProbeError::Answer(answer))
        }
        Language::Ruby => {
            let answer = ask(executable, &["--disable=gems", "-e", ASK_RUBY], timeout)?;
            stated_identity(&answer, "ruby").ok_or(ProbeError::Answer(answer))
        }
        Language::Java => {
            let answer = ask(executable, &["--version"], timeout)?;
            java_identity(&answer, executable).ok_or(ProbeError::Answer(answer))
        }
        // The folder's name says it, so nothing has to be run.
        Language::Dotnet => {
            let (host, version) = crate::dotnet::host(executable).ok_or(ProbeError::Language(language))?;
            let prefix = host.parent().unwrap_or(Path::new("/")).to_owned();
            if is_version(&version) { Ok(Identity { version, prefix }) } else { Err(ProbeError::Answer(version)) }
        }
        Language::Provided => Err(ProbeError::Language(language)),
    }
}

/// From an interpreter that says its version, prefix and implementation, a line each.
fn stated_identity(answer: &str, wanted: &str) -> Option<Identity> {
    let mut lines = answer.lines();
    let (version, prefix, implementation) = (lines.next()?, lines.next()?, lines.next()?);
    let usable = is_version(version) && implementation == wanted && prefix.starts_with('/');
    usable.then(|| Identity {
        version: version.to_owned(),
        prefix: PathBuf::from(prefix),
    })
}

fn node_identity(answer: &str, executable: &Path) -> Option<Identity> {
    let version = answer.trim().strip_prefix('v')?;
    let folder = executable.parent()?;
    let prefix = if folder.ends_with("bin") { folder.parent()? } else { folder };
    is_version(version).then(|| Identity {
        version: version.to_owned(),
        prefix: prefix.to_owned(),
    })
}

/// `openjdk 17.0.15 2025-04-15` and two more lines, the last of which names the virtual machine. The numbers at the end
/// are left out where they are 0.
fn java_identity(answer: &str, executable: &Path) -> Option<Identity> {
    let said = answer.split_whitespace().nth(1)?;
    let (numbers, mark) = said.split_once('-').map_or((said, None), |(numbers, mark)| (numbers, Some(mark)));
    let mut parts: Vec<&str> = numbers.split('.').take(3).collect();
    parts.resize(3, "0");
    let version = parts.join(".") + &mark.map(|mark| format!("-{mark}")).unwrap_or_default();
    let usable = is_version(&version) && !answer.contains("OpenJ9");
    usable.then(|| Identity {
        version,
        prefix: executable.parent().and_then(Path::parent).unwrap_or(executable).to_owned(),
    })
}

/// Three numbers, and perhaps the mark of a pre-release.
fn is_version(text: &str) -> bool {
    let numbers = text.split_once('-').map_or(text, |(numbers, _)| numbers);
    numbers.split('.').count() == 3 && numbers.split('.').all(|part| part.parse::<u32>().is_ok())
}

/// What the program prints, given nothing of this process's environment.
pub(super) fn ask(program: &Path, arguments: &[&str], timeout: Duration) -> Result<String, ProbeError> {
    let mut child = Command::new(program)
        .args(arguments)
        .env_clear()
        .env("LC_ALL", "C.UTF-8")
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let started = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if started.elapsed() > timeout {
            child.kill()?;
            child.wait()?;
            return Err(ProbeError::Timeout(timeout));
        }
        std::thread::sleep(Duration::from_millis(2));
    };
    if !status.success() {
        return Err(ProbeError::Failed(status));
    }
    let mut answer = String::new();
    if let Some(output) = child.stdout.take() {
        output.take(64 * 1024).read_to_string(&mut answer)?;
    }
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_python(answer: &str, expected: Option<(&str, &str)>) {
        let found = stated_identity(answer, "cpython");
        let found = found.as_ref().map(|one| (one.version.as_str(), one.prefix.to_str().unwrap_or_default()));
        assert_eq!(found, expected);
    }

    #[test]
    fn only_real_versions_of_cpython_count() {
        check_python("3.12.1\n/usr\ncpython\n", Some(("3.12.1", "/usr")));
        check_python("3.14.0-candidate\n/usr\ncpython\n", Some(("3.14.0-candidate", "/usr")));
        check_python("3.11.9\n/usr\npypy\n", None);
        check_python("3.12\n/usr\ncpython\n", None);
        check_python("3.12.1\nusr\ncpython\n", None);
        check_python("", None);
    }

    #[track_caller]
    fn check_java(answer: &str, expected: Option<&str>) {
        let found = java_identity(answer, Path::new("/usr/lib/jvm/x/bin/java"));
        assert!(found.as_ref().is_none_or(|one| one.prefix == Path::new("/usr/lib/jvm/x")));
        assert_eq!(found.map(|one| one.version).as_deref(), expected);
    }

    #[test]
    fn every_way_of_writing_a_java_version() {
        let hotspot = "\nOpenJDK Runtime Environment (build 17.0.15+6)\nOpenJDK 64-Bit Server VM (build 17.0.15+6)\n";
        check_java(&format!("openjdk 17.0.15 2025-04-15{hotspot}"), Some("17.0.15"));
        check_java(&format!("java 25 2025-09-16 LTS{hotspot}"), Some("25.0.0"));
        check_java(&format!("openjdk 11.0.20.1 2023-08-24{hotspot}"), Some("11.0.20"));
        check_java(&format!("openjdk 26-ea 2026-03-17{hotspot}"), Some("26.0.0-ea"));
        check_java("openjdk 17.0.1 2021-10-19\nIBM\nEclipse OpenJ9 VM (build x)\n", None);
        check_java("Unrecognized option: --version", None);
        check_java("", None);
    }

    #[test]
    fn node_lives_below_its_prefix() {
        let identity = node_identity("v20.20.2\n", Path::new("/opt/node20/bin/node"));
        assert_eq!(
            identity,
            Some(Identity {
                version: "20.20.2".into(),
                prefix: "/opt/node20".into()
            })
        );
        assert_eq!(node_identity("20.20.2\n", Path::new("/opt/node20/bin/node")), None);
    }

    #[test]
    fn a_program_that_hangs_or_fails_is_no_interpreter() {
        let sh = Path::new("/bin/sh");
        let short = Duration::from_millis(50);
        assert!(matches!(ask(sh, &["-c", "sleep 5"], short), Err(ProbeError::Timeout(_))));
        assert!(matches!(ask(sh, &["-c", "exit 3"], PATIENCE), Err(ProbeError::Failed(_))));
        assert!(matches!(ask(sh, &["-c", "echo hi"], PATIENCE).as_deref(), Ok("hi\n")));
        assert!(matches!(ask(Path::new("/nonexistent"), &[], PATIENCE), Err(ProbeError::Run(_))));
    }

    const PATIENCE: Duration = Duration::from_secs(10);
}
