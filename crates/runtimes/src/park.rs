//! Parked runtimes: started before it is known which function they will serve, and told so later (SPECIALISE, see
//! `docs/develop/runtime-channel.md`).
//!
//! A parked process has read the variables that count only at its start before the function's were there. Where a
//! function sets one of those ([`BOOT_VARIABLES`]), no parked process is fit for it, and it has to be started anew.

use std::ffi::OsString;

use crate::launch::{LaunchOptions, ResolvedRuntime};
use crate::table::Language;

/// `1` tells a bootstrap that it is parked.
pub const PARKED_VARIABLE: &str = "_HEARTH_PARKED";

/// What parked processes have to share to be fit for the same function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ParkKey {
    /// The runtime identifier: it decides on the interpreter, its flags and its variables.
    pub runtime: &'static str,
    /// The function's memory, for languages whose interpreter is told it on its command line.
    pub memory_mib: Option<u32>,
}

/// How a parked runtime process is started. The caller adds the variables that name the descriptors of the channels,
/// which are those of an ordinary start; SPECIALISE replaces all variables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParkedLaunch {
    pub key: ParkKey,
    pub argv: Vec<OsString>,
    pub environment: Vec<(&'static str, String)>,
}

/// Variables that count at the start of a process alone.
#[derive(Debug, PartialEq, Eq)]
pub struct BootVariables {
    /// A name, or with `*` at its end the start of names.
    pub pattern: &'static str,
    /// Names that the pattern matches and that are read later, or by nobody but the function.
    pub except: &'static [&'static str],
    /// `None` for every language.
    pub language: Option<Language>,
    pub reason: &'static str,
}

const fn every(pattern: &'static str, reason: &'static str) -> BootVariables {
    BootVariables {
        pattern,
        except: &[],
        language: None,
        reason,
    }
}

const fn of(
    language: Language,
    pattern: &'static str,
    except: &'static [&'static str],
    reason: &'static str,
) -> BootVariables {
    BootVariables {
        pattern,
        except,
        language: Some(language),
        reason,
    }
}

/// Every variable that makes a parked process unfit when a function gives it a value of its own.
pub static BOOT_VARIABLES: [BootVariables; 25] = [
    every("AWS_LAMBDA_EXEC_WRAPPER", "another program is started, and may start anything"),
    every("LD_*", "the dynamic linker reads them before the program runs"),
    every("GLIBC_TUNABLES", "the C library reads it before the program runs"),
    every("MALLOC_*", "allocators read them at the first allocation"),
    every("GCONV_PATH", "the C library loads converters of character sets from it, once"),
    every("LOCPATH", "the interpreter sets its locale when it starts"),
    every("LANG", "the interpreter sets its locale when it starts"),
    every("LANGUAGE", "the interpreter sets its locale when it starts"),
    every("LC_*", "the interpreter sets its locale when it starts"),
    of(
        Language::Python,
        "PYTHON*",
        &["PYTHONPATH"],
        "Python reads them when it starts; the bootstrap follows PYTHONPATH by itself",
    ),
    of(
        Language::Node,
        "NODE_*",
        &["NODE_PATH", "NODE_ENV"],
        "Node.js reads them when it starts; the bootstrap follows NODE_PATH, and Node.js never looks at NODE_ENV",
    ),
    of(Language::Node, "UV_*", &[], "libuv sizes its pool of threads once"),
    of(Language::Node, "SSL_CERT_*", &[], "Node.js builds its store of certificates with them"),
    of(Language::Node, "OPENSSL_*", &[], "Node.js sets OpenSSL up when it starts"),
    of(Language::Node, "ICU_*", &[], "Node.js loads the data of languages and time zones when it starts"),
    of(
        Language::Ruby,
        "RUBY*",
        &["RUBYLIB"],
        "Ruby reads them when it starts; the bootstrap follows RUBYLIB by itself",
    ),
    of(Language::Dotnet, "DOTNET_*", &[], ".NET reads them when it starts"),
    of(Language::Dotnet, "COMPlus_*", &[], ".NET reads them when it starts, by their older name"),
    of(Language::Dotnet, "CORECLR_*", &[], "a profiler is loaded when .NET starts"),
    of(Language::Dotnet, "CLR_*", &[], ".NET chooses the libraries of the system by them, once"),
    of(Language::Ruby, "OPENSSL_*", &[], "OpenSSL may have been set up before the function is known"),
    of(Language::Java, "JAVA_TOOL_OPTIONS", &[], "the virtual machine reads it when it starts"),
    of(Language::Java, "JDK_JAVA_OPTIONS", &[], "the virtual machine's launcher reads it when it starts"),
    of(Language::Java, "_JAVA_OPTIONS", &[], "the virtual machine reads it when it starts"),
    of(Language::Java, "JDK_AOT_VM_OPTIONS", &[], "the virtual machine reads it when it starts"),
];

