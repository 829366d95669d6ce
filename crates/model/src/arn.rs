//! Amazon Resource Names of the resources that Hearth has.

use crate::account::{AccountId, Region};
use crate::catalog::FunctionKey;
use crate::name::{FunctionName, Qualifier};

/// What every ARN has: `arn:<partition>:<service>:<region>:<account>:<resource>`. Region and account
/// may be empty, and the resource may have colons of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parts<'a> {
    pub partition: &'a str,
    pub service: &'a str,
    pub region: &'a str,
    pub account: &'a str,
    pub resource: &'a str,
}

/// Takes an ARN apart; `None` for what is none. What the parts may be is not looked at.
#[must_use]
pub fn split(arn: &str) -> Option<Parts<'_>> {
    let mut parts = arn.strip_prefix("arn:")?.splitn(5, ':');
    Some(Parts {
        partition: parts.next()?,
        service: parts.next()?,
        region: parts.next()?,
        account: parts.next()?,
        resource: parts.next()?,
    })
}

/// `arn:<partition>:lambda:<region>:<account>:function:<name>`.
#[must_use]
pub fn function(region: &Region, account: &AccountId, name: &str) -> String {
    format!("arn:{}:lambda:{region}:{account}:function:{name}", region.partition())
}

/// Takes apart what [`function`] and [`qualified`] put together.
#[must_use]
pub fn parse_function(arn: &str) -> Option<(FunctionKey, Option<Qualifier>)> {
    let parts = split(arn).filter(|parts| parts.partition.starts_with("aws") && parts.service == "lambda")?;
    let mut resource = parts.resource.strip_prefix("function:")?.split(':');
    let key = FunctionKey {
        account: AccountId::parse(parts.account)?,
        region: Region::parse(parts.region)?,
        name: FunctionName::parse(resource.next()?)?,
    };
    let qualifier = resource.next().map(|text| Qualifier::parse(text).ok_or(())).transpose().ok()?;
    resource.next().is_none().then_some((key, qualifier))
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
    fn arns_have_six_parts() {
        let parts = |partition, service, region, account, resource| {
            Some(Parts {
                partition,
                service,
                region,
                account,
                resource,
            })
        };
        for (arn, expected) in [
            ("arn:aws:sqs:eu-west-1:000000000000:q", parts("aws", "sqs", "eu-west-1", "000000000000", "q")),
            ("arn:aws:iam::000000000000:role/a/r", parts("aws", "iam", "", "000000000000", "role/a/r")),
            ("arn:aws:s3:::b/a:c", parts("aws", "s3", "", "", "b/a:c")),
            ("arn:aws-cn:lambda:::awslayer:l", parts("aws-cn", "lambda", "", "", "awslayer:l")),
            ("arn:aws:sqs:r:a:", parts("aws", "sqs", "r", "a", "")),
            ("arn:aws:sqs:r:a", None),
            ("arn", None),
            ("", None),
            ("urn:aws:sqs:r:a:q", None),
        ] {
            assert_eq!(split(arn), expected, "{arn}");
        }
    }

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
