//! What is .NET's alone: where a host keeps it, how our assembly is started on a given version of it, and functions that
//! are programs of their own.
//!
//! One `dotnet` program stands beside any number of versions of the runtime, each in a folder named by it. So a version
//! is known without running anything, and is chosen at the start by a file that names it exactly.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::json;

use crate::discover::Interpreter;
use crate::launch::{LaunchOptions, RUNTIME_DIR};

/// Our assembly, in the folder of bootstraps and in the sandbox's `/var/runtime`.
const ASSEMBLY: &str = "Hearth.Runtime.dll";

const FRAMEWORK: &str = "shared/Microsoft.NETCore.App";
const WEB_FRAMEWORK: &str = "shared/Microsoft.AspNetCore.App";

/// The file that makes a folder of a framework a runtime.
const ENGINE: &str = "libcoreclr.so";

/// Where hosts have it, beside the folders of `PATH`.
pub(crate) const FOLDERS: [&str; 3] = ["/usr/share/dotnet", "/usr/lib/dotnet", "/usr/lib64/dotnet"];

/// Says where an installation lies that is in none of the usual places.
const INSTALL_LOCATION: &str = "/etc/dotnet/install_location";

/// Ubuntu's own packages; Debian has none.
const PACKAGED: [(&str, &[&str]); 4] =
    [("jammy", &["6", "8"]), ("noble", &["8"]), ("plucky", &["8", "9"]), ("questing", &["8", "9", "10"])];

/// The command that installs a version.
pub(crate) fn install(version: &str, codename: Option<&str>) -> String {
    if PACKAGED.iter().any(|(name, versions)| Some(*name) == codename && versions.contains(&version)) {
        return format!("apt-get install dotnet-runtime-{version}.0");
    }
    format!("curl -sSL https://dot.net/v1/dotnet-install.sh | bash -s -- --channel {version}.0 --runtime dotnet")
}

/// The folder that the host's own file names.
pub(crate) fn install_location() -> Option<PathBuf> {
    let text = fs::read_to_string(INSTALL_LOCATION).ok()?;
    text.lines().map(str::trim).find(|line| line.starts_with('/')).map(PathBuf::from)
}

/// The runtimes beside the program `dotnet` of this folder, if it has one: the engine of each.
pub(crate) fn engines(folder: &Path) -> Vec<PathBuf> {
    let Some(root) = fs::canonicalize(folder.join("dotnet")).ok().and_then(|host| Some(host.parent()?.to_owned()))
    else {
        return Vec::new();
    };
    let mut found: Vec<PathBuf> = fs::read_dir(root.join(FRAMEWORK))
        .into_iter()
        .flatten()
        .flatten()
        .map(|version| version.path().join(ENGINE))
        .filter(|engine| engine.is_file())
        .collect();
    found.sort();
    found
}

/// The program beside an engine, and the engine's version.
pub(crate) fn host(engine: &Path) -> Option<(PathBuf, String)> {
    let version = engine.parent()?;
    let root = version.parent()?.parent()?.parent()?;
    Some((root.join("dotnet"), version.file_name()?.to_str()?.to_owned()))
}

/// Writes, beside our assembly, the file that has it run on exactly this version.
///
/// The profile that .NET gathers to optimise by pays after thousands of calls and costs every start. Where the host lacks
/// ICU, .NET would not start without being told to do without. The web framework is there when its host has it, as on
/// Lambda.
pub(crate) fn configure(folder: &Path, interpreter: &Interpreter) -> io::Result<()> {
    let mut frameworks = vec![json!({"name": "Microsoft.NETCore.App", "version": interpreter.version})];
    if interpreter.prefix.join(WEB_FRAMEWORK).join(&interpreter.version).is_dir() {
        frameworks.push(json!({"name": "Microsoft.AspNetCore.App", "version": interpreter.version}));
    }
    // Before .NET 5, only releases of ICU of its own time are recognised.
    let knows_icu = interpreter.version_key() >= vec![5];
    let config = json!({"runtimeOptions": {
        "frameworks": frameworks,
        "rollForward": "Disable",
        "configProperties": {
            "System.Runtime.TieredPGO": false,
            "System.Globalization.Invariant": !knows_icu || !has_icu(&interpreter.prefix),
        },
    }});
    let path = folder.join(config_name(&interpreter.version));
    let text = format!("{config:#}\n");
    if fs::read_to_string(&path).is_ok_and(|found| found == text) {
        return Ok(());
    }
    let draft = folder.join(format!(".new-{}", std::process::id()));
    fs::write(&draft, text)?;
    fs::rename(&draft, &path)
}

