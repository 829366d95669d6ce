//! Filter patterns: which messages a reader wants.
//!
//! Source: "Filter pattern syntax for metric filters, subscription filters, and filter log events"
//! of the CloudWatch Logs user guide. Four forms, told apart by the first character:
//!
//! | form | example |
//! |---|---|
//! | terms | `ERROR "exact phrase" -exclude`, `?this ?that` |
//! | regular expression | `%4\d\d%` |
//! | JSON | `{ $.status >= 400 && $.user.name = "a*" }` |
//! | space-delimited | `[ip, ..., status=4*, bytes>1000]` |
//!
//! Parsing and matching never panic, whatever the text, and take time linear in the message.

mod cursor;
mod delimited;
mod json;
mod regex;
mod terms;
mod value;

use thiserror::Error;

/// Source: the model of `FilterLogEvents`.
const MOST_BYTES: usize = 1024;

/// A pattern that does not follow the syntax. The texts that AWS is known to give are kept.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(crate) enum PatternError {
    #[error("Invalid character(s) in term '{0}'")]
    Characters(String),
    #[error("If a filter pattern starts with '{open}' it must end with '{close}'")]
    Unclosed { open: char, close: char },
    #[error("Invalid filter pattern: {0}")]
    Form(String),
}

impl PatternError {
    fn form(text: impl Into<String>) -> Self {
        Self::Form(text.into())
    }
}

type Result<T> = std::result::Result<T, PatternError>;

/// A parsed pattern.
#[derive(Clone, Debug)]
pub(crate) struct Pattern(Form);

#[derive(Clone, Debug)]
enum Form {
    All,
    Terms(terms::Terms),
    Regex(regex::Regex),
    Json(json::Expression),
    Delimited(delimited::Fields),
}

impl Pattern {
    /// Reads a pattern; blank text is the pattern that matches everything.
    ///
    /// # Errors
    /// What does not follow the syntax.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        if text.len() > MOST_BYTES {
            return Err(PatternError::form(format!("it has {} characters, {MOST_BYTES} are allowed", text.len())));
        }
        let text = text.trim();
        match text.chars().next() {
            None => Ok(Form::All),
            Some('{') => json::Expression::parse(inside(text, '{', '}')?).map(Form::Json),
            Some('[') => delimited::Fields::parse(inside(text, '[', ']')?).map(Form::Delimited),
            Some('%') => regex::Regex::parse(inside(text, '%', '%')?).map(Form::Regex),
            Some(_) => terms::Terms::parse(text).map(Form::Terms),
        }
        .map(Self)
    }

    /// True when the message is one that the pattern wants. Case matters.
    pub(crate) fn matches(&self, message: &str) -> bool {
        match &self.0 {
            Form::All => true,
            Form::Terms(terms) => terms.matches(message),
            Form::Regex(regex) => regex.matches(message),
            Form::Json(expression) => expression.matches(message),
            Form::Delimited(fields) => fields.matches(message),
        }
    }

    /// True for the pattern that wants everything.
    pub(crate) fn is_all(&self) -> bool {
        matches!(self.0, Form::All)
    }
}

fn inside(text: &str, open: char, close: char) -> Result<&str> {
    text.strip_prefix(open).and_then(|rest| rest.strip_suffix(close)).ok_or(PatternError::Unclosed { open, close })
}

#[cfg(test)]
mod tests;
