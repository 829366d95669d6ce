//! Amazon Resource Names of the resources that Hearth has.

use crate::account::{AccountId, Region};
use crate::catalog::FunctionKey;
use crate::name::{FunctionName, Qualifier};

/// `arn:<partition>:lambda:<region>:<account>:function:<name>`.
#[must_use]
pub fn function(region: &Region, account: &AccountId, name: &str) -> String {
    format!("arn:{}:lambda:{region}:{account}:function:{name}", region.partition())
}

/// Takes apart what [`function`] and [`qualified`] put together.
#[must_use]
pub fn parse_function(arn: &str) -> Option<(FunctionKey, Option<Qualifier>)> {
    let mut parts = arn.split(':');
    let is_function = parts.next()? == "arn"
        && parts.next()?.starts_with("aws")
        && parts.next()? == "lambda"
        && parts.clone().nth(2)? == "function";
    let (region, account) = (Region::parse(parts.next()?)?, AccountId::parse(parts.next()?)?);
    let name = FunctionName::parse(parts.nth(1)?)?;
    let qualifier = parts.next().map(|text| Qualifier::parse(text).ok_or(())).transpose().ok()?;
    let key = FunctionKey { account, region, name };
    (is_function && parts.next().is_none()).then_some((key, qualifier))
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
    fn functions_are_found_by_their_arns() {
        let arn = "arn:aws:lambda:us-east-1:000000000000:function:f";
        let found = parse_function(arn).map(|(key, qualifier)| (key.name.to_string(), qualifier));
        assert_eq!(found, Some(("f".to_owned(), None)));
        let found = parse_function(&qualified(arn, "7")).and_then(|(_, qualifier)| qualifier);
        assert_eq!(found, Some(Qualifier::Number(7)));
        for other in [
            "",
            "f",
            "arn:aws:lambda:us-east-1:000000000000:layer:l",
            "arn:aws:sqs:us-east-1:000000000000:function:f",
            "arn:aws:lambda:us-east-1:000000000000:function",
            "arn:aws:lambda:us-east-1:0:function:f",
            "arn:aws:lambda:us-east-1:000000000000:function:f:1:2",
            "arn:aws:lambda:us-east-1:000000000000:function:f:*",
        ] {
            assert_eq!(parse_function(other), None, "{other}");
        }
    }

    #[test]
    fn partitions_follow_the_region() {
        let account = AccountId::fallback();
        let china = Region::parse("cn-north-1").unwrap_or_else(Region::fallback);
        assert_eq!(function(&china, &account, "f"), "arn:aws-cn:lambda:cn-north-1:000000000000:function:f");
    }
}