fn config_name(version: &str) -> String {
    format!("{version}.runtimeconfig.json")
}

/// Whether the library for languages is where a sandbox shows it.
fn has_icu(prefix: &Path) -> bool {
    let entries = |folder: &Path| fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let holds = |folder: &Path| {
        entries(folder).any(|path| {
            path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with("libicuuc.so."))
        })
    };
    ["/usr/lib64", "/usr/lib"].map(PathBuf::from).iter().any(|folder| {
        holds(folder) || entries(folder).any(|below| below.to_string_lossy().ends_with("-linux-gnu") && holds(&below))
    }) || holds(prefix)
}

/// Whether a handler names a program of the function's own, which speaks the HTTP Runtime API, rather than a method.
pub(crate) fn names_executable(handler: &str) -> bool {
    !handler.is_empty() && !handler.contains(':')
}

/// The words behind a wrapper's, for a method or for a program of the function's.
pub(crate) fn argv(interpreter: &Interpreter, aliased: bool, options: &LaunchOptions<'_>) -> Vec<OsString> {
    let mut argv = heap_limit(options);
    if let Some(handler) = options.handler.filter(|handler| names_executable(handler)) {
        argv.extend(executable(interpreter, aliased, handler, options.task));
        return argv;
    }
    argv.push(interpreter.executable.clone().into_os_string());
    argv.extend(["exec", "--runtimeconfig"].map(OsString::from));
    argv.push(format!("{RUNTIME_DIR}/{}", config_name(&interpreter.version)).into());
    argv.push(format!("{RUNTIME_DIR}/{ASSEMBLY}").into());
    argv
}

/// An assembly, or a file that the system can run, as AWS's own start script has it.
fn executable(interpreter: &Interpreter, aliased: bool, handler: &str, task: Option<&Path>) -> Vec<OsString> {
    let assembly = format!("{}.dll", handler.strip_suffix(".dll").unwrap_or(handler));
    let there = |name: &str| task.is_some_and(|task| task.join(name).is_file());
    if there(&assembly) {
        let mut argv = vec![interpreter.executable.clone().into_os_string(), "exec".into()];
        if aliased {
            // Its own configuration asks for the version that another one stands in for.
            argv.extend(["--roll-forward", "LatestMajor"].map(OsString::from));
        }
        argv.push(format!("/var/task/{assembly}").into());
        return argv;
    }
    if there(handler) {
        return vec![format!("/var/task/{handler}").into()];
    }
    let said = format!("Error: executable assembly /var/task/{assembly} or binary /var/task/{handler} not found.");
    ["/bin/sh", "-c", "echo \"$0\" >&2; exit 104", &said].map(OsString::from).to_vec()
}

/// .NET cannot see the sandbox's memory limit. Told of one, it would leave a quarter to all that is not its heap; beyond
/// it a function gets an exception rather than an end. The second variable tells our assembly to take both away again.
fn heap_limit(options: &LaunchOptions<'_>) -> Vec<OsString> {
    let Some(memory) = options.memory_mib.filter(|_| !options.own_heap_limit) else {
        return Vec::new();
    };
    let limit = u64::from(memory) * 1024 * 1024 / 4 * 3;
    let words =
        ["/usr/bin/env".to_owned(), format!("DOTNET_GCHeapHardLimit=0x{limit:x}"), "_HEARTH_HEAP_LIMIT=1".to_owned()];
    words.map(OsString::from).to_vec()
}

