//! What a field is compared with.

use super::regex::Regex;
use super::{PatternError, Result};

/// The right side of `=` or `!=`.
#[derive(Clone, Debug)]
pub(super) enum Matcher {
    Text(Wildcard),
    /// A bare word that is a number: equal to the same number, however written.
    Number(f64, Wildcard),
    Regex(Regex),
}

impl Matcher {
    pub(super) fn bare(word: &str) -> Self {
        match number(word) {
            Some(value) => Self::Number(value, Wildcard::new(word)),
            None => Self::Text(Wildcard::new(word)),
        }
    }

    /// `text` is the field as text, `value` as a number when it is one.
    pub(super) fn matches(&self, text: &str, value: Option<f64>) -> bool {
        match self {
            Self::Text(wildcard) => wildcard.matches(text),
            Self::Number(wanted, as_text) => value == Some(*wanted) || as_text.matches(text),
            Self::Regex(regex) => regex.matches(text),
        }
    }
}

/// A comparison of a field.
#[derive(Clone, Debug)]
pub(super) enum Comparison {
    Equal(Matcher),
    Unequal(Matcher),
    Less(f64),
    LessOrEqual(f64),
    Greater(f64),
    GreaterOrEqual(f64),
}

impl Comparison {
    /// Makes a comparison of an operator and its right side.
    pub(super) fn new(operator: &str, right: Matcher) -> Result<Self> {
        let make = match operator {
            "=" => return Ok(Self::Equal(right)),
            "!=" => return Ok(Self::Unequal(right)),
            "<" => Self::Less,
            "<=" => Self::LessOrEqual,
            ">" => Self::Greater,
            _ => Self::GreaterOrEqual,
        };
        match right {
            Matcher::Number(value, _) => Ok(make(value)),
            _ => Err(PatternError::form(format!("{operator} compares numbers, its right side is none"))),
        }
    }

    pub(super) fn holds(&self, text: &str, value: Option<f64>) -> bool {
        match self {
            Self::Equal(matcher) => matcher.matches(text, value),
            Self::Unequal(matcher) => !matcher.matches(text, value),
            Self::Less(limit) => value.is_some_and(|value| value < *limit),
            Self::LessOrEqual(limit) => value.is_some_and(|value| value <= *limit),
            Self::Greater(limit) => value.is_some_and(|value| value > *limit),
            Self::GreaterOrEqual(limit) => value.is_some_and(|value| value >= *limit),
        }
    }
}

/// The operators, longest first.
pub(super) const OPERATORS: [&str; 6] = ["!=", "<=", ">=", "=", "<", ">"];

/// A number as patterns and logs write them, also `1e-3`; not `inf` or `nan`.
pub(super) fn number(text: &str) -> Option<f64> {
    let plain = text.bytes().all(|b| b.is_ascii_digit() || b"+-.eE".contains(&b));
    text.parse().ok().filter(|value: &f64| plain && value.is_finite())
}

/// Text in which `*` stands for any run of characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wildcard {
    /// What stands between the stars.
    parts: Vec<String>,
}

impl Wildcard {
    pub(super) fn new(text: &str) -> Self {
        Self {
            parts: text.split('*').map(str::to_owned).collect(),
        }
    }

    pub(super) fn matches(&self, text: &str) -> bool {
        let (Some(first), Some(last)) = (self.parts.first(), self.parts.last()) else { return text.is_empty() };
        if self.parts.len() == 1 {
            return text == first;
        }
        let Some(text) = text.strip_prefix(first.as_str()) else { return false };
        let Some(mut text) = text.strip_suffix(last.as_str()) else { return false };
        // The first place is the best one: what follows has the most room.
        for part in &self.parts[1..self.parts.len() - 1] {
            match text.find(part.as_str()) {
                Some(at) => text = &text[at + part.len()..],
                None => return false,
            }
        }
        true
    }
}
