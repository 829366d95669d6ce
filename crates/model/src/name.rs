//! The names of functions, and the qualifiers of their versions and aliases.
//!
//! Which forms an operation admits around them (ARNs, partial ARNs), and what the refusal of
//! others says, is the control plane's to know.

use std::fmt;
use std::sync::Arc;

use crate::function::Version;

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

impl From<Version> for Qualifier {
    fn from(version: Version) -> Self {
        match version {
            Version::Latest => Self::Latest,
            Version::Number(n) => Self::Number(n),
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn qualifiers_by_kind() {
        assert_eq!(Qualifier::parse("$LATEST"), Some(Qualifier::Latest));
        assert_eq!(Qualifier::parse("12"), Some(Qualifier::Number(12)));
        assert_eq!(Qualifier::parse("2024-01-02"), Some(Qualifier::Alias("2024-01-02".into())));
        assert_eq!(Qualifier::parse("$latest"), Some(Qualifier::Alias("$latest".into())));
        assert_eq!(Qualifier::parse("a.b"), None);
    }
}
