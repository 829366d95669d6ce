//! How a runtime process is started: its command line and the part of its environment that depends on the runtime alone.

pub(crate) mod java;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use crate::bundle;
use crate::discover::Interpreter;
use crate::dotnet;
use crate::table::{Definition, Language};

/// Names the descriptor of the lean channel to a bootstrap.
pub const CHANNEL_FD_VARIABLE: &str = "_HEARTH_CHANNEL_FD";

/// Names the descriptor of the log channel to a runtime.
pub const TELEMETRY_FD_VARIABLE: &str = "_LAMBDA_TELEMETRY_LOG_FD";

/// Where an OS-only function's executable may be, the first found wins.
pub const PROVIDED_BOOTSTRAPS: [&str; 2] = ["/var/task/bootstrap", "/opt/bootstrap"];

pub(crate) const RUNTIME_DIR: &str = "/var/runtime";

/// Raised with the bootstraps' behaviour; part of the version that functions see in their log.
const REVISION: u32 = 1;

/// A runtime, and what serves it on this host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResolvedRuntime {
    pub definition: &'static Definition,
    /// `None` for OS-only runtimes.
    pub interpreter: Option<Interpreter>,
    /// The runtime whose interpreter stands in for this one's.
    pub alias: Option<&'static str>,
}

/// What the function's own configuration changes about the command line. Variables are those of its merged environment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LaunchOptions<'a> {
    /// `AWS_LAMBDA_EXEC_WRAPPER`; OS-only runtimes ignore it.
    pub exec_wrapper: Option<&'a str>,
    /// `NODE_OPTIONS`.
    pub node_options: Option<&'a str>,
    /// `JAVA_TOOL_OPTIONS`.
    pub java_tool_options: Option<&'a str>,
    /// The function's memory, by which V8, Java's virtual machine and .NET size their heaps.
    pub memory_mib: Option<u32>,
    /// The function's handler: in .NET it may name a program of its own.
    pub handler: Option<&'a str>,
    /// Where `/var/task` lies on the host, to see whether that program is there.
    pub task: Option<&'a Path>,
    /// The function sets `DOTNET_GCHeapHardLimit`.
    pub own_heap_limit: bool,
}

/// The first executable that is there, given where `/var/task` and `/opt` lie on the host.
#[must_use]
pub fn provided_bootstrap(task: &Path, opt: Option<&Path>) -> Option<&'static str> {
    let [in_task, in_opt] = PROVIDED_BOOTSTRAPS;
    if task.join("bootstrap").exists() {
        return Some(in_task);
    }
    opt.is_some_and(|opt| opt.join("bootstrap").exists()).then_some(in_opt)
}

/// Not in the table of runtimes: no function names it.
static IMAGE: Definition = Definition {
    id: "image",
    language: Language::Provided,
    version: "image",
};

impl ResolvedRuntime {
    /// What runs a container image: nothing of the host.
    #[must_use]
    pub fn of_image() -> Self {
        Self {
            definition: &IMAGE,
            interpreter: None,
            alias: None,
        }
    }

    /// The command line inside the sandbox; its first word is an absolute path.
    ///
    /// An OS-only runtime gets the first of [`PROVIDED_BOOTSTRAPS`]; use [`provided_bootstrap`] to choose.
    #[must_use]
    pub fn argv(&self, options: &LaunchOptions<'_>) -> Vec<OsString> {
        let Some(interpreter) = &self.interpreter else {
            return vec![PROVIDED_BOOTSTRAPS[0].into()];
        };
        let mut argv = match options.exec_wrapper.filter(|wrapper| !wrapper.is_empty()) {
            // As on Lambda a shell starts the wrapper, so that a missing one ends with status 127.
            Some(wrapper) => ["/bin/sh", "-c", "exec \"$@\"", "sh", wrapper].map(OsString::from).to_vec(),
            None => Vec::new(),
        };
        if self.definition.language == Language::Dotnet {
            argv.extend(dotnet::argv(interpreter, self.alias.is_some(), options));
            return argv;
        }
        argv.push(interpreter.executable.clone().into_os_string());
        match self.definition.language {
            // No site hooks: they double the time to start, and process `.pth` files that no function asked for.
            Language::Python => argv.extend(["-S".into(), format!("{RUNTIME_DIR}/bootstrap.py").into()]),
            Language::Node => {
                argv.extend(node_flags(interpreter, options).into_iter().map(OsString::from));
                argv.push(format!("{RUNTIME_DIR}/index.cjs").into());
            }
            // Texts are UTF-8, whatever the locale.
            Language::Ruby => argv.extend(["-EUTF-8".into(), format!("{RUNTIME_DIR}/bootstrap.rb").into()]),
            Language::Java => argv.extend(java::words(interpreter, options).into_iter().map(OsString::from)),
            Language::Dotnet | Language::Provided => {}
        }
        argv
    }

