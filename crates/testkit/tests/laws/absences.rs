//! What the sources do without.

use super::tree::{self, Source};

/// Something that must not stand in shipped code.
struct Ban {
    /// Any of these breaks the law.
    words: &'static [&'static str],
    reason: &'static str,
    /// Path (or folder) and reason.
    exceptions: &'static [(&'static str, &'static str)],
}

const BANS: &[Ban] = &[
    Ban {
        words: &["SystemTime::now", "Timestamp::now", "Zoned::now"],
        reason: "the wall clock is hearth_core::Clock's, so that tests set it",
        exceptions: &[("crates/core/src/clock.rs", "the one place that reads it")],
    },
    Ban {
        words: &["std::time::Instant"],
        reason: "waits use tokio's clock, which tests pause",
        exceptions: &[],
    },
    Ban {
        words: &["getrandom::", "rand::", "fastrand", "Uuid::new_v4"],
        reason: "randomness is hearth_core::Random's, so that tests repeat it",
        exceptions: &[("crates/core/src/random.rs", "the one place that draws it")],
    },
    Ban {
        words: &["tokio::spawn", "task::spawn(", "thread::spawn", "thread::Builder", "spawn_local"],
        reason: "every background task has a kind and an owner: hearth_core::Tasks",
        exceptions: &[
            ("crates/core/src/task.rs", "the one place that spawns tasks"),
            ("crates/store/src/conformance/", "a test suite that races callers against each other"),
            ("crates/observe/src/service.rs", "SQLite's one writer is a thread that waits for the disk"),
            ("crates/sandbox/src/", "isolation stands on no other crate; each task ends with the handle that owns it"),
            ("crates/store/src/embedded/", "SQLite's one writer is a thread that waits for the disk"),
        ],
    },
    Ban {
        words: &["unbounded_channel", "std::sync::mpsc", "mpsc::unbounded", "channel::unbounded"],
        reason: "a queue without a bound hides overload until memory is gone",
        exceptions: &[],
    },
    Ban {
        words: &["process::exit"],
        reason: "main returns an exit code, so that destructors run",
        exceptions: &[],
    },
    Ban {
        words: &["env::set_var", "env::remove_var"],
        reason: "other threads may be reading the environment",
        exceptions: &[],
    },
];

#[test]
fn banned_words_are_absent() {
    let sources = tree::files(&[".rs"]);
    let shipped: Vec<&Source> = sources.iter().filter(|source| source.is_shipped()).collect();
    let broken: Vec<String> =
        BANS.iter().flat_map(|ban| shipped.iter().flat_map(|source| breaches(ban, source))).collect();
    assert!(broken.is_empty(), "\n{}", broken.join("\n"));
}

#[test]
fn no_exception_outlives_its_reason() {
    let sources = tree::files(&[".rs"]);
    for ban in BANS {
        for (place, reason) in ban.exceptions {
            let needed = sources
                .iter()
                .filter(|source| source.path.starts_with(place))
                .any(|source| source.code().any(|(_, code)| has(ban, code)));
            assert!(needed, "{place} does not use {:?} any more ({reason}): remove the exception", ban.words);
        }
    }
}

fn breaches(ban: &Ban, source: &Source) -> Vec<String> {
    if ban.exceptions.iter().any(|(place, _)| source.path.starts_with(place)) {
        return Vec::new();
    }
    let found = source.code().filter(|(_, code)| has(ban, code));
    found.map(|(line, code)| format!("{}:{line}: {}\n    {}", source.path, code.trim(), ban.reason)).collect()
}

fn has(ban: &Ban, code: &str) -> bool {
    ban.words.iter().any(|word| {
        code.match_indices(word).any(|(at, _)| !code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_'))
    })
}

#[test]
fn unsafe_stays_in_the_sandbox() {
    for source in tree::files(&[".rs"]).iter().filter(|source| source.path.starts_with("crates/")) {
        if source.package() == "sandbox" {
            continue;
        }
        let is_root = source.path.ends_with("/src/lib.rs") || source.path.ends_with("/src/main.rs");
        if is_root {
            assert!(source.text.contains("#![forbid(unsafe_code)]"), "{} must forbid unsafe code", source.path);
        }
        let found = source.code().find(|(_, code)| is_unsafe(code));
        assert!(found.is_none(), "{}: unsafe code outside the sandbox: {found:?}", source.path);
    }
}

fn is_unsafe(code: &str) -> bool {
    ["unsafe {", "unsafe fn", "unsafe impl", "unsafe extern"].iter().any(|word| code.contains(word))
        && !code.contains('"')
}

#[test]
fn wire_names_stay_in_wire_and_the_api_modules() {
    let sources = tree::files(&[".rs"]);
    let shipped = sources.iter().filter(|source| source.is_shipped());
    let inner = shipped.filter(|source| source.package() != "wire" && !source.path.contains("/api/"));
    for source in inner {
        let found = source.code().find(|(_, code)| code.contains("rename_all = \"PascalCase\""));
        assert!(found.is_none(), "{}: AWS shapes belong to an api module: {found:?}", source.path);
    }
}

/// What stands inside a log line is skipped with it when the filter leaves the line out.
#[test]
fn log_lines_do_no_work() {
    for source in tree::files(&[".rs"]).iter().filter(|source| source.is_shipped()) {
        let works = |code: &str| code.contains("tracing::") && code.contains("!(") && code.contains(".await");
        let found = source.code().find(|(_, code)| works(code));
        assert!(found.is_none(), "{}: an await inside a log line: {found:?}", source.path);
    }
}

#[test]
fn no_room_is_too_large() {
    for source in tree::files(&[".rs", ".py", ".js", ".mjs", ".sh"]) {
        let lines = source.text.lines().count();
        assert!(lines <= 900, "{} has {lines} lines: it is more than one room", source.path);
    }
}
