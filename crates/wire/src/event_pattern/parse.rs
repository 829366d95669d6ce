//! From JSON to a pattern.

use std::net::IpAddr;

use serde_json::{Map, Value};

use super::operator::{Comparison, Except, Network, Operator, Text, Wildcard};
use super::{Field, Object, PatternError};

const OR: &str = "$or";
/// Source: "Numeric matching", EventBridge user guide.
const NUMBER_MAX: f64 = 5.0e9;

fn error<T>(text: impl Into<String>) -> Result<T, PatternError> {
    Err(PatternError(text.into()))
}

pub(super) fn object(map: &Map<String, Value>) -> Result<Object, PatternError> {
    let mut found = Object::default();
    for (key, value) in map {
        if key == OR {
            found.alternatives.push(alternatives(value)?);
        } else {
            let field = match value {
                Value::Object(map) => Field::Object(object(map)?),
                Value::Array(items) => Field::Leaf(leaf(key, items)?),
                _ => return error(format!("{key:?} must be an object or an array")),
            };
            put(&mut found, key, field)?;
        }
    }
    Ok(found)
}

/// A key with dots is the same as objects in each other.
fn put(into: &mut Object, key: &str, field: Field) -> Result<(), PatternError> {
    let (name, field) = match key.split_once('.') {
        Some((name, rest)) if !name.is_empty() && !rest.is_empty() => {
            let mut inner = Object::default();
            put(&mut inner, rest, field)?;
            (name, Field::Object(inner))
        }
        _ => (key, field),
    };
    let Some((_, there)) = into.fields.iter_mut().find(|(there, _)| there == name) else {
        into.fields.push((name.to_owned(), field));
        return Ok(());
    };
    match (there, field) {
        (Field::Object(there), Field::Object(more)) => {
            there.alternatives.extend(more.alternatives);
            more.fields.into_iter().try_for_each(|(name, field)| put_whole(there, name, field))
        }
        _ => error(format!("{key:?} says of one field that it is an object and a value")),
    }
}

fn put_whole(into: &mut Object, name: String, field: Field) -> Result<(), PatternError> {
    match into.fields.iter_mut().find(|(there, _)| *there == name) {
        None => {
            into.fields.push((name, field));
            Ok(())
        }
        Some((_, Field::Object(there))) => match field {
            Field::Object(more) => {
                there.alternatives.extend(more.alternatives);
                more.fields.into_iter().try_for_each(|(name, field)| put_whole(there, name, field))
            }
            Field::Leaf(_) => error(format!("{name:?} says of one field that it is an object and a value")),
        },
        Some((_, Field::Leaf(_))) => error(format!("{name:?} is there twice")),
    }
}

fn alternatives(value: &Value) -> Result<Vec<Object>, PatternError> {
    let items = value.as_array().filter(|items| !items.is_empty());
    let Some(items) = items else {
        return error(format!("{OR} must be an array of objects"));
    };
    let of = |item: &Value| match item {
        Value::Object(map) if !map.is_empty() => object(map),
        _ => error(format!("{OR} must be an array of objects")),
    };
    items.iter().map(of).collect()
}

fn leaf(key: &str, items: &[Value]) -> Result<Vec<Operator>, PatternError> {
    if items.is_empty() {
        return error(format!("{key:?}: empty arrays are not allowed"));
    }
    items.iter().map(operator).collect()
}

fn operator(value: &Value) -> Result<Operator, PatternError> {
    match value {
        Value::Object(map) => {
            let (name, operand) = only(map)?;
            named(name, operand)
        }
        Value::Array(_) => error("a value of an array must not be an array"),
        scalar => Ok(Operator::Equals(scalar.clone())),
    }
}

fn only(map: &Map<String, Value>) -> Result<(&str, &Value), PatternError> {
    match map.iter().next().filter(|_| map.len() == 1) {
        Some((name, operand)) => Ok((name, operand)),
        None => error("an object in an array must have one field, which is the match type"),
    }
}

fn named(name: &str, operand: &Value) -> Result<Operator, PatternError> {
    match name {
        "anything-but" => except(operand).map(Operator::AnythingBut),
        "numeric" => numeric(operand).map(Operator::Numeric),
        "cidr" => cidr(operand).map(Operator::Cidr),
        "exists" => match operand {
            Value::Bool(wanted) => Ok(Operator::Exists(*wanted)),
            _ => error("exists must be true or false"),
        },
        _ => text(name, operand).map(Operator::Text),
    }
}