    /// The variables that Lambda sets and that depend on the runtime alone. A function's own variables
    /// may override those that Lambda lets them; the caller adds the rest (`_HANDLER`, `AWS_LAMBDA_*`, credentials).
    #[must_use]
    pub fn environment(&self) -> Vec<(&'static str, String)> {
        let mut variables = common(self.definition.id);
        if self.definition.language != Language::Provided {
            variables.push(("AWS_EXECUTION_ENV", format!("AWS_Lambda_{}", self.definition.id)));
        }
        if !matches!(self.definition.language, Language::Provided | Language::Java) {
            variables.push(("PWD", "/var/task".into()));
            variables.push(("SHLVL", "0".into()));
        }
        match self.definition.language {
            Language::Python => {
                variables.push(("PYTHONPATH", RUNTIME_DIR.into()));
                variables.push(("LC_CTYPE", "C.UTF-8".into()));
            }
            Language::Node => variables.push(("NODE_PATH", node_path(self.definition.version))),
            Language::Ruby => variables.extend(ruby_variables(self.definition.version)),
            // The bootstrap takes it away when the virtual machine has read it.
            Language::Java => variables.push(("LC_ALL", "C.UTF-8".into())),
            Language::Dotnet => variables.extend(dotnet::variables(self.definition.id)),
            Language::Provided => {}
        }
        variables
    }

    /// Host paths outside the system folders that the sandbox must mount read-only at the same place.
    #[must_use]
    pub fn mounts(&self) -> &[PathBuf] {
        self.interpreter.as_ref().map_or(&[], |interpreter| &interpreter.needs_mounts)
    }

    /// Whether the process speaks the lean channel, or else the HTTP Runtime API.
    #[must_use]
    pub fn uses_channel(&self) -> bool {
        self.definition.language != Language::Provided
    }

    /// Whether a handler of this name is a program of the function's own, which starts as it is and speaks the HTTP Runtime
    /// API.
    #[must_use]
    pub fn runs_executable(&self, handler: &str) -> bool {
        self.definition.language == Language::Dotnet && dotnet::names_executable(handler)
    }

    /// The runtime version of the `INIT_START` line: `python:3.12.v1`, `provided:al2023.v1`.
    #[must_use]
    pub fn version_label(&self) -> String {
        let name = match self.definition.language {
            Language::Python => "python",
            Language::Node => "nodejs",
            Language::Java => "java",
            Language::Dotnet => "dotnet",
            Language::Ruby => "ruby",
            Language::Provided => "provided",
        };
        // What really runs, not what it stands in for.
        let served = self.alias.and_then(crate::table::definition_or_stand_in).unwrap_or(self.definition);
        format!("{name}:{}.v{REVISION}", served.version)
    }

    /// The same as an ARN. The same sources and interpreter version give the same one on every host.
    #[must_use]
    pub fn version_arn(&self, region: &str) -> String {
        let mut hash = Sha256::new();
        hash.update(self.version_label());
        hash.update(bundle::language_digest(self.definition.language));
        hash.update(self.interpreter.as_ref().map_or("", |interpreter| &interpreter.version));
        format!("arn:aws:lambda:{region}::runtime:{}", hex::encode(hash.finalize()))
    }
}

fn common(id: &str) -> Vec<(&'static str, String)> {
    // The oldest OS-only runtime has no language folder.
    let (path, library_path) = if id == "provided.al2" { ("", "") } else { ("/var/lang/bin:", "/var/lang/lib:") };
    vec![
        ("LANG", "en_US.UTF-8".into()),
        ("TZ", ":UTC".into()),
        ("PATH", format!("{path}/usr/local/bin:/usr/bin/:/bin:/opt/bin")),
        (
            "LD_LIBRARY_PATH",
            format!("{library_path}/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:/var/task:/var/task/lib:/opt/lib"),
        ),
        ("LAMBDA_TASK_ROOT", "/var/task".into()),
        ("LAMBDA_RUNTIME_DIR", RUNTIME_DIR.into()),
    ]
}

