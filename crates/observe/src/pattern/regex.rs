//! Regular expressions between percent signs.
//!
//! Source: "Supported regular expressions (regex) syntax": letters, digits, `: _ # = @ / ; , -`,
//! the operators `^ $ ? [ ] { } | \ * + .`, and no parentheses. The matcher takes time linear in
//! the message.

use super::{PatternError, Result};

/// Bytes of a compiled expression; `a{1000}{1000}` must not cost a gigabyte.
const COMPILED_BYTES: usize = 1 << 20;

#[derive(Clone, Debug)]
pub(super) struct Regex(regex_lite::Regex);

impl Regex {
    pub(super) fn parse(text: &str) -> Result<Self> {
        // A space is not in the list, and yet harmless.
        let allowed = |c: char| c.is_ascii_alphanumeric() || ":_#=@/;,- ^$?[]{}|\\*+.".contains(c);
        if text.is_empty() || !text.chars().all(allowed) {
            return Err(PatternError::Characters(format!("%{text}%")));
        }
        regex_lite::RegexBuilder::new(text)
            .size_limit(COMPILED_BYTES)
            .build()
            .map(Self)
            .map_err(|error| PatternError::form(format!("the regular expression {text} is not one: {error}")))
    }

    /// True when it matches anywhere.
    pub(super) fn matches(&self, text: &str) -> bool {
        self.0.is_match(text)
    }
}
