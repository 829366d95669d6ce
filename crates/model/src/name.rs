//! How a caller names a function: name, partial ARN or ARN, with or without a qualifier.
//!
//! Source: the function-name patterns that the service prints (fact sheet, "Identifiers").
//! Parsing here is by structure; which operation admits which length, and what the refusal says,
//! is the control plane's to know.

use std::fmt;
use std::sync::Arc;

use crate::account::{AccountId, Region};

/// The bare name of a function: letters, digits, `-`, `_` (and `.` where reads admit it).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FunctionName(Arc<str>);

impl FunctionName {
    /// `None` unless `text` is a non-empty run of the name's characters.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let good = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
        (!text.is_empty() && text.bytes().all(good)).then(|| Self(text.into()))
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for FunctionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Which version of a function: `$LATEST`, a published number or an alias.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Qualifier {
    Latest,
    Number(u64),
    Alias(Arc<str>),
}

impl Qualifier {
    /// `None` unless `text` matches `$LATEST` or `[a-zA-Z0-9-_$]+`.
    ///
    /// A qualifier that merely contains `$` is kept as an alias name: no alias is called so, and
    /// the answer is "not found" with the text as given.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text == "$LATEST" {
            return Some(Self::Latest);
        }
        let good = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'$');
        let latest_published = text == "$LATEST.PUBLISHED";
        if text.is_empty() || !(latest_published || text.bytes().all(good)) {
            return None;
        }
        if text.bytes().all(|b| b.is_ascii_digit()) {
            // A number beyond u64 names no version; as an alias it is equally not found.
            return Some(text.parse().map_or_else(|_| Self::Alias(text.into()), Self::Number));
        }
        Some(Self::Alias(text.into()))
    }
}

impl fmt::Display for Qualifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Latest => f.write_str("$LATEST"),
            Self::Number(n) => write!(f, "{n}"),
            Self::Alias(name) => f.write_str(name),
        }
    }
}

/// A function as a caller named it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionRef {
    pub name: FunctionName,
    pub qualifier: Option<Qualifier>,
    /// Given by an ARN or a partial ARN.
    pub account: Option<AccountId>,
    /// Given by an ARN.
    pub region: Option<Region>,
}

impl FunctionRef {
    /// Parses `name`, `name:qualifier`, `function:name`, `<account>:function:name[:q]` and
    /// `arn:<partition>:lambda:<region>:<account>:function:name[:q]`. `None` for anything else.
    ///
    /// Like the service, an ARN that stops after `function` names a function called "function".
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let parts: Vec<&str> = text.split(':').collect();
        let (region, account, rest) = match parts.as_slice() {
            ["arn", partition, "lambda", region, account, rest @ ..] if partition.starts_with("aws") => {
                (Some(Region::parse(region)?), Some(AccountId::parse(account)?), rest)
            }
            [account, rest @ ..] if AccountId::parse(account).is_some() && !rest.is_empty() => {
                (None, AccountId::parse(account), rest)
            }
            rest => (None, None, rest),
        };
        let rest = match rest {
            ["function", tail @ ..] if !tail.is_empty() => tail,
            other => other,
        };
        let (name, qualifier) = match rest {
            [name] => (name, None),
            [name, qualifier] => (name, Some(Qualifier::parse(qualifier)?)),
            _ => return None,
        };
        Some(Self {
            name: FunctionName::parse(name)?,
            qualifier,
            account,
            region,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<(&str, Option<&str>)>) {
        let found = FunctionRef::parse(text);
        let found = found.as_ref().map(|f| (f.name.as_str(), f.qualifier.as_ref().map(ToString::to_string)));
        let expected = expected.map(|(n, q)| (n, q.map(ToOwned::to_owned)));
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn every_form_of_the_fact_sheet() {
        check("f", Some(("f", None)));
        check("f:1", Some(("f", Some("1"))));
        check("f:$LATEST", Some(("f", Some("$LATEST"))));
        check("function:f", Some(("f", None)));
        check("function:f:live", Some(("f", Some("live"))));
        check("123456789012:function:f", Some(("f", None)));
        check("arn:aws:lambda:us-east-1:123456789012:function:f", Some(("f", None)));
        check("arn:aws:lambda:us-east-1:123456789012:function:f:2", Some(("f", Some("2"))));
        check("arn:aws:lambda:us-east-1:123456789012:function", Some(("function", None)));
    }

    #[test]
    fn refused_forms() {
        for bad in [
            "",
            "*",
            "my-function!",
            "invalid:function:name",
            "f:invalid!",
            "function:f:$LATEST:extra",
            "arn:aws:lambda::123456789012:function:f",
            "arn:aws:lambda:us-east-1::function:f",
            "arn:aws:ec2:us-east-1:123456789012:function:f",
            "arn:aws:lambda:us-east-1:123456789012:function:f:1:2",
        ] {
            check(bad, None);
        }
    }

    #[test]
    fn qualifiers_by_kind() {
        assert_eq!(Qualifier::parse("$LATEST"), Some(Qualifier::Latest));
        assert_eq!(Qualifier::parse("12"), Some(Qualifier::Number(12)));
        assert_eq!(Qualifier::parse("2024-01-02"), Some(Qualifier::Alias("2024-01-02".into())));
        assert_eq!(Qualifier::parse("$latest"), Some(Qualifier::Alias("$latest".into())));
        assert_eq!(Qualifier::parse("a.b"), None);
    }
}
