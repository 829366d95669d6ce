//! The sandbox helper alone, for this crate's tests and examples. The `hearth` binary does the same when it is
//! started with the hidden argument.

fn main() {
    hearth_sandbox::run_helper()
}
