//! Linux isolation: namespaces, control groups, system call filters, private roots.
//!
//! A sandbox is a root file system put together from host folders, a `/tmp` of a given size, a network of its own, one
//! main process and companions beside it, with limits, all of which end together. [`Sandboxes::start`] starts the helper
//! process that does what needs privileges; [`Sandboxes::create`] makes a [`Sandbox`]; [`Sandbox::specialise`] tells one
//! that runs already what it is for.
//!
//! [`Sandbox::snapshot`] copies a main process that has done its slow beginnings, and [`Sandbox::restore`] lets the copy
//! go on in other sandboxes.
//!
//! Three kinds of process take part. The *server* (the caller) needs no privileges. The *helper* is the same binary,
//! executed again, single-threaded: it keeps *slots* prepared and cleans up behind them. A slot is a forked child that
//! lives in its own namespaces and cgroups, waits for a description, and becomes process 1 of the sandbox. Between
//! server and slot there is a socket; when the server closes it, the sandbox ends.
//!
//! Invariants:
//! - This is the only crate with `unsafe`, and it knows nothing of functions, invocations or any cloud's API.
//! - No descriptor, environment variable or argument of server or helper reaches a sandbox.
//! - Whatever dies, in whatever order, nothing is left: no process, mount, cgroup, folder or loop device.
//! - Nothing on the way of [`Sandboxes::create`] writes `cgroup.procs`, makes a network namespace or runs a program.

#![cfg_attr(test, allow(clippy::unwrap_used))]
#![deny(unsafe_op_in_unsafe_fn)]

mod cgroup;
mod child;
mod doctor;
mod error;
#[doc(hidden)]
pub mod fuzzing;
mod handle;
mod helper;
mod landlock;
mod net;
mod protocol;
mod seccomp;
mod snapshot;
mod spec;
mod sys;
mod tmp_volume;

pub use doctor::{Fix, doctor, kernel_switches, level, shortfall};
pub use error::{Errno, SandboxError, SetupError};
pub use handle::{Companion, Sandbox, Sandboxes, Snapshot};
pub use helper::run_helper;
pub use net::outbound_name_servers;
pub use seccomp::{PolicyLine, Verdict, policy as system_call_policy};
pub use snapshot::SnapshotError;
pub use spec::{
    Bind, Cpu, Exit, ExitStatus, HELPER_ARG, HelperProgram, Level, Limits, Link, Mechanism, Network, Options, Process,
    SandboxSpec, SmallFile, UID_RANGE,
};
