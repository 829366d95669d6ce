//! The policy as data: which system calls a sandboxed process may make, with the reason on every line.
//!
//! Every call has a place: [`allowed`] whatever its arguments, allowed for some [`arguments`], [`refused`] with
//! `EPERM`, or [`absent`] (`ENOSYS`), so that programs fall back as on an older kernel. Calls newer than these lists
//! are absent too.

mod absent;
mod allowed;
mod arguments;
mod refused;

pub(super) use absent::ABSENT;
pub(super) use allowed::{ALLOWED, ALLOWED_LEGACY};
pub(super) use arguments::{FILTERED, FILTERED_LEGACY};
pub(super) use refused::{REFUSED, REFUSED_LEGACY};

/// A call that is allowed, always or for certain arguments.
#[derive(Debug)]
pub(crate) struct Allowed {
    pub(crate) number: i64,
    pub(crate) name: &'static str,
    pub(crate) when: When,
    pub(crate) why: &'static str,
}

/// A call that is refused with `EPERM`.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) number: i64,
    pub(crate) name: &'static str,
    pub(crate) why: &'static str,
}

/// A call that does not exist inside. It has no number: that is what happens to every number without a line.
#[derive(Debug)]
pub(crate) struct Absent {
    pub(crate) name: &'static str,
    pub(crate) why: &'static str,
}

/// For which arguments a call is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum When {
    Always,
    /// None of the flags is set in the argument.
    NoFlags {
        argument: u8,
        flags: u32,
    },
    /// The argument is one of the values.
    OneOf {
        argument: u8,
        values: &'static [u32],
    },
    /// The argument is none of the values.
    NoneOf {
        argument: u8,
        values: &'static [u32],
    },
    /// `socket(family, kind, protocol)`.
    Sockets(&'static [Socket]),
    /// Limits of the caller itself (`prlimit64` with process 0); of cores as in [`When::CoreLimitStays`].
    OwnLimits,
    /// `setrlimit`, but a new limit for cores changes nothing, and the caller is told that all went well.
    ///
    /// The limit is 1, which keeps the kernel from starting the host's handler of cores (it starts it at 0!), so it must
    /// stay. No core is ever written, which is all that programs ask for: some (GnuPG) end when they cannot ask.
    CoreLimitStays,
}

/// A kind of socket; without `protocol` any.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Socket {
    pub(crate) family: u32,
    pub(crate) kind: u32,
    pub(crate) protocol: Option<u32>,
}

const fn always(number: i64, name: &'static str, why: &'static str) -> Allowed {
    Allowed {
        number,
        name,
        when: When::Always,
        why,
    }
}

const fn refused(number: i64, name: &'static str, why: &'static str) -> Refused {
    Refused { number, name, why }
}

const fn filtered(number: i64, name: &'static str, when: When, why: &'static str) -> Allowed {
    Allowed { number, name, when, why }
}

const fn absent(name: &'static str, why: &'static str) -> Absent {
    Absent { name, why }
}
