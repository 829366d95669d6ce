//! Conditions on the fields of messages that are separated by spaces.
//!
//! ```text
//! pattern   := "[" field ( "," field )* "]"
//! field     := "..." | name | condition ( ( "&&" | "||" ) condition )*
//! condition := name operator value
//! ```
//!
//! The pattern names every field of the message, or leaves some out by `...`, once. Conditions of
//! a field are about that field; `&&` binds stronger. In a message, text in square brackets or
//! double quotes is one field.

use super::cursor::Cursor;
use super::value::{Comparison, OPERATORS, number};
use super::{PatternError, Result};

#[derive(Clone, Debug, Default)]
pub(super) struct Fields {
    /// Fields before the `...`, or all.
    head: Vec<Field>,
    /// Fields behind it.
    tail: Option<Vec<Field>>,
}

/// The conditions on one field: one of the outer list must hold whole; none means any text.
#[derive(Clone, Debug, Default)]
struct Field {
    alternatives: Vec<Vec<Comparison>>,
}

impl Fields {
    pub(super) fn parse(text: &str) -> Result<Self> {
        let mut fields = Self::default();
        let mut cursor = Cursor::new(text);
        loop {
            if cursor.skip_spaces().eat("...") {
                if fields.tail.replace(Vec::new()).is_some() {
                    return Err(PatternError::form("... can stand once"));
                }
            } else {
                let field = Field::parse(&mut cursor)?;
                fields.tail.as_mut().unwrap_or(&mut fields.head).push(field);
            }
            if cursor.skip_spaces().rest().is_empty() {
                return Ok(fields);
            }
            if !cursor.eat(",") {
                return Err(PatternError::form(format!("a comma was expected at {:?}", cursor.rest())));
            }
        }
    }

    pub(super) fn matches(&self, message: &str) -> bool {
        let values = split(message);
        let tail = self.tail.as_deref().unwrap_or_default();
        let fits = match self.tail {
            None => values.len() == self.head.len(),
            Some(_) => values.len() >= self.head.len() + tail.len(),
        };
        fits && self.head.iter().zip(&values).all(|(field, value)| field.holds(value))
            && tail.iter().rev().zip(values.iter().rev()).all(|(field, value)| field.holds(value))
    }
}

impl Field {
    fn parse(cursor: &mut Cursor<'_>) -> Result<Self> {
        let name = field_name(cursor)?;
        let mut field = Self::default();
        let Some(first) = comparison(cursor)? else { return Ok(field) };
        let mut all = vec![first];
        loop {
            if cursor.skip_spaces().eat("||") {
                field.alternatives.push(std::mem::take(&mut all));
            } else if !cursor.eat("&&") {
                break;
            }
            let again = field_name(cursor.skip_spaces())?;
            if again != name {
                return Err(PatternError::form(format!(
                    "the conditions of field {name} are about it, not about {again}"
                )));
            }
            match comparison(cursor)? {
                Some(next) => all.push(next),
                None => return Err(PatternError::form(format!("an operator was expected after {name}"))),
            }
        }
        field.alternatives.push(all);
        Ok(field)
    }

    fn holds(&self, value: &str) -> bool {
        let as_number = number(value);
        self.alternatives.is_empty()
            || self.alternatives.iter().any(|all| all.iter().all(|one| one.holds(value, as_number)))
    }
}

fn field_name<'a>(cursor: &mut Cursor<'a>) -> Result<&'a str> {
    match cursor.take_until(|c| !(c.is_alphanumeric() || "_-.$@".contains(c))) {
        "" => Err(PatternError::form(format!("a field's name was expected at {:?}", cursor.rest()))),
        name => Ok(name),
    }
}

fn comparison(cursor: &mut Cursor<'_>) -> Result<Option<Comparison>> {
    cursor.skip_spaces();
    let Some(operator) = OPERATORS.into_iter().find(|operator| cursor.eat(operator)) else { return Ok(None) };
    Comparison::new(operator, cursor.skip_spaces().value()?).map(Some)
}

/// The fields of a message, without the marks around them.
fn split(message: &str) -> Vec<&str> {
    let mut fields = Vec::new();
    let mut rest = message.trim_start();
    while let Some(first) = rest.chars().next() {
        let close = match first {
            '[' => Some(']'),
            '"' => Some('"'),
            _ => None,
        };
        // A mark that is not closed is text.
        let marked = close.and_then(|close| rest[1..].split_once(close));
        let (field, after) = match marked {
            Some(parts) => parts,
            None => rest.split_at(rest.find(char::is_whitespace).unwrap_or(rest.len())),
        };
        fields.push(field);
        rest = after.trim_start();
    }
    fields
}
