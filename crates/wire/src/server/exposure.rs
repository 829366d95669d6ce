//! The refusal to be reachable from elsewhere without signatures.

use std::net::SocketAddr;

use thiserror::Error;

use crate::sigv4::Mode;

/// Whoever reaches the port could run code as the server's functions.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "{address} can be reached from other machines, and in open mode every request is believed; \
     listen on 127.0.0.1, or switch to enforce mode and create access keys"
)]
pub struct ExposureError {
    pub address: SocketAddr,
}

/// Whether the server may listen on an address.
///
/// # Errors
/// The address is not a loopback one and the mode is open.
pub fn check_exposure(address: SocketAddr, mode: Mode) -> Result<(), ExposureError> {
    // `::ffff:127.0.0.1` is the loopback of IPv4, seen from IPv6.
    let is_loopback = address.ip().to_canonical().is_loopback();
    match mode {
        Mode::Enforce => Ok(()),
        Mode::Open if is_loopback => Ok(()),
        Mode::Open => Err(ExposureError { address }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(address: &str, open_is_fine: bool) {
        let address = address.parse().expect("an address");
        assert_eq!(check_exposure(address, Mode::Open).is_ok(), open_is_fine, "{address}");
        assert_eq!(check_exposure(address, Mode::Enforce), Ok(()));
    }

    #[test]
    fn loopback_alone_may_be_open() {
        for loopback in ["127.0.0.1:4566", "127.9.9.9:1", "[::1]:4566", "[::ffff:127.0.0.1]:1"] {
            check(loopback, true);
        }
        for exposed in ["0.0.0.0:4566", "[::]:4566", "192.168.0.1:4566", "[fe80::1]:1"] {
            check(exposed, false);
        }
    }
}
