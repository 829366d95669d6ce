//! The contract of the language runtimes, checked against every interpreter on this host, over the lean channel and over
//! the HTTP Runtime API. One process per case, no sandbox.
//!
//! More interpreters can be named in `HEARTH_TEST_INTERPRETERS`, a colon-separated list of folders.

// A test may state what it takes for granted, in its helpers too.
#![allow(clippy::expect_used)]

mod dotnet;
mod examples;
mod harness;
mod java;
mod node;
mod python;
mod ruby;

use harness::interpreters;
use hearth_runtimes::Language;

/// A machine without interpreters would pass everything else.
#[test]
fn there_is_an_interpreter_of_each_language_to_check() {
    let found: Vec<_> = interpreters().iter().map(|one| (one.definition.id, &one.version)).collect();
    for (language, wanted) in [
        (Language::Python, "Python 3.9"),
        (Language::Node, "Node.js 18"),
        (Language::Ruby, "Ruby 3.1"),
        (Language::Java, "a JDK of Java 11"),
        (Language::Dotnet, ".NET (make dotnet)"),
    ] {
        let there = interpreters().iter().any(|one| one.language == language);
        assert!(there, "install {wanted} or newer; found {found:?}");
    }
}
