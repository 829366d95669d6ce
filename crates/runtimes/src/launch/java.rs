//! The command line of a Java process.

use super::{LaunchOptions, RUNTIME_DIR};
use crate::bundle::java as bundle;
use crate::discover::Interpreter;

/// Flags that every Java process of ours has; the archive of classes is good for those alone that it was made with.
/// Only the first compiler, a collector without threads, no file in `/tmp` about the process, and errors on stderr.
pub(crate) const FIXED_FLAGS: [&str; 6] = [
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-XX:-UsePerfData",
    "-Xshare:auto",
    "-Xlog:disable",
    "-Xlog:all=error:stderr",
];

/// Flags for Java, each left out where the function's JAVA_TOOL_OPTIONS have their own idea of it: the virtual machine
/// reads that variable first, and the command line would win.
pub(super) fn words(interpreter: &Interpreter, options: &LaunchOptions<'_>) -> Vec<String> {
    let own = options.java_tool_options.unwrap_or("");
    let says = |words: &[&str]| words.iter().any(|word| own.contains(word));
    let mut words: Vec<String> = FIXED_FLAGS.map(String::from).to_vec();
    let collector = own.split_whitespace().any(|word| word.starts_with("-XX:+Use") && word.ends_with("GC"));
    words.retain(|word| match word.as_str() {
        "-XX:+UseSerialGC" => !collector,
        "-XX:TieredStopAtLevel=1" => !says(&["TieredStopAtLevel", "TieredCompilation", "-Xint", "-Xcomp"]),
        word if word.starts_with("-Xlog") => !says(&["-Xlog"]),
        word if word.starts_with("-Xshare") => !says(&["-Xshare"]),
        word => !own.contains(word.trim_start_matches("-XX:-")),
    });
    let folder = format!("{RUNTIME_DIR}/{}", bundle::folder_name(interpreter));
    if !says(&["SharedArchiveFile", "-Xshare"]) {
        words.push(format!("-XX:SharedArchiveFile={folder}/{}", bundle::ARCHIVE));
    }
    if let Some(memory) = options.memory_mib.filter(|_| !says(&["-Xmx", "MaxHeapSize", "RAMPercentage", "MaxRAM"])) {
        words.push(format!("-Xmx{}m", heap_mib(memory)));
    }
    // What LANG says, which may name a locale that the host lacks.
    words.extend(["-Dfile.encoding=UTF-8".into(), "-Duser.language=en".into(), "-Duser.country=US".into()]);
    words.extend(["-jar".into(), format!("{folder}/{}", bundle::JAR)]);
    words
}

/// What of a function's memory objects may take. The rest is for classes, compiled code and threads, of which a virtual
/// machine that does anything needs some 50 MiB; they grow with the program.
fn heap_mib(memory_mib: u32) -> u32 {
    memory_mib - 48 - memory_mib / 10
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::Language;

    fn interpreter() -> Interpreter {
        Interpreter {
            language: Language::Java,
            version: "17.0.15".into(),
            executable: "/opt/lang/bin/run".into(),
            prefix: "/opt/lang".into(),
            needs_mounts: Vec::new(),
        }
    }

    #[test]
    fn java_flags_give_way_to_java_tool_options() {
        #[track_caller]
        fn check(own: &str, left_out: &[&str]) {
            let options = |java_tool_options| LaunchOptions {
                memory_mib: Some(512),
                java_tool_options,
                ..LaunchOptions::default()
            };
            let interpreter = interpreter();
            let (all, argv) = (words(&interpreter, &options(None)), words(&interpreter, &options(Some(own))));
            let missing: Vec<_> = all.iter().filter(|word| !argv.contains(word)).collect();
            assert_eq!(missing, left_out, "{own}");
        }
        check("-Dx=y", &[]);
        check("-XX:+UseG1GC", &["-XX:+UseSerialGC"]);
        check("-XX:+UseStringDeduplication", &[]);
        check("-XX:-TieredCompilation", &["-XX:TieredStopAtLevel=1"]);
        check("-Xlog:gc", &["-Xlog:disable", "-Xlog:all=error:stderr"]);
        check("-Xmx100m", &["-Xmx413m"]);
        let archive = "-XX:SharedArchiveFile=/var/runtime/17.0.15-523af0d8/hearth.jsa";
        check("-Xshare:off", &["-Xshare:auto", archive]);
        check("-XX:SharedArchiveFile=/opt/x.jsa", &[archive]);
    }

    #[test]
    fn a_small_function_of_java_has_a_heap_too() {
        assert_eq!([128, 512, 10_240].map(heap_mib), [68, 413, 9_168]);
    }
}
