//! Letting go of the namespaces of sandboxes that have ended.
//!
//! Whoever drops the last reference to a mount namespace unmounts its file systems, and for a `/tmp` with a disk behind
//! it that takes the time of the disk. The helper has sandboxes to make meanwhile: a short-lived process holds the
//! namespaces a moment longer than the helper does.

use std::io::Read;
use std::os::fd::AsRawFd;

use crate::child::LateNamespaces;
use crate::error::Errno;
use crate::sys::{self, Fork};

/// Drops them, in the background where that can be. Returns the process that has them now; nothing of them is left when
/// it has ended.
pub(super) fn bury(dead: Vec<LateNamespaces>) -> Option<i32> {
    match begin(&dead) {
        // Dropped here by the last but one: the process waits for that.
        Ok((pid, _released)) => {
            drop(dead);
            Some(pid)
        }
        // Slower, and as thorough.
        Err(_) => None,
    }
}

fn begin(dead: &[LateNamespaces]) -> Result<(i32, std::io::PipeWriter), Errno> {
    let (mut waits, released) = std::io::pipe()?;
    match sys::fork(0, None)? {
        Fork::Child => sys::run_child(|| {
            let mut keep = vec![waits.as_raw_fd()];
            for namespaces in dead {
                keep.push(namespaces.mount.as_raw_fd());
                keep.extend(namespaces.user.as_ref().map(AsRawFd::as_raw_fd));
            }
            // The helper's other descriptors are not held any longer than the helper does.
            let closed = sys::close_all_except(&keep).is_ok();
            // Until the helper has dropped its own.
            let _ = waits.read_to_end(&mut Vec::new());
            i32::from(!closed)
        }),
        Fork::Parent { pid } => Ok((pid, released)),
    }
}