/// Java changes its variables and its folder with the help of a library that there is for these processors.
fn java_can_park() -> bool {
    matches!(std::env::consts::ARCH, "x86_64" | "aarch64")
}

impl BootVariables {
    fn matches(&self, language: Language, name: &str) -> bool {
        let named = match self.pattern.strip_suffix('*') {
            Some(start) => name.starts_with(start),
            None => name == self.pattern,
        };
        named && self.language.is_none_or(|own| own == language) && !self.except.contains(&name)
    }
}

impl ResolvedRuntime {
    /// How a parked process for functions of this memory is started; `None` if the runtime cannot wait for its function,
    /// because the function brings the program.
    #[must_use]
    pub fn parked(&self, memory_mib: u32) -> Option<ParkedLaunch> {
        let memory_mib = match self.definition.language {
            Language::Python | Language::Ruby => None,
            // The limit of the heap is fixed at the start.
            Language::Node | Language::Dotnet => Some(memory_mib),
            Language::Java if java_can_park() => Some(memory_mib),
            Language::Java | Language::Provided => return None,
        };
        let mut environment = self.environment();
        environment.push((PARKED_VARIABLE, "1".to_owned()));
        Some(ParkedLaunch {
            key: ParkKey {
                runtime: self.definition.id,
                memory_mib,
            },
            argv: self.argv(&LaunchOptions {
                memory_mib,
                ..LaunchOptions::default()
            }),
            environment,
        })
    }