fn node_path(major: &str) -> String {
    format!(
        "/opt/nodejs/node{major}/node_modules:/opt/nodejs/node_modules:{RUNTIME_DIR}/node_modules:{RUNTIME_DIR}:/var/task"
    )
}

/// Folders of gems are named by the version that functions are packaged for, which an alias does not change.
fn ruby_variables(version: &str) -> Vec<(&'static str, String)> {
    vec![
        ("GEM_HOME", RUNTIME_DIR.into()),
        (
            "GEM_PATH",
            format!(
                "/var/task/vendor/bundle/ruby/{version}.0:/opt/ruby/gems/{version}.0:{RUNTIME_DIR}:\
                 {RUNTIME_DIR}/ruby/{version}.0"
            ),
        ),
        ("RUBYLIB", format!("/var/task:{RUNTIME_DIR}/lib:/opt/ruby/lib")),
        // Not on Lambda, whose image has the locale of LANG. Ruby reads its variables and arguments by it.
        ("LC_CTYPE", "C.UTF-8".into()),
    ]
}

/// Flags for Node.js, each left out where the function's NODE_OPTIONS have their own idea of it.
fn node_flags(interpreter: &Interpreter, options: &LaunchOptions<'_>) -> Vec<String> {
    let own = options.node_options.unwrap_or("").replace('_', "-");
    let mut flags = Vec::new();
    // V8 cannot see the sandbox's memory limit, and would let garbage grow until the kernel kills the process.
    if let Some(memory) = options.memory_mib.filter(|_| !own.contains("--max-old-space-size")) {
        flags.push(format!("--max-old-space-size={}", u64::from(memory) * 9 / 10));
    }
    for flag in module_flags(&interpreter.version_key()) {
        if !own.contains(&format!("--{}", flag.trim_start_matches("--no-"))) {
            flags.push((*flag).to_owned());
        }
    }
    flags
}

