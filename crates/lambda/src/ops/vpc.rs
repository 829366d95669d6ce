//! In which network a function is.
//!
//! Source: fact sheet "Lambda control-plane API", sections 3.1 and 4: what is not mentioned stays,
//! empty lists take it out of its network, and the recorded refusals. That subnets and groups go
//! together is in the words that users quote.

use hearth_model::{FunctionKey, NetworkRefusal};

use crate::Lambda;
use crate::api::settings::VpcConfig;
use crate::error::Error;
use crate::record::VpcSettings;

/// What a function's network is to be; `None` for one that never was in any.
///
/// # Errors
/// A network that is not there, or half of one.
pub(crate) async fn resolve(
    lambda: &Lambda,
    key: &FunctionKey,
    before: Option<&VpcSettings>,
    wanted: &VpcConfig,
) -> Result<Option<VpcSettings>, Error> {
    let is_mentioned =
        wanted.subnet_ids.is_some() || wanted.security_group_ids.is_some() || wanted.dual_stack().is_some();
    if !is_mentioned {
        return Ok(before.cloned());
    }
    let merged = merge(before, wanted);
    match (merged.subnets.is_empty(), merged.security_groups.is_empty()) {
        (true, true) if merged.dual_stack => {
            Err(Error::InvalidParameter("Ipv6AllowedForDualStack requires SubnetIds and SecurityGroupIds.".to_owned()))
        }
        // One that was in a network shows that it is in none now.
        (true, true) => Ok(before.map(|_| merged)),
        (false, false) => {
            let vpc_id = find(lambda, key, &merged).await?;
            Ok(Some(VpcSettings { vpc_id, ..merged }))
        }
        _ => Err(Error::InvalidParameter(
            "SecurityGroupIds and SubnetIds must coexist or be both empty list.".to_owned(),
        )),
    }
}

fn merge(before: Option<&VpcSettings>, wanted: &VpcConfig) -> VpcSettings {
    let before = before.cloned().unwrap_or_default();
    VpcSettings {
        subnets: wanted.subnet_ids.clone().unwrap_or(before.subnets),
        security_groups: wanted.security_group_ids.clone().unwrap_or(before.security_groups),
        dual_stack: wanted.dual_stack().unwrap_or(before.dual_stack),
        vpc_id: String::new(),
    }
}

async fn find(lambda: &Lambda, key: &FunctionKey, wanted: &VpcSettings) -> Result<String, Error> {
    let first = wanted.subnets.first().cloned().unwrap_or_default();
    let found = match &lambda.networks {
        Some(networks) => networks.find(&key.account, &key.region, &wanted.subnets, &wanted.security_groups).await,
        None => Err(NetworkRefusal::NoSubnet(first)),
    };
    found.map_err(|refusal| {
        Error::InvalidParameter(match refusal {
            NetworkRefusal::NoSubnet(id) => format!(
                "Error occurred while DescribeSubnets. EC2 Error Code: InvalidSubnetID.NotFound. EC2 Error Message: The \
                 subnet ID '{id}' does not exist"
            ),
            NetworkRefusal::NoSecurityGroup(id) => format!(
                "Error occurred while DescribeSecurityGroups. EC2 Error Code: InvalidGroup.NotFound. EC2 Error Message: \
                 The security group '{id}' does not exist"
            ),
        })
    })
}