    /// The first of a function's variables that no parked process can take on, and why. `environment` may be the
    /// function's own variables or all those of its process: a value that a parked process has anyway is no hindrance.
    #[must_use]
    pub fn boot_variable<'a>(&self, environment: &'a [(String, String)]) -> Option<(&'a str, &'static str)> {
        let ours = self.environment();
        let had = |name: &str, value: &str| ours.iter().any(|(known, set)| *known == name && set == value);
        environment.iter().find_map(|(name, value)| {
            let row = BOOT_VARIABLES.iter().find(|row| row.matches(self.definition.language, name))?;
            (!had(name, value)).then_some((name.as_str(), row.reason))
        })
    }

    /// Whether a parked process of this runtime can become the one of a function with these variables.
    #[must_use]
    pub fn can_be_parked(&self, environment: &[(String, String)]) -> bool {
        let parks = match self.definition.language {
            Language::Python | Language::Node | Language::Dotnet | Language::Ruby => true,
            Language::Java => java_can_park(),
            Language::Provided => false,
        };
        parks && self.boot_variable(environment).is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::discover::Interpreter;
    use crate::table::definition;

    fn resolved(id: &str) -> ResolvedRuntime {
        let definition = definition(id).unwrap_or_else(|| panic!("{id} is not known"));
        ResolvedRuntime {
            definition,
            interpreter: (definition.language != Language::Provided).then(|| Interpreter {
                language: definition.language,
                version: format!("{}.0", definition.version),
                executable: "/usr/bin/run".into(),
                prefix: "/usr".into(),
                needs_mounts: Vec::new(),
            }),
            alias: None,
        }
    }

    /// `unfit` is the variable that hinders, if any.
    #[track_caller]
    fn check(id: &str, environment: &[(&str, &str)], unfit: Option<&str>) {
        let environment: Vec<_> =
            environment.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
        let runtime = resolved(id);
        assert_eq!(runtime.boot_variable(&environment).map(|(name, _)| name), unfit);
        assert_eq!(runtime.can_be_parked(&environment), unfit.is_none());
    }

    #[test]
    fn variables_that_count_at_the_start_alone_need_a_start() {
        for id in ["python3.12", "nodejs20.x", "ruby3.3", "dotnet8"] {
            check(id, &[("TABLE", "t"), ("TZ", "Asia/Tokyo"), ("PATH", "/opt/bin"), ("HOME", "/tmp")], None);
            check(id, &[("STAGE", "x"), ("LD_PRELOAD", "/opt/x.so")], Some("LD_PRELOAD"));
            check(id, &[("MALLOC_ARENA_MAX", "2")], Some("MALLOC_ARENA_MAX"));
            check(id, &[("LANG", "de_DE.UTF-8")], Some("LANG"));
            check(id, &[("LC_ALL", "C")], Some("LC_ALL"));
            check(id, &[("AWS_LAMBDA_EXEC_WRAPPER", "/opt/wrap")], Some("AWS_LAMBDA_EXEC_WRAPPER"));
        }
        check("python3.12", &[("PYTHONPATH", "/opt/lib"), ("NODE_OPTIONS", "--x"), ("OPENSSL_CONF", "x")], None);
        check("python3.12", &[("PYTHONOPTIMIZE", "1")], Some("PYTHONOPTIMIZE"));
        check("nodejs20.x", &[("NODE_PATH", "/opt/lib"), ("NODE_ENV", "production"), ("PYTHONOPTIMIZE", "1")], None);
        check("nodejs20.x", &[("NODE_OPTIONS", "--enable-source-maps")], Some("NODE_OPTIONS"));
        check("nodejs20.x", &[("UV_THREADPOOL_SIZE", "8")], Some("UV_THREADPOOL_SIZE"));
        check("ruby3.3", &[("RUBYLIB", "/opt/x"), ("GEM_PATH", "/opt/y"), ("BUNDLE_GEMFILE", "z")], None);
        check("dotnet8", &[("DOTNET_gcServer", "1")], Some("DOTNET_gcServer"));
        check("ruby3.3", &[("RUBYOPT", "--yjit")], Some("RUBYOPT"));
        check("java17", &[("TZ", "Asia/Tokyo"), ("JAVA_HOME", "/x"), ("NODE_OPTIONS", "--x")], None);
        check("java17", &[("JAVA_TOOL_OPTIONS", "-Xmx64m")], Some("JAVA_TOOL_OPTIONS"));
    }

    #[test]
    fn values_that_every_process_of_the_runtime_has_are_no_hindrance() {
        for id in ["python3.12", "nodejs20.x", "ruby3.3", "dotnet8"] {
            let all: Vec<_> =
                resolved(id).environment().into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
            assert!(resolved(id).can_be_parked(&all));
        }
        check("python3.12", &[("LC_CTYPE", "C.UTF-8")], None);
        check("nodejs20.x", &[("LC_CTYPE", "C.UTF-8")], Some("LC_CTYPE"));
    }

    #[test]
    fn a_parked_start_is_an_ordinary_one_told_to_wait() {
        let python = resolved("python3.12");
        let parked = python.parked(512);
        let key = |runtime, memory_mib| Some(ParkKey { runtime, memory_mib });
        assert_eq!(parked.as_ref().map(|launch| launch.key), key("python3.12", None));
        assert_eq!(parked, python.parked(128));
        let parked = parked.unwrap_or_else(|| panic!("no launch"));
        assert_eq!(parked.argv, python.argv(&LaunchOptions::default()));
        let (marker, rest) = parked.environment.split_last().unwrap_or_else(|| panic!("no variables"));
        assert_eq!((rest, marker), (&python.environment()[..], &(PARKED_VARIABLE, "1".to_owned())));

        let node = resolved("nodejs20.x").parked(1000).unwrap_or_else(|| panic!("no launch"));
        assert_eq!(Some(node.key), key("nodejs20.x", Some(1000)));
        assert!(node.argv.contains(&"--max-old-space-size=900".into()), "{:?}", node.argv);
        let java = resolved("java21").parked(512).unwrap_or_else(|| panic!("no launch"));
        assert_eq!(Some(java.key), key("java21", Some(512)));
        assert_eq!(resolved("provided.al2023").parked(128), None);
        assert!(!resolved("provided.al2023").can_be_parked(&[]));
    }
}
