//! The contract of the language runtimes, checked against every interpreter on this host, over the lean channel and over
//! the HTTP Runtime API. One process per case, no sandbox.
//!
//! More interpreters can be named in `HEARTH_TEST_INTERPRETERS`, a colon-separated list of folders.

// A test may state what it takes for granted, in its helpers too.
#![allow(clippy::expect_used)]

mod examples;
mod harness;
mod node;
mod python;

use harness::interpreters;
use hearth_runtimes::Language;

/// A machine without interpreters would pass everything else.
#[test]
fn there_is_a_python_and_a_node_to_check() {
    for language in [Language::Python, Language::Node] {
        let found = interpreters().iter().any(|one| one.language == language);
        assert!(
            found,
            "no interpreter of {language:?} on this host: install Python 3.9 or newer, and Node.js 18 or newer"
        );
    }
    assert!(interpreters().iter().all(|one| matches!(one.language, Language::Python | Language::Node)));
}
