//! The seam between functions that are to be in a network and whoever has networks.

use crate::BoxFuture;
use crate::account::{AccountId, Region};

/// Why a function cannot be in a network: the id that is not there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NetworkRefusal {
    NoSubnet(String),
    NoSecurityGroup(String),
}

/// Knows the virtual networks of accounts. Implemented by the service that has them.
pub trait Networks: Send + Sync + 'static {
    /// The network of well-formed subnet and security group ids.
    ///
    /// # Errors
    /// The first id that is not there.
    fn find<'a>(
        &'a self,
        account: &'a AccountId,
        region: &'a Region,
        subnets: &'a [String],
        security_groups: &'a [String],
    ) -> BoxFuture<'a, Result<String, NetworkRefusal>>;
}
