//! Conditions on messages that are JSON.
//!
//! ```text
//! expression := and ( "||" and )*
//! and        := unary ( "&&" unary )*
//! unary      := "(" expression ")" | condition
//! condition  := selector ( operator value | IS NULL | IS TRUE | IS FALSE | EXISTS | NOT EXISTS )
//! selector   := "$" ( "." name | "[" index | '*' | quoted name "]" | ".*" )*
//! ```
//!
//! A message that is not JSON matches nothing. A comparison, `!=` too, holds only for a field that
//! is there; where a `*` selects several, one of them is enough.

use serde_json::Value;

use super::cursor::Cursor;
use super::value::{Comparison, OPERATORS};
use super::{PatternError, Result};

/// How deep parentheses may go.
const DEPTH: usize = 64;

#[derive(Clone, Debug)]
pub(super) enum Expression {
    Any(Vec<Expression>),
    All(Vec<Expression>),
    Condition { selector: Vec<Step>, test: Test },
}

/// One step from a value into what it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Name(String),
    Index(usize),
    Each,
}

#[derive(Clone, Debug)]
pub(super) enum Test {
    Compare(Comparison),
    IsNull,
    Is(bool),
    Exists(bool),
}

impl Expression {
    pub(super) fn parse(text: &str) -> Result<Self> {
        let mut cursor = Cursor::new(text);
        let expression = any(&mut cursor, 0)?;
        match cursor.skip_spaces().rest() {
            "" => Ok(expression),
            rest => Err(PatternError::form(format!("nothing was expected at {rest:?}"))),
        }
    }

    pub(super) fn matches(&self, message: &str) -> bool {
        serde_json::from_str(message).is_ok_and(|value| self.holds(&value))
    }

    fn holds(&self, message: &Value) -> bool {
        match self {
            Self::Any(several) => several.iter().any(|one| one.holds(message)),
            Self::All(several) => several.iter().all(|one| one.holds(message)),
            Self::Condition { selector, test } => test.holds(message, selector),
        }
    }
}

impl Test {
    fn holds(&self, message: &Value, selector: &[Step]) -> bool {
        match self {
            Self::Compare(comparison) => any_selected(message, selector, &|value| compare(comparison, value)),
            Self::IsNull => any_selected(message, selector, &Value::is_null),
            Self::Is(wanted) => any_selected(message, selector, &|value| value.as_bool() == Some(*wanted)),
            Self::Exists(wanted) => any_selected(message, selector, &|_| true) == *wanted,
        }
    }
}

/// Only values that hold no others can be compared.
fn compare(comparison: &Comparison, value: &Value) -> bool {
    match value {
        Value::String(text) => comparison.holds(text, None),
        Value::Number(number) => comparison.holds(&number.to_string(), number.as_f64()),
        Value::Bool(value) => comparison.holds(if *value { "true" } else { "false" }, None),
        Value::Null | Value::Array(_) | Value::Object(_) => false,
    }
}

fn any_selected(value: &Value, selector: &[Step], test: &dyn Fn(&Value) -> bool) -> bool {
    let Some((step, rest)) = selector.split_first() else { return test(value) };
    let into = |value: &Value| any_selected(value, rest, test);
    match (step, value) {
        (Step::Name(name), Value::Object(members)) => members.get(name).is_some_and(into),
        (Step::Index(index), Value::Array(items)) => items.get(*index).is_some_and(into),
        (Step::Each, Value::Object(members)) => members.values().any(into),
        (Step::Each, Value::Array(items)) => items.iter().any(into),
        _ => false,
    }
}

fn any(cursor: &mut Cursor<'_>, depth: usize) -> Result<Expression> {
    let mut several = vec![all(cursor, depth)?];
    while cursor.skip_spaces().eat("||") {
        several.push(all(cursor, depth)?);
    }
    Ok(one_or(several, Expression::Any))
}

fn all(cursor: &mut Cursor<'_>, depth: usize) -> Result<Expression> {
    let mut several = vec![unary(cursor, depth)?];
    while cursor.skip_spaces().eat("&&") {
        several.push(unary(cursor, depth)?);
    }
    Ok(one_or(several, Expression::All))
}

