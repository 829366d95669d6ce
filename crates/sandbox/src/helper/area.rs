//! What servers on one host must not share: ranges of user ids and a network for the links to sandboxes.
//!
//! There are a few dozen areas of both. A server claims one by locking a file in `/run`; the kernel gives the lock back
//! when the helper ends, however it ends.

use std::fs::{self, File};
use std::net::Ipv4Addr;
use std::path::Path;

use crate::spec::UID_RANGE;

const LOCKS: &str = "/run/hearth-areas";
/// As many as fit between what systemd hands to containers (524288..0x70000000) and the signed 32-bit edge.
const AREAS: u32 = 63;
const FIRST_ID: u32 = 0x7000_0000;
/// 4,096 sandboxes.
const IDS: u32 = 4096 * UID_RANGE;
/// Networks 10.192.0.0/16 to 10.254.0.0/16: the end of the private range that is least used.
const FIRST_NETWORK: u8 = 192;

/// A claimed area.
#[derive(Debug)]
pub(super) struct Area {
    number: u32,
    _lock: File,
}

impl Area {
    /// Claims a free area, at the same place as last time if it is still free.
    pub(super) fn claim(state_dir: &Path) -> Result<Self, String> {
        Self::claim_in(Path::new(LOCKS), state_dir)
    }

    fn claim_in(locks: &Path, state_dir: &Path) -> Result<Self, String> {
        fs::create_dir_all(locks).map_err(|error| format!("failed to make {}: {error}", locks.display()))?;
        let wish = fnv1a(state_dir.as_os_str().as_encoded_bytes()) % AREAS;
        for number in (0..AREAS).map(|step| (wish + step) % AREAS) {
            let path = locks.join(number.to_string());
            let open = File::options().write(true).create(true).truncate(false).open(&path);
            let lock = open.map_err(|error| format!("failed to open {}: {error}", path.display()))?;
            if lock.try_lock().is_ok() {
                return Ok(Self { number, _lock: lock });
            }
        }
        Err(format!("all {AREAS} areas in {} are in use, expected fewer servers on one host", locks.display()))
    }

    /// First user and group id.
    pub(super) fn first_id(&self) -> u32 {
        FIRST_ID + self.number * IDS
    }

    pub(super) fn network(&self) -> Ipv4Addr {
        Ipv4Addr::new(10, FIRST_NETWORK + self.number as u8, 0, 0)
    }
}

/// Accounts of this host to which ids of ours are given as well, as their files say it.
pub(crate) fn ids_taken() -> Option<String> {
    ["/etc/subuid", "/etc/subgid"].into_iter().find_map(|file| {
        let text = fs::read_to_string(file).ok()?;
        Some(format!("{file} says {}", overlapping(&text)?))
    })
}

/// The first line `account:first:count` that reaches into our areas.
fn overlapping(text: &str) -> Option<&str> {
    let ours = u64::from(FIRST_ID)..u64::from(FIRST_ID) + u64::from(AREAS) * u64::from(IDS);
    text.lines().find(|line| {
        let mut numbers = line.split(':').skip(1).map(|number| number.trim().parse::<u64>());
        match (numbers.next(), numbers.next()) {
            (Some(Ok(first)), Some(Ok(count))) => first < ours.end && first.saturating_add(count) > ours.start,
            _ => false,
        }
    })
}

/// FNV-1a: only has to be the same at every start.
fn fnv1a(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn given_ids_that_reach_into_ours_are_found() {
        assert_eq!(overlapping("alice:100000:65536\nbob:165536:65536\n# x\n\n"), None);
        assert_eq!(overlapping("alice:100000:65536\nbob:1879000000:65536\n"), Some("bob:1879000000:65536"));
        assert_eq!(overlapping("all:1:4294967294\n"), Some("all:1:4294967294"));
        assert_eq!(overlapping("above:2147483648:65536\n"), None);
    }

    #[test]
    fn no_two_servers_share_an_area() {
        let locks = tempfile::tempdir().unwrap();
        let mut live = Vec::new();
        let mut seen = std::collections::HashSet::new();
        for _ in 0..AREAS {
            // All wish for the same one.
            let area = Area::claim_in(locks.path(), Path::new("/state")).unwrap();
            assert!(seen.insert((area.first_id(), area.network())));
            assert!(area.first_id().checked_add(IDS).is_some_and(|end| end <= 1 << 31));
            live.push(area);
        }
        let error = Area::claim_in(locks.path(), Path::new("/state")).unwrap_err();
        assert!(error.contains("all 63 areas"), "{error}");
        let released = live.swap_remove(5);
        let network = released.network();
        drop(released);
        assert_eq!(Area::claim_in(locks.path(), Path::new("/other")).unwrap().network(), network);
    }
}
