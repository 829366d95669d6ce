//! Whose, and where: the account and the region that every resource belongs to.

use std::fmt;
use std::sync::Arc;

/// A 12-digit AWS account id.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AccountId(Arc<str>);

impl AccountId {
    /// The account of a caller who names none.
    #[must_use]
    pub fn fallback() -> Self {
        Self("000000000000".into())
    }

    /// `None` unless `text` is 12 digits.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        (text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit())).then(|| Self(text.into()))
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A region name such as `us-east-1`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Region(Arc<str>);

impl Region {
    /// The region of a caller who names none.
    #[must_use]
    pub fn fallback() -> Self {
        Self("us-east-1".into())
    }

    /// `None` unless `text` has the form `xx-word-N`, with `-gov` and `-iso` infixes allowed.
    /// Source: the region part of the patterns in the Lambda API model.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (rest, digit) = text.rsplit_once('-')?;
        let (area, place) = rest.split_once('-')?;
        let lower = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_lowercase());
        let good = digit.len() == 1
            && digit.bytes().all(|b| b.is_ascii_digit())
            && lower(area)
            && area.len() <= 4
            && place.split('-').all(lower)
            && text.len() <= 32;
        good.then(|| Self(text.into()))
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// `aws`, `aws-cn` or `aws-us-gov`, as the region's name tells.
    #[must_use]
    pub fn partition(&self) -> &'static str {
        if self.0.starts_with("cn-") {
            "aws-cn"
        } else if self.0.starts_with("us-gov-") {
            "aws-us-gov"
        } else {
            "aws"
        }
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn account_ids_are_twelve_digits() {
        assert!(AccountId::parse("123456789012").is_some());
        assert!(AccountId::parse("12345678901").is_none());
        assert!(AccountId::parse("12345678901a").is_none());
    }

    #[test]
    fn regions_have_area_place_and_digit() {
        for good in ["us-east-1", "eu-central-1", "us-gov-west-1", "us-isob-east-1", "eusc-de-east-1"] {
            assert!(Region::parse(good).is_some(), "{good}");
        }
        for bad in ["", "us", "us-east", "us-east-11", "US-east-1", "us--1", "a/b-c-1"] {
            assert!(Region::parse(bad).is_none(), "{bad}");
        }
    }
}
