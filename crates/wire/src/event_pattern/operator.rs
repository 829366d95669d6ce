//! What a leaf of a pattern can ask of a value.

use std::net::IpAddr;

use serde_json::{Number, Value};

/// One operand of a leaf.
#[derive(Clone, Debug, PartialEq)]
pub enum Operator {
    /// This very value; numbers by their value, text with its case.
    Equals(Value),
    Text(Text),
    /// Every value that is there but these.
    AnythingBut(Except),
    Numeric(Vec<(Comparison, f64)>),
    Cidr(Network),
    /// Whether there is a value at all, and not an object.
    Exists(bool),
}

/// A form of text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Text {
    Prefix { text: String, ignore_case: bool },
    Suffix { text: String, ignore_case: bool },
    EqualsIgnoreCase(String),
    Wildcard(Wildcard),
}

/// The operand of `anything-but`.
#[derive(Clone, Debug, PartialEq)]
pub enum Except {
    Values(Vec<Value>),
    Texts(Vec<Text>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    Equal,
    Below,
    AtMost,
    Above,
    AtLeast,
}

/// Text with `*` for any number of characters: the pieces between them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wildcard(pub(super) Vec<String>);

/// A block of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    pub(super) address: IpAddr,
    pub(super) bits: u32,
}

impl Operator {
    /// Whether a value matches; `None` for one that is not there. A list matches when an element
    /// does.
    #[must_use]
    pub fn matches(&self, value: Option<&Value>) -> bool {
        match value {
            // A leaf says nothing of objects; an empty list has no value.
            None | Some(Value::Object(_)) => *self == Self::Exists(false),
            Some(Value::Array(items)) if items.is_empty() => *self == Self::Exists(false),
            Some(Value::Array(items)) => items.iter().any(|item| self.matches(Some(item))),
            Some(scalar) => self.matches_scalar(scalar),
        }
    }

    fn matches_scalar(&self, value: &Value) -> bool {
        match self {
            Self::Equals(wanted) => is_equal(wanted, value),
            Self::Text(text) => value.as_str().is_some_and(|value| text.matches(value)),
            Self::AnythingBut(Except::Values(values)) => !values.iter().any(|except| is_equal(except, value)),
            Self::AnythingBut(Except::Texts(texts)) => {
                value.as_str().is_none_or(|value| !texts.iter().any(|text| text.matches(value)))
            }
            Self::Numeric(bounds) => value
                .as_number()
                .and_then(Number::as_f64)
                .is_some_and(|value| bounds.iter().all(|(comparison, bound)| comparison.holds(value, *bound))),
            Self::Cidr(network) => value.as_str().is_some_and(|value| network.has(value)),
            Self::Exists(wanted) => *wanted,
        }
    }
}

fn is_equal(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => match (one.as_i64(), other.as_i64()) {
            // Whole numbers beyond the precision of a double differ.
            (Some(one), Some(other)) => one == other,
            _ => one.as_f64() == other.as_f64(),
        },
        _ => one == other,
    }
}

impl Text {
    fn matches(&self, value: &str) -> bool {
        match self {
            Self::Prefix { text, ignore_case } => {
                if *ignore_case {
                    value.to_lowercase().starts_with(&text.to_lowercase())
                } else {
                    value.starts_with(text)
                }
            }
            Self::Suffix { text, ignore_case } => {
                if *ignore_case {
                    value.to_lowercase().ends_with(&text.to_lowercase())
                } else {
                    value.ends_with(text)
                }
            }
            Self::EqualsIgnoreCase(text) => value.to_lowercase() == text.to_lowercase(),
            Self::Wildcard(wildcard) => wildcard.matches(value),
        }
    }
}

impl Wildcard {
    /// The first piece begins the value, the last ends it, and the others follow each other in
    /// between: each is taken where it comes first.
    fn matches(&self, value: &str) -> bool {
        let Some((first, rest)) = self.0.split_first() else {
            return value.is_empty();
        };
        let Some((last, middle)) = rest.split_last() else {
            return value == first;
        };
        let Some(mut left) = value.strip_prefix(first.as_str()).and_then(|left| left.strip_suffix(last.as_str()))
        else {
            return false;
        };
        for piece in middle {
            match left.find(piece.as_str()) {
                Some(at) => left = &left[at + piece.len()..],
                None => return false,
            }
        }
        true
    }
}

impl Comparison {
    fn holds(self, value: f64, bound: f64) -> bool {
        match self {
            Self::Equal => (value - bound).abs() < f64::EPSILON,
            Self::Below => value < bound,
            Self::AtMost => value <= bound,
            Self::Above => value > bound,
            Self::AtLeast => value >= bound,
        }
    }
}

impl Network {
    fn has(&self, text: &str) -> bool {
        match (self.address, text.parse()) {
            (IpAddr::V4(network), Ok(IpAddr::V4(address))) => {
                let mask = u32::MAX.checked_shl(32 - self.bits).unwrap_or(0);
                u32::from(network) & mask == u32::from(address) & mask
            }
            (IpAddr::V6(network), Ok(IpAddr::V6(address))) => {
                let mask = u128::MAX.checked_shl(128 - self.bits).unwrap_or(0);
                u128::from(network) & mask == u128::from(address) & mask
            }
            _ => false,
        }
    }
}