/// The variables that depend on the runtime alone.
pub(crate) fn variables(id: &str) -> Vec<(&'static str, String)> {
    vec![
        ("LAMBDA_RUNTIME_NAME", id.to_owned()),
        // On Lambda it is `/var/lang/bin`, where its image has the program.
        ("DOTNET_ROOT", "/var/lang".to_owned()),
        // Nobody listens for a debugger, and /tmp is the function's.
        ("DOTNET_EnableDiagnostics", "0".to_owned()),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::Language;

    fn interpreter(prefix: &Path) -> Interpreter {
        Interpreter {
            language: Language::Dotnet,
            version: "8.0.11".into(),
            executable: prefix.join("dotnet"),
            prefix: prefix.to_owned(),
            needs_mounts: Vec::new(),
        }
    }

    #[track_caller]
    fn check(options: &LaunchOptions<'_>, aliased: bool, expected: &str) {
        let words = argv(&interpreter(Path::new("/d")), aliased, options);
        let words: Vec<_> = words.iter().filter_map(|word| word.to_str()).collect();
        assert_eq!(words.join(" "), expected);
    }

    #[test]
    fn methods_run_in_our_assembly_and_programs_by_themselves() -> io::Result<()> {
        let task = tempfile::tempdir()?;
        fs::write(task.path().join("App.dll"), "")?;
        fs::write(task.path().join("native"), "")?;
        let with = |handler: &'static str| LaunchOptions {
            handler: Some(handler),
            task: Some(task.path()),
            ..LaunchOptions::default()
        };
        let ours =
            "/d/dotnet exec --runtimeconfig /var/runtime/8.0.11.runtimeconfig.json /var/runtime/Hearth.Runtime.dll";
        check(&with("App::N.C::M"), false, ours);
        check(&LaunchOptions::default(), true, ours);
        check(&with("App"), false, "/d/dotnet exec /var/task/App.dll");
        check(&with("App.dll"), true, "/d/dotnet exec --roll-forward LatestMajor /var/task/App.dll");
        check(&with("native"), false, "/var/task/native");
        let missing = "Error: executable assembly /var/task/nope.dll or binary /var/task/nope not found.";
        check(&with("nope"), false, &format!("/bin/sh -c echo \"$0\" >&2; exit 104 {missing}"));
        Ok(())
    }

    #[test]
    fn the_heap_has_three_quarters_of_the_memory_unless_the_function_says_otherwise() {
        let memory = LaunchOptions {
            memory_mib: Some(128),
            handler: Some("nope"),
            ..LaunchOptions::default()
        };
        let words = argv(&interpreter(Path::new("/d")), false, &memory);
        assert_eq!(words[..3], ["/usr/bin/env", "DOTNET_GCHeapHardLimit=0x6000000", "_HEARTH_HEAP_LIMIT=1"]);
        let own = LaunchOptions {
            own_heap_limit: true,
            ..memory
        };
        assert_eq!(argv(&interpreter(Path::new("/d")), false, &own)[0], "/bin/sh");
    }

    #[test]
    fn each_version_beside_a_program_is_found() -> io::Result<()> {
        let dir = tempfile::tempdir()?;
        let root = fs::canonicalize(dir.path())?;
        for version in ["8.0.11", "10.0.1"] {
            fs::create_dir_all(root.join(FRAMEWORK).join(version))?;
            fs::write(root.join(FRAMEWORK).join(version).join(ENGINE), "")?;
        }
        fs::create_dir_all(root.join(FRAMEWORK).join("9.0.0"))?;
        assert!(engines(&root).is_empty(), "there is no program");
        fs::write(root.join("dotnet"), "")?;
        let found: Vec<_> = engines(&root).iter().filter_map(|engine| host(engine)).collect();
        let program = root.join("dotnet");
        assert_eq!(found, [(program.clone(), "10.0.1".to_owned()), (program, "8.0.11".to_owned())]);
        Ok(())
    }

    #[test]
    fn the_version_is_named_exactly() -> io::Result<()> {
        let prefix = tempfile::tempdir()?;
        let folder = tempfile::tempdir()?;
        fs::create_dir_all(prefix.path().join(WEB_FRAMEWORK).join("8.0.11"))?;
        configure(folder.path(), &interpreter(prefix.path()))?;
        configure(folder.path(), &interpreter(prefix.path()))?;
        let written: Vec<_> = fs::read_dir(folder.path())?.flatten().map(|entry| entry.file_name()).collect();
        assert_eq!(written, ["8.0.11.runtimeconfig.json"]);
        let text = fs::read_to_string(folder.path().join("8.0.11.runtimeconfig.json"))?;
        let config: serde_json::Value = serde_json::from_str(&text)?;
        assert_eq!(config["runtimeOptions"]["rollForward"], "Disable");
        assert_eq!(config["runtimeOptions"]["frameworks"][1]["name"], "Microsoft.AspNetCore.App");
        Ok(())
    }

    #[test]
    fn ubuntu_has_packages() {
        assert_eq!(install("8", Some("noble")), "apt-get install dotnet-runtime-8.0");
        assert!(install("10", Some("noble")).contains("dotnet-install.sh | bash -s -- --channel 10.0"));
        assert!(install("8", Some("bookworm")).contains("--channel 8.0"));
    }
}
