//! A process of the sandbox: from the fork to its own code.

use std::ffi::{CString, OsStr};
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;

use nix::sys::resource::{Resource, setrlimit};

use super::start::Shape;
use super::{Step, identity, memory_guard};
use crate::error::{Errno, SetupError};
use crate::protocol::{ProcessPlan, Role};
use crate::spec::{Level, Limits};
use crate::sys::{self, Fork};

/// The limit of core files that writes none, and starts no handler of the host either: at 0 the kernel would start it,
/// as the host's root and outside the sandbox. The system call filter keeps it from being lowered.
pub(super) const NO_CORES: u64 = 1;

/// Several for each process that there may be.
const PENDING_SIGNALS: u64 = 8_192;

/// A process that was asked for and runs.
pub(super) struct Running {
    pub(super) pid: i32,
    /// What the server calls it.
    pub(super) number: u32,
    pub(super) role: Role,
}

/// Forks and executes; returns when the program runs, or with what hindered it.
pub(super) fn spawn(
    shape: &Shape,
    plan: &ProcessPlan,
    fds: Vec<OwnedFd>,
    (number, role): (u32, Role),
) -> Result<Running, SetupError> {
    // The pipe closes by itself when execve succeeds; until then it carries the failure.
    let (mut report, failure) = std::io::pipe().step(SetupError::Fork)?;
    match sys::fork(0, None).step(SetupError::Fork)? {
        Fork::Child => sys::run_child(|| {
            let mut failure = File::from(OwnedFd::from(failure));
            let Err(error) = become_program(shape, plan, &fds, &mut failure);
            let _ = failure.write_all(&postcard::to_stdvec(&error).unwrap_or_default());
            // The descriptors were closed by their numbers.
            std::mem::forget(fds);
            127
        }),
        Fork::Parent { pid } => {
            drop((failure, fds));
            let mut bytes = Vec::new();
            report.read_to_end(&mut bytes).step(SetupError::Fork)?;
            if bytes.is_empty() {
                return Ok(Running { pid, number, role });
            }
            // Just this one: how others end is somebody's to know.
            let _ = sys::reap_one(pid);
            Err(postcard::from_bytes(&bytes).unwrap_or(SetupError::DiedEarly))
        }
    }
}

/// The last steps, in the process that becomes the program. `failure` is moved out of the way of the descriptors.
fn become_program(
    shape: &Shape,
    plan: &ProcessPlan,
    fds: &[OwnedFd],
    failure: &mut File,
) -> Result<std::convert::Infallible, SetupError> {
    // 0. Everything that may allocate or fail on bad input comes before privileges go.
    let programs = candidates(plan)?;
    let argv = match plan.argv.as_slice() {
        [] => c_strings([plan.program.as_os_str()], plan)?,
        argv => c_strings(argv.iter().map(AsRef::as_ref), plan)?,
    };
    let env = environment(plan)?;

    // 1. A session of its own, so that no signal to a group leaves it.
    rustix::process::setsid().step(SetupError::Session)?;

    // 2. Signals as programs expect them at their start.
    sys::reset_signals().step(SetupError::Signals)?;

    // 3. The descriptors it was promised, and no other.
    place_descriptors(plan, fds, failure)?;

    // 4. Limits that are per process; the cgroup holds those of the whole sandbox.
    set_limits(&shape.limits)?;
    if shape.guard_memory {
        memory_guard::set(&shape.limits)?;
    }

    // 5. The mask of new files as in any login.
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o022));

    // 6. No executed file can bring a capability back. Before the next step, which takes the right to say so.
    identity::drop_bounding_set()?;

    // 7. The sandbox's ordinary user. At the user level it is mapped already and cannot be changed.
    if shape.level == Level::Root {
        identity::take_ids(shape.uid, shape.gid)?;
    }

    // 8. The working directory as that user sees it.
    rustix::process::chdir(&plan.cwd).step(|errno| SetupError::WorkingDirectory {
        path: plan.cwd.clone(),
        errno,
    })?;

    // 9. No capability at all, and none to come.
    identity::drop_capabilities()?;
    nix::sys::prctl::set_no_new_privs().step(SetupError::NoNewPrivileges)?;

    // 10. Only the system calls on the list.
    sys::load_seccomp(&shape.seccomp.program).step(SetupError::Seccomp)?;

    // 11. The program.
    let mut worst = Errno(libc::ENOENT);
    for program in &programs {
        let errno = sys::execve(program, &argv, &env);
        // As in `execvp`: what is not there is looked for in the next folder, and so is what may not be run.
        match errno.0 {
            libc::ENOENT | libc::ENOTDIR => {}
            libc::EACCES => worst = errno,
            _ => return Err(exec_failed(plan, errno)),
        }
    }
    Err(exec_failed(plan, worst))
}

