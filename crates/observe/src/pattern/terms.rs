//! Terms in text without a form of its own: words, phrases, `?optional`, `-excluded`.
//!
//! A term is found anywhere in the message, also inside a longer word. (Unverified: AWS's guide
//! says that messages "contain" the term, and shows whole words only.)

use super::cursor::Cursor;
use super::{PatternError, Result};

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Terms {
    /// All of these must be there.
    required: Vec<String>,
    /// One of these must be there, unless the pattern has others: then AWS ignores them.
    optional: Vec<String>,
    /// None of these may be there.
    excluded: Vec<String>,
}

impl Terms {
    pub(super) fn parse(text: &str) -> Result<Self> {
        let mut terms = Self::default();
        let mut cursor = Cursor::new(text);
        while !cursor.skip_spaces().rest().is_empty() {
            let list = if cursor.eat("?") {
                &mut terms.optional
            } else if cursor.eat("-") {
                &mut terms.excluded
            } else {
                &mut terms.required
            };
            list.push(term(&mut cursor)?);
        }
        Ok(terms)
    }

    pub(super) fn matches(&self, message: &str) -> bool {
        let has = |term: &String| memchr::memmem::find(message.as_bytes(), term.as_bytes()).is_some();
        if self.required.is_empty() && self.excluded.is_empty() {
            return self.optional.iter().any(has);
        }
        self.required.iter().all(has) && !self.excluded.iter().any(has)
    }
}

/// A phrase in quotes, or a word of letters, digits and underscores.
fn term(cursor: &mut Cursor<'_>) -> Result<String> {
    if let Some(phrase) = cursor.quoted()? {
        return Ok(phrase);
    }
    let word = cursor.take_until(char::is_whitespace);
    if word.is_empty() || !word.chars().all(|c| c.is_alphanumeric() || c == '_') {
        return Err(PatternError::Characters(word.to_owned()));
    }
    Ok(word.to_owned())
}
