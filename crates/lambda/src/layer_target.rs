//! Which layer, or layer version, a request means.
//!
//! Source: fact sheet "Lambda control-plane API", section 7.

use hearth_model::{AccountId, Region, arn};
use hearth_wire::Caller;
use hearth_wire::validation::Violations;

use crate::error::Error;
use crate::layer::LayerKey;
use crate::pattern::LAYER_NAME;

/// Notes what the model refuses of a layer's name or ARN.
pub(crate) fn check(violations: &mut Violations, name: &str) {
    LAYER_NAME.check(violations, "layerName", name);
    violations.length("layerName", name, 1..=140);
}

/// The layer that a name or an ARN names; it may be another account's. The text has passed [`check`].
///
/// # Errors
/// A layer of another region.
pub(crate) fn resolve(caller: &Caller, name: &str) -> Result<LayerKey, Error> {
    if name.contains(':') {
        let key = key_of_arn(name).ok_or_else(|| not_understood(name))?;
        return here(caller, key);
    }
    Ok(LayerKey {
        account: caller.account.clone(),
        region: caller.region.clone(),
        name: name.to_owned(),
    })
}

/// The same for the ARN of a layer version.
pub(crate) fn resolve_version(caller: &Caller, version_arn: &str) -> Result<(LayerKey, u64), Error> {
    let (key, number) = version_of_arn(version_arn).ok_or_else(|| not_understood(version_arn))?;
    Ok((here(caller, key)?, number))
}

/// A layer's version by its ARN; `None` for one of AWS's own, which have no account.
pub(crate) fn version_of_arn(version_arn: &str) -> Option<(LayerKey, u64)> {
    let (layer_arn, number) = version_arn.rsplit_once(':')?;
    Some((key_of_arn(layer_arn)?, number.parse().ok()?))
}

fn key_of_arn(arn: &str) -> Option<LayerKey> {
    let parts = arn::split(arn).filter(|parts| parts.service == "lambda")?;
    let name = parts.resource.strip_prefix("layer:").filter(|name| !name.contains(':'))?;
    let key = LayerKey {
        account: AccountId::parse(parts.account)?,
        region: Region::parse(parts.region)?,
        name: name.to_owned(),
    };
    (key.region.partition() == parts.partition).then_some(key)
}

fn here(caller: &Caller, key: LayerKey) -> Result<LayerKey, Error> {
    if key.region == caller.region {
        return Ok(key);
    }
    // Unverified: the words that functions have.
    Err(Error::ResourceNotFound(format!(
        "Layers from '{}' are not reachable in this region ('{}')",
        key.region, caller.region
    )))
}

fn not_understood(name: &str) -> Error {
    Error::InvalidParameter(format!("expected a layer of this partition, found {name}"))
}

/// Operations other than getting a version cannot be opened to another account.
///
/// # Errors
/// A layer of another account.
pub(crate) fn must_own(caller: &Caller, key: &LayerKey, action: &'static str) -> Result<(), Error> {
    if key.account == caller.account {
        return Ok(());
    }
    Err(Error::NotAuthorized {
        caller: caller.arn.clone(),
        action,
        resource: key.arn(),
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_version(text: &str, expected: Option<(&str, &str, &str, u64)>) {
        let found = version_of_arn(text);
        let found = found.map(|(key, n)| (key.account.to_string(), key.region.to_string(), key.name, n));
        assert_eq!(found, expected.map(|(a, r, l, n)| (a.to_owned(), r.to_owned(), l.to_owned(), n)), "{text}");
    }

    #[test]
    fn arns_are_taken_apart() {
        let (account, region) = ("123456789012", "us-east-1");
        check_version("arn:aws:lambda:us-east-1:123456789012:layer:l:7", Some((account, region, "l", 7)));
        check_version("arn:aws-cn:lambda:us-east-1:123456789012:layer:l:7", None);
        check_version("arn:aws:lambda:us-east-1:123456789012:layer:l", None);
        check_version("arn:aws:lambda:us-east-1:123456789012:layer:l:99999999999999999999", None);
        check_version("arn:aws:lambda:::awslayer:l", None);
    }
}