fn text(name: &str, operand: &Value) -> Result<Text, PatternError> {
    let plain = || match operand {
        Value::String(text) => Ok(text.clone()),
        _ => error(format!("{name} must be a string")),
    };
    // `{"prefix": {"equals-ignore-case": "x"}}`
    let cased = || match operand {
        Value::Object(map) => match only(map)? {
            ("equals-ignore-case", Value::String(text)) => Ok((text.clone(), true)),
            _ => error(format!("{name} must be a string or equals-ignore-case of one")),
        },
        _ => Ok((plain()?, false)),
    };
    match name {
        "prefix" => cased().map(|(text, ignore_case)| Text::Prefix { text, ignore_case }),
        "suffix" => cased().map(|(text, ignore_case)| Text::Suffix { text, ignore_case }),
        "equals-ignore-case" => plain().map(Text::EqualsIgnoreCase),
        "wildcard" => wildcard(&plain()?).map(Text::Wildcard),
        _ => error(format!("Unrecognized match type {name}")),
    }
}

fn wildcard(text: &str) -> Result<Wildcard, PatternError> {
    let mut pieces = vec![String::new()];
    let mut characters = text.chars();
    let mut after_star = false;
    while let Some(character) = characters.next() {
        let literal = match character {
            '*' if after_star => return error("wildcard must not have two * next to each other"),
            '*' => {
                pieces.push(String::new());
                after_star = true;
                continue;
            }
            '\\' => match characters.next() {
                Some(escaped @ ('*' | '\\')) => escaped,
                _ => return error("wildcard: a backslash must be followed by * or a backslash"),
            },
            other => other,
        };
        after_star = false;
        if let Some(piece) = pieces.last_mut() {
            piece.push(literal);
        }
    }
    Ok(Wildcard(pieces))
}

fn except(operand: &Value) -> Result<Except, PatternError> {
    let scalars = |items: &[Value]| {
        let is_uniform = items.iter().all(Value::is_string) || items.iter().all(Value::is_number);
        match items.is_empty() || !is_uniform {
            true => error("anything-but must be strings alone or numbers alone"),
            false => Ok(Except::Values(items.to_vec())),
        }
    };
    match operand {
        Value::Array(items) => scalars(items),
        Value::Object(map) => {
            let (name, inner) = only(map)?;
            let items = inner.as_array().map_or_else(|| std::slice::from_ref(inner), Vec::as_slice);
            if items.is_empty() {
                return error("anything-but: empty arrays are not allowed");
            }
            items.iter().map(|item| text(name, item)).collect::<Result<_, _>>().map(Except::Texts)
        }
        scalar => scalars(std::slice::from_ref(scalar)),
    }
}

fn numeric(operand: &Value) -> Result<Vec<(Comparison, f64)>, PatternError> {
    let Some(items) = operand.as_array() else {
        return error("numeric must be an array");
    };
    let mut bounds = Vec::with_capacity(2);
    for pair in items.chunks(2) {
        let [Value::String(sign), Value::Number(bound)] = pair else {
            return error("numeric must have a comparison and a number, in turn");
        };
        let bound = bound.as_f64().filter(|bound| bound.abs() <= NUMBER_MAX);
        let Some(bound) = bound else {
            return error("numeric: a number must be between -5.0e9 and 5.0e9");
        };
        bounds.push((comparison(sign)?, bound));
    }
    match bounds.as_slice() {
        [_] => Ok(bounds),
        [(Comparison::Above | Comparison::AtLeast, bottom), (Comparison::Below | Comparison::AtMost, top)]
            if bottom < top =>
        {
            Ok(bounds)
        }
        _ => error("numeric must have one comparison, or a bottom and then a top above it"),
    }
}

fn comparison(sign: &str) -> Result<Comparison, PatternError> {
    match sign {
        "=" => Ok(Comparison::Equal),
        "<" => Ok(Comparison::Below),
        "<=" => Ok(Comparison::AtMost),
        ">" => Ok(Comparison::Above),
        ">=" => Ok(Comparison::AtLeast),
        _ => error(format!("Unrecognized numeric range operator: {sign}")),
    }
}

fn cidr(operand: &Value) -> Result<Network, PatternError> {
    let parsed = operand.as_str().and_then(|text| text.split_once('/')).and_then(|(address, bits)| {
        let address: IpAddr = address.parse().ok()?;
        let bits: u32 = bits.parse().ok()?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        (bits <= most).then_some(Network { address, bits })
    });
    parsed.map_or_else(|| error("cidr must be an address and a number of bits, such as 10.0.0.0/8"), Ok)
}
