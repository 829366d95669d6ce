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
fn the_interpreters_of_the_reference_machine_are_there() {
    let found: Vec<_> = interpreters().iter().map(|one| (one.definition.id, &one.version)).collect();
    assert!(found.iter().any(|(id, _)| *id == "python3.11"), "python3.11 is missing; found {found:?}");
    assert!(found.iter().any(|(id, _)| *id == "nodejs20.x"), "nodejs20.x is missing; found {found:?}");
    assert!(interpreters().iter().all(|one| matches!(one.language, Language::Python | Language::Node)));
}