/// Where the program may be: where it says, or, for a bare name, in the folders of `PATH`.
fn candidates(plan: &ProcessPlan) -> Result<Vec<CString>, SetupError> {
    let name = plan.program.as_os_str();
    if name.is_empty() || name.as_bytes().contains(&b'/') {
        return c_strings([name], plan);
    }
    let path = plan.env.iter().find(|(variable, _)| variable == "PATH").map(|(_, value)| value.as_bytes());
    let folders = path.unwrap_or_default().split(|byte| *byte == b':');
    // An empty one would be the working directory, which nobody means.
    let folders = folders.filter(|folder| !folder.is_empty());
    let paths: Vec<_> = folders.map(|folder| std::path::Path::new(OsStr::from_bytes(folder)).join(name)).collect();
    c_strings(paths.iter().map(|path| path.as_os_str()), plan)
}

fn exec_failed(plan: &ProcessPlan, errno: Errno) -> SetupError {
    SetupError::Exec {
        path: plan.program.clone(),
        errno,
    }
}

fn c_strings<'a>(
    texts: impl IntoIterator<Item = &'a std::ffi::OsStr>,
    plan: &ProcessPlan,
) -> Result<Vec<CString>, SetupError> {
    texts.into_iter().map(|text| sys::c_string(text).map_err(|errno| exec_failed(plan, errno))).collect()
}

fn environment(plan: &ProcessPlan) -> Result<Vec<CString>, SetupError> {
    plan.env
        .iter()
        .map(|(name, value)| {
            let mut entry = name.clone();
            entry.push("=");
            entry.push(value);
            sys::c_string(&entry).map_err(|errno| exec_failed(plan, errno))
        })
        .collect()
}

/// Which number each received descriptor gets, in the order in which they travelled.
fn targets(plan: &ProcessPlan) -> Vec<RawFd> {
    let mut targets = Vec::new();
    targets.extend(plan.has_stdout.then_some(1));
    targets.extend(plan.has_stderr.then_some(2));
    targets.extend(&plan.inherit);
    targets
}

fn place_descriptors(plan: &ProcessPlan, fds: &[OwnedFd], failure: &mut File) -> Result<(), SetupError> {
    let targets = targets(plan);
    let failed = |number| move |errno| SetupError::PlaceDescriptor { number, errno };
    // Above every target, so that placing one never closes another.
    let above = targets.iter().copied().max().unwrap_or(2).max(2) + 1;
    let move_up = |fd: BorrowedFd<'_>| rustix::io::fcntl_dupfd_cloexec(fd, above);
    *failure = File::from(move_up(failure.as_fd()).step(failed(-1))?);
    let moved = fds.iter().map(|fd| move_up(fd.as_fd()).step(failed(-1))).collect::<Result<Vec<_>, _>>()?;
    let null = File::options().read(true).write(true).open("/dev/null").step(failed(0))?;
    let null = {
        let low = null;
        move_up(low.as_fd()).step(failed(0))?
    };
    for number in 0..3 {
        if !targets.contains(&number) {
            sys::place_fd(null.as_fd(), number).step(failed(number))?;
        }
    }
    for (fd, number) in moved.iter().zip(&targets) {
        sys::place_fd(fd.as_fd(), *number).step(failed(*number))?;
    }
    let mut keep = vec![0, 1, 2, failure.as_raw_fd()];
    keep.extend(&targets);
    sys::close_all_except(&keep).step(SetupError::CloseDescriptors)?;
    // Closed just now by number: their owners must not close them again.
    std::mem::forget((moved, null));
    Ok(())
}

fn set_limits(limits: &Limits) -> Result<(), SetupError> {
    let processes = u64::from(limits.processes);
    let table = [
        ("open files", Resource::RLIMIT_NOFILE, limits.open_files, limits.open_files),
        ("processes", Resource::RLIMIT_NPROC, processes, processes),
        ("core size", Resource::RLIMIT_CORE, NO_CORES, NO_CORES),
        ("real-time priority", Resource::RLIMIT_RTPRIO, 0, 0),
        ("niceness", Resource::RLIMIT_NICE, 0, 0),
        // Timers count as well, and live in the kernel's memory.
        ("pending signals", Resource::RLIMIT_SIGPENDING, PENDING_SIGNALS, PENDING_SIGNALS),
        ("locked memory", Resource::RLIMIT_MEMLOCK, limits.memlock_bytes, limits.memlock_bytes),
        ("stack", Resource::RLIMIT_STACK, limits.stack_bytes, u64::MAX),
    ];
    for (name, resource, soft, hard) in table {
        // Never above what we have ourselves: raising needs a capability that is gone.
        let (_, ours) = nix::sys::resource::getrlimit(resource).unwrap_or((hard, hard));
        setrlimit(resource, soft.min(ours), hard.min(ours))
            .step(|errno| SetupError::ResourceLimit { name: name.to_owned(), errno })?;
    }
    Ok(())
}