/// Lambda switches off what Node.js 20 and 22 regard as experimental about modules; a function can switch it on again by
/// NODE_OPTIONS (AWS's page "Building Lambda functions with Node.js"). Older releases do not know the flags.
fn module_flags(version: &[u64]) -> &'static [&'static str] {
    match version {
        [20, minor, ..] if *minor >= 17 => &["--no-experimental-require-module"],
        [22, ..] => &["--no-experimental-require-module", "--no-experimental-detect-module"],
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::definition;

    fn resolved(id: &str, version: &str) -> ResolvedRuntime {
        let definition = definition(id).unwrap_or_else(|| panic!("{id} is not known"));
        let interpreter = (definition.language != Language::Provided).then(|| Interpreter {
            language: definition.language,
            version: version.into(),
            executable: "/opt/lang/bin/run".into(),
            prefix: "/opt/lang".into(),
            needs_mounts: vec!["/opt/lang".into()],
        });
        ResolvedRuntime {
            definition,
            interpreter,
            alias: None,
        }
    }

    #[track_caller]
    fn check_argv(id: &str, version: &str, options: &LaunchOptions<'_>, expected: &[&str]) {
        let expected: Vec<OsString> = expected.iter().map(OsString::from).collect();
        assert_eq!(resolved(id, version).argv(options), expected);
    }

    #[test]
    fn command_lines() {
        let plain = LaunchOptions::default();
        check_argv("python3.12", "3.12.1", &plain, &["/opt/lang/bin/run", "-S", "/var/runtime/bootstrap.py"]);
        check_argv("nodejs18.x", "18.20.0", &plain, &["/opt/lang/bin/run", "/var/runtime/index.cjs"]);
        check_argv("ruby3.4", "3.4.1", &plain, &["/opt/lang/bin/run", "-EUTF-8", "/var/runtime/bootstrap.rb"]);
        check_argv("provided.al2023", "", &plain, &["/var/task/bootstrap"]);
        let wrapped = LaunchOptions {
            exec_wrapper: Some("/opt/wrap"),
            ..plain
        };
        check_argv(
            "python3.12",
            "3.12.1",
            &wrapped,
            &[
                "/bin/sh",
                "-c",
                "exec \"$@\"",
                "sh",
                "/opt/wrap",
                "/opt/lang/bin/run",
                "-S",
                "/var/runtime/bootstrap.py",
            ],
        );
        check_argv("provided.al2023", "", &wrapped, &["/var/task/bootstrap"]);
    }

    /// Recorded from AWS: a wrapper that is not there ends the runtime with status 127.
    #[test]
    fn a_missing_wrapper_ends_with_127() {
        let options = LaunchOptions {
            exec_wrapper: Some("/nonexistent/wrapper"),
            ..LaunchOptions::default()
        };
        let argv = resolved("python3.12", "3.12.1").argv(&options);
        let ended = std::process::Command::new(&argv[0]).args(&argv[1..]).output();
        assert_eq!(ended.ok().and_then(|output| output.status.code()), Some(127));
    }

    #[test]
    fn node_flags_give_way_to_node_options() {
        let memory = LaunchOptions {
            memory_mib: Some(128),
            ..LaunchOptions::default()
        };
        let with = |node_options| LaunchOptions {
            node_options: Some(node_options),
            ..memory
        };
        #[track_caller]
        fn check(version: &str, options: &LaunchOptions<'_>, expected: &[&str]) {
            let id = format!("nodejs{}.x", version.split('.').next().unwrap_or_default());
            let runtime = resolved(&id, version);
            let flags = runtime.interpreter.map(|interpreter| node_flags(&interpreter, options)).unwrap_or_default();
            assert_eq!(flags, expected);
        }
        let (heap, require, detect) =
            ("--max-old-space-size=115", "--no-experimental-require-module", "--no-experimental-detect-module");
        check("18.20.0", &memory, &[heap]);
        check("20.10.0", &memory, &[heap]);
        check("20.20.2", &memory, &[heap, require]);
        check("22.1.0", &memory, &[heap, require, detect]);
        check("24.1.0", &memory, &[heap]);
        check("22.1.0", &with("--experimental-require-module"), &[heap, detect]);
        check("20.20.2", &with("--max_old_space_size=50"), &[require]);
    }

    #[test]
    fn environments_follow_the_fact_sheet() {
        let of = |id: &str| -> std::collections::BTreeMap<_, _> {
            resolved(id, "1.2.3").environment().into_iter().collect()
        };
        let python = of("python3.13");
        assert_eq!(python["AWS_EXECUTION_ENV"], "AWS_Lambda_python3.13");
        assert_eq!(python["PYTHONPATH"], "/var/runtime");
        assert_eq!(python["PATH"], "/var/lang/bin:/usr/local/bin:/usr/bin/:/bin:/opt/bin");
        assert!(of("nodejs22.x")["NODE_PATH"].starts_with("/opt/nodejs/node22/node_modules:/opt/nodejs/node_modules:"));
        let ruby = of("ruby3.3");
        assert_eq!(ruby["RUBYLIB"], "/var/task:/var/runtime/lib:/opt/ruby/lib");
        assert_eq!(
            ruby["GEM_PATH"],
            "/var/task/vendor/bundle/ruby/3.3.0:/opt/ruby/gems/3.3.0:/var/runtime:/var/runtime/ruby/3.3.0"
        );
        let provided = of("provided.al2");
        assert!(!provided.contains_key("AWS_EXECUTION_ENV") && !provided.contains_key("PWD"));
        assert!(!provided["PATH"].contains("/var/lang"));
    }

    #[test]
    fn versions_name_what_really_runs() {
        let one = resolved("python3.12", "3.12.1");
        assert_eq!(one.version_label(), "python:3.12.v1");
        let arn = one.version_arn("eu-west-1");
        assert!(arn.starts_with("arn:aws:lambda:eu-west-1::runtime:") && arn.len() == 34 + 64, "{arn}");
        assert_ne!(arn, resolved("python3.12", "3.12.2").version_arn("eu-west-1"));
        assert_eq!(resolved("provided.al2023", "").version_label(), "provided:al2023.v1");
        let alias = ResolvedRuntime {
            alias: Some("python3.11"),
            ..one
        };
        assert_eq!(alias.version_label(), "python:3.11.v1");
    }
}