fn one_or(mut several: Vec<Expression>, make: fn(Vec<Expression>) -> Expression) -> Expression {
    match several.pop() {
        Some(only) if several.is_empty() => only,
        last => {
            several.extend(last);
            make(several)
        }
    }
}

fn unary(cursor: &mut Cursor<'_>, depth: usize) -> Result<Expression> {
    if !cursor.skip_spaces().eat("(") {
        return condition(cursor);
    }
    if depth == DEPTH {
        return Err(PatternError::form(format!("parentheses are nested more than {DEPTH} deep")));
    }
    let inner = any(cursor, depth + 1)?;
    if !cursor.skip_spaces().eat(")") {
        return Err(PatternError::form("a parenthesis is not closed"));
    }
    Ok(inner)
}

fn condition(cursor: &mut Cursor<'_>) -> Result<Expression> {
    let selector = selector(cursor)?;
    cursor.skip_spaces();
    let test = if cursor.eat_word("IS") {
        is(cursor)?
    } else if cursor.eat_word("EXISTS") {
        Test::Exists(true)
    } else if cursor.eat_word("NOT") {
        if !cursor.skip_spaces().eat_word("EXISTS") {
            return Err(PatternError::form("EXISTS was expected after NOT"));
        }
        Test::Exists(false)
    } else {
        let Some(operator) = OPERATORS.into_iter().find(|operator| cursor.eat(operator)) else {
            return Err(PatternError::form(format!("an operator was expected at {:?}", cursor.rest())));
        };
        Test::Compare(Comparison::new(operator, cursor.skip_spaces().value()?)?)
    };
    Ok(Expression::Condition { selector, test })
}

fn is(cursor: &mut Cursor<'_>) -> Result<Test> {
    cursor.skip_spaces();
    if cursor.eat_word("NULL") {
        Ok(Test::IsNull)
    } else if cursor.eat_word("TRUE") {
        Ok(Test::Is(true))
    } else if cursor.eat_word("FALSE") {
        Ok(Test::Is(false))
    } else {
        Err(PatternError::form("NULL, TRUE or FALSE was expected after IS"))
    }
}

fn selector(cursor: &mut Cursor<'_>) -> Result<Vec<Step>> {
    if !cursor.eat("$") {
        return Err(PatternError::form(format!("a selector that starts with $ was expected at {:?}", cursor.rest())));
    }
    let mut steps = Vec::new();
    loop {
        let dot = cursor.eat(".");
        if cursor.eat("[") {
            steps.push(bracket(cursor)?);
        } else if dot {
            steps.push(name(cursor)?);
        } else {
            return Ok(steps);
        }
    }
}

fn name(cursor: &mut Cursor<'_>) -> Result<Step> {
    if cursor.eat("*") {
        return Ok(Step::Each);
    }
    match cursor.take_until(|c| c.is_whitespace() || ".[]=!<>&|(){}\"'*,".contains(c)) {
        "" => Err(PatternError::form("a name was expected after the dot of a selector")),
        name => Ok(Step::Name(name.to_owned())),
    }
}

/// `0]`, `*]`, `'a.b']` or `"a.b"]`.
fn bracket(cursor: &mut Cursor<'_>) -> Result<Step> {
    let step = if cursor.eat("*") {
        Step::Each
    } else if let Some(name) = cursor.quoted()? {
        Step::Name(name)
    } else if cursor.eat("'") {
        let name = cursor.take_until(|c| c == '\'').to_owned();
        if !cursor.eat("'") {
            return Err(PatternError::form("a quotation mark is not closed"));
        }
        Step::Name(name)
    } else {
        let digits = cursor.take_until(|c| !c.is_ascii_digit());
        let index =
            digits.parse().map_err(|_| PatternError::form("an index, a name in quotes or * was expected in []"))?;
        Step::Index(index)
    };
    if cursor.eat("]") { Ok(step) } else { Err(PatternError::form("a ] was expected in a selector")) }
}
