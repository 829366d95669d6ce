//! Event patterns: the filter language of event source mappings and of EventBridge rules.
//!
//! A pattern is a JSON object like the events it matches: each leaf is a list of values or
//! operators, of which one has to match. Source: fact sheet "Event sources", section 12.
//!
//! A pattern is parsed once and matched against many events; matching allocates nothing but for
//! events with dots in their keys.

mod operator;
mod parse;
#[cfg(test)]
mod tests;

use serde_json::{Map, Value};
use thiserror::Error;

pub use operator::Operator;

/// A parsed pattern.
#[derive(Clone, Debug, PartialEq)]
pub struct EventPattern {
    root: Object,
}

/// What is wrong with a pattern.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("event pattern is not valid: {0}")]
pub struct PatternError(pub(crate) String);

/// Every field has to match, and one alternative of each list.
#[derive(Clone, Debug, Default, PartialEq)]
struct Object {
    fields: Vec<(String, Field)>,
    /// The operands of `$or`.
    alternatives: Vec<Vec<Object>>,
}

#[derive(Clone, Debug, PartialEq)]
enum Field {
    Object(Object),
    /// One of them has to match.
    Leaf(Vec<Operator>),
}

impl EventPattern {
    /// # Errors
    /// Text that is no pattern, with the reason.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        let value: Value = serde_json::from_str(text).map_err(|e| PatternError(e.to_string()))?;
        match &value {
            Value::Object(map) => Ok(Self { root: parse::object(map)? }),
            _ => Err(PatternError("expected an object".to_owned())),
        }
    }

    /// True when an event matches.
    #[must_use]
    pub fn matches(&self, event: &Value) -> bool {
        self.root.matches_value(Some(event))
    }

    /// The operands of a field at the top, when it is a list of values: how a filter says what text a
    /// message is to be. `None` for a field that is not there or is an object.
    #[must_use]
    pub fn leaf(&self, name: &str) -> Option<&[Operator]> {
        self.root.fields.iter().find(|(field, _)| field == name).and_then(|(_, field)| match field {
            Field::Leaf(operators) => Some(operators.as_slice()),
            Field::Object(_) => None,
        })
    }

    /// True when the pattern says something about a field at the top.
    #[must_use]
    pub fn mentions(&self, name: &str) -> bool {
        self.root.mentions(name)
    }
}

impl Object {
    fn mentions(&self, name: &str) -> bool {
        self.fields.iter().any(|(field, _)| field == name)
            || self.alternatives.iter().flatten().any(|object| object.mentions(name))
    }

    /// A list matches when one of its elements does: all that a pattern says of the elements of a
    /// list has to hold of the same one.
    fn matches_value(&self, value: Option<&Value>) -> bool {
        match value {
            Some(Value::Object(map)) => self.matches_map(map),
            Some(Value::Array(items)) if !items.is_empty() => items.iter().any(|item| self.matches_value(Some(item))),
            // Nothing below it is there, which is what `exists: false` asks for.
            _ => self.matches_map(&Map::new()),
        }
    }

    fn matches_map(&self, map: &Map<String, Value>) -> bool {
        self.fields.iter().all(|(name, field)| field.matches(name, map))
            && self.alternatives.iter().all(|any| any.iter().any(|object| object.matches_map(map)))
    }
}

impl Field {
    fn matches(&self, name: &str, map: &Map<String, Value>) -> bool {
        match self {
            Self::Leaf(operators) => {
                let value = map.get(name);
                operators.iter().any(|operator| operator.matches(value))
            }
            Self::Object(object) => match below(name, map) {
                Some(dotted) => object.matches_map(&dotted),
                None => object.matches_value(map.get(name)),
            },
        }
    }
}

/// What stands below a name in keys with dots (`state.status`), together with what stands below it
/// in the usual way. `None` when there are no such keys.
fn below(name: &str, map: &Map<String, Value>) -> Option<Map<String, Value>> {
    let dotted = |key: &str| key.strip_prefix(name)?.strip_prefix('.').map(ToOwned::to_owned);
    let mut found: Map<String, Value> =
        map.iter().filter_map(|(key, value)| Some((dotted(key)?, value.clone()))).collect();
    if found.is_empty() {
        return None;
    }
    if let Some(Value::Object(plain)) = map.get(name) {
        found.extend(plain.clone());
    }
    Some(found)
}
