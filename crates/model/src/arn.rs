//! Amazon Resource Names of the resources that Hearth has.

use crate::account::{AccountId, Region};

/// `arn:<partition>:lambda:<region>:<account>:function:<name>`.
#[must_use]
pub fn function(region: &Region, account: &AccountId, name: &str) -> String {
    format!("arn:{}:lambda:{region}:{account}:function:{name}", region.partition())
}

/// A function's ARN with a version or alias behind it.
#[must_use]
pub fn qualified(function_arn: &str, qualifier: &str) -> String {
    format!("{function_arn}:{qualifier}")
}

/// `arn:<partition>:lambda:<region>:<account>:layer:<name>`, without a version.
#[must_use]
pub fn layer(region: &Region, account: &AccountId, name: &str) -> String {
    format!("arn:{}:lambda:{region}:{account}:layer:{name}", region.partition())
}

/// `arn:<partition>:logs:<region>:<account>:log-group:<group>`, without the `:*` that some
/// answers add.
#[must_use]
pub fn log_group(region: &Region, account: &AccountId, group: &str) -> String {
    format!("arn:{}:logs:{region}:{account}:log-group:{group}", region.partition())
}

/// `arn:<partition>:lambda:<region>::runtime:<id>`: runtimes belong to no account.
#[must_use]
pub fn runtime_version(region: &Region, id: &str) -> String {
    format!("arn:{}:lambda:{region}::runtime:{id}", region.partition())
}

/// `arn:<partition>:lambda:<region>:<account>:code-signing-config:<id>`.
#[must_use]
pub fn code_signing_config(region: &Region, account: &AccountId, id: &str) -> String {
    format!("arn:{}:lambda:{region}:{account}:code-signing-config:{id}", region.partition())
}

/// `arn:<partition>:lambda:<region>:<account>:event-source-mapping:<uuid>`.
#[must_use]
pub fn event_source_mapping(region: &Region, account: &AccountId, uuid: &str) -> String {
    format!("arn:{}:lambda:{region}:{account}:event-source-mapping:{uuid}", region.partition())
}

/// `arn:<partition>:lambda:<region>:<account>:capacity-provider:<name>`.
#[must_use]
pub fn capacity_provider(region: &Region, account: &AccountId, name: &str) -> String {
    format!("arn:{}:lambda:{region}:{account}:capacity-provider:{name}", region.partition())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partitions_follow_the_region() {
        let account = AccountId::fallback();
        let china = Region::parse("cn-north-1").unwrap_or_else(Region::fallback);
        assert_eq!(function(&china, &account, "f"), "arn:aws-cn:lambda:cn-north-1:000000000000:function:f");
    }
}
